// SPDX-License-Identifier: BSD-3-Clause
/*
 * What every TCP service does the same way: listen or connect, bound the receive window, write
 * without copying, close. Context: main loop, lwIP's callbacks included.
 *
 * A service that cannot consume on arrival keeps the bytes, never the stack's buffers, and lets the
 * peer send no more than it has room for: the window is its room. It is that small from the first
 * SYN-ACK on, since a window, once announced, may not be taken back [RFC 9293 3.8.6].
 */
#ifndef APPS_CONN_H
#define APPS_CONN_H

#include <stdbool.h>
#include <stdint.h>
#include "job_params.h"
#include "lwip/tcp.h"

/* Takes the stack's one slot for per-connection extensions. Once, before the first conn_listen().
 */
void conn_init(void);

/* Listens on every address, IPv4 and IPv6. Connections start with a receive window of at most
 * `window` bytes; `arg` is the first argument of their callbacks until tcp_arg() says otherwise.
 * False: why is in an `error` record. */
bool conn_listen(uint16_t port, uint32_t window, tcp_accept_fn accept, void *arg);

/* A connection's place in the order in which the SYNs came, over all listeners; a number that
 * wraps. A client that opens one connection after the other is seen in its own order here, even if
 * what it sent on them was overtaken. */
uint32_t conn_order(const struct tcp_pcb *pcb);

/* First duty of an accept callback: the connection is ours now, and weighs more than half-open
 * ones. Returns its receive window. */
uint32_t conn_accepted(struct tcp_pcb *pcb, uint8_t prio);

/* The address of a job's target, which is there; a link-local one is on the link of the first NIC.
 */
void conn_address(ip_addr_t *to, const struct job_target *t);

/* Opens a connection; `arg` is the first argument of its callbacks. NULL: *err says why, ERR_RTE if
 * there is no way to that address now. Else `connected` or `failed` is called later; the connection
 * is the caller's to close or abort until then, too. */
struct tcp_pcb *conn_connect(const ip_addr_t *to, uint16_t port, tcp_connected_fn connected,
                             tcp_err_fn failed, void *arg, err_t *err);

/* First duty of a connected callback: the peer may send `window` bytes to begin with. */
void conn_connected(struct tcp_pcb *pcb, uint32_t window, uint8_t prio);

/* Lets the peer send up to `target`, or as far towards it as the stack allows. Both are positions
 * in what the peer sends, free-running: *edge is how far it may send by now, to begin with the
 * window that conn_accepted() returned, and never moves back. A peer that was stopped is told at
 * once.
 *
 * Positions, not a window size: the stack reports what was acknowledged before it hands over what
 * arrived with it, so that at that moment nobody knows how much of the window is in use. */
void conn_window(struct tcp_pcb *pcb, uint32_t *edge, uint32_t target);

/* Queues as much of data as there is room for and returns how much. By address: the bytes must stay
 * as they are until the sent callback has reported them. */
uint32_t conn_write(struct tcp_pcb *pcb, const void *data, uint32_t len);

/* The same from a ring of so many bytes, a power of two, in which `in` and `out` are positions,
 * free-running: what is there from *out to `in`, and *out moves behind what was queued. */
void conn_write_ring(struct tcp_pcb *pcb, const uint8_t *ring, uint32_t size, uint32_t *out,
                     uint32_t in);

/* Copies all of p into such a ring, which has room for it, from *in on. p stays the caller's. */
void conn_fill_ring(uint8_t *ring, uint32_t size, uint32_t *in, const struct pbuf *p);

/* True if the peer has acknowledged everything that was queued. While it has not, bytes that come
 * from it are no sign that it goes on: one that takes none of ours and is stuck with its own sends
 * one of them now and then to ask for room [RFC 9293 3.8.6.1], and we may have room for it. */
bool conn_all_acked(const struct tcp_pcb *pcb);

/* Ends a connection: what was queued is still sent, unread input is forgotten, no callback comes
 * any more. abort: RST instead, so that nothing of ours is referenced when the call returns. Both
 * give the value that a recv, sent or poll callback has to return. */
err_t conn_close(struct tcp_pcb *pcb);
err_t conn_abort(struct tcp_pcb *pcb);

#endif
