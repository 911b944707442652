// SPDX-License-Identifier: BSD-3-Clause
/*
 * The kinds of jobs that there are.
 */
#include "connect.h"
#include "flood.h"
#include "iperf3_job.h"
#include "job.h"
#include "stamp_job.h"

const struct job_kind *const job_kinds[] = {&iperf3_job, &flood_job, &stamp_job, &connect_job,
                                            NULL};
