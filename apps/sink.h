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

/* What was counted of a run so far, of the frames that came here or (`back`) that a reflector
 * returned: what was received, the gap, and every limit on loss, order, damage and delay; a delay
 * is one only of a run that sink_expect() knows. False: nothing is known of it. */
bool sink_totals(uint16_t run, bool back, struct job_totals *t);

/* A job of ours stamps the frames of this run, which is about to begin: their delay is measured by
 * one clock. */
void sink_expect(uint16_t run);

#endif
