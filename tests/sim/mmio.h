// SPDX-License-Identifier: BSD-3-Clause
/*
 * kernel/mmio.h for drivers under test: registers lead to the simulated device, and each access to
 * memory shared with it is seen by its monitor.
 */
#ifndef SIM_MMIO_H
#define SIM_MMIO_H

#include <stdint.h>

uint32_t sim_mmio_read(const volatile void *p, unsigned width);
void sim_mmio_write(volatile void *p, unsigned width, uint32_t v);
uint64_t sim_shm_read(const volatile void *p, unsigned width);
void sim_shm_write(volatile void *p, unsigned width, uint64_t v);

static inline uint8_t mmio_read8(const volatile void *p)
{
    return (uint8_t)sim_mmio_read(p, 1);
}

static inline uint16_t mmio_read16(const volatile void *p)
{
    return (uint16_t)sim_mmio_read(p, 2);
}

static inline uint32_t mmio_read32(const volatile void *p)
{
    return sim_mmio_read(p, 4);
}

static inline void mmio_write8(volatile void *p, uint8_t v)
{
    sim_mmio_write(p, 1, v);
}

static inline void mmio_write16(volatile void *p, uint16_t v)
{
    sim_mmio_write(p, 2, v);
}

static inline void mmio_write32(volatile void *p, uint32_t v)
{
    sim_mmio_write(p, 4, v);
}

static inline uint16_t shm_read16(const volatile uint16_t *p)
{
    return (uint16_t)sim_shm_read(p, 2);
}

static inline uint32_t shm_read32(const volatile uint32_t *p)
{
    return (uint32_t)sim_shm_read(p, 4);
}

static inline uint64_t shm_read64(const volatile uint64_t *p)
{
    return sim_shm_read(p, 8);
}

static inline void shm_write16(volatile uint16_t *p, uint16_t v)
{
    sim_shm_write(p, 2, v);
}

static inline void shm_write32(volatile uint32_t *p, uint32_t v)
{
    sim_shm_write(p, 4, v);
}

static inline void shm_write64(volatile uint64_t *p, uint64_t v)
{
    sim_shm_write(p, 8, v);
}

#endif
