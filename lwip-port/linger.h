// SPDX-License-Identifier: BSD-3-Clause
/*
 * Lingering: when the loop, out of work, looks again for a while rather than sleep.
 *
 * A sleep costs a setting of the alarm, an interrupt and the way out of `hlt`; in an emulator about
 * as long as a small frame's whole way through the guest. Where somebody waits for each answer
 * before he asks the next question that is most of a round trip, so there the loop lingers for as
 * long as the next question usually takes. Bulk does better asleep: what comes meanwhile is taken
 * together, and the CPU is left to those who send it. And a guest that hears something now and
 * then only would spend a CPU on waiting. Hence two conditions, both on what came last: little, and
 * soon after what came before.
 */
#ifndef LWIP_PORT_LINGER_H
#define LWIP_PORT_LINGER_H

#include <stdbool.h>
#include <stdint.h>

struct linger {
    uint64_t heard_ns; /* when the loop had first nothing to do after the last frames */
    uint64_t frames;   /* received by then */
    uint64_t bytes;    /* received and sent by then */
    bool pays;         /* the last frames met both conditions */
};

/* The loop has nothing to do at now_ns; so many frames were received since the start, and so many
 * bytes received and sent. True: look again at once. False: sleep. */
bool linger(struct linger *l, uint64_t now_ns, uint64_t frames, uint64_t bytes);

#endif
