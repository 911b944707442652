// SPDX-License-Identifier: BSD-3-Clause
/*
 * The header in front of every frame, both ways [virtio 5.1.6].
 *
 * A field counts only with the feature that gives it a meaning; everything else in a received
 * header is ignored, whatever it says [virtio 5.1.6.4.2]: devices set flags that nobody agreed on,
 * and hdr_len is a hint that is never needed. What does count is fetched once and checked before it
 * is believed: a device that lies costs a frame, counted, and nothing else.
 */
#include "string.h"
#include "virtio_net_state.h"

/* Bytes of a checksum field. */
#define CSUM_BYTES 2u

/* The type of the frames that the device made one of; false: not one that was agreed on. */
static bool merged_type(const struct vnet *vn, uint8_t gso_type)
{
    uint64_t wanted = 0;

    if (gso_type & VIRTIO_NET_HDR_GSO_ECN)
        wanted |= VIRTIO_NET_F_GUEST_ECN;
    switch (gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
    case VIRTIO_NET_HDR_GSO_TCPV4:
        wanted |= VIRTIO_NET_F_GUEST_TSO4;
        break;
    case VIRTIO_NET_HDR_GSO_TCPV6:
        wanted |= VIRTIO_NET_F_GUEST_TSO6;
        break;
    default:
        return false;
    }
    return (vn->vpci.features & wanted) == wanted;
}

bool vnet_hdr_rx(const struct vnet *vn, struct netbuf *nb, uint32_t frame_bytes)
{
    struct virtio_net_hdr hdr;

    nb->offload = 0;
    if (!(vn->vpci.features & VIRTIO_NET_F_GUEST_CSUM))
        return true; /* what the others need */
    /* What counts is in every transport's header: a copy of fixed length is two loads. */
    __builtin_memcpy(&hdr, netbuf_frame(nb) - vn->hdr_bytes, VIRTIO_NET_HDR_LEGACY);
    if (hdr.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
        /* A frame that never was on a wire: nobody finished its checksum. */
        if ((uint32_t)hdr.csum_start + hdr.csum_offset + CSUM_BYTES > frame_bytes)
            return false;
        nb->offload |= NETBUF_CSUM_PARTIAL;
        nb->csum_start = hdr.csum_start;
        nb->csum_offset = hdr.csum_offset;
    } else if (hdr.flags & VIRTIO_NET_HDR_F_DATA_VALID) {
        nb->offload |= NETBUF_CSUM_VALID;
    }
    if (!(vn->vpci.features & VIRTIO_NET_F_GUEST_TSO) || hdr.gso_type == VIRTIO_NET_HDR_GSO_NONE)
        return true;
    nb->offload |= NETBUF_MERGED;
    return merged_type(vn, hdr.gso_type);
}

void vnet_hdr_tx(const struct vnet *vn, struct netbuf *nb, const struct vnet_tso *tso)
{
    struct virtio_net_hdr hdr = {0}; /* num_buffers must be 0 [virtio 5.1.6.2.1] */

    if (nb->offload & NETBUF_CSUM_PARTIAL) {
        hdr.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
        hdr.csum_start = nb->csum_start;
        hdr.csum_offset = nb->csum_offset;
    }
    if (tso != NULL) {
        /* No segment has CWR, so that what ECN asks of a cut does not matter [virtio 5.1.6.2]. */
        hdr.gso_type = tso->ip6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4;
        hdr.hdr_len = (uint16_t)nb->len;
        hdr.gso_size = tso->mss;
    }
    memcpy(netbuf_frame(nb) - vn->hdr_bytes, &hdr, vn->hdr_bytes);
}
