// SPDX-License-Identifier: BSD-3-Clause
/*
 * drivers/virtio_net.h without virtio: transmission, with a ring of rig.tx_ring buffers that the
 * device empties when the rig looks.
 *
 * The device that this is may complete checksums and cut large segments (rig.tx_csum, rig.tx_cuts).
 * It does so here, at once, so the peer gets frames as they are on a wire and checks each: a place
 * or a length that the guest got wrong is a wrong checksum.
 */
#include <string.h>
#include <stdarg.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>
#include "config.h"
#include "netrig_nic.h"
#include "netrig_priv.h"

/* ---- buffers --------------------------------------------------------------------------------- */

static unsigned tx_free(const struct vnet *vn)
{
    unsigned queued = 0;

    for (const struct node *node = vn->queued.head; node != NULL; node = node->next)
        queued += !node->more;
    return rig.tx_ring - vn->tx_caller - queued - vn->tx_device;
}

struct netbuf *vnet_tx_get(struct vnet *vn, bool bulk)
{
    if (tx_free(vn) <= (bulk ? CONFIG_TX_RESERVE : 0u))
        vnet_tx_reclaim(vn);
    if (tx_free(vn) <= (bulk ? CONFIG_TX_RESERVE : 0u))
        return NULL;
    struct node *node = nic_buffer(vn->mtu + 18);

    node->bulk = bulk;
    vn->tx_caller++;
    return &node->nb;
}

void vnet_tx_get_many(struct vnet *vn, struct netbuf **out, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        struct node *node = nic_pop(&vn->kept);

        assert_true(tx_free(vn) > CONFIG_TX_RESERVE);
        if (node == NULL)
            node = nic_buffer(vn->mtu + 18);
        node->bulk = true;
        vn->tx_caller++;
        out[i] = &node->nb;
    }
}

void vnet_tx_many(struct vnet *vn, struct netbuf *const *nb, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        assert_true(nb[i]->stamp != 0 && nb[i]->offload == 0);
        vnet_tx(vn, nb[i]);
    }
}

uint64_t vnet_tx_group(const struct vnet *vn, unsigned group)
{
    return vn->groups[group] + rig.tx_more;
}

/* ---- what the device does to frames ---------------------------------------------------------- */

/* What a device does with NETBUF_CSUM_PARTIAL: every frame's check shows whether the sum comes out
 * right. */
static void complete_csum(struct netbuf *nb)
{
    const uint32_t at = (uint32_t)nb->csum_start + nb->csum_offset;

    if ((nb->offload & NETBUF_CSUM_PARTIAL) == 0)
        return;
    assert_true(rig.tx_csum && at + 2 <= nb->len);
    uint16_t sum =
        (uint16_t)~rig_sum(netbuf_frame(nb) + nb->csum_start, nb->len - nb->csum_start, 0);

    sum = sum == 0 ? 0xffff : sum;
    rig_put16(netbuf_frame(nb) + at, sum);
}

bool vnet_tx(struct vnet *vn, struct netbuf *nb)
{
    struct node *node = (struct node *)(void *)nb;

    assert_true(vn->tx_caller > 0);
    assert_true(nb->len >= 14 && nb->len <= vn->mtu + 18);
    assert_true(node->bulk || nb->len <= CONFIG_TX_SMALL_BYTES);
    vn->tx_caller--;
    complete_csum(nb);
    nic_push(&vn->queued, node);
    return true;
}

/* The sum of the pseudo header is that of the whole; of a part it differs by the length. */
static void cut_headers(uint8_t *frame, const struct vnet_tso *tso, uint32_t l4, uint32_t whole,
                        uint32_t at, uint32_t bytes)
{
    const uint32_t part = (frame[l4 + 12] >> 4) * 4u + bytes, seq = rig_get32(frame + l4 + 4) + at;
    uint32_t sum = rig_get16(frame + l4 + 16);

    sum += part + (0xffff ^ whole);
    rig_put16(frame + l4 + 16, (sum & 0xffff) + (sum >> 16));
    rig_put32(frame + l4 + 4, seq);
    rig_put16(frame + 14 + (tso->ip6 ? 4 : 2), part + (tso->ip6 ? 0 : l4 - 14));
    if (!tso->ip6)
        rig_fix_ip(frame);
    if (part + at < whole)
        frame[l4 + 13] &= 0xf6; /* FIN and PSH belong to the last */
}

/* The bytes of the payload from `at` on. */
static void cut_payload(uint8_t *to, const struct vnet_tso *tso, uint32_t at, uint32_t bytes)
{
    for (unsigned i = 0; i < tso->pieces && bytes > 0; i++) {
        const uint32_t left = at < tso->piece_bytes[i] ? tso->piece_bytes[i] - at : 0;
        const uint32_t n = bytes < left ? bytes : left;

        memcpy(to, (const uint8_t *)tso->piece[i] + at, n);
        to += n;
        bytes -= n;
        at = left > 0 ? 0 : at - tso->piece_bytes[i];
    }
}

/* What a device does: the buffer becomes the first of the segments on the wire. */
bool vnet_tx_tso(struct vnet *vn, struct netbuf *nb, const struct vnet_tso *tso)
{
    const uint32_t headers = nb->len, l4 = nb->csum_start;
    uint32_t payload = 0;

    assert_true(vnet_tx_cuts(vn, tso->ip6) && nb->offload == NETBUF_CSUM_PARTIAL);
    assert_true(tso->pieces >= 1 && tso->pieces <= VNET_TSO_PIECES && tso->mss > 0);
    assert_int_equal(headers, l4 + (netbuf_frame(nb)[l4 + 12] >> 4) * 4u);
    for (unsigned i = 0; i < tso->pieces; i++)
        payload += tso->piece_bytes[i];
    assert_true(payload > tso->mss && headers + payload <= 0xffff);
    for (uint32_t at = 0; at < payload; at += tso->mss) {
        const uint32_t left = payload - at, bytes = left < tso->mss ? left : tso->mss;
        struct node *node = nic_buffer(headers + bytes < 60 ? 60 : headers + bytes);
        uint8_t *frame = netbuf_frame(&node->nb);

        assert_true(headers + bytes <= vn->mtu + 14);
        memcpy(frame, netbuf_frame(nb), headers);
        cut_headers(frame, tso, l4, headers - l4 + payload, at, bytes);
        cut_payload(frame + headers, tso, at, bytes);
        node->nb.len = headers + bytes;
        node->nb.offload = NETBUF_CSUM_PARTIAL;
        node->nb.csum_start = nb->csum_start;
        node->nb.csum_offset = nb->csum_offset;
        complete_csum(&node->nb);
        if (node->nb.len < 60) {
            memset(frame + node->nb.len, 0, 60 - node->nb.len);
            node->nb.len = 60;
        }
        node->more = left > bytes;
        nic_push(&vn->queued, node);
    }
    vnet_tx_put(vn, nb);
    rig.tx_cut++;
    return true;
}

/* ---- the ring -------------------------------------------------------------------------------- */

void vnet_tx_put(struct vnet *vn, struct netbuf *nb)
{
    assert_true(vn->tx_caller > 0);
    vn->tx_caller--;
    nic_free((struct node *)(void *)nb);
}

void vnet_tx_flush(struct vnet *vn)
{
    struct node *node;

    while ((node = nic_pop(&vn->queued)) != NULL) {
        vn->tx_device += !node->more;
        vn->totals.tx_packets += !node->more;
        vn->totals.tx_bytes += node->nb.len;
        nic_push(&vn->wire, node);
    }
}

unsigned vnet_tx_reclaim(struct vnet *vn)
{
    const unsigned n = vn->tx_done;

    vn->tx_device -= n;
    vn->tx_done = 0;
    return n;
}

bool vnet_tx_is_done(struct vnet *vn)
{
    vnet_tx_reclaim(vn);
    return vn->tx_device == 0;
}

unsigned vnet_tx_room(const struct vnet *vn, bool bulk)
{
    const unsigned reserve = bulk ? CONFIG_TX_RESERVE : 0;

    return tx_free(vn) > reserve ? tx_free(vn) - reserve : 0;
}

unsigned vnet_tx_most(const struct vnet *vn)
{
    (void)vn;
    return rig.tx_ring - CONFIG_TX_RESERVE;
}
