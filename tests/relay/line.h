// SPDX-License-Identifier: BSD-3-Clause
/*
 * One direction of the relay: frames go in, suffer what the script says, and come out when they are
 * due. Time is the caller's, in nanoseconds, so that tests have their own.
 *
 * Nothing is lost but by the script, or where so much waits that the bounds are reached: that is
 * `overrun`, and no test's figures mean anything where it is not 0. At every moment
 *
 *     in + copies = out + dropped + overrun + waiting
 *
 * A frame may bear a header of the tap's own in front of it, which goes along unseen.
 */
#ifndef RELAY_LINE_H
#define RELAY_LINE_H

#include "script.h"

#define FRAME_MAX 65560u /* Ethernet header, 64 KiB, some bytes in front */

/* A frame passed by fewer others than its rule says goes on after so long, if nobody says else. */
#define PATIENCE_NS 100000000ull

struct line_counts {
    uint64_t in, out, in_bytes, out_bytes;
    uint64_t fate[ACTIONS]; /* frames that went in, by what was decided */
    uint64_t copies;        /* made of them */
    uint64_t expired;       /* reordered ones that went on because of the time */
    uint64_t overrun;
    uint64_t longest; /* frame that came in, in bytes */
    uint64_t waiting, waiting_max;
};

struct line_frame {
    uint64_t due_ns, number; /* the order of leaving */
    uint64_t in_ns;          /* when it came */
    uint32_t len;
    uint32_t behind; /* so many more have to pass it */
    uint8_t *bytes;
};

struct line {
    struct script script;
    struct line_counts counts;
    uint32_t front_bytes; /* of a header in front of each frame */
    uint64_t latency_ns;  /* of every frame */
    uint64_t patience_ns; /* of reordered ones, beyond it */
    uint32_t frames_max;
    uint64_t bytes_max;
    uint64_t left_in_ns; /* when the frame that line_get() gave last had come */
    /* private */
    struct line_frame *heap; /* by due_ns and number */
    uint32_t heap_n;
    struct line_frame *apart; /* reordered ones, in the order of coming */
    uint32_t apart_n;
    uint64_t number, bytes;
    uint8_t *leaving;
};

/* Bounds: frames that wait at one time, and their bytes. */
void line_init(struct line *l, uint32_t front_bytes, uint32_t frames_max, uint64_t bytes_max);
void line_free(struct line *l);

/* A frame goes in; it may be changed, and is the caller's again afterwards. */
void line_put(struct line *l, uint8_t *frame, uint32_t len, uint64_t now_ns);

/* The next frame that is due, valid until the next call; NULL: none is. */
const uint8_t *line_get(struct line *l, uint64_t now_ns, uint32_t *len);

/* When the next one will be; UINT64_MAX: nothing waits. */
uint64_t line_due_ns(const struct line *l);

#endif
