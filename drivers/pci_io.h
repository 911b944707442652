// SPDX-License-Identifier: BSD-3-Clause
/*
 * Registers in a BAR, whichever kind it is: one access of exactly the named width each, at a byte
 * offset that the caller has compared with io->bytes.
 */
#ifndef DRIVERS_PCI_IO_H
#define DRIVERS_PCI_IO_H

#include <stddef.h>
#include "cpu.h"
#include "mmio.h"
#include "pci.h"

static inline uint16_t pci_io_port(const struct pci_io *io, uint32_t at)
{
    return (uint16_t)(io->port + at);
}

static inline uint8_t pci_io_read8(const struct pci_io *io, uint32_t at)
{
    return io->mem != NULL ? mmio_read8(io->mem + at) : cpu_in8(pci_io_port(io, at));
}

static inline uint16_t pci_io_read16(const struct pci_io *io, uint32_t at)
{
    return io->mem != NULL ? mmio_read16(io->mem + at) : cpu_in16(pci_io_port(io, at));
}

static inline uint32_t pci_io_read32(const struct pci_io *io, uint32_t at)
{
    return io->mem != NULL ? mmio_read32(io->mem + at) : cpu_in32(pci_io_port(io, at));
}

static inline void pci_io_write8(const struct pci_io *io, uint32_t at, uint8_t v)
{
    if (io->mem != NULL)
        mmio_write8(io->mem + at, v);
    else
        cpu_out8(pci_io_port(io, at), v);
}

static inline void pci_io_write16(const struct pci_io *io, uint32_t at, uint16_t v)
{
    if (io->mem != NULL)
        mmio_write16(io->mem + at, v);
    else
        cpu_out16(pci_io_port(io, at), v);
}

static inline void pci_io_write32(const struct pci_io *io, uint32_t at, uint32_t v)
{
    if (io->mem != NULL)
        mmio_write32(io->mem + at, v);
    else
        cpu_out32(pci_io_port(io, at), v);
}

#endif
