// SPDX-License-Identifier: BSD-3-Clause
/*
 * kernel/format.c against libc's snprintf, with random conversions, values and room.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <limits.h>
#include <cmocka.h>

#include "format.h"

static uint64_t random_value(void)
{
    uint64_t v = (uint64_t)rand() << 42 ^ (uint64_t)rand() << 21 ^ (uint64_t)rand();

    switch (rand() % 6) {
    case 0:
        return 0;
    case 1:
        return UINT64_MAX;
    case 2:
        return (uint64_t)INT64_MAX + (uint64_t)(rand() % 2);
    default:
        return v >> rand() % 64;
    }
}

/* Flags, width and precision; `numeric` allows what only numbers define. */
static size_t random_spec(char *out, int numeric)
{
    size_t n = 0;

    out[n++] = '%';
    if (rand() % 3 == 0)
        out[n++] = '-';
    if (numeric && rand() % 3 == 0)
        out[n++] = '0';
    if (rand() % 2 == 0)
        n += (size_t)sprintf(out + n, "%d", 1 + rand() % 30);
    if (rand() % 3 == 0)
        n += (size_t)sprintf(out + n, ".%d", rand() % 25);
    return n;
}

#define CHECK(...)                                                                                 \
    do {                                                                                           \
        char *mine = malloc(cap + 1), theirs[256];                                                 \
        int want = snprintf(theirs, sizeof(theirs), __VA_ARGS__);                                  \
        mine[cap] = 'x';                                                                           \
        assert_int_equal(format(mine, cap, __VA_ARGS__), want);                                    \
        assert_int_equal(mine[cap], 'x');                                                          \
        if (cap > 0) {                                                                             \
            theirs[cap - 1 < sizeof(theirs) - 1 ? cap - 1 : sizeof(theirs) - 1] = '\0';            \
            assert_string_equal(mine, theirs);                                                     \
        }                                                                                          \
        free(mine);                                                                                \
    } while (0)

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-truncation"

static void numbers_agree_with_libc(void **state)
{
    static const char *const sizes[] = {"", "hh", "h", "l", "ll", "z", "j", "t"};

    (void)state;
    for (int round = 0; round < 200000; round++) {
        size_t cap = rand() % 4 == 0 ? (size_t)rand() % 20 : 200;
        char fmt[64] = "<";
        size_t n = 1 + random_spec(fmt + 1, 1);
        const char *size = sizes[rand() % 8];
        uint64_t v = random_value();

        sprintf(fmt + n, "%s%c>", size, "diuxX"[rand() % 5]);
        if (size[0] == '\0' || size[0] == 'h')
            CHECK(fmt, (int)v);
        else
            CHECK(fmt, (long)v);
    }
}

static void texts_agree_with_libc(void **state)
{
    (void)state;
    for (int round = 0; round < 50000; round++) {
        size_t cap = rand() % 4 == 0 ? (size_t)rand() % 20 : 200;
        char fmt[64] = "<", text[32];
        size_t n = 1 + random_spec(fmt + 1, 0), len = (size_t)rand() % 31;

        for (size_t i = 0; i < len; i++)
            text[i] = (char)(1 + rand() % 255);
        text[len] = '\0';
        strcpy(fmt + n, "s%%>");
        CHECK(fmt, text);
    }
}

#pragma GCC diagnostic pop

static void characters_pointers_and_stars_agree_with_libc(void **state)
{
    (void)state;
    for (int round = 0; round < 20000; round++) {
        size_t cap = rand() % 4 == 0 ? (size_t)rand() % 20 : 200;
        int width = rand() % 40 - 20, digits = rand() % 30 - 5;
        char any = (char)('a' + rand() % 26);
        CHECK("%c|%3c|%-3c", any, 'b', 'c');
        CHECK("%p|%20p|%-20p|", (void *)1, (void *)0xdeadbeef, (void *)UINTPTR_MAX);
        CHECK("%*d|%.*d|%*.*s", width, round, digits, -round, width, digits, "abcdefgh");
    }
}

static void a_text_without_a_final_zero_is_read_up_to_the_precision(void **state)
{
    char *raw = malloc(3), out[16];

    (void)state;
    memcpy(raw, "abc", 3);
    assert_int_equal(format(out, sizeof(out), "%.*s|%.2s", 3, raw, raw), 6);
    assert_string_equal(out, "abc|ab");
    free(raw);
}

/* The formats the compiler would refuse go through a pointer it cannot see through. */
static void what_is_not_supported_is_shown_and_takes_no_argument(void **state)
{
    const char *volatile fmt = "%q %#x %+d %f %d";
    char out[64];

    (void)state;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-security"
    format(out, sizeof(out), fmt, 7);
#pragma GCC diagnostic pop
    assert_string_equal(out, "%q %#x %+d %f 7");
    fmt = "ends in %-08.3l";
    format(out, sizeof(out), fmt);
    assert_string_equal(out, "ends in %-08.3l");
    fmt = "ends in %";
    format(out, sizeof(out), fmt);
    assert_string_equal(out, "ends in %");
}

static void null_is_named_and_absurd_widths_are_clipped(void **state)
{
    const char *volatile fmt = "%99999999999999999999d";
    const char *volatile none = NULL;
    volatile int least = INT_MIN, most = INT_MAX;
    char out[64];

    (void)state;
    format(out, sizeof(out), "%s %p", none, NULL);
    assert_string_equal(out, "(null) 0x0");
    assert_int_equal(format(out, sizeof(out), fmt, 1), 4096);
    assert_int_equal(format(out, sizeof(out), "%*d", least, 1), 4096);
    assert_int_equal(format(out, sizeof(out), "%.*d", most, 1), 4096);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_agree_with_libc),
        cmocka_unit_test(texts_agree_with_libc),
        cmocka_unit_test(characters_pointers_and_stars_agree_with_libc),
        cmocka_unit_test(a_text_without_a_final_zero_is_read_up_to_the_precision),
        cmocka_unit_test(what_is_not_supported_is_shown_and_takes_no_argument),
        cmocka_unit_test(null_is_named_and_absurd_widths_are_clipped),
    };
    srand(2);
    return cmocka_run_group_tests_name("format", tests, NULL, NULL);
}
