// SPDX-License-Identifier: BSD-3-Clause
/*
 * The Internet checksum [RFC 1071] over one piece of memory.
 *
 * The one's complement sum does not care how wide the words are that one adds, as long as carries
 * come back in at the bottom: 64-bit words, in independent sums, are four to eight times faster
 * than the 16-bit loops that lwIP brings. x86 reads words at any address; an odd start needs no
 * special case because the caller counts bytes from the start of the data, not from an even
 * address.
 *
 * The compiler makes two instructions a word of this, an addition and one of its carry. A chain of
 * `adc` would be one, and takes twice the time under emulation, where each needs the carry of the
 * one before worked out.
 */
#include <stdbool.h>
#include <stdint.h>
#include "lwip/opt.h"
#include "lwip/def.h"
#include "bytes.h"

static uint64_t add_carry(uint64_t sum, uint64_t v)
{
    sum += v;
    return sum + (sum < v);
}

/* The n last bytes of whole words, 1 to 7, as the word that they begin; missing ones count as zero.
 */
static uint64_t last_bytes(const uint8_t *p, unsigned n, bool behind_a_word)
{
    uint64_t v = 0;

    if (behind_a_word)
        return load64(p + n - 8) >> (64 - 8 * n);
    for (unsigned i = 0; i < n; i++)
        v |= (uint64_t)p[i] << (8 * i);
    return v;
}

/* Bytes that are summed in one turn. */
#define BLOCK 64u

/* Of whole blocks: apart, because most pieces are headers and need none of its registers. */
static __attribute__((noinline)) uint64_t blocks(const uint8_t *p, const uint8_t *end)
{
    uint64_t a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0;

    for (; p != end; p += BLOCK) {
        a = add_carry(a, load64(p));
        b = add_carry(b, load64(p + 8));
        c = add_carry(c, load64(p + 16));
        d = add_carry(d, load64(p + 24));
        e = add_carry(e, load64(p + 32));
        f = add_carry(f, load64(p + 40));
        g = add_carry(g, load64(p + 48));
        h = add_carry(h, load64(p + 56));
    }
    return add_carry(add_carry(add_carry(a, b), add_carry(c, d)),
                     add_carry(add_carry(e, f), add_carry(g, h)));
}

u16_t netport_chksum(const void *data, int len)
{
    const uint8_t *p = data;
    unsigned n = (unsigned)len;
    uint64_t a = 0;
    uint32_t fold;

    if (n >= BLOCK) {
        a = blocks(p, p + n / BLOCK * BLOCK);
        p += n / BLOCK * BLOCK;
        n %= BLOCK;
    }
    for (; n >= 8; n -= 8, p += 8)
        a = add_carry(a, load64(p));
    if (n > 0)
        a = add_carry(a, last_bytes(p, n, len >= 8));
    fold = (uint32_t)a + (uint32_t)(a >> 32);
    fold += fold < (uint32_t)a;
    fold = (fold >> 16) + (fold & 0xffff);          /* at most 0x1fffe, */
    return (u16_t)((fold >> 16) + (fold & 0xffff)); /* 0xffff */
}
