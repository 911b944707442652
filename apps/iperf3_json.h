// SPDX-License-Identifier: BSD-3-Clause
/*
 * The two JSON blocks of an iperf3 session: parameters and results, read (iperf3_json.c) and
 * written (iperf3_json_write.c).
 *
 * A block is complete in memory of the caller before it is read (json_read.h), and only one is read
 * at a time. The text may come from anybody: whatever it holds, these functions answer with an
 * error code and touch nothing outside it. As in the original, keys are compared without regard to
 * case, the first of two equal keys counts, and unknown keys are skipped with everything below
 * them.
 */
#ifndef APPS_IPERF3_JSON_H
#define APPS_IPERF3_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "iperf3_proto.h"
#include "json.h"

struct iperf3_params {
    bool udp;
    bool reverse;       /* the server sends */
    bool bidir;         /* both send */
    bool nodelay;       /* TCP_NODELAY on the data connections */
    bool wide_counters; /* 64-bit packet numbers */
    bool server_output; /* the client wants the server's own words in the results */
    uint8_t tos;
    uint32_t version;  /* of the client: major * 1000 + minor, 0 = not said */
    uint32_t omit_s;   /* warm-up */
    uint32_t time_s;   /* after the warm-up; 0 = until the client ends it */
    uint32_t parallel; /* streams per direction */
    uint32_t len;      /* bytes of a block or datagram; 0 = not said */
    uint64_t rate;     /* bit/s per stream, of -b and --fq-rate the lower; 0 = unlimited */
};

/* Reads a parameter block. IPERF3_OK, or the code to refuse with (*p is then half filled). */
enum iperf3_error iperf3_json_params(const char *text, size_t len, struct iperf3_params *p);

/* Writes one: of a test that ends after so many bytes, or 0. */
void iperf3_json_write_params(struct json *j, const struct iperf3_params *p, uint64_t bytes);

/* One stream, as either side reports it. */
struct iperf3_row {
    uint32_t id;
    uint64_t bytes;      /* after the warm-up */
    int64_t retransmits; /* -1 = not known */
    uint64_t jitter_ns;
    int64_t lost;
    int64_t packets;
    int64_t omitted_lost, omitted_packets; /* of the warm-up, where somebody says it */
    uint64_t time_us;                      /* since the end of the warm-up */
};

/* Reads the peer's results and calls `row` for each of its streams. False: not a result block; rows
 * before the fault have been delivered. Keys that are absent read as 0, or -1 for retransmits. */
bool iperf3_json_results(const char *text, size_t len,
                         void (*row)(void *ctx, const struct iperf3_row *r), void *ctx);

/* Writes our results: begin, a row for each stream, end. `sends`: we send on some stream.
 * `words` NULL = the client did not ask for them. */
void iperf3_json_begin(struct json *j, bool sends, const char *words);
void iperf3_json_row(struct json *j, const struct iperf3_row *r, bool omitted);
void iperf3_json_end(struct json *j);

/* Upper bounds of what these write, without and for each row; the words come on top. */
#define IPERF3_JSON_FRAME_BYTES 256
#define IPERF3_JSON_ROW_BYTES   320

#endif
