// SPDX-License-Identifier: BSD-3-Clause
/*
 * The interface: what a turn asks of it, and its set-up. Frames that are received: ethif_rx.c.
 */
#include "ethif.h"

#include "lwip/etharp.h"
#include "lwip/ethip6.h"
#include "lwip/snmp.h"
#include "netif/ethernet.h"
#include "acks.h"
#include "address.h"
#include "announce.h"
#include "config.h"
#include "ethif_rx.h"
#include "ethif_tx.h"
#include "string.h"
#include "time.h"

/* How long answers are worth waiting for: far beyond the time that a device which works takes for a
 * batch, far below the 250 ms that count as a stall. */
#define TX_PATIENCE_NS (10 * NS_PER_MS)

/* ---- one turn ---------------------------------------------------------------------------------
 */

static ethif_rx_take_fn *rx_first;

void ethif_rx_first(ethif_rx_take_fn *take)
{
    rx_first = take;
}

/* Frames that are left for the stack. */
static unsigned taken_first(struct ethif *e, struct netbuf **frames, unsigned n)
{
    unsigned left = n;

    if (n > 0 && rx_first != NULL)
        left = rx_first(&e->netif, frames, n);
    if (left < n)
        vnet_rx_release_many(e->vn, frames + left, n - left);
    return left;
}

void ethif_follow_link(struct ethif *e)
{
    const bool up = vnet_link_up(e->vn);

    if (up && !netif_is_link_up(&e->netif))
        netif_set_link_up(&e->netif);
    else if (!up && netif_is_link_up(&e->netif))
        netif_set_link_down(&e->netif);
}

/* Once there is room for all of it, so that it is not done in vain. */
static void follow_announcement(struct ethif *e)
{
    if (!vnet_announce_due(e->vn) || !netif_is_link_up(&e->netif) ||
        vnet_tx_room(e->vn, false) < ANNOUNCE_FRAMES)
        return;
    announce(&e->netif);
    vnet_announced(e->vn);
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
    address_check_ip6(e);
    follow_announcement(e);
    const unsigned n = vnet_rx_poll(e->vn, frames, rx_budget(e, now_ns));
    const unsigned left = taken_first(e, frames, n);
    if (left > 1)
        acks_defer();
    for (unsigned i = 0; i < left; i++)
        ethif_rx(e, frames[i]);
    ethif_rx_end(e);
    acks_send();
    if (n > 0) {
        e->heard_ns = now_ns;
        e->unanswered = false;
    }
    e->full_turns = n == CONFIG_RX_BATCH ? e->full_turns + 1 : 0;
    return n;
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
    netif->linkoutput = ethif_tx;
    netif->mtu = (u16_t)vnet_mtu(e->vn);
    ethif_rx_verify_all(e);
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
