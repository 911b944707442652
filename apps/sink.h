// SPDX-License-Identifier: BSD-3-Clause
/*
 * The analyser: counts test frames (testframe.h) as they come off a receive ring, before the stack,
 * and answers those that are for the reflector.
 *
 * Counted is what is for our station, or for a group, on UDP port TESTFRAME_PORT, whatever its
 * addresses, and what comes back from a reflector. A frame for SINK_REFLECT_PORT is counted and
 * sent back with the times of its coming and going.
 */
#ifndef APPS_SINK_H
#define APPS_SINK_H

#include <stdbool.h>
#include <stdint.h>
#include "job.h"
#include "testframe.h"

/* The reflector's port. Behind each of the two ports is a second one, for flows of a sender that
 * has no more source ports of its own. */
#define SINK_REFLECT_PORT (TESTFRAME_PORT + 2)

/* ---- for a job of ours that sends the frames ------------------------------------------------ */

/* `back`: not the frames that came here, but those that a reflector returned. `sent`: frames that
 * were sent, of which those that did not come are lost. */

/* A frame of the run came, new or reordered, so long after it was stamped; its number is whole. */
typedef void (*sink_came)(const struct testframe *f, uint64_t delay_ns);

/* Such a run is about to begin: its delay is measured by one clock, and each flow's first frame has
 * this number. `came`, unless it is NULL, is told of each frame. False: `services` leaves the
 * analyser out. */
bool sink_expect(uint16_t run, uint64_t first_seq, sink_came came);

/* What was counted of it so far: what was received, the gap, every limit on loss, order and damage,
 * and if any came those on delay. */
void sink_totals(uint16_t run, bool back, uint64_t sent, struct job_totals *t);

/* The last frame was sent at sent_ns: when no more of them are to be expected, if none comes until
 * then. */
uint64_t sink_over_ns(uint16_t run, bool back, uint64_t sent, uint64_t sent_ns);

/* Members of a record: from `expected` to the delay. */
void sink_put(struct json *j, uint16_t run, bool back, uint64_t sent);

/* ---- for others ----------------------------------------------------------------------------- */

/* The criteria with which run=serve was asked for, of each run. */
void sink_judge(struct verdict *v);

#endif
