// SPDX-License-Identifier: BSD-3-Clause
/*
 * A scripted client of the iperf3 server, on the rig (tests/sim/netrig.h): the steps of the
 * protocol, each with what the server has to answer.
 */
#ifndef TESTS_UNIT_IPERF3_CLIENT_H
#define TESTS_UNIT_IPERF3_CLIENT_H

#include <stdbool.h>
#include <stdint.h>
#include "iperf3.h"
#include "netrig.h"
#include "rig_service.h"

#define PORT IPERF3_PORT

/* Results of a client that says nothing of its streams. */
#define EMPTY "{\"streams\":[]}"

struct client {
    struct rig_tcp control;
    struct rig_tcp data[8];
    char cookie[IPERF3_COOKIE_BYTES];
};

/* Set-up and tear-down of a test; a session that is left behind fails it. */
int client_setup(void **state);
int client_teardown(void **state);
#define TEST(f) cmocka_unit_test_setup_teardown(f, client_setup, client_teardown)

/* ---- the control connection ----------------------------------------------------------------- */

/* Connects, and sends a cookie that begins with `name`. */
void client_connect(struct client *c, const char *name);

/* The next byte, within 100 ms or as told; -1: none came. */
int client_hear(struct client *c);
int client_hear_within(struct client *c, uint64_t ms);

void client_say(struct client *c, uint8_t message);
void client_say_block(struct client *c, const char *text);

/* It is asked for its parameters, and says them. */
void client_offer(struct client *c, const char *params);

/* All up to the server's wish for streams. */
void client_ask(struct client *c, const char *name, const char *params);

/* The server says that the test begins. */
void client_hear_start(struct client *c);

/* The server refuses with this code, and closes. */
void client_hear_refusal(struct client *c, uint8_t code);

/* ---- streams -------------------------------------------------------------------------------- */

/* The k-th connection with the client's cookie. */
void client_open_tcp(struct client *c, unsigned k);

/* A datagram that asks to be a stream, from that port; whether it was answered. */
void client_hello(uint16_t port);
bool client_answered(uint16_t port);

/* A datagram of a stream, with its number. */
void client_datagram(uint16_t port, uint32_t number, uint32_t len);
void put_be32(uint8_t *b, uint32_t v);

/* ---- whole tests ---------------------------------------------------------------------------- */

/* Up to the traffic: n streams over TCP; over UDP from the ports first, first + 1, … */
void client_begin_tcp(struct client *c, const char *name, const char *params, unsigned n);
void client_begin_udp(struct client *c, const char *name, const char *params, uint16_t first,
                      unsigned n);

/* Ends the test, says `ours`, and returns the server's results, which last until the next call. */
const char *client_results(struct client *c, const char *ours);

/* Its connections are gone. */
void client_close(struct client *c);

/* The same, and the record of the test says that it ended so. */
void client_ended(struct client *c, const char *end);

/* Says that it is done, and goes: after its results, and that is in the record; or at any time. */
void client_finish(struct client *c);
void client_leave(struct client *c);

/* A number of the last `result` record. */
int64_t client_recorded(const char *key);

#endif
