// SPDX-License-Identifier: BSD-3-Clause
/*
 * The keys of a job: one small setter each, and the table of them with what each accepts.
 */
#include "job_keys.h"

#include <assert.h>
#include "config.h"
#include "job_value.h"
#include "string.h"
#include "time.h"

#define OMIT_MAX_S    60
#define STREAMS_MAX   128
#define PERIOD_MIN_NS (100 * NS_PER_MS)
#define PERIOD_MAX_NS (3600 * NS_PER_S)
#define VLAN_MAX      4094
#define DSCP_MAX      63

#define COUNT(array)  (sizeof(array) / sizeof((array)[0]))

/* ---- one key each -------------------------------------------------------------------------- */

static bool set_run(struct job_params *p, struct text v, enum job_limit limit)
{
    static const char *const words[] = {
        [JOB_RUN_SERVE] = "serve", [JOB_RUN_NONE] = "none",   [JOB_RUN_CLIENT] = "client",
        [JOB_RUN_FLOOD] = "flood", [JOB_RUN_STAMP] = "stamp", [JOB_RUN_CONNECT] = "connect"};
    unsigned which;

    (void)limit;
    if (!job_value_word(v, words, COUNT(words), &which))
        return false;
    p->run = (enum job_run)which;
    return true;
}

static bool set_target(struct job_params *p, struct text v, enum job_limit limit)
{
    (void)limit;
    return job_value_target(v, &p->target);
}

static bool set_from(struct job_params *p, struct text v, enum job_limit limit)
{
    (void)limit;
    return job_value_nic(v, &p->from);
}

static bool set_port(struct job_params *p, struct text v, enum job_limit limit)
{
    uint64_t n;

    (void)limit;
    if (!job_value_number(v, 1, 65535, &n))
        return false;
    p->port = (uint16_t)n;
    return true;
}

static bool set_proto(struct job_params *p, struct text v, enum job_limit limit)
{
    static const char *const words[] = {"tcp", "udp"};
    unsigned which;

    (void)limit;
    if (!job_value_word(v, words, COUNT(words), &which))
        return false;
    p->udp = which == 1;
    return true;
}

static bool set_dir(struct job_params *p, struct text v, enum job_limit limit)
{
    static const char *const words[] = {[JOB_TX] = "tx", [JOB_RX] = "rx", [JOB_BOTH] = "both"};
    unsigned which;

    (void)limit;
    if (!job_value_word(v, words, COUNT(words), &which))
        return false;
    p->dir = (enum job_dir)which;
    return true;
}

static bool set_streams(struct job_params *p, struct text v, enum job_limit limit)
{
    uint64_t n;

    (void)limit;
    if (!job_value_number(v, 1, STREAMS_MAX, &n))
        return false;
    p->streams = (uint32_t)n;
    return true;
}

static bool set_time(struct job_params *p, struct text v, enum job_limit limit)
{
    (void)limit;
    return text_time(v, JOB_TIME_MAX_NS, &p->time_ns);
}

static bool set_omit(struct job_params *p, struct text v, enum job_limit limit)
{
    (void)limit;
    return text_time(v, OMIT_MAX_S * NS_PER_S, &p->omit_ns);
}

static bool set_bytes(struct job_params *p, struct text v, enum job_limit limit)
{
    (void)limit;
    return job_value_end(v, &p->bytes);
}

static bool set_count(struct job_params *p, struct text v, enum job_limit limit)
{
    (void)limit;
    return job_value_end(v, &p->count);
}

static bool set_rate(struct job_params *p, struct text v, enum job_limit limit)
{
    (void)limit;
    return job_value_rate(v, &p->rate);
}

static bool set_len(struct job_params *p, struct text v, enum job_limit limit)
{
    uint32_t lens[JOB_LENS], n_lens = 0;
    bool imix = text_is(v, "imix");
    struct text part;
    uint64_t n;

    (void)limit;
    while (!imix && text_next(&v, ',', &part)) {
        if (n_lens == JOB_LENS || !job_value_number(part, 1, JOB_LEN_MAX, &n))
            return false;
        lens[n_lens++] = (uint32_t)n;
    }
    p->imix = imix;
    p->n_lens = n_lens;
    memcpy(p->lens, lens, n_lens * sizeof(lens[0]));
    return true;
}

static bool set_flows(struct job_params *p, struct text v, enum job_limit limit)
{
    uint64_t n;

    (void)limit;
    if (!job_value_number(v, 1, JOB_FLOWS_MAX, &n))
        return false;
    p->flows = (uint32_t)n;
    return true;
}

static bool set_mac(struct job_params *p, struct text v, enum job_limit limit)
{
    (void)limit;
    if (!job_value_mac(v, p->dst_mac))
        return false;
    p->has_mac = true;
    return true;
}

static bool set_vlan(struct job_params *p, struct text v, enum job_limit limit)
{
    uint64_t n = JOB_NO_VLAN;

    (void)limit;
    if (!text_is(v, "off") && !job_value_number(v, 1, VLAN_MAX, &n))
        return false;
    p->vlan = (uint16_t)n;
    return true;
}

static bool set_dscp(struct job_params *p, struct text v, enum job_limit limit)
{
    uint64_t n;

    (void)limit;
    if (!job_value_number(v, 0, DSCP_MAX, &n))
        return false;
    p->dscp = (uint8_t)n;
    return true;
}

static bool set_gap(struct job_params *p, struct text v, enum job_limit limit)
{
    static const char *const words[] = {
        [JOB_CBR] = "cbr", [JOB_POISSON] = "poisson", [JOB_BURSTS] = "burst"};
    struct text word;
    unsigned which;
    uint64_t n = 1;

    (void)limit;
    if (!text_next(&v, ':', &word) || !job_value_word(word, words, COUNT(words), &which))
        return false;
    if (which == JOB_BURSTS ? v.s == NULL || !job_value_number(v, 1, JOB_BURST_MAX, &n)
                            : v.s != NULL)
        return false;
    p->gap = (enum job_gap)which;
    p->burst = (uint32_t)n;
    return true;
}

static bool set_ramp(struct job_params *p, struct text v, enum job_limit limit)
{
    (void)limit;
    return text_time(v, JOB_TIME_MAX_NS, &p->ramp_ns);
}

static bool set_reflector(struct job_params *p, struct text v, enum job_limit limit)
{
    static const char *const words[] = {"stateless", "stateful"};
    unsigned which;

    (void)limit;
    if (!job_value_word(v, words, COUNT(words), &which))
        return false;
    p->reflector_counts = which == 1;
    return true;
}

static bool set_first_seq(struct job_params *p, struct text v, enum job_limit limit)
{
    (void)limit;
    return text_number(v, 10, &p->first_seq);
}

static bool set_request(struct job_params *p, struct text v, enum job_limit limit)
{
    static const char *const words[] = {"echo", "get", "post"};
    unsigned which;

    (void)limit;
    if (!job_value_word(v, words, COUNT(words), &which))
        return false;
    p->request = (enum job_request)(JOB_ASK_ECHO + which);
    return true;
}

static bool set_hold(struct job_params *p, struct text v, enum job_limit limit)
{
    (void)limit;
    return job_value_time(v, PERIOD_MIN_NS, PERIOD_MAX_NS, &p->hold_ns);
}

static bool set_interval(struct job_params *p, struct text v, enum job_limit limit)
{
    (void)limit;
    return job_value_time(v, PERIOD_MIN_NS, PERIOD_MAX_NS, &p->interval_ns);
}

static bool limit_scaled(struct job_params *p, struct text v, enum job_limit limit)
{
    return job_value_scaled(v, &p->limit[limit]);
}

static bool limit_percent(struct job_params *p, struct text v, enum job_limit limit)
{
    return job_value_percent(v, &p->limit[limit]);
}

static bool limit_delay(struct job_params *p, struct text v, enum job_limit limit)
{
    return job_value_delay(v, &p->limit[limit]);
}

/* ---- the table ----------------------------------------------------------------------------- */

#define ACCEPT_TIME                                                                                \
    "0, or a time up to " TEXT_OF(JOB_TIME_MAX_HOURS) "h, with the unit ms, s, m or h"
#define ACCEPT_PERIOD "0, or a time from 100ms to 1h, with the unit ms, s, m or h"
#define ACCEPT_DELAY  "0, or a time with the unit us, ms, s, m or h"
#define ACCEPT_NIC    "net0, net1 and so on, below net" TEXT_OF(CONFIG_NICS)
#define ACCEPT_SCALED "a whole number below 2^63, also with k, M, G or T behind it"

const struct job_key job_keys[] = {
    {"run", set_run, .of_all = true, .accepted = "serve, client, flood, stamp, connect, none"},
    {"target", set_target,
     .accepted = "A.B.C.D or [IPv6 address]: of one host; or of a NIC of this guest, also in "
                 "brackets: " ACCEPT_NIC},
    {"from", set_from, .only = JOB_RUN_FLOOD, .accepted = ACCEPT_NIC},
    {"port", set_port, .accepted = "a number from 1 to 65535"},
    {"proto", set_proto, .accepted = "tcp, udp"},
    {"dir", set_dir, .accepted = "tx, rx, both"},
    {"streams", set_streams, .accepted = "a number from 1 to " TEXT_OF(STREAMS_MAX)},
    {"time", set_time, .accepted = ACCEPT_TIME "; 0 is for ever"},
    {"omit", set_omit, .accepted = "0, or a time up to " TEXT_OF(OMIT_MAX_S) "s"},
    {"bytes", set_bytes, .accepted = "off, or " ACCEPT_SCALED},
    {"rate", set_rate,
     .accepted = "bits each second, or packets with pps behind it: " ACCEPT_SCALED
                 "; 0 is as fast as possible"},
    {"len", set_len,
     .accepted = "imix, or bytes: up to " TEXT_OF(JOB_LENS) " numbers from 1 to 1048576, "
                                                            "with commas between them"},
    {"flows", set_flows, .only = JOB_RUN_FLOOD,
     .accepted = "a number from 1 to " TEXT_OF(JOB_FLOWS_MAX)},
    {"dst_mac", set_mac, .only = JOB_RUN_FLOOD, .accepted = "a MAC address like 52:54:00:12:34:56"},
    {"vlan", set_vlan, .only = JOB_RUN_FLOOD,
     .accepted = "off, or a number from 1 to " TEXT_OF(VLAN_MAX)},
    {"dscp", set_dscp, .only = JOB_RUN_FLOOD, .accepted = "a number from 0 to " TEXT_OF(DSCP_MAX)},
    {"gap", set_gap, .only = JOB_RUN_FLOOD,
     .accepted = "cbr, poisson, or burst:N with a number from 1 to " TEXT_OF(JOB_BURST_MAX)},
    {"ramp", set_ramp, .only = JOB_RUN_FLOOD, .accepted = ACCEPT_TIME},
    {"count", set_count, .only = JOB_RUN_STAMP, .accepted = "off, or " ACCEPT_SCALED},
    {"reflector", set_reflector, .only = JOB_RUN_STAMP, .accepted = "stateless, stateful"},
    {"first_seq", set_first_seq, .of_serving = true, .only = JOB_RUN_FLOOD,
     .accepted = "a number below 2^64"},
    {"request", set_request, .only = JOB_RUN_CONNECT, .accepted = "echo, get, post"},
    {"hold", set_hold, .only = JOB_RUN_CONNECT, .accepted = ACCEPT_PERIOD},
    {"interval", set_interval, .of_all = true, .accepted = ACCEPT_PERIOD},
    {"min_bps", limit_scaled, JOB_MIN_BPS, .accepted = ACCEPT_SCALED},
    {"min_pps", limit_scaled, JOB_MIN_PPS, .accepted = ACCEPT_SCALED},
    {"min_cps", limit_scaled, JOB_MIN_CPS, .accepted = ACCEPT_SCALED},
    {"max_loss", limit_percent, JOB_MAX_LOSS,
     .accepted = "0, or a share like 0.001%, up to seven places behind the point"},
    {"max_lost", limit_scaled, JOB_MAX_LOST, .accepted = ACCEPT_SCALED},
    {"max_late", limit_scaled, JOB_MAX_LATE, .accepted = ACCEPT_SCALED},
    {"max_reordered", limit_scaled, JOB_MAX_REORDERED, .accepted = ACCEPT_SCALED},
    {"max_duplicate", limit_scaled, JOB_MAX_DUPLICATE, .accepted = ACCEPT_SCALED},
    {"max_corrupt", limit_scaled, JOB_MAX_CORRUPT, .accepted = ACCEPT_SCALED},
    {"max_failed", limit_scaled, JOB_MAX_FAILED, .accepted = ACCEPT_SCALED},
    {"max_gap", limit_delay, JOB_MAX_GAP, .accepted = ACCEPT_DELAY},
    {"max_p50", limit_delay, JOB_MAX_P50, .accepted = ACCEPT_DELAY},
    {"max_p90", limit_delay, JOB_MAX_P90, .accepted = ACCEPT_DELAY},
    {"max_p99", limit_delay, JOB_MAX_P99, .accepted = ACCEPT_DELAY},
    {"max_p99.9", limit_delay, JOB_MAX_P99_9, .accepted = ACCEPT_DELAY},
    {"max_p99.99", limit_delay, JOB_MAX_P99_99, .accepted = ACCEPT_DELAY},
    {"max_delay", limit_delay, JOB_MAX_DELAY, .accepted = ACCEPT_DELAY},
};

const unsigned job_keys_n = COUNT(job_keys);

static_assert(COUNT(job_keys) <= 64, "a bit for each in struct job_params");
