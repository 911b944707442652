// SPDX-License-Identifier: BSD-3-Clause
/*
 * Every possible order of steps of a driver with the real ring code, the CPU's store buffer, whose
 * oldest store reaches memory at any time (x86: loads overtake stores, a full fence waits for
 * them), and a small device, which takes, completes, looks at wishes, writes its own wish, and
 * looks again before it sleeps. The driver's accesses to shared memory are the points where others
 * may step in.
 *
 * All schedules are tried: each run follows a list of choices, the last of which is then changed; a
 * run ends early in a state that was seen before. A state from which nobody can step, while the
 * driver sleeps, is a lost wake-up.
 */
#ifndef RING_MODEL_H
#define RING_MODEL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "mmio.h"
#include "virtqueue_packed.h"
#include "virtqueue_split.h"

#define RING_MAX 4
#define STORES   16 /* more than any of the driver's operations makes without a fence */

/* A step that the driver, or the device, leaves out. */
enum left_out { NOTHING, KICK_FENCE, SLEEP_FENCE, LOOK_AGAIN, DEVICE_LOOK, WEIGH_AGAIN };

/* What is tried. */
extern struct variant {
    const struct vq_ops *ops;
    uint16_t size;
    bool event_idx;
    bool fences; /* or none: then there is a second look */
    enum left_out without;
} variant;

/* What the driver does; with what it has read meanwhile, this says where in the code it is. */
enum op { TAKE, ADD, PUBLISH, ASK, SET_TIMER, WEIGH, LOOK_ONCE_MORE, SLEEP, UNASK };

enum device_at {
    LOOK,
    READ_ID,
    WRITE_ENTRY,
    WRITE_INDEX,
    INTERRUPT,
    WISH,
    SECOND_LOOK,
    ASLEEP,
    UNWISH
};

/* Everything that makes up a state, but for the ring's memory. */
extern struct state {
    struct {
        enum op op;
        uint64_t read; /* hash of what it read and did during op */
        unsigned posted, done;
        unsigned back; /* bits: buffers that came back */
    } driver;
    struct vq vq;
    struct vq_slot slots[RING_MAX];
    struct {
        uintptr_t at;
        unsigned width;
        uint64_t v;
    } store[STORES];
    unsigned stores;
    struct {
        enum device_at at;
        uint16_t taken, id, before;
        uint16_t slot, wrap; /* packed */
    } device;
    uint16_t doorbell, interrupt;
} s;

/* Runs the driver beside a device that sleeps at an empty ring, in every order of steps; true if
 * one of them loses a wake-up. Then so many states were seen, in so many runs. */
bool loses_a_wakeup(struct variant v, void (*driver)(void));
extern unsigned long states_seen, runs_made;

/* What the driver is at from now on. */
void begin(enum op op);

/* Its stores are in memory. */
void fence(void);

/* It sleeps until there was an interrupt. */
void sleep_until_interrupt(void);

#endif
