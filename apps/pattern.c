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
#include "string.h"

static uint8_t arena[CONFIG_PATTERN_BYTES] __attribute__((section(".noinit"), aligned(64)));

const uint8_t *const pattern = arena;

static_assert(PATTERN_BYTES % sizeof(uint64_t) == 0, "filled a word at a time");
static_assert(CONFIG_PATTERN_BYTES <= 2 * PATTERN_BYTES, "it repeats once");

void pattern_init(uint64_t seed)
{
    uint64_t state = seed;

    /* SplitMix64: every seed, zero too, gives a full-period sequence, and a word costs three
     * multiplications. */
    for (uint32_t i = 0; i < PATTERN_BYTES; i += (uint32_t)sizeof(uint64_t)) {
        state += 0x9e3779b97f4a7c15ull;
        uint64_t z = state;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
        z ^= z >> 31;
        for (unsigned k = 0; k < sizeof(z); k++)
            arena[i + k] = (uint8_t)(z >> (8 * k));
    }
    memcpy(arena + PATTERN_BYTES, arena, sizeof(arena) - PATTERN_BYTES);
    netport_constant(arena, sizeof(arena));
}
