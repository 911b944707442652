// SPDX-License-Identifier: BSD-3-Clause
/*
 * run=flood: the flood as a job; see flood.h and job.h.
 */
#include "flood.h"

#include "app.h"
#include "format.h"
#include "iperf3_count.h"
#include "job.h"
#include "lwip/netif.h"
#include "netport.h"
#include "rand.h"
#include "record.h"
#include "sink.h"
#include "string.h"

static_assert((int)JOB_CBR == FLOOD_CBR && (int)JOB_POISSON == FLOOD_POISSON &&
                  (int)JOB_BURSTS == FLOOD_BURSTS,
              "the same list");
static_assert(JOB_LENS <= FLOOD_MIX && JOB_FLOWS_MAX <= FLOOD_FLOWS_MAX &&
                  (unsigned)JOB_NO_VLAN == FLOOD_NO_VLAN,
              "what can be asked for can be had");

static struct job *current;   /* whose flood it is; NULL: nobody's */
static struct iperf3_gap gap; /* between frames sent, while some are under way */
static uint64_t sent_mark;    /* frames sent by the last turn */

/* ---- what is asked ------------------------------------------------------------------------- */

static bool refuse(struct job_refusal *why, const char *key, uint64_t value, const char *accepted)
{
    *why = (struct job_refusal){.key = key, .accepted = accepted};
    format(why->value, sizeof(why->value), "%lu", value);
    return false;
}

static bool refuse_word(struct job_refusal *why, const char *key, const char *value,
                        const char *accepted)
{
    *why = (struct job_refusal){.key = key, .accepted = accepted};
    format(why->value, sizeof(why->value), "%s", value);
    return false;
}

static const char least_accepted[2][2][96] = {
    {"imix, or frames of 60 bytes or more, without FCS",
     "imix, or frames of 64 bytes or more with a VLAN tag, without FCS"},
    {"imix, or frames of 80 bytes or more over IPv6, without FCS",
     "imix, or frames of 84 bytes or more over IPv6 with a VLAN tag, without FCS"}};

static bool check_lens(const struct job_params *p, struct job_refusal *why)
{
    const bool ip6 = p->target.version == 6, vlan = p->vlan != JOB_NO_VLAN;

    for (uint32_t i = 0; i < p->n_lens; i++) {
        if (p->lens[i] < flood_least(ip6, vlan))
            return refuse(why, "len", p->lens[i], least_accepted[ip6][vlan]);
        if (p->lens[i] > flood_most(CONFIG_MTU_MAX, vlan))
            return refuse(why, "len", p->lens[i],
                          "frames that the largest MTU of this build has room for");
    }
    return true;
}

/* What is for jobs with connections. */
static bool check_others(const struct job_params *p, struct job_refusal *why)
{
    if (p->dir != JOB_TX)
        return refuse_word(why, "dir", p->dir == JOB_RX ? "rx" : "both", "tx: a flood only sends");
    if (job_params_said(p, "proto") && !p->udp)
        return refuse_word(why, "proto", "tcp", "udp");
    if (job_params_said(p, "streams"))
        return refuse(why, "streams", p->streams, "nothing: a flood has flows");
    if (job_params_said(p, "omit"))
        return refuse(why, "omit", p->omit_ns, "nothing: a flood has no warm-up, but it has ramp");
    return true;
}

static bool check(const struct job_params *p, struct job_refusal *why)
{
    if (p->target.version == 0)
        return refuse_word(why, "target", "", "A.B.C.D or [IPv6 address]; a flood needs one");
    if (p->rate.per_s > FLOOD_RATE_MAX)
        return refuse(why, "rate", p->rate.per_s, "at most 1T, bits or packets");
    if (p->rate.per_s == 0 && p->gap != JOB_CBR)
        return refuse_word(why, "gap", p->gap == JOB_POISSON ? "poisson" : "burst",
                           "cbr, unless there is a rate");
    if (p->rate.per_s == 0 && p->ramp_ns != 0)
        return refuse(why, "ramp", p->ramp_ns, "0, unless there is a rate");
    return check_others(p, why) && check_lens(p, why);
}

/* ---- its life ------------------------------------------------------------------------------ */

static void set_target(ip_addr_t *to, const struct job_target *t)
{
    if (t->version == 4) {
        ip_addr_set_ip4_u32_val(*to, PP_HTONL(t->ip));
        return;
    }
    *to = (ip_addr_t){.type = IPADDR_TYPE_V6};
    memcpy(ip_2_ip6(to)->addr, t->ip6, sizeof(t->ip6));
    ip6_addr_assign_zone(ip_2_ip6(to), IP6_UNICAST, netif_default);
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

static bool start(struct job *j, uint64_t now, const char **why)
{
    const struct job_params *p = &j->params;
    struct flood_params f = {.port = p->port,
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

    if (current != NULL) {
        *why = "there is a flood already";
        return false;
    }
    current = j;
    set_target(&f.target, &p->target);
    memcpy(f.mac, p->dst_mac, sizeof(f.mac));
    set_mix(&f, p);
    sent_mark = 0;
    gap = (struct iperf3_gap){0};
    sink_expect(f.run); /* where its frames come back here, their delay is by one clock */
    flood_start(&f, now);
    return true;
}

/* Progress is due while the device has frames, or there is no room for more. */
static void watch(uint64_t now)
{
    const struct flood_figures f = flood_figures();

    if (!gap.on)
        iperf3_gap_start(&gap, true, netport_run_ns(now));
    if (f.sent != sent_mark || f.sent == f.offered)
        gap.progress = true;
    sent_mark = f.sent;
    iperf3_gap_turn(&gap, netport_run_ns(now));
}

static void over(struct job *j, const char *end)
{
    job_ended(j, end);
    current = NULL;
}

static unsigned turn(struct job *j, uint64_t now)
{
    const bool moved = flood_start_ns() != 0;
    const unsigned done = flood_poll(now);

    if (!moved && flood_start_ns() != 0)
        job_moves(j, now);
    if (flood_start_ns() != 0)
        watch(now);
    if (flood_state() == FLOOD_FAILED) {
        record_error("%s: %s", j->name, flood_why());
        over(j, flood_why());
    } else if (flood_state() == FLOOD_DONE) {
        over(j, flood_figures().unsent == 0 ? "done" : "the device lost frames");
    }
    return done;
}

static uint64_t deadline(const struct job *j)
{
    (void)j;
    return flood_deadline();
}

static void stop(struct job *j)
{
    (void)j;
    flood_stop(time_ns());
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

static struct figures figures(void)
{
    const struct flood_figures f = flood_figures();

    return (struct figures){.tx_bytes = f.sent_bytes, .tx_packets = f.sent};
}

static void progress(struct job *j, uint64_t now, struct figures *sum, uint64_t *gap_us,
                     bool *warm_up)
{
    (void)j;
    *sum = figures();
    *gap_us = iperf3_gap_interval_ns(&gap, netport_run_ns(now)) / NS_PER_US;
    *warm_up = false;
}

static void totals(const struct job *j, struct job_totals *t)
{
    const uint64_t end_ns = flood_end_ns() != 0 ? flood_end_ns() : time_ns();

    (void)j;
    *t = (struct job_totals){.sum = figures(), .gap_max_us = gap.total_max_ns / NS_PER_US};
    if (flood_start_ns() != 0)
        t->duration_us = (end_ns - flood_start_ns()) / NS_PER_US;
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
}

const struct job_kind flood_job = {
    .name = "flood",
    .run = JOB_RUN_FLOOD,
    .check = check,
    .start = start,
    .turn = turn,
    .deadline = deadline,
    .stop = stop,
    .set_rate = set_rate,
    .progress = progress,
    .totals = totals,
    .more = put_counts,
    .result = result,
};
