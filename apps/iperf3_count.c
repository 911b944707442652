// SPDX-License-Identifier: BSD-3-Clause
/*
 * Receiver arithmetic and gaps, see the header. All sums are 64-bit without sign and may be fed any
 * numbers: they wrap, they do not trap.
 */
#include "iperf3_count.h"

/* A sender's stamps may jump by anything. No jitter is a quarter of an hour: the sum stays far from
 * wrapping. */
#define DIFFERENCE_MAX_NS (1ull << 40)

static void count_jitter(struct iperf3_order *o, uint64_t sent_ns, uint64_t now_ns)
{
    uint64_t transit = now_ns > sent_ns ? now_ns - sent_ns : sent_ns - now_ns;

    if (o->timed) {
        uint64_t d = transit > o->transit_ns ? transit - o->transit_ns : o->transit_ns - transit;
        if (d > DIFFERENCE_MAX_NS)
            d = DIFFERENCE_MAX_NS;
        o->jitter16_ns += d - o->jitter16_ns / 16;
    }
    o->transit_ns = transit;
    o->timed = true;
}

void iperf3_order_count(struct iperf3_order *o, uint64_t number, bool wide, uint64_t sent_ns,
                        uint64_t now_ns)
{
    if (!wide && o->datagrams != 0) {
        int32_t ahead = (int32_t)((uint32_t)number - (uint32_t)o->highest);
        if (ahead > 0)
            number = o->highest + (uint64_t)ahead;
        else
            number = o->highest;
    }
    if (number > o->highest) {
        o->lost += number - o->highest - 1;
        o->highest = number;
    } else {
        o->out_of_order++;
        if (o->lost > 0)
            o->lost--;
    }
    o->datagrams++;
    count_jitter(o, sent_ns, now_ns);
}

void iperf3_order_warm(struct iperf3_order *o)
{
    o->jitter16_ns = 0;
    o->timed = false;
}

void iperf3_gap_start(struct iperf3_gap *g, bool on, uint64_t now_ns)
{
    *g = (struct iperf3_gap){.on = on, .last_ns = now_ns};
}

static void close_gap(struct iperf3_gap *g, uint64_t now_ns)
{
    uint64_t gap = now_ns > g->last_ns ? now_ns - g->last_ns : 0;

    if (!g->on)
        return;
    if (gap > g->interval_max_ns)
        g->interval_max_ns = gap;
    if (gap > g->total_max_ns)
        g->total_max_ns = gap;
}

void iperf3_gap_turn(struct iperf3_gap *g, uint64_t now_ns)
{
    if (!g->progress)
        return;
    g->progress = false;
    close_gap(g, now_ns);
    g->last_ns = now_ns;
}

void iperf3_gap_stop(struct iperf3_gap *g, uint64_t now_ns)
{
    iperf3_gap_turn(g, now_ns);
    close_gap(g, now_ns);
    g->on = false;
}

uint64_t iperf3_gap_interval_ns(struct iperf3_gap *g, uint64_t now_ns)
{
    iperf3_gap_turn(g, now_ns);
    close_gap(g, now_ns);
    uint64_t longest = g->interval_max_ns;
    g->interval_max_ns = 0;
    return longest;
}
