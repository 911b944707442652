// SPDX-License-Identifier: BSD-3-Clause
/*
 * The control queue [virtio 5.1.6.5]: one command at a time, and nobody waits for its answer.
 *
 * A command is two segments: class, command and what comes with it, which the device reads, and one
 * byte for its answer. The queue has no interrupt; each turn looks for the answer. A device that
 * gives none for DEADLINE_NS is not asked again until its next reset, and all else goes on: the
 * queue is a convenience, never a condition. Its memory stays the device's meanwhile.
 *
 * One use is the announcement: the device asks, after a migration for instance, that everybody be
 * told anew where this station is; the stack does that, and the device is told [virtio 5.1.6.5.4].
 *
 * The other is the question whether the device is at work at all. Any command would do; the one
 * that is sent says what is so anyway: frames to all groups are wanted, and we choose among them
 * [virtio 5.1.6.5.1].
 */
#include <stddef.h>
#include "console.h"
#include "guard.h"
#include "time.h"
#include "virtio_net_state.h"
#include "virtqueue_packed.h"
#include "virtqueue_split.h"

#define NOINIT      __attribute__((section(".noinit"), aligned(4096)))

#define DEADLINE_NS (2 * NS_PER_S)

/* From one announcement to the next at least, however often the device asks. */
#define ANNOUNCE_NS NS_PER_S

/* Descriptors of a command; fewer than these, and there is no room for one. */
#define SEGMENTS   2u

#define RING_BYTES VQ_SPLIT_BYTES(CONFIG_CTRL_RING)

struct command {
    uint8_t class, command, on, ack;
};

/* Shared with the device. The guard in front of a ring is the one behind the command before. */
static struct ctrl_places {
    uint8_t front[4096];
    struct place {
        uint8_t ring[RING_BYTES];
        uint8_t guard[CONFIG_GUARD_BYTES];
        uint8_t unused[4096 - 2 * CONFIG_GUARD_BYTES - sizeof(struct command)];
        struct command command;
        uint8_t end[CONFIG_GUARD_BYTES];
    } of[CONFIG_NICS];
} places NOINIT;
static_assert(VQ_PACKED_BYTES(CONFIG_CTRL_RING) <= VQ_SPLIT_BYTES(CONFIG_CTRL_RING),
              "either format has room");

static_assert(sizeof(struct place) % 4096 == 0, "each ring begins on a page");

void vnet_ctrl_init(struct vnet *vn)
{
    struct place *place = &places.of[vn->index];

    guard_set_around(place->ring, RING_BYTES);
    guard_set(place->end);
    vq_init(&vn->ctrl.vq, place->ring, vn->ctrl_slots, NULL);
}

bool vnet_ctrl_overrun(const struct vnet *vn)
{
    struct place *place = &places.of[vn->index];

    return guard_broken_around(place->ring, RING_BYTES) || guard_broken(place->end);
}

void vnet_ctrl_start(struct vnet *vn, uint16_t pairs)
{
    uint64_t features = vn->vpci.features;
    unsigned cursor = 0;
    uint16_t size;

    while (vq_reclaim(&vn->ctrl.vq, &cursor) != NULL) /* given up since the last reset */
        ;
    vn->ctrl_up = vn->ctrl_busy = false;
    vn->announce = VNET_ANNOUNCE_NO;
    if (!(features & VIRTIO_NET_F_CTRL_VQ))
        return;
    vn->ctrl_index = (uint16_t)(2 * (features & VIRTIO_NET_F_MQ ? pairs : 1));
    size = vpci_queue_size(&vn->vpci, vn->ctrl_index, CONFIG_CTRL_RING);
    if (size < SEGMENTS || size > CONFIG_CTRL_RING)
        return;
    vq_start(&vn->ctrl.vq, features & VIRTIO_F_RING_PACKED ? &vq_packed : &vq_split, size,
             features & ~VIRTIO_F_INDIRECT_DESC);
    vn->ctrl_up = vpci_queue_set(&vn->vpci, vn->ctrl_index, &vn->ctrl.vq) == NULL;
}

/* `bytes` of the command are for the device to read. */
static void send(struct vnet *vn, struct command command, uint32_t bytes)
{
    struct command *c = &places.of[vn->index].command;
    struct vq_buf buf = {.seg = {{dma_addr(c), bytes}, {dma_addr(&c->ack), sizeof(c->ack)}},
                         .out_n = 1,
                         .in_n = 1,
                         .token = c};

    *c = command;
    c->ack = VIRTIO_NET_CTRL_ERR;
    vq_add(&vn->ctrl.vq, &buf);
    vn->ctrl_busy = true;
    vn->ctrl_ns = vn->ctrl_kick_ns = vn->now_ns;
    if (vq_publish(&vn->ctrl.vq))
        vnet_kick(vn, &vn->ctrl, vn->ctrl_index);
}

/* The answer, or the end of patience with it. */
static void look(struct vnet *vn)
{
    struct vq_done done;

    if (vq_take(&vn->ctrl.vq, &done, 1) > 0) {
        vn->ctrl.completions++;
        vn->ctrl.packets++;
        vn->ctrl_busy = false;
        if (vn->announce == VNET_ANNOUNCE_TOLD)
            vn->announce = VNET_ANNOUNCE_NO; /* whatever it answered, it was told */
    } else if (vn->ctrl.vq.broken != NULL) {
        vnet_break(vn, vn->ctrl.vq.broken, vn->ctrl.vq.evidence);
    } else if (vn->now_ns - vn->ctrl_ns >= DEADLINE_NS) {
        kprintf("%s: the device does not answer on its control queue, which is left alone from now "
                "on",
                vn->name);
        vn->ctrl_up = vn->ctrl_busy = false;
        vn->ctrl_timeouts += !vn->watch.spoiled; /* else it is our own doing */
    } else if (vn->now_ns - vn->ctrl_kick_ns >= CONFIG_HEARTBEAT_MS * NS_PER_MS) {
        vn->ctrl_kick_ns = vn->now_ns; /* the doorbell may have been lost */
        vnet_kick(vn, &vn->ctrl, vn->ctrl_index);
    }
}

void vnet_ctrl_turn(struct vnet *vn)
{
    if (vn->ctrl_busy)
        look(vn);
}

void vnet_ctrl_status(struct vnet *vn, uint16_t status)
{
    if ((vn->vpci.features & VIRTIO_NET_F_GUEST_ANNOUNCE) && vn->ctrl_up &&
        (status & VIRTIO_NET_S_ANNOUNCE) && vn->announce == VNET_ANNOUNCE_NO &&
        (vn->announced_ns == 0 || vn->now_ns - vn->announced_ns >= ANNOUNCE_NS))
        vn->announce = VNET_ANNOUNCE_DUE;
}

bool vnet_announce_due(const struct vnet *vn)
{
    return vn->up == VNET_UP && vn->announce == VNET_ANNOUNCE_DUE && vn->ctrl_up && !vn->ctrl_busy;
}

void vnet_announced(struct vnet *vn)
{
    vn->announce = VNET_ANNOUNCE_TOLD;
    vn->announced_ns = vn->now_ns;
    send(vn,
         (struct command){.class = VIRTIO_NET_CTRL_ANNOUNCE,
                          .command = VIRTIO_NET_CTRL_ANNOUNCE_ACK},
         offsetof(struct command, on));
}

bool vnet_ctrl_ask(struct vnet *vn)
{
    if (!vn->ctrl_up || !(vn->vpci.features & VIRTIO_NET_F_CTRL_RX))
        return false;
    if (!vn->ctrl_busy)
        send(vn,
             (struct command){
                 .class = VIRTIO_NET_CTRL_RX, .command = VIRTIO_NET_CTRL_RX_ALLMULTI, .on = 1},
             offsetof(struct command, ack));
    return true;
}
