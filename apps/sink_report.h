// SPDX-License-Identifier: BSD-3-Clause
/*
 * What a run of test frames comes to, between sink.c and sink_report.c.
 */
#ifndef APPS_SINK_REPORT_H
#define APPS_SINK_REPORT_H

#include "sink_run.h"
#include "verdict.h"

/* All frames of it that came. */
struct figures sink_report_figures(const struct sink_run *r);

/* The run's members of a record. */
void sink_report_put(struct json *j, const struct sink_run *r);

/* Its criteria, if run=serve has any. */
void sink_report_judge(struct verdict *v, const struct sink_run *r);

#endif
