// SPDX-License-Identifier: BSD-3-Clause
/*
 * The packed ring. Both sides go round it in the same direction, the driver writing descriptors
 * that are available, the device writing used ones over them. Which one an entry is follows from
 * two bits that are compared with the round one is in: a place in the ring is an entry and a wrap
 * counter, which starts as 1 and is inverted from round to round [virtio 2.8.1].
 *
 * The size need not be a power of two. A buffer of several segments takes as many entries in a row;
 * the device answers with one used descriptor at the place where it is, and skips the rest. So it
 * must be remembered how many a buffer took (struct vq_slot), and completions may come in any
 * order. Ids are numbers of our own table and have nothing to do with places.
 *
 * What was added becomes visible to the device at once: of the first descriptor since the last
 * publish, the half with the flags is held back, and a device that goes from entry to entry does
 * not get past it [virtio 2.8.21.1].
 */
#include "virtqueue_packed.h"
#include <stddef.h>
#include "cpu.h"
#include "mmio.h"
#include "string.h"

static volatile uint64_t *desc_at(const struct vq *vq, uint16_t slot)
{
    return (volatile uint64_t *)(vq->mem + VIRTQ_DESC_BYTES * slot);
}

/* The flags of an entry, its last two bytes [virtio 2.8.13]. */
static volatile uint16_t *flags_at(const struct vq *vq, uint16_t slot)
{
    return (volatile uint16_t *)(vq->mem + VIRTQ_DESC_BYTES * slot + 14);
}

/* n is at most the ring's size. */
static struct vq_place ahead(const struct vq *vq, struct vq_place p, unsigned n)
{
    unsigned slot = p.slot + n;

    return slot < vq->size
               ? (struct vq_place){(uint16_t)slot, p.wrap}
               : (struct vq_place){(uint16_t)(slot - vq->size), (uint16_t)(p.wrap ^ 1u)};
}

static void packed_start(struct vq *vq)
{
    memset(vq->mem, 0, VQ_PACKED_BYTES(vq->size)); /* [virtio 2.8.13] */
    vq->area_driver = vq->mem + VIRTQ_DESC_BYTES * vq->size;
    vq->area_device = vq->mem + VIRTQ_DESC_BYTES * vq->size + 4;
    vq->desc = dma_addr(vq->mem);
    vq->driver = dma_addr(vq->area_driver);
    vq->device = dma_addr(vq->area_device);
    vq->next = vq->seen = (struct vq_place){.wrap = 1};
    vq->unweighed = vq->unsure = 0;
    vq->ops->irq_off(vq);
}

/* ---- available --------------------------------------------------------------------------------
 */

static unsigned direction(const struct vq_buf *buf, unsigned i)
{
    return i < buf->out_n ? 0 : VIRTQ_DESC_F_WRITE;
}

/* What makes an entry available in this round [virtio 2.8.1]. */
static unsigned available(struct vq_place p)
{
    return p.wrap ? PVIRTQ_DESC_F_AVAIL : PVIRTQ_DESC_F_USED;
}

/* One entry for each segment, but for the second half of the first, which is returned. Each says
 * the id; it counts in the last one [virtio 2.8.6]. */
static uint64_t write_list(struct vq *vq, uint16_t id, const struct vq_buf *buf, unsigned segs)
{
    struct vq_place p = vq->next;
    uint64_t first = 0;

    for (unsigned i = 0; i < segs; i++, p = ahead(vq, p, 1)) {
        unsigned next = i + 1 < segs ? VIRTQ_DESC_F_NEXT : 0;
        uint64_t half = PVIRTQ_DESC(buf->seg[i].len, id, direction(buf, i) | next | available(p));
        shm_write64(&desc_at(vq, p.slot)[0], buf->seg[i].addr);
        if (i == 0)
            first = half;
        else
            shm_write64(&desc_at(vq, p.slot)[1], half);
    }
    return first;
}

/* The same for one entry that leads to a table, in which flags but the direction mean nothing and
 * entries follow each other [virtio 2.8.7, 2.8.19]. */
static uint64_t write_table(struct vq *vq, uint16_t id, const struct vq_buf *buf, unsigned segs)
{
    struct vq_table *table = &vq->tables[id];

    for (unsigned i = 0; i < segs; i++) {
        volatile uint64_t *entry = table->entry[i];
        shm_write64(&entry[0], buf->seg[i].addr);
        shm_write64(&entry[1], PVIRTQ_DESC(buf->seg[i].len, 0, direction(buf, i)));
    }
    shm_write64(&desc_at(vq, vq->next.slot)[0], dma_addr(table));
    return PVIRTQ_DESC(VIRTQ_DESC_BYTES * segs, id, VIRTQ_DESC_F_INDIRECT | available(vq->next));
}

/* Everything an entry says, and all that follows it in its list, before its flags
 * [virtio 2.8.17, 2.8.21.1.1]. */
static void write_first(struct vq *vq, uint16_t slot, uint64_t half)
{
    cpu_wmb();
    shm_write64(&desc_at(vq, slot)[1], half);
}

static bool packed_add(struct vq *vq, const struct vq_buf *buf)
{
    unsigned segs = (unsigned)buf->out_n + buf->in_n;
    uint16_t id = vq_claim(vq, buf);
    uint64_t first;

    if (id == VQ_NO_HEAD)
        return false;
    first =
        segs > 1 && vq->indirect ? write_table(vq, id, buf, segs) : write_list(vq, id, buf, segs);
    if (vq->added_idx == vq->published_idx) {
        vq->held_slot = vq->next.slot;
        vq->held = first;
    } else {
        write_first(vq, vq->next.slot, first);
    }
    vq->next = ahead(vq, vq->next, vq->slots[id].descs);
    vq->unweighed += vq->slots[id].descs;
    vq->added_idx++;
    return true;
}

static void expose(struct vq *vq)
{
    if (vq->published_idx == vq->added_idx)
        return;
    write_first(vq, vq->held_slot, vq->held);
    vq->published_idx = vq->added_idx;
}

/* True if one of the `n` entries before vq->next is the one that the device waits for: `off` in the
 * round of `wrap`. As seen from the round we are in, that may be the one before
 * [virtio 2.8.10, 2.8.14]. */
static bool passed(const struct vq *vq, uint16_t off, uint16_t wrap, uint32_t n)
{
    uint16_t event = (uint16_t)(wrap == vq->next.wrap ? off : off - vq->size);

    return vq_passed(event, vq->next.slot, (uint16_t)(vq->next.slot - n));
}

static uint32_t packed_wish(const struct vq *vq)
{
    return shm_read32(vq->area_device);
}

/* True if the device wants a doorbell for the last n entries that were published. */
static bool wants_doorbell(const struct vq *vq, uint32_t n)
{
    uint32_t wish = packed_wish(vq);

    if (vq->event_idx && PVIRTQ_EVENT_FLAGS(wish) == PVIRTQ_EVENT_DESC)
        return passed(vq, PVIRTQ_EVENT_OFF(wish), PVIRTQ_EVENT_WRAP(wish), n);
    return PVIRTQ_EVENT_FLAGS(wish) != PVIRTQ_EVENT_DISABLE;
}

static uint32_t at_most_all(const struct vq *vq, uint32_t n)
{
    return n < vq->size ? n : vq->size;
}

static bool packed_publish(struct vq *vq)
{
    uint32_t n = at_most_all(vq, vq->unweighed);
    bool wanted;

    expose(vq);
    if (n == 0)
        return false;
    vq->kick_idx = vq->published_idx;
    vq->unweighed = 0;
    /* Our flags before the device's wish: it writes the wish and then reads the flags, so one of us
     * sees the other [virtio 2.8.21.3.1]. */
    cpu_mb();
    wanted = wants_doorbell(vq, n);
    vq->unsure = wanted ? 0 : at_most_all(vq, vq->unsure + n);
    return wanted;
}

static bool packed_weigh_again(struct vq *vq)
{
    uint32_t n = vq->unsure;

    vq->unsure = 0;
    return n > 0 && vq_outstanding(vq) > 0 && wants_doorbell(vq, n);
}

/* ---- used -------------------------------------------------------------------------------------
 */

static const unsigned both = PVIRTQ_DESC_F_AVAIL | PVIRTQ_DESC_F_USED;

/* The two bits of the place where the next completion comes. */
static unsigned bits_seen(const struct vq *vq)
{
    return shm_read16(flags_at(vq, vq->seen.slot)) & both;
}

/* True if the device has been there: both bits are those of the round. They differ while a
 * descriptor is available, and are those of the last round before [virtio 2.8.1]. */
static bool is_used(const struct vq *vq, unsigned bits)
{
    return bits == (vq->seen.wrap ? both : 0);
}

static bool packed_pending(const struct vq *vq)
{
    return is_used(vq, bits_seen(vq));
}

/* Where a descriptor was made available the device changes the other bit only. If it is at odds
 * with us about the round, nothing it completes would ever be seen. */
static void check_round(struct vq *vq, unsigned bits)
{
    if (vq_outstanding(vq) > 0 &&
        (bits & PVIRTQ_DESC_F_AVAIL) != (vq->seen.wrap ? PVIRTQ_DESC_F_AVAIL : 0))
        vq_break(vq, "a descriptor taken back that was available", vq->seen.slot);
}

static unsigned packed_take(struct vq *vq, struct vq_done *done, unsigned max)
{
    unsigned n, bits;
    uint64_t half;

    if (vq->broken != NULL)
        return 0;
    expose(vq);
    for (n = 0; n < max && is_used(vq, bits = bits_seen(vq)); n++) {
        if (vq_outstanding(vq) == 0) {
            vq_break(vq, "more completions than buffers", vq->seen.slot);
            return n;
        }
        /* The flags before what they cover [virtio 2.8.22]. */
        cpu_rmb();
        half = shm_read64(&desc_at(vq, vq->seen.slot)[1]);
        if (!vq_complete(vq, PVIRTQ_DESC_ID(half), (uint32_t)half, &done[n]))
            return n;
        vq->seen = ahead(vq, vq->seen, vq->slots[PVIRTQ_DESC_ID(half)].descs);
    }
    if (n < max)
        check_round(vq, bits);
    return n;
}

/* The device keeps no index that could be read: what we have taken, and one if there is more. */
static uint16_t packed_used_idx(const struct vq *vq)
{
    return (uint16_t)(vq->seen_idx + packed_pending(vq));
}

/* How many there are only taking them would show, so one is enough. */
static bool packed_reached(const struct vq *vq, uint16_t after)
{
    (void)after;
    return packed_pending(vq);
}

/* Both fields in one store, so that the device never sees the flags of one wish with the place of
 * another [virtio 2.8.14]. */
static void write_wish(struct vq *vq, struct vq_place p, unsigned flags)
{
    shm_write32(vq->area_driver, PVIRTQ_EVENT(p.slot, p.wrap, flags));
}

static void packed_irq_off(struct vq *vq)
{
    write_wish(vq, (struct vq_place){0, 0}, PVIRTQ_EVENT_DISABLE);
}

static bool packed_irq_on(struct vq *vq, uint16_t after)
{
    /* A completion moves the device by one entry at least, so it gets there in time. */
    unsigned n = after < vq->size ? after : vq->size;

    if (vq->event_idx)
        write_wish(vq, ahead(vq, vq->seen, n - 1), PVIRTQ_EVENT_DESC);
    else
        write_wish(vq, (struct vq_place){0, 0}, PVIRTQ_EVENT_ENABLE);
    /* Our wish before the device's flags: what it completed before it saw the wish raises no
     * interrupt, so that must be seen here [virtio 2.8.22]. */
    cpu_mb();
    return !packed_reached(vq, after);
}

/* Ids are any number here, so it is an empty buffer that no device may be given [virtio 2.8.5]. */
static void packed_spoil(struct vq *vq)
{
    expose(vq);
    shm_write64(&desc_at(vq, vq->next.slot)[0], 0);
    write_first(vq, vq->next.slot, PVIRTQ_DESC(0, vq->size, available(vq->next)));
    vq->next = ahead(vq, vq->next, 1);
    vq->unweighed++;
}

const struct vq_ops vq_packed = {
    .name = "packed",
    .start = packed_start,
    .add = packed_add,
    .publish = packed_publish,
    .take = packed_take,
    .pending = packed_pending,
    .used_idx = packed_used_idx,
    .wish = packed_wish,
    .irq_off = packed_irq_off,
    .irq_on = packed_irq_on,
    .weigh_again = packed_weigh_again,
    .reached = packed_reached,
    .spoil = packed_spoil,
};
