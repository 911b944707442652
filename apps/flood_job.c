// SPDX-License-Identifier: BSD-3-Clause
/*
 * run=flood: the flood as a job; see flood.h and job.h.
 */
#include "flood.h"

#include "app.h"
#include "conn.h"
#include "flood_check.h"
#include "flood_due.h"
#include "job_single.h"
#include "netraw.h"
#include "rand.h"
#include "sink.h"
#include "string.h"
#include "time.h"

static_assert((int)JOB_CBR == FLOOD_CBR && (int)JOB_POISSON == FLOOD_POISSON &&
                  (int)JOB_BURSTS == FLOOD_BURSTS,
              "the same list");
static_assert(JOB_LENS <= FLOOD_MIX && JOB_FLOWS_MAX <= FLOOD_FLOWS_MAX &&
                  JOB_BURST_MAX <= FLOOD_BURST_MAX && (unsigned)JOB_NO_VLAN == FLOOD_NO_VLAN,
              "what can be asked for can be had");

static_assert(JOB_NO_NIC == NETRAW_ANY_NIC, "the same");

static enum flood_arrival arrive;

/* When nothing more is to be waited for, once all is sent. */
static uint64_t over_ns(void)
{
    if (arrive == FLOOD_ELSEWHERE)
        return flood_end_ns();
    return sink_over_ns(flood_run(), arrive == FLOOD_BACK, flood_figures().sent, flood_end_ns());
}

static uint64_t deadline(void)
{
    return flood_state() == FLOOD_DONE ? over_ns() : flood_deadline();
}

static struct figures figures(const struct job *j)
{
    const struct flood_figures f = flood_figures();

    (void)j;
    return (struct figures){.tx_bytes = f.sent_bytes, .tx_packets = f.sent};
}

static struct job_single single = {.poll = flood_poll,
                                   .deadline = deadline,
                                   .stop = flood_stop,
                                   .start_ns = flood_start_ns,
                                   .end_ns = flood_end_ns,
                                   .figures = figures};

/* ---- its life ------------------------------------------------------------------------------ */

static void set_target(ip_addr_t *to, const struct job_target *t)
{
    if (t->nic == JOB_NO_NIC)
        conn_address(to, t);
    else
        *to = (ip_addr_t){.type = t->version == 4 ? IPADDR_TYPE_V4 : IPADDR_TYPE_V6}; /* later */
}

static void set_mix(struct flood_params *f, const struct job_params *p)
{
    if (p->imix) {
        flood_imix(f);
        return;
    }
    memcpy(f->mix, p->lens, p->n_lens * sizeof(p->lens[0]));
    f->mix_n = p->n_lens;
    if (f->mix_n > 0)
        return;
    f->mix[0] = flood_least(p->target.version == 6, p->vlan != JOB_NO_VLAN);
    f->mix_n = 1;
}

/* To a NIC of ours: the first other one. */
static uint8_t sender(const struct job_params *p)
{
    if (p->from != JOB_NO_NIC || p->target.nic == JOB_NO_NIC)
        return p->from;
    return p->target.nic == 0 ? 1 : 0;
}

/* Through a reflector of our own it comes twice. */
static void came(const struct testframe *f, uint64_t delay_ns)
{
    if ((f->kind == TESTFRAME_REFLECTED) == (arrive == FLOOD_BACK))
        flood_due_came(f, delay_ns);
}

static bool start(struct job *j, uint64_t now, const char **why)
{
    const struct job_params *p = &j->params;
    struct flood_params f = {.own = p->target.nic,
                             .from = sender(p),
                             .port = p->port,
                             .has_mac = p->has_mac,
                             .flows = p->flows,
                             .vlan = p->vlan,
                             .dscp = p->dscp,
                             .shape = {.rate = p->rate.per_s,
                                       .packets = p->rate.packets,
                                       .gap = (enum flood_gap)p->gap,
                                       .burst = p->burst,
                                       .ramp_ns = p->ramp_ns,
                                       .seed = rand_u64()},
                             .time_ns = p->time_ns,
                             .bytes = p->bytes,
                             .run = (uint16_t)rand_u32(),
                             .first_seq = p->first_seq};

    if (job_single_taken(&single)) {
        *why = "there is a flood already";
        return false;
    }
    arrive = flood_arrival(p);
    /* where its frames come here, their delay is by one clock */
    if (!sink_expect(f.run, f.first_seq, came) && arrive != FLOOD_ELSEWHERE) {
        *why = "services= leaves out the sink, which is to count what comes";
        return false;
    }
    job_single_begin(&single, j);
    set_target(&f.target, &p->target);
    memcpy(f.mac, p->dst_mac, sizeof(f.mac));
    set_mix(&f, p);
    flood_start(&f, now);
    return true;
}

/* Progress is due while the device has frames, or there is no room for more. */
static void watch(uint64_t now)
{
    const struct flood_figures f = flood_figures();

    job_single_watch(&single, f.sent, f.sent != f.offered, now);
}

static void finish(struct job *j, uint64_t now)
{
    job_rests(j, now);
    if (now >= over_ns())
        job_single_over(j, flood_figures().unsent == 0 ? "done" : "the device lost frames");
}

static unsigned turn(struct job *j, uint64_t now)
{
    const unsigned done = job_single_poll(j, now);

    if (flood_start_ns() != 0 && flood_state() != FLOOD_DONE)
        watch(now);
    if (flood_state() == FLOOD_FAILED)
        job_single_failed(j, flood_why());
    else if (flood_state() == FLOOD_DONE)
        finish(j, now);
    return done;
}

static bool set_rate(struct job *j, struct job_rate rate)
{
    (void)j;
    if (rate.per_s > FLOOD_RATE_MAX)
        return false;
    flood_change_rate(rate.per_s, rate.packets, time_ns());
    return true;
}

/* ---- what it says -------------------------------------------------------------------------- */

/* A gap counts on whichever side it was longer. */
static void add_received(struct job_totals *t)
{
    struct job_totals came;

    sink_totals(flood_run(), arrive == FLOOD_BACK, flood_figures().sent, &came);
    t->sum.rx_bytes = came.sum.rx_bytes;
    t->sum.rx_packets = came.sum.rx_packets;
    if (came.gap_max_us > t->gap_max_us)
        t->gap_max_us = came.gap_max_us;
    t->measured = came.measured;
    memcpy(t->value, came.value, sizeof(t->value));
}

static void totals(const struct job *j, struct job_totals *t)
{
    job_single_totals(j, t);
    if (arrive != FLOOD_ELSEWHERE)
        add_received(t);
}

/* Since the start, in both kinds of records. */
static void put_counts(const struct job *j, struct json *out)
{
    const struct flood_figures f = flood_figures();

    (void)j;
    json_u64(out, "intended", f.intended);
    json_u64(out, "offered", f.offered);
    json_u64(out, "sent", f.sent);
    json_u64(out, "slipped", f.slipped);
}

/* What came of them. */
static void put_received(struct json *out)
{
    sink_put(out, flood_run(), arrive == FLOOD_BACK, flood_figures().sent);
    if (flood_due_delays()->total > 0)
        hdr_json(flood_due_delays(), out, "delay_from_due");
}

static void result(const struct job *j, struct json *out)
{
    struct flood_size_figures size[FLOOD_MIX];
    const unsigned n = flood_sizes(size);

    put_counts(j, out);
    json_u64(out, "unsent", flood_figures().unsent);
    json_u64(out, "run", flood_run());
    json_u64(out, "flows", j->params.flows);
    json_array(out, "per_size");
    for (unsigned k = 0; k < n; k++) {
        json_object(out, NULL);
        json_u64(out, "bytes", size[k].bytes);
        json_u64(out, "offered", size[k].offered);
        json_u64(out, "sent", size[k].sent);
        json_end_object(out);
    }
    json_end_array(out);
    if (arrive != FLOOD_ELSEWHERE)
        put_received(out);
}

const struct job_kind flood_job = {
    .name = "flood",
    .run = JOB_RUN_FLOOD,
    .measures = FLOOD_RECEIVER_MEASURES,
    .to_own = true,
    .check = flood_check,
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
