// SPDX-License-Identifier: BSD-3-Clause
/*
 * What a received datagram does to the figures of its stream, and the longest time without
 * progress.
 *
 * The arithmetic for loss, order and jitter is the original's, so that both ends print the same
 * numbers: a datagram numbered at or below the highest seen counts as out of order and takes back
 * one loss, even if it is a duplicate. `datagrams` beside it is exact.
 */
#ifndef APPS_IPERF3_COUNT_H
#define APPS_IPERF3_COUNT_H

#include <stdbool.h>
#include <stdint.h>

struct iperf3_order {
    uint64_t datagrams;    /* received */
    uint64_t highest;      /* packet number */
    uint64_t lost;         /* as the original counts */
    uint64_t out_of_order; /* as the original counts */
    uint64_t transit_ns;   /* of the last datagram, against an arbitrary origin */
    uint64_t jitter16_ns;  /* 16 times the jitter [RFC 3550 6.4.1] */
    bool timed;            /* transit_ns holds one */
};

/* A datagram with this number, stamped sent_ns by its sender's clock, came at now_ns. `wide`: the
 * number has 64 bits; else 32, and it is taken to have wrapped when that is the shorter way. */
void iperf3_order_count(struct iperf3_order *o, uint64_t number, bool wide, uint64_t sent_ns,
                        uint64_t now_ns);

/* The end of the warm-up: jitter begins again, the counters run on. */
void iperf3_order_warm(struct iperf3_order *o);

static inline uint64_t iperf3_order_jitter_ns(const struct iperf3_order *o)
{
    return o->jitter16_ns / 16;
}

/* The longest time between two signs of progress in one direction. Its times are those of
 * netport_run_ns(): what the host did not let us run is nobody's gap. */
struct iperf3_gap {
    bool on;          /* this direction is used */
    bool progress;    /* set by whoever moves data; taken back once a turn */
    uint64_t last_ns; /* when progress was last seen */
    uint64_t interval_max_ns, total_max_ns;
};

void iperf3_gap_start(struct iperf3_gap *g, bool on, uint64_t now_ns);

/* Once a turn: what has moved since the last turn moved now. */
void iperf3_gap_turn(struct iperf3_gap *g, uint64_t now_ns);

/* Progress is not due any more: ends the gap that is open. */
void iperf3_gap_stop(struct iperf3_gap *g, uint64_t now_ns);

/* Ends an interval: its longest gap, the one still open included. */
uint64_t iperf3_gap_interval_ns(struct iperf3_gap *g, uint64_t now_ns);

#endif
