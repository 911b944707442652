// SPDX-License-Identifier: BSD-3-Clause
/*
 * Whole frames from an application; see netraw.h.
 */
#include "netraw.h"

#include "lwip/etharp.h"
#include "lwip/ip.h"
#include "lwip/nd6.h"
#include "lwip/priv/nd6_priv.h"
#include "netport_priv.h"
#include "string.h"

static_assert(NETRAW_GROUPS == VNET_TX_GROUPS, "the same");

/* Of what bulk frames can take of the ring, an eighth is the stack's bulk frames' alone: answers of
 * HTTP and of iperf3's control connection. Smaller ones have their own share besides. */
#define SHARE 8

/* ---- the way -----------------------------------------------------------------------------------
 */

static enum netraw_way hop4(struct netif *netif, const ip4_addr_t *target, bool ask, uint8_t mac[6])
{
    const ip4_addr_t *hop = netif_ip4_gw(netif), *known_ip;
    struct eth_addr *known;

    if (ip4_addr_net_eq(target, netif_ip4_addr(netif), netif_ip4_netmask(netif)))
        hop = target;
    if (ip4_addr_isany_val(*hop))
        return NETRAW_NO_ROUTE;
    if (etharp_find_addr(netif, hop, &known, &known_ip) < 0) {
        if (ask)
            etharp_query(netif, hop, NULL);
        return NETRAW_UNKNOWN;
    }
    memcpy(mac, known->addr, ETH_HWADDR_LEN);
    return NETRAW_FOUND;
}

/* A packet without anything in it [RFC 8200, 4.7]: neighbour discovery begins for packets only. */
static void say_nothing(struct netif *netif, const ip6_addr_t *source, const ip6_addr_t *target)
{
    struct pbuf *p = pbuf_alloc(PBUF_IP, 0, PBUF_RAM);

    if (p == NULL)
        return;
    ip6_output_if(p, source, target, 1, 0, IP6_NEXTH_NONE, netif);
    pbuf_free(p);
}

static const struct nd6_neighbor_cache_entry *neighbour_towards(const struct netif *netif,
                                                                const ip6_addr_t *target)
{
    for (unsigned i = 0; i < LWIP_ND6_NUM_DESTINATIONS; i++) {
        const struct nd6_destination_cache_entry *d = &destination_cache[i];

        if (!ip6_addr_eq(target, &d->destination_addr))
            continue;
        for (unsigned k = 0; k < LWIP_ND6_NUM_NEIGHBORS; k++)
            if (neighbor_cache[k].state > ND6_INCOMPLETE && neighbor_cache[k].netif == netif &&
                ip6_addr_eq(&d->next_hop_addr, &neighbor_cache[k].next_hop_address))
                return &neighbor_cache[k];
    }
    return NULL;
}

static enum netraw_way hop6(struct netif *netif, const ip6_addr_t *source, const ip6_addr_t *target,
                            bool ask, uint8_t mac[6])
{
    const struct nd6_neighbor_cache_entry *known = neighbour_towards(netif, target);

    if (known == NULL) {
        if (ask)
            say_nothing(netif, source, target);
        return NETRAW_UNKNOWN;
    }
    memcpy(mac, known->lladdr, ETH_HWADDR_LEN);
    return NETRAW_FOUND;
}

/* The address that goes into the packets; false: there is none. */
static bool source_of(struct netif *netif, const ip_addr_t *target, ip_addr_t *source)
{
    const ip_addr_t *own = ip_netif_get_local_ip(netif, target);

    if (own == NULL || ip_addr_isany(own))
        return false;
    ip_addr_copy(*source, *own);
    return true;
}

/* The interface of netN; NULL: it is not there. */
static struct netif *numbered(unsigned number)
{
    for (unsigned k = 0; k < netport_nics(); k++)
        if (vnet_index(netport_ethif(k)->vn) == number)
            return &netport_ethif(k)->netif;
    return NULL;
}

static bool is_own(const ip_addr_t *target)
{
    for (unsigned k = 0; k < netport_nics(); k++) {
        struct netif *netif = &netport_ethif(k)->netif;

        if (IP_IS_V6(target) ? netif_get_ip6_addr_match(netif, ip_2_ip6(target)) >= 0
                             : ip4_addr_eq(netif_ip4_addr(netif), ip_2_ip4(target)))
            return true;
    }
    return false;
}

/* A link-local one is on the link of whoever asks for the way to it. */
bool netraw_own(unsigned number, bool v6, unsigned from, ip_addr_t *address)
{
    struct netif *netif = numbered(number), *by = numbered(from);

    if (netif == NULL || by == NULL)
        return false;
    if (!v6) {
        ip_addr_copy_from_ip4(*address, *netif_ip4_addr(netif));
        return !ip4_addr_isany(netif_ip4_addr(netif));
    }
    for (s8_t k = LWIP_IPV6_NUM_ADDRESSES; k-- > 0;) { /* 0 is the link-local one */
        if (!ip6_addr_isvalid(netif_ip6_addr_state(netif, k)))
            continue;
        ip_addr_copy_from_ip6(*address, *netif_ip6_addr(netif, k));
        ip6_addr_clear_zone(ip_2_ip6(address));
        ip6_addr_assign_zone(ip_2_ip6(address), IP6_UNICAST, by);
        return true;
    }
    return false;
}

enum netraw_way netraw_find(const ip_addr_t *target, unsigned from, const uint8_t *mac, bool ask,
                            struct netraw_path *path)
{
    const bool any = from == NETRAW_ANY_NIC;
    struct netif *netif =
        any ? ip_route(IP46_ADDR_ANY(IP_GET_TYPE(target)), target) : numbered(from);

    if (netif == NULL && any && mac != NULL)
        netif = &netport_ethif(0)->netif;
    if (netif == NULL)
        return NETRAW_NO_ROUTE;
    if (any && is_own(target))
        return NETRAW_SELF;
    if (!netif_is_link_up(netif) || !source_of(netif, target, &path->source))
        return NETRAW_NO_SOURCE;
    for (path->nic = 0; &netport_ethif(path->nic)->netif != netif;)
        path->nic++;
    path->mtu = netif->mtu;
    memcpy(path->source_mac, netif->hwaddr, sizeof(path->source_mac));
    if (mac != NULL) {
        memcpy(path->hop_mac, mac, sizeof(path->hop_mac));
        return NETRAW_FOUND;
    }
    if (IP_IS_V6(target))
        return hop6(netif, ip_2_ip6(&path->source), ip_2_ip6(target), ask, path->hop_mac);
    return hop4(netif, ip_2_ip4(target), ask, path->hop_mac);
}

/* ---- frames ------------------------------------------------------------------------------------
 */

unsigned netraw_room(unsigned nic)
{
    struct vnet *vn = netport_ethif(nic)->vn;
    const unsigned share = vnet_tx_most(vn) / SHARE;
    unsigned room;

    vnet_tx_reclaim(vn);
    room = vnet_tx_room(vn, true);
    room = room > share ? room - share : 0;
    return room < NETRAW_BATCH ? room : NETRAW_BATCH;
}

void netraw_get(unsigned nic, struct netbuf **nb, unsigned n)
{
    vnet_tx_get_many(netport_ethif(nic)->vn, nb, n);
}

void netraw_send(unsigned nic, struct netbuf *const *nb, unsigned n)
{
    vnet_tx_many(netport_ethif(nic)->vn, nb, n);
}

uint64_t netraw_sent(unsigned nic, unsigned group)
{
    return vnet_tx_group(netport_ethif(nic)->vn, group);
}
