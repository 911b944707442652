// SPDX-License-Identifier: BSD-3-Clause
/*
 * The device's side of the packed ring [2.8], and the rules of the driver's side.
 *
 * Positions count descriptors since the queue was enabled and never wrap here: entry and wrap
 * counter follow from them. So the two sides' arithmetic has nothing in common.
 */
#include "sim_ring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#define AVAIL 0x0080
#define USED  0x8000

enum { ENABLE = 0, DISABLE = 1, DESC = 2 };

static unsigned slot_of(const struct sim_queue *q, uint32_t pos)
{
    return pos % q->size;
}

static bool wrap_of(const struct sim_queue *q, uint32_t pos)
{
    return pos / q->size % 2 == 0;
}

static uint8_t *desc_at(const struct sim_queue *q, uint32_t pos)
{
    return (uint8_t *)(uintptr_t)q->desc + 16ul * slot_of(q, pos);
}

static uint64_t packed_bytes(const struct sim_queue *q, enum sim_area area)
{
    return area == SIM_DESC_AREA ? 16ul * q->size : 4;
}

static bool packed_aligned(const struct sim_queue *q)
{
    return q->desc % 16 == 0 && q->driver % 4 == 0 && q->device % 4 == 0;
}

static void packed_enable(struct sim_nic *n, unsigned qi)
{
    struct sim_queue *q = &n->q[qi];

    free(q->slots);
    q->slots = calloc(q->size, sizeof(q->slots[0]));
    assert_non_null(q->slots);
    for (unsigned i = 0; i < 16u * q->size; i++)
        if (((const uint8_t *)(uintptr_t)q->desc)[i] != 0) {
            sim_breach("2.8.13", "the descriptor ring is not zero at byte %u", i);
            break;
        }
    if (sim_get32((const uint8_t *)(uintptr_t)q->device) != 0)
        sim_breach("4.1.5.1.3", "the device's event suppression structure is not zero");
}

/* ---- what becomes available -------------------------------------------------------------------
 */

static bool is_available(const struct sim_queue *q, uint32_t pos)
{
    unsigned flags = sim_get16(desc_at(q, pos) + 14);

    return (flags & (AVAIL | USED)) == (wrap_of(q, pos) ? AVAIL : USED);
}

/* Entries of a table follow each other; only their direction counts. */
static void read_table(struct sim_nic *n, struct sim_entry *e, const uint8_t *d)
{
    uint64_t addr = sim_desc_addr(d);
    unsigned flags = sim_get16(d + 14) & ~(unsigned)(AVAIL | USED);
    unsigned count = sim_table(n, e, addr, sim_get32(d + 8), flags, "2.8.19");

    for (unsigned i = 0; i < count; i++) {
        const uint8_t *t = (const uint8_t *)(uintptr_t)addr + 16ul * i;
        if (sim_get16(t + 14) & ~SIM_DESC_WRITE)
            sim_breach("2.8.19", "flags 0x%x in a table", sim_get16(t + 14));
        sim_add_seg(e, sim_desc_addr(t), sim_get32(t + 8), sim_get16(t + 14) & SIM_DESC_WRITE);
    }
}

/* The list that begins at this position; false if it is none. */
static bool read_list(struct sim_nic *n, unsigned qi, uint32_t pos, struct sim_entry *e,
                      uint16_t *id)
{
    struct sim_queue *q = &n->q[qi];
    unsigned flags;

    do {
        const uint8_t *d = desc_at(q, pos);
        if (e->descs == q->size || e->descs == SIM_SEGS) {
            sim_breach("2.8.17", "a list of more than %u descriptors", e->descs);
            return false;
        }
        if (!is_available(q, pos)) {
            sim_breach("2.8.17", "the first of a list is available before entry %u",
                       slot_of(q, pos));
            return false;
        }
        flags = sim_get16(d + 14);
        if (flags & ~(unsigned)(AVAIL | USED | SIM_DESC_NEXT | SIM_DESC_WRITE | SIM_DESC_INDIRECT))
            sim_breach("2.8.13", "flags 0x%x", flags);
        if (flags & SIM_DESC_INDIRECT && e->descs > 0)
            sim_breach("2.8.19", "a table in a list");
        if (flags & SIM_DESC_INDIRECT)
            read_table(n, e, d);
        else
            sim_add_seg(e, sim_desc_addr(d), sim_get32(d + 8), flags & SIM_DESC_WRITE);
        e->descs++;
        pos++;
        *id = sim_get16(d + 12);
    } while (flags & SIM_DESC_NEXT);
    return true;
}

/* The list at driver_pos becomes the device's. False: it is none. */
static bool expose(struct sim_nic *n, unsigned qi)
{
    struct sim_queue *q = &n->q[qi];
    struct sim_entry e = {.descs = 0};
    uint16_t id;

    if (!read_list(n, qi, q->driver_pos, &e, &id))
        return false;
    if (q->driver_pos + e.descs - q->seen_pos > q->size) {
        sim_breach("2.8.17", "more descriptors than the ring of %u has", q->size);
        return false;
    }
    if (id >= q->size || q->entries[id].exposed) {
        sim_breach("2.8.13", "id %u made available, which the device %s", id,
                   id >= q->size ? "does not have" : "has already");
        return false;
    }
    sim_expose(n, qi, id, &e);
    q->slots[slot_of(q, q->driver_pos)].id = id;
    q->slots[slot_of(q, q->driver_pos)].descs = e.descs;
    for (unsigned i = 0; i < e.descs; i++)
        q->slots[slot_of(q, q->driver_pos + i)].busy = true;
    q->driver_pos += e.descs;
    q->avail_idx++;
    return true;
}

static void desc_written(const struct sim_place *at)
{
    struct sim_queue *q = &at->n->q[at->qi];
    bool barrier_owed = q->need_wmb;

    if (q->slots[at->offset / 16].busy)
        sim_breach("2.8.16", "entry %u changed while the device has it", at->offset / 16);
    q->need_wmb = true;
    if (q->driver_pos - q->seen_pos == q->size || !is_available(q, q->driver_pos))
        return; /* nothing the device could see */
    if (barrier_owed)
        sim_breach("2.8.21.1.1", "no write barrier before the flags of entry %u", at->offset / 16);
    q->need_wmb = false;
    while (q->driver_pos - q->seen_pos < q->size && is_available(q, q->driver_pos) &&
           expose(at->n, at->qi))
        q->need_mb_kick = true;
}

/* ---- what the monitor sees --------------------------------------------------------------------
 */

/* Is the place that an event suppression structure names between these positions? */
static bool covers(const struct sim_queue *q, uint32_t wish, uint32_t before, uint32_t now)
{
    for (uint32_t pos = before; pos != now; pos++)
        if (slot_of(q, pos) == (wish & 0x7fff) && wrap_of(q, pos) == (wish >> 15 & 1))
            return true;
    return false;
}

static bool wanted(const struct sim_nic *n, const struct sim_queue *q, uint32_t wish,
                   uint32_t before, uint32_t now)
{
    unsigned flags = wish >> 16 & 3;

    if (flags == DESC && sim_event_idx(n))
        return covers(q, wish, before, now);
    return flags != DISABLE && before != now;
}

/* The driver looks whether the device wants a doorbell. */
static void kick_weighed(struct sim_nic *n, unsigned qi, uint32_t wish)
{
    struct sim_queue *q = &n->q[qi];

    if (q->need_mb_kick)
        sim_breach("2.8.21.3.1", "no full barrier between the flags and this look");
    if (wanted(n, q, wish, q->weighed_pos, q->driver_pos))
        sim_kick_due(n, qi);
    q->weighed_pos = q->driver_pos;
}

static void flags_read(struct sim_queue *q, unsigned slot, uint16_t flags)
{
    unsigned both = wrap_of(q, q->seen_pos) ? AVAIL | USED : 0;

    if (q->need_mb_sleep)
        sim_breach("2.8.22", "no full barrier between asking for interrupts and looking again");
    if (slot != slot_of(q, q->seen_pos))
        sim_breach("private", "flags of entry %u read, the next completion is in %u", slot,
                   slot_of(q, q->seen_pos));
    q->flags_seen = (flags & (AVAIL | USED)) == both;
    q->need_rmb = true;
}

/* The driver takes a completion: as many entries as the buffer has are its own again. */
static void used_read(struct sim_nic *n, unsigned qi, unsigned slot, uint16_t id)
{
    struct sim_queue *q = &n->q[qi];

    sim_believed(n, qi, id);
    if (!q->flags_seen || slot != slot_of(q, q->seen_pos))
        sim_breach("private", "entry %u read, which is not known to be used", slot);
    else if (q->need_rmb)
        sim_breach("2.8.22", "no read barrier between the flags and the rest");
    q->flags_seen = false;
    for (unsigned i = 0; id < q->size && i < q->entries[id].descs; i++)
        q->slots[slot_of(q, q->seen_pos++)].busy = false;
}

static void packed_read(const struct sim_place *at, uint64_t v, unsigned width)
{
    struct sim_queue *q = &at->n->q[at->qi];
    unsigned part = at->offset % 16;

    if (at->area == SIM_DRIVER_AREA)
        sim_breach("private", "the driver reads back what it wrote");
    else if (at->area == SIM_DEVICE_AREA && width == 4)
        kick_weighed(at->n, at->qi, (uint32_t)v);
    else if (at->area == SIM_DEVICE_AREA)
        sim_breach("2.8.14",
                   "event suppression read with %u bytes: its parts may not belong "
                   "together",
                   width);
    else if (part == 14 && width == 2)
        flags_read(q, at->offset / 16, (uint16_t)v);
    else if (part == 8 && width == 8)
        used_read(at->n, at->qi, at->offset / 16, (uint16_t)(v >> 32));
    else
        sim_breach("private", "byte %u of an entry read with %u bytes", part, width);
}

/* The driver asks for interrupts, or says that it does not want any. */
static void suppression_written(struct sim_nic *n, unsigned qi)
{
    struct sim_queue *q = &n->q[qi];
    uint32_t wish = sim_get32((const uint8_t *)(uintptr_t)q->driver);
    unsigned flags = wish >> 16;

    if (flags > DESC || (flags == DESC && !sim_event_idx(n)))
        sim_breach("2.8.14", "event flags are 0x%x", flags);
    if (flags == DESC && (wish & 0x7fff) >= q->size)
        sim_breach("2.8.14", "event offset %u in a ring of %u", wish & 0x7fff, q->size);
    q->need_mb_sleep = flags != DISABLE;
    if (q->need_mb_sleep)
        sim_owed(n, qi); /* who goes to sleep has rung */
}

static void packed_written(const struct sim_place *at, uint64_t v, unsigned width)
{
    (void)v;
    if (at->area == SIM_DESC_AREA)
        desc_written(at);
    else if (at->area == SIM_DEVICE_AREA)
        sim_breach("2.8.10", "the driver writes the device's event suppression structure");
    else if (width != 4)
        sim_breach("2.8.14",
                   "event suppression written with %u bytes: the device may see parts "
                   "that do not belong together",
                   width);
    else
        suppression_written(at->n, at->qi);
}

/* ---- what the device does ---------------------------------------------------------------------
 */

static bool packed_next(struct sim_nic *n, unsigned qi, uint16_t *id)
{
    struct sim_queue *q = &n->q[qi];

    if (n->at_odds && (q->driver_pos - q->taken_pos > q->size ||
                       (q->used_pos != q->taken_pos && q->used_pos - q->taken_pos <= q->size))) {
        sim_needs_reset(
            n); /* it has been overrun, or has completed what it never took: it says so */
        return false;
    }
    if (q->taken_pos == q->driver_pos)
        return false;
    *id = q->slots[slot_of(q, q->taken_pos)].id;
    q->taken_pos += q->slots[slot_of(q, q->taken_pos)].descs;
    q->last_avail++;
    return true;
}

static void packed_wish(struct sim_nic *n, unsigned qi, bool doorbell)
{
    struct sim_queue *q = &n->q[qi];
    uint32_t place = slot_of(q, q->taken_pos) | (uint32_t)wrap_of(q, q->taken_pos) << 15;
    uint32_t v = !doorbell ? DISABLE << 16 : sim_event_idx(n) ? place | DESC << 16 : ENABLE << 16;

    sim_put32((uint8_t *)(uintptr_t)q->device, v);
}

/* One used descriptor where the device is; it skips as many as the buffer has, and one for a buffer
 * that there is not. */
static void packed_complete(struct sim_nic *n, unsigned qi, uint32_t id, uint32_t len)
{
    struct sim_queue *q = &n->q[qi];
    uint8_t *d = desc_at(q, q->used_pos);
    unsigned descs = id < q->size && q->entries[id].descs > 0 ? q->entries[id].descs : 1;

    sim_put32(d + 8, len);
    sim_put16(d + 12, (uint16_t)id);
    sim_put16(d + 14, wrap_of(q, q->used_pos) ? AVAIL | USED : 0);
    q->used_pos += descs;
    q->used_idx++;
}

/* Nothing but flags: entries that the driver wrote become completions as they are. */
static void packed_jump(struct sim_nic *n, unsigned qi, uint16_t idx)
{
    struct sim_queue *q = &n->q[qi];

    for (unsigned i = 0; i < q->size && q->used_idx != idx; i++, q->used_idx++, q->used_pos++)
        sim_put16(desc_at(q, q->used_pos) + 14, wrap_of(q, q->used_pos) ? AVAIL | USED : 0);
    q->used_idx = idx;
}

static void packed_garbage(struct sim_nic *n, unsigned qi, uint16_t v)
{
    sim_put32((uint8_t *)(uintptr_t)n->q[qi].device, v | (uint32_t)v << 16);
}

static bool packed_interrupt_wanted(struct sim_nic *n, unsigned qi)
{
    struct sim_queue *q = &n->q[qi];
    uint32_t before = q->signalled_pos;

    q->signalled_pos = q->used_pos;
    return wanted(n, q, sim_get32((const uint8_t *)(uintptr_t)q->driver), before, q->used_pos);
}

const struct sim_format sim_packed = {
    .bytes = packed_bytes,
    .aligned = packed_aligned,
    .enable = packed_enable,
    .read = packed_read,
    .written = packed_written,
    .next = packed_next,
    .wish = packed_wish,
    .complete = packed_complete,
    .jump = packed_jump,
    .garbage = packed_garbage,
    .interrupt_wanted = packed_interrupt_wanted,
};
