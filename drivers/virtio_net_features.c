// SPDX-License-Identifier: BSD-3-Clause
/*
 * What is accepted of a device's offer, and what it is called.
 *
 * Accepted is what the driver knows AND the device offers AND nobody masked AND whose prerequisites
 * are accepted too, whatever a device offers without them [virtio 5.1.3.1]. A feature that brings a
 * field of the configuration is only accepted where that field exists.
 */
#include <stddef.h>
#include "virtio_net_state.h"

#define END_OF(f)                                                                                  \
    (uint8_t)(offsetof(struct virtio_net_config, f) + sizeof(((struct virtio_net_config *)0)->f))

/* Without a choice once offered: addresses are physical either way, since no IOMMU is switched on,
 * and the barriers are those that real devices need as well [virtio 6.1]. */
#define PLATFORM (VIRTIO_F_ACCESS_PLATFORM | VIRTIO_F_ORDER_PLATFORM)

/* Everything the driver knows, in the order of the `nic` record. Names are those of `features=`. */
static const struct {
    uint64_t bit;
    const char *name;
    uint8_t config_bytes; /* of the device's configuration, up to the field that comes with it */
} known[] = {
    {VIRTIO_NET_F_CSUM, "csum", 0},
    {VIRTIO_NET_F_GUEST_CSUM, "guest_csum", 0},
    {VIRTIO_NET_F_MTU, "mtu", END_OF(mtu)},
    {VIRTIO_NET_F_MAC, "mac", END_OF(mac)},
    {VIRTIO_NET_F_GUEST_TSO4, "guest_tso4", 0},
    {VIRTIO_NET_F_GUEST_TSO6, "guest_tso6", 0},
    {VIRTIO_NET_F_GUEST_ECN, "guest_ecn", 0},
    {VIRTIO_NET_F_HOST_TSO4, "host_tso4", 0},
    {VIRTIO_NET_F_HOST_TSO6, "host_tso6", 0},
    {VIRTIO_NET_F_MRG_RXBUF, "mrg", 0},
    {VIRTIO_NET_F_STATUS, "status", END_OF(status)},
    {VIRTIO_NET_F_CTRL_VQ, "ctrl_vq", 0},
    {VIRTIO_NET_F_CTRL_RX, "ctrl_rx", 0},
    {VIRTIO_NET_F_GUEST_ANNOUNCE, "guest_announce", 0},
    {VIRTIO_NET_F_MQ, "mq", END_OF(max_virtqueue_pairs)},
    {VIRTIO_F_ANY_LAYOUT, "any_layout", 0},
    {VIRTIO_F_INDIRECT_DESC, "indirect_desc", 0},
    {VIRTIO_F_EVENT_IDX, "event_idx", 0},
    {VIRTIO_F_VERSION_1, "version_1", 0},
    {VIRTIO_F_ACCESS_PLATFORM, "access_platform", 0},
    {VIRTIO_F_RING_PACKED, "packed", 0},
    {VIRTIO_F_ORDER_PLATFORM, "order_platform", 0},
    {VIRTIO_F_RING_RESET, "ring_reset", 0},
};

/* Without any bit of `any` none of `bits` is accepted. Prerequisites before what needs them. */
static const struct {
    uint64_t bits, any;
} needs[] = {
    {VIRTIO_NET_F_GUEST_TSO, VIRTIO_NET_F_GUEST_CSUM},
    {VIRTIO_NET_F_HOST_TSO, VIRTIO_NET_F_CSUM},
    {VIRTIO_NET_F_GUEST_ECN, VIRTIO_NET_F_GUEST_TSO},
    {VIRTIO_NET_F_CTRL_RX | VIRTIO_NET_F_GUEST_ANNOUNCE | VIRTIO_NET_F_MQ, VIRTIO_NET_F_CTRL_VQ},
    {VIRTIO_NET_F_GUEST_ANNOUNCE, VIRTIO_NET_F_STATUS}, /* where the device asks for it */
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

uint64_t vnet_choose(const struct vnet *vn, uint64_t offered)
{
    uint64_t masked = (vn->opt.features_off | vn->features_shed) & ~(VIRTIO_F_VERSION_1 | PLATFORM),
             chosen = 0;

    if (!vn->vpci.ops->legacy)
        masked |= VIRTIO_F_ANY_LAYOUT; /* of no meaning there [virtio 6.3] */

    for (unsigned i = 0; i < COUNT(known); i++)
        if (known[i].config_bytes <= vn->vpci.config_bytes)
            chosen |= offered & ~masked & known[i].bit;
    if (!vn->opt.mergeable || (vn->known && vn->rx_pieces == 0))
        chosen &= ~VIRTIO_NET_F_MRG_RXBUF;
    if (CONFIG_RX_BIG == 0 || /* lwIP's pool is not made for it either */
        vnet_frame_room(vn, chosen, 0) < CONFIG_BUF_BYTES_BIG)
        chosen &= ~VIRTIO_NET_F_GUEST_TSO;
    if (!vn->vpci.can_reset_queue)
        chosen &= ~VIRTIO_F_RING_RESET;
    for (unsigned i = 0; i < COUNT(needs); i++)
        if (!(chosen & needs[i].any))
            chosen &= ~needs[i].bits;
    return chosen;
}

void vnet_json_features(uint64_t features, struct json *j)
{
    json_array(j, "features");
    for (unsigned i = 0; i < COUNT(known); i++)
        if (features & known[i].bit)
            json_str(j, NULL, known[i].name);
    json_end_array(j);
}
