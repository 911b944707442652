// SPDX-License-Identifier: BSD-3-Clause
/*
 * Transmit for generators of frames: the same ring, buffers and accounts as everybody's, in
 * batches.
 *
 * A frame that goes out again and again with few bytes changed should cost those few bytes. So a
 * buffer keeps what was written to it, the device's header included, and the stamp says what that
 * is; and what is done for each frame elsewhere (looking for room, a call into the ring, the
 * header) is done once for a batch here.
 */
#include "panic.h"
#include "string.h"
#include "virtio_net_state.h"

void vnet_tx_get_many(struct vnet *vn, struct netbuf **out, unsigned n)
{
    ASSERT(n <= vnet_tx_room(vn, true) && n <= VNET_BATCH);
    netbuf_get_many(&vn->tx_pool, out, n);
    for (unsigned i = 0; i < n; i++)
        if (out[i]->stamp == 0) {
            out[i]->offload = 0;
            memset(out[i]->base, 0, NETBUF_HEADROOM);
        }
}

/* Nothing is asked of the device: its header is all zeros [virtio 5.1.6.2], and nobody changes it
 * in a buffer that has a stamp. It lies in front of the frame, whose place is the same in all of
 * them. */
void vnet_tx_many(struct vnet *vn, struct netbuf *const *nb, unsigned n)
{
    const uint32_t header = vn->hdr_bytes, most = vn->mtu + VNET_ETH_HEADER + VLAN_TAG;
    struct vq_out out[VNET_BATCH];

    ASSERT(n <= VNET_BATCH);
    if (vn->segs > 1) { /* the header apart: an old device, which is nobody's fast one */
        for (unsigned i = 0; i < n; i++)
            vnet_tx(vn, nb[i]);
        return;
    }
    for (unsigned i = 0; i < n; i++) {
        ASSERT(nb[i]->len - VNET_ETH_HEADER <= most - VNET_ETH_HEADER);
        netbuf_change(nb[i], NETBUF_STACK, NETBUF_DEVICE);
        out[i] = (struct vq_out){nb[i]->dma + NETBUF_HEADROOM - header, header + nb[i]->len, nb[i]};
    }
    netbuf_count(&vn->tx_pool, NETBUF_STACK, NETBUF_DEVICE, n);
    vq_add_outs(&vn->tx.vq, out, n);
}

uint64_t vnet_tx_group(const struct vnet *vn, unsigned group)
{
    return vn->tx_groups[group];
}
