// SPDX-License-Identifier: BSD-3-Clause
/*
 * Frames from lwIP to the driver.
 */
#ifndef LWIP_PORT_ETHIF_TX_H
#define LWIP_PORT_ETHIF_TX_H

#include <stdbool.h>
#include <stdint.h>
#include "lwip/err.h"

struct ethif;
struct netbuf;
struct netif;
struct offload_csum;
struct pbuf;

/* netif->linkoutput: copies the frame, the caller keeps p. Of a large TCP segment (p->tcp_mss) the
 * headers are copied; constant payload goes by address to a device that cuts it, everything else in
 * segments of that size. ERR_MEM is back-pressure: nothing was sent. */
err_t ethif_tx(struct netif *netif, struct pbuf *p);

/* A frame of so many bytes, in a buffer of vnet_tx_get(), whose checksum is complete but for what
 * offload_csum_begin() leaves. ERR_MEM: nothing was sent, and the buffer is given back. */
err_t ethif_tx_frame(struct ethif *e, struct netbuf *nb, uint32_t len,
                     const struct offload_csum *c);

/* True if there is room for so many frames of bulk data, or for as many as there ever can be. */
bool ethif_tx_room(const struct ethif *e, uint32_t frames);

/* These bytes never change, for as long as the guest runs: a device may read them at any time. */
void ethif_tx_constant(const void *bytes, uint32_t n);

/* True if all of them were said to be so. */
bool ethif_tx_is_constant(const void *bytes, uint32_t n);

#endif
