// SPDX-License-Identifier: BSD-3-Clause
/*
 * A virtqueue: buffers that go to a device and come back used [virtio 2.6].
 *
 *     vq_start -> vq_add … vq_publish -> (the device works) -> vq_take …
 *     after a reset of the device or of the queue: vq_reclaim …, then vq_start again
 *
 * A buffer is a list of one to VQ_SEGS segments and comes back as a whole, by its token. Segments
 * that the device may read come first, those that it may write behind them [virtio 2.7.4.2], so one
 * buffer can be a frame to send, room for one to receive, or a command with room for its answer.
 * In the ring a buffer takes a descriptor for each segment; where VIRTIO_F_INDIRECT_DESC was
 * accepted, one descriptor that leads to a table. Room is counted accordingly: vq_room().
 *
 * The queue knows memory and indices, not PCI and not the network. What it must remember lies in
 * private memory (struct vq_slot): nothing that the driver wrote to shared memory is ever read
 * back, and everything the device wrote is checked once, after one fetch. The first thing that is
 * wrong sticks in `broken`; from then on nothing is taken from the queue.
 *
 * The ring's format is behind struct vq_ops: virtqueue_split.c and virtqueue_packed.c.
 */
#ifndef DRIVERS_VIRTQUEUE_H
#define DRIVERS_VIRTQUEUE_H

#include <stdbool.h>
#include <stdint.h>
#include "dma.h"
#include "virtio.h"

/* Most segments of a buffer. A frame to send: the device's header, the frame's headers, and payload
 * from a static arena in two pieces where it wraps around the arena's end. A control command: class
 * and command, up to two tables (unicast and multicast addresses), and its answer. */
#define VQ_SEGS 4u

struct vq_seg {
    dma_addr_t addr;
    uint32_t len; /* bytes, not 0 */
};

/* A buffer for the device: seg[0 … out_n - 1] it may read, the in_n behind them it may write.
 * `token` (not NULL) comes back with it. The memory is the device's from vq_add() on. */
struct vq_buf {
    struct vq_seg seg[VQ_SEGS];
    uint16_t out_n, in_n; /* together 1 … VQ_SEGS */
    void *token;
};

/* A buffer that came back. `len` is what the device says it wrote: at most what it was offered,
 * where it may write; meaningless where it may only read [virtio 2.7.8.2]. */
struct vq_done {
    void *token;
    uint32_t len;
};

/* What we know of one descriptor. A buffer's descriptors are linked in their order, and known by
 * the first one's number, its head. */
struct vq_slot {
    void *token;    /* of the buffer of which this is the head; NULL: of none */
    uint32_t len;   /* bytes of it that the device may write */
    uint16_t descs; /* descriptors it takes */
    uint16_t next;  /* of the buffer, or of the free ones */
};

/* Segments of a buffer that takes one descriptor [virtio 2.7.5.3, 2.8.7]. Shared with the device;
 * the two halves of each entry are those of the ring's own descriptors. */
struct vq_table {
    uint64_t entry[VQ_SEGS][2];
};

/* A place in a packed ring: an entry, and the wrap counter of the round [virtio 2.8.1]. */
struct vq_place {
    uint16_t slot, wrap;
};

struct vq;

struct vq_ops {
    const char *name; /* as in the `nic` record */

    /* Zeroes the ring in vq->mem for vq->size entries and sets the addresses the device is told. */
    void (*start)(struct vq *vq);

    bool (*add)(struct vq *vq, const struct vq_buf *buf);
    bool (*publish)(struct vq *vq);
    unsigned (*take)(struct vq *vq, struct vq_done *done, unsigned max);
    bool (*pending)(const struct vq *vq);
    uint16_t (*used_idx)(const struct vq *vq);
    uint32_t (*wish)(const struct vq *vq);
    void (*irq_off)(struct vq *vq);
    bool (*irq_on)(struct vq *vq, uint16_t after);
    bool (*weigh_again)(struct vq *vq);
    bool (*reached)(const struct vq *vq, uint16_t after);

    /* A fault on demand: makes an entry available that no device can take for a buffer, for the
     * next publish. The queue is of no use until it is started anew. */
    void (*spoil)(struct vq *vq);
};

struct vq {
    const struct vq_ops *ops; /* NULL before the first start */
    uint8_t *mem;             /* the ring, shared with the device */
    struct vq_slot *slots;    /* by descriptor number */
    struct vq_table *tables;  /* likewise; NULL: there are none */
    uint16_t size, mask;      /* entries; size - 1, of use where that is a power of two */
    uint16_t free_n;          /* descriptors that no buffer takes */
    uint16_t free_head;       /* first of them, linked by slots[].next */
    uint16_t outstanding;     /* buffers added and not taken back */

    /* These count buffers since the start, modulo 65,536. */
    uint16_t added_idx;     /* written to the ring */
    uint16_t published_idx; /* of these: made visible to the device */
    uint16_t kick_idx;      /* of these: weighed for a doorbell */
    uint16_t sure_idx;      /* of these: the doorbell was rung, or weighed twice; split */
    uint16_t seen_idx;      /* completions taken */

    /* Of a packed ring. */
    struct vq_place next; /* behind the last descriptor written */
    struct vq_place seen; /* where the next completion comes */
    uint32_t unweighed;   /* descriptors added and not weighed for a doorbell */
    uint32_t unsure;      /* descriptors weighed once, and no doorbell since */
    uint16_t held_slot;   /* first descriptor that is not published, … */
    uint64_t held;        /* … and the half of it that will do that */

    bool event_idx;     /* VIRTIO_F_EVENT_IDX was accepted */
    bool indirect;      /* VIRTIO_F_INDIRECT_DESC was, and there are tables */
    const char *broken; /* what the device did wrong first; NULL = nothing */
    uint32_t evidence;  /* the number it did it with */

    dma_addr_t desc, driver, device; /* areas of the ring as the device is told [virtio 2.6] */
    void *area_driver, *area_device; /* the same for us */
};

/* Which memory the queue uses, once: `mem` page-aligned and large enough for the largest ring it
 * will be started with (VQ_SPLIT_BYTES; VQ_PACKED_BYTES is less), `slots` with as many entries as
 * that ring. `tables`, if not NULL, likewise, 16-byte aligned: then buffers of several segments
 * take one descriptor where the device allows it. */
void vq_init(struct vq *vq, void *mem, struct vq_slot *slots, struct vq_table *tables);

/* Empties the ring for `size` entries in this format. `features` are those that were accepted; of
 * interest are EVENT_IDX and INDIRECT_DESC. The device must not know the ring, or have been reset,
 * and every buffer must have been reclaimed. */
void vq_start(struct vq *vq, const struct vq_ops *ops, uint16_t size, uint64_t features);

/* Descriptors that a buffer of so many segments takes. */
static inline unsigned vq_descs(const struct vq *vq, unsigned segs)
{
    return vq->indirect ? 1 : segs;
}

/* Buffers of so many segments: those that can be added now, and those that an empty ring holds.
 * None can have more segments than the ring has entries, even in a table [virtio 2.7.5.3.1]. */
static inline unsigned vq_room(const struct vq *vq, unsigned segs)
{
    const unsigned descs = vq_descs(vq, segs);

    return segs > vq->size ? 0 : descs == 1 ? vq->free_n : vq->free_n / descs; /* no division */
}

static inline unsigned vq_capacity(const struct vq *vq, unsigned segs)
{
    return segs > vq->size ? 0 : vq->size / vq_descs(vq, segs);
}

/* Buffers added and not taken back. */
static inline unsigned vq_outstanding(const struct vq *vq)
{
    return vq->outstanding;
}

/* Buffers that were added and wait for vq_publish(). */
static inline unsigned vq_unpublished(const struct vq *vq)
{
    return (uint16_t)(vq->added_idx - vq->published_idx);
}

/* Writes a buffer to the ring, for the next vq_publish(). True: it belongs to the device. False:
 * there is no room, the caller keeps it. */
static inline bool vq_add(struct vq *vq, const struct vq_buf *buf)
{
    return vq->ops->add(vq, buf);
}

/* Shows the device all that was added. True: it must be notified. At least once per ring size of
 * additions. */
static inline bool vq_publish(struct vq *vq)
{
    return vq->ops->publish(vq);
}

/* Takes at most max completions; those before a faulty one are good and are returned. Adds become
 * visible to the device first (without a doorbell). */
static inline unsigned vq_take(struct vq *vq, struct vq_done *done, unsigned max)
{
    return vq->ops->take(vq, done, max);
}

/* True if completions wait, as far as the device says. */
static inline bool vq_pending(const struct vq *vq)
{
    return vq->ops->pending(vq);
}

/* What the device says about the doorbells it wants, in the terms of its format: it writes that
 * anew when it has looked at the ring, if at all. */
static inline uint32_t vq_wish(const struct vq *vq)
{
    return vq->ops->wish(vq);
}

/* Asks the device not to interrupt: a hint, it may nevertheless. */
static inline void vq_irq_off(struct vq *vq)
{
    vq->ops->irq_off(vq);
}

/* Asks for an interrupt once `after` (>= 1) more completions are there, or earlier. False: they are
 * there already, and no interrupt may come for them. */
static inline bool vq_irq_on(struct vq *vq, uint16_t after)
{
    return vq->ops->irq_on(vq, after);
}

/* For the second look before sleep, behind an access to a device register. cpu_mb() is no fence
 * where QEMU before 8.1 emulates a machine's only CPU: it leaves the instruction out, although its
 * device runs in another thread. Then vq_publish() may have missed the device's wish for a
 * doorbell, and vq_irq_on() completions for which no interrupt comes. A register's access is a
 * fence there, too.
 *
 * True: the device must be notified after all (or it wants it by now). */
static inline bool vq_weigh_again(struct vq *vq)
{
    return vq->ops->weigh_again(vq);
}

/* True if `after` completions are there; of a packed ring, any. */
static inline bool vq_reached(const struct vq *vq, uint16_t after)
{
    return vq->ops->reached(vq, after);
}

/* After a reset: one buffer that was still with the device, by our own table; NULL when there are
 * no more. The caller owns it. *cursor starts at 0. */
void *vq_reclaim(struct vq *vq, unsigned *cursor);

/* After a reset: every buffer that was still with the device is its caller's, who knows of all. */
void vq_forget(struct vq *vq);

/* Marks the queue broken unless it is already. */
void vq_break(struct vq *vq, const char *why, uint32_t evidence);

/* ---- for the formats --------------------------------------------------------------------------
 */

/* Takes as many descriptors off the free list as the buffer needs and remembers it under the first,
 * which is returned; VQ_NO_HEAD if there are not enough. */
#define VQ_NO_HEAD 0xffffu
uint16_t vq_claim(struct vq *vq, const struct vq_buf *buf);

/* A completion as fetched from the ring. True: `done` is it, and its descriptors are free again.
 * False: it cannot be, and the queue is broken. */
bool vq_complete(struct vq *vq, uint32_t id, uint32_t len, struct vq_done *done);

/* Free-running 16-bit indices: how far `to` is ahead of `from`. */
static inline uint16_t vq_ahead(uint16_t to, uint16_t from)
{
    return (uint16_t)(to - from);
}

/* True if the step from `before` to `now` passed the entry `event`, that is if event + 1 lies in
 * (before, now] modulo 65,536 [virtio 2.7.10]. */
static inline bool vq_passed(uint16_t event, uint16_t now, uint16_t before)
{
    return vq_ahead(now, (uint16_t)(event + 1)) < vq_ahead(now, before);
}

#endif
