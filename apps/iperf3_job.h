// SPDX-License-Identifier: BSD-3-Clause
/*
 * run=client: the iperf3 client as a job.
 */
#ifndef APPS_IPERF3_JOB_H
#define APPS_IPERF3_JOB_H

#include "job.h"

extern const struct job_kind iperf3_job;

#endif
