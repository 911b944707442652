// SPDX-License-Identifier: BSD-3-Clause
/*
 * Bring-up and recovery, which are the same: a device that did something wrong is reset, every
 * buffer comes back by our own table, and bring_up() runs again as it did at boot.
 *
 * Recovery never waits and never gives up: each turn takes one step of it, two tries are at least
 * RETRY_NS apart, and what a device says first about itself (MAC, MTU, ring sizes) stays, because
 * the stack and the buffers were made for it.
 */
#include <stddef.h>
#include "console.h"
#include "cpu.h"
#include "panic.h"
#include "rand.h"
#include "record.h"
#include "time.h"
#include "virtio_net_state.h"

/* How long a reset may take at boot, where there is nothing else to do than to wait for it. */
#define RESET_BOOT_NS NS_PER_S

/* From one try to the next: traffic is back within a second after a fault has ended. */
#define RETRY_NS (500 * NS_PER_MS)

/* One `error` record a device and this time; all resets are counted. */
#define ERROR_PERIOD_NS (10 * NS_PER_S)

#define ETH_MTU         1500u
#define MTU_MIN         68u

#define CONFIG_FIELD(f) (uint32_t) offsetof(struct virtio_net_config, f)

static struct vnet nics[CONFIG_NICS];
static unsigned working[CONFIG_NICS], working_n;

/* ---- what the device says about itself --------------------------------------------------------
 */

/* A locally administered unicast address of our own [virtio 5.1.4.2]. */
static void invent_mac(uint8_t mac[6])
{
    uint64_t r = rand_u64();

    for (unsigned i = 0; i < 6; i++)
        mac[i] = (uint8_t)(r >> 8 * i);
    mac[0] = (uint8_t)((mac[0] & 0xfe) | 0x02);
}

/* False: the device does not settle, or what it says is no address of a station. */
static bool read_mac(struct vnet *vn, uint8_t mac[6])
{
    uint8_t any = 0;

    if (!vpci_config_read(&vn->vpci, CONFIG_FIELD(mac), mac, 6))
        return false;
    for (unsigned i = 0; i < 6; i++)
        any |= mac[i];
    return any != 0 && !(mac[0] & 1);
}

/* The largest IP packet the device wants to see; ETH_MTU where it does not say anything sensible.
 */
static uint16_t device_mtu(struct vnet *vn, uint64_t features)
{
    uint16_t mtu;

    if (!(features & VIRTIO_NET_F_MTU))
        return ETH_MTU;
    mtu = vpci_config16(&vn->vpci, CONFIG_FIELD(mtu));
    return mtu < MTU_MIN ? ETH_MTU : mtu;
}

/* Queue pairs, of which the first is used and the others stay disabled; 0: what it says cannot be.
 */
static uint16_t device_pairs(struct vnet *vn, uint64_t features)
{
    uint16_t pairs;

    if (!(features & VIRTIO_NET_F_MQ))
        return 0;
    pairs = vpci_config16(&vn->vpci, CONFIG_FIELD(max_virtqueue_pairs));
    return pairs < VIRTIO_NET_MQ_PAIRS_MAX ? pairs : 0; /* else no number is left for controlq */
}

/* Our MTU where the device has this one, and the buffers it takes. */
static uint16_t limit_mtu(const struct vnet *vn, uint16_t mtu)
{
    uint32_t limit = vn->opt.mtu_max != 0 ? vn->opt.mtu_max : CONFIG_MTU_MAX;

    return mtu < limit ? mtu : (uint16_t)limit;
}

/* What the stack builds on: read at the first bring-up only. `mtu` is the device's. */
static void get_to_know(struct vnet *vn, uint16_t mtu)
{
    if (vn->known)
        return;
    vn->mtu = limit_mtu(vn, mtu);
    if (!(vn->vpci.features & VIRTIO_NET_F_MAC) || !read_mac(vn, vn->mac))
        invent_mac(vn->mac);
    vnet_carve(vn);
    vn->known = true;
}

void vnet_refresh(struct vnet *vn)
{
    uint16_t said = VIRTIO_NET_S_LINK_UP;
    bool link;

    vnet_irq_config(vn); /* before the reads: a later change counts */
    if (!vpci_alive(&vn->vpci)) {
        uint8_t status = vpci_status(&vn->vpci);
        vnet_break(vn,
                   status == VIRTIO_STATUS_GONE         ? "it does not answer any more"
                   : status & VIRTIO_STATUS_NEEDS_RESET ? "it asks for a reset"
                                                        : "it changed its status by itself",
                   status);
        return;
    }
    /* Two bytes are read in one access; without the feature the link is up [virtio 5.1.4.2]. */
    if (vn->vpci.features & VIRTIO_NET_F_STATUS)
        said = vpci_config16(&vn->vpci, CONFIG_FIELD(status));
    vnet_ctrl_status(vn, said);
    link = said & VIRTIO_NET_S_LINK_UP;
    vn->link_changes += link != vn->link;
    vn->link = link;
}

/* ---- bring-up ---------------------------------------------------------------------------------
 */

/* From a completed reset to DRIVER_OK, in the order of [virtio 3.1.1]. */
static const char *bring_up(struct vnet *vn)
{
    struct vpci *vp = &vn->vpci;
    uint64_t offered = vpci_offer(vp), features = vnet_choose(vn, offered);
    const char *why;
    uint16_t mtu, pairs;

    if (!vp->ops->legacy && !(offered & VIRTIO_F_VERSION_1))
        return "it does not offer VIRTIO_F_VERSION_1";
    pairs = device_pairs(vn, features);
    if (pairs == 0)
        features &= ~VIRTIO_NET_F_MQ;
    mtu = device_mtu(vn, features);
    /* Who accepts an MTU must have room for packets of that size [virtio 5.1.4.2]. */
    if ((uint32_t)CONFIG_FRAME_BYTES(mtu) > vnet_frame_room(vn, features, limit_mtu(vn, mtu)))
        features &= ~VIRTIO_NET_F_MTU;
    why = vpci_accept(vp, features);
    if (why != NULL)
        return why;
    vn->hdr_bytes = vp->ops->legacy && !(features & VIRTIO_NET_F_MRG_RXBUF)
                        ? VIRTIO_NET_HDR_LEGACY
                        : sizeof(struct virtio_net_hdr);
    vn->segs = features & (VIRTIO_F_VERSION_1 | VIRTIO_F_ANY_LAYOUT) ? 1 : 2;
    why = vnet_irq_assign(vn);
    if (why != NULL)
        return why;
    get_to_know(vn, mtu);
    why = vnet_start_rx(vn);
    if (why == NULL)
        why = vnet_start_tx(vn);
    if (why != NULL)
        return why;
    vnet_ctrl_start(vn, pairs);

    vnet_rx_fill(vn);
    vq_publish(&vn->rx.vq);
    vpci_driver_ok(vp);
    vn->up = VNET_UP;
    vnet_kick(vn, &vn->rx, VIRTIO_NET_RXQ); /* it could not be told earlier */
    vnet_refresh(vn);
    return NULL;
}

static bool wait_reset(struct vnet *vn)
{
    uint64_t end = time_ns() + RESET_BOOT_NS;

    while (!vpci_reset_done(&vn->vpci)) {
        if (time_ns() > end)
            return false;
        cpu_relax();
    }
    return true;
}

static void tell(struct vnet *vn)
{
    vn->features_told = vn->vpci.features;
    vnet_record(vn);
}

static bool start(struct vnet *vn, const struct pci_dev *dev)
{
    bool legacy = vn->opt.features_off & VIRTIO_F_VERSION_1;
    const char *why = vpci_probe(&vn->vpci, dev, legacy);

    if (why == NULL) {
        vnet_queues_init(vn);
        vnet_ctrl_init(vn);
        vpci_reset_begin(&vn->vpci);
        why = wait_reset(vn) ? NULL : "it does not complete a reset";
    }
    if (why == NULL) {
        vnet_irq_prepare(vn);
        why = bring_up(vn);
        if (why != NULL)
            vpci_fail(&vn->vpci);
    }
    if (why != NULL) {
        vn->up = VNET_DOWN;
        record_error("%s: the virtio-net device at %02x:%02x.%x cannot be used: %s", vn->name,
                     dev->bus, dev->slot, dev->fn, why);
        return false;
    }
    vn->now_ns = vn->up_ns = vn->beat_ns = time_ns();
    vn->rx.progress_ns = vn->tx.progress_ns = vn->now_ns;
    tell(vn);
    return true;
}

/* ---- recovery ---------------------------------------------------------------------------------
 */

void vnet_reset(struct vnet *vn)
{
    vn->up = VNET_RESETTING;
    vn->reclaimed = false;
    vn->reset_ns = vn->now_ns;
    vn->retry_ns = vn->up_ns + RETRY_NS;
    vpci_reset_begin(&vn->vpci);
}

void vnet_break(struct vnet *vn, const char *why, uint32_t evidence)
{
    bool injected;

    if (vn->up != VNET_UP)
        return;
    vnet_reset(vn);
    injected = vnet_watch_broke(vn, why, evidence);
    vn->resets_injected += injected;
    if (vn->resets++ == 0) {
        vn->first_why = why;
        vn->first_evidence = evidence;
    }
    if (injected) /* its records say so */
        return;
    if (vn->resets == vn->resets_injected + 1 || vn->now_ns - vn->error_ns >= ERROR_PERIOD_NS) {
        vn->error_ns = vn->now_ns;
        record_error("%s: the device breaks the rules: %s (%u); reset number %llu", vn->name, why,
                     evidence, (unsigned long long)vn->resets);
    }
}

void vnet_repair(struct vnet *vn)
{
    const struct netbuf_pool *rx = &vn->rx_pool, *tx = &vn->tx_pool;

    vn->violations++;
    vn->repair = true;
    record_error(
        "%s: the buffers do not add up: receive %u free, %u held, %u of %u with the device "
        "(at least %u of %u), transmit %u free, %u held, %u of %u with the device; it is reset",
        vn->name, rx->count[NETBUF_FREE], rx->count[NETBUF_STACK], rx->count[NETBUF_DEVICE],
        vq_outstanding(&vn->rx.vq), vn->rx.posted_min, vn->rx_target, tx->count[NETBUF_FREE],
        tx->count[NETBUF_STACK], tx->count[NETBUF_DEVICE], vq_outstanding(&vn->tx.vq));
    vnet_reset(vn);
}

/* Nothing that was counted is believed. */
static void begin_anew(struct vnet *vn)
{
    vn->repair = false;
    vq_forget(&vn->rx.vq);
    vq_forget(&vn->tx.vq);
    netbuf_pool_renew(&vn->rx_pool);
    netbuf_pool_renew(&vn->tx_pool);
    vn->rx.posted_min = vn->rx_target;
}

/* The queues are dead: what the device had is ours again [virtio 3.3.1]. */
static void reclaim(struct vnet *vn)
{
    vn->reclaimed = true;
    if (vn->repair) {
        begin_anew(vn);
        return;
    }
    vnet_queue_reclaim(vn, &vn->rx);
    vnet_queue_reclaim(vn, &vn->tx);
}

/* It does not come back, whatever the reset was for: that is the device's doing, and said once. */
static void stays_away(struct vnet *vn, const char *why)
{
    if (!vn->watch.device.open)
        vnet_watch_broke(vn, why, vpci_status(&vn->vpci));
    if (vn->away == NULL)
        kprintf("%s: not up again yet: %s", vn->name, why);
    vn->away = why;
}

void vnet_recover(struct vnet *vn)
{
    const char *why;

    if (!vpci_reset_done(&vn->vpci)) {
        if (vn->now_ns - vn->reset_ns >= VNET_STALL_NS)
            stays_away(vn, "it does not complete a reset");
        if (vn->now_ns - vn->reset_ns >= RETRY_NS) {
            vn->reset_ns = vn->now_ns;
            vpci_reset_begin(&vn->vpci);
        }
        return;
    }
    if (!vn->reclaimed)
        reclaim(vn);
    if (vn->now_ns < vn->retry_ns)
        return;
    vn->up_ns = vn->now_ns;
    why = bring_up(vn);
    if (why == NULL) {
        vn->away = NULL;
        vnet_watch_up(vn);
        kprintf("%s: up again %llu us after the reset", vn->name,
                (unsigned long long)((vn->now_ns - vn->reset_ns) / NS_PER_US));
        if (vn->vpci.features != vn->features_told)
            tell(vn);
        return;
    }
    stays_away(vn, why);
    vn->reset_ns = vn->now_ns;
    vn->retry_ns = vn->now_ns + RETRY_NS;
    vpci_fail(&vn->vpci);
}

/* ---- the NICs there are -----------------------------------------------------------------------
 */

static bool is_net(uint16_t device)
{
    return device == VIRTIO_PCI_NET || device == VIRTIO_PCI_NET_TRANSITIONAL;
}

unsigned vnet_probe(const struct vnet_options opt[CONFIG_NICS])
{
    struct pci_dev found[CONFIG_NICS + 1];
    unsigned n = pci_find(VIRTIO_PCI_VENDOR, is_net, found, CONFIG_NICS + 1);

    if (n > CONFIG_NICS) {
        n = CONFIG_NICS;
        record_error("there are more virtio-net devices than the %u this build has memory for; the "
                     "first are used",
                     CONFIG_NICS);
    }
    working_n = 0;
    for (unsigned k = 0; k < n; k++) {
        struct vnet *vn = &nics[k];

        *vn = (struct vnet){.opt = opt[k], .index = k, .nics = n, .name = "net0"};
        vn->name[3] = (char)('0' + k);
        vn->speaks = working_n == 0;
        if (start(vn, &found[k]))
            working[working_n++] = k;
    }
    return working_n;
}

struct vnet *vnet_get(unsigned index)
{
    ASSERT(index < working_n);
    return &nics[working[index]];
}
