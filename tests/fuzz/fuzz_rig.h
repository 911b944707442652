// SPDX-License-Identifier: BSD-3-Clause
/*
 * The guest's real stack and all its services between a NIC of memory and a peer
 * (tests/sim/netrig.h), for targets whose input is what a peer does.
 */
#ifndef FUZZ_RIG_H
#define FUZZ_RIG_H

#include "fuzz.h"
#include "netrig.h"

/* A guest that serves; with `dhcp`, one that asks for its IPv4 address and has none yet. */
void fuzz_rig_begin(bool dhcp);

/* Turns of the main loop until there is nothing to do, then `ms` milliseconds later again. */
void fuzz_rig_pass(uint64_t ms);

/* What must hold after any input: jobs end when they are asked to, the guest answers a ping and
 * echoes over TCP, every service lets go of what it had, every pool is idle, and no allocation has
 * ever failed. */
void fuzz_rig_end(void);

/* Sends at most n bytes on a connection, as far as the guest's window goes, and forgets the rest.
 */
void fuzz_rig_send(struct rig_tcp *t, const uint8_t *data, size_t n);

#endif
