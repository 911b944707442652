// SPDX-License-Identifier: BSD-3-Clause
/*
 * Gratuitous ARP and unsolicited neighbour advertisements.
 */
#ifndef LWIP_PORT_ANNOUNCE_H
#define LWIP_PORT_ANNOUNCE_H

#include "lwip/netif.h"

/* Frames that announce() sends at most. */
#define ANNOUNCE_FRAMES (1 + LWIP_IPV6_NUM_ADDRESSES)

/* Announces every address that the interface has. */
void announce(struct netif *netif);

#endif
