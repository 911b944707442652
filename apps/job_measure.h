// SPDX-License-Identifier: BSD-3-Clause
/*
 * What kinds of jobs measure alike.
 */
#ifndef APPS_JOB_MEASURE_H
#define APPS_JOB_MEASURE_H

#include "hdr.h"
#include "job.h"
#include "seqwin.h"

/* Notes what was measured against that limit. */
void job_measure(struct job_totals *t, enum job_limit limit, uint64_t value);

/* Loss, order and duplicates. */
void job_measure_counts(struct job_totals *t, const struct seqwin_counts *n);

/* The percentiles that there are limits for. */
void job_measure_delay(struct job_totals *t, const struct hdr *delay);

#endif
