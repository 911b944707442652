// SPDX-License-Identifier: BSD-3-Clause
/*
 * A scripted server for the iperf3 client, on the rig (tests/sim/netrig.h): the steps of the
 * protocol as a server takes them, right or wrong.
 */
#ifndef TESTS_UNIT_IPERF3_PEER_H
#define TESTS_UNIT_IPERF3_PEER_H

#include <stdbool.h>
#include <stdint.h>
#include "iperf3.h"
#include "job.h"
#include "netrig.h"
#include "rig_service.h"

/* conn[0] is the control connection, the others are data connections in order. */
extern struct rig_tcp peer_conn[1 + CONFIG_IPERF_STREAM];
extern struct job *peer_job;

int peer_setup(void **state);
int peer_teardown(void **state);
#define TEST(f) cmocka_unit_test_setup_teardown(f, peer_setup, peer_teardown)

/* Keys and values of a job, "dir=rx streams=2": a client of this server starts. */
void peer_start(const char *words);

/* Says bytes; a block with its length. */
void peer_say(int message);
void peer_say_block(const char *text);

/* The next byte that the client says on the control connection, -1: none; a block of its. */
int peer_hear(void);
const char *peer_hear_block(void);

/* Steps of an honest server: the cookie and 9; the parameters, which are returned; 10 and n streams
 * over TCP, or UDP; 1 and 2. */
void peer_greet(void);
const char *peer_params(void);
void peer_streams(unsigned n, bool udp);
void peer_begin(void);

/* All of these. */
void peer_run(const char *words, unsigned n, bool udp);

/* From the client's 4 on: its results are returned, ours said, 14, and its 16. */
const char *peer_finish(const char *results);

/* Port of the k-th stream over UDP. */
extern uint16_t peer_udp_port[CONFIG_IPERF_STREAM];

/* The job is over, and its result has this end. */
void peer_ended(const char *end);

#endif
