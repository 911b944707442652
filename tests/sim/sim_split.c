// SPDX-License-Identifier: BSD-3-Clause
/*
 * The device's side of the split ring [2.7], and the rules of the driver's side.
 */
#include "sim_ring.h"

#define NO_INTERRUPT 1
#define NO_NOTIFY    1

static uint8_t *desc_at(const struct sim_queue *q, unsigned i)
{
    return (uint8_t *)(uintptr_t)q->desc + 16ul * i;
}

static uint8_t *avail_at(const struct sim_queue *q, unsigned offset)
{
    return (uint8_t *)(uintptr_t)q->driver + offset;
}

static uint8_t *used_at(const struct sim_queue *q, unsigned offset)
{
    return (uint8_t *)(uintptr_t)q->device + offset;
}

static uint16_t used_event(const struct sim_queue *q)
{
    return sim_get16(avail_at(q, 4 + 2u * q->size));
}

static uint64_t split_bytes(const struct sim_queue *q, enum sim_area area)
{
    return area == SIM_DESC_AREA     ? 16ul * q->size
           : area == SIM_DRIVER_AREA ? 6 + 2ul * q->size
                                     : 6 + 8ul * q->size;
}

static bool split_aligned(const struct sim_queue *q)
{
    return q->desc % 16 == 0 && q->driver % 2 == 0 && q->device % 4 == 0;
}

static void split_enable(struct sim_nic *n, unsigned qi)
{
    struct sim_queue *q = &n->q[qi];

    for (unsigned i = 0; i < 4 + 8u * q->size + 2; i++)
        if (*used_at(q, i) != 0) {
            sim_breach("2.7.10.1", "the used ring is not zero at byte %u", i);
            break;
        }
    if (sim_get16(avail_at(q, 2)) != 0)
        sim_breach("4.1.5.1.3", "the available ring does not start at 0");
}

/* ---- what becomes available -------------------------------------------------------------------
 */

/* The table of one descriptor: linked like the ring's own, from its first entry on. */
static void read_table(struct sim_nic *n, struct sim_entry *e, const uint8_t *d)
{
    uint64_t addr = sim_desc_addr(d);
    unsigned count = sim_table(n, e, addr, sim_get32(d + 8), sim_get16(d + 12), "2.7.5.3.1");

    for (unsigned i = 0, steps = 0; steps < count; steps++) {
        const uint8_t *t = (const uint8_t *)(uintptr_t)addr + 16ul * i;
        uint16_t flags = sim_get16(t + 12);

        if (flags & SIM_DESC_INDIRECT)
            sim_breach("2.7.5.3.1", "a table within a table");
        sim_add_seg(e, sim_desc_addr(t), sim_get32(t + 8), flags & SIM_DESC_WRITE);
        if (!(flags & SIM_DESC_NEXT))
            return;
        i = sim_get16(t + 14);
        if (i >= count)
            break;
    }
    sim_breach("2.7.5.2", "a table of %u entries is not linked to an end", count);
}

/* Follows descriptors from `id` on. False: the chain is none. */
static bool read_chain(struct sim_nic *n, struct sim_queue *q, uint16_t id, struct sim_entry *e)
{
    for (;;) {
        const uint8_t *d;
        uint16_t flags;

        if (id >= q->size || q->entries[id].busy) {
            sim_breach("2.7.13", "descriptor %u made available, which the device %s", id,
                       id >= q->size ? "does not have" : "has already");
            return false;
        }
        if (++e->descs > q->size) {
            sim_breach("2.7.5.2", "descriptors are linked in a circle");
            return false;
        }
        d = desc_at(q, id);
        flags = sim_get16(d + 12);
        if (flags & SIM_DESC_INDIRECT)
            read_table(n, e, d);
        else
            sim_add_seg(e, sim_desc_addr(d), sim_get32(d + 8), flags & SIM_DESC_WRITE);
        e->desc[e->descs <= SIM_SEGS ? e->descs - 1 : 0] = id;
        if (!(flags & SIM_DESC_NEXT) || e->descs >= SIM_SEGS)
            return true;
        id = sim_get16(d + 14);
    }
}

/* Entry at position `pos` of the available ring becomes the device's. */
static void expose(struct sim_nic *n, unsigned qi, uint16_t pos)
{
    struct sim_queue *q = &n->q[qi];
    uint16_t id = sim_get16(avail_at(q, 4 + 2u * (pos % q->size)));
    struct sim_entry e = {.descs = 0};

    if (read_chain(n, q, id, &e))
        sim_expose(n, qi, id, &e);
}

static void avail_written(struct sim_nic *n, unsigned qi, uint16_t idx)
{
    struct sim_queue *q = &n->q[qi];
    uint16_t step = (uint16_t)(idx - q->avail_idx);

    if (q->need_wmb)
        sim_breach("2.7.13.3.1", "no write barrier before the available index");
    if (step > q->size || step + q->exposed_n > q->size) {
        sim_breach("2.7.6.1", "available index from %u to %u in a ring of %u", q->avail_idx, idx,
                   q->size);
        return;
    }
    for (; q->avail_idx != idx; q->avail_idx++)
        expose(n, qi, q->avail_idx);
    q->need_mb_kick = true;
}

/* ---- what the monitor sees --------------------------------------------------------------------
 */

/* The driver looks whether the device wants a doorbell. */
static void kick_weighed(struct sim_nic *n, unsigned qi, bool event, uint16_t v)
{
    struct sim_queue *q = &n->q[qi];

    if (event != sim_event_idx(n))
        sim_breach("2.7.10.1", "looks at %s", event ? "avail_event" : "used.flags");
    if (q->need_mb_kick)
        sim_breach("2.7.13.4.1", "no full barrier between the available index and this look");
    if (event ? sim_covers(v, q->weighed, q->avail_idx) : !v && q->weighed != q->avail_idx)
        sim_kick_due(n, qi);
    q->weighed = q->avail_idx;
}

static void used_idx_read(struct sim_queue *q, uint16_t v)
{
    if (q->need_mb_sleep)
        sim_breach("2.7.14", "no full barrier between asking for interrupts and looking again");
    q->used_read = v;
    q->need_rmb = true;
}

static void used_elem_read(struct sim_nic *n, unsigned qi, unsigned offset, uint32_t v)
{
    struct sim_queue *q = &n->q[qi];
    unsigned slot = (offset - 4) / 8;

    if ((offset - 4) % 8 == 0)
        sim_believed(n, qi, v);
    if (q->need_rmb)
        sim_breach("2.7.14", "no read barrier between the used index and the entry");
    if ((offset - 4) % 8 == 4) { /* the length, if at all, is read behind the id */
        if (slot != (uint16_t)(q->taken - 1) % q->size)
            sim_breach("2.7.8", "length of used entry %u read, behind that of %u", slot, q->taken);
    } else if (slot != q->taken % q->size || q->taken == q->used_read) {
        sim_breach("2.7.8", "used entry %u read, of %u to %u", slot, q->taken, q->used_read);
    } else {
        q->taken++;
    }
}

static void split_read(const struct sim_place *at, uint64_t v, unsigned width)
{
    struct sim_queue *q = &at->n->q[at->qi];

    if (at->area != SIM_DEVICE_AREA)
        sim_breach("private", "the driver reads back what it wrote");
    else if (at->offset == 0)
        kick_weighed(at->n, at->qi, false, (uint16_t)(v & NO_NOTIFY));
    else if (at->offset == 2)
        used_idx_read(q, (uint16_t)v);
    else if (at->offset == 4 + 8u * q->size)
        kick_weighed(at->n, at->qi, true, (uint16_t)v);
    else if (width == 4)
        used_elem_read(at->n, at->qi, at->offset, (uint32_t)v);
    else
        sim_breach("2.7.8", "used ring read with %u bytes", width);
}

/* The driver asks for interrupts, or says that it does not want any. */
static void suppression_written(struct sim_nic *n, unsigned qi, bool event, uint16_t v)
{
    struct sim_queue *q = &n->q[qi];

    if (event != sim_event_idx(n) && v != 0)
        sim_breach("2.7.7.1", "%s written", event ? "used_event" : "avail.flags");
    if (!event && v > 1)
        sim_breach("2.7.7.1", "avail.flags is %u", v);
    if (event != sim_event_idx(n))
        return;
    q->need_mb_sleep = event ? (uint16_t)(v - q->taken) < 0x8000 : v == 0;
    if (q->need_mb_sleep)
        sim_owed(n, qi); /* who goes to sleep has rung */
}

static void split_written(const struct sim_place *at, uint64_t v, unsigned width)
{
    struct sim_queue *q = &at->n->q[at->qi];

    if (at->area == SIM_DEVICE_AREA) {
        sim_breach("2.7.8", "the driver writes to the used ring");
    } else if (at->area == SIM_DESC_AREA) {
        if (q->entries[at->offset / 16].busy)
            sim_breach("3.3.1", "descriptor %u changed while the device has it", at->offset / 16);
        q->need_wmb = true;
    } else if (width != 2) {
        sim_breach("2.7.6", "available ring written with %u bytes", width);
    } else if (at->offset == 2) {
        avail_written(at->n, at->qi, (uint16_t)v);
    } else if (at->offset == 0 || at->offset == 4 + 2u * q->size) {
        suppression_written(at->n, at->qi, at->offset != 0, (uint16_t)v);
    } else {
        unsigned slot = (at->offset - 4) / 2;
        if ((uint16_t)(slot - q->last_avail) % q->size < (uint16_t)(q->avail_idx - q->last_avail))
            sim_breach("3.3.1", "available entry %u changed while the device may read it", slot);
        q->need_wmb = true;
    }
}

/* ---- what the device does ---------------------------------------------------------------------
 */

static bool split_next(struct sim_nic *n, unsigned qi, uint16_t *id)
{
    struct sim_queue *q = &n->q[qi];

    if (n->at_odds && ((uint16_t)(q->avail_idx - q->last_avail) > q->size ||
                       (uint16_t)(q->used_idx - q->last_avail - 1) < 0x8000)) {
        sim_needs_reset(
            n); /* it has been overrun, or has completed what it never took: it says so */
        return false;
    }
    if (q->last_avail == q->avail_idx)
        return false;
    *id = sim_get16(avail_at(q, 4 + 2u * (q->last_avail % q->size)));
    q->last_avail++;
    return true;
}

static void split_wish(struct sim_nic *n, unsigned qi, bool doorbell)
{
    struct sim_queue *q = &n->q[qi];

    if (!sim_event_idx(n))
        sim_put16(used_at(q, 0), doorbell ? 0 : NO_NOTIFY);
    else if (doorbell)
        sim_put16(used_at(q, 4 + 8u * q->size), q->last_avail);
}

static void split_complete(struct sim_nic *n, unsigned qi, uint32_t id, uint32_t len)
{
    struct sim_queue *q = &n->q[qi];
    uint8_t *elem = used_at(q, 4 + 8u * (q->used_idx % q->size));

    sim_put32(elem, id);
    sim_put32(elem + 4, len);
    q->used_idx++;
    sim_put16(used_at(q, 2), q->used_idx);
}

static bool split_interrupt_wanted(struct sim_nic *n, unsigned qi)
{
    struct sim_queue *q = &n->q[qi];
    uint16_t before = q->signalled;

    q->signalled = q->used_idx;
    return sim_event_idx(n) ? sim_covers(used_event(q), before, q->used_idx)
                            : !(sim_get16(avail_at(q, 0)) & NO_INTERRUPT);
}

static void split_jump(struct sim_nic *n, unsigned qi, uint16_t idx)
{
    struct sim_queue *q = &n->q[qi];

    q->used_idx = idx;
    sim_put16(used_at(q, 2), idx);
}

static void split_garbage(struct sim_nic *n, unsigned qi, uint16_t v)
{
    struct sim_queue *q = &n->q[qi];

    sim_put16(used_at(q, 4 + 8u * q->size), v);
    sim_put16(used_at(q, 0), v);
}

const struct sim_format sim_split = {
    .bytes = split_bytes,
    .aligned = split_aligned,
    .enable = split_enable,
    .read = split_read,
    .written = split_written,
    .next = split_next,
    .wish = split_wish,
    .complete = split_complete,
    .jump = split_jump,
    .garbage = split_garbage,
    .interrupt_wanted = split_interrupt_wanted,
};
