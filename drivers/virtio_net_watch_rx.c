// SPDX-License-Identifier: BSD-3-Clause
/*
 * The watchdog of reception. That nothing comes proves nothing: a network may be silent. So the
 * stack asks the network first; where that brings nothing, the queue is reset, then the device, and
 * only who stays silent after both is a silent peer.
 */
#include "time.h"
#include "virtio_net_state.h"

/* Nothing received for so long is looked into; an answer comes within the second time; so many
 * questions have to go unanswered. Later ones come ever less often. */
#define SILENCE_NS      (3 * NS_PER_S)
#define PROBE_NS        NS_PER_S
#define PROBES          3
#define PROBE_PAUSE_MAX (64 * NS_PER_S)

/* Where frames come this soon after a reset for silence, it was the device's. */
#define ANSWER_NS (250 * NS_PER_MS)

/* A network may be silent with every right, so a doorbell is credited only if somebody waited for
 * frames. */
static void received(struct vnet *vn, struct vnet_queue *q)
{
    struct vnet_watch_queue *w = &q->watch;

    if (w->stall.open) {
        vnet_stall_end(vn, q, &w->stall, VNET_DID_NOTHING);
    } else if (w->resets > 0 && vn->now_ns - w->up_ns <= ANSWER_NS) {
        vnet_stall(vn, q, &w->stall, VNET_BACKEND_BLOCKED, w->moved_ns);
        vnet_stall_end(vn, q, &w->stall, VNET_DID_RESET);
    } else if (vn->rx_due && vnet_watch_kick_helped(w)) {
        vnet_stall_kick(vn, q);
    }
    w->moved_ns = vn->now_ns;
    vnet_watch_forget(w);
}

/* Of reception: that of the queue, and that of the device. */
#define ALL_RESETS 2

/* A device that has not sent within this time what it was given does not send. */
#define REPAIR_WAIT_NS (100 * NS_PER_MS)

/* The queue alone first, where that can be done; then all of the device. What the device has to
 * send goes out before: that may be a question just asked. */
static void repair_reception(struct vnet *vn)
{
    struct vnet_watch_queue *w = &vn->rx.watch;

    if (w->repair_ns == 0 || vn->up != VNET_UP ||
        (vq_outstanding(&vn->tx.vq) > 0 && vn->now_ns - w->repair_ns < REPAIR_WAIT_NS))
        return;
    w->repair_ns = 0;
    w->probe_ns = 0; /* as soon as it is up again */
    if (w->resets == 0 && vnet_queue_restart(vn, &vn->rx)) {
        w->wanted = false;
        w->resets = 1;
        w->up_ns = vn->now_ns;
    } else {
        w->resets = ALL_RESETS;
        vnet_reset(vn);
    }
}

/* A device that delivers what none may, and nothing else, for as long as silence is looked into: it
 * is not the network that is silent. */
static void watch_rubbish(struct vnet *vn, struct vnet_watch_queue *w)
{
    const uint64_t sound =
        vn->rx.packets + vn->rx_drops[VNET_RX_RUNT] + vn->rx_drops[VNET_RX_NO_BUFFER];
    const uint64_t rubbish = vnet_rx_rubbish(vn);
    const bool more = rubbish != w->rubbish;

    w->rubbish = rubbish;
    if (sound != w->sound) {
        w->rubbish_ns = 0;
    } else if (more && w->rubbish_ns == 0) {
        w->rubbish_ns = vn->now_ns;
    } else if (more && vn->now_ns - w->rubbish_ns >= SILENCE_NS) {
        vnet_break(vn, "it delivers nothing but what cannot be", (uint32_t)rubbish);
        w->moved_ns = vn->now_ns; /* the silence until now is explained */
        vnet_watch_forget(w);
    }
    w->sound = sound;
}

/* What is dropped because it cannot be a frame is no reception: whoever waits waits on. */
void vnet_watch_rx(struct vnet *vn)
{
    struct vnet_watch_queue *w = &vn->rx.watch;

    if (vn->rx.completions != w->mark) {
        w->mark = vn->rx.completions;
        vnet_watch_heard(&vn->rx);
        watch_rubbish(vn, w);
    }
    if (vn->rx.packets != w->frames) {
        w->frames = vn->rx.packets;
        received(vn, &vn->rx);
        return;
    }
    w->look_ns = vn->now_ns;
    if (!vn->link)
        vnet_rx_probed(vn, false);
    else
        repair_reception(vn);
}

bool vnet_rx_silent(const struct vnet *vn)
{
    const struct vnet_watch_queue *w = &vn->rx.watch;

    return vn->now_ns - w->moved_ns >= SILENCE_NS && vn->up == VNET_UP && vn->now_ns >= w->probe_ns;
}

void vnet_rx_probed(struct vnet *vn, bool asked)
{
    struct vnet_watch_queue *w = &vn->rx.watch;

    if (!asked) { /* silence is all there should be */
        if (w->stall.open)
            vnet_stall_end(vn, &vn->rx, &w->stall, VNET_DID_NOTHING);
        w->moved_ns = vn->now_ns;
        vnet_watch_forget(w);
        return;
    }
    if (w->probes == 0 && w->resets == 0)
        w->probe_pause = PROBE_NS;
    w->probe_ns = vn->now_ns + w->probe_pause;
    if (w->probes++ < PROBES)
        return;
    w->probes = 0;
    if (w->resets < ALL_RESETS) {
        w->repair_ns = vn->now_ns;
        return;
    }
    if (!w->stall.open)
        vnet_stall(vn, &vn->rx, &w->stall, VNET_PEER_SILENT, w->moved_ns);
    if (w->probe_pause < PROBE_PAUSE_MAX)
        w->probe_pause *= 2;
}
