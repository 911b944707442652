// SPDX-License-Identifier: BSD-3-Clause
/*
 * When frames are due: a schedule of slots, one for each frame, that does not depend on when the
 * frames really went.
 *
 *     while (flood_pace_due(p, now)) { … send …; flood_pace_next(p, bits); }
 *
 * Every slot follows from the one before it by an exact division whose remainder is carried along,
 * so the average is right after any time. The gaps are all the same, or exponentially distributed
 * around that (Poisson), or a burst of frames shares one slot. A rate may rise to its value in
 * steps.
 *
 * A sender that was held up catches up: with a burst of FLOOD_BURST_NS worth of frames at most, and
 * from then on a quarter faster than its schedule. Slots that lie further back than FLOOD_LAG_NS
 * are given up and counted.
 */
#ifndef APPS_FLOOD_PACE_H
#define APPS_FLOOD_PACE_H

#include <stdbool.h>
#include <stdint.h>
#include "time.h"

#define FLOOD_LAG_NS   (100 * NS_PER_MS)
#define FLOOD_LOST_NS  (500 * NS_PER_MS)
#define FLOOD_BURST_NS (1 * NS_PER_MS)

/* So little that all of these slots have been late for the same time, to 0.2 %; and that what is
 * multiplied has room in 64 bits, at the highest rate. */
#define FLOOD_JUMP_NS (1 * NS_PER_MS)

/* The highest rate, in bit/s or frames/s: a Tbit/s, so that the arithmetic has room. */
#define FLOOD_RATE_MAX  1000000000000ull
#define FLOOD_BURST_MAX 1000u

enum flood_gap { FLOOD_CBR, FLOOD_POISSON, FLOOD_BURSTS };

struct flood_shape {
    uint64_t rate; /* 0 = no schedule, a frame is always due */
    bool packets;  /* the rate is in frames/s, not in bit/s */
    enum flood_gap gap;
    uint32_t burst;   /* frames that share a slot, with FLOOD_BURSTS */
    uint64_t ramp_ns; /* in which the rate rises; 0 = at once */
    uint64_t seed;    /* of the gaps */
};

struct flood_pace {
    struct flood_shape shape;
    uint64_t start_ns, end_ns; /* no slot at or behind the end */
    uint64_t rate;             /* at this point of the ramp */
    uint64_t ramp_next_ns;     /* when it changes; UINT64_MAX: never again */
    uint64_t next_ns;          /* the next slot */
    uint64_t carry;            /* what divisions left */
    uint64_t fast_ns;          /* not before this while catching up */
    uint64_t drawn;            /* random numbers used */
    uint64_t owed;             /* slots of this burst so far, in units of `rate` */
    uint32_t in_burst;         /* frames of it so far */
};

/* rate <= FLOOD_RATE_MAX, burst 1 ... FLOOD_BURST_MAX. */
void flood_pace_init(struct flood_pace *p, const struct flood_shape *shape, uint64_t start_ns,
                     uint64_t end_ns);

/* Another rate from now on, also none or of the other kind; a ramp ends. What the old one still has
 * to catch up with is due at the new one. */
void flood_pace_change(struct flood_pace *p, uint64_t rate, bool packets, uint64_t now_ns);

/* True if a frame is due that may go now. */
static inline bool flood_pace_due(const struct flood_pace *p, uint64_t now_ns)
{
    return now_ns >= p->next_ns && now_ns >= p->fast_ns && p->next_ns < p->end_ns;
}

/* When that is true; UINT64_MAX: never again. */
static inline uint64_t flood_pace_when(const struct flood_pace *p)
{
    const uint64_t when = p->next_ns > p->fast_ns ? p->next_ns : p->fast_ns;

    return p->next_ns < p->end_ns ? when : UINT64_MAX;
}

/* The frame of this slot is gone, at now_ns; it had so many bits. */
void flood_pace_sent(struct flood_pace *p, uint32_t bits, uint64_t now_ns);

/* True if the next slot is to be given up; then flood_pace_slip() does. */
static inline bool flood_pace_late(const struct flood_pace *p, uint64_t now_ns)
{
    return p->shape.rate != 0 && p->next_ns < p->end_ns && now_ns > p->next_ns + FLOOD_LAG_NS;
}
void flood_pace_slip(struct flood_pace *p, uint32_t bits);

/* Where even to give up slot after slot would fall behind, since more than FLOOD_LOST_NS of them
 * are late: gives up FLOOD_JUMP_NS of them, and says how many there were if each frame had so many
 * bits. 0 where that is not needed, or where a slot is longer. */
uint64_t flood_pace_jump(struct flood_pace *p, uint32_t bits, uint64_t now_ns);

/* True if there are no more slots. */
static inline bool flood_pace_over(const struct flood_pace *p)
{
    return p->next_ns >= p->end_ns;
}

/* -ln((r + 1) / 2^64) in 2^-32, to about 2^-24 of itself. */
uint64_t flood_pace_exponential(uint64_t r);

#endif
