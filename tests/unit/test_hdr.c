// SPDX-License-Identifier: BSD-3-Clause
/*
 * The histogram against sorted lists of the same values.
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>
#include "hdr.h"

#define VALUES 20000

static const uint32_t shown[] = {1,      100000, 500000, 900000, 990000,
                                 999000, 999900, 999999, 1000000};
#define SHOWN (sizeof(shown) / sizeof(shown[0]))

static struct hdr h;
static uint64_t list[VALUES];
static uint64_t seed = 7;

static uint64_t next_random(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static int ascending(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

/* The value that ppm millionths of the sorted list do not exceed. */
static uint64_t exact(const uint64_t *sorted, size_t n, uint32_t ppm)
{
    size_t rank = (size_t)(((unsigned __int128)n * ppm + 999999) / 1000000);

    return sorted[rank > 0 ? rank - 1 : 0];
}

static void is_within_one_per_cent(uint64_t found, uint64_t right)
{
    const uint64_t off = found > right ? found - right : right - found;

    assert_true(off * 100 <= right);
}

static void agrees_with(uint64_t *values, size_t n)
{
    qsort(values, n, sizeof(values[0]), ascending);
    assert_int_equal(h.total, n);
    assert_int_equal(h.least, values[0]);
    assert_int_equal(h.max, values[n - 1]);
    for (unsigned i = 0; i < SHOWN; i++)
        is_within_one_per_cent(hdr_percentile(&h, shown[i]), exact(values, n, shown[i]));
}

static void percentiles_are_right_to_one_per_cent(void **state)
{
    (void)state;
    for (unsigned width = 1; width <= 40; width++) {
        hdr_reset(&h);
        for (unsigned i = 0; i < VALUES; i++) {
            list[i] = next_random() >> (64 - width) >> next_random() % width;
            hdr_record(&h, list[i]);
        }
        agrees_with(list, VALUES);
    }
}

static void every_value_is_found_again(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < 40; bit++) {
        for (uint64_t up = 0; up <= 2; up++) {
            const uint64_t v = (1ull << bit) - 1 + up;
            hdr_reset(&h);
            hdr_record(&h, v);
            hdr_record(&h, HDR_LIMIT_NS - 1);
            is_within_one_per_cent(hdr_percentile(&h, 1), v);
            hdr_record(&h, 0); /* else the least bounds it */
            hdr_record(&h, 0);
            is_within_one_per_cent(hdr_percentile(&h, 750000), v);
        }
    }
}

static void values_below_128_ns_are_exact(void **state)
{
    (void)state;
    hdr_reset(&h);
    for (uint64_t v = 0; v < 128; v++)
        hdr_record(&h, v);
    for (uint32_t v = 0; v < 128; v++)
        assert_int_equal(hdr_percentile(&h, (v + 1) * 1000000 / 128), v);
}

static void an_empty_one_says_zero(void **state)
{
    (void)state;
    hdr_reset(&h);
    for (unsigned i = 0; i < SHOWN; i++)
        assert_int_equal(hdr_percentile(&h, shown[i]), 0);
}

static void what_is_beyond_counts_and_the_greatest_is_kept(void **state)
{
    (void)state;
    hdr_reset(&h);
    hdr_record(&h, 5);
    hdr_record(&h, HDR_LIMIT_NS);
    hdr_record(&h, UINT64_MAX);
    assert_int_equal(h.total, 3);
    assert_int_equal(hdr_percentile(&h, 1), 5);
    assert_int_equal(hdr_percentile(&h, 1000000), UINT64_MAX);
}

static void ranks_do_not_overflow(void **state)
{
    (void)state;
    hdr_reset(&h);
    hdr_record(&h, 10);
    hdr_record(&h, 90);
    h.count[10] = 1ull << 62; /* as after centuries */
    h.total = (1ull << 62) + 1;
    assert_int_equal(hdr_percentile(&h, 999999), 10);
    assert_int_equal(hdr_percentile(&h, 1000000), 90);
}

static void json_has_every_percentile(void **state)
{
    char text[512];
    struct json j;

    (void)state;
    hdr_reset(&h);
    for (uint64_t v = 1; v <= 10000; v++)
        hdr_record(&h, v % 100 + 1);
    hdr_record(&h, 1234567);
    json_init(&j, text, sizeof(text));
    json_object(&j, NULL);
    hdr_json(&h, &j, "delay");
    json_end_object(&j);
    assert_true(json_finish(&j) > 0);
    assert_string_equal(text, "{\"delay\":{\"count\":10001,\"min_us\":0.001,\"p50_us\":0.051,"
                              "\"p90_us\":0.091,\"p99_us\":0.100,\"p99_9_us\":0.100,"
                              "\"p99_99_us\":0.100,\"max_us\":1234.567}}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(percentiles_are_right_to_one_per_cent),
        cmocka_unit_test(every_value_is_found_again),
        cmocka_unit_test(values_below_128_ns_are_exact),
        cmocka_unit_test(an_empty_one_says_zero),
        cmocka_unit_test(what_is_beyond_counts_and_the_greatest_is_kept),
        cmocka_unit_test(ranks_do_not_overflow),
        cmocka_unit_test(json_has_every_percentile),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
