// SPDX-License-Identifier: BSD-3-Clause
/*
 * A virtqueue: descriptors that go to a device and come back used [virtio 2.6].
 *
 *     vq_start -> vq_add … vq_publish -> (the device works) -> vq_take … ; after a device reset
 * vq_reclaim
 *
 * One descriptor per buffer, all of a queue in the same direction. The queue knows memory and
 * indices, not PCI and not the network. What it must remember lies in private memory (struct
 * vq_slot): nothing that the driver wrote to shared memory is ever read back, and everything the
 * device wrote is checked once, after one fetch. The first thing that is wrong sticks in `broken`;
 * from then on the queue is inert.
 *
 * The ring's format is behind struct vq_ops; virtqueue_split.c is one.
 */
#ifndef DRIVERS_VIRTQUEUE_H
#define DRIVERS_VIRTQUEUE_H

#include <stdbool.h>
#include <stdint.h>
#include "dma.h"
#include "virtio.h"

/* A buffer for the device. `token` (not NULL) comes back with it. */
struct vq_buf {
    dma_addr_t addr;
    uint32_t len;
    void *token;
};

/* A buffer that came back. `len` is what the device says it wrote: at most what it was offered,
 * where it may write; meaningless where it may only read [virtio 2.7.8.2]. */
struct vq_done {
    void *token;
    uint32_t len;
};

struct vq_slot { /* one descriptor, private */
    void *token; /* NULL: not with the device */
    uint32_t len;
};

struct vq;

struct vq_ops {
    const char *name; /* as in the `nic` record */

    /* Zeroes the ring in vq->mem for vq->size entries and sets the addresses the device is told. */
    void (*start)(struct vq *vq);

    unsigned (*add)(struct vq *vq, const struct vq_buf *bufs, unsigned n);
    bool (*publish)(struct vq *vq);
    unsigned (*take)(struct vq *vq, struct vq_done *done, unsigned max);
    bool (*pending)(const struct vq *vq);
    uint16_t (*used_idx)(const struct vq *vq);
    void (*irq_off)(struct vq *vq);
    bool (*irq_on)(struct vq *vq, uint16_t after);
};

struct vq {
    const struct vq_ops *ops;
    uint8_t *mem;          /* the ring, shared with the device */
    struct vq_slot *slots; /* by descriptor id */
    uint16_t *free;        /* stack of ids that are not in use */
    uint16_t size, mask;   /* entries, a power of two; size - 1 */
    uint16_t free_n;
    uint16_t added_idx;     /* entries written to the ring since the start, modulo 65,536 */
    uint16_t published_idx; /* of these: made visible to the device */
    uint16_t kick_idx;      /* of these: weighed for a doorbell */
    uint16_t seen_idx;      /* completions taken, likewise */
    bool event_idx;         /* VIRTIO_F_EVENT_IDX was accepted */
    bool device_writes;     /* direction */
    const char *broken;     /* what the device did wrong first; NULL = nothing */
    uint32_t evidence;      /* the number it did it with */
    dma_addr_t desc, driver, device; /* areas of the ring as the device is told [virtio 2.6] */
    void *area_driver, *area_device; /* the same for us */
};

/* Which memory the queue uses, once: `mem` page-aligned and large enough for the largest ring it
 * will be started with (VQ_SPLIT_BYTES), `slots` and `free` with as many entries as that ring. */
void vq_init(struct vq *vq, const struct vq_ops *ops, void *mem, struct vq_slot *slots,
             uint16_t *free, bool device_writes);

/* Empties the ring for `size` entries. The device must not know it, or have been reset, and every
 * buffer must have been reclaimed. */
void vq_start(struct vq *vq, uint16_t size, bool event_idx);

/* Entries that can be added; entries added and not taken back. */
static inline unsigned vq_room(const struct vq *vq)
{
    return vq->free_n;
}

static inline unsigned vq_outstanding(const struct vq *vq)
{
    return (unsigned)vq->size - vq->free_n;
}

/* Writes buffers to the ring, for the next vq_publish(). Takes the first vq_room() of n, returns
 * how many: these belong to the device from now on. */
static inline unsigned vq_add(struct vq *vq, const struct vq_buf *bufs, unsigned n)
{
    return vq->ops->add(vq, bufs, n);
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

/* True if completions wait, as far as the device's index says. */
static inline bool vq_pending(const struct vq *vq)
{
    return vq->ops->pending(vq);
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

/* After a reset of the device: one buffer that was still with it, by our own table; NULL when there
 * are no more. The caller owns it. *cursor starts at 0. */
void *vq_reclaim(struct vq *vq, unsigned *cursor);

/* Marks the queue broken unless it is already. */
void vq_break(struct vq *vq, const char *why, uint32_t evidence);

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
