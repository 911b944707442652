// SPDX-License-Identifier: BSD-3-Clause
/*
 * Nothing is received: is that wrong? Only if a peer owes us something, which the connections know.
 * Then the next station on the way is asked for its hardware address. Whoever is there has to
 * answer that, whatever else may be broken; so an answer proves the NIC, and the peer's silence is
 * its own.
 */
#include "lwip/etharp.h"
#include "lwip/icmp6.h"
#include "lwip/inet_chksum.h"
#include "lwip/ip6.h"
#include "lwip/nd6.h"
#include "lwip/priv/nd6_priv.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/prot/nd6.h"
#include "netport.h"
#include "netport_priv.h"
#include "string.h"

/* A connection that waits for an answer, or NULL. */
static const struct tcp_pcb *waiting(const struct netif *netif)
{
    for (const struct tcp_pcb *pcb = tcp_active_pcbs; pcb != NULL; pcb = pcb->next)
        if (pcb->unacked != NULL && netport_leaves_by(pcb, netif))
            return pcb;
    return NULL;
}

static bool ask4(struct netif *netif, const ip4_addr_t *peer)
{
    const ip4_addr_t *ip = netif_ip4_addr(netif), *hop = netif_ip4_gw(netif);

    if (peer != NULL && ip4_addr_net_eq(peer, ip, netif_ip4_netmask(netif)))
        hop = peer;
    return !ip4_addr_isany_val(*ip) && !ip4_addr_isany_val(*hop) &&
           etharp_request(netif, hop) == ERR_OK;
}

/* A neighbour solicitation [RFC 4861, 4.3]. */
static bool ask6(struct netif *netif, const ip6_addr_t *hop)
{
    struct {
        struct ns_header ns;
        struct lladdr_option option;
    } * message;
    const ip6_addr_t *from = netif_ip6_addr(netif, 0);
    ip6_addr_t to;
    struct pbuf *p = pbuf_alloc(PBUF_IP, sizeof(*message), PBUF_RAM);
    err_t err;

    static_assert(sizeof(*message) == 24 + 8, "as on the wire");
    if (p == NULL)
        return false;
    message = p->payload;
    memset(message, 0, sizeof(*message));
    message->ns.type = ICMP6_TYPE_NS;
    ip6_addr_copy_to_packed(message->ns.target_address, *hop);
    message->option.type = ND6_OPTION_TYPE_SOURCE_LLADDR;
    message->option.length = 1;
    memcpy(message->option.addr, netif->hwaddr, netif->hwaddr_len);
    ip6_addr_set_solicitednode(&to, hop->addr[3]);
    ip6_addr_assign_zone(&to, IP6_MULTICAST, netif);
    message->ns.chksum = ip6_chksum_pseudo(p, IP6_NEXTH_ICMP6, p->tot_len, from, &to);
    err = ip6_output_if(p, from, &to, ND6_HOPLIM, 0, IP6_NEXTH_ICMP6, netif);
    pbuf_free(p);
    return err == ERR_OK;
}

/* The next station towards this address, as far as neighbour discovery knows it. */
static const ip6_addr_t *hop6(const ip6_addr_t *peer)
{
    for (unsigned i = 0; i < LWIP_ND6_NUM_DESTINATIONS; i++)
        if (ip6_addr_eq(peer, &destination_cache[i].destination_addr))
            return &destination_cache[i].next_hop_addr;
    return peer;
}

bool netport_probe(struct ethif *e)
{
    const struct tcp_pcb *pcb = waiting(&e->netif);

    if (pcb != NULL && IP_IS_V6(&pcb->remote_ip))
        return ask6(&e->netif, hop6(ip_2_ip6(&pcb->remote_ip)));
    if (pcb == NULL && !e->rx_due)
        return false;
    return ask4(&e->netif, pcb != NULL ? ip_2_ip4(&pcb->remote_ip) : NULL);
}
