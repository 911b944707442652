// SPDX-License-Identifier: BSD-3-Clause
/*
 * The STAMP Session-Sender [RFC 8762 4.2]: test packets to a Session-Reflector at a rate, and what
 * comes back of them.
 *
 *     stamp_sender_start(&params, now);
 *     each turn: stamp_sender_poll(now)   until the state is STAMP_DONE or STAMP_FAILED
 *
 * Packets go out when they are due, whatever comes back, so no slow answer keeps a question from
 * being asked. What can is a guest that is not run: its packets leave late or not at all, and the
 * round trip from when they left does not tell. `from_due` does: it counts from when each packet
 * was due, and those that were given up with the time until then [coordinated omission].
 *
 * There is one session at a time.
 */
#ifndef APPS_STAMP_SENDER_H
#define APPS_STAMP_SENDER_H

#include <stdbool.h>
#include <stdint.h>
#include "flood_pace.h"
#include "hdr.h"
#include "lwip/ip_addr.h"
#include "seqwin.h"

struct stamp_params {
    ip_addr_t target;
    uint16_t port;  /* 0 = STAMP_PORT */
    uint32_t bytes; /* of a packet, STAMP_BYTES or more */
    struct flood_shape shape;
    uint64_t time_ns; /* 0 = for ever */
    uint64_t count;   /* ends it as well; 0 = off */
};

enum stamp_state {
    STAMP_IDLE,
    STAMP_SEEKING, /* the next station's address */
    STAMP_SENDING,
    STAMP_WAITING, /* for the last answers */
    STAMP_DONE,
    STAMP_FAILED /* it never began; see stamp_sender_why() */
};

/* Begins; the one before must not be under way. */
void stamp_sender_start(const struct stamp_params *p, uint64_t now_ns);

/* One budgeted turn; returns packets sent. When it must be called next, ns since boot; UINT64_MAX =
 * no need. */
unsigned stamp_sender_poll(uint64_t now_ns);
uint64_t stamp_sender_deadline(void);

enum stamp_state stamp_sender_state(void);

/* Where it failed: a literal. */
const char *stamp_sender_why(void);

/* No more packets are sent; answers to the last ones are still waited for. One that never began has
 * failed then. */
void stamp_sender_stop(uint64_t now_ns);

/* Another rate from now on, as in struct flood_shape. */
void stamp_sender_change_rate(uint64_t rate, bool packets, uint64_t now_ns);

struct stamp_figures {
    uint64_t sent, slipped;    /* slots in which one was sent, that were given up */
    uint64_t stray;            /* what came and is no answer to a packet of this session */
    uint64_t arrived;          /* packets of which a stateful reflector has told, by its numbers */
    struct seqwin_counts n;    /* answers, by the numbers of their packets; all sent are expected */
    uint64_t held_max_ns;      /* by the reflector */
    uint64_t heard_ns;         /* the last answer */
    uint64_t start_ns, end_ns; /* the first packet was due; sending was over; 0 = not yet */
    struct hdr trip, from_due;
};

/* Of the session that was begun last, up to now. */
const struct stamp_figures *stamp_sender_figures(void);

#endif
