// SPDX-License-Identifier: BSD-3-Clause
/*
 * Parameters and results, see the header.
 */
#include "iperf3_json.h"

#include "json_read.h"
#include "string.h"

/* Absent: *value stays. False: there, but not a number. */
static bool find_number(int object, const char *key, unsigned decimals, int64_t *value)
{
    int t = json_read_find(object, key);

    return t < 0 || json_read_number(t, decimals, value);
}

/* true, or a number other than 0: clients write some switches this way and some that way. */
static bool find_switch(int object, const char *key)
{
    int t = json_read_find(object, key);
    int64_t v;

    return t >= 0 && json_read_kind(t) == JSON_WORD &&
           (json_read_is(t, "true") || (json_read_number(t, 0, &v) && v != 0));
}

/* ---- parameters ---------------------------------------------------------------------------- */

/* "3.12", "3.17.1+", … as major * 1000 + minor */
static uint32_t read_version(int t)
{
    uint32_t part[2] = {0, 0};
    unsigned k = 0;

    if (t < 0 || json_read_kind(t) != JSON_STRING)
        return 0;
    const struct text v = json_read_text(t);
    for (size_t i = 0; i < v.n && k < 2; i++) {
        if (text_digit(v.s[i]) <= 9 && part[k] < 100)
            part[k] = part[k] * 10 + text_digit(v.s[i]);
        else
            k = v.s[i] == '.' ? k + 1 : 2;
    }
    return part[0] * 1000 + part[1];
}

struct number {
    const char *key;
    int64_t min, max;
    enum iperf3_error error; /* beyond min or max */
};

enum { N_OMIT, N_TIME, N_PARALLEL, N_LEN, N_RATE, N_FQRATE, N_TOS, N_NUM, N_BLOCKS, NUMBERS };

static const struct number numbers[NUMBERS] = {
    [N_OMIT] = {"omit", 0, IPERF3_TIME_MAX, IPERF3_E_OMIT},
    [N_TIME] = {"time", 0, IPERF3_TIME_MAX, IPERF3_E_DURATION},
    [N_PARALLEL] = {"parallel", 1, IPERF3_STREAMS_MAX, IPERF3_E_STREAMS},
    [N_LEN] = {"len", 1, INT32_MAX, IPERF3_E_BLOCK},
    [N_RATE] = {"bandwidth", 0, INT64_MAX, IPERF3_E_PARAMS},
    [N_FQRATE] = {"fqrate", 0, INT64_MAX, IPERF3_E_PARAMS},
    [N_TOS] = {"TOS", 0, 255, IPERF3_E_PARAMS},
    /* The client ends the test when it has counted these; here they only have to make sense. */
    [N_NUM] = {"num", 0, INT64_MAX, IPERF3_E_PARAMS},
    [N_BLOCKS] = {"blockcount", 0, INT64_MAX, IPERF3_E_PARAMS},
};

static enum iperf3_error read_numbers(int64_t v[NUMBERS])
{
    for (unsigned k = 0; k < NUMBERS; k++) {
        const struct number *n = &numbers[k];
        if (json_read_find(0, n->key) < 0)
            continue;
        if (!find_number(0, n->key, 0, &v[k]))
            return IPERF3_E_PARAMS;
        if (v[k] < n->min || v[k] > n->max)
            return n->error;
    }
    return IPERF3_OK;
}

/* A block rate is kept by the original's sender, a packet rate by the kernel below it: where both
 * are given the lower one tells. */
static uint64_t lower_rate(uint64_t a, uint64_t b)
{
    if (a == 0 || b == 0)
        return a | b;
    return a < b ? a : b;
}

enum iperf3_error iperf3_json_params(const char *text, size_t len, struct iperf3_params *p)
{
    int64_t v[NUMBERS] = {[N_TIME] = 10, [N_PARALLEL] = 1};

    memset(p, 0, sizeof *p);
    if (!json_read(text, len))
        return IPERF3_E_PARAMS;
    if (find_switch(0, "sctp"))
        return IPERF3_E_SCTP;
    enum iperf3_error error = read_numbers(v);
    if (error != IPERF3_OK)
        return error;

    p->udp = find_switch(0, "udp");
    p->reverse = find_switch(0, "reverse");
    p->bidir = find_switch(0, "bidirectional");
    p->nodelay = find_switch(0, "nodelay");
    p->wide_counters = find_switch(0, "udp_counters_64bit");
    p->server_output = find_switch(0, "get_server_output");
    p->version = read_version(json_read_find(0, "client_version"));
    p->tos = (uint8_t)v[N_TOS];
    p->omit_s = (uint32_t)v[N_OMIT];
    p->time_s = (uint32_t)v[N_TIME];
    p->parallel = (uint32_t)v[N_PARALLEL];
    p->len = (uint32_t)v[N_LEN];
    p->rate = lower_rate((uint64_t)v[N_RATE], (uint64_t)v[N_FQRATE]);
    if (p->udp && p->len != 0 && (p->len < IPERF3_UDP_BLOCK_MIN || p->len > IPERF3_UDP_BLOCK_MAX))
        return IPERF3_E_UDP_BLOCK;
    return IPERF3_OK;
}

/* ---- results ------------------------------------------------------------------------------- */

static bool read_row(int object, struct iperf3_row *r)
{
    int64_t id = 0, bytes = 0, jitter_ns = 0, time_us = 0;

    memset(r, 0, sizeof *r);
    r->retransmits = -1;
    if (!find_number(object, "id", 0, &id) || !find_number(object, "bytes", 0, &bytes) ||
        !find_number(object, "retransmits", 0, &r->retransmits) ||
        !find_number(object, "jitter", 9, &jitter_ns) ||
        !find_number(object, "errors", 0, &r->lost) ||
        !find_number(object, "packets", 0, &r->packets) ||
        !find_number(object, "omitted_errors", 0, &r->omitted_lost) ||
        !find_number(object, "omitted_packets", 0, &r->omitted_packets) ||
        !find_number(object, "end_time", 6, &time_us))
        return false;
    if (id < 0 || id > INT32_MAX || bytes < 0)
        return false;
    r->id = (uint32_t)id;
    r->bytes = (uint64_t)bytes;
    r->jitter_ns = jitter_ns > 0 ? (uint64_t)jitter_ns : 0;
    r->time_us = time_us > 0 ? (uint64_t)time_us : 0;
    return true;
}

bool iperf3_json_results(const char *text, size_t len,
                         void (*row)(void *ctx, const struct iperf3_row *r), void *ctx)
{
    if (!json_read(text, len))
        return false;
    const int streams = json_read_find(0, "streams");
    if (streams < 0 || json_read_kind(streams) != JSON_ARRAY)
        return false;

    const int end = json_read_behind(streams);
    for (int t = streams + 1; t < end; t = json_read_behind(t)) {
        struct iperf3_row r;
        if (json_read_kind(t) != JSON_OBJECT || !read_row(t, &r))
            return false;
        row(ctx, &r);
    }
    return true;
}
