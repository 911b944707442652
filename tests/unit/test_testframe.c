// SPDX-License-Identifier: BSD-3-Clause
/*
 * The test frame: every field there and back, every wrong byte noticed and located, the format held
 * against one written out by hand.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>
#include "testframe.h"

#define MOST 9000u

static uint8_t payload[MOST];

static const struct testframe sample = {.seq = 0x0102030405ull,
                                        .time_ns = 0xa0b0c0d0e0ull,
                                        .run = 0x1234,
                                        .flow = 0x5678,
                                        .kind = TESTFRAME_SENT};

static void make(uint32_t bytes, const struct testframe *f)
{
    testframe_pattern(payload, bytes, f->run);
    testframe_write(payload, bytes, f);
}

static void fields_come_back_from_frames_of_every_length(void **state)
{
    struct testframe f;

    (void)state;
    for (uint32_t bytes = TESTFRAME_BYTES; bytes <= MOST; bytes++) {
        make(bytes, &sample);
        assert_true(testframe_read(payload, bytes, &f));
        assert_memory_equal(&f, &sample, sizeof(f));
    }
}

/* Worked out apart from this code, from the description of the format. */
static void bytes_are_those_of_the_format(void **state)
{
    static const uint8_t small[] = {0xa1, 0x12, 0x34, 0x56, 0x78, 0x01, 0x02, 0x03, 0x04,
                                    0x05, 0xa0, 0xb0, 0xc0, 0xd0, 0xe0, 0x34, 0x4d, 0xd8};
    static const uint8_t larger[] = {
        0xa1, 0x12, 0x34, 0x56, 0x78, 0x01, 0x02, 0x03, 0x04, 0x05, 0xa0, 0xb0, 0xc0, 0xd0,
        0xe0, 0xd2, 0xa9, 0x5c, 0x88, 0x38, 0xe2, 0xd5, 0x87, 0x2f, 0x64, 0x5f, 0xb5, 0x4c,
        0x03, 0x3d, 0x53, 0x78, 0x4d, 0x5a, 0xa6, 0xa5, 0x35, 0xea, 0xda, 0xff, 0x85};

    (void)state;
    make(sizeof(small), &sample);
    assert_memory_equal(payload, small, sizeof(small));
    make(sizeof(larger), &sample);
    assert_memory_equal(payload, larger, sizeof(larger));
}

static void high_bits_of_sequence_and_time_do_not_spill(void **state)
{
    struct testframe high = sample, f;

    (void)state;
    high.seq |= ~TESTFRAME_MASK;
    high.time_ns |= ~TESTFRAME_MASK;
    make(60, &high);
    assert_true(testframe_read(payload, 60, &f));
    assert_memory_equal(&f, &sample, sizeof(f));
}

static void every_wrong_byte_is_noticed(uint32_t bytes)
{
    struct testframe f;

    make(bytes, &sample);
    for (uint32_t at = 0; at < bytes; at++) {
        for (unsigned flip = 1; flip < 256; flip++) {
            payload[at] ^= (uint8_t)flip;
            assert_false(testframe_read(payload, bytes, &f));
            payload[at] ^= (uint8_t)flip;
        }
    }
    assert_true(testframe_read(payload, bytes, &f));
}

static void a_wrong_byte_anywhere_is_noticed(void **state)
{
    (void)state;
    every_wrong_byte_is_noticed(TESTFRAME_BYTES);
    every_wrong_byte_is_noticed(35);
    every_wrong_byte_is_noticed(548);
}

static void two_bytes_that_changed_places_are_noticed(void **state)
{
    struct testframe f;

    (void)state;
    make(200, &sample);
    for (uint32_t i = 0; i < 200; i++) {
        for (uint32_t k = i + 1; k < 200; k++) {
            const uint8_t a = payload[i], b = payload[k];

            payload[i] = b;
            payload[k] = a;
            assert_int_equal(testframe_read(payload, 200, &f), a == b);
            payload[i] = a;
            payload[k] = b;
        }
    }
}

/* A frame that lost or gained bytes at its end, zeros among them. */
static void another_length_is_noticed(void **state)
{
    struct testframe f;

    (void)state;
    for (uint32_t bytes = TESTFRAME_BYTES; bytes < 100; bytes++) {
        memset(payload, 0, 200);
        make(bytes, &sample);
        for (uint32_t other = 0; other < 200; other++)
            assert_int_equal(testframe_read(payload, other, &f), other == bytes);
    }
}

static void a_wrong_byte_is_located(void **state)
{
    (void)state;
    make(300, &sample);
    assert_int_equal(testframe_wrong(payload, 300, sample.run), 300);
    for (uint32_t at = 0; at < 300; at++) {
        payload[at] ^= 0x10;
        assert_int_equal(testframe_wrong(payload, 300, sample.run),
                         at < TESTFRAME_BYTES ? 300 : at);
        payload[at] ^= 0x10;
    }
}

static void runs_differ_in_their_pattern(void **state)
{
    uint8_t other[200];
    unsigned same = 0;

    (void)state;
    testframe_pattern(other, sizeof(other), 1);
    testframe_pattern(payload, sizeof(other), 2);
    for (unsigned i = TESTFRAME_BYTES; i < sizeof(other); i++)
        same += other[i] == payload[i];
    assert_true(same < 10);
}

static void another_kind_is_refused(void **state)
{
    struct testframe f = sample;

    (void)state;
    f.kind = 0xa3;
    make(60, &f);
    assert_false(testframe_read(payload, 60, &f));
}

static uint16_t sum_of(const uint8_t *p, uint32_t n)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < n; i++)
        sum += (uint64_t)p[i] << (i % 2 == 0 ? 8 : 0);
    while (sum > 0xffff)
        sum = (sum >> 16) + (sum & 0xffff);
    return (uint16_t)sum;
}

static void sum_is_that_of_the_bytes(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 1000; i++) {
        const struct testframe f = {
            .seq = i * 0x123456789ull, .time_ns = ~i * 0x987654321ull, .run = 7, .kind = 0xa1};
        const uint64_t a = testframe_a(&f), b = testframe_b(&f);
        const uint32_t check = testframe_check(a, b, i);
        uint64_t sum = (uint64_t)testframe_sum(a) + testframe_sum(b) + check;

        testframe_put(payload, a, b, testframe_end(b, check));
        while (sum > 0xffff)
            sum = (sum >> 16) + (sum & 0xffff);
        assert_int_equal(sum, sum_of(payload, TESTFRAME_BYTES));
    }
}

static void reflected_frame_has_both_times(void **state)
{
    uint64_t received, sent;
    struct testframe f;

    (void)state;
    make(100, &sample);
    testframe_reflect(payload, 100, 0x1122334455667788ull, 0x99aabbccddeeff00ull);
    assert_true(testframe_read(payload, 100, &f));
    assert_int_equal(f.kind, TESTFRAME_REFLECTED);
    assert_int_equal(f.seq, sample.seq);
    assert_int_equal(f.time_ns, sample.time_ns);
    assert_true(testframe_times(payload, 100, &received, &sent));
    assert_true(received == 0x1122334455667788ull && sent == 0x99aabbccddeeff00ull);
    assert_int_equal(testframe_wrong(payload, 100, f.run), 100);
    payload[40] ^= 1;
    assert_int_equal(testframe_wrong(payload, 100, f.run), 40);
}

static void reflected_frame_too_short_for_the_times_keeps_its_pattern(void **state)
{
    uint64_t received, sent;
    struct testframe f;

    (void)state;
    for (uint32_t bytes = TESTFRAME_BYTES; bytes < TESTFRAME_TIMES_BYTES; bytes++) {
        make(bytes, &sample);
        testframe_reflect(payload, bytes, 1, 2);
        assert_true(testframe_read(payload, bytes, &f));
        assert_int_equal(f.kind, TESTFRAME_REFLECTED);
        assert_false(testframe_times(payload, bytes, &received, &sent));
        assert_int_equal(testframe_wrong(payload, bytes, f.run), bytes);
    }
}

static void extended(uint64_t number, uint64_t near)
{
    assert_true(testframe_extend(number & TESTFRAME_MASK, near) == number);
}

static void forty_bits_become_sixty_four(void **state)
{
    const uint64_t span = 1ull << 40, half = span / 2;

    (void)state;
    extended(0, 0);
    extended(span - 1, span);
    extended(span, span - 1);
    extended(7 * span + 5, 7 * span - 5);
    extended(7 * span - 5, 7 * span + 5);
    extended(3 * span + half - 1, 3 * span);
    extended(3 * span - half, 3 * span);
    extended(half + 5, 0); /* nothing is below 0 */
    extended(span - 1, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_come_back_from_frames_of_every_length),
        cmocka_unit_test(bytes_are_those_of_the_format),
        cmocka_unit_test(high_bits_of_sequence_and_time_do_not_spill),
        cmocka_unit_test(a_wrong_byte_anywhere_is_noticed),
        cmocka_unit_test(two_bytes_that_changed_places_are_noticed),
        cmocka_unit_test(another_length_is_noticed),
        cmocka_unit_test(a_wrong_byte_is_located),
        cmocka_unit_test(runs_differ_in_their_pattern),
        cmocka_unit_test(another_kind_is_refused),
        cmocka_unit_test(sum_is_that_of_the_bytes),
        cmocka_unit_test(reflected_frame_has_both_times),
        cmocka_unit_test(reflected_frame_too_short_for_the_times_keeps_its_pattern),
        cmocka_unit_test(forty_bits_become_sixty_four),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
