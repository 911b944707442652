// SPDX-License-Identifier: BSD-3-Clause
/*
 * The constant payload. Senders hand parts of it to the stack by address, for ever and as often as
 * they like: it is written once, before anything is sent, and nobody may write to it again.
 *
 * Pseudo-random, so that neither compression nor a lucky repetition on the way can flatter a rate
 * or hide a corruption; made from a seed, so that a run can be repeated.
 */
#include "app.h"
#include "netport.h"
#include "splitmix.h"
#include "string.h"

static uint8_t arena[CONFIG_PATTERN_BYTES] __attribute__((section(".noinit"), aligned(64)));

const uint8_t *const pattern = arena;

static_assert(PATTERN_BYTES % sizeof(uint64_t) == 0, "filled a word at a time");
static_assert(CONFIG_PATTERN_BYTES <= 2 * PATTERN_BYTES, "it repeats once");

void pattern_init(uint64_t seed)
{
    for (uint32_t i = 0; i < PATTERN_BYTES; i += (uint32_t)sizeof(uint64_t)) {
        const uint64_t z = splitmix(seed, i / sizeof(uint64_t));

        for (unsigned k = 0; k < sizeof(z); k++)
            arena[i + k] = (uint8_t)(z >> (8 * k));
    }
    memcpy(arena + PATTERN_BYTES, arena, sizeof(arena) - PATTERN_BYTES);
    netport_constant(arena, sizeof(arena));
}
