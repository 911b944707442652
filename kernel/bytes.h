// SPDX-License-Identifier: BSD-3-Clause
/*
 * Numbers at any place in a frame, in the machine's order, and stations' addresses. Each is one
 * instruction: a plain access would have to be aligned, and memcpy() would be called.
 */
#ifndef KERNEL_BYTES_H
#define KERNEL_BYTES_H

#include <stdbool.h>
#include <stdint.h>

static inline uint16_t load16(const uint8_t *p)
{
    uint16_t v;

    __builtin_memcpy(&v, p, sizeof(v));
    return v;
}

static inline uint32_t load32(const uint8_t *p)
{
    uint32_t v;

    __builtin_memcpy(&v, p, sizeof(v));
    return v;
}

static inline uint64_t load64(const uint8_t *p)
{
    uint64_t v;

    __builtin_memcpy(&v, p, sizeof(v));
    return v;
}

static inline void store16(uint8_t *p, uint16_t v)
{
    __builtin_memcpy(p, &v, sizeof(v));
}

static inline bool same_station(const uint8_t a[6], const uint8_t b[6])
{
    return load32(a) == load32(b) && load16(a + 4) == load16(b + 4);
}

#endif
