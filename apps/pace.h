// SPDX-License-Identifier: BSD-3-Clause
/*
 * Pacing: units of equal size, evenly spaced, at a rate in bit/s.
 *
 * The due time of each unit follows from the one before it by an exact division whose remainder is
 * carried along, so the average is right after any time. A sender that was held up catches up at
 * most PACE_LAG_NS worth of units; what lies further back is given up instead of sent as a burst.
 */
#ifndef APPS_PACE_H
#define APPS_PACE_H

#include <stdbool.h>
#include <stdint.h>
#include "time.h"

#define PACE_LAG_NS (100 * NS_PER_MS)

struct pace {
    uint64_t rate;      /* bit/s; 0 = no limit, always due */
    uint64_t step_ns;   /* between two units, rounded down */
    uint64_t step_rest; /* what the division left, in 1/rate ns */
    uint64_t carry;     /* sum of those, < rate */
    uint64_t next_ns;   /* when the next unit is due */
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
}

static inline bool pace_due(struct pace *p, uint64_t now_ns)
{
    if (now_ns < p->next_ns)
        return false;
    if (now_ns - p->next_ns > PACE_LAG_NS)
        p->next_ns = now_ns - PACE_LAG_NS;
    return true;
}

/* One unit is gone. */
static inline void pace_sent(struct pace *p)
{
    p->next_ns += p->step_ns;
    p->carry += p->step_rest;
    if (p->rate != 0 && p->carry >= p->rate) {
        p->carry -= p->rate;
        p->next_ns++;
    }
}

#endif
