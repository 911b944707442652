// SPDX-License-Identifier: BSD-3-Clause
/*
 * What lwIP wants to know about compiler and platform. Included by every lwIP header.
 *
 * lwIP's asserts stay on and end in panic(): they state lwIP's own invariants. What a peer sends
 * must never reach one; ethif.c keeps the frames out that would, and the unit tests fuzz for the
 * rest.
 */
#ifndef LWIP_PORT_ARCH_CC_H
#define LWIP_PORT_ARCH_CC_H

#include "console.h"
#include "panic.h"
#include "rand.h"

/* No libc: lwIP's own isdigit() and friends. */
#define LWIP_NO_CTYPE_H    1
#define LWIP_NO_INTTYPES_H 1

#define X8_F               "02x"
#define U16_F              "u"
#define S16_F              "d"
#define X16_F              "x"
#define U32_F              "u"
#define S32_F              "d"
#define X32_F              "x"
#define SZT_F              "zu"

#define LWIP_PLATFORM_DIAG(x)                                                                      \
    do {                                                                                           \
        kdebug x;                                                                                  \
    } while (0)
#define LWIP_PLATFORM_ASSERT(x) panic("lwip: %s (%s:%d)", x, __FILE__, __LINE__)

/* One instruction each, instead of lwIP's functions. */
#define lwip_htons(x) __builtin_bswap16(x)
#define lwip_htonl(x) __builtin_bswap32(x)

#define LWIP_RAND()   rand_u32()

/* The pools need no zeroed memory: their elements are written before they are read. */
#define LWIP_DECLARE_MEMORY_ALIGNED(name, size)                                                    \
    u8_t name[size] __attribute__((aligned(64), section(".noinit")))

#endif
