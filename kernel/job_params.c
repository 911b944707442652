// SPDX-License-Identifier: BSD-3-Clause
/*
 * What each key of a job takes: one table of keys, one small reader for each kind of value. Numbers
 * with a prefix are decimal: 1k is 1000, as in rates of a network.
 */
#include "job_params.h"

#include <assert.h>
#include "config.h"
#include "ipaddr.h"
#include "string.h"
#include "time.h"

#define TIME_MAX_HOURS  8760
#define TIME_MAX_NS     (TIME_MAX_HOURS * 3600 * NS_PER_S)
#define OMIT_MAX_S      60
#define STREAMS_MAX     128
#define INTERVAL_MIN_NS (100 * NS_PER_MS)
#define INTERVAL_MAX_NS (3600 * NS_PER_S)
#define VLAN_MAX        4094
#define DSCP_MAX        63
#define BURST_MAX       1000
#define LOSS_ALL        1000000000 /* of 10^9 */

#define COUNT(array)    (sizeof(array) / sizeof((array)[0]))

/* ---- values of every kind ------------------------------------------------------------------ */

/* The value's place among the words. */
static bool read_word(struct text v, const char *const words[], unsigned n, unsigned *which)
{
    for (unsigned i = 0; i < n; i++)
        if (text_is(v, words[i])) {
            *which = i;
            return true;
        }
    return false;
}

static bool read_number(struct text v, uint64_t min, uint64_t max, uint64_t *n)
{
    return text_number(v, 10, n) && *n >= min && *n <= max;
}

/* A whole number, with k, M, G or T behind it for thousands of thousands. */
static bool read_scaled(struct text v, uint64_t *n)
{
    static const char prefixes[] = "kMGT";
    uint64_t scale = 1, count;

    for (unsigned i = 0; v.n > 0 && i < sizeof(prefixes) - 1; i++) {
        if (v.s[v.n - 1] != prefixes[i])
            continue;
        for (unsigned k = 0; k <= i; k++)
            scale *= 1000;
        v.n--;
        break;
    }
    if (!text_number(v, 10, &count) || count > INT64_MAX / scale)
        return false;
    *n = count * scale;
    return true;
}

/* A share in percent, with up to seven places behind the point: in 10^-9. */
static bool read_percent(struct text v, uint64_t *share)
{
    struct text part;
    uint64_t whole, rest = 0, unit = 10000000;

    if (v.n == 0 || v.s[v.n - 1] != '%')
        return text_number(v, 10, share) && *share == 0;
    v.n--;
    if (!text_next(&v, '.', &part) || !read_number(part, 0, 100, &whole))
        return false;
    if (v.s != NULL) {
        if (v.n > 7 || !text_number(v, 10, &rest))
            return false;
        for (size_t i = 0; i < v.n; i++)
            unit /= 10;
        rest *= unit;
    }
    *share = whole * 10000000 + rest;
    return *share <= LOSS_ALL;
}

/* A time that may also be in microseconds. */
static bool read_delay(struct text v, uint64_t *ns)
{
    uint64_t us;

    if (v.n > 2 && memcmp(v.s + v.n - 2, "us", 2) == 0) {
        v.n -= 2;
        if (!read_number(v, 0, TIME_MAX_NS / NS_PER_US, &us))
            return false;
        *ns = us * NS_PER_US;
        return true;
    }
    return text_time(v, TIME_MAX_NS, ns);
}

/* ---- one key each -------------------------------------------------------------------------- */

static bool set_run(struct job_params *p, struct text v, enum job_limit limit)
{
    static const char *const words[] = {
        [JOB_RUN_SERVE] = "serve", [JOB_RUN_NONE] = "none",   [JOB_RUN_CLIENT] = "client",
        [JOB_RUN_FLOOD] = "flood", [JOB_RUN_STAMP] = "stamp", [JOB_RUN_CONNECT] = "connect"};
    unsigned which;

    (void)limit;
    if (!read_word(v, words, COUNT(words), &which))
        return false;
    p->run = (enum job_run)which;
    return true;
}

static bool is_target6(const uint8_t ip[16])
{
    return ipaddr_is_host6(ip) || (ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80);
}

/* "net1" */
static bool read_nic(struct text v, uint8_t *nic)
{
    uint64_t n;

    if (v.n != 4 || memcmp(v.s, "net", 3) != 0 ||
        !read_number(text_behind(v, 3), 0, CONFIG_NICS - 1, &n))
        return false;
    *nic = (uint8_t)n;
    return true;
}

bool job_target_read(struct text v, struct job_target *target)
{
    struct job_target t = {.version = 4, .nic = JOB_NO_NIC};

    if (v.n > 2 && v.s[0] == '[' && v.s[v.n - 1] == ']') {
        t.version = 6;
        v = (struct text){v.s + 1, v.n - 2};
    }
    if (!read_nic(v, &t.nic) &&
        (t.version == 6 ? !ipaddr_parse6(v.s, v.n, t.ip6) || !is_target6(t.ip6)
                        : !ipaddr_parse4(v.s, v.n, &t.ip) || !ipaddr_is_host4(t.ip, 32)))
        return false;
    *target = t;
    return true;
}

static bool set_target(struct job_params *p, struct text v, enum job_limit limit)
{
    (void)limit;
    return job_target_read(v, &p->target);
}

static bool set_from(struct job_params *p, struct text v, enum job_limit limit)
{
    (void)limit;
    return read_nic(v, &p->from);
}

static bool set_port(struct job_params *p, struct text v, enum job_limit limit)
{
    uint64_t n;

    (void)limit;
    if (!read_number(v, 1, 65535, &n))
        return false;
    p->port = (uint16_t)n;
    return true;
}

static bool set_proto(struct job_params *p, struct text v, enum job_limit limit)
{
    static const char *const words[] = {"tcp", "udp"};
    unsigned which;

    (void)limit;
    if (!read_word(v, words, COUNT(words), &which))
        return false;
    p->udp = which == 1;
    return true;
}

static bool set_dir(struct job_params *p, struct text v, enum job_limit limit)
{
    static const char *const words[] = {[JOB_TX] = "tx", [JOB_RX] = "rx", [JOB_BOTH] = "both"};
    unsigned which;

    (void)limit;
    if (!read_word(v, words, COUNT(words), &which))
        return false;
    p->dir = (enum job_dir)which;
    return true;
}

static bool set_streams(struct job_params *p, struct text v, enum job_limit limit)
{
    uint64_t n;

    (void)limit;
    if (!read_number(v, 1, STREAMS_MAX, &n))
        return false;
    p->streams = (uint32_t)n;
    return true;
}

static bool set_time(struct job_params *p, struct text v, enum job_limit limit)
{
    (void)limit;
    return text_time(v, TIME_MAX_NS, &p->time_ns);
}

static bool set_omit(struct job_params *p, struct text v, enum job_limit limit)
{
    (void)limit;
    return text_time(v, OMIT_MAX_S * NS_PER_S, &p->omit_ns);
}

/* off, or a number that is not 0 */
static bool read_end(struct text v, uint64_t *end)
{
    uint64_t n = 0;

    if (!text_is(v, "off") && (!read_scaled(v, &n) || n == 0))
        return false;
    *end = n;
    return true;
}

static bool set_bytes(struct job_params *p, struct text v, enum job_limit limit)
{
    (void)limit;
    return read_end(v, &p->bytes);
}

static bool set_count(struct job_params *p, struct text v, enum job_limit limit)
{
    (void)limit;
    return read_end(v, &p->count);
}

static bool set_rate(struct job_params *p, struct text v, enum job_limit limit)
{
    static const char unit[] = "pps";
    const size_t tail = sizeof(unit) - 1;
    bool packets = v.n > tail && memcmp(v.s + v.n - tail, unit, tail) == 0;
    uint64_t n;

    (void)limit;
    if (packets)
        v.n -= tail;
    if (!read_scaled(v, &n) || (packets && n == 0))
        return false;
    p->rate = (struct job_rate){n, packets};
    return true;
}

static bool set_len(struct job_params *p, struct text v, enum job_limit limit)
{
    uint32_t lens[JOB_LENS], n_lens = 0;
    bool imix = text_is(v, "imix");
    struct text part;
    uint64_t n;

    (void)limit;
    while (!imix && text_next(&v, ',', &part)) {
        if (n_lens == JOB_LENS || !read_number(part, 1, JOB_LEN_MAX, &n))
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
    if (!read_number(v, 1, JOB_FLOWS_MAX, &n))
        return false;
    p->flows = (uint32_t)n;
    return true;
}

static bool set_mac(struct job_params *p, struct text v, enum job_limit limit)
{
    uint8_t mac[6];
    struct text part;
    uint64_t byte;

    (void)limit;
    for (unsigned i = 0; i < sizeof(mac); i++) {
        if (!text_next(&v, ':', &part) || part.n != 2 || !text_number(part, 16, &byte))
            return false;
        mac[i] = (uint8_t)byte;
    }
    if (v.s != NULL)
        return false;
    memcpy(p->dst_mac, mac, sizeof(mac));
    p->has_mac = true;
    return true;
}

static bool set_vlan(struct job_params *p, struct text v, enum job_limit limit)
{
    uint64_t n = JOB_NO_VLAN;

    (void)limit;
    if (!text_is(v, "off") && !read_number(v, 1, VLAN_MAX, &n))
        return false;
    p->vlan = (uint16_t)n;
    return true;
}

static bool set_dscp(struct job_params *p, struct text v, enum job_limit limit)
{
    uint64_t n;

    (void)limit;
    if (!read_number(v, 0, DSCP_MAX, &n))
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
    if (!text_next(&v, ':', &word) || !read_word(word, words, COUNT(words), &which))
        return false;
    if (which == JOB_BURSTS ? v.s == NULL || !read_number(v, 1, BURST_MAX, &n) : v.s != NULL)
        return false;
    p->gap = (enum job_gap)which;
    p->burst = (uint32_t)n;
    return true;
}

static bool set_ramp(struct job_params *p, struct text v, enum job_limit limit)
{
    (void)limit;
    return text_time(v, TIME_MAX_NS, &p->ramp_ns);
}

static bool set_reflector(struct job_params *p, struct text v, enum job_limit limit)
{
    static const char *const words[] = {"stateless", "stateful"};
    unsigned which;

    (void)limit;
    if (!read_word(v, words, COUNT(words), &which))
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
    if (!read_word(v, words, COUNT(words), &which))
        return false;
    p->request = (enum job_request)(JOB_ASK_ECHO + which);
    return true;
}

static bool set_hold(struct job_params *p, struct text v, enum job_limit limit)
{
    uint64_t ns;

    (void)limit;
    if (!text_time(v, INTERVAL_MAX_NS, &ns) || (ns != 0 && ns < INTERVAL_MIN_NS))
        return false;
    p->hold_ns = ns;
    return true;
}

static bool set_interval(struct job_params *p, struct text v, enum job_limit limit)
{
    uint64_t ns;

    (void)limit;
    if (!text_time(v, INTERVAL_MAX_NS, &ns) || (ns != 0 && ns < INTERVAL_MIN_NS))
        return false;
    p->interval_ns = ns;
    return true;
}

static bool limit_scaled(struct job_params *p, struct text v, enum job_limit limit)
{
    return read_scaled(v, &p->limit[limit]);
}

static bool limit_percent(struct job_params *p, struct text v, enum job_limit limit)
{
    uint64_t share;

    if (!read_percent(v, &share))
        return false;
    p->limit[limit] = share;
    return true;
}

static bool limit_delay(struct job_params *p, struct text v, enum job_limit limit)
{
    return read_delay(v, &p->limit[limit]);
}

/* ---- the table ----------------------------------------------------------------------------- */

#define ACCEPT_TIME   "0, or a time up to " TEXT_OF(TIME_MAX_HOURS) "h, with the unit ms, s, m or h"
#define ACCEPT_DELAY  "0, or a time with the unit us, ms, s, m or h"
#define ACCEPT_NIC    "net0, net1 and so on, below net" TEXT_OF(CONFIG_NICS)
#define ACCEPT_SCALED "a whole number below 2^63, also with k, M, G or T behind it"

static const struct job_key keys[] = {
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
     .accepted = "cbr, poisson, or burst:N with a number from 1 to " TEXT_OF(BURST_MAX)},
    {"ramp", set_ramp, .only = JOB_RUN_FLOOD, .accepted = ACCEPT_TIME},
    {"count", set_count, .only = JOB_RUN_STAMP, .accepted = "off, or " ACCEPT_SCALED},
    {"reflector", set_reflector, .only = JOB_RUN_STAMP, .accepted = "stateless, stateful"},
    {"first_seq", set_first_seq, .of_serving = true, .only = JOB_RUN_FLOOD,
     .accepted = "a number below 2^64"},
    {"request", set_request, .only = JOB_RUN_CONNECT, .accepted = "echo, get, post"},
    {"hold", set_hold, .only = JOB_RUN_CONNECT,
     .accepted = "0, or a time from 100ms to 1h, with the unit ms, s, m or h"},
    {"interval", set_interval, .of_all = true,
     .accepted = "0, or a time from 100ms to 1h, with the unit ms, s, m or h"},
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

static_assert(COUNT(keys) <= 64, "a bit for each");

void job_params_init(struct job_params *p)
{
    *p = (struct job_params){.target = {.nic = JOB_NO_NIC},
                             .from = JOB_NO_NIC,
                             .streams = 1,
                             .flows = 1,
                             .vlan = JOB_NO_VLAN,
                             .time_ns = 10 * NS_PER_S,
                             .interval_ns = NS_PER_S};
}

const struct job_key *job_key_find(struct text name)
{
    for (unsigned k = 0; k < COUNT(keys); k++)
        if (text_is(name, keys[k].name))
            return &keys[k];
    return NULL;
}

struct text job_params_words(const struct job_params *p)
{
    return (struct text){p->words, p->words_n};
}

bool job_params_next(struct text *words, struct text *key, struct text *value)
{
    struct text word;

    return text_next(words, ' ', &word) && text_next(&word, '=', key) &&
           text_next(&word, ' ', value);
}

struct text job_params_word(const struct job_params *p, const char *key)
{
    struct text words = job_params_words(p), name, value;

    while (job_params_next(&words, &name, &value))
        if (text_is(name, key))
            return value;
    return (struct text){NULL, 0};
}

/* No value that is accepted has a space in it, but a text may. */
static bool is_word(struct text value)
{
    return value.n == 0 || memchr(value.s, ' ', value.n) == NULL;
}

/* The bytes of a word: its name, its value, and what is behind each of them. */
static size_t word_bytes(const char *name, struct text value)
{
    return value.s == NULL ? 0 : strlen(name) + 1 + value.n + 1;
}

/* The new word comes behind all others, and the one before it for the same key is cut out. */
static void replace_word(struct job_params *p, const char *name, struct text value)
{
    const struct text old = job_params_word(p, name);
    const size_t name_n = strlen(name), old_n = word_bytes(name, old);

    if (old.s != NULL) {
        char *from = p->words + (old.s - p->words) - (name_n + 1);
        memmove(from, from + old_n, (size_t)(p->words + p->words_n - from) - old_n);
        p->words_n -= (uint32_t)old_n;
    }
    char *to = p->words + p->words_n;
    memcpy(to, name, name_n);
    to[name_n] = '=';
    memcpy(to + name_n + 1, value.s, value.n);
    to[name_n + 1 + value.n] = ' ';
    p->words_n += (uint32_t)word_bytes(name, value);
}

bool job_params_set(struct job_params *p, const struct job_key *key, struct text value)
{
    const size_t others = p->words_n - word_bytes(key->name, job_params_word(p, key->name));

    if (!is_word(value) || word_bytes(key->name, value) > JOB_WORDS - others ||
        !key->set(p, value, key->limit))
        return false;
    replace_word(p, key->name, value);
    p->said |= 1ull << (key - keys);
    return true;
}

bool job_params_said(const struct job_params *p, const char *key)
{
    const struct job_key *k = job_key_find(text_from(key));

    return k != NULL && (p->said >> (k - keys) & 1) != 0;
}

static bool means(const struct job_key *key, enum job_run run)
{
    if (run == JOB_RUN_SERVE && (key->of_serving || key->limit != JOB_NO_LIMIT))
        return true;
    return key->of_all || (job_run_is_job(run) && (key->only == JOB_RUN_SERVE || key->only == run));
}

const char *job_params_needless(const struct job_params *p)
{
    for (unsigned k = 0; k < COUNT(keys); k++)
        if ((p->said >> k & 1) != 0 && !means(&keys[k], p->run))
            return keys[k].name;
    return NULL;
}

const char *job_limit_name(enum job_limit limit)
{
    for (unsigned k = 0; k < COUNT(keys); k++)
        if (keys[k].limit == limit)
            return keys[k].name;
    return NULL;
}

bool job_params_limited(const struct job_params *p, enum job_limit limit)
{
    return job_params_said(p, job_limit_name(limit));
}

bool job_params_limits(const struct job_params *p)
{
    for (unsigned k = 0; k < COUNT(keys); k++)
        if ((p->said >> k & 1) != 0 && keys[k].limit != JOB_NO_LIMIT)
            return true;
    return false;
}
