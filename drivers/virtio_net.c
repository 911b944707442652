// SPDX-License-Identifier: BSD-3-Clause
/*
 * The data path: post, poll, send, and the heartbeat that keeps them going; what was sent comes
 * back in virtio_net_many.c.
 *
 * One descriptor per frame: the device's header and the frame lie in one buffer, one behind the
 * other. Of a large TCP segment only the headers do: its payload is constant, and the device reads
 * it where it is.
 *
 * Doorbells are rung once per batch, when the device wants them, and every CONFIG_HEARTBEAT_MS when
 * it did not react: a device has to bear that [virtio 2.7.10.2], and it ends every freeze that a
 * lost doorbell starts.
 */
#include "virtio_net.h"
#include <stddef.h>
#include "fault.h"
#include "panic.h"
#include "time.h"
#include "virtio_net_state.h"

/* So many frames are not held back for a flush: the device sends them while more are made. A ring
 * that was filled first, and then emptied, would have device and guest work in turns. */
#define VNET_TX_AHEAD 32

/* What a device wrote beyond its place is known within a second, heartbeats apart. */
#define GUARD_NS (NS_PER_S - CONFIG_HEARTBEAT_MS * NS_PER_MS)

static_assert(NETBUF_HEADROOM >= sizeof(struct virtio_net_hdr), "room for the device's header");
static_assert(2 + VNET_TSO_PIECES <= VQ_SEGS, "a header apart, headers, payload");
static_assert(CONFIG_BUF_BYTES_STD >= 1526, "[virtio 5.1.6.3.1]");

void vnet_kick(struct vnet *vn, struct vnet_queue *q, uint16_t index)
{
    q->kicks++;
    vpci_notify(&vn->vpci, index);
}

/* On demand doorbells are lost: we believe that we rang. The heartbeat's are not, so that the
 * repair can be seen. */
static bool kick_lost(const struct vnet *vn, uint16_t index)
{
    bool lost = fault_strike(FAULT_DROP_KICK, vn->index);

    return fault_strike(index == VIRTIO_NET_RXQ ? FAULT_DROP_KICK_RX : FAULT_DROP_KICK_TX,
                        vn->index) ||
           lost;
}

void vnet_notify(struct vnet *vn, struct vnet_queue *q, uint16_t index, uint16_t before)
{
    vnet_watch_wanted(q, before);
    if (fault_any() && kick_lost(vn, index))
        q->kicks++;
    else
        vnet_kick(vn, q, index);
}

static void publish(struct vnet *vn, struct vnet_queue *q, uint16_t index)
{
    const uint16_t before = q->vq.kick_idx;

    if (vq_publish(&q->vq))
        vnet_notify(vn, q, index, before);
}

/* ---- receive ----------------------------------------------------------------------------------
 */

/* Bytes of a buffer in front of the device's header, which ends where the frame begins. */
static uint32_t skip(const struct vnet *vn, const struct netbuf *nb)
{
    return nb->offset - vn->hdr_bytes;
}

/* The device's header and so many bytes of frame: in one segment, or the header by itself where the
 * device wants that [virtio 2.7.4.3]. The caller says who may write. */
static void with_header(const struct vnet *vn, struct netbuf *nb, uint32_t bytes,
                        struct vq_buf *buf)
{
    dma_addr_t header = nb->dma + skip(vn, nb);

    buf->token = nb;
    if (vn->segs == 1) {
        buf->seg[0] = (struct vq_seg){header, vn->hdr_bytes + bytes};
        return;
    }
    buf->seg[0] = (struct vq_seg){header, vn->hdr_bytes};
    buf->seg[1] = (struct vq_seg){nb->dma + nb->offset, bytes};
}

/* There is room: a completion made it, or the caller looked. */
void vnet_rx_post(struct vnet *vn, struct netbuf *nb)
{
    struct vq_buf buf;

    nb->offset = NETBUF_HEADROOM;
    nb->next = NULL;
    with_header(vn, nb, nb->cap - nb->offset, &buf);
    buf.out_n = 0;
    buf.in_n = vn->segs;
    netbuf_to_device(&vn->rx_pool, nb);
    vq_add(&vn->rx.vq, &buf);
}

void vnet_rx_fill(struct vnet *vn)
{
    while (vq_outstanding(&vn->rx.vq) < vn->rx_target && vn->rx_pool.free_n > 0)
        vnet_rx_post(vn, netbuf_get(&vn->rx_pool));
}

enum vnet_rx_drop vnet_rx_too_short(const struct vnet *vn, uint32_t bytes)
{
    return bytes < vn->hdr_bytes                     ? VNET_RX_CUT
           : bytes < vn->hdr_bytes + VNET_ETH_HEADER ? VNET_RX_RUNT
                                                     : VNET_RX_DROPS;
}

/* Swap or recycle: returns the buffer that takes this one's place in the ring. Either it comes from
 * the pool and *up is the frame, or it is the same buffer, *up is NULL and the frame is lost. */
static struct netbuf *swap(struct vnet *vn, const struct vq_done *done, struct netbuf **up)
{
    const enum vnet_rx_drop too_short = vnet_rx_too_short(vn, done->len);
    struct netbuf *nb = done->token, *spare;

    *up = NULL;
    netbuf_from_device(&vn->rx_pool, nb);
    if (too_short != VNET_RX_DROPS) {
        vn->rx_drops[too_short]++;
        return nb;
    }
    if (!vnet_hdr_rx(vn, nb, done->len - vn->hdr_bytes)) {
        vn->rx_drops[VNET_RX_HEADER]++;
        return nb;
    }
    spare = netbuf_get(&vn->rx_pool);
    if (spare == NULL) {
        vn->rx_drops[VNET_RX_NO_BUFFER]++;
        return nb;
    }
    nb->len = done->len - vn->hdr_bytes;
    vn->rx.packets++;
    vn->rx.bytes += nb->len;
    *up = nb;
    return spare;
}

void vnet_rx_taken(struct vnet *vn, unsigned n, unsigned posted)
{
    if (posted < vn->rx.posted_min)
        vn->rx.posted_min = (uint16_t)posted;
    vn->rx.completions += n;
}

/* Takes at most `max` completions and puts as many buffers back. Returns completions; *n counts
 * frames. */
static unsigned rx_batch(struct vnet *vn, struct netbuf **out, unsigned *n, unsigned max)
{
    struct vq_done done[VNET_BATCH];
    unsigned taken = vnet_rx_turn_many(vn, out, n, max);

    if (taken > 0) {
        publish(vn, &vn->rx, VIRTIO_NET_RXQ);
        return taken;
    }
    taken = vq_take(&vn->rx.vq, done, max);
    if (taken == 0)
        return 0;
    vnet_rx_taken(vn, taken, vq_outstanding(&vn->rx.vq));
    for (unsigned i = 0; i < taken; i++) {
        struct netbuf *up;
        vnet_rx_post(vn, swap(vn, &done[i], &up));
        if (up != NULL)
            out[(*n)++] = up;
    }
    publish(vn, &vn->rx, VIRTIO_NET_RXQ);
    return taken;
}

unsigned vnet_rx_poll(struct vnet *vn, struct netbuf **out, unsigned max)
{
    unsigned n = 0;

    if (vn->up != VNET_UP)
        return 0;
    if (max > vnet_rx_spares(vn))
        max = vnet_rx_spares(vn);
    if (vn->vpci.features & VIRTIO_NET_F_MRG_RXBUF) {
        n = vnet_merge_poll(vn, out, max);
        publish(vn, &vn->rx, VIRTIO_NET_RXQ);
        max = 0;
    }
    while (max > 0) {
        unsigned want = max < vn->rx_batch ? max : vn->rx_batch;
        unsigned taken = rx_batch(vn, out, &n, want);
        max -= taken;
        if (taken < want)
            break;
    }
    if (vn->rx.vq.broken != NULL)
        vnet_break(vn, vn->rx.vq.broken, vn->rx.vq.evidence);
    return n;
}

void vnet_rx_release(struct vnet *vn, struct netbuf *nb)
{
    while (nb != NULL) {
        struct netbuf *next = nb->next;

        netbuf_put(&vn->rx_pool, nb);
        nb = next;
    }
}

void vnet_rx_release_many(struct vnet *vn, struct netbuf *const *nb, unsigned n)
{
    netbuf_put_many(&vn->rx_pool, nb, n);
}

bool vnet_rx_hold(struct vnet *vn, struct netbuf *nb)
{
    if (vn->rx_pool.count[NETBUF_HELD] >= vn->rx_held_max || nb->next != NULL)
        return false;
    netbuf_hold(&vn->rx_pool, nb);
    return true;
}

void vnet_rx_let_go(struct vnet *vn, struct netbuf *nb)
{
    netbuf_let_go(&vn->rx_pool, nb);
}

/* ---- transmit ---------------------------------------------------------------------------------
 */

/* Buffers that are free and have a place in the ring, which after a reset may be smaller than the
 * pool; frames that are being filled have a claim to theirs. */
static unsigned tx_free(const struct vnet *vn)
{
    unsigned filling = vn->tx_pool.count[NETBUF_STACK], room = vq_room(&vn->tx.vq, vn->tx_segs);

    room = room > filling ? room - filling : 0;
    return room < vn->tx_pool.free_n ? room : vn->tx_pool.free_n;
}

struct netbuf *vnet_tx_get(struct vnet *vn, bool bulk)
{
    struct netbuf *nb;

    /* Completions first, capacity after: the other order stops a sender for ever whose last frame
     * was the one that filled the ring. */
    if (tx_free(vn) <= vn->tx_reserve)
        vnet_tx_reclaim(vn);
    if (tx_free(vn) <= (bulk ? vn->tx_reserve : 0)) {
        vn->tx_drops[VNET_TX_FULL]++;
        return NULL;
    }
    nb = netbuf_get(&vn->tx_pool);
    nb->offload = 0;
    nb->stamp = 0;
    return nb;
}

static bool tx_add(struct vnet *vn, const struct vq_buf *buf)
{
    if (vn->up != VNET_UP) {
        vn->tx_drops[VNET_TX_DOWN]++;
        return false;
    }
    if (vq_room(&vn->tx.vq, buf->out_n) == 0) {
        vn->tx_drops[VNET_TX_FULL]++;
        return false;
    }
    netbuf_to_device(&vn->tx_pool, buf->token);
    vq_add(&vn->tx.vq, buf);
    if (vq_unpublished(&vn->tx.vq) >= VNET_TX_AHEAD)
        publish(vn, &vn->tx, VIRTIO_NET_TXQ);
    return true;
}

bool vnet_tx(struct vnet *vn, struct netbuf *nb)
{
    struct vq_buf buf;

    ASSERT(nb->len >= VNET_ETH_HEADER && nb->len <= vn->mtu + VNET_ETH_HEADER + VLAN_TAG);
    vnet_hdr_tx(vn, nb, NULL);
    with_header(vn, nb, nb->len, &buf);
    buf.out_n = vn->segs;
    buf.in_n = 0;
    return tx_add(vn, &buf);
}

bool vnet_tx_tso(struct vnet *vn, struct netbuf *nb, const struct vnet_tso *tso)
{
    struct vq_buf buf;
    uint32_t bytes = nb->len;

    ASSERT(vnet_tx_cuts(vn, tso->ip6) && (nb->offload & NETBUF_CSUM_PARTIAL));
    ASSERT(tso->pieces > 0 && tso->pieces <= VNET_TSO_PIECES);
    vnet_hdr_tx(vn, nb, tso);
    with_header(vn, nb, nb->len, &buf);
    buf.out_n = vn->segs;
    buf.in_n = 0;
    for (unsigned i = 0; i < tso->pieces; i++) {
        buf.seg[buf.out_n++] = (struct vq_seg){dma_addr(tso->piece[i]), tso->piece_bytes[i]};
        bytes += tso->piece_bytes[i];
    }
    ASSERT(bytes <= UINT16_MAX);
    if (!tx_add(vn, &buf))
        return false;
    nb->len = bytes;
    vn->tx_cut++;
    return true;
}

void vnet_tx_put(struct vnet *vn, struct netbuf *nb)
{
    netbuf_put(&vn->tx_pool, nb);
}

void vnet_tx_flush(struct vnet *vn)
{
    if (vn->up == VNET_UP)
        publish(vn, &vn->tx, VIRTIO_NET_TXQ);
}

bool vnet_tx_is_done(struct vnet *vn)
{
    vnet_tx_reclaim(vn);
    return vn->up != VNET_UP || vq_outstanding(&vn->tx.vq) == 0;
}

unsigned vnet_tx_room(const struct vnet *vn, bool bulk)
{
    unsigned free = tx_free(vn), reserve = bulk ? vn->tx_reserve : 0;

    return vn->up == VNET_UP && free > reserve ? free - reserve : 0;
}

unsigned vnet_tx_most(const struct vnet *vn)
{
    return vn->tx_most;
}

/* ---- keeping it going -------------------------------------------------------------------------
 */

/* The gap runs from the last turn with progress, or without need of it, to this one; without the
 * time in which the loop was not run, and without that of a fault that was asked for until then. */
static void measure_gap(struct vnet_queue *q, bool due, uint64_t now, uint64_t late)
{
    bool progress = q->completions != q->gap_mark;
    uint64_t gap;

    q->progress_ns = fault_any() && fault_excuses() ? now : q->progress_ns + late;
    gap = now - q->progress_ns;

    if ((due || progress) && gap > q->gap_max_ns)
        q->gap_max_ns = gap;
    if (!due || progress)
        q->progress_ns = now;
    q->gap_mark = q->completions;
}

/* The doorbell of a queue on which nothing happened since the last beat although the device has
 * buffers of it. */
static void beat(struct vnet *vn, struct vnet_queue *q, uint16_t index)
{
    if (q->completions == q->beat_mark && vq_outstanding(&q->vq) > 0)
        vnet_watch_beat(vn, q, index);
    q->beat_mark = q->completions;
}

void vnet_heartbeat(struct vnet *vn, uint64_t now_ns)
{
    uint64_t late = vnet_watch_late(vn, now_ns);

    vn->now_ns = now_ns;
    measure_gap(&vn->tx, vn->up == VNET_RESETTING || (vn->link && vq_outstanding(&vn->tx.vq) > 0),
                now_ns, late);
    measure_gap(&vn->rx, vn->rx_due, now_ns, late);
    vnet_faults(vn);
    if (vn->up == VNET_RESETTING) {
        vnet_recover(vn);
        return;
    }
    if (vnet_irq_config(vn))
        vnet_refresh(vn);
    if (vn->up == VNET_UP)
        vnet_ctrl_turn(vn);
    if (vn->up == VNET_UP)
        vnet_watch_turn(vn);
    if (vn->up != VNET_UP || now_ns - vn->beat_ns < CONFIG_HEARTBEAT_MS * NS_PER_MS)
        return;
    vn->beat_ns = now_ns;
    vnet_refresh(vn); /* an interrupt for it may be lost as well */
    if (vn->up == VNET_UP && now_ns - vn->guard_ns >= GUARD_NS) {
        vn->guard_ns = now_ns;
        vnet_guards(vn);
    }
    if (vn->up == VNET_UP) {
        vnet_irq_retry(vn);
        beat(vn, &vn->rx, VIRTIO_NET_RXQ);
        beat(vn, &vn->tx, VIRTIO_NET_TXQ);
    }
}
