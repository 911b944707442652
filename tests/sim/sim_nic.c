// SPDX-License-Identifier: BSD-3-Clause
/*
 * A virtio network device behind PCI: how one is made, and what both interfaces have in common:
 * reset and status, vectors and interrupts, the configuration. The registers themselves are in
 * sim_modern.c and sim_legacy.c. Written from the specification's text: offsets and clauses are
 * those of virtio 1.3, and nothing here includes the driver's headers.
 */
#include "sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define NICS 8

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
        n->q[q].vector = SIM_NO_VECTOR;
    }
    n->config_vector = SIM_NO_VECTOR;
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

/* ---- reset and status -------------------------------------------------------------------------
 */

void sim_reset_begin(struct sim_nic *n, enum sim_interface interface)
{
    n->interface = interface;
    n->resetting = true;
    n->reset_left = n->reset_reads;
}

static void complete_reset(struct sim_nic *n)
{
    n->status = 0;
    n->resetting = n->at_odds = false;
    n->was_reset = true;
    n->features_ok_read = n->features_known = n->config_vector_unread = false;
    n->isr = 0;
    n->accepted = 0;
    n->config_vector = SIM_NO_VECTOR;
    n->resets++;
    for (unsigned q = 0; q < SIM_SLOTS; q++)
        sim_queue_reset(n, q);
}

uint8_t sim_status_read(struct sim_nic *n)
{
    if (n->resetting) {
        if (n->reset_never || n->reset_left > 0) {
            n->reset_left -= n->reset_left > 0;
            return n->status | SIM_ACKNOWLEDGE;
        }
        complete_reset(n);
    }
    if (n->status & SIM_FEATURES_OK)
        n->features_ok_read = true;
    return n->status;
}

void sim_needs_reset(struct sim_nic *n)
{
    n->status |= SIM_NEEDS_RESET;
    sim_interrupt(n, SIM_QUEUES);
}

/* ---- queues and configuration -----------------------------------------------------------------
 */

struct sim_queue *sim_selected(struct sim_nic *n)
{
    unsigned slot = sim_slot(n, n->queue_select);

    return slot < SIM_SLOTS && n->queue_select < n->num_queues ? &n->q[slot] : NULL;
}

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

/* ---- vectors and interrupts -------------------------------------------------------------------
 */

bool sim_msix_on(const struct sim_nic *n)
{
    unsigned at;

    for (at = 0x40; at < 0xff && n->fn->cfg[at] != 0x11; at += 4)
        ;
    return at <= 0xfc && n->fn->cfg[at + 3] & 0x80;
}

uint16_t sim_vector_assign(struct sim_nic *n, uint16_t v)
{
    if (v == SIM_NO_VECTOR)
        return v;
    if (v >= n->msix_n)
        sim_breach("4.1.5.1.2.2", "vector %u of %u", v, n->msix_n);
    return v < n->vectors_ok ? v : SIM_NO_VECTOR;
}

void sim_check_vectors_read(const struct sim_nic *n)
{
    if (n->config_vector_unread)
        sim_breach("4.1.5.1.2.2", "the configuration's vector was not read back");
    for (unsigned q = 0; q < SIM_SLOTS; q++)
        if (n->q[q].vector_unread)
            sim_breach("4.1.5.1.2.2", "the vector of queue %u was not read back", q);
}

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
    if (vector == SIM_NO_VECTOR)
        return;
    entry = n->msix_table + 16 * vector;
    if (sim_get32(entry) != 0xfee00000 || sim_get32(entry + 4) != 0 || sim_get32(entry + 12) & 1)
        sim_breach("4.1.5.1.2.2", "vector %u leads nowhere", vector);
    sim_irqs[sim_get32(entry + 8) & 0xff]++;
}

/* ---- what is behind the BARs ------------------------------------------------------------------
 */

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
        return sim_common_read(n, at - SIM_COMMON, width);
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
        sim_common_write(n, at - SIM_COMMON, width, v);
    else if (bar == 4 && at >= SIM_NOTIFY && at < SIM_NOTIFY + SIM_NOTIFY_LEN)
        sim_notify_write(n, at - SIM_NOTIFY, width, v);
    else if (bar == 4 && at >= SIM_CONFIG && at < SIM_NOTIFY)
        sim_breach("5.1.4.2", "configuration written at %u", at - SIM_CONFIG);
    else
        sim_breach("4.1.4", "write at 0x%x of BAR %u", at, bar);
}
