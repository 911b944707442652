// SPDX-License-Identifier: BSD-3-Clause
/*
 * kernel/record.c in front of a console that may be full.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "config.h"
#include "console.h"
#include "json_check.h"
#include "record.h"

static char out[CONFIG_RECORD_MAX + 1];
static size_t out_n;
static bool full;

uint64_t time_ns(void)
{
    return 7654321999;
}

bool console_write(const char *s, size_t len)
{
    if (full)
        return false;
    assert_true(len <= CONFIG_RECORD_MAX);
    memcpy(out, s, len);
    out[out_n = len] = '\0';
    return true;
}

static int clear(void **state)
{
    (void)state;
    full = false;
    out_n = 0;
    out[0] = '\0';
    return 0;
}

static void a_record_is_one_line_with_event_and_time(void **state)
{
    (void)state;
    struct json *j = record_begin("nic");
    json_str(j, "nic", "net0\n");
    record_end();
    assert_string_equal(out, "{\"event\":\"nic\",\"t_us\":7654321,\"nic\":\"net0\\u000a\"}\n");
}

static void a_record_that_does_not_fit_its_line_is_dropped_and_counted(void **state)
{
    (void)state;
    uint64_t before = record_dropped();
    for (int extra = -100; extra < 100; extra++) {
        struct json *j = record_begin("x");
        clear(NULL);
        while (j->len < (size_t)(CONFIG_RECORD_MAX + extra - 40) && !j->overflow)
            json_u64(j, "k", 1);
        record_end();
        if (out_n > 0) { /* all of it, and its newline the last of the buffer's bytes at most */
            assert_int_equal(out[out_n - 1], '\n');
            out[out_n - 1] = '\0';
            assert_true(json_is_valid(out));
        } else {
            before++;
        }
        assert_int_equal(record_dropped(), before);
    }
    assert_int_equal(out_n, 0); /* the last was too large */
    json_str(record_begin("y"), "a", "b");
    record_end();
    assert_string_equal(out, "{\"event\":\"y\",\"t_us\":7654321,\"a\":\"b\"}\n");
}

static void the_largest_record_fills_the_buffer_exactly(void **state)
{
    (void)state;
    char *text = malloc(CONFIG_RECORD_MAX);
    const size_t frame = strlen("{\"event\":\"x\",\"t_us\":7654321,\"v\":\"\"}\n");

    for (size_t n = CONFIG_RECORD_MAX - frame; n <= CONFIG_RECORD_MAX - frame + 1; n++) {
        clear(NULL);
        memset(text, 'v', n);
        text[n] = '\0';
        json_str(record_begin("x"), "v", text);
        record_end();
        assert_int_equal(out_n, n == CONFIG_RECORD_MAX - frame ? CONFIG_RECORD_MAX : 0);
    }
    free(text);
}

static void a_full_console_costs_the_record_and_is_counted(void **state)
{
    (void)state;
    uint64_t before = record_dropped();
    full = true;
    record_begin("x");
    record_end();
    assert_int_equal(record_dropped(), before + 1);
    full = false;
    record_begin("x");
    record_end();
    assert_true(out_n > 0);
}

static void an_error_formats_its_message_and_cuts_it(void **state)
{
    char *text = malloc(20000);

    (void)state;
    record_error("net%d: \"%s\"", 3, "x\\y");
    assert_string_equal(
        out, "{\"event\":\"error\",\"t_us\":7654321,\"message\":\"net3: \\\"x\\\\y\\\"\"}\n");
    memset(text, 1, 19999); /* six characters each */
    text[19999] = '\0';
    record_error("%s", text);
    out[out_n - 1] = '\0';
    assert_int_equal(strlen(json_member(out, "message")), 1023);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_record_is_one_line_with_event_and_time, clear),
        cmocka_unit_test_setup(a_record_that_does_not_fit_its_line_is_dropped_and_counted, clear),
        cmocka_unit_test_setup(the_largest_record_fills_the_buffer_exactly, clear),
        cmocka_unit_test_setup(a_full_console_costs_the_record_and_is_counted, clear),
        cmocka_unit_test_setup(an_error_formats_its_message_and_cuts_it, clear),
    };
    return cmocka_run_group_tests_name("record", tests, NULL, NULL);
}
