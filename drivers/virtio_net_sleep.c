// SPDX-License-Identifier: BSD-3-Clause
/*
 * Sleep: interrupts are asked for only while the loop sleeps, and whatever asks is followed by a
 * look, so that nothing that came in between waits for an interrupt that does not.
 *
 * There are two looks. The first is behind a fence; where that may be none, the second is behind
 * the access to a device register that sets the loop's alarm: see vq_weigh_again().
 */
#include "time.h"
#include "virtio_net.h"
#include "virtio_net_state.h"

/* Without interrupts the loop comes back this soon: short against a round trip on a real network,
 * long against the cost of one look. */
#define POLL_SLEEP_NS (250 * NS_PER_US)

static bool ask_irq(const struct vnet *vn, struct vnet_queue *q, uint16_t after)
{
    if (!vnet_watch_may_ask(q))
        return !vq_pending(&q->vq);
    vnet_watch_asked(q, after, vn->now_ns);
    return vq_irq_on(&q->vq, after);
}

static void wake(const struct vnet *vn, struct vnet_queue *q, bool slept)
{
    if (slept ? vnet_watch_woke(q, vn->watch.woke_ns) : vnet_watch_may_ask(q))
        vq_irq_off(&q->vq);
}

bool vnet_may_sleep(struct vnet *vn)
{
    uint16_t half = (uint16_t)((vq_outstanding(&vn->tx.vq) + 1) / 2);
    bool sleep;

    if (vn->up != VNET_UP)
        return true; /* vnet_sleep_max_ns() bounds it */
    if (vn->vectors == 0)
        return !vq_pending(&vn->rx.vq) && !vq_pending(&vn->tx.vq);
    if (!vnet_irq_allow(vn))
        return false;
    /* Any frame received wakes; of those sent, half: enough for a blocked sender, and fewer
     * interrupts. */
    sleep = ask_irq(vn, &vn->rx, 1);
    sleep = ask_irq(vn, &vn->tx, half > 0 ? half : 1) && sleep;
    if (!sleep)
        vnet_stay_awake(vn);
    return sleep;
}

/* The second look: behind a fence that is one everywhere. */
static bool at_rest(struct vnet *vn, struct vnet_queue *q, uint16_t index)
{
    if (vq_weigh_again(&q->vq))
        vnet_notify(vn, q, index, q->vq.seen_idx);
    return !vq_reached(&q->vq, q->watch.asked > 0 ? q->watch.asked : 1);
}

bool vnet_still_idle(struct vnet *vn)
{
    bool idle;

    if (vn->up != VNET_UP)
        return true;
    idle = at_rest(vn, &vn->rx, VIRTIO_NET_RXQ);
    return at_rest(vn, &vn->tx, VIRTIO_NET_TXQ) && idle;
}

static void end_sleep(struct vnet *vn, bool slept)
{
    if (vn->up != VNET_UP || vn->vectors == 0)
        return;
    wake(vn, &vn->rx, slept);
    wake(vn, &vn->tx, slept);
}

void vnet_awake(struct vnet *vn)
{
    vn->watch.woke_ns = time_ns();
    vnet_irq_seen(vn);
    end_sleep(vn, true);
}

void vnet_stay_awake(struct vnet *vn)
{
    end_sleep(vn, false);
}

uint64_t vnet_sleep_max_ns(const struct vnet *vn)
{
    bool polls = vn->vectors == 0 || vnet_watch_times(&vn->tx) || !vnet_watch_may_ask(&vn->rx) ||
                 !vnet_watch_may_ask(&vn->tx);

    return polls ? POLL_SLEEP_NS : CONFIG_SLEEP_MAX_MS * NS_PER_MS;
}
