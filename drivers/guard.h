// SPDX-License-Identifier: BSD-3-Clause
/*
 * Guards: bytes behind a piece of memory that a device is given, which nobody has a right to write.
 * Where they changed, somebody wrote beyond his place. They lie behind what they guard, so the next
 * piece begins behind its neighbour's.
 */
#ifndef DRIVERS_GUARD_H
#define DRIVERS_GUARD_H

#include <stdbool.h>
#include <stdint.h>
#include "config.h"
#include "string.h"

/* No length, index or header reads so, nor what fills memory usually. */
#define GUARD_BYTE 0xc5

static inline void guard_set(uint8_t *guard)
{
    memset(guard, GUARD_BYTE, CONFIG_GUARD_BYTES);
}

/* True if it is not as it was set; it is set again then. */
static inline bool guard_broken(uint8_t *guard)
{
    for (unsigned i = 0; i < CONFIG_GUARD_BYTES; i++)
        if (((volatile uint8_t *)guard)[i] != GUARD_BYTE) {
            guard_set(guard);
            return true;
        }
    return false;
}

#endif
