// SPDX-License-Identifier: BSD-3-Clause
/*
 * Segments made by hand on the rig (tests/sim/netrig.h), to a TCP service on port 9 that keeps what
 * it gets: what arrived can be compared with what was sent, and counted by calls.
 */
#ifndef TESTS_UNIT_RIG_STREAM_H
#define TESTS_UNIT_RIG_STREAM_H

#include <stdbool.h>
#include <stdint.h>
#include "lwip/tcp.h"
#include "netrig.h"

#define RIG_STREAM_PORT 9

struct rig_stream {
    uint8_t data[1 << 18]; /* what the peer has to send */
    uint8_t got[1 << 18];  /* what the service got, in order */
    uint32_t n;            /* bytes of that */
    unsigned calls;        /* in which it came */
    unsigned pushed;       /* of these with PSH */
    unsigned used_most;    /* pbufs of the pool in use at one of them */
    uint32_t first;        /* sequence number of the connection's first byte */
};
extern struct rig_stream rig_stream;

/* Behind the rig's set-up: nothing has come, and the service listens. */
void rig_stream_setup(void);

/* The service: for tcp_recv(), where a test has another one in front of it. */
err_t rig_stream_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err);

/* The peer connects to it, or to another port; the first byte's number is noted. */
void rig_stream_connect(struct rig_tcp *t, bool v6);
void rig_stream_connect_to(struct rig_tcp *t, bool v6, uint16_t port);

/* The first so many bytes have arrived, and nothing of them is kept any more. Then none have come,
 * as before. */
void rig_stream_arrived(uint32_t len);

/* For rig.meanwhile: the device writes to the headers of IPv4 and TCP. */
void rig_scribble(uint8_t *frame);

#endif
