// SPDX-License-Identifier: BSD-3-Clause
/*
 * drivers/virtio_net.h without virtio: a NIC of memory (netrig_nic.h). What it says of itself,
 * reception and sleep are here; transmission is netrig_vnet_tx.c.
 *
 * Ownership is checked as the driver would: a buffer that comes back twice, or not at all, fails
 * the test. So does going to sleep while a frame waits for the doorbell.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include "config.h"
#include "netrig_nic.h"
#include "netrig_priv.h"

/* ---- the NICs ----------------------------------------------------------------------------------
 */

unsigned vnet_probe(const struct vnet_options opt[CONFIG_NICS])
{
    if (opt[0].mtu_max != 0 && opt[0].mtu_max < rig_nics[0].mtu)
        rig_nics[0].mtu = opt[0].mtu_max;
    return rig.nics;
}

struct vnet *vnet_get(unsigned index)
{
    assert_true(index < rig.nics);
    return &rig_nics[index];
}

unsigned vnet_index(const struct vnet *vn)
{
    return rig.broken_nics + (unsigned)(vn - rig_nics);
}

const char *vnet_name(const struct vnet *vn)
{
    return vn == &rig_nics[0] ? "net0" : "net1";
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

/* ---- reception ---------------------------------------------------------------------------------
 */

static uint8_t *delivered;

uint8_t *rig_delivered(void)
{
    return delivered;
}

unsigned vnet_rx_poll(struct vnet *vn, struct netbuf **out, unsigned max)
{
    unsigned n = 0;

    while (n < max && vn->rx.n > 0) {
        struct node *node = nic_pop(&vn->rx);

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
        nic_free(node);
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
    nic_free((struct node *)(void *)nb);
}

/* ---- sleep and watching ------------------------------------------------------------------------
 */

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
    if (vn == &rig_nics[0])
        rig.rx_due = due;
}

bool vnet_rx_silent(const struct vnet *vn)
{
    return vn == &rig_nics[0] && rig.silent;
}

void vnet_rx_probed(struct vnet *vn, bool asked)
{
    assert_ptr_equal(vn, &rig_nics[0]);
    rig.silent = false;
    rig.asked = asked;
}

/* ---- reports -----------------------------------------------------------------------------------
 */

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
