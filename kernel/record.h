// SPDX-License-Identifier: BSD-3-Clause
/*
 * Records: one JSON object per line on the console, complete when its newline is out.
 *
 *     struct json *j = record_begin("stall");
 *     json_str(j, "nic", "net0");
 *     record_end();
 *
 * record_begin() writes "event" and "t_us". One record at a time: begin and end pair up within one
 * function.
 */
#ifndef KERNEL_RECORD_H
#define KERNEL_RECORD_H

#include <stdbool.h>
#include <stdint.h>
#include "json.h"

struct json *record_begin(const char *event);

/* Queues the line whole. A record larger than the line buffer or than the room in the console's
 * ring is dropped and counted. */
void record_end(void);

/* {"event":"error","message":…} with a printf format. */
void record_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Ten records a second, for those that others can cause as often as they like: true if one more may
 * be written. All zero to begin with. */
struct record_budget {
    uint64_t since_ns; /* when the current second began */
    unsigned written;  /* in it */
};
bool record_allowed(struct record_budget *b);

uint64_t record_dropped(void);

#endif
