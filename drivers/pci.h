// SPDX-License-Identifier: BSD-3-Clause
/*
 * PCI: configuration space through mechanism #1 (ports 0xcf8 and 0xcfc), the bus, BARs,
 * capabilities, MSI-X.
 *
 * Nothing a device says is believed without a bound: the bus scan visits each bus once, a
 * capability list is walked for no more steps than it can have entries, a BAR has a size before it
 * is mapped. Root buses other than 0 are found only through bridges.
 */
#ifndef DRIVERS_PCI_H
#define DRIVERS_PCI_H

#include <stdbool.h>
#include <stdint.h>

struct pci_dev {
    uint8_t bus, slot, fn;
    uint16_t vendor, device;
};

struct pci_bar {
    uint64_t base;
    uint64_t size; /* bytes; 0 = there is no such BAR, or the firmware gave it no address */
    bool io;       /* ports, not memory */
};

/* Part of a BAR, mapped: memory, or ports. See pci_io.h for how it is accessed. */
struct pci_io {
    volatile uint8_t *mem; /* NULL: ports */
    uint16_t port;         /* the first, where mem is NULL */
    uint32_t bytes;        /* 0: nothing */
};

/* The base of a message-signalled vector table, mapped. */
struct pci_msix {
    uint8_t cap;          /* its capability's offset; 0 = none that works */
    uint16_t n;           /* vectors in the table, 1..2048 */
    volatile void *table; /* n entries of 16 bytes */
};

enum { PCI_BARS = 6, PCI_CAP_VENDOR = 0x09, PCI_CAP_MSIX = 0x11 };

uint8_t pci_read8(const struct pci_dev *d, unsigned offset);
uint16_t pci_read16(const struct pci_dev *d, unsigned offset);
uint32_t pci_read32(const struct pci_dev *d, unsigned offset);
void pci_write16(const struct pci_dev *d, unsigned offset, uint16_t v);
void pci_write32(const struct pci_dev *d, unsigned offset, uint32_t v);

/* The functions of this vendor for which want(device id) is true, in bus order, at most max. */
unsigned pci_find(uint16_t vendor, bool (*want)(uint16_t device), struct pci_dev *out,
                  unsigned max);

/* Offset of the next capability `id` behind the one at `after` (0: from the start); 0 = none. At
 * least four bytes of it lie inside configuration space. */
unsigned pci_cap_next(const struct pci_dev *d, uint8_t id, unsigned after);

/* All BARs as the firmware placed them; the upper half of a 64-bit one reads as none. Decoding is
 * off for a moment. */
void pci_read_bars(const struct pci_dev *d, struct pci_bar bars[PCI_BARS]);

/* Maps `len` bytes at `offset` of a memory BAR. NULL if they do not lie inside it. */
volatile void *pci_map(const struct pci_bar *bar, uint64_t offset, uint64_t len);

/* Maps `len` bytes (at least one) at `offset` of a BAR of either kind. False if they do not lie
 * inside it. */
bool pci_map_io(const struct pci_bar *bar, uint64_t offset, uint32_t len, struct pci_io *io);

/* Answers at the addresses of its BARs; INTx and bus mastering off. */
void pci_decode(const struct pci_dev *d, const struct pci_bar bars[PCI_BARS]);

/* The function may read and write memory, or not. */
void pci_bus_master(const struct pci_dev *d, bool on);

/* The interrupt controller's line that the firmware says its pin leads to; 0xff: it has no pin. */
uint8_t pci_irq_line(const struct pci_dev *d);

/* Its pin may raise that line, or not. */
void pci_intx(const struct pci_dev *d, bool on);

/* Looks for MSI-X and maps its table. */
void pci_msix_find(const struct pci_dev *d, const struct pci_bar bars[PCI_BARS],
                   struct pci_msix *m);

/* Entry i raises what `addr` and `data` say; unmasked. i < m->n. */
void pci_msix_set(const struct pci_msix *m, unsigned i, uint64_t addr, uint32_t data);

/* Switches the function from INTx to MSI-X or back. */
void pci_msix_enable(const struct pci_dev *d, const struct pci_msix *m, bool on);

#endif
