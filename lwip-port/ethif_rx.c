// SPDX-License-Identifier: BSD-3-Clause
/*
 * Frames from the driver to lwIP. The checks before lwIP are those that lwIP relies on somebody
 * else for: whole fixed headers, a station address of ours, a length that the MTU allows.
 *
 * The memory of a received frame is the device's, which may write to it at any time. So what is
 * looked at is fetched once, and the stack gets what was looked at.
 */
#include "ethif_rx.h"

#include "lwip/memp.h"
#include "lwip/ip4.h"
#include "lwip/ip6.h"
#include "lwip/pbuf.h"
#include "lwip/priv/memp_priv.h"
#include "lwip/prot/ethernet.h"
#include "lwip/prot/etharp.h"
#include "lwip/prot/ip4.h"
#include "lwip/prot/ip6.h"
#include "lwip/inet_chksum.h"
#include "lwip/stats.h"
#include "netif/ethernet.h"
#include "acks.h"
#include "address.h"
#include "bytes.h"
#include "ethif.h"
#include "ethif_held.h"
#include "fault.h"
#include "gro.h"
#include "offload.h"
#include "panic.h"
#include "string.h"

/* The largest frame of merged segments: lwIP counts a packet's bytes in 16 bits. */
#define MERGED_MAX (65535u + SIZEOF_ETH_HDR)

/* What lwIP does with checksums: the rest of what is sent is ethif_tx()'s. What need not be
 * verified is left out: of TCP and UDP that somebody vouches for, and of segments that were merged.
 */
#define CSUM_ALL     (NETIF_CHECKSUM_ENABLE_ALL & ~(NETIF_CHECKSUM_GEN_TCP | NETIF_CHECKSUM_GEN_UDP))
#define CSUM_VOUCHED (CSUM_ALL & ~(NETIF_CHECKSUM_CHECK_TCP | NETIF_CHECKSUM_CHECK_UDP))
#define CSUM_MERGED  (CSUM_VOUCHED & ~NETIF_CHECKSUM_CHECK_IP)

/* A frame of so many bytes at most is copied, which costs less than to keep its buffer. */
#define COPY_BREAK 256

static_assert(PBUF_POOL_BUFSIZE >= ETHIF_HEADERS_MAX,
              "the headers are in the first pbuf of a copy");

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

#define HEAD_MIN (SIZEOF_ETH_HDR + IP6_HLEN)

/* A received frame. */
struct rx {
    struct netbuf *nb; /* its first buffer */
    uint8_t *head;     /* begins with this; 0 behind the end of one without HEAD_MIN */
    uint32_t head_bytes;
    uint32_t len; /* in all its buffers */
    bool merged;  /* of several TCP segments */
};

static void rx_begin(struct rx *f, struct netbuf *nb)
{
    f->nb = nb;
    f->len = netbuf_frame_bytes(nb);
    f->merged = nb->offload & NETBUF_MERGED;
    f->head = ethif_held_room();
    f->head_bytes = LWIP_MIN(nb->len, ETHIF_HEADERS_MAX);
    if (f->head_bytes < HEAD_MIN)
        memset(f->head, 0, HEAD_MIN);
    memcpy(f->head, netbuf_frame(nb), f->head_bytes);
}

static const struct eth_hdr *eth_of(const struct rx *f)
{
    return (const void *)f->head;
}

/* The counter of the reason to drop the frame; NULL if the stack shall see it. */
static uint64_t *rx_reject(struct ethif *e, const struct rx *f)
{
    const struct eth_hdr *eth = eth_of(f);

    if (f->len < SIZEOF_ETH_HDR + header_min(eth->type))
        return &e->rx_runt;
    if (f->len > (f->merged ? MERGED_MAX : (uint32_t)e->netif.mtu + SIZEOF_ETH_HDR))
        return &e->rx_oversized;
    if (f->merged && !offload_is_tcp(f->head, f->nb->len))
        return &e->rx_merged;
    if ((eth->dest.addr[0] & 1) == 0 && !same_station(eth->dest.addr, e->netif.hwaddr))
        return &e->rx_foreign;
    if ((eth->src.addr[0] & 1) != 0 || same_station(eth->src.addr, e->netif.hwaddr))
        return &e->rx_source;
    return NULL;
}

/* The stack's buffers are fewer on demand. */
static bool starved(const struct ethif *e)
{
    return fault_is(FAULT_POOL_LIMIT) &&
           memp_pools[MEMP_PBUF_POOL]->stats->used >= fault_n(FAULT_POOL_LIMIT) &&
           fault_strike(FAULT_POOL_LIMIT, vnet_index(e->vn));
}

void ethif_rx_verify_all(struct ethif *e)
{
    NETIF_SET_CHECKSUM_CTRL(&e->netif, CSUM_ALL);
}

/* A copy for the stack, without the first `skip` bytes; NULL if there is no memory. */
static struct pbuf *rx_copy(const struct rx *f, uint32_t skip)
{
    uint32_t at = 0, from = skip;
    struct pbuf *p = pbuf_alloc(PBUF_RAW, (u16_t)(f->len - skip), PBUF_POOL);

    if (p == NULL)
        return NULL;
    for (struct netbuf *nb = f->nb; nb != NULL && f->len > f->head_bytes; nb = nb->next, from = 0) {
        pbuf_take_at(p, netbuf_frame(nb) + from, (u16_t)(nb->len - from), (u16_t)at);
        at += nb->len - from;
    }
    memcpy(p->payload, f->head + skip, f->head_bytes - skip); /* the first one has room for it */
    return p;
}

bool ethif_csum_vouched(const struct netbuf *nb, const uint8_t *frame)
{
    const struct offload_csum c = {nb->csum_start, nb->csum_offset};

    if (nb->offload & NETBUF_CSUM_PARTIAL)
        return offload_csum_is_l4(frame, nb->len, &c);
    return nb->offload & NETBUF_CSUM_VALID;
}

/* Finishes the checksum in a copy, where the device says: of another protocol, or behind further
 * headers, lwIP looks at it. */
static void complete_csum(struct pbuf *p, const struct netbuf *nb, uint32_t skip)
{
    u16_t at, sum;
    struct pbuf *q;

    if (nb->csum_start < skip)
        return;
    q = pbuf_skip(p, (u16_t)(nb->csum_start - skip), &at);
    if (q == NULL || pbuf_remove_header(q, at) != 0)
        return;
    sum = inet_chksum_pbuf(q);
    pbuf_add_header_force(q, at); /* what was there a moment ago */
    pbuf_take_at(p, &sum, sizeof(sum), (u16_t)(nb->csum_start - skip + nb->csum_offset));
}

/* The packet for the stack; NULL if there is no memory. *held: nb went with it. */
static struct pbuf *rx_packet(struct ethif *e, const struct rx *f, uint32_t skip, bool vouched,
                              bool *held)
{
    const bool unfinished = f->nb->offload & NETBUF_CSUM_PARTIAL && !vouched;
    uint32_t headers = 0;
    struct pbuf *p = NULL;

    if (starved(e))
        return NULL;
    if (f->len > COPY_BREAK && !unfinished)
        headers = offload_rx_headers(f->head, f->head_bytes);
    if (headers > 0)
        p = ethif_hold(e->vn, f->nb, headers, skip);
    *held = p != NULL;
    if (*held)
        return p;
    p = rx_copy(f, skip);
    if (p != NULL && unfinished)
        complete_csum(p, f->nb, skip);
    return p;
}

/* Segments that were merged, here or by the device, are unicast TCP, so that there is nothing left
 * for ethernet_input() to do. */
static void rx_input(struct ethif *e, struct pbuf *p, u16_t type, bool merged)
{
    if (!merged) {
        ethernet_input(p, &e->netif);
        return;
    }
    p->if_idx = netif_get_index(&e->netif);
    if (type == PP_HTONS(ETHTYPE_IP))
        ip4_input(p, &e->netif);
    else
        ip6_input(p, &e->netif);
}

/* ---- segments that are merged ------------------------------------------------------------------
 */

/* The segment that the next one may continue, and what it has been merged with. */
static struct {
    struct gro gro;
    struct pbuf *p, *last; /* NULL: there is none */
    unsigned n;
} run;

static_assert(GRO_HEAD <= COPY_BREAK && GRO_HEAD <= ETHIF_HEADERS_MAX, "as much is there");

/* True if the packet waits for the next one. */
static bool run_begins(const struct rx *f, struct pbuf *p, bool vouched)
{
    const uint32_t headers = p->len;
    const struct gro_frame first = {f->head, p->next->payload, f->len, vouched};

    if (f->merged || fault_is(FAULT_POOL_LIMIT) || !gro_begin(&run.gro, &first, headers))
        return false;
    run.p = p;
    run.last = p->next;
    run.n = 1;
    return true;
}

/* Makes one packet of all. */
static void run_join(void)
{
    u16_t left = (u16_t)run.gro.bytes;

    gro_finish(&run.gro, run.p->payload);
    pbuf_remove_header(run.p, SIZEOF_ETH_HDR); /* the length of the largest leaves no room for it */
    for (struct pbuf *q = run.p; q != NULL; q = q->next) {
        q->tot_len = left;
        left = (u16_t)(left - q->len);
    }
    if (run.gro.ip6)
        lwip_stats.ip6.recv += run.n - 1; /* the stack counts one of them */
    else
        lwip_stats.ip.recv += run.n - 1;
    lwip_stats.tcp.recv += run.n - 1;
}

void ethif_rx_end(struct ethif *e)
{
    const bool several = run.n > 1;
    struct pbuf *p = run.p;

    if (p == NULL)
        return;
    if (several)
        run_join();
    run.p = NULL;
    NETIF_SET_CHECKSUM_CTRL(&e->netif, several                 ? CSUM_MERGED
                                       : run.gro.first.vouched ? CSUM_VOUCHED
                                                               : CSUM_ALL);
    acks_several(several);
    rx_input(e, p, run.gro.ip6 ? PP_HTONS(ETHTYPE_IPV6) : PP_HTONS(ETHTYPE_IP), several);
    acks_several(false);
}

/* True if the frame was merged with those before it. */
static bool run_takes(struct ethif *e, struct netbuf *nb)
{
    uint8_t *head = ethif_held_room();
    struct gro_frame f = {head, netbuf_frame(nb) + run.gro.headers, nb->len, false};
    struct pbuf *p;

    if (nb->next != NULL || nb->len <= COPY_BREAK ||
        nb->len > (uint32_t)e->netif.mtu + SIZEOF_ETH_HDR || (nb->offload & NETBUF_MERGED))
        return false;
    memcpy(head, netbuf_frame(nb), GRO_HEAD);
    if (!gro_follows(&run.gro, &f))
        return false;
    f.vouched = ethif_csum_vouched(nb, head);
    if ((nb->offload & NETBUF_CSUM_PARTIAL && !f.vouched) ||
        (run.n == 1 && !(gro_expected(&run.gro) && gro_first_right(&run.gro))) ||
        !gro_right(&run.gro, &f))
        return false;
    p = ethif_hold_payload(e->vn, nb, run.gro.headers);
    if (p == NULL)
        return false;
    LINK_STATS_INC(link.recv);
    gro_add(&run.gro, &f);
    run.last->next = p;
    run.last = p;
    run.n++;
    return true;
}

/* ---- any frame ---------------------------------------------------------------------------------
 */

void ethif_rx(struct ethif *e, struct netbuf *nb)
{
    if (run.p != NULL) {
        if (run_takes(e, nb))
            return;
        ethif_rx_end(e);
    }

    struct rx f;
    /* With their Ethernet header the length of the largest would not fit where lwIP keeps it. */
    const uint32_t skip = nb->offload & NETBUF_MERGED ? SIZEOF_ETH_HDR : 0;
    uint64_t *reason;
    struct pbuf *p = NULL;
    bool held = false, vouched = false;

    ASSERT(e != NULL); /* or each address of a counter is one, for the analyser of this source */
    rx_begin(&f, nb);
    reason = rx_reject(e, &f);
    if (reason == NULL) {
        vouched = ethif_csum_vouched(nb, f.head);
        p = rx_packet(e, &f, skip, vouched, &held);
    }
    if (p == NULL) {
        ++*(reason != NULL ? reason : &e->rx_no_pbuf);
        LINK_STATS_INC(link.drop);
        vnet_rx_release(e->vn, nb);
        return;
    }
    LINK_STATS_INC(link.recv);
    if (eth_of(&f)->type == PP_HTONS(ETHTYPE_ARP) &&
        f.head_bytes >= SIZEOF_ETH_HDR + SIZEOF_ETHARP_HDR)
        address_saw_arp(e, f.head);
    if (!held)
        vnet_rx_release(e->vn, nb);
    else if (run_begins(&f, p, vouched))
        return;
    NETIF_SET_CHECKSUM_CTRL(&e->netif, vouched ? CSUM_VOUCHED : CSUM_ALL);
    rx_input(e, p, eth_of(&f)->type, f.merged);
}
