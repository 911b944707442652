// SPDX-License-Identifier: BSD-3-Clause
/*
 * Memory and string functions.
 *
 * Copies and fills are loops of 8-byte words, four a turn, and no `rep`: emulators, and CPUs
 * without fast strings, run `rep movs` a byte at a time. x86 reads and writes unaligned words at
 * full speed, so nothing is aligned first; a remainder is one more word, overlapping the one
 * before.
 *
 * This file is compiled with -fno-tree-loop-distribute-patterns: the compiler would otherwise find
 * that the loop in memcpy() is a memcpy and call it.
 */
#include "string.h"

#include <stdint.h>

/* Words at any address, of any effective type. */
typedef uint64_t __attribute__((may_alias, aligned(1))) word64;
typedef uint32_t __attribute__((may_alias, aligned(1))) word32;
typedef uint16_t __attribute__((may_alias, aligned(1))) word16;

/* 1 to 15 bytes, overlapping or not: everything is loaded before anything is stored. */
static inline void move_short(uint8_t *d, const uint8_t *s, size_t n)
{
    if (n >= 8) {
        uint64_t first = *(const word64 *)s, last = *(const word64 *)(s + n - 8);
        *(word64 *)d = first;
        *(word64 *)(d + n - 8) = last;
    } else if (n >= 4) {
        uint32_t first = *(const word32 *)s, last = *(const word32 *)(s + n - 4);
        *(word32 *)d = first;
        *(word32 *)(d + n - 4) = last;
    } else if (n >= 2) {
        uint16_t first = *(const word16 *)s, last = *(const word16 *)(s + n - 2);
        *(word16 *)d = first;
        *(word16 *)(d + n - 2) = last;
    } else if (n == 1) {
        *d = *s;
    }
}

/* 16 bytes or more, upwards. Right for dst below src even when they overlap: a store only reaches
 * source bytes that were loaded before, but for the last word, which is therefore loaded first. */
static inline void move_up(uint8_t *d, const uint8_t *s, size_t n)
{
    uint64_t last = *(const word64 *)(s + n - 8);
    uint8_t *last_d = d + n - 8;

    for (; n >= 32; n -= 32, d += 32, s += 32) {
        uint64_t a = *(const word64 *)s, b = *(const word64 *)(s + 8);
        uint64_t c = *(const word64 *)(s + 16), e = *(const word64 *)(s + 24);
        *(word64 *)d = a;
        *(word64 *)(d + 8) = b;
        *(word64 *)(d + 16) = c;
        *(word64 *)(d + 24) = e;
    }
    if (n & 16) {
        uint64_t a = *(const word64 *)s, b = *(const word64 *)(s + 8);
        *(word64 *)d = a;
        *(word64 *)(d + 8) = b;
        d += 16;
        s += 16;
    }
    if (n & 8)
        *(word64 *)d = *(const word64 *)s;
    *(word64 *)last_d = last;
}

/* The same downwards, for dst above src. */
static inline void move_down(uint8_t *d, const uint8_t *s, size_t n)
{
    uint64_t first = *(const word64 *)s;

    for (; n >= 32; n -= 32) {
        uint64_t a = *(const word64 *)(s + n - 8), b = *(const word64 *)(s + n - 16);
        uint64_t c = *(const word64 *)(s + n - 24), e = *(const word64 *)(s + n - 32);
        *(word64 *)(d + n - 8) = a;
        *(word64 *)(d + n - 16) = b;
        *(word64 *)(d + n - 24) = c;
        *(word64 *)(d + n - 32) = e;
    }
    for (; n >= 8; n -= 8)
        *(word64 *)(d + n - 8) = *(const word64 *)(s + n - 8);
    *(word64 *)d = first;
}

void *memcpy(void *restrict dst, const void *restrict src, size_t n)
{
    if (n < 16)
        move_short(dst, src, n);
    else
        move_up(dst, src, n);
    return dst;
}

void *memmove(void *dst, const void *src, size_t n)
{
    if (n < 16)
        move_short(dst, src, n);
    else if ((uintptr_t)dst - (uintptr_t)src >= n) /* below src, or behind its end */
        move_up(dst, src, n);
    else
        move_down(dst, src, n);
    return dst;
}

void *memset(void *dst, int value, size_t n)
{
    uint8_t *d = dst;
    uint64_t v = 0x0101010101010101ull * (uint8_t)value;

    if (n < 8) {
        for (; n > 0; n--)
            *d++ = (uint8_t)value;
        return dst;
    }
    *(word64 *)(d + n - 8) = v;
    for (; n >= 32; n -= 32, d += 32) {
        *(word64 *)d = v;
        *(word64 *)(d + 8) = v;
        *(word64 *)(d + 16) = v;
        *(word64 *)(d + 24) = v;
    }
    for (; n >= 8; n -= 8, d += 8)
        *(word64 *)d = v;
    return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
    const uint8_t *p = a, *q = b;

    for (; n >= 8 && *(const word64 *)p == *(const word64 *)q; n -= 8, p += 8, q += 8)
        ;
    for (; n > 0; n--, p++, q++)
        if (*p != *q)
            return *p - *q;
    return 0;
}

void *memchr(const void *s, int c, size_t n)
{
    const uint8_t *p = s;

    for (; n > 0; n--, p++)
        if (*p == (uint8_t)c)
            return (void *)(uintptr_t)p;
    return NULL;
}

size_t strlen(const char *s)
{
    const char *end = s;

    while (*end != '\0')
        end++;
    return (size_t)(end - s);
}

size_t strnlen(const char *s, size_t max)
{
    size_t n = 0;

    while (n < max && s[n] != '\0')
        n++;
    return n;
}

int strcmp(const char *a, const char *b)
{
    while (*a != '\0' && *a == *b)
        a++, b++;
    return (uint8_t)*a - (uint8_t)*b;
}

int strncmp(const char *a, const char *b, size_t n)
{
    for (; n > 0; n--, a++, b++)
        if (*a != *b || *a == '\0')
            return (uint8_t)*a - (uint8_t)*b;
    return 0;
}

char *strchr(const char *s, int c)
{
    for (;; s++) {
        if (*s == (char)c)
            return (char *)(uintptr_t)s;
        if (*s == '\0')
            return NULL;
    }
}

char *strncpy(char *restrict dst, const char *restrict src, size_t n)
{
    size_t len = strnlen(src, n);

    memcpy(dst, src, len);
    memset(dst + len, 0, n - len);
    return dst;
}
