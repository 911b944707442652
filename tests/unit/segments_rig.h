// SPDX-License-Identifier: BSD-3-Clause
/*
 * A download from the HTTP service through a network that does what the test says, on the rig
 * (tests/sim/netrig.h), whose device cuts large segments.
 *
 * The peer sees what it would see on a wire: every byte that comes is compared, and the network
 * looks at every segment's size. The peer keeps nothing that comes out of order, which makes each
 * loss cost as much as it can; it may have any window (rig.peer_wnd) and MSS (rig.peer_mss).
 */
#ifndef TESTS_UNIT_SEGMENTS_RIG_H
#define TESTS_UNIT_SEGMENTS_RIG_H

#include <stdbool.h>
#include <stdint.h>
#include "netrig.h"

/* What it does to segments with payload on their way to the peer, and what it has seen of them. */
struct seg_net {
    uint32_t limit;    /* the peer's MSS: none may have more bytes; 1460 */
    unsigned loss;     /* one of so many is lost; 0: none */
    unsigned swaps;    /* one of so many comes behind the next one; 0: none */
    unsigned burst;    /* of what is sent at one time, so many arrive; 0: all */
    uint32_t narrow;   /* frames up to so long are carried, and no others; 0: all */
    bool too_long;     /* one was longer */
    uint32_t largest;  /* bytes */
    uint64_t segments; /* that were carried this far, or lost */
};
extern struct seg_net seg_net;

extern struct rig_tcp seg_peer;

/* Set-up of the group; of a test, which may set the rig and the network before it asks; and after
 * a test that failed. */
int seg_init(void **state);
int seg_setup(void **state);
int seg_teardown(void **state);
#define TEST(f) cmocka_unit_test_setup_teardown(f, seg_setup, seg_teardown)

/* The guest comes up and is asked for so many bytes; the answer's head is read. */
void seg_ask(uint64_t bytes, bool ip6);

/* So many more bytes come, at most so many in one read, and each is right. Fails if none comes for
 * so long. Returns milliseconds. */
uint64_t seg_take(uint64_t bytes, uint32_t at_once, uint64_t patience_ms);

/* Bytes that were asked for and have not come. */
uint64_t seg_left(void);

/* An acknowledgement, with the peer's window as it is. */
void seg_say(uint32_t ack);

/* The connection is closed and the guest ends, with nothing left: seg_setup() may follow. The same
 * where the peer goes away in the middle. */
void seg_end(void);
void seg_break_off(void);

/* Chance that repeats. */
uint32_t seg_roll(void);

#endif
