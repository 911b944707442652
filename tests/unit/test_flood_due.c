// SPDX-License-Identifier: BSD-3-Clause
/*
 * How late each frame of a flood left is found again when it comes: by its number, whichever flow,
 * and not that of another frame or flood.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include "config.h"
#include "flood_due.h"

#define RUN 7
#define MS  1000000ull

static int setup(void **state)
{
    (void)state;
    flood_due_start(RUN, 3, 100);
    return 0;
}

/* So many frames, of which the k-th leaves k microseconds late. */
static void leave(unsigned n, uint64_t now_ns)
{
    for (unsigned k = 0; k < n; k++) {
        const uint64_t due_ns = now_ns - k * 1000ull;

        flood_due_sent(&due_ns, 1, now_ns);
    }
}

/* What is recorded of this one, which took 1 ns; 0: nothing. */
static uint64_t comes(uint16_t run, uint64_t seq, uint16_t flow)
{
    const struct testframe f = {.seq = seq, .run = run, .flow = flow};
    const uint64_t before = flood_due_delays()->total;

    flood_due_came(&f, 1);
    return flood_due_delays()->total == before ? 0 : flood_due_delays()->max;
}

static void lateness_is_of_the_frame_of_that_flow_and_number(void **state)
{
    (void)state;
    leave(9, 50 * MS);
    assert_int_equal(comes(RUN, 100, 0), 1);
    assert_int_equal(comes(RUN, 100, 2), 2001);
    assert_int_equal(comes(RUN, 101, 1), 4001);
    assert_int_equal(comes(RUN, 102, 2), 8001);
}

static void other_floods_frames_count_nothing(void **state)
{
    (void)state;
    leave(9, 50 * MS);
    assert_int_equal(comes(RUN + 1, 100, 0), 0);
    assert_int_equal(comes(RUN, 99, 0), 1); /* with their delay, what was never sent */
    assert_int_equal(comes(RUN, 103, 0), 1);
    assert_int_equal(flood_due_delays()->total, 2);
}

/* The place of its lateness has another frame's. */
static void frame_that_comes_behind_too_many_others_has_its_delay(void **state)
{
    (void)state;
    flood_due_start(RUN, 1, 0);
    leave(CONFIG_FLOOD_RECENT, 5000 * MS);
    assert_int_equal(comes(RUN, 1, 0), 1001);
    leave(2, 5000 * MS);
    assert_int_equal(comes(RUN, 2, 0), 2001);
    flood_due_start(RUN, 1, 0);
    leave(CONFIG_FLOOD_RECENT + 3, 5000 * MS);
    assert_int_equal(comes(RUN, 2, 0), 1);
}

static void without_a_schedule_nothing_is_due(void **state)
{
    (void)state;
    flood_due_sent(NULL, 6, 50 * MS);
    assert_int_equal(comes(RUN, 100, 0), 0);
    leave(3, 50 * MS); /* another rate from now on */
    assert_int_equal(comes(RUN, 101, 2), 1);
    assert_int_equal(comes(RUN, 102, 2), 2001);
}

static void what_is_later_than_can_be_written_is_as_late_as_can_be(void **state)
{
    const uint64_t due_ns[] = {1, 7000 * MS, 7000 * MS + 1};

    (void)state;
    flood_due_sent(due_ns, 3, 7000 * MS);
    assert_int_equal(comes(RUN, 100, 1), 1);
    assert_int_equal(comes(RUN, 100, 2), 1);
    assert_int_equal(comes(RUN, 100, 0), 1ull + UINT32_MAX);
}

static void slots_given_up_count_as_so_many(void **state)
{
    (void)state;
    leave(3, 50 * MS);
    flood_due_slipped(200 * MS, 98);
    comes(RUN, 100, 0);
    comes(RUN, 100, 1);
    assert_int_equal(flood_due_delays()->total, 100);
    assert_in_range(hdr_percentile(flood_due_delays(), 30000), 198 * MS, 202 * MS);
    assert_int_equal(hdr_percentile(flood_due_delays(), 10000), 1);
}

#define TEST(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(lateness_is_of_the_frame_of_that_flow_and_number),
        TEST(other_floods_frames_count_nothing),
        TEST(frame_that_comes_behind_too_many_others_has_its_delay),
        TEST(without_a_schedule_nothing_is_due),
        TEST(what_is_later_than_can_be_written_is_as_late_as_can_be),
        TEST(slots_given_up_count_as_so_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
