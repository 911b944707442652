// SPDX-License-Identifier: BSD-3-Clause
/*
 * What a NIC says about itself: its record, its statistics, its consistency.
 */
#include <stddef.h>
#include "irq.h"
#include "record.h"
#include "virtio_net_state.h"

static const char *const rx_drop_names[VNET_RX_DROPS] = {"no_buffer", "runt", "cut", "header",
                                                         "merge"};
static const char *const ctrl_drop_names[] = {"timeout"};
static const char *const tx_drop_names[VNET_TX_DROPS] = {"full", "down", "reset"};

static void json_mac(struct json *j, const uint8_t mac[6])
{
    static const char digits[] = "0123456789abcdef";
    char text[18];

    for (unsigned i = 0; i < 6; i++) {
        text[3 * i] = digits[mac[i] >> 4];
        text[3 * i + 1] = digits[mac[i] & 15];
        text[3 * i + 2] = i < 5 ? ':' : '\0';
    }
    json_str(j, "mac", text);
}

void vnet_record(const struct vnet *vn)
{
    struct json *j = record_begin("nic");

    json_str(j, "nic", vn->name);
    json_mac(j, vn->mac);
    json_str(j, "transport", vn->vpci.ops->name);
    json_str(j, "ring", vn->rx.vq.ops->name);
    vnet_json_features(vn->vpci.features, j);
    json_u64(j, "rx_ring", vn->rx.vq.size);
    json_u64(j, "tx_ring", vn->tx.vq.size);
    json_u64(j, "mtu", vn->mtu);
    json_str(j, "irq", vnet_irq_names[vn->irq]);
    json_u64(j, "vectors", vn->irq == VNET_IRQ_MSIX ? vn->vectors : 0);
    record_end();
}

const char *vnet_name(const struct vnet *vn)
{
    return vn->name;
}

unsigned vnet_index(const struct vnet *vn)
{
    return vn->index;
}

const uint8_t *vnet_mac(const struct vnet *vn)
{
    return vn->mac;
}

uint32_t vnet_mtu(const struct vnet *vn)
{
    return vn->mtu;
}

bool vnet_tx_csum(const struct vnet *vn)
{
    return vn->vpci.features & VIRTIO_NET_F_CSUM;
}

bool vnet_tx_cuts(const struct vnet *vn, bool ip6)
{
    return vn->tx_segs > vn->segs &&
           (vn->vpci.features & (ip6 ? VIRTIO_NET_F_HOST_TSO6 : VIRTIO_NET_F_HOST_TSO4));
}

bool vnet_link_up(const struct vnet *vn)
{
    return vn->link;
}

/* A ring that is up holds all its buffers whenever the loop looks. */
bool vnet_check(const struct vnet *vn)
{
    const struct vq *rx = &vn->rx.vq, *tx = &vn->tx.vq;

    return netbuf_check(&vn->rx_pool) && netbuf_check(&vn->tx_pool) &&
           vn->rx_pool.count[NETBUF_DEVICE] == vq_outstanding(rx) &&
           vn->tx_pool.count[NETBUF_DEVICE] == vq_outstanding(tx) &&
           (vn->up != VNET_UP || vq_outstanding(rx) == vn->rx_target) &&
           vn->rx_pool.count[NETBUF_HELD] <= vn->rx_held_max &&
           vn->rx.posted_min + vn->rx_batch >= vn->rx_target;
}

bool vnet_audit(const struct vnet *vn)
{
    return vn->repair || (vnet_check(vn) && vn->rx_pool.count[NETBUF_STACK] == 0 &&
                          vn->tx_pool.count[NETBUF_STACK] == 0);
}

uint64_t vnet_rx_rubbish(const struct vnet *vn)
{
    return vn->rx_drops[VNET_RX_CUT] + vn->rx_drops[VNET_RX_HEADER] + vn->rx_drops[VNET_RX_MERGE];
}

uint64_t vnet_alloc_failures(const struct vnet *vn)
{
    return vn->rx_pool.failures + vn->tx_pool.failures;
}

uint64_t vnet_gap_max_ns(const struct vnet *vn, bool tx)
{
    return tx ? vn->tx.gap_max_ns : vn->rx.gap_max_ns;
}

uint64_t vnet_late_ns(const struct vnet *vn)
{
    return vn->watch.late_ns;
}

void vnet_rx_due(struct vnet *vn, bool due)
{
    vn->rx_due = due;
}

void vnet_totals(const struct vnet *vn, struct vnet_totals *t)
{
    t->rx_packets = vn->rx.packets;
    t->rx_bytes = vn->rx.bytes;
    t->tx_packets = vn->tx.packets;
    t->tx_bytes = vn->tx.bytes;
    t->resets = vn->resets - vn->resets_injected;
    for (unsigned i = 0; i < VNET_CAUSES; i++)
        t->stalls[i] = vn->watch.stalls[i];
    for (unsigned i = 0; i < VNET_ACTIONS; i++)
        t->recoveries[i] = vn->watch.recoveries[i];
    vnet_stalls_judged(vn, t->judged);
    t->errors = vnet_rx_rubbish(vn) + vn->ctrl_timeouts;
    t->violations = vn->violations;
    t->late_max_ns = vn->watch.late_max_ns;
}

void vnet_json_ring(const struct vnet *vn, const struct vnet_queue *q, struct json *j)
{
    json_u64(j, "size", q->vq.size);
    json_u64(j, "avail", q->vq.published_idx);
    json_u64(j, "used", vn->up == VNET_UP ? q->vq.ops->used_idx(&q->vq) : q->vq.seen_idx);
    json_u64(j, "last_seen", q->vq.seen_idx);
    json_u64(j, "posted", vq_outstanding(&q->vq));
}

static void json_queue(const struct vnet *vn, const struct vnet_queue *q, const char *name,
                       const uint64_t *drops, const char *const *drop_names, unsigned n,
                       struct json *j)
{
    json_object(j, NULL);
    json_str(j, "nic", vn->name);
    json_str(j, "queue", name);
    vnet_json_ring(vn, q, j);
    json_u64(j, "posted_min", q->posted_min);
    json_u64(j, "kicks", q->kicks);
    json_u64(j, "restarts", q->restarts);
    json_str(j, "irq", vnet_irq_names[vn->irq]);
    json_u64(j, "irqs", q->vector != 0 ? irq_count(q->vector) : 0);
    json_u64(j, "packets", q->packets);
    json_u64(j, "bytes", q->bytes);
    if (q == &vn->tx)
        json_u64(j, "cut", vn->tx_cut);
    json_object(j, "drops");
    for (unsigned i = 0; i < n; i++)
        json_u64(j, drop_names[i], drops[i]);
    json_end_object(j);
    json_u64(j, "resets", vn->resets);
    if (vn->first_why != NULL) {
        json_str(j, "first_error", vn->first_why);
        json_u64(j, "first_evidence", vn->first_evidence);
    }
    json_end_object(j);
}

void vnet_json_queues(const struct vnet *vn, struct json *j)
{
    json_queue(vn, &vn->rx, "rx", vn->rx_drops, rx_drop_names, VNET_RX_DROPS, j);
    json_queue(vn, &vn->tx, "tx", vn->tx_drops, tx_drop_names, VNET_TX_DROPS, j);
    if (vn->vpci.features & VIRTIO_NET_F_CTRL_VQ && vn->ctrl.vq.ops != NULL)
        json_queue(vn, &vn->ctrl, "ctrl", &vn->ctrl_timeouts, ctrl_drop_names, 1, j);
}

/* "net0.rx": names are built here because there are two for each NIC and they must differ. */
static void pool_name(const struct vnet *vn, const struct netbuf_pool *p, char name[16])
{
    unsigned n = 0;

    for (const char *s = vn->name; *s != '\0'; s++)
        name[n++] = *s;
    name[n++] = '.';
    for (const char *s = p->name; *s != '\0'; s++)
        name[n++] = *s;
    name[n] = '\0';
}

static void json_pool(const struct vnet *vn, const struct netbuf_pool *p, struct json *j)
{
    char name[16];

    pool_name(vn, p, name);
    json_object(j, NULL);
    json_str(j, "name", name);
    json_u64(j, "size", p->n);
    json_u64(j, "used", (uint64_t)p->n - p->free_n);
    json_u64(j, "max", p->used_max);
    json_u64(j, "failures", p->failures);
    json_end_object(j);
}

void vnet_json_pools(const struct vnet *vn, struct json *j)
{
    json_pool(vn, &vn->rx_pool, j);
    json_pool(vn, &vn->tx_pool, j);
}

static void json_owners(const struct vnet *vn, const struct netbuf_pool *p, struct json *j)
{
    char name[16];

    pool_name(vn, p, name);
    json_object(j, name);
    json_u64(j, "size", p->n);
    json_u64(j, "free", p->count[NETBUF_FREE]);
    json_u64(j, "stack", p->count[NETBUF_STACK]);
    json_u64(j, "held", p->count[NETBUF_HELD]);
    json_u64(j, "device", p->count[NETBUF_DEVICE]);
    json_end_object(j);
}

void vnet_json_buffers(const struct vnet *vn, struct json *j)
{
    json_owners(vn, &vn->rx_pool, j);
    json_owners(vn, &vn->tx_pool, j);
}
