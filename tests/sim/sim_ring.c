// SPDX-License-Identifier: BSD-3-Clause
/*
 * The device's side of the split ring [2.7], and the rules of the driver's side.
 *
 * The monitor sees each access to shared memory that goes through mmio.h. Buffers are poisoned from
 * the moment the available index covers them until a used entry gives them back or a reset
 * completes.
 */
#include "sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sanitizer/asan_interface.h>
#include <cmocka.h>
#include "mmio.h"

#define DRIVER_OK    0x04
#define NEEDS_RESET  0x40

#define DESC_WRITE   2
#define NO_INTERRUPT 1
#define NO_NOTIFY    1
#define HEADER       12u
#define RX_MIN       1526u /* [5.1.6.3.1] */

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

static bool event_idx(const struct sim_nic *n)
{
    return n->accepted & SIM_F_EVENT_IDX;
}

static uint16_t used_event(const struct sim_queue *q)
{
    return sim_get16(avail_at(q, 4 + 2u * q->size));
}

static void set_avail_event(struct sim_queue *q, uint16_t v)
{
    sim_put16(used_at(q, 4 + 8u * q->size), v);
}

static uint64_t desc_addr(const uint8_t *d)
{
    return sim_get32(d) | (uint64_t)sim_get32(d + 4) << 32;
}

/* Does the step from `before` to `now` cover the wish `event`? Both sides have this rule
 * [2.7.7, 2.7.10]. */
static bool covers(uint16_t event, uint16_t before, uint16_t now)
{
    for (uint32_t i = before; i != before + (uint32_t)(uint16_t)(now - before); i++)
        if ((uint16_t)i == event)
            return true;
    return false;
}

/* ---- ownership --------------------------------------------------------------------------------
 */

static void give_back(struct sim_queue *q, unsigned id)
{
    struct sim_entry *e = &q->entries[id];

    ASAN_UNPOISON_MEMORY_REGION((void *)(uintptr_t)e->addr, e->len);
    e->exposed = false;
    q->exposed_n--;
}

void sim_queue_reset(struct sim_nic *n, unsigned qi)
{
    struct sim_queue *q = &n->q[qi];

    for (unsigned id = 0; q->entries != NULL && id < q->size; id++)
        if (q->entries[id].exposed)
            give_back(q, id);
    free(q->entries);
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
    for (unsigned i = 0; i < 4 + 8u * q->size + 2; i++)
        if (*used_at(q, i) != 0) {
            sim_breach("2.7.10.1", "the used ring is not zero at byte %u", i);
            break;
        }
    if (sim_get16(avail_at(q, 2)) != 0)
        sim_breach("4.1.5.1.3", "the available ring does not start at 0");
}

static void check_tx_header(uint64_t addr)
{
    const uint8_t *h = (const uint8_t *)(uintptr_t)addr;

    for (unsigned i = 0; i < HEADER; i++)
        if (h[i] != 0) {
            sim_breach("5.1.6.2.1", "byte %u of a transmit header is 0x%02x", i, h[i]);
            return;
        }
}

static void check_entry(unsigned qi, const struct sim_entry *e)
{
    if (qi == SIM_RXQ && (e->flags != DESC_WRITE || e->len < RX_MIN))
        sim_breach("5.1.6.3.1", "receive buffer of %u bytes, flags %u", e->len, e->flags);
    if (qi == SIM_TXQ && (e->flags != 0 || e->len < HEADER))
        sim_breach("5.1.6.2.1", "transmit buffer of %u bytes, flags %u", e->len, e->flags);
    /* Poisoned is what a device has already, and what lies outside every object. */
    if (__asan_region_is_poisoned((void *)(uintptr_t)e->addr, e->len) != NULL)
        sim_breach("3.3.1", "a buffer is exposed twice, or is none");
    else if (qi == SIM_TXQ && e->len >= HEADER)
        check_tx_header(e->addr);
}

/* Entry at position `pos` of the available ring becomes the device's. */
static void expose(struct sim_nic *n, unsigned qi, uint16_t pos)
{
    struct sim_queue *q = &n->q[qi];
    uint16_t id = sim_get16(avail_at(q, 4 + 2u * (pos % q->size)));
    struct sim_entry e = {.exposed = true};

    if (id >= q->size || q->entries[id].exposed) {
        sim_breach("2.7.13", "descriptor %u made available, which the device %s", id,
                   id >= q->size ? "does not have" : "has already");
        return;
    }
    e.addr = desc_addr(desc_at(q, id));
    e.len = sim_get32(desc_at(q, id) + 8);
    e.flags = sim_get16(desc_at(q, id) + 12);
    check_entry(qi, &e);
    q->entries[id] = e;
    q->exposed_n++;
    ASAN_POISON_MEMORY_REGION((void *)(uintptr_t)e.addr, e.len);
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

enum area { A_NONE, A_DESC, A_AVAIL, A_USED };

struct place {
    struct sim_nic *n;
    unsigned qi;
    enum area area;
    unsigned offset;
};

static bool inside(uint64_t p, unsigned width, uint64_t base, uint64_t len)
{
    return p >= base && p + width <= base + len;
}

/* Which ring of which device this is. Before a queue is enabled nothing is shared yet. */
static struct place locate(const volatile void *ptr, unsigned width)
{
    uint64_t p = (uint64_t)(uintptr_t)ptr;

    for (unsigned i = 0; sim_nics(i) != NULL; i++)
        for (unsigned k = 0; k < SIM_QUEUES; k++) {
            struct sim_nic *n = sim_nics(i);
            const struct sim_queue *q = &n->q[k];
            if (!q->enabled)
                continue;
            if (inside(p, width, q->desc, 16ul * q->size))
                return (struct place){n, k, A_DESC, (unsigned)(p - q->desc)};
            if (inside(p, width, q->driver, 6 + 2ul * q->size))
                return (struct place){n, k, A_AVAIL, (unsigned)(p - q->driver)};
            if (inside(p, width, q->device, 6 + 8ul * q->size))
                return (struct place){n, k, A_USED, (unsigned)(p - q->device)};
        }
    return (struct place){.area = A_NONE};
}

static void owed(const struct sim_nic *n, unsigned qi)
{
    if (n->q[qi].kick_due)
        sim_breach("2.7.10.1", "queue %u: the device asked for a doorbell and got none", qi);
}

/* The driver looks whether the device wants a doorbell. */
static void kick_weighed(struct sim_nic *n, unsigned qi, bool event, uint16_t v)
{
    struct sim_queue *q = &n->q[qi];

    if (event != event_idx(n))
        sim_breach("2.7.10.1", "looks at %s", event ? "avail_event" : "used.flags");
    if (q->need_mb_kick)
        sim_breach("2.7.13.4.1", "no full barrier between the available index and this look");
    /* A device that is awake looks by itself; one that sleeps has published its wish. */
    if (!q->awake && n->status & DRIVER_OK && !n->gone &&
        (event ? covers(v, q->weighed, q->avail_idx) : !v && q->weighed != q->avail_idx))
        q->kick_due = true;
    q->weighed = q->avail_idx;
}

static void used_idx_read(struct sim_queue *q, uint16_t v)
{
    if (q->need_mb_sleep)
        sim_breach("2.7.14", "no full barrier between asking for interrupts and looking again");
    q->used_read = v;
    q->need_rmb = true;
}

static void used_elem_read(struct sim_queue *q, unsigned offset)
{
    unsigned slot = (offset - 4) / 8;

    if (q->need_rmb)
        sim_breach("2.7.14", "no read barrier between the used index and the entry");
    if (slot != q->taken % q->size || q->taken == q->used_read)
        sim_breach("2.7.8", "used entry %u read, of %u to %u", slot, q->taken, q->used_read);
    else if ((offset - 4) % 8 == 4) /* the length is read last */
        q->taken++;
}

static void shared_read(const struct place *at, uint64_t v, unsigned width)
{
    struct sim_queue *q = &at->n->q[at->qi];

    if (at->area != A_USED)
        sim_breach("private", "the driver reads back what it wrote");
    else if (at->offset == 0)
        kick_weighed(at->n, at->qi, false, (uint16_t)(v & NO_NOTIFY));
    else if (at->offset == 2)
        used_idx_read(q, (uint16_t)v);
    else if (at->offset == 4 + 8u * q->size)
        kick_weighed(at->n, at->qi, true, (uint16_t)v);
    else if (width == 4)
        used_elem_read(q, at->offset);
    else
        sim_breach("2.7.8", "used ring read with %u bytes", width);
}

/* The driver asks for interrupts, or says that it does not want any. */
static void suppression_written(struct sim_nic *n, unsigned qi, bool event, uint16_t v)
{
    struct sim_queue *q = &n->q[qi];

    if (event != event_idx(n) && v != 0)
        sim_breach("2.7.7.1", "%s written", event ? "used_event" : "avail.flags");
    if (!event && v > 1)
        sim_breach("2.7.7.1", "avail.flags is %u", v);
    if (event != event_idx(n))
        return;
    q->need_mb_sleep = event ? (uint16_t)(v - q->taken) < 0x8000 : v == 0;
    if (q->need_mb_sleep)
        owed(n, qi); /* who goes to sleep has rung */
}

static void shared_written(const struct place *at, uint64_t v, unsigned width)
{
    struct sim_queue *q = &at->n->q[at->qi];

    if (at->area == A_USED) {
        sim_breach("2.7.8", "the driver writes to the used ring");
    } else if (at->area == A_DESC) {
        if (q->entries[at->offset / 16].exposed)
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

static uint64_t load(const volatile void *p, unsigned width)
{
    return width == 2   ? *(const volatile uint16_t *)p
           : width == 4 ? *(const volatile uint32_t *)p
                        : *(const volatile uint64_t *)p;
}

uint64_t sim_shm_read(const volatile void *p, unsigned width)
{
    struct place at = locate(p, width);
    uint64_t v = load(p, width);

    if (at.area == A_NONE)
        return v;
    if (at.n->shm_hook != NULL)
        v = at.n->shm_hook(at.n, p, width, v);
    shared_read(&at, v, width);
    return v;
}

void sim_shm_write(volatile void *p, unsigned width, uint64_t v)
{
    struct place at = locate(p, width);

    if (width == 2)
        *(volatile uint16_t *)p = (uint16_t)v;
    else if (width == 4)
        *(volatile uint32_t *)p = (uint32_t)v;
    else
        *(volatile uint64_t *)p = v;
    if (at.area != A_NONE)
        shared_written(&at, v, width);
}

void sim_barrier(enum sim_barrier kind)
{
    for (unsigned i = 0; sim_nics(i) != NULL; i++)
        for (unsigned k = 0; k < SIM_QUEUES; k++) {
            struct sim_queue *q = &sim_nics(i)->q[k];
            if (kind == SIM_MB)
                q->need_mb_kick = q->need_mb_sleep = false;
            if (kind != SIM_RMB)
                q->need_wmb = false;
            if (kind != SIM_WMB)
                q->need_rmb = false;
        }
}

/* ---- what the device does ---------------------------------------------------------------------
 */

/* A function that is not bus master cannot touch memory at all. */
static bool working(const struct sim_nic *n)
{
    return n->status & DRIVER_OK && !(n->status & NEEDS_RESET) && !n->resetting && !n->gone &&
           sim_fn_masters(n->fn);
}

void sim_doorbell(struct sim_nic *n, unsigned qi)
{
    n->q[qi].doorbells++;
    n->q[qi].kick_due = false;
    if (!n->doorbells_lost)
        n->q[qi].awake = true;
}

void sim_settled(struct sim_nic *n)
{
    for (unsigned k = 0; k < SIM_QUEUES; k++)
        owed(n, k);
}

bool sim_take(struct sim_nic *n, unsigned qi, uint16_t *id)
{
    struct sim_queue *q = &n->q[qi];

    sim_settled(n);
    if (!working(n) || !q->awake)
        return false;
    if (!event_idx(n))
        sim_put16(used_at(q, 0), NO_NOTIFY);
    if (q->last_avail == q->avail_idx) {
        q->awake = false;
        if (event_idx(n))
            set_avail_event(q, q->last_avail);
        else
            sim_put16(used_at(q, 0), 0);
        return false;
    }
    *id = sim_get16(avail_at(q, 4 + 2u * (q->last_avail % q->size)));
    q->last_avail++;
    return true;
}

static void consider_interrupt(struct sim_nic *n, unsigned qi)
{
    struct sim_queue *q = &n->q[qi];
    uint16_t before = q->signalled;

    q->signalled = q->used_idx;
    if (event_idx(n) ? covers(used_event(q), before, q->used_idx)
                     : !(sim_get16(avail_at(q, 0)) & NO_INTERRUPT))
        sim_interrupt(n, qi);
}

void sim_use_raw(struct sim_nic *n, unsigned qi, uint32_t id, uint32_t len)
{
    struct sim_queue *q = &n->q[qi];
    uint8_t *elem = used_at(q, 4 + 8u * (q->used_idx % q->size));

    sim_put32(elem, id);
    sim_put32(elem + 4, len);
    sim_used_jump(n, qi, (uint16_t)(q->used_idx + 1));
}

void sim_used_jump(struct sim_nic *n, unsigned qi, uint16_t idx)
{
    struct sim_queue *q = &n->q[qi];

    q->used_idx = idx;
    sim_put16(used_at(q, 2), idx);
    consider_interrupt(n, qi);
}

void sim_use(struct sim_nic *n, unsigned qi, uint32_t id, uint32_t len)
{
    struct sim_queue *q = &n->q[qi];

    assert_true(id < q->size && q->entries[id].exposed);
    give_back(q, id);
    sim_use_raw(n, qi, id, len);
}

bool sim_rx(struct sim_nic *n, const void *frame, uint32_t len)
{
    struct sim_queue *q = &n->q[SIM_RXQ];
    const struct sim_entry *e;
    uint8_t *p;
    uint16_t id;

    if (!sim_take(n, SIM_RXQ, &id))
        return false;
    e = &q->entries[id];
    assert_true(HEADER + len <= e->len);
    p = (uint8_t *)(uintptr_t)e->addr;
    ASAN_UNPOISON_MEMORY_REGION(p, e->len);
    memset(p, n->hdr_junk, HEADER);
    memcpy(p + HEADER, frame, len);
    memset(p + HEADER + len, 0xa5, e->len - HEADER - len); /* a device may use all it was given */
    sim_use(n, SIM_RXQ, id, HEADER + len);
    return true;
}

unsigned sim_tx(struct sim_nic *n, unsigned max)
{
    struct sim_queue *q = &n->q[SIM_TXQ];
    unsigned sent = 0;
    uint16_t id;

    while (sent < max && sim_take(n, SIM_TXQ, &id)) {
        const struct sim_entry *e = &q->entries[id];
        n->tx_last_len = e->len - HEADER;
        ASAN_UNPOISON_MEMORY_REGION((void *)(uintptr_t)e->addr, e->len);
        assert_true(n->tx_last_len <= sizeof(n->tx_last));
        memcpy(n->tx_last, (const uint8_t *)(uintptr_t)e->addr + HEADER, n->tx_last_len);
        n->tx_frames++;
        n->tx_bytes += n->tx_last_len;
        sim_use(n, SIM_TXQ, id, 0);
        sent++;
    }
    return sent;
}
