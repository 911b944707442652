// SPDX-License-Identifier: BSD-3-Clause
/*
 * A histogram of times in memory of fixed size, right to 1 % from 1 ns to 1000 s.
 *
 * Each octave of values has 64 buckets of equal width, and values below 128 have one each: the
 * log-linear layout of high-dynamic-range (HDR) histograms. A value is known to its bucket, the
 * middle of which is at most 1/128 away from it: 0.79 %. The least and the greatest are kept
 * exactly, and so are the counts, in 64 bits. Recording takes the same few instructions whatever
 * the value and whatever was recorded before.
 *
 * Beyond HDR_LIMIT_NS the last bucket takes all; `max` still tells the greatest.
 */
#ifndef APPS_HDR_H
#define APPS_HDR_H

#include <stdint.h>
#include "json.h"

#define HDR_SUB_BITS 6
#define HDR_SUB      (1u << HDR_SUB_BITS)        /* buckets of an octave */
#define HDR_TOP_BIT  39                          /* of the largest value with a bucket of its own */
#define HDR_LIMIT_NS (1ull << (HDR_TOP_BIT + 1)) /* 1099 s */
#define HDR_BUCKETS  ((HDR_TOP_BIT - HDR_SUB_BITS + 2) * HDR_SUB)

/* All zero is an empty one. */
struct hdr {
    uint64_t total; /* values recorded */
    uint64_t least; /* the least value; valid if there is one */
    uint64_t max;   /* the greatest */
    uint64_t count[HDR_BUCKETS];
};

void hdr_reset(struct hdr *h);
void hdr_record(struct hdr *h, uint64_t ns);

/* The same value n times. */
void hdr_record_many(struct hdr *h, uint64_t ns, uint64_t n);

/* The value that at least ppm / 1,000,000 of all values do not exceed; 0 if there are none.
 * 1,000,000 is the greatest itself. */
uint64_t hdr_percentile(const struct hdr *h, uint32_t ppm);

/* Writes an object under the key: `count`, `min_us`, `p50_us`, `p90_us`, `p99_us`, `p99_9_us`,
 * `p99_99_us`, `max_us`, in microseconds to three decimals. */
void hdr_json(const struct hdr *h, struct json *j, const char *key);

#endif
