// SPDX-License-Identifier: BSD-3-Clause
/*
 * run=stamp: a STAMP Session-Sender as a job; see stamp_sender.h and job.h.
 */
#include "stamp_job.h"

#include "conn.h"
#include "job_measure.h"
#include "job_single.h"
#include "stamp.h"
#include "stamp_sender.h"
#include "time.h"

#define RATE_USUAL 10       /* packets/s, where nothing is said */
#define RATE_MAX   1000000u /* packets/s */
#define BYTES_MAX  (CONFIG_MTU_MAX - 28)

#define MEASURES                                                                                   \
    (1u << JOB_MAX_LOSS | 1u << JOB_MAX_LOST | 1u << JOB_MAX_REORDERED | 1u << JOB_MAX_DUPLICATE | \
     1u << JOB_MAX_P50 | 1u << JOB_MAX_P90 | 1u << JOB_MAX_P99 | 1u << JOB_MAX_P99_9 |             \
     1u << JOB_MAX_P99_99 | 1u << JOB_MAX_DELAY)

static uint32_t bytes_of(const struct job_params *p)
{
    return p->n_lens != 0 ? p->lens[0] : STAMP_BYTES;
}

/* ---- the sender as an engine ----------------------------------------------------------------- */

static uint64_t start_ns(void)
{
    return stamp_sender_figures()->start_ns;
}

static uint64_t end_ns(void)
{
    return stamp_sender_figures()->end_ns;
}

/* Bytes of UDP's payload. */
static struct figures figures(const struct job *j)
{
    const struct stamp_figures *f = stamp_sender_figures();
    const uint64_t answers = f->n.received + f->n.duplicate, bytes = bytes_of(&j->params);

    return (struct figures){.tx_packets = f->sent,
                            .tx_bytes = f->sent * bytes,
                            .rx_packets = answers,
                            .rx_bytes = answers * bytes};
}

static struct job_single single = {.poll = stamp_sender_poll,
                                   .deadline = stamp_sender_deadline,
                                   .stop = stamp_sender_stop,
                                   .start_ns = start_ns,
                                   .end_ns = end_ns,
                                   .figures = figures};

/* ---- what is asked ------------------------------------------------------------------------- */

static bool rate_fits(const struct job_rate *rate, uint32_t bytes)
{
    return rate->per_s > 0 && rate->per_s / (rate->packets ? 1 : 8 * bytes) <= RATE_MAX;
}

static bool check(const struct job_params *p, struct job_refusal *why)
{
    static const char *const others[] = {"proto", "dir", "streams", "omit", "bytes", NULL};

    if (!job_has_none(p, others, "nothing, with run=stamp", why))
        return false;
    if (p->target.version == 0)
        return job_refuse(why, "target", "the reflector's address, with run=stamp");
    if (p->imix || p->n_lens > 1 ||
        (p->n_lens == 1 && (p->lens[0] < STAMP_BYTES || p->lens[0] > BYTES_MAX)))
        return job_refuse(why, "len", "octets of a packet, from 44 to what the MTU has room for");
    if (job_params_said(p, "rate") && !rate_fits(&p->rate, bytes_of(p)))
        return job_refuse(why, "rate",
                          "more than 0 and at most 1M packets a second, with run=stamp");
    return true;
}

/* ---- its life ------------------------------------------------------------------------------ */

static bool start(struct job *j, uint64_t now, const char **why)
{
    const struct job_params *p = &j->params;
    struct stamp_params s = {.port = p->port,
                             .bytes = bytes_of(p),
                             .shape = {.rate = p->rate.per_s, .packets = p->rate.packets},
                             .time_ns = p->time_ns,
                             .count = p->count};

    if (job_single_taken(&single)) {
        *why = "there is a session already";
        return false;
    }
    if (!job_params_said(p, "rate"))
        s.shape.rate = RATE_USUAL, s.shape.packets = true;
    job_single_begin(&single, j);
    j->interval.receives = true;
    conn_address(&s.target, &p->target);
    stamp_sender_start(&s, now);
    return true;
}

static unsigned turn(struct job *j, uint64_t now)
{
    const unsigned done = job_single_poll(j, now);
    const uint64_t received = stamp_sender_figures()->n.received;

    switch (stamp_sender_state()) {
    case STAMP_SENDING:
        job_single_watch(&single, received, true, now);
        break;
    case STAMP_WAITING:
        job_rests(j, now);
        break;
    case STAMP_FAILED:
        job_single_failed(j, stamp_sender_why());
        break;
    case STAMP_DONE:
        job_single_over(j, received > 0 ? "done" : "no_answer");
        break;
    default:
        break;
    }
    return done;
}

static bool set_rate(struct job *j, struct job_rate rate)
{
    if (!rate_fits(&rate, bytes_of(&j->params)))
        return false;
    stamp_sender_change_rate(rate.per_s, rate.packets, time_ns());
    return true;
}

/* ---- what it says -------------------------------------------------------------------------- */

static void totals(const struct job *j, struct job_totals *t)
{
    const struct stamp_figures *f = stamp_sender_figures();

    job_single_totals(j, t);
    job_measure_counts(t, &f->n);
    if (f->n.received != 0)
        job_measure_delay(t, &f->trip);
}

static uint64_t less(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

/* Since the start, in both kinds of records. */
static void put_counts(const struct job *j, struct json *out)
{
    const struct stamp_figures *f = stamp_sender_figures();

    (void)j;
    json_u64(out, "sent", f->sent);
    json_u64(out, "slipped", f->slipped);
    json_u64(out, "received", f->n.received);
}

static void result(const struct job *j, struct json *out)
{
    const struct stamp_figures *f = stamp_sender_figures();

    put_counts(j, out);
    json_u64(out, "lost", less(f->sent, f->n.received));
    if (j->params.reflector_counts) {
        json_u64(out, "lost_there", less(f->sent, f->arrived));
        json_u64(out, "lost_back", less(f->arrived, f->n.received));
    }
    json_u64(out, "reordered", f->n.reordered);
    json_u64(out, "duplicate", f->n.duplicate);
    json_u64(out, "stray", f->stray);
    json_fixed(out, "jitter_us", (int64_t)seqwin_jitter_ns(&f->n), 3);
    json_fixed(out, "held_max_us", (int64_t)f->held_max_ns, 3);
    hdr_json(&f->trip, out, "round_trip");
    hdr_json(&f->from_due, out, "round_trip_from_due");
}

const struct job_kind stamp_job = {
    .name = "stamp",
    .run = JOB_RUN_STAMP,
    .measures = MEASURES,
    .check = check,
    .start = start,
    .turn = turn,
    .deadline = job_single_deadline,
    .stop = job_single_stop,
    .set_rate = set_rate,
    .progress = job_single_progress,
    .totals = totals,
    .more = put_counts,
    .result = result,
};
