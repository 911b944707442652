// SPDX-License-Identifier: BSD-3-Clause
/*
 * What a test or job has moved, and the `interval` records that say so once in a while.
 *
 * Beside the plain fields an interval has `data`, which is that of iperf3 --json-stream: tools that
 * read its `sum` find the same numbers under the same names. As there, `start` and `end` are events
 * of their own, around the intervals.
 */
#ifndef APPS_INTERVAL_H
#define APPS_INTERVAL_H

#include <stdbool.h>
#include <stdint.h>
#include "json.h"

/* Bytes of payload. "tx" is the guest's, and only what has arrived or is gone: acknowledged over
 * TCP, taken by the device otherwise. */
struct figures {
    uint64_t tx_bytes, rx_bytes;
    uint64_t tx_packets, rx_packets;
};

struct figures figures_less(const struct figures *a, const struct figures *b);

/* bytes * 8 in a second, of bytes in so many µs: 0 in no time, and never beyond 64 bits. */
uint64_t figures_bps(uint64_t bytes, uint64_t us);
uint64_t figures_per_s(uint64_t n, uint64_t us);

/* The six members that every report of figures has. */
void figures_put(struct json *j, const struct figures *f, uint64_t us);

/* One sum of `data`; times are relative to the start of the test. */
void figures_put_sum(struct json *j, const char *key, bool sends, const struct figures *f,
                     uint64_t start_us, uint64_t end_us, bool omitted);

struct job;

struct interval {
    const char *job;      /* its name in the records */
    bool sends, receives; /* which directions are used */
    uint64_t period_ns;   /* 0 = no records */
    uint64_t start_ns;    /* of the test */
    uint64_t mark_ns;     /* when the current interval began */
    uint64_t next_ns;     /* when it ends; UINT64_MAX: never */
    struct figures mark;  /* the sum at mark_ns */

    /* Writes what else a record has; NULL: nothing. */
    void (*more)(const struct job *of, struct json *j);
    const struct job *of;
};

/* The first one begins now, and a `start` record says so. job, sends and receives are set, all else
 * is not. */
void interval_begin(struct interval *i, uint64_t period_ns, uint64_t now);

static inline bool interval_due(const struct interval *i, uint64_t now)
{
    return now >= i->next_ns;
}

/* All is over: writes the `end` record, if there was a start. `sum` and `us` are of the result. */
void interval_end(const struct interval *i, const struct figures *sum, uint64_t us);

/* Writes the record, and the next interval begins. `sum` is all that was moved since the start,
 * `gap_us` the longest time without progress in this interval. */
void interval_record(struct interval *i, const struct figures *sum, uint64_t gap_us, bool warm_up,
                     uint64_t now);

#endif
