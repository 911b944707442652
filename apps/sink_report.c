// SPDX-License-Identifier: BSD-3-Clause
/*
 * What a run of test frames comes to: for records, for the job that sends them, and for the
 * verdict.
 *
 * A receiver knows what is lost up to the last frame that came; who has sent the frames knows how
 * many there were, and so has the whole truth.
 */
#include "sink_report.h"

#include "app.h"
#include "job_measure.h"
#include "sink.h"
#include "time.h"

/* Frames of a run that may still be on their way: waited for so long [RFC 2544 23], or, where none
 * is missing, for duplicates. */
#define RESIDUAL_NS  (2 * NS_PER_S)
#define DUPLICATE_NS (100 * NS_PER_MS)

/* ---- what is measured -------------------------------------------------------------------------
 */

struct figures sink_report_figures(const struct sink_run *r)
{
    return (struct figures){.rx_bytes = r->bytes,
                            .rx_packets = r->n.received + r->n.duplicate + r->n.late};
}

static void measure_run(struct job_totals *t, const struct sink_run *r)
{
    t->sum = sink_report_figures(r);
    t->duration_us = (r->heard_ns - r->start_ns) / NS_PER_US;
    t->gap_max_us = r->gap.total_max_ns / NS_PER_US;
}

/* What was said with run=serve is asked of each run that came. */
static bool is_judged(void)
{
    return apps_conf->job.run == JOB_RUN_SERVE && job_params_limits(&apps_conf->job);
}

void sink_report_judge(struct verdict *v, const struct sink_run *r)
{
    struct job_params asked = apps_conf->job;
    struct job_totals t = {0};

    if (!is_judged())
        return;
    asked.dir = JOB_RX;
    job_measure_counts(&t, &r->n);
    job_measure(&t, JOB_MAX_CORRUPT, r->corrupt);
    measure_run(&t, r);
    job_judge(v, r->name, &asked, &t);
}

/* `n` are its counts, or what is known without it. */
static void put_counts(struct json *j, const struct seqwin_counts *n, const struct sink_run *r)
{
    json_u64(j, "expected", n->expected);
    json_u64(j, "received", n->received);
    json_u64(j, "lost", seqwin_lost(n));
    json_u64(j, "late", n->late);
    json_u64(j, "reordered", n->reordered);
    json_u64(j, "duplicate", n->duplicate);
    json_u64(j, "corrupt", r != NULL ? r->corrupt : 0);
    if (r != NULL && r->wrong_at != SINK_NOWHERE)
        json_u64(j, "corrupt_at", r->wrong_at);
    json_u64(j, "reorder_distance_max", n->distance_max);
    json_fixed(j, "jitter_us", (int64_t)seqwin_jitter_ns(n), 3);
    if (r != NULL)
        hdr_json(&r->delay, j, r->same_clock ? "delay" : "delay_above_least");
}

void sink_report_put(struct json *j, const struct sink_run *r)
{
    const uint64_t us = (r->heard_ns - r->start_ns) / NS_PER_US;
    const struct figures f = sink_report_figures(r);

    json_str(j, "job", r->name);
    json_u64(j, "run", r->run);
    json_bool(j, "reflected", r->kind == TESTFRAME_REFLECTED);
    json_u64(j, "duration_us", us);
    figures_put(j, &f, us);
    json_u64(j, "flows", r->flows);
    json_u64(j, "gap_max_us", r->gap.total_max_ns / NS_PER_US);
    put_counts(j, &r->n, r);
}

/* ---- for jobs of ours -------------------------------------------------------------------------
 */

static const struct sink_run *run_of(uint16_t run, bool back)
{
    return sink_run_find(back ? TESTFRAME_REFLECTED : TESTFRAME_SENT, run);
}

/* Who has sent them knows how many are to be expected. */
static struct seqwin_counts counts_of(const struct sink_run *r, uint64_t sent)
{
    struct seqwin_counts n = r != NULL ? r->n : (struct seqwin_counts){0};

    n.expected = sent > n.received ? sent : n.received;
    return n;
}

void sink_totals(uint16_t run, bool back, uint64_t sent, struct job_totals *t)
{
    const struct sink_run *r = run_of(run, back);
    const struct seqwin_counts n = counts_of(r, sent);

    *t = (struct job_totals){0};
    job_measure_counts(t, &n);
    job_measure(t, JOB_MAX_CORRUPT, r != NULL ? r->corrupt : 0);
    if (r == NULL)
        return;
    measure_run(t, r);
    job_measure_delay(t, &r->delay);
}

uint64_t sink_over_ns(uint16_t run, bool back, uint64_t sent, uint64_t sent_ns)
{
    const struct sink_run *r = run_of(run, back);
    const struct seqwin_counts n = counts_of(r, sent);
    const uint64_t last = r != NULL && r->heard_ns > sent_ns ? r->heard_ns : sent_ns;

    return last + (seqwin_lost(&n) == 0 ? DUPLICATE_NS : RESIDUAL_NS);
}

void sink_put(struct json *j, uint16_t run, bool back, uint64_t sent)
{
    const struct sink_run *r = run_of(run, back);
    const struct seqwin_counts n = counts_of(r, sent);

    put_counts(j, &n, r);
}

/* ---- for the verdict --------------------------------------------------------------------------
 */

void sink_judge(struct verdict *v)
{
    uint64_t n = sink_run_failed();

    if (!is_judged())
        return;
    if (n != 0)
        verdict_criterion(v, NULL, "forgotten_runs_failed", 0, n);
    n = 0;
    for (unsigned k = 0; k < CONFIG_SINK_RUNS; k++) {
        const struct sink_run *r = sink_run_at(k);

        if (!r->used)
            continue;
        sink_report_judge(v, r);
        n++;
    }
    verdict_criterion(v, NULL, "min_runs", 1, n); /* what did not come met nothing */
}
