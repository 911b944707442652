// SPDX-License-Identifier: BSD-3-Clause
/*
 * Jobs of which one runs at a time; the contract is in the header.
 */
#include "job_single.h"

#include "netport.h"
#include "record.h"
#include "time.h"

static struct job_single *of(const struct job *j)
{
    return j->own;
}

void job_single_begin(struct job_single *s, struct job *j)
{
    s->job = j;
    s->gap = (struct iperf3_gap){0};
    s->mark = 0;
    j->own = s;
}

unsigned job_single_poll(struct job *j, uint64_t now)
{
    const struct job_single *s = of(j);
    const unsigned done = s->poll(now);

    if (s->start_ns() != 0 && j->interval.start_ns == 0)
        job_moves(j, s->start_ns());
    return done;
}

void job_single_watch(struct job_single *s, uint64_t moved, bool due, uint64_t now)
{
    if (!s->gap.on)
        iperf3_gap_start(&s->gap, true, netport_run_ns(now));
    if (moved != s->mark || !due)
        s->gap.progress = true;
    s->mark = moved;
    iperf3_gap_turn(&s->gap, netport_run_ns(now));
}

void job_single_over(struct job *j, const char *end)
{
    job_ended(j, end);
    of(j)->job = NULL;
}

void job_single_failed(struct job *j, const char *why)
{
    record_error("%s: %s", j->name, why);
    job_single_over(j, why);
}

void job_single_totals(const struct job *j, struct job_totals *t)
{
    const struct job_single *s = of(j);
    const uint64_t end_ns = s->end_ns() != 0 ? s->end_ns() : time_ns();

    *t = (struct job_totals){.sum = s->figures(j), .gap_max_us = s->gap.total_max_ns / NS_PER_US};
    if (s->start_ns() != 0)
        t->duration_us = (end_ns - s->start_ns()) / NS_PER_US;
}

uint64_t job_single_deadline(const struct job *j)
{
    return of(j)->deadline();
}

void job_single_stop(struct job *j)
{
    of(j)->stop(time_ns());
}

void job_single_progress(struct job *j, uint64_t now, struct figures *sum, uint64_t *gap_us,
                         bool *warm_up)
{
    *sum = of(j)->figures(j);
    *gap_us = iperf3_gap_interval_ns(&of(j)->gap, netport_run_ns(now)) / NS_PER_US;
    *warm_up = false;
}
