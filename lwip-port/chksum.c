// SPDX-License-Identifier: BSD-3-Clause
/*
 * The Internet checksum [RFC 1071] over one piece of memory.
 *
 * The one's complement sum does not care how wide the words are that one adds, as long as carries
 * come back in at the bottom: 64-bit words, four independent sums, are four to eight times faster
 * than the 16-bit loops that lwIP brings. x86 reads words at any address; an odd start needs no
 * special case because the caller counts bytes from the start of the data, not from an even
 * address.
 */
#include <stdint.h>
#include "lwip/opt.h"
#include "lwip/def.h"

static uint64_t load64(const uint8_t *p)
{
    uint64_t v;
    __builtin_memcpy(&v, p, sizeof(v));
    return v;
}

static uint64_t add_carry(uint64_t sum, uint64_t v)
{
    sum += v;
    return sum + (sum < v);
}

u16_t netport_chksum(const void *data, int len)
{
    const uint8_t *p = data;
    uint64_t a = 0, b = 0, c = 0, d = 0;

    for (; len >= 32; len -= 32, p += 32) {
        a = add_carry(a, load64(p));
        b = add_carry(b, load64(p + 8));
        c = add_carry(c, load64(p + 16));
        d = add_carry(d, load64(p + 24));
    }
    for (; len >= 8; len -= 8, p += 8)
        a = add_carry(a, load64(p));
    if (len > 0) {
        uint64_t tail = 0; /* missing bytes count as zero */
        for (int i = 0; i < len; i++)
            tail |= (uint64_t)p[i] << (8 * i);
        b = add_carry(b, tail);
    }
    a = add_carry(add_carry(a, b), add_carry(c, d));
    a = (a >> 32) + (a & 0xffffffff);
    a = (a >> 16) + (a & 0xffff); /* at most 0x1fffd, */
    a = (a >> 16) + (a & 0xffff); /* 0xffff + 1, */
    a = (a >> 16) + (a & 0xffff); /* 0xffff */
    return (u16_t)a;
}
