// SPDX-License-Identifier: BSD-3-Clause
/*
 * A flood without a rate on hosts with and without a CPU to spare: turns of a simulated clock.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include "flood_awake.h"
#include "time.h"

#define US NS_PER_US
#define MS NS_PER_MS

static struct flood_awake a;
static uint64_t now;

static int setup(void **state)
{
    (void)state;
    now = 5 * NS_PER_S;
    flood_awake_start(&a, now);
    return 0;
}

static void turn(uint64_t ns)
{
    now += ns;
    flood_awake_turn(&a, now);
}

/* So much time on a CPU that somebody else has for the other half, a millisecond each; returns for
 * how much of it the loop was awake. */
static uint64_t shared(uint64_t ns)
{
    const uint64_t end = now + ns;
    uint64_t awake = 0;

    while (now < end) {
        const uint64_t step = now / MS % 2 == 0 ? 10 * US : MS;

        awake += flood_awake(&a) ? step : 0;
        turn(step);
    }
    return awake;
}

static void it_is_awake_where_it_is_run(void **state)
{
    (void)state;
    assert_true(flood_awake(&a));
    for (int i = 0; i < 100000; i++) {
        turn(20 * US);
        assert_true(flood_awake(&a));
    }
}

/* A wait for the emulator here and there, an interval record. */
static void a_late_turn_now_and_then_is_no_reason(void **state)
{
    (void)state;
    for (int i = 0; i < 1000; i++) {
        turn(1500 * US);
        assert_true(flood_awake(&a));
        for (int k = 0; k < 350; k++)
            turn(20 * US);
    }
}

static void it_sleeps_where_somebody_else_is_run(void **state)
{
    (void)state;
    assert_true(shared(10 * MS) < 10 * MS);
    assert_false(flood_awake(&a));
}

static void the_longer_it_lasts_the_longer_it_sleeps(void **state)
{
    (void)state;
    shared(5 * NS_PER_S);
    assert_true(shared(10 * NS_PER_S) < NS_PER_S / 5);
    assert_true(shared(10 * NS_PER_S) > 0); /* it tries again and again */
}

static void it_is_awake_again_when_that_is_over(void **state)
{
    (void)state;
    shared(10 * NS_PER_S);
    while (!flood_awake(&a))
        turn(20 * US);
    for (int i = 0; i < 100000; i++)
        turn(20 * US);
    assert_true(flood_awake(&a));
    assert_true(shared(50 * MS) >= 5 * MS); /* and what was is forgotten */
    while (!flood_awake(&a))
        turn(20 * US);
    assert_true(now < 5 * NS_PER_S + 14 * NS_PER_S);
}

/* Turns far apart are what sleeping is. */
static void sleep_itself_does_not_count(void **state)
{
    (void)state;
    shared(10 * MS);
    while (!flood_awake(&a))
        turn(2 * MS);
    turn(20 * US);
    assert_true(flood_awake(&a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(it_is_awake_where_it_is_run, setup),
        cmocka_unit_test_setup(a_late_turn_now_and_then_is_no_reason, setup),
        cmocka_unit_test_setup(it_sleeps_where_somebody_else_is_run, setup),
        cmocka_unit_test_setup(the_longer_it_lasts_the_longer_it_sleeps, setup),
        cmocka_unit_test_setup(it_is_awake_again_when_that_is_over, setup),
        cmocka_unit_test_setup(sleep_itself_does_not_count, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
