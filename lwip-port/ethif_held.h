// SPDX-License-Identifier: BSD-3-Clause
/*
 * Received TCP segments for the stack without a copy of their payload.
 *
 * The stack gets two pbufs: a copy of the headers, on which it takes decisions more than once, and
 * behind it the payload where the device put it. A sink has freed both when the input returns, and
 * the buffer is free for the ring at once. What the stack keeps, because a segment before it is
 * missing, is the driver's to spare (vnet_rx_hold()); it is known by the count of them, so that a
 * peer who has much kept gets no more than copies.
 *
 * Only TCP: it takes received bytes in, counts them, and forgets them. Whatever else is received
 * may be sent back, or wait for a neighbour.
 *
 * Of a segment that is merged with the one before (gro.h) there is the payload only.
 */
#ifndef LWIP_PORT_ETHIF_HELD_H
#define LWIP_PORT_ETHIF_HELD_H

#include <stdint.h>
#include "lwip/pbuf.h"
#include "virtio_net.h"

/* The headers of a TCP segment that are fetched: all options of TCP over IPv4, 40 bytes of them
 * over IPv6. A segment with more is copied. */
#define ETHIF_HEADERS_MAX 96

/* Where to fetch the beginning of a received frame to: ETHIF_HEADERS_MAX bytes, to be used until
 * the next call of either of these. */
uint8_t *ethif_held_room(void);

/* The frame, without its first `skip` bytes, for the stack, which gets nb with it. Its headers, so
 * many bytes and fewer than it has, were fetched to ethif_held_room(). NULL: nothing has happened,
 * the frame is to be copied. */
struct pbuf *ethif_hold(struct vnet *vn, struct netbuf *nb, uint32_t headers, uint32_t skip);

/* The payload of a frame behind so many bytes of headers, for the stack, which gets nb with it.
 * NULL: nothing has happened. */
struct pbuf *ethif_hold_payload(struct vnet *vn, struct netbuf *nb, uint32_t headers);

/* How many pbufs of these the stack has. */
unsigned ethif_held_pbufs(void);

#endif
