// SPDX-License-Identifier: BSD-3-Clause
/*
 * What tests of the stack on the rig (tests/sim/netrig.h) share: services of a few lines, and
 * chance that repeats.
 */
#ifndef TESTS_UNIT_RIG_STACK_H
#define TESTS_UNIT_RIG_STACK_H

#include <stdbool.h>
#include <stdint.h>
#include "lwip/tcp.h"

/* Listens on a TCP port, over both protocols, with a backlog as services have it. */
struct tcp_pcb *rig_listen(uint16_t port, tcp_accept_fn accept);

/* Takes everything, counts it, and closes when the peer does. */
err_t rig_sink_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err);
extern uint64_t rig_sunk;

/* A number below that. The environment's variable, where it is set, seeds it for the program. */
uint32_t rig_rnd(uint32_t below);
void rig_seed_from(const char *variable);

/* For rig.filter: every frame from the guest is lost. */
bool rig_lose_all(const uint8_t *frame, uint32_t len);

#endif
