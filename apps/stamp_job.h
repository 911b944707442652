// SPDX-License-Identifier: BSD-3-Clause
/* run=stamp: apps/stamp_job.c */
#ifndef APPS_STAMP_JOB_H
#define APPS_STAMP_JOB_H

#include "job.h"

extern const struct job_kind stamp_job;

#endif
