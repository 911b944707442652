// SPDX-License-Identifier: BSD-3-Clause
/*
 * kernel/mmio.h for code under test: each access to a register and to memory shared with the device
 * is a call. The simulated device answers them (sim_pci.c, sim_ring.c), or the test that takes its
 * place (tests/unit/test_ring_model.c).
 */
#ifndef SIM_MMIO_H
#define SIM_MMIO_H

#include <stdint.h>

uint32_t sim_mmio_read(const volatile void *p, unsigned width);
void sim_mmio_write(volatile void *p, unsigned width, uint32_t v);
uint64_t sim_shm_read(const volatile void *p, unsigned width);
void sim_shm_write(volatile void *p, unsigned width, uint64_t v);

/* Registers are reached through pointers to anything, shared memory through those of its type. */
#define SIM_ACCESS(kind, bits, pointee)                                                            \
    static inline uint##bits##_t kind##_read##bits(const volatile pointee *p)                      \
    {                                                                                              \
        return (uint##bits##_t)sim_##kind##_read(p, (bits) / 8);                                   \
    }                                                                                              \
    static inline void kind##_write##bits(volatile pointee *p, uint##bits##_t v)                   \
    {                                                                                              \
        sim_##kind##_write(p, (bits) / 8, v);                                                      \
    }

SIM_ACCESS(mmio, 8, void)
SIM_ACCESS(mmio, 16, void)
SIM_ACCESS(mmio, 32, void)
SIM_ACCESS(shm, 16, uint16_t)
SIM_ACCESS(shm, 32, uint32_t)
SIM_ACCESS(shm, 64, uint64_t)

#undef SIM_ACCESS

#endif
