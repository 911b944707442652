// SPDX-License-Identifier: BSD-3-Clause
/*
 * The addresses of the interfaces: how each comes to those that were configured, when that is
 * enough for traffic, and how they are written.
 */
#include "netport.h"

#include "lwip/dhcp.h"
#include "lwip/netif.h"
#include "lwip/prot/ip6.h"
#include "config.h"
#include "ethif.h"
#include "format.h"
#include "netport_priv.h"
#include "record.h"
#include "string.h"
#include "time.h"

/* Without an answer from a DHCP server for this long, an IPv6 address alone makes the guest ready.
 */
#define DHCP_PATIENCE_NS (5 * NS_PER_S)

static struct dhcp dhcps[CONFIG_NICS]; /* given to lwIP, so DHCP starts without an allocation */
static const struct conf_net *confs[CONFIG_NICS]; /* of each interface */
static uint64_t start_ns;                         /* when they began */

/* ---- set-up --------------------------------------------------------------------------------- */

static void start_ip4(unsigned k, const struct conf_net *c)
{
    struct ethif *e = netport_ethif(k);
    ip4_addr_t ip, mask, gw;

    switch (c->ip_mode) {
    case CONF_IP_OFF:
        break;
    case CONF_IP_AUTO:
        dhcp_set_struct(&e->netif, &dhcps[k]);
        if (dhcp_start(&e->netif) != ERR_OK)
            record_error("%s: DHCP needs an MTU of at least 576 bytes, this one is %u",
                         vnet_name(e->vn), (unsigned)e->netif.mtu);
        break;
    case CONF_IP_STATIC:
        ip4_addr_set_u32(&ip, PP_HTONL(c->ip));
        ip4_addr_set_u32(&mask, PP_HTONL(c->ip_bits == 0 ? 0 : ~0u << (32 - c->ip_bits)));
        ip4_addr_set_u32(&gw, PP_HTONL(c->gw));
        netif_set_addr(&e->netif, &ip, &mask, &gw);
        break;
    }
}

static void start_ip6(struct ethif *e, const struct conf_net *c)
{
    ip6_addr_t ip;
    s8_t slot;

    netif_set_ip6_autoconfig_enabled(&e->netif, c->ip6_mode == CONF_IP_AUTO);
    if (c->ip6_mode == CONF_IP_OFF)
        return;
    if (e->netif.mtu < IP6_MIN_MTU_LENGTH) { /* beside IPv4 that is nobody's loss */
        if (c->ip_mode == CONF_IP_OFF)
            record_error("%s: no address: ip is off, and IPv6 needs an MTU of at least %u bytes, "
                         "this one is %u",
                         vnet_name(e->vn), IP6_MIN_MTU_LENGTH, (unsigned)e->netif.mtu);
        return;
    }
    netif_create_ip6_linklocal_address(&e->netif, 1);
    if (c->ip6_mode == CONF_IP_STATIC) {
        memset(&ip, 0, sizeof(ip));
        memcpy(ip.addr, c->ip6, sizeof(c->ip6));
        ip6_addr_assign_zone(&ip, IP6_UNICAST, &e->netif);
        netif_add_ip6_address(&e->netif, &ip, &slot);
    }
}

void netport_ip_start(unsigned k, const struct conf_net *c)
{
    confs[k] = c;
    start_ns = time_ns();
    start_ip6(netport_ethif(k), c);
    start_ip4(k, c);
}

/* ---- when they are there -------------------------------------------------------------------- */

/* The best IPv6 address: one past duplicate detection, rather global than link-local; -1 = none. */
static int ip6_slot(const struct netif *netif)
{
    int best = -1;

    for (int i = 0; i < LWIP_IPV6_NUM_ADDRESSES; i++) {
        if (ip6_addr_isvalid(netif_ip6_addr_state(netif, i)) &&
            (best < 0 || ip6_addr_islinklocal(netif_ip6_addr(netif, best))))
            best = i;
    }
    return best;
}

static bool nic_ready(unsigned k)
{
    const struct netif *netif = &netport_ethif(k)->netif;

    if (!netif_is_up(netif) || !netif_is_link_up(netif))
        return false;
    if (!ip4_addr_isany_val(*netif_ip4_addr(netif)))
        return true;
    if (confs[k]->ip_mode == CONF_IP_AUTO && time_ns() - start_ns < DHCP_PATIENCE_NS)
        return false;
    return ip6_slot(netif) >= 0;
}

bool netport_ready(void)
{
    for (unsigned k = 0; k < netport_nics(); k++) {
        if (nic_ready(k))
            return true;
    }
    return false;
}

/* ---- in words ------------------------------------------------------------------------------- */

/* Appends "/bits" to an address text of cap bytes. */
static void append_bits(char *text, size_t cap, unsigned bits)
{
    const size_t len = strlen(text);

    format(text + len, cap - len, "/%u", bits);
}

static unsigned mask_bits(const ip4_addr_t *mask)
{
    uint32_t m = lwip_ntohl(ip4_addr_get_u32(mask));
    unsigned bits = 0;

    for (; (m & 0x80000000u) != 0; m <<= 1)
        bits++;
    return bits;
}

const char *netport_ip(unsigned k)
{
    static char text[IP4ADDR_STRLEN_MAX + 3];

    text[0] = 0;
    if (k < netport_nics() && !ip4_addr_isany_val(*netif_ip4_addr(&netport_ethif(k)->netif))) {
        const struct netif *netif = &netport_ethif(k)->netif;

        ip4addr_ntoa_r(netif_ip4_addr(netif), text, sizeof(text));
        append_bits(text, sizeof(text), mask_bits(netif_ip4_netmask(netif)));
    }
    return text;
}

const char *netport_ip6(unsigned k)
{
    static char text[IP6ADDR_STRLEN_MAX + 4];
    int slot;

    text[0] = 0;
    if (k < netport_nics() && (slot = ip6_slot(&netport_ethif(k)->netif)) >= 0) {
        ip6addr_ntoa_r(netif_ip6_addr(&netport_ethif(k)->netif, slot), text, sizeof(text));
        for (char *c = text; *c != 0; c++) /* lower case [RFC 5952, section 4.3] */
            *c = (char)(*c >= 'A' && *c <= 'F' ? *c - 'A' + 'a' : *c);
        append_bits(text, sizeof(text), 64);
    }
    return text;
}
