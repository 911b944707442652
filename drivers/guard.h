// SPDX-License-Identifier: BSD-3-Clause
/*
 * Guards: bytes beside a piece of memory that a device is given, which nobody has a right to write.
 * Where they changed, somebody wrote beyond his place. They lie behind what they guard, so the next
 * piece begins behind its neighbour's, and in front of the first one.
 */
#ifndef DRIVERS_GUARD_H
#define DRIVERS_GUARD_H

#include <stdbool.h>
#include <stdint.h>
#include "config.h"
#include "string.h"

/* No length, index or header reads so, nor what fills memory usually. */
#define GUARD_BYTE 0xc5
#define GUARD_WORD (0x0101010101010101u * GUARD_BYTE)

static inline void guard_set(uint8_t *guard)
{
    memset(guard, GUARD_BYTE, CONFIG_GUARD_BYTES);
}

/* True if it is not as it was set; it is set again then. A guard begins at a multiple of 8. */
static inline bool guard_broken(uint8_t *guard)
{
    const volatile uint64_t *words = (const volatile uint64_t *)(void *)guard;
    uint64_t changed = 0;

    for (unsigned i = 0; i < CONFIG_GUARD_BYTES / sizeof(*words); i++)
        changed |= words[i] ^ GUARD_WORD;
    if (changed != 0)
        guard_set(guard);
    return changed != 0;
}

/* Both guards of a place: the one in front may be that behind the place before. */
static inline void guard_set_around(uint8_t *place, uint32_t bytes)
{
    guard_set(place - CONFIG_GUARD_BYTES);
    guard_set(place + bytes);
}

static inline bool guard_broken_around(uint8_t *place, uint32_t bytes)
{
    bool front = guard_broken(place - CONFIG_GUARD_BYTES);

    return guard_broken(place + bytes) || front;
}

#endif
