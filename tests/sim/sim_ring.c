// SPDX-License-Identifier: BSD-3-Clause
/*
 * The device's rings: who owns which buffer, and what the monitor hears of. How a ring is laid out
 * is in sim_split.c and sim_packed.c; what the device does with buffers, in sim_work.c.
 *
 * The monitor sees each access to shared memory that goes through mmio.h. Buffers, and the tables
 * that lead to them, are poisoned from the moment the ring shows them to the device until a
 * completion gives them back or a reset is complete.
 */
#include "sim_ring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sanitizer/asan_interface.h>
#include <cmocka.h>
#include "mmio.h"

const struct sim_format *sim_format(const struct sim_nic *n)
{
    return n->accepted & SIM_F_RING_PACKED ? &sim_packed : &sim_split;
}

/* [5.1.6, 5.1.6.1] */
uint32_t sim_header(const struct sim_nic *n)
{
    return n->interface == SIM_LEGACY && !(n->accepted & SIM_F_MRG_RXBUF) ? 10 : 12;
}

bool sim_event_idx(const struct sim_nic *n)
{
    return n->accepted & SIM_F_EVENT_IDX;
}

uint64_t sim_desc_addr(const uint8_t *desc)
{
    return sim_get32(desc) | (uint64_t)sim_get32(desc + 4) << 32;
}

bool sim_covers(uint32_t event, uint32_t before, uint32_t now)
{
    for (uint32_t i = before; i != before + (uint32_t)(uint16_t)(now - before); i++)
        if ((uint16_t)i == (uint16_t)event)
            return true;
    return false;
}

/* ---- ownership --------------------------------------------------------------------------------
 */

void sim_add_seg(struct sim_entry *e, uint64_t addr, uint32_t len, bool writes)
{
    if (e->segs == SIM_SEGS)
        sim_breach("2.7.4.2", "more than %u segments in one buffer", SIM_SEGS);
    else
        e->seg[e->segs++] = (struct sim_seg){addr, len, writes};
}

unsigned sim_table(struct sim_nic *n, struct sim_entry *e, uint64_t addr, uint32_t len,
                   unsigned flags, const char *clause)
{
    if (!(n->accepted & SIM_F_INDIRECT_DESC))
        sim_breach(clause, "a table without the feature");
    if (flags & (SIM_DESC_NEXT | SIM_DESC_WRITE))
        sim_breach(clause, "flags 0x%x beside INDIRECT", flags);
    if (len == 0 || len % 16 != 0 || len / 16 > SIM_SEGS) {
        sim_breach(clause, "a table of %u bytes", len);
        return 0;
    }
    e->table = addr;
    e->table_len = len;
    return len / 16;
}

uint32_t sim_bytes(const struct sim_entry *e, bool writes)
{
    uint32_t sum = 0;

    for (unsigned i = 0; i < e->segs; i++)
        sum += e->seg[i].writes == writes ? e->seg[i].len : 0;
    return sum;
}

static void unpoison(const struct sim_entry *e)
{
    for (unsigned i = 0; i < e->segs; i++)
        ASAN_UNPOISON_MEMORY_REGION((void *)(uintptr_t)e->seg[i].addr, e->seg[i].len);
    ASAN_UNPOISON_MEMORY_REGION((void *)(uintptr_t)e->table, e->table_len);
}

void sim_give_back(struct sim_queue *q, unsigned id)
{
    struct sim_entry *e = &q->entries[id];

    unpoison(e);
    for (unsigned i = 0; i < e->descs; i++)
        q->entries[e->desc[i]].busy = false;
    e->exposed = false;
    q->exposed_n--;
}

bool sim_has(const struct sim_queue *q, uint32_t id)
{
    return q->entries != NULL && id < q->size && q->entries[id].exposed;
}

uint32_t sim_room(const struct sim_nic *n, unsigned qi, uint32_t id)
{
    return sim_has(&n->q[qi], id) ? sim_bytes(&n->q[qi].entries[id], qi == SIM_RXQ) : 0;
}

void sim_lie(struct sim_nic *n)
{
    n->at_odds = true;
    for (unsigned k = 0; k < SIM_SLOTS; k++)
        for (unsigned id = 0; id < n->q[k].size; id++)
            if (sim_has(&n->q[k], id))
                unpoison(&n->q[k].entries[id]);
}

void sim_believed(struct sim_nic *n, unsigned qi, uint32_t id)
{
    if (n->at_odds && sim_has(&n->q[qi], id))
        sim_give_back(&n->q[qi], id);
}

void sim_queue_reset(struct sim_nic *n, unsigned qi)
{
    struct sim_queue *q = &n->q[qi];

    for (unsigned id = 0; q->entries != NULL && id < q->size; id++)
        if (q->entries[id].exposed)
            sim_give_back(q, id);
    free(q->entries);
    free(q->slots);
    *q = (struct sim_queue){.max = q->max,
                            .notify_off = q->notify_off,
                            .vector = 0xffff,
                            .doorbells = q->doorbells,
                            .interrupts = q->interrupts};
}

void sim_queue_enable(struct sim_nic *n, unsigned qi)
{
    struct sim_queue *q = &n->q[qi];

    free(q->entries);
    q->entries = calloc(q->size, sizeof(q->entries[0]));
    assert_non_null(q->entries);
    sim_format(n)->enable(n, qi);
}

void sim_transfer(const struct sim_entry *e, bool writes, uint32_t at, void *data, uint32_t len)
{
    uint8_t *bytes = data;

    for (unsigned i = 0; i < e->segs && len > 0; i++) {
        const struct sim_seg *s = &e->seg[i];
        uint8_t *p = (uint8_t *)(uintptr_t)s->addr + at;
        uint32_t part = s->len - at < len ? s->len - at : len;

        if (s->writes != writes)
            continue;
        if (at >= s->len) {
            at -= s->len;
            continue;
        }
        ASAN_UNPOISON_MEMORY_REGION((void *)(uintptr_t)s->addr, s->len);
        memcpy(writes ? p : bytes, writes ? bytes : p, part);
        bytes += part;
        len -= part;
        at = 0;
    }
    assert_int_equal(len, 0);
}

static void check_tx_header(const struct sim_nic *n, const struct sim_entry *e, uint32_t bytes)
{
    uint8_t h[12], frame[128]; /* the frame's headers, with all options there can be */
    uint32_t len = bytes - sim_header(n), have = len < sizeof(frame) ? len : sizeof(frame);

    sim_transfer(e, false, 0, h, sim_header(n));
    sim_transfer(e, false, sim_header(n), frame, have);
    sim_check_tx_header(n, h, frame, have, len);
}

static void check_order(const struct sim_entry *e, unsigned size)
{
    uint64_t total = 0;
    bool writes = false;

    for (unsigned i = 0; i < e->segs; i++) {
        if (writes && !e->seg[i].writes)
            sim_breach("2.7.4.2", "a readable segment behind a writable one");
        if (e->seg[i].len == 0)
            sim_breach("2.7.5.2", "a segment of no bytes");
        writes = e->seg[i].writes;
        total += e->seg[i].len;
    }
    if (total > 1ull << 32)
        sim_breach("2.7.5.2", "a buffer of more than 2^32 bytes");
    if (e->segs > size)
        sim_breach("2.7.5.3.1", "%u segments in a ring of %u", e->segs, size);
}

static bool poisoned(const struct sim_entry *e, unsigned segs)
{
    for (unsigned i = 0; i < segs; i++)
        if (__asan_region_is_poisoned((void *)(uintptr_t)e->seg[i].addr, e->seg[i].len) != NULL)
            return true;
    return __asan_region_is_poisoned((void *)(uintptr_t)e->table, e->table_len) != NULL;
}

/* A frame that is to be cut may have its payload in constant memory, which any number of frames
 * share: the segments behind its headers. */
static void find_own(const struct sim_nic *n, unsigned qi, struct sim_entry *e)
{
    uint32_t header = sim_header(n), at = 0;
    uint8_t h[12];

    e->own = e->segs;
    if (qi != SIM_TXQ || sim_bytes(e, false) < header || poisoned(e, 1) || e->seg[0].len < header)
        return;
    sim_transfer(e, false, 0, h, header);
    if (!sim_tx_is_cut(n, h))
        return;
    for (e->own = 0; e->own < e->segs && at < header + sim_get16(h + 2); e->own++)
        at += e->seg[e->own].len;
}

uint64_t sim_shared_sum(const struct sim_entry *e)
{
    uint64_t sum = 0;

    for (unsigned i = e->own; i < e->segs; i++)
        for (uint32_t k = 0; k < e->seg[i].len; k++)
            sum = sum * 31 + ((const uint8_t *)(uintptr_t)e->seg[i].addr)[k];
    return sum;
}

static void check_entry(struct sim_nic *n, unsigned qi, const struct sim_entry *e)
{
    uint32_t out = sim_bytes(e, false), in = sim_bytes(e, true), header = sim_header(n);

    check_order(e, n->q[qi].size);
    if (qi == SIM_RXQ && (out != 0 || in < sim_rx_min(n) + header))
        sim_breach("5.1.6.3.1", "receive buffer of %u bytes, and %u to read", in, out);
    if (qi == SIM_TXQ && (in != 0 || out < header))
        sim_breach("5.1.6.2.1", "transmit buffer of %u bytes, and %u to write", out, in);
    if (qi == SIM_CTLQ && (out < 2 || out > 3 || in != 1))
        sim_breach("5.1.6.5", "a command of %u bytes, and %u to answer", out, in);
    if (qi != SIM_CTLQ && n->interface == SIM_LEGACY && !(n->accepted & SIM_F_ANY_LAYOUT) &&
        (e->segs < 2 || e->seg[0].len != header))
        sim_breach("2.7.4.3", "header and frame share a descriptor");
    /* Poisoned is what a device has already, and what lies outside every object. */
    if (poisoned(e, e->segs))
        sim_breach("3.3.1", "a buffer is exposed twice, or is none");
    else if (qi == SIM_TXQ && out >= header)
        check_tx_header(n, e, out);
}

void sim_expose(struct sim_nic *n, unsigned qi, uint16_t id, const struct sim_entry *e)
{
    struct sim_queue *q = &n->q[qi];
    bool busy = q->entries[id].busy;

    check_entry(n, qi, e);
    q->entries[id] = *e;
    e = &q->entries[id];
    find_own(n, qi, &q->entries[id]);
    q->entries[id].sum = sim_shared_sum(e);
    q->entries[id].busy = busy;
    q->entries[id].exposed = true;
    q->exposed_n++;
    for (unsigned i = 0; i < e->descs; i++)
        q->entries[e->desc[i]].busy = true;
    for (unsigned i = 0; i < e->own && !n->at_odds; i++)
        ASAN_POISON_MEMORY_REGION((void *)(uintptr_t)e->seg[i].addr, e->seg[i].len);
    if (!n->at_odds)
        ASAN_POISON_MEMORY_REGION((void *)(uintptr_t)e->table, e->table_len);
}

/* ---- what the monitor sees --------------------------------------------------------------------
 */

static bool inside(uint64_t p, unsigned width, uint64_t base, uint64_t len)
{
    return p >= base && p + width <= base + len;
}

/* Which ring of which device this is. Before a queue is enabled nothing is shared yet. */
static struct sim_place locate(const volatile void *ptr, unsigned width)
{
    uint64_t p = (uint64_t)(uintptr_t)ptr;

    for (unsigned i = 0; sim_nics(i) != NULL; i++)
        for (unsigned k = 0; k < SIM_SLOTS; k++) {
            struct sim_nic *n = sim_nics(i);
            const struct sim_queue *q = &n->q[k];
            const uint64_t base[] = {0, q->desc, q->driver, q->device};
            if (!q->enabled)
                continue;
            for (enum sim_area a = SIM_DESC_AREA; a <= SIM_DEVICE_AREA; a++)
                if (inside(p, width, base[a], sim_format(n)->bytes(q, a)))
                    return (struct sim_place){n, k, a, (unsigned)(p - base[a])};
        }
    return (struct sim_place){.area = SIM_NOWHERE};
}

void sim_owed(const struct sim_nic *n, unsigned qi)
{
    if (n->q[qi].kick_due)
        sim_breach("2.7.10.1", "queue %u: the device asked for a doorbell and got none", qi);
}

void sim_kick_due(struct sim_nic *n, unsigned qi)
{
    /* A device that is awake looks by itself; one that sleeps has published its wish. */
    if (!n->q[qi].awake && n->status & SIM_DRIVER_OK && !n->gone)
        n->q[qi].kick_due = true;
}

static uint64_t load(const volatile void *p, unsigned width)
{
    return width == 2   ? *(const volatile uint16_t *)p
           : width == 4 ? *(const volatile uint32_t *)p
                        : *(const volatile uint64_t *)p;
}

unsigned sim_shm_reads;

uint64_t sim_shm_read(const volatile void *p, unsigned width)
{
    struct sim_place at = locate(p, width);
    uint64_t v = load(p, width);

    if (at.area == SIM_NOWHERE) {
        sim_shm_reads++;
        return v;
    }
    if (at.n->shm_hook != NULL)
        v = at.n->shm_hook(at.n, p, width, v);
    sim_format(at.n)->read(&at, v, width);
    return v;
}

/* Shared memory outside of the rings is that of tables: any ring may be about to lead there. */
static void table_written(void)
{
    for (unsigned i = 0; sim_nics(i) != NULL; i++)
        for (unsigned k = 0; k < SIM_SLOTS; k++)
            sim_nics(i)->q[k].need_wmb |= sim_nics(i)->q[k].enabled;
}

void sim_shm_write(volatile void *p, unsigned width, uint64_t v)
{
    struct sim_place at = locate(p, width);

    if (width == 2)
        *(volatile uint16_t *)p = (uint16_t)v;
    else if (width == 4)
        *(volatile uint32_t *)p = (uint32_t)v;
    else
        *(volatile uint64_t *)p = v;
    if (at.area != SIM_NOWHERE)
        sim_format(at.n)->written(&at, v, width);
    else
        table_written();
}

void sim_barrier(enum sim_barrier kind)
{
    for (unsigned i = 0; sim_nics(i) != NULL; i++)
        for (unsigned k = 0; k < SIM_SLOTS; k++) {
            struct sim_queue *q = &sim_nics(i)->q[k];
            if (kind == SIM_MB)
                q->need_mb_kick = q->need_mb_sleep = false;
            if (kind != SIM_RMB)
                q->need_wmb = false;
            if (kind != SIM_WMB)
                q->need_rmb = false;
        }
}
