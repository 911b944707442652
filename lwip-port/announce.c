// SPDX-License-Identifier: BSD-3-Clause
/*
 * Telling everybody where this station is, unasked: an ARP request for our own address, and a
 * neighbour advertisement for each IPv6 address [RFC 4861, section 7.2.6].
 */
#include "announce.h"

#include "lwip/etharp.h"
#include "lwip/icmp6.h"
#include "lwip/inet_chksum.h"
#include "lwip/ip6.h"
#include "lwip/nd6.h"
#include "lwip/pbuf.h"
#include "lwip/prot/icmp6.h"
#include "lwip/prot/nd6.h"
#include "string.h"

/* Packets with any other number have passed a router, and are not believed. */
#define HOP_LIMIT 255

struct advertisement {
    struct na_header na;
    uint8_t option, option_len, hwaddr[ETH_HWADDR_LEN]; /* target link-layer address */
};
static_assert(sizeof(struct advertisement) == 32, "[RFC 4861, 4.4 and 4.6.1]");

static void advertise(struct netif *netif, const ip6_addr_t *ip)
{
    struct pbuf *p = pbuf_alloc(PBUF_IP, sizeof(struct advertisement), PBUF_RAM);
    struct advertisement *a;
    ip6_addr_t all;

    if (p == NULL)
        return;
    a = p->payload;
    memset(a, 0, sizeof(*a));
    a->na.type = ICMP6_TYPE_NA;
    a->na.flags = ND6_FLAG_OVERRIDE;
    ip6_addr_copy_to_packed(a->na.target_address, *ip);
    a->option = ND6_OPTION_TYPE_TARGET_LLADDR;
    a->option_len = 1; /* times 8 bytes */
    memcpy(a->hwaddr, netif->hwaddr, ETH_HWADDR_LEN);
    ip6_addr_set_allnodes_linklocal(&all);
    ip6_addr_assign_zone(&all, IP6_MULTICAST, netif);
    a->na.chksum = ip6_chksum_pseudo(p, IP6_NEXTH_ICMP6, p->len, ip, &all);
    ip6_output_if(p, ip, &all, HOP_LIMIT, 0, IP6_NEXTH_ICMP6, netif);
    pbuf_free(p);
}

void announce(struct netif *netif)
{
    if (!ip4_addr_isany_val(*netif_ip4_addr(netif)))
        etharp_gratuitous(netif);
    for (unsigned i = 0; i < LWIP_IPV6_NUM_ADDRESSES; i++) {
        if (ip6_addr_isvalid(netif_ip6_addr_state(netif, i)))
            advertise(netif, netif_ip6_addr(netif, i));
    }
}
