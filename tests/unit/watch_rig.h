// SPDX-License-Identifier: BSD-3-Clause
/*
 * What tests of the watchdog share beyond vnet_rig.h: a NIC that is up, the main loop's turns, in
 * which the device works unless it is blocked, and what the watchdog has counted. The device resets
 * no queue alone; test_vnet_queue.c has those that do.
 */
#ifndef WATCH_RIG_H
#define WATCH_RIG_H

#include "fault.h"
#include "vnet_rig.h"

#define S   (1000 * MS)
#define MIN (60 * S)

extern bool blocked;       /* the device takes no frame to send */
extern bool mute;          /* it does not answer on its control queue */
extern uint8_t command[2]; /* of the last one that it answered: class, command */
extern bool rx_due;        /* somebody waits for frames */

/* cmocka's, around vnet_rig.h's. teardown_watch() ends what ask() began. watch_up() is for tests
 * between setup() and teardown_watch(): the device offers this as well. */
int setup_watch(void **state);
int teardown_watch(void **state);
void watch_up(uint64_t more);
#define W(f) cmocka_unit_test_setup_teardown(f, setup_watch, teardown_watch)

/* One turn of the main loop, so much later; for so long, a turn each 5 ms. */
void loop(uint64_t ns);
void run(uint64_t ns);

/* A fault on demand, n as fault.h says; from_ns 0: at once. */
void ask(enum fault_kind kind, uint64_t n, uint64_t from_ns, uint64_t to_ns);

/* A frame each way, by the loop. */
void traffic_goes_on(void);

/* So many stalls of this cause and none of another, of which so many were judged; so many
 * recoveries by this action and none by another. */
void stalls(enum vnet_cause cause, uint64_t n, uint64_t judged);
void recoveries(enum vnet_action action, uint64_t n);

/* None of any cause was judged. */
void none_judged(void);
void nothing_was_said(void);
struct vnet_totals totals(void);

#endif
