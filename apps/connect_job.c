// SPDX-License-Identifier: BSD-3-Clause
/*
 * run=connect: a load of connections as a job; see connect.h and job.h.
 */
#include "connect.h"

#include "app.h"
#include "conn.h"
#include "iperf3.h"
#include "job_measure.h"
#include "job_single.h"
#include "time.h"

#define ECHO_PORT   7
#define HTTP_PORT   80
#define LEN_USUAL   64
#define PLACES_MOST (CONNECT_PLACES < 128 ? CONNECT_PLACES : 128)
#define PLACES      (CONNECT_PLACES / 4) /* that short connections have, if nobody says */

#define MEASURES                                                                                   \
    (1u << JOB_MIN_CPS | 1u << JOB_MAX_FAILED | 1u << JOB_MAX_P50 | 1u << JOB_MAX_P90 |            \
     1u << JOB_MAX_P99 | 1u << JOB_MAX_P99_9 | 1u << JOB_MAX_P99_99 | 1u << JOB_MAX_DELAY)

static struct figures figures(const struct job *j)
{
    const struct connect_figures f = connect_figures();

    (void)j;
    return (struct figures){.tx_bytes = f.tx_bytes,
                            .rx_bytes = f.rx_bytes,
                            .tx_packets = f.asked,
                            .rx_packets = f.answered};
}

static struct job_single single = {.poll = connect_poll,
                                   .deadline = connect_deadline,
                                   .stop = connect_stop,
                                   .start_ns = connect_start_ns,
                                   .end_ns = connect_end_ns,
                                   .figures = figures};
static uint32_t lent; /* places that iperf3 streams do not have meanwhile */

/* ---- what is asked ------------------------------------------------------------------------- */

static enum connect_ask ask_of(const struct job_params *p)
{
    if (p->request == JOB_ASK_ANY)
        return p->port == HTTP_PORT ? CONNECT_GET : CONNECT_ECHO;
    return p->request == JOB_ASK_ECHO  ? CONNECT_ECHO
           : p->request == JOB_ASK_GET ? CONNECT_GET
                                       : CONNECT_POST;
}

static uint32_t len_of(const struct job_params *p)
{
    return p->n_lens != 0 ? p->lens[0] : LEN_USUAL;
}

static uint32_t places_of(const struct job_params *p)
{
    return job_params_said(p, "streams") ? p->streams : p->hold_ns != 0 ? 1 : PLACES;
}

static bool check(const struct job_params *p, struct job_refusal *why)
{
    static const char *const others[] = {"proto", "dir", "omit", "bytes", NULL};

    if (p->target.version == 0)
        return job_refuse(why, "target", "the server's address, with run=connect");
    if (p->rate.packets || p->rate.per_s > CONNECT_RATE_MAX)
        return job_refuse(why, "rate", "connections each second, at most 1M, with run=connect");
    if (p->imix || p->n_lens > 1 || (p->n_lens == 1 && p->lens[0] > CONNECT_LEN_MAX))
        return job_refuse(why, "len", "one number of bytes up to 16384, with run=connect");
    if (p->streams > PLACES_MOST)
        return job_refuse(why, "streams", "as many connections as this build has places for");
    if (p->hold_ns != 0 && ask_of(p) != CONNECT_ECHO)
        return job_refuse(why, "hold", "0, unless request=echo");
    return job_has_none(p, others, "nothing: connections are TCP, both ways", why);
}

/* ---- its life ------------------------------------------------------------------------------ */

static bool start(struct job *j, uint64_t now, const char **why)
{
    const struct job_params *p = &j->params;
    const enum connect_ask ask = ask_of(p);
    struct connect_params c = {.port = p->port != 0          ? p->port
                                       : ask == CONNECT_ECHO ? ECHO_PORT
                                                             : HTTP_PORT,
                               .ask = ask,
                               .len = len_of(p),
                               .places = places_of(p),
                               .rate = p->rate.per_s,
                               .time_ns = p->time_ns,
                               .hold_ns = p->hold_ns};

    if (job_single_taken(&single)) {
        *why = "there is a load of connections already";
        return false;
    }
    iperf3_tables_need();
    if (!iperf3_streams_lend(c.places)) {
        *why = "streams have the places for connections";
        return false;
    }
    job_single_begin(&single, j);
    lent = c.places;
    conn_address(&c.target, &p->target);
    connect_begin(&c, now);
    return true;
}

/* Progress is an answer; held connections that are between two questions owe none. */
static void watch(uint64_t now)
{
    const struct connect_figures f = connect_figures();

    job_single_watch(&single, f.completed + f.answered, f.asked != f.answered, now);
}

static const char *end_of(const struct job_params *p)
{
    const struct connect_figures f = connect_figures();

    if (connect_failures(&f) != 0 && !job_params_limited(p, JOB_MAX_FAILED))
        return "connections failed";
    if (p->hold_ns != 0 && f.started < places_of(p))
        return "not all connections were begun";
    return "done";
}

static unsigned turn(struct job *j, uint64_t now)
{
    const unsigned done = job_single_poll(j, now);

    if (connect_start_ns() != 0)
        watch(now);
    if (connect_phase() == CONNECT_FAILED)
        job_single_failed(j, connect_why());
    else if (connect_phase() == CONNECT_DONE)
        job_single_over(j, end_of(&j->params));
    else
        return done;
    iperf3_streams_return(lent);
    return done;
}

static bool set_rate(struct job *j, struct job_rate rate)
{
    (void)j;
    connect_change_rate(rate.per_s, time_ns());
    return true;
}

/* ---- what it says -------------------------------------------------------------------------- */

static void totals(const struct job *j, struct job_totals *t)
{
    const struct connect_figures f = connect_figures();

    job_single_totals(j, t);
    job_measure(t, JOB_MIN_CPS, figures_per_s(f.completed, t->duration_us));
    job_measure(t, JOB_MAX_FAILED, connect_failures(&f));
    if (connect_answer_times()->total != 0)
        job_measure_delay(t, connect_answer_times());
}

/* Since the start, in both kinds of records. */
static void put_counts(const struct job *j, struct json *out)
{
    const struct connect_figures f = connect_figures();

    json_u64(out, "intended", f.intended);
    json_u64(out, "started", f.started);
    json_u64(out, "completed", f.completed);
    json_u64(out, "slipped", f.slipped);
    json_u64(out, "open", f.open);
    json_u64(out, "failed", connect_failures(&f));
    json_u64(out, "refused", f.refused);
    json_u64(out, "reset", f.reset);
    json_u64(out, "timed_out", f.timed_out);
    json_u64(out, "wrong", f.wrong);
    json_u64(out, "no_room", f.no_room);
    if (j->params.hold_ns == 0)
        return;
    json_u64(out, "checks", f.answered);
    json_u64(out, "dropped", f.dropped);
    json_u64(out, "corrupt", f.corrupt);
}

static void result(const struct job *j, struct json *out)
{
    struct job_totals t;

    totals(j, &t);
    put_counts(j, out);
    json_u64(out, "completed_per_s", t.value[JOB_MIN_CPS]);
    hdr_json(connect_times(), out, "connect");
    hdr_json(connect_answer_times(), out, "transaction");
}

const struct job_kind connect_job = {
    .name = "connect",
    .run = JOB_RUN_CONNECT,
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
