// SPDX-License-Identifier: BSD-3-Clause
/*
 * Frames from lwIP to the driver.
 *
 * Most are copied into a transmit buffer, so that lwIP never waits for a pbuf that the device
 * holds. A large TCP segment is longer than the connection's MSS (port.c marks it): a device that
 * cuts gets its headers in a transmit buffer and the address of its payload, where that is
 * constant; so a segment of 64 KiB costs little more than one of an MTU. Where the device does not
 * cut, be it that it has forgotten how to in a reset, or where the payload may change, it is cut
 * here.
 */
#include "ethif_tx.h"

#include "lwip/pbuf.h"
#include "lwip/prot/ethernet.h"
#include "lwip/stats.h"
#include "config.h"
#include "ethif.h"
#include "offload.h"
#include "string.h"
#include "udp_template.h"

/* The smallest frame without FCS [IEEE 802.3]; what is sent is padded to it. */
#define ETH_MIN_BYTES 60

static const uint8_t *constant;
static uint32_t constant_bytes;

void ethif_tx_constant(const void *bytes, uint32_t n)
{
    constant = bytes;
    constant_bytes = n;
}

bool ethif_tx_is_constant(const void *bytes, uint32_t n)
{
    uintptr_t at = (uintptr_t)bytes - (uintptr_t)constant;

    return constant != NULL && at < constant_bytes && n <= constant_bytes - at;
}

/* Whatever was wanted before a reset, a ring that is now shorter has this much. */
bool ethif_tx_room(const struct ethif *e, uint32_t frames)
{
    const uint32_t most = vnet_tx_most(e->vn);

    return vnet_tx_room(e->vn, true) >= (frames < most ? frames : most);
}

/* No room for so many frames. */
static err_t blocked(struct ethif *e, uint32_t frames)
{
    if (frames > e->tx_wanted)
        e->tx_wanted = frames;
    e->tx_busy++;
    return ERR_MEM;
}

/* A buffer was filled; without a place for it, it goes back. */
static err_t sent(struct ethif *e, struct netbuf *nb, bool sent)
{
    if (!sent) {
        vnet_tx_put(e->vn, nb);
        return blocked(e, 1);
    }
    LINK_STATS_INC(link.xmit);
    return ERR_OK;
}

/* What is left of the checksum in a frame of so many bytes. The device that has taken it over
 * before a reset may not do so after it, so each frame asks. */
static void finish_checksum(const struct ethif *e, struct netbuf *nb, uint32_t len,
                            const struct offload_csum *c)
{
    if (vnet_tx_csum(e->vn)) {
        nb->offload = NETBUF_CSUM_PARTIAL;
        nb->csum_start = c->start;
        nb->csum_offset = c->offset;
    } else {
        offload_csum_finish(netbuf_frame(nb), len, c);
    }
}

/* The checksum of TCP or UDP, which lwIP left out. */
static void checksum(const struct ethif *e, struct netbuf *nb, uint32_t len)
{
    struct offload_csum c;

    if (offload_csum_begin(netbuf_frame(nb), len, &c))
        finish_checksum(e, nb, len, &c);
}

/* The frame has so many bytes, and goes out with as many as a frame must have. */
static void pad(struct netbuf *nb, uint32_t len)
{
    nb->len = len;
    if (len < ETH_MIN_BYTES) {
        memset(netbuf_frame(nb) + len, 0, ETH_MIN_BYTES - len);
        nb->len = ETH_MIN_BYTES;
    }
}

/* ---- large TCP segments ------------------------------------------------------------------------
 */

/* What the device can be told of it; false: it has to be cut here. */
static bool describe(const struct ethif *e, const struct pbuf *p, uint32_t headers,
                     struct vnet_tso *tso)
{
    *tso = (struct vnet_tso){.mss = p->tcp_mss, .ip6 = offload_is_ip6(p->payload)};
    if (!vnet_tx_cuts(e->vn, tso->ip6) || p->len != headers)
        return false;
    for (const struct pbuf *q = p->next; q != NULL; q = q->next) {
        if (tso->pieces == VNET_TSO_PIECES || !ethif_tx_is_constant(q->payload, q->len))
            return false;
        tso->piece[tso->pieces] = q->payload;
        tso->piece_bytes[tso->pieces++] = q->len;
    }
    return true;
}

static err_t tx_by_address(struct ethif *e, const struct pbuf *p, const struct vnet_tso *tso)
{
    struct netbuf *nb = vnet_tx_get(e->vn, true);

    if (nb == NULL)
        return blocked(e, 1);
    memcpy(netbuf_frame(nb), p->payload, p->len);
    nb->len = p->len;
    checksum(e, nb, p->tot_len);
    return sent(e, nb, vnet_tx_tso(e->vn, nb, tso));
}

/* One of the segments that it is cut into: so many bytes from `at` on in its payload. */
static err_t tx_cut(struct ethif *e, const struct pbuf *p, uint32_t headers, uint32_t at,
                    uint32_t bytes)
{
    struct netbuf *nb = vnet_tx_get(e->vn, true);

    if (nb == NULL)
        return blocked(e, 1);
    memcpy(netbuf_frame(nb), p->payload, headers);
    pbuf_copy_partial(p, netbuf_frame(nb) + headers, (u16_t)bytes, (u16_t)(headers + at));
    offload_cut(netbuf_frame(nb), headers, at, bytes, headers + at + bytes == p->tot_len);
    checksum(e, nb, headers + bytes);
    pad(nb, headers + bytes);
    return sent(e, nb, vnet_tx(e->vn, nb));
}

/* All of it or nothing, where the ring can hold it all. In a shorter one what does not fit is lost,
 * and comes again when its time has come: the peer acknowledges what did fit, so that it goes on.
 */
static err_t tx_in_cuts(struct ethif *e, const struct pbuf *p, uint32_t headers)
{
    const uint32_t payload = p->tot_len - headers;
    const uint32_t cuts = (payload + p->tcp_mss - 1) / p->tcp_mss;

    if (!ethif_tx_room(e, cuts))
        return blocked(e, cuts);
    for (uint32_t at = 0; at < payload; at += p->tcp_mss) {
        const uint32_t left = payload - at;
        const err_t err = tx_cut(e, p, headers, at, left < p->tcp_mss ? left : p->tcp_mss);

        if (err != ERR_OK)
            return at > 0 ? ERR_OK : err;
    }
    return ERR_OK;
}

static err_t tx_large(struct ethif *e, const struct pbuf *p)
{
    const uint32_t headers = offload_tcp_headers(p->payload, p->len);
    struct vnet_tso tso;

    return describe(e, p, headers, &tso) ? tx_by_address(e, p, &tso) : tx_in_cuts(e, p, headers);
}

/* ---- all others --------------------------------------------------------------------------------
 */

static err_t tx_copy(struct ethif *e, const struct pbuf *p)
{
    const uint32_t len = p->tot_len;
    struct netbuf *nb = vnet_tx_get(e->vn, len > CONFIG_TX_SMALL_BYTES);

    if (nb == NULL)
        return blocked(e, 1);
    uint8_t *to = netbuf_frame(nb);
    for (const struct pbuf *q = p; q != NULL; q = q->next) {
        memcpy(to, q->payload, q->len);
        to += q->len;
    }
    checksum(e, nb, len);
    pad(nb, len);
    return sent(e, nb, vnet_tx(e->vn, nb));
}

err_t ethif_tx_frame(struct ethif *e, struct netbuf *nb, uint32_t len, const struct offload_csum *c)
{
    finish_checksum(e, nb, len, c);
    pad(nb, len);
    return sent(e, nb, vnet_tx(e->vn, nb));
}

err_t ethif_tx(struct netif *netif, struct pbuf *p)
{
    struct ethif *e = netif->state;

    if (p->tcp_mss != 0)
        return tx_large(e, p);
    if (p->tot_len > netif->mtu + SIZEOF_ETH_HDR) {
        e->tx_oversized++;
        LINK_STATS_INC(link.lenerr);
        return ERR_BUF;
    }
    if (e->learner != NULL)
        udp_template_learn(e->learner, p);
    return tx_copy(e, p);
}
