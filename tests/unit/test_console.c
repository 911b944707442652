// SPDX-License-Identifier: BSD-3-Clause
/*
 * kernel/console.c with a serial port that takes as much as the test says, and clocks that go on by
 * as much as the test says each time they are read.
 */
#define KERNEL_CPU_H /* this file is the CPU */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static uint64_t now_ns, now_tsc;
static uint64_t step_ns, step_tsc; /* what reading them takes */

static uint64_t cpu_tsc(void)
{
    return now_tsc += step_tsc;
}

static void cpu_relax(void)
{
}

#include "../../kernel/console.c"

#define OUT_MAX (1 << 22)
#define HZ      3000000000ull

static char out[OUT_MAX], screen[OUT_MAX];
static size_t out_n, screen_n;
static unsigned takes;    /* bytes the port takes in one call */
static bool takes_random; /* 0 to `takes` of them */
static unsigned long puts_n;
static unsigned busy_n; /* looks until the last byte is out */

uint64_t time_ns(void)
{
    return now_ns += step_ns;
}

unsigned serial_put(const char *s, unsigned n)
{
    unsigned most = takes_random ? (unsigned)rand() % (takes + 1) : takes;

    puts_n++;
    if (n > most)
        n = most;
    assert_true(out_n + n < OUT_MAX);
    memcpy(out + out_n, s, n);
    out_n += n;
    out[out_n] = '\0';
    return n;
}

bool serial_idle(void)
{
    return busy_n == 0 || --busy_n == 0;
}

void framebuffer_put(const char *s, unsigned n)
{
    memcpy(screen + screen_n, s, n);
    screen_n += n;
    screen[screen_n] = '\0';
}

/* Every test starts with an empty ring, a willing port, and clocks that stand still. */
static int empty(void **state)
{
    (void)state;
    takes = CONFIG_CONSOLE_RING;
    takes_random = false;
    console_set_level(LOG_INFO);
    console_flush();
    out_n = screen_n = 0;
    out[0] = screen[0] = '\0';
    puts_n = 0;
    now_ns = now_tsc = 0;
    step_ns = step_tsc = 0;
    return console_pending();
}

static void clocks_run(void)
{
    step_ns = 1000;
    step_tsc = step_ns * HZ / NS_PER_S;
}

static void a_line_has_its_time_and_a_newline(void **state)
{
    (void)state;
    now_ns = 12345678999;
    kprintf("net0: %s %d", "up", 7);
    assert_true(console_pending());
    assert_int_equal(console_drain(1000), strlen("[   12.345678] net0: up 7\n"));
    assert_string_equal(out, "[   12.345678] net0: up 7\n");
    assert_false(console_pending());
}

static void the_level_filters_lines_and_never_records(void **state)
{
    (void)state;
    kdebug("one");
    console_set_level(LOG_DEBUG);
    kdebug("two");
    console_set_level(LOG_QUIET);
    kprintf("three");
    kdebug("four");
    assert_true(console_write("{}\n", 3));
    console_flush();
    assert_string_equal(out, "[    0.000000] two\n{}\n");
}

static void a_call_is_one_line_whatever_is_in_it(void **state)
{
    char *text = malloc(5000);

    (void)state;
    kprintf("a\n{\"event\":\"verdict\"}\r\x1b[2J\x7f");
    memset(text, 'y', 4999);
    text[4999] = '\0';
    kprintf("%s", text);
    kprintf("next");
    console_flush();
    char *second = strchr(out, '\n') + 1, *third = strchr(second, '\n') + 1;
    assert_memory_equal(out, "[    0.000000] a?{\"event\":\"verdict\"}??[2J?\n",
                        (size_t)(second - out));
    assert_int_equal(third - second, 512);
    assert_memory_equal(third - 6, "yy...\n", 6);
    assert_string_equal(third, "[    0.000000] next\n");
    free(text);
}

static void draining_keeps_to_its_budget(void **state)
{
    (void)state;
    assert_true(console_write("0123456789\n", 11));
    assert_int_equal(console_drain(4), 4);
    assert_string_equal(out, "0123");
    assert_int_equal(console_drain(0), 0);
    assert_int_equal(console_drain(100), 7);
    assert_string_equal(out, "0123456789\n");
}

static void a_port_that_takes_nothing_is_asked_once_a_turn(void **state)
{
    (void)state;
    assert_true(console_write("waits\n", 6));
    takes = 0;
    assert_int_equal(console_drain(100), 0);
    assert_int_equal(puts_n, 1);
    assert_true(console_pending());
}

static void flushing_gives_up_on_a_dead_port_and_keeps_the_text(void **state)
{
    (void)state;
    assert_true(console_write("last words\n", 11));
    takes = 0;
    clocks_run();
    console_flush();
    assert_true(console_pending());
    assert_in_range(now_ns, 5 * NS_PER_S, 5 * NS_PER_S + NS_PER_MS);
    takes = 1;
    console_flush();
    assert_string_equal(out, "last words\n");
}

static void flushing_gives_up_where_no_clock_runs_but_the_counter(void **state)
{
    (void)state;
    assert_true(console_write("last words\n", 11));
    takes = 0;
    step_tsc = 30000;
    console_flush();
    assert_true(console_pending());
    assert_in_range(now_tsc / HZ, 5, 30);
}

static void flushing_gives_up_where_the_counter_stands_still(void **state)
{
    (void)state;
    assert_true(console_write("last words\n", 11));
    takes = 0;
    step_ns = 1000;
    console_flush();
    assert_true(console_pending());
    assert_in_range(now_ns, 5 * NS_PER_S, 5 * NS_PER_S + NS_PER_MS);
}

/* The limit is for silence, not for the whole text: each byte begins it anew. */
static void flushing_has_patience_with_a_slow_port(void **state)
{
    static char text[1000];

    (void)state;
    memset(text, 's', sizeof(text));
    text[999] = '\n';
    assert_true(console_write(text, 1000));
    takes = 1;
    step_ns = NS_PER_S; /* a byte takes longer than a second */
    console_flush();
    assert_int_equal(out_n, 1000);
    assert_true(now_ns > 1000 * NS_PER_S);
}

static void flushing_gives_up_on_a_last_byte_that_never_leaves(void **state)
{
    (void)state;
    assert_true(console_write("last words\n", 11));
    busy_n = UINT32_MAX;
    clocks_run();
    console_flush();
    assert_in_range(now_ns, 5 * NS_PER_S, 5 * NS_PER_S + NS_PER_MS);
    busy_n = 0;
}

static void flushing_waits_until_the_last_byte_has_left_the_port(void **state)
{
    (void)state;
    assert_true(console_write("last words\n", 11));
    busy_n = 1000;
    console_flush();
    assert_int_equal(busy_n, 0);
}

static void a_line_that_does_not_fit_is_dropped_whole_and_counted(void **state)
{
    char line[1000];
    size_t room = CONFIG_CONSOLE_RING;
    uint64_t before = console_dropped();

    (void)state;
    memset(line, 'z', sizeof(line));
    line[999] = '\n';
    for (; room >= 1000; room -= 1000)
        assert_true(console_write(line, 1000));
    assert_false(console_write(line, room + 1));
    assert_int_equal(console_dropped(), before + 1);
    assert_true(console_write(line + 1000 - room, room)); /* what fits exactly does fit */
    assert_false(console_write("\n", 1));
    console_flush();
    assert_int_equal(out_n, CONFIG_CONSOLE_RING);
}

static void chatter_leaves_room_for_the_largest_record(void **state)
{
    char *record = malloc(CONFIG_RECORD_MAX);
    uint64_t before = console_dropped();

    (void)state;
    for (int i = 0; i < 10000; i++)
        kprintf("noise %d", i);
    assert_true(console_dropped() > before);
    memset(record, 'r', CONFIG_RECORD_MAX);
    assert_true(console_write(record, CONFIG_RECORD_MAX));
    free(record);
}

static void the_screen_shows_lines_for_people_only(void **state)
{
    (void)state;
    for (unsigned step = 1; step < 40; step++) {
        empty(NULL);
        kprintf("one {");
        assert_true(console_write("{\"event\":\"x\"}\n", 14));
        assert_true(console_write("{}\n", 3));
        kprintf("two");
        while (console_pending())
            console_drain(step);
        assert_string_equal(screen, "[    0.000000] one {\n[    0.000000] two\n");
    }
}

/* Against a model: what comes out is what was accepted, whole and in order, whatever the port does.
 */
static void nothing_is_lost_split_or_swapped(void **state)
{
    static char model[OUT_MAX];
    size_t model_n = 0;
    unsigned refused = 0;

    (void)state;
    takes = 3000;
    takes_random = true;
    for (int i = 0; i < 5000; i++) {
        char line[2000];
        size_t n = 1 + (size_t)rand() % (rand() % 20 == 0 ? sizeof(line) : 60);
        for (size_t k = 0; k < n; k++)
            line[k] = (char)(k + 1 == n ? '\n' : 'A' + rand() % 26);
        uint64_t before = console_dropped();
        if (console_write(line, n)) {
            assert_int_equal(console_dropped(), before);
            memcpy(model + model_n, line, n);
            model_n += n;
        } else {
            assert_int_equal(console_dropped(), before + 1);
            refused++;
        }
        if (rand() % 8 == 0)
            assert_true(console_drain((unsigned)rand() % 300) < 300);
        if (rand() % 500 == 0)
            console_flush();
    }
    console_flush();
    assert_int_equal(out_n, model_n);
    assert_memory_equal(out, model, model_n);
    assert_true(refused > 0); /* the test did reach a full ring */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_line_has_its_time_and_a_newline, empty),
        cmocka_unit_test_setup(the_level_filters_lines_and_never_records, empty),
        cmocka_unit_test_setup(a_call_is_one_line_whatever_is_in_it, empty),
        cmocka_unit_test_setup(draining_keeps_to_its_budget, empty),
        cmocka_unit_test_setup(a_port_that_takes_nothing_is_asked_once_a_turn, empty),
        cmocka_unit_test_setup(flushing_gives_up_on_a_dead_port_and_keeps_the_text, empty),
        cmocka_unit_test_setup(flushing_gives_up_where_no_clock_runs_but_the_counter, empty),
        cmocka_unit_test_setup(flushing_gives_up_where_the_counter_stands_still, empty),
        cmocka_unit_test_setup(flushing_has_patience_with_a_slow_port, empty),
        cmocka_unit_test_setup(flushing_gives_up_on_a_last_byte_that_never_leaves, empty),
        cmocka_unit_test_setup(flushing_waits_until_the_last_byte_has_left_the_port, empty),
        cmocka_unit_test_setup(a_line_that_does_not_fit_is_dropped_whole_and_counted, empty),
        cmocka_unit_test_setup(chatter_leaves_room_for_the_largest_record, empty),
        cmocka_unit_test_setup(the_screen_shows_lines_for_people_only, empty),
        cmocka_unit_test_setup(nothing_is_lost_split_or_swapped, empty),
    };
    srand(3);
    return cmocka_run_group_tests_name("console", tests, NULL, NULL);
}
