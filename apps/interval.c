// SPDX-License-Identifier: BSD-3-Clause
/*
 * Figures and `interval` records; the contract is in the header.
 */
#include "interval.h"

#include "config.h"
#include "record.h"
#include "time.h"

struct figures figures_less(const struct figures *a, const struct figures *b)
{
    return (struct figures){
        .tx_bytes = a->tx_bytes - b->tx_bytes,
        .rx_bytes = a->rx_bytes - b->rx_bytes,
        .tx_packets = a->tx_packets - b->tx_packets,
        .rx_packets = a->rx_packets - b->rx_packets,
    };
}

uint64_t figures_per_s(uint64_t n, uint64_t us)
{
    uint64_t s = us / US_PER_S, rest = us % US_PER_S;

    if (us == 0)
        return 0;
    /* n * 1e6 / us without leaving 64 bits: exact up to 18 * 10^12, then in steps of a second */
    if (n < UINT64_MAX / US_PER_S)
        return n * US_PER_S / us;
    return n / (s + (rest != 0));
}

uint64_t figures_bps(uint64_t bytes, uint64_t us)
{
    if (bytes < UINT64_MAX / 8)
        return figures_per_s(bytes * 8, us);
    return figures_per_s(bytes, us) * 8;
}

void figures_put(struct json *j, const struct figures *f, uint64_t us)
{
    json_u64(j, "tx_bytes", f->tx_bytes);
    json_u64(j, "rx_bytes", f->rx_bytes);
    json_u64(j, "tx_packets", f->tx_packets);
    json_u64(j, "rx_packets", f->rx_packets);
    json_u64(j, "bps_tx", figures_bps(f->tx_bytes, us));
    json_u64(j, "bps_rx", figures_bps(f->rx_bytes, us));
}

void figures_put_sum(struct json *j, const char *key, bool sends, const struct figures *f,
                     uint64_t start_us, uint64_t end_us, bool omitted)
{
    uint64_t bytes = sends ? f->tx_bytes : f->rx_bytes;

    json_object(j, key);
    json_fixed(j, "start", (int64_t)start_us, 6);
    json_fixed(j, "end", (int64_t)end_us, 6);
    json_fixed(j, "seconds", (int64_t)(end_us - start_us), 6);
    json_u64(j, "bytes", bytes);
    json_u64(j, "bits_per_second", figures_bps(bytes, end_us - start_us));
    json_u64(j, "packets", sends ? f->tx_packets : f->rx_packets);
    json_bool(j, "omitted", omitted);
    json_bool(j, "sender", sends);
    json_end_object(j);
}

static void put_start(const struct interval *i)
{
    struct json *j = record_begin("start");

    json_str(j, "job", i->job);
    json_object(j, "data");
    json_str(j, "version", "antifreeze " CONFIG_VERSION);
    json_object(j, "test_start");
    json_u64(j, "bidir", i->sends && i->receives);
    json_fixed(j, "interval", (int64_t)(i->period_ns / NS_PER_MS), 3);
    json_end_object(j);
    json_end_object(j);
    record_end();
}

void interval_begin(struct interval *i, uint64_t period_ns, uint64_t now)
{
    i->period_ns = period_ns;
    i->start_ns = i->mark_ns = now;
    i->next_ns = period_ns != 0 ? now + period_ns : UINT64_MAX;
    i->mark = (struct figures){0};
    if (period_ns != 0)
        put_start(i);
}

void interval_end(const struct interval *i, const struct figures *sum, uint64_t us)
{
    struct json *j;

    if (i->period_ns == 0)
        return;
    j = record_begin("end");
    json_str(j, "job", i->job);
    json_object(j, "data");
    json_array(j, "streams");
    json_end_array(j);
    if (i->sends)
        figures_put_sum(j, "sum_sent", true, sum, 0, us, false);
    if (i->receives)
        figures_put_sum(j, i->sends ? "sum_received_bidir_reverse" : "sum_received", false, sum, 0,
                        us, false);
    json_end_object(j);
    record_end();
}

static void put_data(struct json *j, const struct interval *i, const struct figures *f,
                     uint64_t start_us, uint64_t end_us, bool warm_up)
{
    json_object(j, "data");
    json_array(j, "streams");
    json_end_array(j);
    figures_put_sum(j, "sum", i->sends, f, start_us, end_us, warm_up);
    if (i->sends && i->receives)
        figures_put_sum(j, "sum_bidir_reverse", false, f, start_us, end_us, warm_up);
    json_end_object(j);
}

void interval_record(struct interval *i, const struct figures *sum, uint64_t gap_us, bool warm_up,
                     uint64_t now)
{
    const struct figures f = figures_less(sum, &i->mark);
    uint64_t start_us = (i->mark_ns - i->start_ns) / NS_PER_US;
    uint64_t end_us = (now - i->start_ns) / NS_PER_US;
    struct json *j = record_begin("interval");

    json_str(j, "job", i->job);
    json_u64(j, "start_us", start_us);
    json_u64(j, "end_us", end_us);
    figures_put(j, &f, (now - i->mark_ns) / NS_PER_US);
    json_u64(j, "gap_max_us", gap_us);
    json_bool(j, "warm_up", warm_up);
    if (i->more != NULL)
        i->more(i->of, j);
    put_data(j, i, &f, start_us, end_us, warm_up);
    record_end();
    i->mark = *sum;
    i->mark_ns = now;
    if (i->next_ns == UINT64_MAX)
        return;
    do {
        i->next_ns += i->period_ns;
    } while (i->next_ns <= now);
}
