// SPDX-License-Identifier: BSD-3-Clause
/*
 * Pacing: units of equal size, evenly spaced, at a rate in bit/s.
 *
 * The due time of each unit follows from the one before it by an exact division whose remainder is
 * carried along, so the average is right after any time.
 *
 * A sender that was held up catches up: with a burst of PACE_BURST_NS worth of units at most, and
 * from then on a quarter faster than its rate. All of it in one burst would fill the receiver's
 * buffer, however low the rate. What lies further back than PACE_LAG_NS is given up.
 */
#ifndef APPS_PACE_H
#define APPS_PACE_H

#include <stdbool.h>
#include <stdint.h>
#include "time.h"

#define PACE_LAG_NS   (100 * NS_PER_MS)
#define PACE_BURST_NS (1 * NS_PER_MS)

struct pace {
    uint64_t rate;      /* bit/s; 0 = no limit, always due */
    uint64_t step_ns;   /* between two units, rounded down */
    uint64_t step_rest; /* what the division left, in 1/rate ns */
    uint64_t carry;     /* sum of those, < rate */
    uint64_t next_ns;   /* when the next unit is due */
    uint64_t fast_ns;   /* when it would be at the higher rate, and not before it goes */
};

/* unit_bytes < 2^31 */
static inline void pace_init(struct pace *p, uint64_t rate, uint32_t unit_bytes, uint64_t start_ns)
{
    uint64_t bit_ns = (uint64_t)unit_bytes * 8 * NS_PER_S;

    p->rate = rate;
    p->step_ns = rate != 0 ? bit_ns / rate : 0;
    p->step_rest = rate != 0 ? bit_ns % rate : 0;
    p->carry = 0;
    p->next_ns = start_ns;
    p->fast_ns = start_ns;
}

/* When a unit may go. */
static inline uint64_t pace_when(const struct pace *p)
{
    return p->next_ns > p->fast_ns ? p->next_ns : p->fast_ns;
}

static inline bool pace_due(struct pace *p, uint64_t now_ns)
{
    if (now_ns < pace_when(p))
        return false;
    if (now_ns - p->next_ns > PACE_LAG_NS)
        p->next_ns = now_ns - PACE_LAG_NS;
    return true;
}

/* One unit is gone. */
static inline void pace_sent(struct pace *p, uint64_t now_ns)
{
    if (p->fast_ns + PACE_BURST_NS < now_ns)
        p->fast_ns = now_ns - PACE_BURST_NS;
    p->fast_ns += p->step_ns - p->step_ns / 5;
    p->next_ns += p->step_ns;
    p->carry += p->step_rest;
    if (p->rate != 0 && p->carry >= p->rate) {
        p->carry -= p->rate;
        p->next_ns++;
    }
}

#endif
