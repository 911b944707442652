// SPDX-License-Identifier: BSD-3-Clause
/*
 * See hdr.h.
 *
 *     bucket   0 … 63   64 … 127   128 … 191    192 … 255   …
 *     values   0 … 63   64 … 127   128 … 255    256 … 511   …
 *     width         1          1           2            4   …
 */
#include "hdr.h"

#include <stdbool.h>
#include "string.h"

#define PPM 1000000u

static unsigned bucket_of(uint64_t ns)
{
    if (ns < HDR_SUB)
        return (unsigned)ns;
    if (ns >= HDR_LIMIT_NS)
        return HDR_BUCKETS - 1;
    const unsigned shift = 63 - HDR_SUB_BITS - (unsigned)__builtin_clzll(ns);
    return (shift << HDR_SUB_BITS) + (unsigned)(ns >> shift);
}

static unsigned shift_of(unsigned bucket)
{
    return bucket < 2 * HDR_SUB ? 0 : (bucket >> HDR_SUB_BITS) - 1;
}

static uint64_t first_of(unsigned bucket)
{
    const unsigned shift = shift_of(bucket);

    return (uint64_t)(bucket - (shift << HDR_SUB_BITS)) << shift;
}

static uint64_t last_of(unsigned bucket)
{
    return first_of(bucket) + (1ull << shift_of(bucket)) - 1;
}

void hdr_reset(struct hdr *h)
{
    memset(h, 0, sizeof(*h));
}

static inline void add(struct hdr *h, uint64_t ns, uint64_t n)
{
    if (h->total == 0 || ns < h->least)
        h->least = ns;
    if (ns > h->max)
        h->max = ns;
    h->count[bucket_of(ns)] += n;
    h->total += n;
}

void hdr_record(struct hdr *h, uint64_t ns)
{
    add(h, ns, 1);
}

void hdr_record_many(struct hdr *h, uint64_t ns, uint64_t n)
{
    if (n > 0)
        add(h, ns, n);
}

/* total * ppm / PPM, rounded up, at least 1: without a product that could exceed 64 bits. */
static uint64_t rank_of(uint64_t total, uint32_t ppm)
{
    const uint64_t rank = total / PPM * ppm + (total % PPM * ppm + PPM - 1) / PPM;

    return rank > 0 ? rank : 1;
}

static uint64_t middle_of(const struct hdr *h, unsigned bucket)
{
    const uint64_t middle = first_of(bucket) + (last_of(bucket) - first_of(bucket)) / 2;

    if (middle < h->least)
        return h->least;
    return middle > h->max ? h->max : middle;
}

uint64_t hdr_percentile(const struct hdr *h, uint32_t ppm)
{
    uint64_t seen = 0;

    if (ppm >= PPM || h->total == 0)
        return h->max;
    const uint64_t rank = rank_of(h->total, ppm);
    for (unsigned b = 0; b < HDR_BUCKETS - 1; b++) {
        seen += h->count[b];
        if (seen >= rank)
            return middle_of(h, b);
    }
    return h->max;
}

void hdr_json(const struct hdr *h, struct json *j, const char *key)
{
    static const struct {
        const char *name;
        uint32_t ppm;
    } shown[] = {{"p50_us", 500000},   {"p90_us", 900000},    {"p99_us", 990000},
                 {"p99_9_us", 999000}, {"p99_99_us", 999900}, {"max_us", PPM}};

    json_object(j, key);
    json_u64(j, "count", h->total);
    json_fixed(j, "min_us", (int64_t)h->least, 3);
    for (unsigned i = 0; i < sizeof(shown) / sizeof(shown[0]); i++)
        json_fixed(j, shown[i].name, (int64_t)hdr_percentile(h, shown[i].ppm), 3);
    json_end_object(j);
}
