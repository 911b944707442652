// SPDX-License-Identifier: BSD-3-Clause
/*
 * The JSON blocks of iperf3 that nobody should write: malformed, cut, changed, noise, too deep, too
 * long.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "iperf3_json.h"
#include "iperf3_read.h"

static const char *const malformed[] = {
    "",
    " ",
    "\"",
    "{",
    "}",
    "[",
    "[]",
    "null",
    "1",
    "\"x\"",
    "{}}",
    "{}{}",
    "{}x",
    "{]",
    "{\"a\"}",
    "{\"a\":}",
    "{\"a\":1",
    "{\"a\" 1}",
    "{1:2}",
    "{a:1}",
    "{\"a\":b}",
    "{\"a\":1 \"b\":2}",
    "{\"a\":1,\"b\"}",
    "{\"a\":tru}",
    "{\"a\":-}",
    "{\"a\":1e}",
    "{\"a\":\"\\x\"}",
    "{\"a\":\"\\u12\"}",
    "{\"a\":\"",
    "{\"a\":\"\\",
    "{\"a\":[}",
    "{\"a\":{]}",
    "{\"a\":+1}",
    "{{}:1}",
    "{[]:1}",
    "{\"a\":\"b\":\"c\"}",
    "{\"a\":01x}",
    "\xff\xfe{}",
    "{\"a\":nulll}",
};

static void malformed_blocks_are_refused(void **state)
{
    struct iperf3_params p;

    (void)state;
    for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++) {
        if (read_params(malformed[i], &p) != IPERF3_E_PARAMS)
            fail_msg("taken as parameters: %s", malformed[i]);
        if (read_results(malformed[i]))
            fail_msg("taken as results: %s", malformed[i]);
    }
}

static const char whole[] = "{\"tcp\":true,\"x\":[1,2,{\"a\":\"\\u0041\\n\"},null],\"time\":1.5e1,"
                            "\"client_version\":\"3.12\"}";

static void every_prefix_of_a_block_is_refused(void **state)
{
    struct iperf3_params p;

    (void)state;
    assert_int_equal(read_params(whole, &p), IPERF3_OK);
    for (size_t n = 0; n < sizeof(whole) - 1; n++)
        assert_int_equal(read_params_n(whole, n, &p), IPERF3_E_PARAMS);
}

/* Not one of these may read or write where it should not; what they come to is their business. */
static void no_single_byte_does_harm(void **state)
{
    struct iperf3_params p;
    char text[sizeof(whole)];

    (void)state;
    for (size_t at = 0; at < sizeof(whole) - 1; at++) {
        for (int byte = 0; byte < 256; byte++) {
            memcpy(text, whole, sizeof(text));
            text[at] = (char)byte;
            read_params_n(text, sizeof(text) - 1, &p);
            read_results_n(text, sizeof(text) - 1);
        }
    }
}

static void no_noise_does_harm(void **state)
{
    static const char letters[] = "{}[]\",:\\ 01-e.truenulfas\0\x80";
    struct iperf3_params p;
    uint64_t r = 42;
    char text[200];

    (void)state;
    for (unsigned round = 0; round < 100000; round++) {
        size_t n = 0;
        do {
            r = r * 6364136223846793005u + 1442695040888963407u;
            text[n++] = letters[(r >> 33) % (sizeof(letters) - 1)];
        } while (n < sizeof(text) && (r >> 58) != 0);
        read_params_n(text, n, &p);
        read_results_n(text, n);
    }
}

static void nesting_is_bounded(void **state)
{
    struct iperf3_params p;
    char text[70000];

    (void)state;
    memset(text, '[', sizeof(text));
    assert_int_equal(read_params_n(text, sizeof(text), &p), IPERF3_E_PARAMS);

    /* 31 levels inside the object are read, 32 are not; brackets within strings are none. */
    for (size_t depth = 31; depth <= 32; depth++) {
        size_t n =
            (size_t)sprintf(text, "{\"s\":\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[[\",\"a\":");
        memset(text + n, '[', depth);
        memset(text + n + depth, ']', depth);
        n += 2 * depth;
        text[n++] = '}';
        assert_int_equal(read_params_n(text, n, &p), depth == 31 ? IPERF3_OK : IPERF3_E_PARAMS);
    }
}

static void more_tokens_than_the_table_are_refused(void **state)
{
    struct iperf3_params p;
    size_t n = 0, cap = 300000;
    char *text = malloc(cap);

    (void)state;
    n += (size_t)sprintf(text, "{\"a\":[");
    while (n < cap - 8)
        n += (size_t)sprintf(text + n, "1,");
    n += (size_t)sprintf(text + n, "1]}");
    assert_int_equal(read_params_n(text, n, &p), IPERF3_E_PARAMS);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(malformed_blocks_are_refused),
        cmocka_unit_test(every_prefix_of_a_block_is_refused),
        cmocka_unit_test(no_single_byte_does_harm),
        cmocka_unit_test(no_noise_does_harm),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(more_tokens_than_the_table_are_refused),
    };

    return cmocka_run_group_tests_name("iperf3_json_bad", tests, NULL, NULL);
}
