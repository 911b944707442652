// SPDX-License-Identifier: BSD-3-Clause
/*
 * The schedule of a flood; see flood_pace.h.
 */
#include "flood_pace.h"

#include "splitmix.h"

/* A ramp has so many steps of the same length; the first of them is a hundredth of the rate. */
#define RAMP_STEPS 100u

#define LN2_Q32    0xb17217f8ull /* ln 2 in 2^-32 */
#define LOG_BITS   28u           /* binary digits of a logarithm */

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* A frame's part of a second, in the schedule's unit: times 10^9, to be divided by the rate. */
static uint64_t cost(const struct flood_pace *p, uint32_t bits)
{
    return (p->shape.packets ? 1 : bits) * NS_PER_S;
}

/* Digit by digit: the square of a number in [1, 2) is 2 or more if the next digit of its logarithm
 * is 1. */
uint64_t flood_pace_exponential(uint64_t r)
{
    const uint64_t u = r == UINT64_MAX ? r : r + 1;
    const unsigned zeros = (unsigned)__builtin_clzll(u);
    uint64_t y = u << zeros, digits = 0; /* y / 2^63 in [1, 2) */

    for (unsigned i = 0; i < LOG_BITS; i++) {
        y = (uint64_t)((unsigned __int128)y * y >> 64); /* half of the square */
        digits = digits << 1 | y >> 63;
        if (!(y >> 63))
            y <<= 1;
    }
    /* -log2(u / 2^64) = zeros + 1 - digits */
    return (uint64_t)((unsigned __int128)((((uint64_t)zeros + 1) << LOG_BITS) - digits) * LN2_Q32 >>
                      LOG_BITS);
}

static void advance(struct flood_pace *p, uint64_t units)
{
    const uint64_t sum = units + p->carry;

    p->next_ns += sum / p->rate;
    p->carry = sum % p->rate;
}

static void climb(struct flood_pace *p)
{
    const uint64_t since = p->next_ns - p->start_ns, step_ns = p->shape.ramp_ns / RAMP_STEPS + 1;
    const uint64_t step = since / step_ns;

    p->carry = 0;
    p->rate = p->shape.rate;
    p->ramp_next_ns = UINT64_MAX;
    if (p->shape.ramp_ns == 0 || step >= RAMP_STEPS)
        return;
    p->rate = p->shape.rate * (step + 1) / RAMP_STEPS;
    if (p->rate == 0)
        p->rate = 1;
    p->ramp_next_ns = p->start_ns + (step + 1) * step_ns;
}

static void next_slot(struct flood_pace *p, uint32_t bits)
{
    uint64_t units = cost(p, bits);

    if (p->shape.gap == FLOOD_POISSON) {
        const uint64_t times = flood_pace_exponential(splitmix(p->shape.seed, p->drawn++));

        units = (uint64_t)((unsigned __int128)units * times >> 32);
    } else if (p->shape.gap == FLOOD_BURSTS) {
        p->owed += units;
        if (++p->in_burst < p->shape.burst)
            return;
        units = p->owed;
        p->owed = 0;
        p->in_burst = 0;
    }
    advance(p, units);
    if (p->next_ns >= p->ramp_next_ns)
        climb(p);
}

uint64_t flood_pace_jump(struct flood_pace *p, uint32_t bits, uint64_t now_ns)
{
    const uint64_t units = cost(p, bits);
    uint64_t n;

    if (!flood_pace_late(p, now_ns) || now_ns - p->next_ns < FLOOD_LOST_NS)
        return 0;
    n = p->rate * least(FLOOD_JUMP_NS, p->end_ns - p->next_ns) / units;
    if (n == 0)
        return 0;
    advance(p, n * units);
    p->owed = 0;
    p->in_burst = 0;
    if (p->next_ns >= p->ramp_next_ns)
        climb(p);
    return n;
}

void flood_pace_init(struct flood_pace *p, const struct flood_shape *shape, uint64_t start_ns,
                     uint64_t end_ns)
{
    *p = (struct flood_pace){.shape = *shape,
                             .start_ns = start_ns,
                             .end_ns = end_ns,
                             .next_ns = start_ns,
                             .fast_ns = start_ns};
    climb(p);
}

void flood_pace_change(struct flood_pace *p, uint64_t rate, bool packets, uint64_t now_ns)
{
    if (p->shape.rate == 0 || p->next_ns > now_ns) /* no schedule until now, or a slot far ahead */
        p->next_ns = p->fast_ns = now_ns;
    p->shape.rate = rate;
    p->shape.packets = packets;
    p->shape.ramp_ns = 0;
    p->owed = 0;
    p->in_burst = 0;
    climb(p);
}

void flood_pace_sent(struct flood_pace *p, uint32_t bits, uint64_t now_ns)
{
    const uint64_t slot_ns = p->next_ns;

    if (p->shape.rate == 0)
        return;
    next_slot(p, bits);
    if (p->fast_ns + FLOOD_BURST_NS < now_ns)
        p->fast_ns = now_ns - FLOOD_BURST_NS;
    p->fast_ns += (p->next_ns - slot_ns) / 5 * 4;
}

void flood_pace_slip(struct flood_pace *p, uint32_t bits)
{
    next_slot(p, bits);
}
