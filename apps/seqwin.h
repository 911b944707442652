// SPDX-License-Identifier: BSD-3-Clause
/*
 * What became of numbered frames, counted exactly with a bitmap of fixed size for each flow.
 *
 * The numbers of a flow go up by one. The window is the last `bits` of them up to the greatest that
 * was seen: each has a bit that says whether its frame came. A frame that comes is exactly one of
 * these, which are what `enum seqwin_kind` says and `struct seqwin_counts` counts:
 *
 *     new        its number is the greatest so far                  received
 *     reordered  smaller than that, in the window, not seen before  received, reordered
 *                [RFC 4737 3.3: smaller than the next one expected]
 *     duplicate  seen before [RFC 5560 4.1]                         duplicate
 *     late       behind the window, among the numbers that were     late
 *                given up when it passed them [RFC 7680 2.8: the
 *                threshold that tells late from lost, here in frames]
 *
 * `expected` are the numbers from the first to the greatest seen. A number that is expected and was
 * not received is lost; at a given moment some of these may still come. So of every run
 *
 *     expected = received + lost          frames that came = received + duplicate + late
 *     reordered <= received               late <= lost
 *
 * A late frame stays lost, as RFC 7680 has it. Of a frame behind the window it cannot be known
 * whether its number came before: as long as numbers were given up that no late frame accounts
 * for it is late, else a duplicate. So the two are exact where no duplicate comes later than a
 * window, or nothing is lost for good.
 *
 * Numbers have 64 bits and may start anywhere; beyond the last they go on from 0.
 */
#ifndef APPS_SEQWIN_H
#define APPS_SEQWIN_H

#include <stdint.h>

/* Of one flow. */
struct seqwin {
    uint64_t next;     /* one more than the greatest number seen */
    uint64_t given_up; /* numbers behind the window that did not come, less those that came late */
    uint64_t transit_ns; /* of the last frame, against an arbitrary origin; 0: not known */
};

/* Of all flows together. */
struct seqwin_counts {
    uint64_t expected;
    uint64_t received;
    uint64_t reordered;
    uint64_t duplicate;
    uint64_t late;
    uint64_t distance_max; /* how far behind the greatest number a reordered one was at most */
    uint64_t jitter16_ns;  /* 16 times the jitter */
};

enum seqwin_kind { SEQWIN_NEW, SEQWIN_REORDERED, SEQWIN_DUPLICATE, SEQWIN_LATE };

/* The flow begins with number `first`. `map` has room for `bits`, a power of two from 64 up. */
void seqwin_init(struct seqwin *w, uint64_t *map, uint32_t bits, uint64_t first);

/* A frame with this number came that is not the next one. */
enum seqwin_kind seqwin_count_other(struct seqwin *w, struct seqwin_counts *n, uint64_t *map,
                                    uint32_t bits, uint64_t number);

/* A frame with this number came. */
static inline enum seqwin_kind seqwin_count(struct seqwin *w, struct seqwin_counts *n,
                                            uint64_t *map, uint32_t bits, uint64_t number)
{
    uint64_t *word = &map[((uint32_t)number & (bits - 1)) / 64];
    const uint64_t bit = 1ull << number % 64;

    if (number != w->next)
        return seqwin_count_other(w, n, map, bits, number);
    w->given_up += (*word & bit) == 0; /* the number whose place it takes */
    *word |= bit;
    w->next++;
    n->expected++;
    n->received++;
    return SEQWIN_NEW;
}

/* That frame, if new or reordered, was so long on its way, by clocks that may be apart by anything:
 * the jitter of RFC 3550 6.4.1. The differences are those between frames of one flow; of several
 * flows together it is their common average. */
void seqwin_time(struct seqwin *w, struct seqwin_counts *n, uint64_t transit_ns);

static inline uint64_t seqwin_jitter_ns(const struct seqwin_counts *n)
{
    return n->jitter16_ns / 16;
}

static inline uint64_t seqwin_lost(const struct seqwin_counts *n)
{
    return n->expected - n->received;
}

#endif
