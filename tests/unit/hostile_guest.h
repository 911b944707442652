// SPDX-License-Identifier: BSD-3-Clause
/*
 * The guest in tests of what no honest peer sends: services of a few lines that behave as ours do,
 * and a look at whether it still answers.
 */
#ifndef TESTS_UNIT_HOSTILE_GUEST_H
#define TESTS_UNIT_HOSTILE_GUEST_H

#include "netrig.h"
#include "rig_stack.h"

/* Like every service, echo on port 7 admits no more connections than the ledger says. */
#define HOSTILE_ADMITTED_MAX (CONFIG_TCP_CONN - CONFIG_LISTENERS * CONFIG_BACKLOG)
extern unsigned hostile_admitted;

/* Set-up of a test: echo, over TCP and UDP. */
int hostile_setup(void **state);
#define ON_ECHO(f) cmocka_unit_test_setup_teardown(f, hostile_setup, rig_teardown)

err_t hostile_echo_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err);
err_t hostile_echo_accept(void *arg, struct tcp_pcb *pcb, err_t err);

/* Port 9 takes everything; port 10 does too, but gives no window back. */
void hostile_listen_sinks(void);

/* The guest still answers, over both protocols. */
void hostile_alive(void);

#endif
