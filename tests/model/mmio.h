// SPDX-License-Identifier: BSD-3-Clause
/*
 * kernel/mmio.h for the ring code under the model checker: each access to shared memory is an
 * event, before which the other side may have its steps.
 */
#ifndef MODEL_MMIO_H
#define MODEL_MMIO_H

#include <stdint.h>

uint64_t model_load(const volatile void *p, unsigned width);
void model_store(volatile void *p, unsigned width, uint64_t v);

static inline uint16_t shm_read16(const volatile uint16_t *p)
{
    return (uint16_t)model_load(p, 2);
}

static inline uint32_t shm_read32(const volatile uint32_t *p)
{
    return (uint32_t)model_load(p, 4);
}

static inline uint64_t shm_read64(const volatile uint64_t *p)
{
    return model_load(p, 8);
}

static inline void shm_write16(volatile uint16_t *p, uint16_t v)
{
    model_store(p, 2, v);
}

static inline void shm_write32(volatile uint32_t *p, uint32_t v)
{
    model_store(p, 4, v);
}

static inline void shm_write64(volatile uint64_t *p, uint64_t v)
{
    model_store(p, 8, v);
}

#endif
