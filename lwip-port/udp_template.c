// SPDX-License-Identifier: BSD-3-Clause
/*
 * Datagrams in numbers; see udp_template.h.
 *
 * lwIP's way from a datagram to a frame costs some 1,500 instructions: it finds the route, the
 * neighbour and two buffers each time. Here a datagram costs the copy of its headers and payload.
 */
#include "udp_template.h"

#include "lwip/inet_chksum.h"
#include "lwip/pbuf.h"
#include "lwip/prot/ip4.h"
#include "lwip/stats.h"
#include "lwip/udp.h"
#include "ethif.h"
#include "ethif_tx.h"
#include "string.h"

#define IP_AT     SIZEOF_ETH_HDR
#define IP_ID_AT  (IP_AT + offsetof(struct ip_hdr, _id))
#define IP_SUM_AT (IP_AT + offsetof(struct ip_hdr, _chksum))

/* Identifications are one after the other over all templates, so that those of one address rarely
 * meet. */
static uint16_t ip4_id;

/* ---- by the stack ------------------------------------------------------------------------------
 */

/* The sum of the IPv4 header but for what changes from one to the next. */
static void learn_ip4(struct udp_template *t)
{
    memset(t->headers + IP_ID_AT, 0, sizeof(uint16_t));
    memset(t->headers + IP_SUM_AT, 0, sizeof(uint16_t));
    t->ip4_sum = netport_chksum(t->headers + IP_AT, IP_HLEN);
}

/* Something else may leave first: the question for the neighbour's address. */
void udp_template_learn(struct udp_template *t, const struct pbuf *p)
{
    const uint32_t bytes = p->tot_len > t->payload_bytes ? p->tot_len - t->payload_bytes : 0;

    if (bytes > sizeof(t->headers) || bytes > p->len)
        return;
    memcpy(t->headers, p->payload, bytes);
    if (!offload_csum_begin(t->headers, p->tot_len, &t->csum) ||
        t->csum.offset != offsetof(struct udp_hdr, chksum) ||
        bytes != (uint32_t)t->csum.start + UDP_HLEN)
        return;
    t->header_bytes = (uint16_t)bytes;
    if (!offload_is_ip6(t->headers))
        learn_ip4(t);
}

static struct pbuf *make(const void *head, uint16_t head_bytes, const void *rest,
                         uint16_t rest_bytes)
{
    struct pbuf *p = pbuf_alloc(PBUF_TRANSPORT, head_bytes, PBUF_RAM), *q;

    if (p == NULL)
        return NULL;
    memcpy(p->payload, head, head_bytes);
    if (rest_bytes == 0)
        return p;
    q = pbuf_alloc_reference((void *)(uintptr_t)rest, rest_bytes, PBUF_ROM);
    if (q == NULL) {
        pbuf_free(p);
        return NULL;
    }
    pbuf_cat(p, q);
    return p;
}

static enum udp_sent send_by_stack(struct udp_template *t, uint64_t now_ns, struct pbuf *p)
{
    struct ethif *e = t->netif->state;
    err_t err;

    if (p == NULL)
        return UDP_REFUSED;
    t->header_bytes = 0;
    t->payload_bytes = p->tot_len;
    t->until_ns = now_ns + UDP_TEMPLATE_NS;
    e->learner = t;
    err = udp_sendto_if_src(t->pcb, p, t->remote, t->port, t->netif, t->local);
    e->learner = NULL;
    pbuf_free(p);
    if (err != ERR_OK)
        return UDP_REFUSED;
    return t->header_bytes > 0 ? UDP_SENT : UDP_WAITS;
}

/* ---- by ourselves ------------------------------------------------------------------------------
 */

static void identify(const struct udp_template *t, uint8_t *frame)
{
    const uint16_t id = ++ip4_id;
    const uint32_t sum = (uint32_t)t->ip4_sum + id;
    const uint16_t field = (uint16_t) ~((sum & 0xffff) + (sum >> 16));

    memcpy(frame + IP_ID_AT, &id, sizeof(id));
    memcpy(frame + IP_SUM_AT, &field, sizeof(field));
}

static enum udp_sent send_prepared(const struct udp_template *t, const void *head,
                                   uint16_t head_bytes, const void *rest, uint16_t rest_bytes)
{
    struct ethif *e = t->netif->state;
    const bool ip4 = t->csum.start == IP_AT + IP_HLEN;
    struct netbuf *nb = vnet_tx_get(e->vn, true);
    uint8_t *frame;

    if (nb == NULL)
        return UDP_REFUSED;
    frame = netbuf_frame(nb);
    memcpy(frame, t->headers, t->header_bytes);
    memcpy(frame + t->header_bytes, head, head_bytes);
    memcpy(frame + t->header_bytes + head_bytes, rest, rest_bytes);
    if (ip4)
        identify(t, frame);
    if (ethif_tx_frame(e, nb, (uint32_t)t->header_bytes + t->payload_bytes, &t->csum) != ERR_OK)
        return UDP_REFUSED;
    UDP_STATS_INC(udp.xmit);
    if (ip4)
        IP_STATS_INC(ip.xmit);
    else
        IP6_STATS_INC(ip6.xmit);
    return UDP_SENT;
}

enum udp_sent udp_template_send(struct udp_template *t, uint64_t now_ns, const void *head,
                                uint16_t head_bytes, const void *rest, uint16_t rest_bytes)
{
    if (t->header_bytes == 0 || now_ns >= t->until_ns ||
        head_bytes + rest_bytes != t->payload_bytes)
        return send_by_stack(t, now_ns, make(head, head_bytes, rest, rest_bytes));
    return send_prepared(t, head, head_bytes, rest, rest_bytes);
}
