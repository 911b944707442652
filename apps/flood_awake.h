// SPDX-License-Identifier: BSD-3-Clause
/*
 * Whether a flood without a rate keeps the loop from sleeping while the ring is full.
 *
 * To be woken takes longer than the device needs for the ring, which it then finds empty: awake,
 * the guest keeps it busy all the time. That is worth a CPU where there is one. Where the host has
 * other work for its CPUs, the loop would take one away from the device, which needs it more. That
 * is seen by turns that come so late that the loop was not run, and that are together more than a
 * quarter of the time lately; a single one means little, since the emulator itself has the guest
 * wait at times. Then the loop sleeps whenever it can, for a time that doubles each time when the
 * same is seen again soon after.
 */
#ifndef APPS_FLOOD_AWAKE_H
#define APPS_FLOOD_AWAKE_H

#include <stdbool.h>
#include <stdint.h>

struct flood_awake {
    uint64_t turn_ns;       /* the last turn */
    uint64_t not_run_ns;    /* of late turns, less a quarter of the time since */
    uint64_t sleepy_ns;     /* until when it may sleep, */
    uint64_t sleepy_for_ns; /* which was so long */
};

void flood_awake_start(struct flood_awake *a, uint64_t now_ns);

/* Each turn of the loop. */
void flood_awake_turn(struct flood_awake *a, uint64_t now_ns);

/* False: it may sleep. */
static inline bool flood_awake(const struct flood_awake *a)
{
    return a->turn_ns >= a->sleepy_ns;
}

#endif
