// SPDX-License-Identifier: BSD-3-Clause
/*
 * The memory behind the rings: which size of buffer a NIC gets, and how many of them.
 *
 * Each receive buffer holds any frame the device may deliver, so that no frame ever needs more
 * buffers than there are [virtio 5.1.6.3.1]:
 *
 *     std     2 KiB      where a frame is at most an MTU of 2018
 *     jumbo   9 KiB      where the MTU is larger
 *     big    64 KiB      where the device may merge TCP segments into one frame
 *
 * Or buffers are mergeable: then a quarter of the ring holds any frame, which in a ring of 256 or
 * more takes 2 KiB each.
 *
 * All NICs share one arena in equal parts, since one alone shall have many big buffers. From a
 * part's bytes follow its buffers, from these the ring: the largest that leaves spares for a
 * quarter of it, at most for a whole batch.
 */
#include "virtio_net_state.h"

#define NOINIT __attribute__((section(".noinit"), aligned(64)))

static uint8_t rx_arena[CONFIG_RX_ARENA] NOINIT;
static uint8_t tx_arena[CONFIG_NICS][CONFIG_TX_ARENA] NOINIT;

/* A NIC's part of the receive arena, bytes: whole cache lines; and its room behind the first guard.
 */
#define PART_BYTES(nics) (CONFIG_RX_ARENA / (nics) / 64 * 64)
#define PART_ROOM(nics)  (PART_BYTES(nics) - CONFIG_GUARD_BYTES)

/* Bytes that a buffer takes with its guard. */
#define STRIDE(bytes) ((bytes) + CONFIG_GUARD_BYTES)

static_assert(PART_ROOM(CONFIG_NICS) >= VNET_RX_BUFS * STRIDE(CONFIG_BUF_BYTES_STD),
              "the full ring and its spares of the smallest buffers, for every NIC");
static_assert(CONFIG_BUF_BYTES_MAX == CONFIG_BUF_BYTES_STD ||
                  PART_ROOM(CONFIG_NICS) >= (256 + CONFIG_RX_BATCH) * STRIDE(CONFIG_BUF_BYTES_MAX),
              "rings of 256 with jumbo frames, for every NIC");
static_assert(PART_ROOM(CONFIG_NICS) >= 5 * (CONFIG_BUF_BYTES_BIG + 32 * STRIDE(64)),
              "four quarters of mergeable buffers and one of spares, for every NIC and any ring: a "
              "quarter of 32 buffers or more is of the smallest");
static_assert(CONFIG_RX_BIG == 0 || PART_ROOM(CONFIG_NICS) / STRIDE(CONFIG_BUF_BYTES_BIG) >=
                                        CONFIG_RX_BIG_MIN * 5 / 4,
              "a ring of big buffers and its spares, for every NIC");

static uint16_t spares(uint16_t ring)
{
    uint16_t quarter = ring / 4 > 0 ? ring / 4 : 1;

    return quarter < CONFIG_RX_BATCH ? quarter : CONFIG_RX_BATCH;
}

/* The largest ring for so many buffers. */
static uint16_t ring_of(uint32_t bufs)
{
    uint16_t ring = CONFIG_RX_RING;

    while (ring > 1 && ring + spares(ring) > bufs)
        ring >>= 1;
    return ring;
}

static uint32_t mtu_bytes(uint16_t mtu)
{
    return CONFIG_FRAME_BYTES((uint32_t)mtu) > CONFIG_BUF_BYTES_STD ? CONFIG_BUF_BYTES_MAX
                                                                    : CONFIG_BUF_BYTES_STD;
}

uint32_t vnet_frame_room(const struct vnet *vn, uint64_t features, uint16_t mtu)
{
    if (features & VIRTIO_NET_F_MRG_RXBUF)
        return CONFIG_BUF_BYTES_BIG;
    if (vn->known)
        return vn->rx_bufs[0].cap;
    return features & VIRTIO_NET_F_GUEST_TSO ? CONFIG_BUF_BYTES_BIG : mtu_bytes(mtu);
}

/* Of mergeable buffers: a quarter of the ring holds any frame. */
static uint32_t piece_bytes(uint16_t ring)
{
    uint32_t quarter = ring / 4 > 0 ? ring / 4 : 1;
    uint32_t bytes = ((CONFIG_BUF_BYTES_BIG + quarter - 1) / quarter + 63) / 64 * 64;

    return bytes > CONFIG_BUF_BYTES_STD ? bytes : CONFIG_BUF_BYTES_STD;
}

/* What the device has of so many entries; a legacy one may have more, which then stay empty. */
static uint16_t queue_size(struct vnet *vn, uint16_t index, uint16_t max)
{
    uint16_t size = vpci_queue_size(&vn->vpci, index, max);

    return size < max ? size : max;
}

/* What was asked for, 0 for nothing, within what there is memory for. */
static uint16_t at_most(uint16_t asked, uint16_t most)
{
    return asked != 0 && asked < most ? asked : most;
}

/* Of the spares half, at most: what is left takes at least one frame off the ring, the largest. */
static uint16_t held_max(const struct vnet *vn)
{
    const unsigned half = (vn->rx_spares + 1u) / 2;
    const unsigned needed = vn->rx_pieces > half ? vn->rx_pieces : half;

    return (uint16_t)(needed < vn->rx_spares ? vn->rx_spares - needed : 0);
}

void vnet_carve(struct vnet *vn)
{
    bool mergeable = vn->vpci.features & VIRTIO_NET_F_MRG_RXBUF;
    uint32_t part = PART_BYTES(vn->nics), bytes;
    uint16_t most = at_most(vn->opt.rx_ring, CONFIG_RX_RING);

    bytes = mergeable ? piece_bytes(queue_size(vn, VIRTIO_NET_RXQ, most))
                      : vnet_frame_room(vn, vn->vpci.features, vn->mtu);
    vn->rx_pieces = (uint16_t)(mergeable ? (CONFIG_BUF_BYTES_BIG + bytes - 1) / bytes : 0);
    vn->rx_ring =
        queue_size(vn, VIRTIO_NET_RXQ, at_most(most, ring_of(PART_ROOM(vn->nics) / STRIDE(bytes))));
    vn->tx_ring = queue_size(vn, VIRTIO_NET_TXQ, at_most(vn->opt.tx_ring, CONFIG_TX_RING));
    netbuf_pool_init(&vn->rx_pool, "rx", rx_arena + (size_t)part * vn->index, part, bytes,
                     vn->rx_bufs, vn->rx_buf_ids, (uint16_t)(vn->rx_ring + CONFIG_RX_BATCH));
    netbuf_pool_init(&vn->tx_pool, "tx", tx_arena[vn->index], sizeof(tx_arena[0]),
                     mtu_bytes(vn->mtu), vn->tx_bufs, vn->tx_buf_ids, vn->tx_ring);
    vn->rx_spares = (uint16_t)(vn->rx_pool.n - vn->rx_ring);
    vn->rx_held_max = held_max(vn);
}
