// SPDX-License-Identifier: BSD-3-Clause
/*
 * Nothing is received: is that wrong? It may be if a peer owes us something, which the connections
 * know. Then the next station on the way is asked for its hardware address. Whoever is there has to
 * answer that, whatever else may be broken; so an answer proves the NIC, and the peer's silence is
 * its own.
 *
 * A server that nobody owes anything would never notice that it cannot be reached. So after a
 * longer silence the stations that it has heard of are asked, one after the other until one
 * answers.
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
#include "time.h"

/* Without anybody who waits, that long without a frame is looked into. */
#define IDLE_NS (30 * NS_PER_S)

/* A connection that waits for an answer, or, where an application waits for data, any; or NULL. */
static const struct tcp_pcb *waiting(const struct ethif *e)
{
    for (const struct tcp_pcb *pcb = tcp_active_pcbs; pcb != NULL; pcb = pcb->next)
        if ((pcb->unacked != NULL || e->rx_due) && netport_leaves_by(pcb, &e->netif))
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

#define STATIONS ((unsigned)(ARP_TABLE_SIZE + LWIP_ND6_NUM_NEIGHBORS))

/* Asks this one of the stations whose hardware address there may be. False: there is none. */
static bool ask_station(struct netif *netif, unsigned k)
{
    const struct nd6_neighbor_cache_entry *neighbour;
    struct eth_addr *mac;
    struct netif *of;
    ip4_addr_t *ip;

    if (k < ARP_TABLE_SIZE)
        return etharp_get_entry(k, &ip, &of, &mac) && of == netif &&
               etharp_request(netif, ip) == ERR_OK;
    neighbour = &neighbor_cache[k - ARP_TABLE_SIZE];
    return neighbour->state != ND6_NO_ENTRY && neighbour->state != ND6_INCOMPLETE &&
           neighbour->netif == netif && ask6(netif, &neighbour->next_hop_address);
}

/* Some station: the one that answered last time, or else another. */
static bool ask_somebody(struct ethif *e)
{
    for (unsigned i = e->unanswered; i < STATIONS + e->unanswered; i++) {
        const unsigned k = (e->station + i) % STATIONS;

        if (ask_station(&e->netif, k)) {
            e->station = k;
            e->unanswered = true;
            return true;
        }
    }
    return false;
}

bool netport_probe(struct ethif *e, uint64_t now_ns)
{
    const struct tcp_pcb *pcb = waiting(e);

    if (pcb == NULL && !e->rx_due)
        return now_ns - e->heard_ns >= IDLE_NS && ask_somebody(e);
    if (pcb != NULL && IP_IS_V6(&pcb->remote_ip))
        return ask6(&e->netif, hop6(ip_2_ip6(&pcb->remote_ip)));
    return ask4(&e->netif, pcb != NULL ? ip_2_ip4(&pcb->remote_ip) : NULL);
}
