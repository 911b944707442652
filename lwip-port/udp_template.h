// SPDX-License-Identifier: BSD-3-Clause
/*
 * Datagrams of one size from one port to another, in numbers.
 *
 * The stack makes the first one. Its headers are kept as they left: route, neighbour, addresses,
 * all as the stack would have them. Those that follow get a copy of these headers, with an
 * identification of their own, for as long as UDP_TEMPLATE_NS; then the stack is asked anew, which
 * is how a new neighbour, address or route is learnt, and how the stack learns that the old ones
 * are in use. A datagram of another size is the stack's, too.
 */
#ifndef LWIP_PORT_UDP_TEMPLATE_H
#define LWIP_PORT_UDP_TEMPLATE_H

#include <stdint.h>
#include "lwip/ip_addr.h"
#include "lwip/prot/ethernet.h"
#include "lwip/prot/ip6.h"
#include "lwip/prot/udp.h"
#include "offload.h"
#include "time.h"

struct netif;
struct pbuf;
struct udp_pcb;

/* Far below the second in which the stack's own tables change by themselves. */
#define UDP_TEMPLATE_NS (10 * NS_PER_MS)

struct udp_template {
    /* The user's, who changes none of it while it is in use. */
    struct udp_pcb *pcb; /* the port it comes from */
    struct netif *netif;
    const ip_addr_t *local, *remote;
    uint16_t port; /* the one it goes to */

    /* Of the last one that the stack made. All 0 to begin with. */
    uint64_t until_ns;     /* when its headers are too old */
    uint16_t header_bytes; /* 0: it has not left yet */
    uint16_t payload_bytes;
    uint16_t ip4_sum; /* of the IPv4 header without identification and checksum */
    struct offload_csum csum;
    uint8_t headers[SIZEOF_ETH_HDR + IP6_HLEN + UDP_HLEN];
};

enum udp_sent {
    UDP_SENT,
    UDP_REFUSED, /* there is no room for it, or no way: it was not sent */
    UDP_WAITS,   /* for the neighbour's address; the next one may take its place */
};

/* Sends a datagram: first the bytes of `head`, then those of `rest`. Both are the caller's again on
 * return, but `rest` has to be constant (netport_constant()): it may go out later. */
enum udp_sent udp_template_send(struct udp_template *t, uint64_t now_ns, const void *head,
                                uint16_t head_bytes, const void *rest, uint16_t rest_bytes);

/* For ethif_tx.c: the stack sends this frame while it is asked for a datagram. */
void udp_template_learn(struct udp_template *t, const struct pbuf *p);

#endif
