// SPDX-License-Identifier: BSD-3-Clause
/*
 * Loads that bring a pool of the stack to its bound, and the steps that they are made of: a service
 * that fills its send queues, as many peers as there may be, and strangers.
 */
#ifndef TESTS_UNIT_LEDGER_LOAD_H
#define TESTS_UNIT_LEDGER_LOAD_H

#include <stdbool.h>
#include <stdint.h>
#include "lwip/tcp.h"
#include "netrig.h"
#include "rig_stack.h"

/* ---- a guest -------------------------------------------------------------------------------- */

/* Brings a guest up, after `prepare` has changed `rig`; NULL = it does not. The tear-down of each
 * test. */
void load_begin(void (*prepare)(void));
int load_end(void **state);

/* What may be changed: links that carry jumbo frames; these and DHCP on every NIC. */
void load_jumbo(void);
void load_dhcp_everywhere(void);

/* Each NIC has two addresses whose last bytes differ. */
void load_static_addresses(void);

/* ---- a service that fills its send queues --------------------------------------------------- */

#define LOAD_PORT 77

/* A segment is at most half of the largest window ever offered, so a peer can make it this small:
 * all of a queue then fits the congestion window at once. */
#define LOAD_SEG_BYTES 32u

extern enum load_filling { LOAD_EMPTY, LOAD_SEGMENTS, LOAD_PIECES } load_filling;

void load_listen(void);

/* As many segments as the queue takes, or one segment of as many pieces; the first of two bytes, so
 * that it can be split. */
void load_fill(struct tcp_pcb *pcb);

/* ---- peers ---------------------------------------------------------------------------------- */

extern struct rig_tcp load_conns[CONFIG_TCP_CONN];
extern uint32_t load_first_ack[CONFIG_TCP_CONN]; /* what is acknowledged by acknowledging nothing */

/* Connection i: the handshake is over, its window is closed, nothing of its data acknowledged. */
void load_connect(unsigned i, unsigned host, bool v6, uint32_t syn_window);

/* Says how large the window is, and acknowledges `data` bytes of what came. */
void load_window(unsigned i, uint32_t bytes, uint32_t data);

/* Single bytes with holes between them: the n-th of connection i. */
void load_hole(unsigned i, unsigned n);

/* Strangers ask for a port where nobody listens: each RST waits for an address that does not come,
 * in the place of whatever neighbour was known before. */
void load_strangers(unsigned first, bool v6, unsigned n);

/* A UDP service that turns datagrams round. */
void load_listen_echo(void);

/* Frames as large as they may be, turned round, and held while their neighbour is unknown: pings of
 * IPv4, datagrams of IPv6. */
void load_large_frames(unsigned first, bool v6, unsigned n);

/* Pings over IPv6 as large as they may be, from as many hosts. */
void load_echo_requests(unsigned first, unsigned n);

/* ---- loads ---------------------------------------------------------------------------------- */

/* As many connections as there may be. */
void load_connections(void);

/* Full queues and as much out of order as there may be. */
void load_segments(void);

/* Every neighbour that is unknown holds a segment of as many pieces as a queue has, which its peer
 * has acknowledged without having seen it; every queue is full of pieces again, and the first one
 * of each is split, while the link is down, so that nothing is sent. */
void load_references(void);

/* All that may be out of order, strangers' frames that are held, and one in hand. */
void load_packets(void);

/* Headers of all queues, then of resets that wait for their neighbours; the last one is made while
 * an address is asked for. */
void load_headers(void);

/* ICMPv6 replies of full size are packets of their own; so are each NIC's requests to its DHCP
 * server, whom nobody knows any more when half of the lease is over. The last reply replaces
 * another. */
void load_whole_packets(void);

/* All services, DHCP, and clients with all their streams. */
void load_services(void);

/* Every timer of the stack runs: those that run always, and TCP's. */
void load_timers(void);

void load_nothing(void);

#endif
