// SPDX-License-Identifier: BSD-3-Clause
/*
 * The kinds of jobs that there are.
 */
#include "job.h"

const struct job_kind *const job_kinds[] = {NULL};
