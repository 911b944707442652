// SPDX-License-Identifier: BSD-3-Clause
/*
 * See flood_awake.h.
 */
#include "flood_awake.h"

#include "time.h"

/* A turn that takes so long was not run, or had to wait; not run for so long in all is too much. */
#define LATE_NS        (300 * NS_PER_US)
#define NOT_RUN_NS_MAX (2 * NS_PER_MS)

#define SLEEPY_NS      (10 * NS_PER_MS)
#define SLEEPY_NS_MAX  NS_PER_S

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

void flood_awake_start(struct flood_awake *a, uint64_t now_ns)
{
    *a = (struct flood_awake){.turn_ns = now_ns, .sleepy_ns = now_ns, .sleepy_for_ns = SLEEPY_NS};
}

void flood_awake_turn(struct flood_awake *a, uint64_t now_ns)
{
    const uint64_t took = now_ns - a->turn_ns;
    const bool awake = flood_awake(a); /* it has not slept since */

    a->turn_ns = now_ns;
    if (!awake)
        return;
    if (took > LATE_NS)
        a->not_run_ns += took;
    else
        a->not_run_ns -= least(took / 4, a->not_run_ns);
    if (a->not_run_ns < NOT_RUN_NS_MAX)
        return;
    a->not_run_ns = 0;
    a->sleepy_for_ns = now_ns - a->sleepy_ns < a->sleepy_for_ns
                           ? least(2 * a->sleepy_for_ns, SLEEPY_NS_MAX)
                           : SLEEPY_NS;
    a->sleepy_ns = now_ns + a->sleepy_for_ns;
}
