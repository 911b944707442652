// SPDX-License-Identifier: BSD-3-Clause
/*
 * The watchdog: who is silent, since when, whose fault it is, and what helps.
 *
 * What can be seen is little: buffers that the device has, completions, interrupts, its status, the
 * link, and the time. The causes are told apart by what makes things move again:
 *
 *     guest_late       the loop was not run, or completions wait and are not taken
 *     link_down        the device says so: nothing to repair
 *     device_broken    it asks for a reset, vanished, or wrote nonsense: reset
 *     lost_kick        the device was at work, wanted the doorbell and never looked; then it moved
 *                      at once after the first repeated one
 *     lost_irq         completions as asked for, the sleep over by the timer, and no interrupt even
 *                      a good while later
 *     backend_blocked  the device lives, but does not move in spite of repeated doorbells
 *     peer_silent      frames are due, nothing is received, and neither questions to the network
 * nor a reset change that
 *
 * Time in which the loop was not run is taken out of every measurement, so nobody else is blamed
 * for it. A device that does not move is reset after T2 at first, then at growing intervals: if it
 * waits for its own network, that does not help it.
 */
#include "virtio_net_watch.h"
#include "time.h"
#include "virtio_net_state.h"

/* Five times the longest sleep: then somebody else had the CPU. */
#define LATE_NS (5 * CONFIG_SLEEP_MAX_MS * NS_PER_MS)

/* A doorbell is repeated, and says something about what follows, once nothing moved for so long;
 * it is credited with what moves within the second time after it: more than a device takes that
 * only waited for it, less than what would often happen anyway. */
#define QUIET_NS   (50 * NS_PER_MS)
#define AT_ONCE_NS (10 * NS_PER_MS)

/* Before that the device is asked on another queue whether it is at work, where there is one: it
 * may just not have been run, and then goes on by itself. The answer is waited for at most so long;
 * and behind it a little longer for what it does on this queue by itself. */
#define ASK_NS    (100 * NS_PER_MS)
#define SETTLE_NS (5 * NS_PER_MS)

/* A reset is credited with what moves within this time after it. */
#define RESET_HELPS_NS NS_PER_S

/* ---- a queue ---------------------------------------------------------------------------------
 */

void vnet_watch_forget(struct vnet_watch_queue *w)
{
    w->kicks = w->resets = w->probes = 0;
    w->up_ns = w->probe_ns = 0;
    w->ask_ns = w->answer_ns = w->put_off_ns = 0;
    w->untaken = false;
}

bool vnet_watch_kick_helped(const struct vnet_watch_queue *w)
{
    return w->kicks == 1 && w->unheard && w->look_ns - w->kick_ns <= AT_ONCE_NS;
}

void vnet_watch_heard(struct vnet_queue *q)
{
    const uint16_t past = vq_ahead(q->vq.seen_idx, q->watch.wanted_idx);

    if (past != 0 && past <= VIRTQ_SIZE_MAX)
        q->watch.wanted = false;
}

static void moved(struct vnet *vn, struct vnet_queue *q)
{
    struct vnet_watch_queue *w = &q->watch;
    const bool helped = vnet_watch_kick_helped(w);
    const bool reset_helped = w->up_ns != 0 && vn->now_ns - w->up_ns <= RESET_HELPS_NS;

    if (w->stall.open) {
        vnet_stall_end(vn, q, &w->stall,
                       reset_helped                        ? VNET_DID_RESET
                       : helped                            ? VNET_DID_KICK
                       : w->stall.cause == VNET_GUEST_LATE ? VNET_DID_POLL
                                                           : VNET_DID_NOTHING);
    } else if (helped) {
        vnet_stall_kick(vn, q);
    }
    w->moved_ns = vn->now_ns;
    vnet_watch_forget(w);
}

/* Nothing is due, or nothing can move: then there is no stall, unless one has led to a reset that
 * has not yet had the time to show what it is good for. */
static void at_rest(struct vnet *vn, struct vnet_queue *q)
{
    struct vnet_watch_queue *w = &q->watch;

    if (w->stall.open) {
        if (w->up_ns != 0 && vn->now_ns - w->up_ns < RESET_HELPS_NS)
            return;
        vnet_stall_end(vn, q, &w->stall, w->up_ns != 0 ? VNET_DID_RESET : VNET_DID_NOTHING);
    }
    w->moved_ns = vn->now_ns;
    vnet_watch_forget(w);
}

void vnet_watch_wanted(struct vnet_queue *q, uint16_t before)
{
    q->watch.wanted = true;
    q->watch.wanted_idx = before;
    q->watch.wish = vq_wish(&q->vq);
}

bool vnet_watch_times(const struct vnet_queue *q)
{
    return q->watch.kicks == 1 || (q->watch.kicks == 0 && q->watch.ask_ns != 0);
}

static void repeat(struct vnet *vn, struct vnet_queue *q, uint16_t index)
{
    struct vnet_watch_queue *w = &q->watch;

    vq_publish(&q->vq);
    if (vn->now_ns - w->moved_ns >= QUIET_NS && w->kicks++ == 0) {
        w->kick_ns = w->look_ns = vn->now_ns;
        /* It wanted the doorbell for what it has, and whoever hears one looks at the ring, which
         * some say by the wish. */
        w->unheard = w->wanted && w->wish == vq_wish(&q->vq);
    }
    vnet_kick(vn, q, index);
}

void vnet_watch_beat(struct vnet *vn, struct vnet_queue *q, uint16_t index)
{
    const struct vnet_watch_queue *w = &q->watch;
    const bool later = w->kicks > 0 && vn->now_ns - w->kick_ns > AT_ONCE_NS;

    /* The first one for frames to be sent waits for an answer. Of receive it cannot be known for
     * certain whether frames are due, and a link that is down keeps nobody from sending. */
    if (index == VIRTIO_NET_RXQ || later || !vn->link)
        repeat(vn, q, index);
}

/* Each turn, until the doorbell was repeated. */
static void ask_then_repeat(struct vnet *vn, struct vnet_queue *q, uint16_t index)
{
    struct vnet_watch_queue *w = &q->watch;

    if (w->ask_ns == 0 && vnet_ctrl_ask(vn)) {
        w->ask_ns = vn->now_ns;
        w->ask_mark = vn->ctrl.completions;
        return;
    }
    if (w->ask_ns != 0 && w->answer_ns == 0 && vn->ctrl.completions != w->ask_mark)
        w->answer_ns = vn->now_ns;
    if (w->answer_ns != 0 ? vn->now_ns - w->answer_ns < SETTLE_NS
                          : w->ask_ns != 0 && vn->now_ns - w->ask_ns < ASK_NS)
        return;
    repeat(vn, q, index);
    if (w->ask_ns != 0 && w->answer_ns == 0)
        w->unheard = false; /* it heard nothing at all */
}

/* How long a queue may stand still before the next reset. */
static uint64_t patience_ns(unsigned resets)
{
    return (resets == 0   ? 5
            : resets == 1 ? 10
            : resets == 2 ? 20
            : resets == 3 ? 40
                          : 60) *
           NS_PER_S;
}

static void stalled(struct vnet *vn, struct vnet_queue *q, bool untaken)
{
    struct vnet_watch_queue *w = &q->watch;
    const uint64_t since_ns = w->up_ns > w->moved_ns ? w->up_ns : w->moved_ns;

    if (!w->stall.open && w->kicks > 0 && vn->now_ns - w->kick_ns >= AT_ONCE_NS)
        vnet_stall(vn, q, &w->stall, untaken ? VNET_GUEST_LATE : VNET_BACKEND_BLOCKED, w->moved_ns);
    if (w->stall.open && w->stall.cause == VNET_BACKEND_BLOCKED &&
        vn->now_ns - since_ns >= patience_ns(w->resets)) {
        w->resets++;
        vnet_reset(vn);
    }
}

static void watch_queue(struct vnet *vn, struct vnet_queue *q, uint16_t index, bool due)
{
    if (q->completions != q->watch.mark) {
        q->watch.mark = q->completions;
        vnet_watch_heard(q);
        moved(vn, q);
    } else if (!due || !vn->link) {
        at_rest(vn, q);
    } else {
        /* Those that came since they were last looked for have not been left lying. */
        const bool untaken = q->watch.untaken;

        q->watch.look_ns = vn->now_ns;
        q->watch.untaken = vq_pending(&q->vq);
        if (q->watch.kicks == 0 && vn->now_ns - q->watch.moved_ns >= QUIET_NS)
            ask_then_repeat(vn, q, index);
        if (vn->now_ns - q->watch.moved_ns >= VNET_STALL_NS)
            stalled(vn, q, untaken);
    }
}

/* ---- the device, the link, the guest itself ---------------------------------------------------
 */

bool vnet_watch_broke(struct vnet *vn, const char *why, uint32_t evidence)
{
    vnet_stall_why(vn, &vn->watch.device, why, evidence);
    return vn->watch.device.injected;
}

static void queue_up(struct vnet *vn, struct vnet_watch_queue *w)
{
    w->suspect = w->wanted = false;
    w->asked = 0;
    w->rubbish_ns = 0;
    if (w->stall.open || w->resets > 0)
        w->up_ns = vn->now_ns;
    else
        w->moved_ns = vn->now_ns;
}

void vnet_watch_up(struct vnet *vn)
{
    vn->watch.spoiled = false;
    if (vn->watch.device.open)
        vnet_stall_end(vn, NULL, &vn->watch.device, VNET_DID_RESET);
    queue_up(vn, &vn->rx.watch);
    queue_up(vn, &vn->tx.watch);
}

static void watch_link(struct vnet *vn)
{
    struct vnet_stall *s = &vn->watch.link;

    if (!vn->link && !s->open)
        vnet_stall(vn, NULL, s, VNET_LINK_DOWN, vn->now_ns);
    else if (vn->link && s->open)
        vnet_stall_end(vn, NULL, s, VNET_DID_NOTHING);
}

static void put_off(struct vnet_watch_queue *w, uint64_t late_ns, uint64_t now_ns)
{
    w->moved_ns += late_ns;
    w->put_off_ns += late_ns;
    w->stall.since_ns += late_ns;
    if (w->up_ns != 0)
        w->up_ns += late_ns;
    if (w->rubbish_ns != 0)
        w->rubbish_ns += late_ns;
    if (!w->stall.open)
        w->kicks = 0; /* whatever moves next, it says nothing about them */
    w->ask_ns = w->answer_ns = 0;
    w->suspect_ns = now_ns;
    w->sleeps = 0;
}

uint64_t vnet_watch_late(struct vnet *vn, uint64_t now_ns)
{
    struct vnet_watch *w = &vn->watch;
    const uint64_t last_ns = vn->now_ns;

    if (!w->turned) { /* what came before was the boot */
        w->turned = true;
        vn->rx.watch.moved_ns = vn->tx.watch.moved_ns = now_ns;
        return 0;
    }
    if (now_ns - last_ns < LATE_NS)
        return 0;
    w->late_ns += now_ns - last_ns;
    if (now_ns - last_ns > w->late_max_ns)
        w->late_max_ns = now_ns - last_ns;
    put_off(&vn->rx.watch, now_ns - last_ns, now_ns);
    put_off(&vn->tx.watch, now_ns - last_ns, now_ns);
    w->device.since_ns += now_ns - last_ns;
    vn->ctrl_ns += now_ns - last_ns;
    if (now_ns - last_ns >= VNET_STALL_NS && vn->speaks) {
        vn->now_ns = now_ns;
        vnet_stall_late(vn, last_ns, w->woke_ns > last_ns ? w->woke_ns - last_ns : 0);
    }
    return now_ns - last_ns;
}

void vnet_watch_turn(struct vnet *vn)
{
    watch_link(vn);
    vnet_watch_rx(vn);
    watch_queue(vn, &vn->tx, VIRTIO_NET_TXQ, vq_outstanding(&vn->tx.vq) > 0);
    if (vn->up != VNET_UP)
        return;
    vnet_watch_irq(vn, &vn->rx);
    vnet_watch_irq(vn, &vn->tx);
}
