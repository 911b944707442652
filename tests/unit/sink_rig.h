// SPDX-License-Identifier: BSD-3-Clause
/*
 * Test frames on the rig (tests/sim/netrig.h), and what the analyser says of them.
 */
#ifndef TESTS_UNIT_SINK_RIG_H
#define TESTS_UNIT_SINK_RIG_H

#include <stdbool.h>
#include <stdint.h>
#include "netrig.h"
#include "rig_service.h"
#include "sink.h"
#include "sink_run.h"

#define SINK_RUN 0x1234

/* Set-up of a test: the analyser is on. */
int sink_setup(void **state);
#define TEST(f) cmocka_unit_test_setup_teardown(f, sink_setup, rig_teardown)

/* A test frame of SINK_RUN with so many bytes of payload, from the peer to this port of the guest;
 * its length. */
uint32_t sink_build(uint8_t *frame, bool v6, uint16_t port, const struct testframe *f,
                    uint32_t bytes);

/* One of the smallest, to the analyser, stamped with the guest's clock: put on the ring. */
void sink_send(uint16_t run, uint16_t flow, uint64_t seq);

/* A run that has to be known. */
const struct sink_run *sink_of(uint16_t run);

/* The service's statistics, as text; and a number of them, the first that is called so. */
const char *sink_stats(void);
uint64_t sink_stat(const char *key);

#endif
