// SPDX-License-Identifier: BSD-3-Clause
/*
 * run=client: an iperf3 client as a job.
 */
#include "iperf3_job.h"

#include "app.h"
#include "conn.h"
#include "format.h"
#include "iperf3.h"
#include "rand.h"
#include "record.h"
#include "string.h"

/* Nothing has moved for so long, in any direction, where something should: two units of a slow rate
 * more than this. */
#define PATIENCE_NS  (60 * NS_PER_S)

#define MEASURES_UDP (1u << JOB_MAX_LOSS | 1u << JOB_MAX_LOST)

/* ---- parameters ---------------------------------------------------------------------------- */

static bool check_len(const struct job_params *p, struct job_refusal *why)
{
    if (p->imix || p->n_lens > 1)
        return job_refuse(why, "len", "one number of bytes, with run=client");
    if (p->udp && p->n_lens != 0 &&
        (p->lens[0] < IPERF3_UDP_BLOCK_MIN || p->lens[0] > IPERF3_UDP_BLOCK_MAX))
        return job_refuse(why, "len",
                          "with proto=udp " TEXT_OF(IPERF3_UDP_BLOCK_MIN) " to " TEXT_OF(
                              IPERF3_UDP_BLOCK_MAX) " bytes");
    return true;
}

static bool check(const struct job_params *p, struct job_refusal *why)
{
    if (p->target.version == 0)
        return job_refuse(why, "target", "the server's address, with run=client");
    if (p->streams * (p->dir == JOB_BOTH ? 2 : 1) > CONFIG_IPERF_STREAM)
        return job_refuse(why, "streams", "together " TEXT_OF(CONFIG_IPERF_STREAM) " both ways");
    if (job_params_said(p, "flows"))
        return job_refuse(why, "flows", "nothing: a client has streams");
    if (p->rate.packets && !p->udp)
        return job_refuse(why, "rate", "bits each second, with proto=tcp");
    if (p->bytes != 0 && job_params_said(p, "time"))
        return job_refuse(why, "bytes", "off, where there is a time");
    if (p->omit_ns % NS_PER_S != 0)
        return job_refuse(why, "omit", "whole seconds, with run=client");
    for (enum job_limit l = JOB_NO_LIMIT + 1; l < JOB_LIMITS; l++)
        if ((MEASURES_UDP >> l & 1) && job_params_limited(p, l) && !p->udp)
            return job_refuse(why, job_limit_name(l), "nothing, with proto=tcp");
    return check_len(p, why);
}

/* Of each stream, bit/s. */
static uint64_t stream_rate(const struct job_params *p, uint32_t len, struct job_rate rate)
{
    uint64_t bits = rate.packets ? rate.per_s * len * 8 : rate.per_s;

    if (rate.per_s == 0)
        return 0;
    return bits >= p->streams ? bits / p->streams : 1;
}

static uint32_t seconds(uint64_t ns)
{
    return (uint32_t)((ns + NS_PER_S - 1) / NS_PER_S);
}

static void set_params(struct iperf3_session *s, const struct job_params *p)
{
    uint32_t len = p->n_lens != 0 ? p->lens[0] : 0;
    uint32_t unit = len != 0 && p->udp ? len : IPERF3_UDP_BLOCK_DEFAULT;

    conn_address(&s->peer, &p->target);
    s->port = p->port != 0 ? p->port : IPERF3_PORT;
    s->bytes = p->bytes;
    s->time_ns = p->time_ns;
    s->params = (struct iperf3_params){
        .udp = p->udp,
        .reverse = p->dir == JOB_RX,
        .bidir = p->dir == JOB_BOTH,
        .nodelay = !p->udp && len != 0,
        .wide_counters = p->udp,
        .omit_s = (uint32_t)(p->omit_ns / NS_PER_S),
        .time_s = p->bytes != 0 ? 0 : seconds(p->time_ns),
        .parallel = p->streams,
        .len = len,
        .rate = stream_rate(p, unit, p->rate),
    };
    s->patience_ns = PATIENCE_NS;
    if (s->params.rate != 0)
        s->patience_ns += 2 * (uint64_t)unit * 8 * NS_PER_S / s->params.rate;
}

/* ---- its life ------------------------------------------------------------------------------ */

static void make_cookie(char cookie[IPERF3_COOKIE_BYTES])
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";

    for (unsigned i = 0; i < IPERF3_COOKIE_BYTES - 1; i++)
        cookie[i] = letters[rand_u32() % 32];
    cookie[IPERF3_COOKIE_BYTES - 1] = '\0';
}

static bool start(struct job *j, uint64_t now, const char **why)
{
    char cookie[IPERF3_COOKIE_BYTES];

    (void)now;
    iperf3_tables_need();
    make_cookie(cookie);
    struct iperf3_session *s = iperf3_session_new(cookie, &iperf3_client_role);
    *why = "all sessions in use";
    if (s == NULL)
        return false;
    format(s->job, sizeof(s->job), "%s", j->name);
    set_params(s, &j->params);
    *why = "all streams in use";
    if (!iperf3_client_start(s))
        return false;
    j->own = s;
    return true;
}

static void tell(const struct job *j, const struct iperf3_session *s)
{
    if (strcmp(s->end, "done") == 0 || strcmp(s->end, "stopped") == 0)
        return;
    if (strcmp(s->end, "server_busy") == 0 || strcmp(s->end, "server_refused") == 0)
        apps_refused("client", s->end);
    else
        record_error("%s: server %s port %u: %s", j->name, ipaddr_ntoa(&s->peer), s->port, s->end);
}

/* The streams are needed until the result is written. */
static unsigned end(struct job *j, struct iperf3_session *s)
{
    if (!iperf3_session_release(s))
        return 1;
    tell(j, s);
    job_ended(j, s->end);
    j->own = NULL;
    return iperf3_session_take_down(s);
}

static unsigned turn(struct job *j, uint64_t now)
{
    struct iperf3_session *s = j->own;
    unsigned done = iperf3_client_turn(s, now);

    if (s->state == IPERF3_RUNNING && j->interval.start_ns == 0)
        job_moves(j, s->start_ns);
    if (s->state != IPERF3_RUNNING)
        job_rests(j, now);
    if (s->state == IPERF3_ENDED)
        done += end(j, s);
    return done;
}

static uint64_t deadline(const struct job *j)
{
    return iperf3_client_deadline(j->own);
}

static void stop(struct job *j)
{
    iperf3_client_stop(j->own);
}

/* The server's rate was agreed on before the test. */
static bool set_rate(struct job *j, struct job_rate rate)
{
    struct iperf3_session *s = j->own;

    if (!iperf3_session_sends(s) || s->state != IPERF3_RUNNING || (rate.packets && !s->params.udp))
        return false;
    iperf3_session_pace(s, stream_rate(&j->params, s->params.len, rate), time_ns());
    return true;
}

static void progress(struct job *j, uint64_t now, struct figures *sum, uint64_t *gap_us,
                     bool *warm_up)
{
    struct iperf3_session *s = j->own;

    iperf3_report_progress(s, now, sum, gap_us);
    *warm_up = !s->warm;
}

static void totals(const struct job *j, struct job_totals *t)
{
    if (j->own != NULL)
        iperf3_report_totals(j->own, t);
}

static void result(const struct job *j, struct json *out)
{
    const struct iperf3_session *s = j->own;

    if (s == NULL)
        return;
    if (s->sorry != 0)
        json_u64(out, "server_error", s->error);
    iperf3_report_test(s, out);
}

const struct job_kind iperf3_job = {
    .name = "client",
    .run = JOB_RUN_CLIENT,
    .measures = MEASURES_UDP,
    .check = check,
    .start = start,
    .turn = turn,
    .deadline = deadline,
    .stop = stop,
    .set_rate = set_rate,
    .progress = progress,
    .totals = totals,
    .result = result,
};
