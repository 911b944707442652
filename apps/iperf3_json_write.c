// SPDX-License-Identifier: BSD-3-Clause
/*
 * The JSON blocks that we write: a client's parameters, and results.
 */
#include "iperf3_json.h"

#include "time.h"

/* What the original says where nothing else was asked for. */
#define BLOCK_USUAL 131072

/* Booleans and numbers as the strictest servers want them. */
void iperf3_json_write_params(struct json *j, const struct iperf3_params *p, uint64_t bytes)
{
    json_object(j, NULL);
    json_bool(j, p->udp ? "udp" : "tcp", true);
    json_u64(j, "omit", p->omit_s);
    json_u64(j, "time", p->time_s);
    json_u64(j, "num", bytes);
    json_u64(j, "blockcount", 0);
    json_u64(j, "parallel", p->parallel);
    json_u64(j, "len", p->len != 0 ? p->len : BLOCK_USUAL);
    if (p->rate != 0)
        json_u64(j, "bandwidth", p->rate);
    json_u64(j, "pacing_timer", 1000);
    if (p->reverse)
        json_bool(j, "reverse", true);
    if (p->bidir)
        json_bool(j, "bidirectional", true);
    if (p->nodelay)
        json_bool(j, "nodelay", true);
    if (p->wide_counters)
        json_u64(j, "udp_counters_64bit", 1);
    json_str(j, "client_version", "3.12");
    json_end_object(j);
}

void iperf3_json_begin(struct json *j, bool sends, const char *words)
{
    json_object(j, NULL);
    json_u64(j, "cpu_util_total", 0);
    json_u64(j, "cpu_util_user", 0);
    json_u64(j, "cpu_util_system", 0);
    /* lwIP keeps no count of retransmissions: "sends, cannot count" or "does not send" */
    json_i64(j, "sender_has_retransmits", sends ? 0 : -1);
    if (words != NULL)
        json_str(j, "server_output_text", words);
    json_array(j, "streams");
}

void iperf3_json_row(struct json *j, const struct iperf3_row *r, bool omitted)
{
    json_object(j, NULL);
    json_u64(j, "id", r->id);
    json_u64(j, "bytes", r->bytes);
    json_i64(j, "retransmits", r->retransmits);
    json_fixed(j, "jitter", (int64_t)(r->jitter_ns & INT64_MAX), 9);
    json_i64(j, "errors", r->lost);
    json_i64(j, "packets", r->packets);
    if (omitted) {
        json_i64(j, "omitted_errors", r->omitted_lost);
        json_i64(j, "omitted_packets", r->omitted_packets);
    }
    json_u64(j, "start_time", 0);
    json_fixed(j, "end_time", (int64_t)(r->time_us & INT64_MAX), 6);
    json_end_object(j);
}

void iperf3_json_end(struct json *j)
{
    json_end_array(j);
    json_end_object(j);
}
