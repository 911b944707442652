// SPDX-License-Identifier: BSD-3-Clause
/*
 * Mergeable receive buffers [virtio 5.1.6.3, 5.1.6.4]: a frame lies in as many buffers as it takes,
 * the first of which says how many that are.
 *
 * Swap or recycle holds for whole frames: all buffers of a frame leave the ring with a spare for
 * each, or none does. A quarter of the ring holds the largest frame (virtio_net_bufs.c), and there
 * are spares for a quarter, so that neither the device nor the driver can ever wait for one buffer
 * more.
 *
 * A device makes all buffers of a frame visible at once, so a frame that is incomplete when the
 * driver looks never will be: it is dropped, and the next completion begins a frame.
 */
#include <stddef.h>
#include "mmio.h"
#include "virtio_net_state.h"

#define NUM_BUFFERS offsetof(struct virtio_net_hdr, num_buffers)
static_assert(NUM_BUFFERS % sizeof(uint16_t) == 0, "read in one access");

/* Buffers that the frame in done[0] says it takes; 0: a number that cannot be. A frame too short to
 * have a header takes this one. */
static unsigned pieces_of(const struct vnet *vn, const struct vq_done *done)
{
    const struct netbuf *nb = done->token;
    uint16_t n;

    if (done->len < vn->hdr_bytes)
        return 1;
    n = shm_read16((const volatile uint16_t *)(const volatile void *)(nb->base + NUM_BUFFERS));
    return n <= vn->rx_pieces ? n : 0;
}

/* Makes one frame of its pieces; false and the reason if it is none. Nothing changes hands here. */
static bool join(const struct vnet *vn, const struct vq_done *done, unsigned n,
                 enum vnet_rx_drop *reason)
{
    struct netbuf *first = done[0].token;
    uint32_t total = done[0].len - vn->hdr_bytes;

    *reason = vnet_rx_too_short(vn, done[0].len);
    if (*reason == VNET_RX_RUNT && n > 1)
        *reason = VNET_RX_MERGE; /* there was room for more in this one */
    if (*reason != VNET_RX_DROPS)
        return false;
    first->len = total;
    for (unsigned i = 1; i < n; i++) {
        struct netbuf *nb = done[i].token;

        nb->offset = 0; /* no header in front of it */
        nb->len = done[i].len;
        total += nb->len;
        ((struct netbuf *)done[i - 1].token)->next = nb;
    }
    *reason = VNET_RX_HEADER;
    return vnet_hdr_rx(vn, first, total);
}

/* A spare for each of n buffers, or none. */
static bool take_spares(struct vnet *vn, struct netbuf **spare, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        spare[i] = netbuf_get(&vn->rx_pool);
        if (spare[i] != NULL)
            continue;
        while (i-- > 0)
            netbuf_put(&vn->rx_pool, spare[i]);
        return false;
    }
    return true;
}

/* Gives the ring n buffers back for the n taken off it: spares, and *up is the frame, or the same
 * ones. */
static void swap_all(struct vnet *vn, const struct vq_done *done, unsigned n, bool whole,
                     struct netbuf **up)
{
    struct netbuf *spare[VNET_BATCH];
    enum vnet_rx_drop reason = VNET_RX_MERGE;
    bool good = whole && join(vn, done, n, &reason);

    for (unsigned i = 0; i < n; i++)
        netbuf_from_device(&vn->rx_pool, done[i].token);
    if (good && !take_spares(vn, spare, n)) {
        good = false;
        reason = VNET_RX_NO_BUFFER;
    }
    if (!good)
        vn->rx_drops[reason]++;
    for (unsigned i = 0; i < n; i++)
        vnet_rx_post(vn, good ? spare[i] : done[i].token);
    *up = good ? done[0].token : NULL;
}

unsigned vnet_merge_poll(struct vnet *vn, struct netbuf **out, unsigned max)
{
    struct vq_done done[VNET_BATCH];
    unsigned n = 0, left = vnet_rx_spares(vn);

    for (unsigned i = 0; i < max && left >= vn->rx_pieces; i++) {
        unsigned taken = vq_take(&vn->rx.vq, done, 1), want;
        struct netbuf *up;

        if (taken == 0)
            break;
        want = pieces_of(vn, done);
        if (want > 1)
            taken += vq_take(&vn->rx.vq, done + 1, want - 1);
        vnet_rx_taken(vn, taken, vq_outstanding(&vn->rx.vq));
        swap_all(vn, done, taken, taken == want, &up);
        if (up == NULL)
            continue;
        left -= taken;
        vn->rx.packets++;
        vn->rx.bytes += netbuf_frame_bytes(up);
        out[n++] = up;
    }
    return n;
}
