// SPDX-License-Identifier: BSD-3-Clause
/*
 * The table of a job's keys, for job_params.c: a key's place in it is its bit in job_params.said.
 */
#ifndef KERNEL_JOB_KEYS_H
#define KERNEL_JOB_KEYS_H

#include "job_params.h"

extern const struct job_key job_keys[];
extern const unsigned job_keys_n;

#endif
