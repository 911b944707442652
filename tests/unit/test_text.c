// SPDX-License-Identifier: BSD-3-Clause
/*
 * kernel/text.c: what a piece of text may say. Pieces are copied to memory of their own size, so
 * that reading beyond the end is found.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "text.h"

#define S 1000000000ull

static struct text piece(const char *s)
{
    static char *last;
    size_t n = strlen(s);

    free(last);
    last = malloc(n + (n == 0));
    assert_non_null(last);
    memcpy(last, s, n);
    return (struct text){last, n};
}

static void digits_are_hexadecimal_of_either_case(void **state)
{
    static const char digits[] = "0123456789abcdef", upper[] = "0123456789ABCDEF";

    (void)state;
    for (int c = -128; c < 128; c++) {
        unsigned value = 16;
        for (unsigned d = 0; d < 16; d++)
            if (c == digits[d] || c == upper[d])
                value = d;
        assert_int_equal(text_digit((char)c), value);
    }
}

static void a_word_is_the_whole_of_it(void **state)
{
    (void)state;
    assert_true(text_is(piece("off"), "off"));
    assert_true(text_is(piece(""), ""));
    assert_false(text_is(piece("of"), "off"));
    assert_false(text_is(piece("offer"), "off"));
    assert_false(text_is(piece("Off"), "off"));
}

static void a_list_has_as_many_parts_as_separators_and_one(void **state)
{
    static const char *const parts[] = {"a", "", "bc", ""};
    struct text list = piece("a,,bc,"), part;

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        assert_true(text_next(&list, ',', &part));
        assert_true(text_is(part, parts[i]));
    }
    assert_null(list.s);
    assert_false(text_next(&list, ',', &part));

    list = piece("");
    assert_true(text_next(&list, ',', &part));
    assert_int_equal(part.n, 0);
    assert_false(text_next(&list, ',', &part));
}

static void a_number_is_below_2_to_64(void **state)
{
    static const struct {
        const char *text;
        unsigned base;
        bool ok;
        uint64_t value;
    } cases[] = {
        {"0", 10, true, 0},
        {"007", 10, true, 7},
        {"18446744073709551615", 10, true, UINT64_MAX},
        {"18446744073709551616", 10, false, 0},
        {"99999999999999999999", 10, false, 0},
        {"ffffffffffffffff", 16, true, UINT64_MAX},
        {"10000000000000000", 16, false, 0},
        {"fF", 16, true, 255},
        {"fF", 10, false, 0},
        {"g", 16, false, 0},
        {"", 10, false, 0},
        {"+1", 10, false, 0},
        {"1 ", 10, false, 0},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t value = 4711;
        assert_int_equal(text_number(piece(cases[i].text), cases[i].base, &value), cases[i].ok);
        assert_true(value == (cases[i].ok ? cases[i].value : 4711));
    }
}

static void a_time_has_a_unit_and_a_bound(void **state)
{
    static const struct {
        const char *text;
        bool ok;
        uint64_t ns;
    } cases[] = {
        {"0", true, 0},           {"250ms", true, S / 4},
        {"0s", true, 0},          {"7200s", true, 7200 * S},
        {"120m", true, 7200 * S}, {"2h", true, 7200 * S},
        {"7201s", false, 0},      {"121m", false, 0},
        {"3h", false, 0},         {"18446744073709551615h", false, 0},
        {"00", false, 0},         {"5", false, 0},
        {"s", false, 0},          {"", false, 0},
        {"1.5s", false, 0},       {"1S", false, 0},
        {"1s ", false, 0},        {"1us", false, 0},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t ns = 4711;
        assert_int_equal(text_time(piece(cases[i].text), 7200 * S, &ns), cases[i].ok);
        assert_true(ns == (cases[i].ok ? cases[i].ns : 4711));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digits_are_hexadecimal_of_either_case),
        cmocka_unit_test(a_word_is_the_whole_of_it),
        cmocka_unit_test(a_list_has_as_many_parts_as_separators_and_one),
        cmocka_unit_test(a_number_is_below_2_to_64),
        cmocka_unit_test(a_time_has_a_unit_and_a_bound),
    };
    return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
