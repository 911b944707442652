// SPDX-License-Identifier: BSD-3-Clause
/*
 * The guest in tests of traffic: a sink on port 9, and a source on port 19 that sends a pattern
 * over and over.
 */
#ifndef TESTS_UNIT_TRAFFIC_GUEST_H
#define TESTS_UNIT_TRAFFIC_GUEST_H

#include <stdbool.h>
#include <stdint.h>
#include "netrig.h"
#include "rig_stack.h"

extern uint8_t traffic_pattern[65536];
extern unsigned traffic_accepted; /* connections to the sink */

void traffic_listen_sink(void);
void traffic_listen_source(void);

/* Set-up of a test: both of them; the sink, and links that carry jumbo frames. */
int traffic_setup(void **state);
int traffic_setup_jumbo(void **state);
#define ON_DEFAULT(f) cmocka_unit_test_setup_teardown(f, traffic_setup, rig_teardown)
#define ON_JUMBO(f)   cmocka_unit_test_setup_teardown(f, traffic_setup_jumbo, rig_teardown)

/* Set-up of a test that brings the guest up by itself. */
int traffic_prepare(void **state);
#define ON_OWN(f) cmocka_unit_test_setup_teardown(f, traffic_prepare, rig_teardown)

/* A ping of so many bytes is answered with the same. */
void traffic_ping(bool v6, uint32_t len);

#endif
