// SPDX-License-Identifier: BSD-3-Clause
/*
 * The watchdog of interrupts: what was asked for before sleep and did not come is first only late,
 * and lost when a good while and several sleeps have passed without it. While that is in doubt the
 * wish for it is left as it is.
 */
#include "irq.h"
#include "time.h"
#include "virtio_net_state.h"

/* An interrupt that has not come for so long, and in spite of so many sleeps in which it could, is
 * lost. */
#define IRQ_LOST_NS     (100 * NS_PER_MS)
#define IRQ_LOST_SLEEPS 3

bool vnet_watch_may_ask(const struct vnet_queue *q)
{
    return !q->watch.suspect;
}

void vnet_watch_asked(struct vnet_queue *q, uint16_t after, uint64_t now_ns)
{
    q->watch.asked = after;
    q->watch.asked_ns = now_ns;
    q->watch.irq_mark = irq_count(q->vector);
}

bool vnet_watch_woke(struct vnet_queue *q, uint64_t now_ns)
{
    struct vnet_watch_queue *w = &q->watch;
    uint16_t there;

    if (w->suspect) {
        w->sleeps++;
        return false;
    }
    there = vq_ahead(q->vq.ops->used_idx(&q->vq), q->vq.seen_idx);
    if (w->asked != 0 && there >= w->asked && irq_count(q->vector) == w->irq_mark) {
        w->suspect = true;
        w->there = there;
        w->sleeps = 0;
        w->suspect_ns = w->looked_ns = now_ns;
        return false;
    }
    w->asked = 0;
    return true;
}

/* An interrupt that is merely late comes before long: what asked for it was left as it is. */
void vnet_watch_irq(struct vnet *vn, struct vnet_queue *q)
{
    struct vnet_watch_queue *w = &q->watch;

    if (!w->suspect)
        return;
    if (irq_count(q->vector) == w->irq_mark) {
        if (vn->now_ns - w->suspect_ns < IRQ_LOST_NS || w->sleeps < IRQ_LOST_SLEEPS)
            return;
        vnet_stall_irq(vn, q);
    }
    w->suspect = false;
    w->asked = 0;
    vq_irq_off(&q->vq);
}
