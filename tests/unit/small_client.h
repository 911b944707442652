// SPDX-License-Identifier: BSD-3-Clause
/*
 * What clients of echo, discard and chargen share, on the rig (tests/sim/netrig.h).
 */
#ifndef TESTS_UNIT_SMALL_CLIENT_H
#define TESTS_UNIT_SMALL_CLIENT_H

#include <stddef.h>
#include <stdint.h>
#include "netrig.h"
#include "rig_service.h"

#define ECHO    7
#define DISCARD 9
#define CHARGEN 19

/* Set-up of a test: all three serve. */
int small_setup(void **state);
#define TEST(f) cmocka_unit_test_setup_teardown(f, small_setup, rig_teardown)

/* Bytes that are nowhere the same for long; to be freed. */
uint8_t *small_noise(size_t n);

/* The client has no room any more, and says so with a byte that it sends: a window may shrink only
 * as the sequence number moves. */
void small_stop_reading(struct rig_tcp *t, uint8_t byte);

#endif
