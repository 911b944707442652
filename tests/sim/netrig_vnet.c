// SPDX-License-Identifier: BSD-3-Clause
/*
 * drivers/virtio_net.h without virtio: a NIC of memory. Each frame lies in an allocation of exactly
 * its size, so that reading past it is an AddressSanitizer report. Ownership is checked as the
 * driver would: a buffer that comes back twice, or not at all, fails the test.
 */
#include <stdlib.h>
#include <string.h>
#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include "config.h"
#include "virtio_net.h"
#include "netrig.h"
#include "netrig_priv.h"

struct node {
    struct netbuf nb; /* first: the driver's user sees this */
    struct node *next;
    bool bulk;
    bool more; /* not the last of those that the device cut one frame into */
};

struct list {
    struct node *head, **tail;
    unsigned n;
};

struct vnet {
    struct list kept; /* buffers with a stamp, that went through */
    uint64_t groups[VNET_TX_GROUPS];
    struct list rx;     /* frames for the guest */
    struct list queued; /* vnet_tx() but not flushed */
    struct list wire;   /* flushed, not yet seen by the peer */
    unsigned tx_device; /* flushed, not yet reclaimed */
    unsigned tx_done;   /* completed by the device, not yet reclaimed */
    unsigned tx_caller; /* handed out by vnet_tx_get() */
    unsigned rx_caller; /* handed out by vnet_rx_poll() */
    unsigned rx_held;   /* by vnet_rx_hold() */
    bool sleeping;
    struct vnet_totals totals;
    uint32_t mtu;
};

/* All but one are NICs that nobody listens to: what they send is gone. */
static struct vnet nics[RIG_NICS];

static void list_init(struct list *l)
{
    l->head = NULL;
    l->tail = &l->head;
    l->n = 0;
}

static void list_push(struct list *l, struct node *node)
{
    node->next = NULL;
    *l->tail = node;
    l->tail = &node->next;
    l->n++;
}

static struct node *list_pop(struct list *l)
{
    struct node *node = l->head;

    if (node == NULL)
        return NULL;
    l->head = node->next;
    if (l->head == NULL)
        l->tail = &l->head;
    l->n--;
    return node;
}

static struct node *node_new(uint32_t cap)
{
    struct node *node = calloc(1, sizeof(*node));

    node->nb.base = malloc(NETBUF_HEADROOM + cap);
    node->nb.cap = NETBUF_HEADROOM + cap;
    node->nb.offset = NETBUF_HEADROOM;
    node->nb.state = NETBUF_STACK;
    return node;
}

static void node_free(struct node *node)
{
    free(node->nb.base);
    free(node);
}

static void list_clear(struct list *l)
{
    struct node *node;

    while (l->tail != NULL && (node = list_pop(l)) != NULL)
        node_free(node);
    list_init(l);
}

/* ---- the rig's side ----------------------------------------------------------------------------
 */

void rig_nic_reset(void)
{
    for (struct vnet *vn = nics; vn < nics + RIG_NICS; vn++) {
        list_clear(&vn->kept);
        list_clear(&vn->rx);
        list_clear(&vn->queued);
        list_clear(&vn->wire);
        struct vnet fresh = {.mtu = rig.mtu != 0 ? rig.mtu : 1500};
        *vn = fresh;
        list_init(&vn->kept);
        list_init(&vn->rx);
        list_init(&vn->queued);
        list_init(&vn->wire);
    }
}

/* A frame in one buffer or, as rig.rx_piece says, in several of so many bytes. */
void rig_nic_receive(const void *frame, uint32_t len)
{
    const uint32_t piece = rig.rx_piece != 0 ? rig.rx_piece : len;
    const uint8_t *bytes = frame;
    struct netbuf **link = NULL;

    do {
        const uint32_t n = len < piece ? len : piece;
        struct node *node = node_new(n);

        memcpy(netbuf_frame(&node->nb), bytes, n);
        node->nb.len = n;
        node->nb.offload = rig.rx_offload;
        node->nb.csum_start = rig.rx_csum_start;
        node->nb.csum_offset = rig.rx_csum_offset;
        if (link == NULL)
            list_push(&nics[rig.nic].rx, node);
        else
            *link = &node->nb;
        link = &node->nb.next;
        bytes += n;
        len -= n;
    } while (len > 0);
}

/* A buffer that went through: one with a stamp will be used again as it is. */
static void tx_done(struct vnet *vn, struct node *node)
{
    vn->tx_done += !node->more;
    vn->groups[node->nb.stamp % VNET_TX_GROUPS]++;
    if (node->nb.stamp != 0)
        list_push(&vn->kept, node);
    else
        node_free(node);
}

bool rig_nic_sent(uint8_t **frame, uint32_t *len)
{
    struct node *node;

    for (unsigned k = 0; k < RIG_NICS; k++) { /* nobody is on the others */
        while (k != rig.nic && !(k == 1 && rig.second_stuck) &&
               (node = list_pop(&nics[k].wire)) != NULL)
            tx_done(&nics[k], node);
    }
    node = rig.tx_stuck ? NULL : list_pop(&nics[rig.nic].wire);
    if (node == NULL)
        return false;
    *len = node->nb.len;
    *frame = malloc(*len);
    memcpy(*frame, netbuf_frame(&node->nb), *len);
    tx_done(&nics[rig.nic], node);
    return true;
}

unsigned rig_nic_busy(void)
{
    unsigned n = 0;

    for (const struct vnet *vn = nics; vn < nics + RIG_NICS; vn++)
        n += vn->tx_caller + vn->rx_caller + vn->rx_held + vn->queued.n;
    return n;
}

/* ---- the driver's interface --------------------------------------------------------------------
 */

unsigned vnet_probe(const struct vnet_options opt[CONFIG_NICS])
{
    if (opt[0].mtu_max != 0 && opt[0].mtu_max < nics[0].mtu)
        nics[0].mtu = opt[0].mtu_max;
    return rig.nics;
}

struct vnet *vnet_get(unsigned index)
{
    assert_true(index < rig.nics);
    return &nics[index];
}

unsigned vnet_index(const struct vnet *vn)
{
    return rig.broken_nics + (unsigned)(vn - nics);
}

const char *vnet_name(const struct vnet *vn)
{
    return vn == &nics[0] ? "net0" : "net1";
}

const uint8_t *vnet_mac(const struct vnet *vn)
{
    (void)vn;
    return rig_guest_mac;
}

uint32_t vnet_mtu(const struct vnet *vn)
{
    return vn->mtu;
}

bool vnet_tx_csum(const struct vnet *vn)
{
    (void)vn;
    return rig.tx_csum;
}

bool vnet_tx_cuts(const struct vnet *vn, bool ip6)
{
    (void)vn;
    (void)ip6;
    return rig.tx_csum && rig.tx_cuts;
}

bool vnet_announce_due(const struct vnet *vn)
{
    (void)vn;
    return rig.announce_due;
}

void vnet_announced(struct vnet *vn)
{
    (void)vn;
    rig.announce_due = false;
}

bool vnet_link_up(const struct vnet *vn)
{
    (void)vn;
    return rig.link_up;
}

static uint8_t *delivered;

uint8_t *rig_delivered(void)
{
    return delivered;
}

unsigned vnet_rx_poll(struct vnet *vn, struct netbuf **out, unsigned max)
{
    unsigned n = 0;

    while (n < max && vn->rx.n > 0) {
        struct node *node = list_pop(&vn->rx);

        vn->rx_caller++;
        vn->totals.rx_packets++;
        vn->totals.rx_bytes += netbuf_frame_bytes(&node->nb);
        out[n++] = &node->nb;
        delivered = netbuf_frame(&node->nb);
    }
    return n;
}

void vnet_rx_release(struct vnet *vn, struct netbuf *nb)
{
    delivered = NULL;
    assert_true(vn->rx_caller > 0);
    vn->rx_caller--;
    while (nb != NULL) {
        struct node *node = (struct node *)(void *)nb;

        nb = nb->next;
        node_free(node);
    }
}

void vnet_rx_release_many(struct vnet *vn, struct netbuf *const *nb, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        vnet_rx_release(vn, nb[i]);
}

bool vnet_rx_hold(struct vnet *vn, struct netbuf *nb)
{
    assert_int_equal(nb->state, NETBUF_STACK);
    if (rig.meanwhile != NULL)
        rig.meanwhile(netbuf_frame(nb));
    if (vn->rx_held >= rig.rx_keep || nb->next != NULL)
        return false;
    nb->state = NETBUF_HELD;
    delivered = NULL;
    vn->rx_caller--;
    vn->rx_held++;
    rig.rx_kept++;
    return true;
}

void vnet_rx_let_go(struct vnet *vn, struct netbuf *nb)
{
    assert_int_equal(nb->state, NETBUF_HELD);
    assert_true(vn->rx_held > 0);
    vn->rx_held--;
    node_free((struct node *)(void *)nb);
}

unsigned rig_nic_held(void)
{
    return nics[rig.nic].rx_held;
}

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
    struct node *node = node_new(vn->mtu + 18);

    node->bulk = bulk;
    vn->tx_caller++;
    return &node->nb;
}

void vnet_tx_get_many(struct vnet *vn, struct netbuf **out, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        struct node *node = list_pop(&vn->kept);

        assert_true(tx_free(vn) > CONFIG_TX_RESERVE);
        if (node == NULL)
            node = node_new(vn->mtu + 18);
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
    netbuf_frame(nb)[at] = (uint8_t)(sum >> 8);
    netbuf_frame(nb)[at + 1] = (uint8_t)sum;
}

bool vnet_tx(struct vnet *vn, struct netbuf *nb)
{
    struct node *node = (struct node *)(void *)nb;

    assert_true(vn->tx_caller > 0);
    assert_true(nb->len >= 14 && nb->len <= vn->mtu + 18);
    assert_true(node->bulk || nb->len <= CONFIG_TX_SMALL_BYTES);
    vn->tx_caller--;
    complete_csum(nb);
    list_push(&vn->queued, node);
    return true;
}

static void put16(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* The sum of the pseudo header is that of the whole; of a part it differs by the length. */
static void cut_headers(uint8_t *frame, const struct vnet_tso *tso, uint32_t l4, uint32_t whole,
                        uint32_t at, uint32_t bytes)
{
    const uint32_t part = (frame[l4 + 12] >> 4) * 4u + bytes, seq = get32(frame + l4 + 4) + at;
    uint32_t sum = (uint32_t)frame[l4 + 16] << 8 | frame[l4 + 17];

    sum += part + (0xffff ^ whole);
    put16(frame + l4 + 16, (sum & 0xffff) + (sum >> 16));
    put16(frame + l4 + 4, seq >> 16);
    put16(frame + l4 + 6, seq & 0xffff);
    put16(frame + 14 + (tso->ip6 ? 4 : 2), part + (tso->ip6 ? 0 : l4 - 14));
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
        struct node *node = node_new(headers + bytes < 60 ? 60 : headers + bytes);
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
        list_push(&vn->queued, node);
    }
    vnet_tx_put(vn, nb);
    rig.tx_cut++;
    return true;
}

void vnet_tx_put(struct vnet *vn, struct netbuf *nb)
{
    assert_true(vn->tx_caller > 0);
    vn->tx_caller--;
    node_free((struct node *)(void *)nb);
}

void vnet_tx_flush(struct vnet *vn)
{
    struct node *node;

    while ((node = list_pop(&vn->queued)) != NULL) {
        vn->tx_device += !node->more;
        vn->totals.tx_packets += !node->more;
        vn->totals.tx_bytes += node->nb.len;
        list_push(&vn->wire, node);
    }
}

unsigned vnet_tx_reclaim(struct vnet *vn)
{
    const unsigned n = vn->tx_done;

    vn->tx_device -= n;
    vn->tx_done = 0;
    return n;
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

void vnet_heartbeat(struct vnet *vn, uint64_t now_ns)
{
    (void)vn;
    (void)now_ns;
}

bool vnet_may_sleep(struct vnet *vn)
{
    assert_int_equal(vn->queued.n, 0); /* nothing may wait for a doorbell during sleep */
    vn->sleeping = vn->rx.n == 0;
    return vn->sleeping;
}

bool vnet_still_idle(struct vnet *vn)
{
    assert_true(vn->sleeping);
    return vn->rx.n == 0;
}

void vnet_awake(struct vnet *vn)
{
    assert_true(vn->sleeping);
    vn->sleeping = false;
}

void vnet_stay_awake(struct vnet *vn)
{
    vnet_awake(vn);
}

uint64_t vnet_sleep_max_ns(const struct vnet *vn)
{
    (void)vn;
    return UINT64_MAX;
}

void vnet_repair(struct vnet *vn)
{
    (void)vn;
    fail_msg("a buffer is lost");
}

bool vnet_audit(const struct vnet *vn)
{
    return vn->rx_caller == 0 && vn->tx_caller == 0;
}

uint64_t vnet_alloc_failures(const struct vnet *vn)
{
    (void)vn;
    return 0;
}

uint64_t vnet_gap_max_ns(const struct vnet *vn, bool tx)
{
    (void)vn;
    (void)tx;
    return 0;
}

uint64_t vnet_late_ns(const struct vnet *vn)
{
    (void)vn;
    return rig.late_ns;
}

void vnet_rx_due(struct vnet *vn, bool due)
{
    if (vn == &nics[0])
        rig.rx_due = due;
}

bool vnet_rx_silent(const struct vnet *vn)
{
    return vn == &nics[0] && rig.silent;
}

void vnet_rx_probed(struct vnet *vn, bool asked)
{
    assert_ptr_equal(vn, &nics[0]);
    rig.silent = false;
    rig.asked = asked;
}

void vnet_totals(const struct vnet *vn, struct vnet_totals *t)
{
    *t = vn->totals;
}

void vnet_json_queues(const struct vnet *vn, struct json *j)
{
    (void)vn;
    json_object(j, NULL);
    json_str(j, "nic", "net0");
    json_end_object(j);
}

void vnet_json_pools(const struct vnet *vn, struct json *j)
{
    (void)vn;
    json_object(j, NULL);
    json_str(j, "name", "net0.rx");
    json_end_object(j);
}

void vnet_json_buffers(const struct vnet *vn, struct json *j)
{
    json_u64(j, "stack", vn->rx_caller + vn->tx_caller);
}
