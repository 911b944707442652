// SPDX-License-Identifier: BSD-3-Clause
/*
 * Access to memory that somebody else also reads or writes: device registers (mmio_*) and ring
 * memory shared with a device (shm_*). One access of exactly the named width each, never torn,
 * repeated or left out by the compiler [virtio 4.1.3.1]. Ordering is the caller's job (cpu.h).
 *
 * tests/sim/mmio.h has the same names, backed by the simulated device.
 */
#ifndef KERNEL_MMIO_H
#define KERNEL_MMIO_H

#include <stdint.h>

static inline uint8_t mmio_read8(const volatile void *p)
{
    return *(const volatile uint8_t *)p;
}

static inline uint16_t mmio_read16(const volatile void *p)
{
    return *(const volatile uint16_t *)p;
}

static inline uint32_t mmio_read32(const volatile void *p)
{
    return *(const volatile uint32_t *)p;
}

static inline void mmio_write8(volatile void *p, uint8_t v)
{
    *(volatile uint8_t *)p = v;
}

static inline void mmio_write16(volatile void *p, uint16_t v)
{
    *(volatile uint16_t *)p = v;
}

static inline void mmio_write32(volatile void *p, uint32_t v)
{
    *(volatile uint32_t *)p = v;
}

static inline uint16_t shm_read16(const volatile uint16_t *p)
{
    return *p;
}

static inline uint32_t shm_read32(const volatile uint32_t *p)
{
    return *p;
}

static inline uint64_t shm_read64(const volatile uint64_t *p)
{
    return *p;
}

static inline void shm_write16(volatile uint16_t *p, uint16_t v)
{
    *p = v;
}

static inline void shm_write32(volatile uint32_t *p, uint32_t v)
{
    *p = v;
}

static inline void shm_write64(volatile uint64_t *p, uint64_t v)
{
    *p = v;
}

#endif
