// SPDX-License-Identifier: BSD-3-Clause
/*
 * What is judged: the leases that DHCP servers offer, the claims in ARP, the state of each IPv6
 * address. Nothing is defended: the guest goes on with the addresses that it has.
 */
#include "address.h"

#include "lwip/prot/etharp.h"
#include "console.h"
#include "ipaddr.h"
#include "lwip_hooks.h"
#include "record.h"
#include "string.h"

static_assert(LWIP_IPV6_NUM_ADDRESSES <= 8, "ip6_duplicate has a bit for each");

int netport_dhcp_lease(const struct netif *netif, u32_t ip, u32_t mask)
{
    struct ethif *e = netif->state;
    unsigned bits = 0;

    while (bits < 32 && (mask & (0x80000000u >> bits)) != 0)
        bits++;
    if (mask == ipaddr_mask4(bits) && ipaddr_is_host4(ip, bits))
        return 1;
    if (e->dhcp_unusable++ == 0)
        record_error("%s: a DHCP server offers %u.%u.%u.%u with the mask 0x%08x, which no host can "
                     "have; please see to its configuration",
                     vnet_name(e->vn), ip >> 24, ip >> 16 & 0xff, ip >> 8 & 0xff, ip & 0xff, mask);
    return 0;
}

void address_saw_arp(struct ethif *e, const uint8_t *frame)
{
    const struct etharp_hdr *arp = (const void *)(frame + SIZEOF_ETH_HDR);
    const uint8_t *mac = arp->shwaddr.addr;

    if (ip4_addr_isany_val(*netif_ip4_addr(&e->netif)) ||
        memcmp(&arp->sipaddr, netif_ip4_addr(&e->netif), sizeof(arp->sipaddr)) != 0 ||
        memcmp(mac, e->netif.hwaddr, ETH_HWADDR_LEN) == 0)
        return;
    if (e->ip_claimed++ == 0)
        kprintf("%s: %02x:%02x:%02x:%02x:%02x:%02x says that it has our IPv4 address, too",
                vnet_name(e->vn), mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}

void address_check_ip6(struct ethif *e)
{
    for (int i = 0; i < LWIP_IPV6_NUM_ADDRESSES; i++) {
        const uint8_t bit = (uint8_t)(1u << i);
        char text[IP6ADDR_STRLEN_MAX];

        if (!ip6_addr_isduplicated(netif_ip6_addr_state(&e->netif, i)) || (e->ip6_duplicate & bit))
            continue;
        e->ip6_duplicate |= bit;
        ip6addr_ntoa_r(netif_ip6_addr(&e->netif, i), text, sizeof(text));
        record_error("%s: another host has %s already; it is not used here", vnet_name(e->vn),
                     text);
    }
}
