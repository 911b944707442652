// SPDX-License-Identifier: BSD-3-Clause
/*
 * Many frames at once: those that generators send, everybody's that the device gives back, and
 * those that are received.
 *
 * A frame that goes out again and again with few bytes changed should cost those few bytes. So a
 * buffer keeps what was written to it, the device's header included, and the stamp says what that
 * is. What is done for each frame elsewhere (looking for room, a call into the ring, the header) is
 * done once for a batch here; and in a split ring, which the fast devices have, what remains to be
 * done for each of them is one loop.
 */
#include "fault.h"
#include "panic.h"
#include "virtio_net_state.h"
#include "virtqueue_split.h"

/* ---- there ------------------------------------------------------------------------------------
 */

void vnet_tx_get_many(struct vnet *vn, struct netbuf **out, unsigned n)
{
    ASSERT(n <= vnet_tx_room(vn, true) && n <= VNET_BATCH);
    netbuf_get_many(&vn->tx_pool, out, n);
}

struct giving {
    struct netbuf *const *nb;
    uint32_t header, most; /* bytes: of the device's header; of a frame, above an Ethernet header */
};

/* The device's header lies in front of the frame, whose place is the same in all buffers. */
VQ_SPLIT_INLINE struct vq_out give(void *of)
{
    struct giving *g = of;
    struct netbuf *nb = *g->nb++;

    ASSERT(nb->len - VNET_ETH_HEADER <= g->most);
    netbuf_change(nb, NETBUF_STACK, NETBUF_DEVICE);
    return (struct vq_out){nb->dma + NETBUF_HEADROOM - g->header, g->header + nb->len, nb};
}

void vnet_tx_many(struct vnet *vn, struct netbuf *const *nb, unsigned n)
{
    struct giving giving = {nb, vn->hdr_bytes, vn->mtu + VLAN_TAG};

    ASSERT(n <= VNET_BATCH);
    if (vn->segs > 1 || vn->tx.vq.ops != &vq_split) {
        for (unsigned i = 0; i < n; i++)
            vnet_tx(vn, nb[i]);
        return;
    }
    vq_split_add_outs(&vn->tx.vq, n, give, &giving);
    netbuf_count(&vn->tx_pool, NETBUF_STACK, NETBUF_DEVICE, n);
}

/* ---- and back ---------------------------------------------------------------------------------
 */

struct back {
    uint16_t *free; /* see netbuf_done() */
    uint64_t bytes;
    uint64_t *groups;
};

VQ_SPLIT_INLINE void take_back(void *of, void *token)
{
    struct back *b = of;
    struct netbuf *nb = token;

    b->bytes += nb->len;
    b->groups[nb->stamp % VNET_TX_GROUPS]++;
    b->free = netbuf_done(nb, b->free);
}

static struct back back_to(struct vnet *vn)
{
    return (struct back){.free = vn->tx_pool.free + vn->tx_pool.free_n, .groups = vn->tx_groups};
}

static unsigned account(struct vnet *vn, const struct back *b, unsigned n)
{
    netbuf_done_count(&vn->tx_pool, n);
    vn->tx.bytes += b->bytes;
    vn->tx.packets += n;
    vn->tx.completions += n;
    return n;
}

static unsigned reclaim_split(struct vnet *vn)
{
    struct back b = back_to(vn);

    return account(vn, &b, vq_split_take_outs(&vn->tx.vq, CONFIG_TX_BUFS, take_back, &b));
}

static unsigned reclaim_batch(struct vnet *vn)
{
    struct vq_done done[VNET_BATCH];
    struct back b = back_to(vn);
    const unsigned n = vq_take(&vn->tx.vq, done, VNET_BATCH);

    for (unsigned i = 0; i < n; i++)
        take_back(&b, done[i].token);
    return account(vn, &b, n);
}

unsigned vnet_tx_reclaim(struct vnet *vn)
{
    const struct vq *vq = &vn->tx.vq;
    unsigned n, total = 0;

    if (vn->up != VNET_UP || (fault_any() && fault_strike(FAULT_NO_REAP, vn->index)))
        return 0;
    if (vq->ops == &vq_split) {
        total = reclaim_split(vn);
    } else {
        do
            total += n = reclaim_batch(vn);
        while (n == VNET_BATCH && total < CONFIG_TX_BUFS);
    }
    if (vq->broken != NULL)
        vnet_break(vn, vq->broken, vq->evidence);
    return total;
}

uint64_t vnet_tx_group(const struct vnet *vn, unsigned group)
{
    return vn->tx_groups[group];
}

/* ---- received ---------------------------------------------------------------------------------
 */

struct turning {
    struct vnet *vn;
    struct netbuf **out;
    unsigned frames;
    uint64_t bytes;
};

/* vnet_hdr_rx(), which is for headers that say more than most. */
VQ_SPLIT_INLINE bool header_right(const struct vnet *vn, struct netbuf *nb, uint32_t frame_bytes)
{
    const uint8_t *header = nb->base + NETBUF_HEADROOM - vn->hdr_bytes;
    uint16_t both;

    __builtin_memcpy(&both, header, sizeof(both)); /* flags; gso_type << 8 */
    if ((both & ~VIRTIO_NET_HDR_F_DATA_VALID) != 0 ||
        !(vn->vpci.features & VIRTIO_NET_F_GUEST_CSUM))
        return vnet_hdr_rx(vn, nb, frame_bytes);
    nb->offload = both != 0 ? NETBUF_CSUM_VALID : 0;
    return true;
}

static void no_buffer(struct vnet *vn)
{
    vn->rx_pool.failures++;
    vn->rx_drops[VNET_RX_NO_BUFFER]++;
}

/* Swap or recycle, as in virtio_net.c. */
VQ_SPLIT_INLINE struct vq_out turn(void *of, void *token, uint32_t len)
{
    struct turning *t = of;
    struct vnet *vn = t->vn;
    struct netbuf *nb = token;
    const uint32_t bytes = len - vn->hdr_bytes, header = vn->hdr_bytes;

    if (len < header + VNET_ETH_HEADER)
        vn->rx_drops[vnet_rx_too_short(vn, len)]++;
    else if (!header_right(vn, nb, bytes))
        vn->rx_drops[VNET_RX_HEADER]++;
    else if (vn->rx_pool.free_n == 0)
        no_buffer(vn);
    else {
        nb->len = bytes;
        t->bytes += bytes;
        t->out[t->frames++] = nb;
        nb = netbuf_swap(&vn->rx_pool, nb);
        nb->offset = NETBUF_HEADROOM;
        nb->next = NULL;
    }
    return (struct vq_out){nb->dma + NETBUF_HEADROOM - header, header + nb->cap - NETBUF_HEADROOM,
                           nb};
}

unsigned vnet_rx_turn_many(struct vnet *vn, struct netbuf **out, unsigned *n, unsigned max)
{
    struct turning t = {.vn = vn, .out = out + *n};
    struct vq *vq = &vn->rx.vq;
    unsigned taken;

    static_assert(VNET_BATCH <= VQ_SPLIT_TURN, "a batch is one turn");
    if (vn->segs > 1 || vq->ops != &vq_split)
        return 0;
    taken = vq_split_turn_ins(vq, max, turn, &t);
    netbuf_swap_count(&vn->rx_pool, t.frames);
    vnet_rx_taken(vn, taken, vq_outstanding(vq) - taken);
    vn->rx.packets += t.frames;
    vn->rx.bytes += t.bytes;
    *n += t.frames;
    return taken;
}
