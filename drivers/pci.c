// SPDX-License-Identifier: BSD-3-Clause
/*
 * See pci.h. Register numbers are those of the PCI Local Bus Specification 3.0, chapter 6, and for
 * bridges of the PCI-to-PCI Bridge Architecture Specification 1.2, chapter 3.
 */
#include "pci.h"
#include <stddef.h>
#include "cpu.h"
#include "mmio.h"
#include "paging.h"

#define PORT_ADDRESS     0xcf8
#define PORT_DATA        0xcfc

#define REG_VENDOR       0x00
#define REG_COMMAND      0x04
#define REG_STATUS       0x06
#define REG_HEADER       0x0e
#define REG_BAR0         0x10
#define REG_SECONDARY    0x19 /* of a bridge: the number of the bus behind it */
#define REG_CAP_FIRST    0x34
#define REG_IRQ_LINE     0x3c
#define REG_IRQ_PIN      0x3d

#define COMMAND_IO       0x0001u
#define COMMAND_MEMORY   0x0002u
#define COMMAND_MASTER   0x0004u
#define COMMAND_INTX_OFF 0x0400u
#define STATUS_CAP_LIST  0x0010u
#define HEADER_MULTI     0x80u
#define HEADER_TYPE      0x7fu
#define HEADER_BRIDGE    1u

#define BAR_IO           0x1u
#define BAR_64           0x4u
#define BAR_TYPE         0x6u
#define BAR_IO_MASK      0xfffffffcu
#define BAR_MEM_MASK     0xfffffff0u

#define PORTS            0x10000u

#define SLOTS            32
#define FUNCTIONS        8
#define BUSES            256

/* Capabilities lie behind the header, on 4-byte boundaries. */
#define CAP_FIRST         0x40

#define MSIX_CONTROL      2
#define MSIX_TABLE        4
#define MSIX_CONTROL_ON   0x8000u
#define MSIX_CONTROL_SIZE 0x07ffu
#define MSIX_ENTRY_BYTES  16u

static void select_register(const struct pci_dev *d, unsigned offset)
{
    cpu_out32(PORT_ADDRESS, 0x80000000u | (uint32_t)d->bus << 16 | (uint32_t)d->slot << 11 |
                                (uint32_t)d->fn << 8 | (offset & 0xfc));
}

uint32_t pci_read32(const struct pci_dev *d, unsigned offset)
{
    select_register(d, offset);
    return cpu_in32(PORT_DATA);
}

uint16_t pci_read16(const struct pci_dev *d, unsigned offset)
{
    return (uint16_t)(pci_read32(d, offset) >> 8 * (offset & 2));
}

uint8_t pci_read8(const struct pci_dev *d, unsigned offset)
{
    return (uint8_t)(pci_read32(d, offset) >> 8 * (offset & 3));
}

void pci_write32(const struct pci_dev *d, unsigned offset, uint32_t v)
{
    select_register(d, offset);
    cpu_out32(PORT_DATA, v);
}

/* Exactly these two bytes: the neighbour of the command register clears bits where ones are
 * written. */
void pci_write16(const struct pci_dev *d, unsigned offset, uint16_t v)
{
    select_register(d, offset);
    cpu_out16((uint16_t)(PORT_DATA + (offset & 2)), v);
}

struct scan {
    uint8_t bus_known[BUSES];
    uint16_t vendor;
    bool (*want)(uint16_t device);
    struct pci_dev *out;
    unsigned n, max;
};

/* One function; returns false if there is none. */
static bool scan_function(struct scan *s, struct pci_dev d, uint8_t *header)
{
    uint32_t id = pci_read32(&d, REG_VENDOR);

    d.vendor = (uint16_t)id;
    d.device = (uint16_t)(id >> 16);
    if (d.vendor == 0xffff)
        return false;
    *header = pci_read8(&d, REG_HEADER);
    if ((*header & HEADER_TYPE) == HEADER_BRIDGE)
        s->bus_known[pci_read8(&d, REG_SECONDARY)] = 1;
    if (d.vendor == s->vendor && s->want(d.device) && s->n < s->max)
        s->out[s->n++] = d;
    return true;
}

static void scan_bus(struct scan *s, uint8_t bus)
{
    for (uint8_t slot = 0; slot < SLOTS; slot++) {
        uint8_t header = 0, other;
        if (!scan_function(s, (struct pci_dev){.bus = bus, .slot = slot}, &header))
            continue;
        if (header & HEADER_MULTI)
            for (uint8_t fn = 1; fn < FUNCTIONS; fn++)
                scan_function(s, (struct pci_dev){.bus = bus, .slot = slot, .fn = fn}, &other);
    }
}

/* A bridge's secondary bus has a higher number than its primary one, so one pass in rising order
 * meets every bus after the bridge that leads to it, and ends whatever the bridges say. */
unsigned pci_find(uint16_t vendor, bool (*want)(uint16_t device), struct pci_dev *out, unsigned max)
{
    struct scan s = {.vendor = vendor, .want = want, .out = out, .max = max};

    s.bus_known[0] = 1;
    for (unsigned bus = 0; bus < BUSES; bus++)
        if (s.bus_known[bus])
            scan_bus(&s, (uint8_t)bus);
    return s.n;
}

unsigned pci_cap_next(const struct pci_dev *d, uint8_t id, unsigned after)
{
    uint64_t visited =
        0; /* a bit for each 4-byte boundary: a second visit is a loop and ends the list */
    bool passed = after == 0;
    unsigned at;

    if (!(pci_read16(d, REG_STATUS) & STATUS_CAP_LIST))
        return 0;
    at = pci_read8(d, REG_CAP_FIRST) & 0xfcu;
    while (at >= CAP_FIRST && !(visited & 1ull << at / 4)) {
        uint16_t head = pci_read16(d, at);
        if (passed && (head & 0xff) == id)
            return at;
        visited |= 1ull << at / 4;
        passed = passed || at == after;
        at = (head >> 8) & 0xfcu;
    }
    return 0;
}

/* Which bits of the register can change, the type bits left out; the value is put back. */
static uint32_t probe_bar(const struct pci_dev *d, unsigned reg, uint32_t value, uint32_t mask)
{
    uint32_t bits;

    pci_write32(d, reg, 0xffffffff);
    bits = pci_read32(d, reg) & mask;
    pci_write32(d, reg, value);
    return bits;
}

/* One BAR; returns how many registers it takes. */
static unsigned read_bar(const struct pci_dev *d, unsigned index, struct pci_bar *bar)
{
    unsigned reg = REG_BAR0 + 4 * index;
    uint32_t low = pci_read32(d, reg), high = 0;
    bool io = low & BAR_IO;
    uint32_t mask = io ? BAR_IO_MASK : BAR_MEM_MASK;
    bool wide = !io && (low & BAR_TYPE) == BAR_64 && index < PCI_BARS - 1;
    uint64_t bits = probe_bar(d, reg, low, mask), base;

    if (wide) {
        high = pci_read32(d, reg + 4);
        bits |= (uint64_t)probe_bar(d, reg + 4, high, 0xffffffff) << 32;
    }
    base = (low & mask) | (uint64_t)high << 32;
    if (base != 0 && bits != 0) {
        bar->base = base;
        bar->size = bits & (~bits + 1); /* the lowest bit that can change */
        bar->io = io;
    }
    return wide ? 2 : 1;
}

void pci_read_bars(const struct pci_dev *d, struct pci_bar bars[PCI_BARS])
{
    uint16_t command = pci_read16(d, REG_COMMAND);

    for (unsigned i = 0; i < PCI_BARS; i++)
        bars[i] = (struct pci_bar){0};
    /* Sizing writes all ones: meanwhile the function must not answer there. */
    pci_write16(d, REG_COMMAND, (uint16_t)(command & ~(COMMAND_IO | COMMAND_MEMORY)));
    for (unsigned i = 0; i < PCI_BARS;)
        i += read_bar(d, i, &bars[i]);
    pci_write16(d, REG_COMMAND, command);
}

volatile void *pci_map(const struct pci_bar *bar, uint64_t offset, uint64_t len)
{
    if (bar->io || offset > bar->size || len > bar->size - offset ||
        bar->base > UINT64_MAX - bar->size)
        return NULL;
    return mmio_map(bar->base + offset, len);
}

bool pci_map_io(const struct pci_bar *bar, uint64_t offset, uint32_t len, struct pci_io *io)
{
    *io = (struct pci_io){0};
    if (bar->io) {
        if (offset > bar->size || len > bar->size - offset || bar->base + bar->size > PORTS)
            return false;
        io->port = (uint16_t)(bar->base + offset);
    } else {
        io->mem = pci_map(bar, offset, len);
        if (io->mem == NULL)
            return false;
    }
    io->bytes = len;
    return true;
}

static void set_command(const struct pci_dev *d, unsigned set, unsigned clear)
{
    pci_write16(d, REG_COMMAND, (uint16_t)((pci_read16(d, REG_COMMAND) | set) & ~clear));
}

void pci_decode(const struct pci_dev *d, const struct pci_bar bars[PCI_BARS])
{
    unsigned on = COMMAND_INTX_OFF;

    for (unsigned i = 0; i < PCI_BARS; i++)
        if (bars[i].size != 0)
            on |= bars[i].io ? COMMAND_IO : COMMAND_MEMORY;
    set_command(d, on, COMMAND_MASTER);
}

void pci_bus_master(const struct pci_dev *d, bool on)
{
    set_command(d, on ? COMMAND_MASTER : 0, on ? 0 : COMMAND_MASTER);
}

uint8_t pci_irq_line(const struct pci_dev *d)
{
    return pci_read8(d, REG_IRQ_PIN) == 0 ? 0xff : pci_read8(d, REG_IRQ_LINE);
}

void pci_intx(const struct pci_dev *d, bool on)
{
    set_command(d, on ? 0 : COMMAND_INTX_OFF, on ? COMMAND_INTX_OFF : 0);
}

void pci_msix_find(const struct pci_dev *d, const struct pci_bar bars[PCI_BARS], struct pci_msix *m)
{
    unsigned cap = pci_cap_next(d, PCI_CAP_MSIX, 0);
    uint32_t where;

    *m = (struct pci_msix){0};
    if (cap == 0 || cap > 256 - 12)
        return;
    where = pci_read32(d, cap + MSIX_TABLE);
    if ((where & 7) >= PCI_BARS)
        return;
    m->n = (uint16_t)((pci_read16(d, cap + MSIX_CONTROL) & MSIX_CONTROL_SIZE) + 1);
    m->table = pci_map(&bars[where & 7], where & ~7u, m->n * MSIX_ENTRY_BYTES);
    if (m->table != NULL)
        m->cap = (uint8_t)cap;
}

void pci_msix_set(const struct pci_msix *m, unsigned i, uint64_t addr, uint32_t data)
{
    volatile uint8_t *entry = (volatile uint8_t *)m->table + i * MSIX_ENTRY_BYTES;

    mmio_write32(entry, (uint32_t)addr);
    mmio_write32(entry + 4, (uint32_t)(addr >> 32));
    mmio_write32(entry + 8, data);
    mmio_write32(entry + 12, 0); /* vector control: not masked */
}

void pci_msix_enable(const struct pci_dev *d, const struct pci_msix *m, bool on)
{
    pci_write16(d, m->cap + MSIX_CONTROL, on ? MSIX_CONTROL_ON : 0);
}
