// SPDX-License-Identifier: BSD-3-Clause
/*
 * What a flood can be asked for, and where its frames will come.
 */
#ifndef APPS_FLOOD_CHECK_H
#define APPS_FLOOD_CHECK_H

#include "job.h"

/* What only a receiver can measure. */
#define FLOOD_RECEIVER_MEASURES                                                                    \
    (1u << JOB_MAX_LOSS | 1u << JOB_MAX_LOST | 1u << JOB_MAX_LATE | 1u << JOB_MAX_REORDERED |      \
     1u << JOB_MAX_DUPLICATE | 1u << JOB_MAX_CORRUPT | 1u << JOB_MAX_P50 | 1u << JOB_MAX_P90 |     \
     1u << JOB_MAX_P99 | 1u << JOB_MAX_P99_9 | 1u << JOB_MAX_P99_99 | 1u << JOB_MAX_DELAY)

enum flood_arrival {
    FLOOD_ELSEWHERE,
    FLOOD_HERE, /* at another NIC of this guest */
    FLOOD_BACK, /* here again, from a reflector */
};
enum flood_arrival flood_arrival(const struct job_params *p);

/* As struct job_kind has it. */
bool flood_check(const struct job_params *p, struct job_refusal *why);

#endif
