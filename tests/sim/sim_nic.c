// SPDX-License-Identifier: BSD-3-Clause
/*
 * The registers of a virtio network device behind the modern PCI interface, and the rules that a
 * driver has to keep when it touches them. Written from the specification's text: offsets and
 * clauses are those of virtio 1.3, and nothing here includes the driver's headers.
 */
#include "sim_ring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define NICS        8

#define ACKNOWLEDGE 0x01
#define DRIVER      0x02
#define DRIVER_OK   0x04
#define FEATURES_OK 0x08
#define NEEDS_RESET 0x40
#define FAILED      0x80

#define NO_VECTOR   0xffff

/* Common configuration structure [4.1.4.3] */
enum {
    R_DEVICE_FEATURE_SELECT = 0x00,
    R_DEVICE_FEATURE = 0x04,
    R_DRIVER_FEATURE_SELECT = 0x08,
    R_DRIVER_FEATURE = 0x0c,
    R_CONFIG_VECTOR = 0x10,
    R_NUM_QUEUES = 0x12,
    R_STATUS = 0x14,
    R_GENERATION = 0x15,
    R_QUEUE_SELECT = 0x16,
    R_QUEUE_SIZE = 0x18,
    R_QUEUE_VECTOR = 0x1a,
    R_QUEUE_ENABLE = 0x1c,
    R_QUEUE_NOTIFY_OFF = 0x1e,
    R_QUEUE_DESC = 0x20,
    R_QUEUE_DRIVER = 0x28,
    R_QUEUE_DEVICE = 0x30,
    R_END = 0x38,
    R_QUEUE_RESET = 0x3a, /* behind a field for a feature that is not offered */
};

/* Fields of a queue that must be written before it is enabled, one bit for each 32-bit half. */
enum { W_SIZE = 0x01, W_DESC = 0x06, W_DRIVER = 0x18, W_DEVICE = 0x60, W_ALL = 0x7f };

static struct sim_nic *nics[NICS];
static unsigned nic_n;

struct sim_nic *sim_nics(unsigned i)
{
    return i < nic_n ? nics[i] : NULL;
}

void sim_forget_nics(void)
{
    for (unsigned i = 0; i < nic_n; i++) {
        for (unsigned q = 0; q < SIM_SLOTS; q++)
            sim_queue_reset(nics[i], q);
        free(nics[i]);
    }
    nic_n = 0;
}

/* ---- making one -------------------------------------------------------------------------------
 */

uint8_t sim_cap_virtio(struct sim_nic *n, uint8_t type, uint8_t bar, uint32_t offset, uint32_t len)
{
    uint8_t cap[20] = {0x09, 0, type == 2 ? 20 : 16, type, bar};

    sim_put32(cap + 8, offset);
    sim_put32(cap + 12, len);
    sim_put32(cap + 16, n->notify_multiplier);
    return sim_add_cap(n->fn, cap, cap[2]);
}

uint8_t sim_cap_common(struct sim_nic *n)
{
    return sim_cap_virtio(n, 1, 4, SIM_COMMON, SIM_COMMON_LEN);
}

uint8_t sim_cap_notify(struct sim_nic *n)
{
    return sim_cap_virtio(n, 2, 4, SIM_NOTIFY, SIM_NOTIFY_LEN);
}

uint8_t sim_cap_config(struct sim_nic *n)
{
    return sim_cap_virtio(n, 4, 4, SIM_CONFIG, n->config_len);
}

uint8_t sim_cap_isr(struct sim_nic *n)
{
    return sim_cap_virtio(n, 3, 4, SIM_ISR, 1);
}

uint8_t sim_cap_msix(struct sim_nic *n)
{
    uint8_t cap[12] = {0x11};

    sim_put16(cap + 2, (uint16_t)(n->msix_n - 1));
    sim_put32(cap + 4, 1);          /* table in BAR 1 at 0 */
    sim_put32(cap + 8, 1 | 0x8000); /* pending bits: nobody looks */
    return sim_add_cap(n->fn, cap, sizeof(cap));
}

struct sim_nic *sim_add_bare_nic(uint8_t slot)
{
    static const uint8_t mac[6] = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56};
    struct sim_nic *n = calloc(1, sizeof(*n));
    struct sim_fn *f = sim_add_fn(0, slot, 0, 0x1af4, 0x1041);

    assert_non_null(n);
    assert_true(nic_n < NICS);
    nics[nic_n++] = n;
    n->fn = f;
    f->nic = n;
    f->bar_bits[1] = 0xffff8000; /* 32-bit memory */
    sim_put32(f->cfg + 0x14, 0xf0000000u + slot * 0x10000u);
    f->bar_bits[4] = ~(uint32_t)(SIM_BAR_BYTES - 1); /* 64-bit memory, above 4 GiB */
    f->bar_bits[5] = 0xffffffff;
    sim_put32(f->cfg + 0x20, 0x0cu + slot * 0x10000u);
    sim_put32(f->cfg + 0x24, 0x8);
    sim_put16(f->cfg + 0x04, 0x0003); /* decoding on, as firmware leaves it */

    n->offer = SIM_F_VERSION_1 | SIM_F_MAC | SIM_F_STATUS | SIM_F_INDIRECT_DESC | SIM_F_EVENT_IDX |
               SIM_F_RING_RESET;
    n->num_queues = 3;
    n->notify_multiplier = 4;
    n->msix_n = n->vectors_ok = 3;
    memcpy(n->mac, mac, sizeof(mac));
    n->link_status = 1;
    n->max_pairs = 1;
    n->mtu = 1500;
    n->config_len = 12;
    n->hdr_junk = 0xee;
    for (unsigned q = 0; q < SIM_SLOTS; q++) {
        n->q[q].max = 256;
        n->q[q].notify_off = (uint16_t)(2 - q); /* not the queue's index */
        n->q[q].vector = NO_VECTOR;
    }
    n->config_vector = NO_VECTOR;
    return n;
}

struct sim_nic *sim_add_nic(uint8_t slot)
{
    struct sim_nic *n = sim_add_bare_nic(slot);

    sim_cap_msix(n);
    sim_cap_virtio(n, 5, 0, 0, 0); /* the configuration access window, of no use here */
    sim_cap_notify(n);
    sim_cap_config(n);
    sim_cap_isr(n);
    sim_cap_common(n);
    return n;
}

void sim_add_line(struct sim_nic *n, uint8_t line)
{
    n->fn->cfg[0x3c] = line;
    n->fn->cfg[0x3d] = 1;
}

void sim_add_ports(struct sim_nic *n)
{
    n->fn->bar_bits[2] = 0x10000u - SIM_IO_BYTES;
    sim_put32(n->fn->cfg + 0x18, 0xc001u + n->fn->slot * 2u * SIM_IO_BYTES);
}

/* ---- status and features ----------------------------------------------------------------------
 */

static void complete_reset(struct sim_nic *n)
{
    n->status = 0;
    n->resetting = n->at_odds = false;
    n->was_reset = true;
    n->features_ok_read = n->features_known = n->config_vector_unread = false;
    n->isr = 0;
    n->accepted = 0;
    n->config_vector = NO_VECTOR;
    n->resets++;
    for (unsigned q = 0; q < SIM_SLOTS; q++)
        sim_queue_reset(n, q);
}

uint8_t sim_status_read(struct sim_nic *n)
{
    if (n->resetting) {
        if (n->reset_never || n->reset_left > 0) {
            n->reset_left -= n->reset_left > 0;
            return n->status | ACKNOWLEDGE;
        }
        complete_reset(n);
    }
    if (n->status & FEATURES_OK)
        n->features_ok_read = true;
    return n->status;
}

static void check_accepted(struct sim_nic *n)
{
    if (n->accepted & ~n->offer)
        sim_breach("2.2.1", "accepts features that were not offered: 0x%llx",
                   (unsigned long long)(n->accepted & ~n->offer));
    if (n->offer & ~n->accepted & (SIM_F_VERSION_1 | SIM_F_ACCESS_PLATFORM | SIM_F_ORDER_PLATFORM))
        sim_breach("6.1", "does not accept what it has to: 0x%llx",
                   (unsigned long long)(n->offer & ~n->accepted));
    sim_check_dependencies(n);
}

static void check_ready(struct sim_nic *n)
{
    if (!n->features_ok_read)
        sim_breach("3.1.1", "FEATURES_OK was not read back");
    sim_check_vectors_read(n);
}

void sim_check_vectors_read(const struct sim_nic *n)
{
    if (n->config_vector_unread)
        sim_breach("4.1.5.1.2.2", "the configuration's vector was not read back");
    for (unsigned q = 0; q < SIM_SLOTS; q++)
        if (n->q[q].vector_unread)
            sim_breach("4.1.5.1.2.2", "the vector of queue %u was not read back", q);
}

/* Which bits must be set before each [3.1.1]. */
static void check_order(struct sim_nic *n, uint8_t added)
{
    static const uint8_t before[][2] = {{DRIVER, ACKNOWLEDGE},
                                        {FEATURES_OK, ACKNOWLEDGE | DRIVER},
                                        {DRIVER_OK, ACKNOWLEDGE | DRIVER | FEATURES_OK}};

    if ((added & (added - 1)) != 0)
        sim_breach("3.1.1", "two steps at once: 0x%02x", added);
    for (unsigned i = 0; i < 3; i++)
        if (added & before[i][0] && (n->status & before[i][1]) != before[i][1])
            sim_breach("3.1.1", "status 0x%02x added to 0x%02x", added, n->status);
}

void sim_reset_begin(struct sim_nic *n, enum sim_interface interface)
{
    n->interface = interface;
    n->resetting = true;
    n->reset_left = n->reset_reads;
}

static void write_status(struct sim_nic *n, uint8_t v)
{
    uint8_t added = (uint8_t)(v & ~n->status);

    if (v == 0) {
        sim_reset_begin(n, SIM_MODERN);
        return;
    }
    if (n->status & FAILED)
        sim_breach("2.1.1", "goes on after FAILED without a reset");
    if ((v & n->status) != (n->status & ~NEEDS_RESET) && (v & n->status) != n->status)
        sim_breach("2.1.1", "clears status bits: 0x%02x after 0x%02x", v, n->status);
    check_order(n, added);
    if (added & FEATURES_OK) {
        check_accepted(n);
        if (n->accepted & n->refuse)
            return;
        n->features_known = true;
    }
    if (added & DRIVER_OK)
        check_ready(n);
    n->status |= v;
}

static void write_feature(struct sim_nic *n, uint32_t v)
{
    if (!(n->status & DRIVER) || n->status & FEATURES_OK)
        sim_breach("3.1.1", "features written with status 0x%02x", n->status);
    if (n->driver_feature_select > 1) {
        if (v != 0)
            sim_breach("2.2.1", "accepts feature bits above 63");
        return;
    }
    n->accepted &= ~(0xffffffffull << 32 * n->driver_feature_select);
    n->accepted |= (uint64_t)v << 32 * n->driver_feature_select;
}

/* ---- queues -----------------------------------------------------------------------------------
 */

static struct sim_queue *selected(struct sim_nic *n)
{
    unsigned slot = sim_slot(n, n->queue_select);

    return slot < SIM_SLOTS && n->queue_select < n->num_queues ? &n->q[slot] : NULL;
}

bool sim_msix_on(const struct sim_nic *n)
{
    unsigned at;

    for (at = 0x40; at < 0xff && n->fn->cfg[at] != 0x11; at += 4)
        ;
    return at <= 0xfc && n->fn->cfg[at + 3] & 0x80;
}

uint16_t sim_vector_assign(struct sim_nic *n, uint16_t v)
{
    if (v == NO_VECTOR)
        return v;
    if (v >= n->msix_n)
        sim_breach("4.1.5.1.2.2", "vector %u of %u", v, n->msix_n);
    return v < n->vectors_ok ? v : NO_VECTOR;
}

static bool can_enable(struct sim_nic *n, const struct sim_queue *q, uint32_t v)
{
    if (v != 1)
        sim_breach("4.1.4.3.2", "%u written to queue_enable", v);
    else if (q->fields_written != W_ALL)
        sim_breach("4.1.4.3.2", "queue enabled before its fields were written (0x%02x)",
                   q->fields_written);
    else if (!n->features_ok_read)
        sim_breach("3.1.1", "queue set up before FEATURES_OK was read back");
    else if (n->status & DRIVER_OK && !q->was_reset)
        sim_breach("3.1.1", "queue set up after DRIVER_OK");
    else if (q->size == 0 || q->size > q->max || q->size > 32768 ||
             (!(n->accepted & SIM_F_RING_PACKED) && (q->size & (q->size - 1)) != 0))
        sim_breach("4.1.4.3.2", "queue size %u of %u", q->size, q->max);
    else if (!sim_format(n)->aligned(q))
        sim_breach("2.7.1", "ring not aligned");
    else
        return true;
    return false;
}

static void write_half(uint64_t *field, uint32_t at, uint32_t v)
{
    unsigned shift = at & 4 ? 32 : 0;

    *field = (*field & ~(0xffffffffull << shift)) | (uint64_t)v << shift;
}

static void write_queue(struct sim_nic *n, uint32_t at, uint32_t v)
{
    struct sim_queue *q = selected(n);

    if (q == NULL) {
        if (at != R_QUEUE_VECTOR) /* asking whether there is one is allowed */
            sim_breach("4.1.4.3.2", "queue %u does not exist", n->queue_select);
        return;
    }
    if (q->enabled)
        sim_breach("4.1.4.3.2", "register 0x%02x of a queue written that is enabled", at);
    switch (at & ~4u) {
    case R_QUEUE_SIZE:
        q->size = (uint16_t)v;
        q->fields_written |= W_SIZE;
        break;
    case R_QUEUE_VECTOR:
        q->vector = sim_vector_assign(n, (uint16_t)v);
        q->vector_unread = true;
        break;
    case R_QUEUE_DESC:
        write_half(&q->desc, at, v);
        q->fields_written |= at & 4 ? 0x04u : 0x02u;
        break;
    case R_QUEUE_DRIVER:
        write_half(&q->driver, at, v);
        q->fields_written |= at & 4 ? 0x10u : 0x08u;
        break;
    case R_QUEUE_DEVICE:
        write_half(&q->device, at, v);
        q->fields_written |= at & 4 ? 0x40u : 0x20u;
        break;
    }
}

static void write_enable(struct sim_nic *n, uint32_t v)
{
    struct sim_queue *q = selected(n);

    if (q == NULL) {
        sim_breach("4.1.4.3.2", "queue %u does not exist", n->queue_select);
        return;
    }
    if (can_enable(n, q, v)) {
        q->enabled = true;
        q->was_reset = false;
        sim_queue_enable(n, sim_slot(n, n->queue_select));
    }
}

/* Resets one queue [4.1.4.3]. The rest of the device goes on. */
static void write_queue_reset(struct sim_nic *n, uint32_t v)
{
    struct sim_queue *q = selected(n);

    if (!(n->accepted & SIM_F_RING_RESET) || q == NULL || !q->enabled || v != 1)
        sim_breach("4.1.4.3.2", "%u written to queue_reset of queue %u, which is not enabled", v,
                   n->queue_select);
    else if (n->status & DRIVER_OK) {
        q->resetting = true;
        q->reset_left = n->queue_reset_reads;
        q->awake = q->kick_due = false;
    }
}

static uint32_t read_queue_reset(struct sim_nic *n)
{
    struct sim_queue *q = selected(n);

    if (!(n->accepted & SIM_F_RING_RESET))
        sim_breach("4.1.4.3.2", "queue_reset read without the feature");
    if (q == NULL || !q->resetting)
        return 0;
    if (n->queue_reset_never || q->reset_left > 0) {
        q->reset_left -= q->reset_left > 0;
        return 1;
    }
    sim_queue_reset(n, sim_slot(n, n->queue_select));
    q->was_reset = true;
    return 0;
}

/* ---- the common configuration structure -------------------------------------------------------
 */

static unsigned width_of(uint32_t at)
{
    if (at < R_CONFIG_VECTOR || (at >= R_QUEUE_DESC && at < R_END))
        return at % 4 == 0 ? 4 : 0;
    if (at == R_STATUS || at == R_GENERATION)
        return 1;
    return (at < R_QUEUE_DESC && at % 2 == 0) || at == R_QUEUE_RESET ? 2 : 0;
}

static void check_width(uint32_t at, unsigned width)
{
    if (width_of(at) != width)
        sim_breach("4.1.3.1", "register 0x%02x accessed with %u bytes", at, width);
}

static uint32_t read_common(struct sim_nic *n, uint32_t at, unsigned width)
{
    struct sim_queue *q = selected(n);

    check_width(at, width);
    switch (at) {
    case R_DEVICE_FEATURE:
        return n->device_feature_select < 2 ? (uint32_t)(n->offer >> 32 * n->device_feature_select)
                                            : 0;
    case R_CONFIG_VECTOR:
        n->config_vector_unread = false;
        return n->config_vector;
    case R_NUM_QUEUES:
        return n->num_queues;
    case R_STATUS:
        return sim_status_read(n);
    case R_GENERATION:
        return n->generation_moves ? n->generation++ : n->generation;
    case R_QUEUE_SIZE:
        return q == NULL ? 0 : q->size != 0 || q->fields_written & W_SIZE ? q->size : q->max;
    case R_QUEUE_VECTOR:
        if (q != NULL)
            q->vector_unread = false;
        return q == NULL ? NO_VECTOR : q->vector;
    case R_QUEUE_ENABLE:
        return q != NULL && q->enabled;
    case R_QUEUE_RESET:
        return read_queue_reset(n);
    case R_QUEUE_NOTIFY_OFF:
        return q == NULL ? 0 : q->notify_off;
    default:
        sim_breach("3.1.1", "register 0x%02x read: nothing there that a driver has to know", at);
        return 0;
    }
}

static void write_common(struct sim_nic *n, uint32_t at, unsigned width, uint32_t v)
{
    check_width(at, width);
    if (n->interface == SIM_LEGACY)
        sim_breach("4.1.4.10", "both interfaces of a transitional device are used");
    if (n->resetting && !(at == R_STATUS && v == 0))
        sim_breach("4.1.4.3.2", "register 0x%02x written before the reset was complete", at);
    if (!n->was_reset && at == R_STATUS && v != 0)
        sim_breach("3.1.1", "the device was not reset first");
    switch (at) {
    case R_DEVICE_FEATURE_SELECT:
        n->device_feature_select = v;
        break;
    case R_DRIVER_FEATURE_SELECT:
        n->driver_feature_select = v;
        break;
    case R_DRIVER_FEATURE:
        write_feature(n, v);
        break;
    case R_CONFIG_VECTOR:
        n->config_vector = sim_vector_assign(n, (uint16_t)v);
        n->config_vector_unread = true;
        break;
    case R_STATUS:
        write_status(n, (uint8_t)v);
        break;
    case R_QUEUE_SELECT:
        n->queue_select = (uint16_t)v;
        break;
    case R_QUEUE_ENABLE:
        write_enable(n, v);
        break;
    case R_QUEUE_RESET:
        write_queue_reset(n, v);
        break;
    case R_DEVICE_FEATURE:
    case R_NUM_QUEUES:
    case R_GENERATION:
    case R_QUEUE_NOTIFY_OFF:
        sim_breach("4.1.4.3.2", "read-only register 0x%02x written", at);
        break;
    default:
        write_queue(n, at, v);
    }
}

/* ---- everything else behind the BARs ----------------------------------------------------------
 */

/* Each field has its width, its feature [5.1.4], and must lie inside the structure. */
uint32_t sim_config_read(struct sim_nic *n, uint32_t at, unsigned width)
{
    uint64_t known = n->features_known ? n->accepted : n->offer, need = 0;
    uint32_t v = 0;

    if (at + width > n->config_len)
        sim_breach("2.5.1", "configuration read at %u, it has %u bytes", at, n->config_len);
    if (at < 6 && width == 1) {
        need = SIM_F_MAC;
        v = n->mac[at];
    } else if (at == 6 && width == 2) {
        need = SIM_F_STATUS;
        v = n->link_status;
    } else if (at == 8 && width == 2) {
        need = SIM_F_MQ;
        v = n->max_pairs;
    } else if (at == 10 && width == 2) {
        need = SIM_F_MTU;
        v = n->mtu;
    } else {
        sim_breach("4.1.3.1", "configuration read at %u with %u bytes", at, width);
    }
    if ((known & need) != need)
        sim_breach("2.5.1", "configuration read at %u without its feature", at);
    return v;
}

static void write_notify(struct sim_nic *n, uint32_t at, unsigned width, uint32_t v)
{
    unsigned slot = sim_slot(n, v);

    if (width != 2)
        sim_breach("4.1.5.2.1", "doorbell with %u bytes", width);
    if (slot == SIM_SLOTS || at != n->q[slot].notify_off * n->notify_multiplier)
        sim_breach("4.1.5.2.1", "doorbell %u at 0x%x", v, at);
    else if (!(n->status & DRIVER_OK))
        sim_breach("3.1.1", "doorbell before DRIVER_OK");
    else if (!n->q[slot].enabled)
        sim_breach("3.1.1", "doorbell of a queue that is not enabled");
    else if (n->q[slot].resetting)
        sim_breach("4.1.4.3.2", "doorbell of a queue that is being reset");
    else
        sim_doorbell(n, slot);
}

/* A place in BAR 2 stands for one in BAR 4. */
static uint32_t place(unsigned *bar, uint64_t offset)
{
    uint32_t at = (uint32_t)offset;

    if (*bar != 2)
        return at;
    *bar = 4;
    if (at >= SIM_IO_NOTIFY)
        return SIM_NOTIFY + at - SIM_IO_NOTIFY;
    if (at == SIM_IO_ISR)
        return SIM_ISR;
    return at >= SIM_IO_CONFIG ? SIM_CONFIG + at - SIM_IO_CONFIG : SIM_COMMON + at;
}

uint32_t sim_nic_read(struct sim_nic *n, unsigned bar, uint64_t offset, unsigned width)
{
    uint32_t at = place(&bar, offset);

    if (bar == 0)
        return sim_legacy_read(n, at, width);
    if (bar == 4 && at == SIM_ISR && width == 1)
        return sim_isr_read(n);
    if (bar == 4 && at < SIM_COMMON + SIM_COMMON_LEN)
        return read_common(n, at - SIM_COMMON, width);
    if (bar == 4 && at >= SIM_CONFIG && at < SIM_NOTIFY)
        return sim_config_read(n, at - SIM_CONFIG, width);
    sim_breach("4.1.4", "read at 0x%x of BAR %u", at, bar);
    return 0;
}

void sim_nic_write(struct sim_nic *n, unsigned bar, uint64_t offset, unsigned width, uint32_t v)
{
    uint32_t at = place(&bar, offset);

    if (bar == 1 && at + 4 <= n->msix_n * 16u && width == 4 && at % 4 == 0)
        sim_put32(n->msix_table + at, v);
    else if (bar == 0)
        sim_legacy_write(n, at, width, v);
    else if (bar == 4 && at < SIM_COMMON + SIM_COMMON_LEN)
        write_common(n, at - SIM_COMMON, width, v);
    else if (bar == 4 && at >= SIM_NOTIFY && at < SIM_NOTIFY + SIM_NOTIFY_LEN)
        write_notify(n, at - SIM_NOTIFY, width, v);
    else if (bar == 4 && at >= SIM_CONFIG && at < SIM_NOTIFY)
        sim_breach("5.1.4.2", "configuration written at %u", at - SIM_CONFIG);
    else
        sim_breach("4.1.4", "write at 0x%x of BAR %u", at, bar);
}

/* ---- interrupts -------------------------------------------------------------------------------
 */

/* Reading clears it [4.1.4.5]. */
uint8_t sim_isr_read(struct sim_nic *n)
{
    uint8_t v = n->isr;

    if (sim_msix_on(n))
        sim_breach("4.1.4.5.2", "interrupt status read although MSI-X is on");
    n->isr &= n->isr_sticks;
    sim_lines_settle();
    return v;
}

/* A function pulls its pin while it has something to say and is allowed to [4.1.4.5]. */
bool sim_line_high(uint8_t line)
{
    for (unsigned i = 0; i < nic_n; i++) {
        const uint8_t *cfg = nics[i]->fn->cfg;
        if (cfg[0x3d] != 0 && cfg[0x3c] == line && nics[i]->isr != 0 && !(cfg[0x05] & 0x04) &&
            !sim_msix_on(nics[i]))
            return true;
    }
    return false;
}

void sim_interrupt(struct sim_nic *n, unsigned q)
{
    uint16_t vector = q < SIM_QUEUES ? n->q[q].vector : n->config_vector;
    const uint8_t *entry;

    if (q < SIM_QUEUES)
        n->q[q].interrupts++;
    if (n->interrupts_lost)
        return;
    if (!sim_msix_on(n)) {
        n->isr |= q < SIM_QUEUES ? 1 : 2;
        sim_lines_settle();
        return;
    }
    if (vector == NO_VECTOR)
        return;
    entry = n->msix_table + 16 * vector;
    if (sim_get32(entry) != 0xfee00000 || sim_get32(entry + 4) != 0 || sim_get32(entry + 12) & 1)
        sim_breach("4.1.5.1.2.2", "vector %u leads nowhere", vector);
    sim_irqs[sim_get32(entry + 8) & 0xff]++;
}

void sim_needs_reset(struct sim_nic *n)
{
    n->status |= NEEDS_RESET;
    sim_interrupt(n, SIM_QUEUES);
}
