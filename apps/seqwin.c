// SPDX-License-Identifier: BSD-3-Clause
/*
 * See seqwin.h. The bit of a number is at number % bits. When the window moves on, a number's place
 * is taken by the one `bits` further: what its bit says then is whether it was given up.
 */
#include "seqwin.h"

#define WORD 64u

/* Stamps may leap by anything. No jitter is a quarter of an hour: the sum stays far from wrapping.
 */
#define JITTER_MAX_NS (1ull << 40)

static unsigned ones(uint64_t x)
{
    x -= x >> 1 & 0x5555555555555555ull;
    x = (x & 0x3333333333333333ull) + (x >> 2 & 0x3333333333333333ull);
    x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0full;
    return (unsigned)(x * 0x0101010101010101ull >> 56);
}

/* Clears n bits, at most all, from that of number `from` on; returns how many of them were clear.
 */
static uint64_t clear(uint64_t *map, uint32_t bits, uint64_t from, uint64_t n)
{
    uint64_t clear_before = 0;

    while (n > 0) {
        const uint32_t slot = (uint32_t)from & (bits - 1), at = slot % WORD;
        const uint32_t take = n < WORD - at ? (uint32_t)n : WORD - at;
        const uint64_t mask = (take == WORD ? ~0ull : (1ull << take) - 1) << at;
        uint64_t *word = &map[slot / WORD];

        clear_before += take - ones(*word & mask);
        *word &= ~mask;
        from += take;
        n -= take;
    }
    return clear_before;
}

/* Moves the window on so that it ends before `next`, with none of the new numbers seen. */
static void move_on(struct seqwin *w, uint64_t *map, uint32_t bits, uint64_t next)
{
    const uint64_t by = next - w->next;

    if (by > bits)
        w->given_up += by - bits;
    w->given_up += clear(map, bits, w->next, by < bits ? by : bits);
    w->next = next;
}

void seqwin_init(struct seqwin *w, uint64_t *map, uint32_t bits, uint64_t first)
{
    for (uint32_t i = 0; i < bits / WORD; i++)
        map[i] = ~0ull; /* what was before the first is not missed */
    *w = (struct seqwin){.next = first};
}

enum seqwin_kind seqwin_count_other(struct seqwin *w, struct seqwin_counts *n, uint64_t *map,
                                    uint32_t bits, uint64_t number)
{
    const uint64_t ahead = number - w->next, behind = w->next - number;
    const uint64_t bit = 1ull << number % WORD;
    uint64_t *word = &map[((uint32_t)number & (bits - 1)) / WORD];

    if ((int64_t)ahead > 0) {
        move_on(w, map, bits, number + 1);
        n->expected += ahead + 1;
        n->received++;
        *word |= bit;
        return SEQWIN_NEW;
    }
    if (behind <= bits && (*word & bit) == 0) {
        n->received++;
        n->reordered++;
        if (behind - 1 > n->distance_max)
            n->distance_max = behind - 1;
        *word |= bit;
        return SEQWIN_REORDERED;
    }
    if (behind <= bits || w->given_up == 0) {
        n->duplicate++;
        return SEQWIN_DUPLICATE;
    }
    w->given_up--;
    n->late++;
    return SEQWIN_LATE;
}

void seqwin_time(struct seqwin *w, struct seqwin_counts *n, uint64_t transit_ns)
{
    const uint64_t d = transit_ns - w->transit_ns;

    if (w->transit_ns != 0) {
        const uint64_t size = (int64_t)d < 0 ? 0 - d : d;

        n->jitter16_ns += (size < JITTER_MAX_NS ? size : JITTER_MAX_NS) - n->jitter16_ns / 16;
    }
    w->transit_ns = transit_ns;
}
