// SPDX-License-Identifier: BSD-3-Clause
/*
 * The test frame: what the generator writes into the payload of every UDP datagram, and what the
 * analyser reads out of it. One form for all sizes, so small that the smallest Ethernet frame
 * carries it:
 *
 *     byte  0       kind: 0xa1 a test frame, 0xa2 one that a reflector sent back
 *           1 -  2  run: a number drawn for each run; also the seed of the pattern
 *           3 -  4  flow: 0 ... 65535
 *           5 -  9  sequence: the low 40 bits; each flow of a run counts its frames from 0
 *          10 - 14  time of sending: the low 40 bits of the sender's clock, ns
 *          15 - 17  check
 *          18 -     pattern, to the end of the datagram; of a reflected frame with room for it
 *                   18 - 25 and 26 - 33 are the reflector's times of receiving and of sending, 64
 *                   bits, ns, and the pattern goes on behind them
 *
 * Numbers are big-endian. 40 bits of time are 18 minutes, 40 bits of sequence are 42 days at
 * 300,000 frames/s: testframe_extend() makes 64 of them, given any that is less than half as far
 * away. Bytes 18 + 8k ... 25 + 8k of the pattern are the k-th word of splitmix(run), little-endian,
 * so that a receiver can tell which byte of a corrupt frame is wrong.
 *
 * The check covers every byte of the payload and how many there are: a frame in which anything was
 * changed or cut off has the same one by a chance of 2^-24. It does not cover the headers below:
 * addresses, TTL and DSCP may be rewritten on the way, and ports, addresses and payload once more
 * are UDP's own checksum's, which notices every single wrong byte. Both hold on a sound frame.
 *
 *     fold(a, b) = high 64 bits of a * b  xor  low 64 bits
 *     fill  = K0 ^ length of the payload;
 *             for every 16 bytes behind byte 17, zeros at the end, as two little-endian words u, v:
 *             fill = fold(u ^ K1, v ^ fill)
 *     check = the high 24 bits of fold(A ^ K2, B ^ fill), A and B bytes 0 - 7 and 8 - 15 as
 *             big-endian words, the byte of the check in B as 0
 *
 * The pattern's part is the same for every frame of a run and a size, so a sender computes it once.
 */
#ifndef APPS_TESTFRAME_H
#define APPS_TESTFRAME_H

#include <stdbool.h>
#include <stdint.h>
#include "bytes.h"

/* The UDP port that test frames go to. */
#define TESTFRAME_PORT 8862

/* Bytes of payload: the least there is. A frame without VLAN tag and FCS then has 60 over IPv4,
 * the smallest that Ethernet allows, and 80 over IPv6. */
#define TESTFRAME_BYTES 18
/* From here on a reflected one has the reflector's times. */
#define TESTFRAME_TIMES_BYTES 34

#define TESTFRAME_BITS        40 /* of sequence and time */
#define TESTFRAME_MASK        ((1ull << TESTFRAME_BITS) - 1)

enum testframe_kind { TESTFRAME_SENT = 0xa1, TESTFRAME_REFLECTED = 0xa2 };

struct testframe {
    uint64_t seq;     /* of these two the low 40 bits count */
    uint64_t time_ns; /* when it was sent */
    uint16_t run, flow;
    uint8_t kind; /* enum testframe_kind */
};

/* The constants of the check. K2 begins with a byte that is no kind, so that A ^ K2 is never 0. */
#define TESTFRAME_K0 0x8f1bbcdc5a827999ull
#define TESTFRAME_K1 0xca62c1d66ed9eba1ull
#define TESTFRAME_K2 0x3c6ef372510e527full

static inline uint64_t testframe_fold(uint64_t a, uint64_t b)
{
    const unsigned __int128 product = (unsigned __int128)a * b;

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* The first 16 bytes as two words, without the check: what changes with the flow and every 65,536
 * frames of it, and what changes with every frame. */
static inline uint64_t testframe_a(const struct testframe *f)
{
    return (uint64_t)f->kind << 56 | (uint64_t)f->run << 40 | ((uint64_t)f->flow & 0xffff) << 24 |
           (f->seq & TESTFRAME_MASK) >> 16;
}

static inline uint64_t testframe_b(const struct testframe *f)
{
    return f->seq << 48 | (f->time_ns & TESTFRAME_MASK) << 8;
}

/* 24 bits; `fill` is testframe_fill() of the same payload. */
static inline uint32_t testframe_check(uint64_t a, uint64_t b, uint64_t fill)
{
    return (uint32_t)(testframe_fold(a ^ TESTFRAME_K2, b ^ fill) >> 40);
}

/* The last four bytes: the check is in three of its own, the first of them b's last. */
static inline uint32_t testframe_end(uint64_t b, uint32_t check)
{
    return (uint32_t)(b << 16) | check;
}

/* Writes the first 18 bytes. */
static inline void testframe_put(uint8_t *payload, uint64_t a, uint64_t b, uint32_t end)
{
    const uint64_t a_be = __builtin_bswap64(a), b_be = __builtin_bswap64(b);
    const uint32_t end_be = __builtin_bswap32(end);

    __builtin_memcpy(payload, &a_be, sizeof(a_be));
    __builtin_memcpy(payload + 8, &b_be, sizeof(b_be));
    __builtin_memcpy(payload + 14, &end_be, sizeof(end_be));
}

/* What they add to the sum of UDP's checksum, which is folded to 16 bits in the end, and in which a
 * bit counts as much as the one 16 places above: this, for the words, and the check as it is. */
static inline uint32_t testframe_sum(uint64_t word)
{
    return (uint32_t)((word >> 48) + (word >> 32 & 0xffff) + (word >> 16 & 0xffff) +
                      (word & 0xffff));
}

/* Fills the payload of so many bytes (>= TESTFRAME_BYTES) with the run's pattern, from byte 18 on.
 */
void testframe_pattern(uint8_t *payload, uint32_t bytes, uint16_t run);

/* What the check has of everything behind the first 18 bytes, and of the length. */
uint64_t testframe_fill_behind(const uint8_t *payload, uint32_t bytes);
static inline uint64_t testframe_fill(const uint8_t *payload, uint32_t bytes)
{
    return bytes == TESTFRAME_BYTES ? TESTFRAME_K0 ^ bytes : testframe_fill_behind(payload, bytes);
}

/* Writes the first 18 bytes of a payload that has its pattern already. */
void testframe_write(uint8_t *payload, uint32_t bytes, const struct testframe *f);

/* Reads a payload as received. False: it is shorter than 18 bytes, of another kind, or its check
 * is wrong; *f has then what was to be read of it (zeros if it is too short), to be believed by
 * nobody. */
bool testframe_read(const uint8_t *payload, uint32_t bytes, struct testframe *f);

static inline uint64_t testframe_word(const uint8_t *p)
{
    return __builtin_bswap64(load64(p));
}

/* The same, for whoever reads very many. */
static inline bool testframe_read_here(const uint8_t *payload, uint32_t bytes, struct testframe *f)
{
    uint64_t a, b;
    uint32_t check;

    if (bytes < TESTFRAME_BYTES) {
        *f = (struct testframe){0};
        return false;
    }
    a = testframe_word(payload);
    b = testframe_word(payload + 8);
    f->kind = (uint8_t)(a >> 56);
    f->run = (uint16_t)(a >> 40);
    f->flow = (uint16_t)(a >> 24);
    f->seq = (a & 0xffffff) << 16 | b >> 48;
    f->time_ns = b >> 8 & TESTFRAME_MASK;
    check = (uint32_t)(b & 0xff) << 16 | (uint32_t)payload[16] << 8 | payload[17];
    return (f->kind == TESTFRAME_SENT || f->kind == TESTFRAME_REFLECTED) &&
           check == testframe_check(a, b & ~0xffull, testframe_fill(payload, bytes));
}

/* Of a payload of at least 18 bytes that testframe_read() said to be wrong: the first byte of the
 * pattern of that run that is not as it was sent; `bytes` if all are, so that the error lies in the
 * first 18 or in the length. */
uint32_t testframe_wrong(const uint8_t *payload, uint32_t bytes, uint16_t run);

/* Makes of a sound test frame its own answer: its kind, the two times where they fit, the check.
 * UDP's checksum is the caller's. */
void testframe_reflect(uint8_t *payload, uint32_t bytes, uint64_t received_ns, uint64_t sent_ns);

/* The two times of a sound reflected frame; false: it is too short for them. */
bool testframe_times(const uint8_t *payload, uint32_t bytes, uint64_t *received_ns,
                     uint64_t *sent_ns);

/* The number with these low 40 bits that is nearest to `near`; none is below 0. */
static inline uint64_t testframe_extend(uint64_t low, uint64_t near)
{
    const uint64_t half = 1ull << (TESTFRAME_BITS - 1), span = 2 * half;
    const uint64_t ahead = (low - near) & TESTFRAME_MASK; /* of near, if it is not behind */

    return ahead < half || near + ahead < span ? near + ahead : near + ahead - span;
}

#endif
