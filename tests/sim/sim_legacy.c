// SPDX-License-Identifier: BSD-3-Clause
/*
 * The same device behind the legacy interface: one block of ports in BAR 0 [4.1.4.10], and the
 * rules for who uses it. A transitional device has both interfaces; the driver takes one of them.
 */
#include "sim.h"

#define BAR_BYTES  64u
#define PAGE       4096u
#define LOW        0xffffffffull
#define ANY_LAYOUT (1ull << 27)

enum {
    R_DEVICE_FEATURES = 0x00,
    R_DRIVER_FEATURES = 0x04,
    R_QUEUE_PAGE = 0x08,
    R_QUEUE_SIZE = 0x0c,
    R_QUEUE_SELECT = 0x0e,
    R_QUEUE_NOTIFY = 0x10,
    R_STATUS = 0x12,
    R_ISR = 0x13,
    R_CONFIG_VECTOR = 0x14, /* the next two only while MSI-X is on */
    R_QUEUE_VECTOR = 0x16,
};

void sim_add_legacy(struct sim_nic *n, bool modern_too)
{
    n->fn->bar_bits[0] = 0x10000u - BAR_BYTES;
    sim_put32(n->fn->cfg + 0x10, 0xe001u + n->fn->slot * BAR_BYTES);
    sim_put16(n->fn->cfg + 0x02, 0x1000);
    n->offer |= ANY_LAYOUT;
    if (!modern_too)
        n->offer &= LOW;
}

struct sim_nic *sim_add_legacy_nic(uint8_t slot)
{
    struct sim_nic *n = sim_add_bare_nic(slot);

    sim_cap_msix(n);
    sim_add_legacy(n, false);
    return n;
}

/* Where the configuration begins, which is also where the registers end. */
static uint32_t config_start(const struct sim_nic *n)
{
    return sim_msix_on(n) ? 0x18 : 0x14;
}

static unsigned width_of(uint32_t at)
{
    switch (at) {
    case R_DEVICE_FEATURES:
    case R_DRIVER_FEATURES:
    case R_QUEUE_PAGE:
        return 4;
    case R_STATUS:
    case R_ISR:
        return 1;
    default:
        return at % 2 == 0 ? 2 : 0;
    }
}

static void check_access(struct sim_nic *n, uint32_t at, unsigned width)
{
    if (width_of(at) != width)
        sim_breach("4.1.4.10", "register 0x%02x accessed with %u bytes", at, width);
    if (n->interface == SIM_MODERN)
        sim_breach("4.1.4.10", "both interfaces of a transitional device are used");
}

uint32_t sim_legacy_read(struct sim_nic *n, uint32_t at, unsigned width)
{
    struct sim_queue *q = sim_selected(n);

    if (at >= config_start(n)) {
        uint32_t offset = at - config_start(n);
        uint32_t v = sim_config_read(n, offset, width);
        if (offset == 0 && n->config_moves > 0)
            v ^= (n->config_moves-- & 0x3f) << 2;
        return v;
    }
    check_access(n, at, width);
    switch (at) {
    case R_DEVICE_FEATURES:
        return (uint32_t)n->offer;
    case R_QUEUE_PAGE:
        return q != NULL ? (uint32_t)(q->desc / PAGE) : 0;
    case R_QUEUE_SIZE:
        return q != NULL ? q->max : 0;
    case R_STATUS:
        return sim_status_read(n);
    case R_ISR:
        return sim_isr_read(n);
    case R_CONFIG_VECTOR:
        n->config_vector_unread = false;
        return n->config_vector;
    case R_QUEUE_VECTOR:
        if (q != NULL)
            q->vector_unread = false;
        return q == NULL ? 0xffff : q->vector;
    default:
        sim_breach("3.1.2", "register 0x%02x read: nothing there that a driver has to know", at);
        return 0;
    }
}

static void write_features(struct sim_nic *n, uint32_t v)
{
    if (!(n->status & SIM_DRIVER) || n->status & SIM_DRIVER_OK)
        sim_breach("3.1.2", "features written with status 0x%02x", n->status);
    if (v & ~n->offer & LOW)
        sim_breach("2.2.1", "accepts features that were not offered: 0x%llx",
                   (unsigned long long)(v & ~n->offer & LOW));
    n->accepted = v;
    n->features_known = true;
}

static void write_status(struct sim_nic *n, uint8_t v)
{
    uint8_t added = (uint8_t)(v & ~n->status);

    if (v == 0) {
        sim_reset_begin(n, SIM_LEGACY);
        return;
    }
    if (n->status & SIM_FAILED)
        sim_breach("2.1.1", "goes on after FAILED without a reset");
    if ((v & n->status) != n->status)
        sim_breach("2.1.1", "clears status bits: 0x%02x after 0x%02x", v, n->status);
    if ((added & (added - 1)) != 0 ||
        added & ~(SIM_ACKNOWLEDGE | SIM_DRIVER | SIM_DRIVER_OK | SIM_FAILED))
        sim_breach("3.1.2", "status 0x%02x added to 0x%02x", added, n->status);
    if ((added & SIM_DRIVER && !(n->status & SIM_ACKNOWLEDGE)) ||
        (added & SIM_DRIVER_OK && !(n->status & SIM_DRIVER)))
        sim_breach("3.1.2", "status 0x%02x added to 0x%02x", added, n->status);
    if (added & SIM_DRIVER_OK) {
        if (!n->features_known)
            sim_breach("3.1.2", "features were never written");
        sim_check_dependencies(n);
        sim_check_vectors_read(n);
    }
    n->status |= v;
}

/* One number says it all: descriptors at that page, the available ring behind them, the used ring
 * on the next page boundary [2.7.2]. */
static void write_page(struct sim_nic *n, uint32_t v)
{
    struct sim_queue *q = sim_selected(n);

    if (q == NULL || q->max == 0) {
        sim_breach("4.1.5.1.3.1", "queue %u does not exist", n->queue_select);
        return;
    }
    if (n->status & SIM_DRIVER_OK || !n->features_known) {
        sim_breach("3.1.2", "queue set up %s",
                   n->features_known ? "after DRIVER_OK" : "before the features were written");
        return;
    }
    if (v == 0 || q->enabled) {
        sim_breach("4.1.5.1.3.1", "page 0x%x written, queue %s", v, q->enabled ? "live" : "dead");
        return;
    }
    q->size = q->max;
    q->desc = (uint64_t)v * PAGE;
    q->driver = q->desc + 16ull * q->size;
    q->device = (q->driver + 6 + 2ull * q->size + PAGE - 1) / PAGE * PAGE;
    q->enabled = true;
    sim_queue_enable(n, sim_slot(n, n->queue_select));
}

static void notify(struct sim_nic *n, uint32_t v)
{
    unsigned slot = sim_slot(n, v);

    if (slot == SIM_SLOTS)
        sim_breach("4.1.5.2.1", "doorbell %u", v);
    else if (!(n->status & SIM_DRIVER_OK))
        sim_breach("3.1.1", "doorbell before DRIVER_OK");
    else if (!n->q[slot].enabled)
        sim_breach("3.1.1", "doorbell of a queue that is not enabled");
    else
        sim_doorbell(n, slot);
}

void sim_legacy_write(struct sim_nic *n, uint32_t at, unsigned width, uint32_t v)
{
    struct sim_queue *q = sim_selected(n);

    if (at >= config_start(n)) {
        sim_breach("5.1.4.2", "configuration written at %u", at - config_start(n));
        return;
    }
    check_access(n, at, width);
    if (n->resetting && !(at == R_STATUS && v == 0))
        sim_breach("2.4.2", "register 0x%02x written before the reset was complete", at);
    if (!n->was_reset && at == R_STATUS && v != 0)
        sim_breach("3.1.2", "the device was not reset first");
    switch (at) {
    case R_DRIVER_FEATURES:
        write_features(n, v);
        break;
    case R_QUEUE_PAGE:
        write_page(n, v);
        break;
    case R_QUEUE_SELECT:
        n->queue_select = (uint16_t)v;
        break;
    case R_QUEUE_NOTIFY:
        notify(n, v);
        break;
    case R_STATUS:
        write_status(n, (uint8_t)v);
        break;
    case R_CONFIG_VECTOR:
        n->config_vector = sim_vector_assign(n, (uint16_t)v);
        n->config_vector_unread = true;
        break;
    case R_QUEUE_VECTOR:
        if (q != NULL) {
            q->vector = sim_vector_assign(n, (uint16_t)v);
            q->vector_unread = true;
        }
        break;
    default:
        sim_breach("4.1.4.10", "read-only register 0x%02x written", at);
    }
}
