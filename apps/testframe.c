// SPDX-License-Identifier: BSD-3-Clause
/*
 * Test frames: pattern, check, reading. See testframe.h for the format.
 */
#include "testframe.h"

#include "splitmix.h"
#include "string.h"

#define WORD 8u

static void store64_be(uint8_t *p, uint64_t v)
{
    v = __builtin_bswap64(v);
    __builtin_memcpy(p, &v, sizeof(v));
}

static uint8_t pattern_byte(uint16_t run, uint32_t at)
{
    const uint32_t place = at - TESTFRAME_BYTES;

    return (uint8_t)(splitmix(run, place / WORD) >> (8 * (place % WORD)));
}

void testframe_pattern(uint8_t *payload, uint32_t bytes, uint16_t run)
{
    for (uint32_t at = TESTFRAME_BYTES; at < bytes; at++)
        payload[at] = pattern_byte(run, at);
}

uint64_t testframe_fill_behind(const uint8_t *payload, uint32_t bytes)
{
    uint64_t fill = TESTFRAME_K0 ^ bytes;
    uint32_t at = TESTFRAME_BYTES;

    for (; at + 2 * WORD <= bytes; at += 2 * WORD)
        fill =
            testframe_fold(load64(payload + at) ^ TESTFRAME_K1, load64(payload + at + WORD) ^ fill);
    if (at < bytes) {
        uint8_t rest[2 * WORD] = {0};

        memcpy(rest, payload + at, bytes - at);
        fill = testframe_fold(load64(rest) ^ TESTFRAME_K1, load64(rest + WORD) ^ fill);
    }
    return fill;
}

void testframe_write(uint8_t *payload, uint32_t bytes, const struct testframe *f)
{
    const uint64_t a = testframe_a(f), b = testframe_b(f);
    const uint32_t check = testframe_check(a, b, testframe_fill(payload, bytes));

    testframe_put(payload, a, b, testframe_end(b, check));
}

bool testframe_read(const uint8_t *payload, uint32_t bytes, struct testframe *f)
{
    *f = (struct testframe){0};
    return testframe_read_here(payload, bytes, f);
}

uint32_t testframe_wrong(const uint8_t *payload, uint32_t bytes, uint16_t run)
{
    const bool times = payload[0] == TESTFRAME_REFLECTED && bytes >= TESTFRAME_TIMES_BYTES;
    uint32_t at = times ? TESTFRAME_TIMES_BYTES : TESTFRAME_BYTES;

    while (at < bytes && payload[at] == pattern_byte(run, at))
        at++;
    return at;
}

void testframe_reflect(uint8_t *payload, uint32_t bytes, uint64_t received_ns, uint64_t sent_ns)
{
    struct testframe f;

    testframe_read(payload, bytes, &f);
    f.kind = TESTFRAME_REFLECTED;
    if (bytes >= TESTFRAME_TIMES_BYTES) {
        store64_be(payload + TESTFRAME_BYTES, received_ns);
        store64_be(payload + TESTFRAME_BYTES + WORD, sent_ns);
    }
    testframe_write(payload, bytes, &f);
}

bool testframe_times(const uint8_t *payload, uint32_t bytes, uint64_t *received_ns,
                     uint64_t *sent_ns)
{
    if (bytes < TESTFRAME_TIMES_BYTES)
        return false;
    *received_ns = testframe_word(payload + TESTFRAME_BYTES);
    *sent_ns = testframe_word(payload + TESTFRAME_BYTES + WORD);
    return true;
}
