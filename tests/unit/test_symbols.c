// SPDX-License-Identifier: BSD-3-Clause
/*
 * kernel/symbols.c with a table of three functions in a text of 256 bytes.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "symbols.c"

__asm__(".section .text\n"
        ".globl image_start, text_end\n"
        "image_start: .skip 256\n"
        "text_end:\n");

const uint32_t symbol_count = 3;
const struct symbol symbol_table[] = {{16, 0}, {32, 4}, {200, 8}};
const char symbol_names[] = "one\0two\0six";

static const char *find(int at, uint64_t *offset)
{
    return symbol_find((uint64_t)image_start + (uint64_t)(int64_t)at, offset);
}

static void symbol_find_names_the_function_around_an_address(void **state)
{
    static const struct {
        int at;
        const char *name;
        uint64_t offset;
    } cases[] = {{16, "one", 0},    {31, "one", 15}, {32, "two", 0},
                 {199, "two", 167}, {200, "six", 0}, {255, "six", 55}};

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t offset;
        assert_string_equal(find(cases[i].at, &offset), cases[i].name);
        assert_int_equal(offset, cases[i].offset);
    }
}

static void symbol_find_has_no_name_outside_the_functions(void **state)
{
    uint64_t offset;

    (void)state;
    assert_null(find(15, &offset));
    assert_null(find(256, &offset));
    assert_null(find(-1, &offset));
    assert_null(symbol_find(0, &offset));
    assert_null(symbol_find(UINT64_MAX, &offset));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(symbol_find_names_the_function_around_an_address),
        cmocka_unit_test(symbol_find_has_no_name_outside_the_functions),
    };

    return cmocka_run_group_tests_name("symbols", tests, NULL, NULL);
}
