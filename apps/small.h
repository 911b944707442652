// SPDX-License-Identifier: BSD-3-Clause
/*
 * What echo, discard and chargen share: one table of TCP connections, their life, the UDP port, the
 * counters. A service adds what it does with bytes, in three functions.
 */
#ifndef APPS_SMALL_H
#define APPS_SMALL_H

#include <stdbool.h>
#include <stdint.h>
#include "config.h"
#include "json.h"
#include "lwip/tcp.h"
#include "lwip/udp.h"

struct small_service;

struct small_conn {
    struct tcp_pcb *pcb; /* NULL: this place is free */
    struct small_service *service;
    uint64_t progress_ns; /* last time a byte was taken, by the peer or from one who takes ours */
    bool eof;             /* the peer has sent its FIN */
    uint32_t in;          /* bytes taken from the peer; free-running, the service writes it */
    uint32_t out;         /* bytes handed to the stack; likewise */
    uint32_t acked;       /* of those, acknowledged; free-running */
    uint32_t edge;        /* how far the peer may send, as `in` counts */
    uint8_t *ring;        /* CONFIG_ECHO_RING bytes that belong to this place */
};

struct small_counters {
    uint64_t accepted, timed_out;
    uint64_t rx_bytes, tx_bytes;         /* over TCP; tx counts what the peer has acknowledged */
    uint64_t rx_datagrams, tx_datagrams; /* over UDP */
    uint32_t open;
};

struct small_service {
    uint16_t port;
    uint32_t window; /* the most a peer may have on the way to us; UINT32_MAX = the stack's */

    /* Bytes arrived. The chain stays the caller's. */
    void (*input)(struct small_conn *c, const struct pbuf *p);

    /* Something changed: the connection is new, bytes arrived or were acknowledged, time passed.
     * Queue what there is room for. True: all is said and acknowledged, close. */
    bool (*output)(struct small_conn *c);

    /* Answers a datagram whose sender may be answered; true if an answer went out. NULL: never. */
    bool (*answer)(struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *addr, u16_t port);

    struct small_counters n;
};

/* Opens both ports. False: why is in an `error` record. */
bool small_start(struct small_service *service);

/* Sends p where the datagram that is being handled came from, from the address it was sent to. */
bool small_reply(struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *addr, u16_t port);

/* NULL, or why the sender of the datagram being handled gets no answer. */
const char *small_silence(const ip_addr_t *addr, u16_t port);

/* The counters, into the service's open object. */
void small_json(const struct small_service *service, struct json *j);

#endif
