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
 */
#ifndef LWIP_PORT_ETHIF_HELD_H
#define LWIP_PORT_ETHIF_HELD_H

#include <stdint.h>
#include "lwip/pbuf.h"
#include "virtio_net.h"

/* The headers of any TCP segment directly in IP. */
#define ETHIF_HEADERS_MAX (14 + 60 + 60)

/* The frame, without its first `skip` bytes, for the stack, which gets nb with it; `head` are its
 * first `headers` bytes as they were looked at, at most ETHIF_HEADERS_MAX and fewer than it has.
 * NULL: nothing has happened, the frame is to be copied. */
struct pbuf *ethif_hold(struct vnet *vn, struct netbuf *nb, const uint8_t *head, uint32_t headers,
                        uint32_t skip);

/* How many pbufs of these the stack has. */
unsigned ethif_held_pbufs(void);

#endif
