// SPDX-License-Identifier: BSD-3-Clause
/*
 * The two queues of a NIC: their memory, how each is started, and how it is taken back from the
 * device, with all others or alone.
 *
 * A device that offers VIRTIO_F_RING_RESET can be made to drop one queue. That is a smaller remedy
 * than its reset: the other direction goes on, and nothing is negotiated again. It is not used
 * while the device has frames to send: QEMU 7.2, when it drops a queue of either direction, first
 * lets its back-end go on with what waits there, and where that is blocked it takes up the next
 * frame and aborts, because it finds one. The reset of the whole device has no such trap.
 */
#include "cpu.h"
#include "guard.h"
#include "time.h"
#include "virtio_net_state.h"
#include "virtqueue_packed.h"
#include "virtqueue_split.h"

/* The reset of one queue is waited for, since in between nobody may touch the queue; a device that
 * takes longer is reset as a whole, for which nobody waits. */
#define QUEUE_RESET_NS NS_PER_MS

/* A ring that holds fewer large frames than this is not worth their descriptors: half of them would
 * be the reserve of small ones. */
#define CUTS_MIN          (2 * CONFIG_TX_RESERVE)

#define STR2(x)           #x
#define STR(x)            STR2(x)

#define NOINIT(alignment) __attribute__((section(".noinit"), aligned(alignment)))

#define RING_BYTES        VQ_SPLIT_BYTES(CONFIG_RING_MAX)

/* Rings begin on a page, so a page of guards lies behind each, and one in front of the first. */
static struct guarded_rings {
    uint8_t front[4096];
    struct {
        uint8_t ring[RING_BYTES];
        uint8_t guard[4096];
    } of[CONFIG_NICS];
} rx_rings NOINIT(4096), tx_rings NOINIT(4096);

static struct guarded_tables {
    uint8_t front[CONFIG_GUARD_BYTES];
    struct vq_table table[CONFIG_RING_MAX];
    uint8_t guard[CONFIG_GUARD_BYTES];
} rx_tables[CONFIG_NICS] NOINIT(64), tx_tables[CONFIG_NICS] NOINIT(64);

static_assert(VQ_PACKED_BYTES(CONFIG_RING_MAX) <= VQ_SPLIT_BYTES(CONFIG_RING_MAX),
              "either format has room");

static void init_queue(struct vq *vq, struct guarded_rings *rings, struct vq_slot *slots,
                       struct guarded_tables *tables, unsigned nic)
{
    guard_set_around(rings->of[nic].ring, RING_BYTES);
    guard_set_around((uint8_t *)tables->table, sizeof(tables->table));
    vq_init(vq, rings->of[nic].ring, slots, tables->table);
}

void vnet_queues_init(struct vnet *vn)
{
    init_queue(&vn->rx.vq, &rx_rings, vn->rx_slots, &rx_tables[vn->index], vn->index);
    init_queue(&vn->tx.vq, &tx_rings, vn->tx_slots, &tx_tables[vn->index], vn->index);
}

static bool ring_overrun(struct guarded_rings *rings, struct guarded_tables *tables, unsigned nic)
{
    return guard_broken_around(rings->of[nic].ring, RING_BYTES) ||
           guard_broken_around((uint8_t *)tables->table, sizeof(tables->table));
}

void vnet_guards(struct vnet *vn)
{
    uint32_t id;

    if (netbuf_overrun(&vn->rx_pool, &id))
        vnet_break(vn, "memory beside this receive buffer was written to", id);
    else if (netbuf_overrun(&vn->tx_pool, &id))
        vnet_break(vn, "memory beside this transmit buffer was written to", id);
    else if (ring_overrun(&rx_rings, &rx_tables[vn->index], vn->index))
        vnet_break(vn, "memory beside this ring was written to", VIRTIO_NET_RXQ);
    else if (ring_overrun(&tx_rings, &tx_tables[vn->index], vn->index))
        vnet_break(vn, "memory beside this ring was written to", VIRTIO_NET_TXQ);
    else if (vnet_ctrl_overrun(vn))
        vnet_break(vn, "memory beside the control queue was written to", vn->ctrl_index);
}

/* ---- start ------------------------------------------------------------------------------------
 */

/* One queue, with what is left of its ring size if the device offers less than before. The size of
 * a legacy queue is not ours to choose. */
static const char *start_queue(struct vnet *vn, struct vnet_queue *q, uint16_t index, uint16_t max)
{
    const struct vq_ops *format = vn->vpci.features & VIRTIO_F_RING_PACKED ? &vq_packed : &vq_split;
    uint16_t size = max == 0 ? 0 : vpci_queue_size(&vn->vpci, index, max);

    if (size == 0)
        return index == VIRTIO_NET_RXQ ? "it has no receive queue" : "it has no transmit queue";
    if (format == &vq_split && (size & (size - 1)) != 0)
        return "its queue has a size that no queue may have";
    if (size > CONFIG_RING_MAX)
        return "its queue is longer than " STR(
            CONFIG_RING_MAX) " entries, which is what this build has "
                             "memory for, and the legacy interface cannot shorten it";
    vq_start(&q->vq, format, size, vn->vpci.features);
    if (vq_capacity(&q->vq, vn->segs) == 0)
        return "its queue has no room for a header apart from the frame";
    return vpci_queue_set(&vn->vpci, index, &q->vq);
}

/* Frames that the ring holds, of those that there are buffers for. */
static uint16_t frames(const struct vnet_queue *q, unsigned segs, uint16_t most)
{
    unsigned n = vq_capacity(&q->vq, segs);

    return n < most ? (uint16_t)n : most;
}

const char *vnet_start_rx(struct vnet *vn)
{
    uint16_t before = vn->rx_target;
    const char *why = start_queue(vn, &vn->rx, VIRTIO_NET_RXQ, vn->rx_ring);

    /* The promise is about this ring now, whether or not the other one comes up. */
    vn->rx_target = frames(&vn->rx, vn->segs, vn->rx_ring);
    vn->rx_batch = vn->rx_target / 2 < VNET_BATCH ? vn->rx_target / 2 : VNET_BATCH;
    if (vn->rx_batch == 0)
        vn->rx_batch = 1;
    if (vn->rx_target != before)
        vn->rx.posted_min = vn->rx_target;
    if (why == NULL && (vn->vpci.features & VIRTIO_NET_F_MRG_RXBUF) &&
        vn->rx_pieces > vn->rx_batch) {
        vn->opt.mergeable = false; /* the next try does without */
        why = "its receive queue has become too short for a frame of mergeable buffers";
    }
    return why;
}

const char *vnet_start_tx(struct vnet *vn)
{
    const char *why = start_queue(vn, &vn->tx, VIRTIO_NET_TXQ, vn->tx_ring);
    bool cuts = (vn->vpci.features & VIRTIO_NET_F_HOST_TSO) &&
                vq_capacity(&vn->tx.vq, vn->segs + VNET_TSO_PIECES) >= CUTS_MIN;
    uint16_t n;

    /* Room is counted in the largest frames, so that each buffer given out has its place. */
    vn->tx_segs = (uint16_t)(cuts ? vn->segs + VNET_TSO_PIECES : vn->segs);
    n = frames(&vn->tx, vn->tx_segs, vn->tx_ring);

    /* A quarter of a small ring, and one place wherever that leaves another. */
    vn->tx_reserve = n / 4 > 0 ? n / 4 : n / 2;
    if (vn->tx_reserve > CONFIG_TX_RESERVE)
        vn->tx_reserve = CONFIG_TX_RESERVE;
    vn->tx_most = (uint16_t)(n - vn->tx_reserve);
    return why;
}

/* ---- back from the device ---------------------------------------------------------------------
 */

void vnet_queue_reclaim(struct vnet *vn, struct vnet_queue *q)
{
    struct netbuf_pool *pool = q == &vn->rx ? &vn->rx_pool : &vn->tx_pool;
    unsigned cursor = 0;
    struct netbuf *nb;

    while ((nb = vq_reclaim(&q->vq, &cursor)) != NULL) {
        if (q == &vn->tx)
            vn->tx_drops[VNET_TX_RESET]++;
        netbuf_from_device(pool, nb);
        netbuf_put(pool, nb);
    }
}

static bool wait_reset(struct vnet *vn, uint16_t index)
{
    uint64_t end = time_ns() + QUEUE_RESET_NS;

    vpci_queue_reset_begin(&vn->vpci, index);
    while (!vpci_queue_reset_done(&vn->vpci, index)) {
        if (time_ns() > end)
            return false;
        cpu_relax();
    }
    return true;
}

bool vnet_queue_restart(struct vnet *vn, struct vnet_queue *q)
{
    bool rx = q == &vn->rx;
    uint16_t index = rx ? VIRTIO_NET_RXQ : VIRTIO_NET_TXQ;

    if (vn->up != VNET_UP || !(vn->vpci.features & VIRTIO_F_RING_RESET))
        return false;
    vnet_tx_reclaim(vn);
    if (vq_outstanding(&vn->tx.vq) > 0 || vn->up != VNET_UP)
        return false;
    if (!wait_reset(vn, index))
        return false;
    vnet_queue_reclaim(vn, q);
    if (!vnet_irq_again(vn, index) || (rx ? vnet_start_rx(vn) : vnet_start_tx(vn)) != NULL)
        return false;
    if (rx) {
        vnet_rx_fill(vn);
        vq_publish(&q->vq);
        vnet_kick(vn, q, index);
    }
    q->restarts++;
    return true;
}
