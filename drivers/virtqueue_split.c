// SPDX-License-Identifier: BSD-3-Clause
/*
 * The split ring. Indices run freely modulo 65,536; a position in a ring is index & mask.
 *
 * Two places store one index and then load one that the device writes: behind each stands a full
 * barrier, because a store may otherwise overtake the load and both sides would wait for each
 * other. Elsewhere x86 keeps the order that is needed, and the barriers only bind the compiler.
 */
#include "virtqueue_split.h"
#include <stddef.h>
#include "cpu.h"
#include "mmio.h"
#include "panic.h"
#include "string.h"

/* Behind the available ring: the completion after which the device interrupts [virtio 2.7.7]. */
static volatile uint16_t *used_event(const struct vq *vq)
{
    return &vq_split_avail(vq)->ring[vq->size];
}

/* Behind the used ring: the entry after which the device wants a doorbell [virtio 2.7.10]. */
static const volatile uint16_t *avail_event(const struct vq *vq)
{
    return (const volatile uint16_t *)&vq_split_used(vq)->ring[vq->size];
}

static void split_start(struct vq *vq)
{
    uint32_t used_offset = VQ_SPLIT_USED(vq->size);

    ASSERT((vq->size & vq->mask) == 0);           /* [virtio 2.7] */
    memset(vq->mem, 0, VQ_SPLIT_BYTES(vq->size)); /* [virtio 2.7.10.1, 4.1.5.1.3] */
    vq->area_driver = vq->mem + VIRTQ_DESC_BYTES * vq->size;
    vq->area_device = vq->mem + used_offset;
    vq->desc = dma_addr(vq->mem);
    vq->driver = dma_addr(vq->area_driver);
    vq->device = dma_addr(vq->area_device);
    vq->ops->irq_off(vq);
}

/* One descriptor, in the ring or in a table, in two stores. */
static void write_desc(volatile uint64_t *desc, const struct vq_seg *seg, unsigned flags,
                       uint16_t next)
{
    shm_write64(&desc[0], seg->addr);
    shm_write64(&desc[1], VIRTQ_DESC(seg->len, flags, next));
}

/* Segment i of a buffer of so many. Behind the last one there is none, whatever `next` says. */
static void write_seg(volatile uint64_t *desc, const struct vq_buf *buf, unsigned i, unsigned segs,
                      unsigned next)
{
    bool last = i + 1 == segs;
    unsigned flags = (i < buf->out_n ? 0 : VIRTQ_DESC_F_WRITE) | (last ? 0 : VIRTQ_DESC_F_NEXT);

    write_desc(desc, &buf->seg[i], flags, last ? 0 : (uint16_t)next);
}

/* Descriptors linked as their numbers are in our own table, which is what counts when they come
 * back [virtio 2.7.5]. */
static void write_chain(struct vq *vq, uint16_t head, const struct vq_buf *buf, unsigned segs)
{
    uint16_t id = head;

    for (unsigned i = 0; i < segs; i++) {
        uint16_t next = vq->slots[id].next;
        write_seg(vq_split_desc(vq, id), buf, i, segs, next);
        id = next;
    }
}

/* The same in the table of this descriptor, which itself has neither direction nor successor
 * [virtio 2.7.5.3.1]. */
static void write_table(struct vq *vq, uint16_t head, const struct vq_buf *buf, unsigned segs)
{
    struct vq_table *table = &vq->tables[head];
    struct vq_seg whole = {dma_addr(table), VIRTQ_DESC_BYTES * segs};

    for (unsigned i = 0; i < segs; i++)
        write_seg(table->entry[i], buf, i, segs, i + 1);
    write_desc(vq_split_desc(vq, head), &whole, VIRTQ_DESC_F_INDIRECT, 0);
}

static bool split_add(struct vq *vq, const struct vq_buf *buf)
{
    unsigned segs = (unsigned)buf->out_n + buf->in_n;
    uint16_t head = vq_claim(vq, buf);

    if (head == VQ_NO_HEAD)
        return false;
    if (segs == 1)
        write_seg(vq_split_desc(vq, head), buf, 0, 1, 0);
    else if (vq->indirect)
        write_table(vq, head, buf, segs);
    else
        write_chain(vq, head, buf, segs);
    shm_write16(&vq_split_avail(vq)->ring[vq->added_idx & vq->mask], head);
    vq->added_idx++;
    return true;
}

static void expose(struct vq *vq)
{
    if (vq->published_idx == vq->added_idx)
        return;
    /* Descriptors and ring entries before the index that exposes them [virtio 2.7.13.3.1]. */
    cpu_wmb();
    shm_write16(&vq_split_avail(vq)->idx, vq->added_idx);
    vq->published_idx = vq->added_idx;
}

static uint32_t split_wish(const struct vq *vq)
{
    return vq->event_idx ? shm_read16(avail_event(vq)) : shm_read16(&vq_split_used(vq)->flags);
}

/* True if the device wants a doorbell for what was published since `before`. */
static bool wants_doorbell(const struct vq *vq, uint16_t before)
{
    if (vq->event_idx)
        return vq_passed(shm_read16(avail_event(vq)), vq->published_idx, before);
    return !(shm_read16(&vq_split_used(vq)->flags) & VIRTQ_USED_F_NO_NOTIFY);
}

static bool split_publish(struct vq *vq)
{
    uint16_t before = vq->kick_idx;
    bool wanted;

    expose(vq);
    if (before == vq->published_idx)
        return false;
    vq->kick_idx = vq->published_idx;
    /* Our index before the device's wish: it writes the wish and then reads the index, so one of us
     * sees the other [virtio 2.7.13.4.1]. */
    cpu_mb();
    wanted = wants_doorbell(vq, before);
    if (wanted)
        vq->sure_idx = vq->published_idx;
    else if (vq_ahead(vq->published_idx, vq->sure_idx) > vq->size)
        vq->sure_idx = (uint16_t)(vq->published_idx - vq->size); /* it cannot be further behind */
    return wanted;
}

static bool split_weigh_again(struct vq *vq)
{
    uint16_t before = vq->sure_idx;

    vq->sure_idx = vq->published_idx;
    return before != vq->published_idx && vq_outstanding(vq) > 0 && wants_doorbell(vq, before);
}

unsigned vq_split_completions(struct vq *vq)
{
    uint16_t pending;

    if (vq->broken != NULL)
        return 0;
    expose(vq);
    pending = vq_ahead(shm_read16(&vq_split_used(vq)->idx), vq->seen_idx);
    if (pending > vq_outstanding(vq)) {
        vq_break(vq, "more completions than buffers", pending);
        return 0;
    }
    /* The index before the entries it covers [virtio 2.7.14]. */
    cpu_rmb();
    return pending;
}

static unsigned split_take(struct vq *vq, struct vq_done *done, unsigned max)
{
    volatile struct virtq_used *used = vq_split_used(vq);
    const unsigned pending = vq_split_completions(vq);
    unsigned n;

    for (n = 0; n < pending && n < max; n++) {
        volatile struct virtq_used_elem *elem = &used->ring[vq->seen_idx & vq->mask];
        uint32_t id = shm_read32(&elem->id), len = shm_read32(&elem->len);
        if (!vq_complete(vq, id, len, &done[n]))
            break;
    }
    return n;
}

static uint16_t split_used_idx(const struct vq *vq)
{
    return shm_read16(&vq_split_used(vq)->idx);
}

static bool split_pending(const struct vq *vq)
{
    return split_used_idx(vq) != vq->seen_idx;
}

/* With EVENT_IDX the flags stay 0 and the event is put where the device has already been: it passes
 * there again only after 65,535 more completions [virtio 2.7.7.1]. */
static void split_irq_off(struct vq *vq)
{
    if (vq->event_idx)
        shm_write16(used_event(vq), (uint16_t)(vq->seen_idx - 1));
    else
        shm_write16(&vq_split_avail(vq)->flags, VIRTQ_AVAIL_F_NO_INTERRUPT);
}

static bool split_reached(const struct vq *vq, uint16_t after)
{
    return vq_ahead(split_used_idx(vq), vq->seen_idx) >= (vq->event_idx ? after : 1);
}

static bool split_irq_on(struct vq *vq, uint16_t after)
{
    if (vq->event_idx)
        shm_write16(used_event(vq), (uint16_t)(vq->seen_idx + after - 1));
    else
        shm_write16(&vq_split_avail(vq)->flags, 0);
    /* Our wish before the device's index: what it completed before it saw the wish raises no
     * interrupt, so that must be seen here [virtio 2.7.14]. */
    cpu_mb();
    return !split_reached(vq, after);
}

static void split_spoil(struct vq *vq)
{
    shm_write16(&vq_split_avail(vq)->ring[vq->added_idx & vq->mask], vq->size);
    vq->added_idx++;
}

const struct vq_ops vq_split = {
    .name = "split",
    .start = split_start,
    .add = split_add,
    .publish = split_publish,
    .take = split_take,
    .pending = split_pending,
    .used_idx = split_used_idx,
    .wish = split_wish,
    .irq_off = split_irq_off,
    .irq_on = split_irq_on,
    .weigh_again = split_weigh_again,
    .reached = split_reached,
    .spoil = split_spoil,
};
