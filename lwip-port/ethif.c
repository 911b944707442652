// SPDX-License-Identifier: BSD-3-Clause
/*
 * Frames between driver and lwIP. The checks before lwIP are those that lwIP relies on somebody
 * else for: whole fixed headers, a station address of ours, a length that the MTU allows.
 */
#include "ethif.h"

#include "lwip/etharp.h"
#include "lwip/memp.h"
#include "lwip/ethip6.h"
#include "lwip/pbuf.h"
#include "lwip/priv/memp_priv.h"
#include "lwip/prot/ethernet.h"
#include "lwip/prot/etharp.h"
#include "lwip/prot/ip4.h"
#include "lwip/prot/ip6.h"
#include "lwip/snmp.h"
#include "lwip/stats.h"
#include "netif/ethernet.h"
#include "config.h"
#include "fault.h"
#include "string.h"
#include "time.h"

/* The smallest frame without FCS [IEEE 802.3]; what is sent is padded to it. */
#define ETH_MIN_BYTES 60

static uint32_t frame_max(const struct netif *netif)
{
    return (uint32_t)netif->mtu + SIZEOF_ETH_HDR;
}

/* How long answers are worth waiting for: far beyond the time that a device which works takes for a
 * batch, far below the 250 ms that count as a stall. */
#define TX_PATIENCE_NS (10 * NS_PER_MS)

/* ---- receive -----------------------------------------------------------------------------------
 */

/* The least that has to follow the Ethernet header: lwIP reads the fixed part of these before it
 * looks at the length. */
static uint32_t header_min(u16_t type)
{
    switch (type) {
    case PP_HTONS(ETHTYPE_ARP):
        return SIZEOF_ETHARP_HDR;
    case PP_HTONS(ETHTYPE_IP):
        return IP_HLEN;
    case PP_HTONS(ETHTYPE_IPV6):
        return IP6_HLEN;
    default:
        return 1;
    }
}

/* The counter of the reason to drop the frame; NULL if the stack shall see it. */
static uint64_t *rx_reject(struct ethif *e, const uint8_t *frame, uint32_t len)
{
    const struct eth_hdr *eth = (const void *)frame;

    if (len < SIZEOF_ETH_HDR || len < SIZEOF_ETH_HDR + header_min(eth->type))
        return &e->rx_runt;
    if (len > frame_max(&e->netif))
        return &e->rx_oversized;
    if ((eth->dest.addr[0] & 1) == 0 &&
        memcmp(eth->dest.addr, e->netif.hwaddr, ETH_HWADDR_LEN) != 0)
        return &e->rx_foreign;
    if ((eth->src.addr[0] & 1) != 0 || memcmp(eth->src.addr, e->netif.hwaddr, ETH_HWADDR_LEN) == 0)
        return &e->rx_source;
    return NULL;
}

/* The stack's buffers are fewer on demand. */
static bool starved(void)
{
    return fault_is(FAULT_POOL_LIMIT) &&
           memp_pools[MEMP_PBUF_POOL]->stats->used >= fault_n(FAULT_POOL_LIMIT) &&
           fault_strike(FAULT_POOL_LIMIT);
}

static void rx_frame(struct ethif *e, const uint8_t *frame, uint32_t len)
{
    uint64_t *reason = rx_reject(e, frame, len);
    struct pbuf *p = NULL;

    if (reason == NULL) {
        p = starved() ? NULL : pbuf_alloc(PBUF_RAW, (u16_t)len, PBUF_POOL);
        if (p == NULL)
            reason = &e->rx_no_pbuf;
    }
    if (reason != NULL) {
        (*reason)++;
        LINK_STATS_INC(link.drop);
        return;
    }
    pbuf_take(p, frame, (u16_t)len);
    LINK_STATS_INC(link.recv);
    if (e->netif.input(p, &e->netif) != ERR_OK)
        pbuf_free(p);
}

void ethif_follow_link(struct ethif *e)
{
    const bool up = vnet_link_up(e->vn);

    if (up && !netif_is_link_up(&e->netif))
        netif_set_link_up(&e->netif);
    else if (!up && netif_is_link_up(&e->netif))
        netif_set_link_down(&e->netif);
}

/* A frame received may call for one to be sent. While the device gives transmit buffers back,
 * receive waits for them instead of losing answers, and the ring keeps the frames meanwhile; a
 * device that gives none back for TX_PATIENCE_NS does not stop what needs no answer. */
static unsigned rx_budget(struct ethif *e, uint64_t now_ns)
{
    const unsigned room = vnet_tx_room(e->vn, false);

    if (room > 0)
        e->tx_room_ns = now_ns;
    else if (now_ns - e->tx_room_ns < TX_PATIENCE_NS)
        return 0;
    return room > 0 && room < CONFIG_RX_BATCH ? room : CONFIG_RX_BATCH;
}

unsigned ethif_poll(struct ethif *e, uint64_t now_ns)
{
    struct netbuf *frames[CONFIG_RX_BATCH];

    ethif_follow_link(e);
    const unsigned n = vnet_rx_poll(e->vn, frames, rx_budget(e, now_ns));
    for (unsigned i = 0; i < n; i++) {
        rx_frame(e, netbuf_frame(frames[i]), frames[i]->len);
        vnet_rx_release(e->vn, frames[i]);
    }
    return n;
}

/* ---- transmit ----------------------------------------------------------------------------------
 */

/* netif->linkoutput: copies the frame, the caller keeps p. ERR_MEM is back-pressure. */
static err_t tx_frame(struct netif *netif, struct pbuf *p)
{
    struct ethif *e = netif->state;
    const uint32_t len = p->tot_len;

    if (len > frame_max(netif)) {
        e->tx_oversized++;
        LINK_STATS_INC(link.lenerr);
        return ERR_BUF;
    }
    struct netbuf *nb = vnet_tx_get(e->vn, len > CONFIG_TX_SMALL_BYTES);
    if (nb == NULL) {
        e->tx_blocked = true;
        e->tx_busy++;
        return ERR_MEM;
    }
    uint8_t *to = netbuf_frame(nb);
    for (const struct pbuf *q = p; q != NULL; q = q->next) {
        memcpy(to, q->payload, q->len);
        to += q->len;
    }
    nb->len = len;
    if (len < ETH_MIN_BYTES) {
        memset(to, 0, ETH_MIN_BYTES - len);
        nb->len = ETH_MIN_BYTES;
    }
    if (!vnet_tx(e->vn, nb)) {
        vnet_tx_put(e->vn, nb);
        e->tx_blocked = true;
        e->tx_busy++;
        return ERR_MEM;
    }
    LINK_STATS_INC(link.xmit);
    return ERR_OK;
}

/* ---- set-up ------------------------------------------------------------------------------------
 */

static err_t netif_setup(struct netif *netif)
{
    struct ethif *e = netif->state;

    netif->name[0] = 'n';
    netif->name[1] = 'e';
    netif->hostname = "antifreeze";
    netif->output = etharp_output;
    netif->output_ip6 = ethip6_output;
    netif->linkoutput = tx_frame;
    netif->mtu = (u16_t)vnet_mtu(e->vn);
    netif->hwaddr_len = ETH_HWADDR_LEN;
    memcpy(netif->hwaddr, vnet_mac(e->vn), ETH_HWADDR_LEN);
    netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET | NETIF_FLAG_MLD6;
    MIB2_INIT_NETIF(netif, snmp_ifType_ethernet_csmacd, 0);
    return ERR_OK;
}

void ethif_init(struct ethif *e, struct vnet *vn)
{
    memset(e, 0, sizeof(*e));
    e->vn = vn;
    netif_add_noaddr(&e->netif, e, netif_setup, ethernet_input);
}
