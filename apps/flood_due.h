// SPDX-License-Identifier: BSD-3-Clause
/*
 * When the frames of a flood were due, and how long after that they came.
 *
 * A frame is stamped when it leaves, so its delay is the network's. Where the guest was not run or
 * the ring was full, frames leave late, and the worst that the flood's user saw is in no stamp: the
 * samples that a pause kept from being taken [coordinated omission]. So how late each frame left is
 * remembered here, by its number, and added to its delay when it comes; and what never left, since
 * it was too late for that, counts with the time until it was given up.
 *
 * Numbers are those of the flood: the n-th frame of flow f is n * flows + f. Of the last
 * CONFIG_FLOOD_RECENT that were sent it is known how late they were. One that comes behind so many
 * others, like one without a schedule, counts with its delay alone, which is the least that it can
 * have been.
 *
 * There is one flood at a time, so there is one of this.
 */
#ifndef APPS_FLOOD_DUE_H
#define APPS_FLOOD_DUE_H

#include <stdint.h>
#include "hdr.h"
#include "testframe.h"

/* A flood begins, with so many flows, each of which counts from first_seq. */
void flood_due_start(uint16_t run, uint32_t flows, uint64_t first_seq);

/* n frames leave now: the next ones of the flood. Each has the time at which it was due, or none of
 * them has one (NULL). */
void flood_due_sent(const uint64_t *due_ns, unsigned n, uint64_t now_ns);

/* So many never will: they have been due for so long. */
void flood_due_slipped(uint64_t late_ns, uint64_t n);

/* A frame came, so long after it left: sink_came of sink.h. */
void flood_due_came(const struct testframe *f, uint64_t delay_ns);

/* What there is of that: empty unless there was a schedule. */
const struct hdr *flood_due_delays(void);

#endif
