// SPDX-License-Identifier: BSD-3-Clause
/*
 * The registers of the modern interface, the common configuration structure [4.1.4.3] and the
 * doorbells, and the rules that a driver has to keep when it touches them.
 */
#include "sim_ring.h"

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

/* ---- status and features ----------------------------------------------------------------------
 */

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

/* Which bits must be set before each [3.1.1]. */
static void check_order(struct sim_nic *n, uint8_t added)
{
    static const uint8_t before[][2] = {
        {SIM_DRIVER, SIM_ACKNOWLEDGE},
        {SIM_FEATURES_OK, SIM_ACKNOWLEDGE | SIM_DRIVER},
        {SIM_DRIVER_OK, SIM_ACKNOWLEDGE | SIM_DRIVER | SIM_FEATURES_OK}};

    if ((added & (added - 1)) != 0)
        sim_breach("3.1.1", "two steps at once: 0x%02x", added);
    for (unsigned i = 0; i < 3; i++)
        if (added & before[i][0] && (n->status & before[i][1]) != before[i][1])
            sim_breach("3.1.1", "status 0x%02x added to 0x%02x", added, n->status);
}

static void write_status(struct sim_nic *n, uint8_t v)
{
    uint8_t added = (uint8_t)(v & ~n->status);

    if (v == 0) {
        sim_reset_begin(n, SIM_MODERN);
        return;
    }
    if (n->status & SIM_FAILED)
        sim_breach("2.1.1", "goes on after FAILED without a reset");
    if ((v & n->status) != (n->status & ~SIM_NEEDS_RESET) && (v & n->status) != n->status)
        sim_breach("2.1.1", "clears status bits: 0x%02x after 0x%02x", v, n->status);
    check_order(n, added);
    if (added & SIM_FEATURES_OK) {
        check_accepted(n);
        if (n->accepted & n->refuse)
            return;
        n->features_known = true;
    }
    if (added & SIM_DRIVER_OK)
        check_ready(n);
    n->status |= v;
}

static void write_feature(struct sim_nic *n, uint32_t v)
{
    if (!(n->status & SIM_DRIVER) || n->status & SIM_FEATURES_OK)
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

static bool can_enable(struct sim_nic *n, const struct sim_queue *q, uint32_t v)
{
    if (v != 1)
        sim_breach("4.1.4.3.2", "%u written to queue_enable", v);
    else if (q->fields_written != W_ALL)
        sim_breach("4.1.4.3.2", "queue enabled before its fields were written (0x%02x)",
                   q->fields_written);
    else if (!n->features_ok_read)
        sim_breach("3.1.1", "queue set up before FEATURES_OK was read back");
    else if (n->status & SIM_DRIVER_OK && !q->was_reset)
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
    struct sim_queue *q = sim_selected(n);

    if (q == NULL) {
        if (at != R_QUEUE_VECTOR) /* asking whether there is one is allowed */
            sim_breach("4.1.4.3.2", "queue %u does not exist", n->queue_select);
        return;
    }
    if (q->enabled) { /* where the ring is stays as it was */
        sim_breach("4.1.4.3.2", "register 0x%02x of a queue written that is enabled", at);
        return;
    }
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
    struct sim_queue *q = sim_selected(n);

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
    struct sim_queue *q = sim_selected(n);

    if (!(n->accepted & SIM_F_RING_RESET) || q == NULL || !q->enabled || v != 1)
        sim_breach("4.1.4.3.2", "%u written to queue_reset of queue %u, which is not enabled", v,
                   n->queue_select);
    else if (n->status & SIM_DRIVER_OK) {
        q->resetting = true;
        q->reset_left = n->queue_reset_reads;
        q->awake = q->kick_due = false;
    }
}

static uint32_t read_queue_reset(struct sim_nic *n)
{
    struct sim_queue *q = sim_selected(n);

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

/* ---- access -----------------------------------------------------------------------------------
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

uint32_t sim_common_read(struct sim_nic *n, uint32_t at, unsigned width)
{
    struct sim_queue *q = sim_selected(n);

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
        return q == NULL ? SIM_NO_VECTOR : q->vector;
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

void sim_common_write(struct sim_nic *n, uint32_t at, unsigned width, uint32_t v)
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

void sim_notify_write(struct sim_nic *n, uint32_t at, unsigned width, uint32_t v)
{
    unsigned slot = sim_slot(n, v);

    if (width != 2)
        sim_breach("4.1.5.2.1", "doorbell with %u bytes", width);
    if (slot == SIM_SLOTS || at != n->q[slot].notify_off * n->notify_multiplier)
        sim_breach("4.1.5.2.1", "doorbell %u at 0x%x", v, at);
    else if (!(n->status & SIM_DRIVER_OK))
        sim_breach("3.1.1", "doorbell before DRIVER_OK");
    else if (!n->q[slot].enabled)
        sim_breach("3.1.1", "doorbell of a queue that is not enabled");
    else if (n->q[slot].resetting)
        sim_breach("4.1.4.3.2", "doorbell of a queue that is being reset");
    else
        sim_doorbell(n, slot);
}
