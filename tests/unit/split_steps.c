// SPDX-License-Identifier: BSD-3-Clause
#include "split_steps.h"

int setup(void **state)
{
    (void)state;
    power_on(SIZE, 0);
    return 0;
}

void fields(unsigned q, uint16_t size)
{
    fields_at(q, size, 64, 128);
}

void queue(unsigned q)
{
    fields(q, SIZE);
    enable();
}

void up(uint64_t f)
{
    up_to_features(f);
    queue(0);
    queue(1);
    set_status(SIM_DRIVER_OK);
}

void desc_at(uint8_t *at, const void *p, uint32_t len, uint16_t flags, uint16_t next)
{
    shm_write64((uint64_t *)(void *)at, (uintptr_t)p);
    shm_write64((uint64_t *)(void *)(at + 8), len | (uint64_t)flags << 32 | (uint64_t)next << 48);
}

void desc(unsigned q, unsigned i, const void *p, uint32_t len, uint16_t flags)
{
    desc_at(ring[q] + 16 * i, p, len, flags, 0);
}

uint16_t *avail(unsigned q, unsigned i)
{
    return (uint16_t *)(void *)(ring[q] + 64) + i;
}

uint16_t *used(unsigned q, unsigned offset)
{
    return (uint16_t *)(void *)(ring[q] + 128 + offset);
}

void show(unsigned q, uint16_t idx)
{
    cpu_wmb();
    shm_write16(avail(q, 1), idx);
}

void post(unsigned q, unsigned i)
{
    desc(q, i, buf[q * SIZE + i], LEN, q == SIM_RXQ ? 2 : 0);
    shm_write16(avail(q, 2 + i), (uint16_t)i);
}

void posted(uint64_t f)
{
    up(f);
    for (unsigned q = 0; q < SIM_QUEUES; q++) {
        post(q, 0);
        show(q, 1);
        doorbell(q);
    }
}
