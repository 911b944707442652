// SPDX-License-Identifier: BSD-3-Clause
/*
 * What the loop spends its time with: turns that did something, turns that found nothing to do,
 * sleep. The time is the clock's, so it has whatever the host did in the guest's place meanwhile.
 *
 * Time of turns that did something, over the packets of that time, is what a packet costs. Unlike
 * the CPU time that the guest uses it is free of the looking around before a sleep, of which there
 * is the more the faster the guest is.
 */
#ifndef KERNEL_USAGE_H
#define KERNEL_USAGE_H

#include <stdint.h>
#include "json.h"

enum usage { USAGE_BUSY, USAGE_IDLE, USAGE_ASLEEP, USAGE_KINDS };

/* The loop begins, in its first turn. */
void usage_begin(uint64_t now_ns);

/* This was done from the last call until now. */
void usage_add(enum usage what, uint64_t now_ns);

/* Members of the open object: of each kind how often, and for how many microseconds in all. */
void usage_json(struct json *j);

#endif
