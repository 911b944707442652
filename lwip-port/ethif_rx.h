// SPDX-License-Identifier: BSD-3-Clause
/*
 * Frames from the driver to lwIP.
 */
#ifndef LWIP_PORT_ETHIF_RX_H
#define LWIP_PORT_ETHIF_RX_H

#include <stdbool.h>

struct ethif;
struct netbuf;

/* Takes a received frame: the stack gets it, or it is dropped and counted. */
void ethif_rx(struct ethif *e, struct netbuf *nb);

/* Lets lwIP verify the checksums of TCP and UDP in what it gets next, or not; always all others. */
void ethif_rx_verify(struct ethif *e, bool verify);

#endif
