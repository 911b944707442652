// SPDX-License-Identifier: BSD-3-Clause
/*
 * Acknowledgements of received TCP data: when lwIP sends one at once, and when one for several.
 *
 * lwIP acknowledges every second segment as it comes. Segments that were received together lie in
 * the ring already: one acknowledgement for all of a connection's says the same within
 * microseconds, and costs us and the network one packet instead of many. It is what a receiver does
 * whose device merges segments. What is out of order is still answered one by one.
 */
#ifndef LWIP_PORT_ACKS_H
#define LWIP_PORT_ACKS_H

#include <stdbool.h>

/* Frames are about to be input, one after the other, until acks_send(): what they call for may wait
 * until then. */
struct pbuf;
struct tcp_pcb;
void acks_defer(void);
void acks_send(void);

/* What is input next, until this is called again, is several segments in one, or not. */
void acks_several(bool are);

/* A segment came for this connection, p is its data; lwIP has not looked at it yet, and will answer
 * what it does not take. */
void acks_segment(struct tcp_pcb *pcb, const struct pbuf *p);

#endif
