// SPDX-License-Identifier: BSD-3-Clause
/*
 * Receiver arithmetic against the original's rules, gaps, and pacing.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include "iperf3_count.h"
#include "pace.h"

#define MS NS_PER_MS

static void feed(struct iperf3_order *o, uint64_t number, bool wide)
{
    iperf3_order_count(o, number, wide, 0, 0);
}

/* ---- loss and order ------------------------------------------------------------------------ */

static void order_counts_as_the_original_does(void **state)
{
    static const uint64_t numbers[] = {1, 2, 5, 4, 4, 9, 3};
    struct iperf3_order o = {0};

    (void)state;
    for (unsigned i = 0; i < 7; i++)
        feed(&o, numbers[i], false);
    /* 5 loses two, 4 takes one back, 4 again the other, 9 loses three, 3 takes one back */
    assert_int_equal(o.lost, 2);
    assert_int_equal(o.out_of_order, 3);
    assert_int_equal(o.highest, 9);
    assert_int_equal(o.datagrams, 7);
}

static void order_never_takes_back_more_than_was_lost(void **state)
{
    struct iperf3_order o = {0};

    (void)state;
    feed(&o, 1, false);
    feed(&o, 1, false);
    feed(&o, 0, false);
    assert_int_equal(o.lost, 0);
    assert_int_equal(o.out_of_order, 2);
}

static void order_counts_what_is_lost_before_the_first(void **state)
{
    struct iperf3_order o = {0};

    (void)state;
    feed(&o, 3000000000u, false);
    assert_int_equal(o.lost, 2999999999u);
    assert_int_equal(o.highest, 3000000000u);
}

static void order_follows_narrow_numbers_beyond_32_bits(void **state)
{
    struct iperf3_order o = {0};

    (void)state;
    for (uint64_t n = 0xfffffff0u; n < 0x100000010u; n++)
        feed(&o, n & 0xffffffffu, false);
    assert_int_equal(o.highest, 0x10000000fu);
    assert_int_equal(o.lost, 0xffffffefu);
    assert_int_equal(o.out_of_order, 0);
    feed(&o, 0xfffffffeu, false); /* from before the wrap, late */
    assert_int_equal(o.out_of_order, 1);
    assert_int_equal(o.highest, 0x10000000fu);
}

static void order_takes_wide_numbers_as_they_are(void **state)
{
    struct iperf3_order o = {0};

    (void)state;
    feed(&o, 0x100000000u, true);
    feed(&o, 1, true);
    assert_int_equal(o.highest, 0x100000000u);
    assert_int_equal(o.lost, 0xfffffffeu);
    feed(&o, UINT64_MAX, true);
    feed(&o, 0, true);
    assert_int_equal(o.highest, UINT64_MAX);
    assert_int_equal(o.out_of_order, 2);
}

/* ---- jitter -------------------------------------------------------------------------------- */

static void jitter_follows_rfc_3550(void **state)
{
    struct iperf3_order o = {0};

    (void)state;
    iperf3_order_count(&o, 1, false, 1000 * MS, 5 * MS); /* only seeds */
    assert_int_equal(iperf3_order_jitter_ns(&o), 0);
    iperf3_order_count(&o, 2, false, 1010 * MS, 31 * MS); /* transit 979 ms after 995 ms */
    assert_int_equal(iperf3_order_jitter_ns(&o), 16 * MS / 16);
    iperf3_order_count(&o, 3, false, 1020 * MS, 41 * MS); /* the same again */
    assert_in_range(iperf3_order_jitter_ns(&o), 937499, 937500);
}

static void jitter_of_a_steady_stream_is_zero(void **state)
{
    struct iperf3_order o = {0};

    (void)state;
    for (uint64_t k = 1; k < 1000; k++)
        iperf3_order_count(&o, k, false, k * 10 * MS, k * 10 * MS + 12345);
    assert_int_equal(iperf3_order_jitter_ns(&o), 0);
}

static void jitter_converges_to_a_constant_difference(void **state)
{
    struct iperf3_order o = {0};

    (void)state;
    for (uint64_t k = 1; k < 1000; k++)
        iperf3_order_count(&o, k, false, k * 10 * MS, k * 10 * MS + (k % 2) * MS);
    assert_in_range(iperf3_order_jitter_ns(&o), MS - 20, MS);
}

static void jitter_survives_any_stamps(void **state)
{
    struct iperf3_order o = {0};
    const uint64_t far = UINT32_MAX * NS_PER_S + UINT32_MAX * NS_PER_US;

    (void)state;
    for (uint64_t k = 1; k < 1000; k++)
        iperf3_order_count(&o, k, true, k % 2 ? far : 0, k);
    assert_in_range(iperf3_order_jitter_ns(&o), 1, 1ull << 40);
}

static void warm_up_resets_jitter_and_nothing_else(void **state)
{
    struct iperf3_order o = {0};

    (void)state;
    iperf3_order_count(&o, 1, false, 0, 0);
    iperf3_order_count(&o, 5, false, 0, 16 * MS);
    assert_true(iperf3_order_jitter_ns(&o) > 0);
    iperf3_order_warm(&o);
    assert_int_equal(iperf3_order_jitter_ns(&o), 0);
    assert_int_equal(o.lost, 3);
    assert_int_equal(o.highest, 5);
    iperf3_order_count(&o, 6, false, 0, 900 * MS); /* only seeds */
    assert_int_equal(iperf3_order_jitter_ns(&o), 0);
}

/* ---- gaps ---------------------------------------------------------------------------------- */

static void gap_is_the_longest_time_without_progress(void **state)
{
    struct iperf3_gap g;

    (void)state;
    iperf3_gap_start(&g, true, 100 * MS);
    g.progress = true;
    iperf3_gap_turn(&g, 110 * MS);
    iperf3_gap_turn(&g, 150 * MS); /* nothing moved */
    g.progress = true;
    iperf3_gap_turn(&g, 151 * MS);
    g.progress = true;
    iperf3_gap_turn(&g, 160 * MS);
    assert_int_equal(iperf3_gap_interval_ns(&g, 165 * MS), 41 * MS);
    assert_int_equal(g.total_max_ns, 41 * MS);
}

static void gap_that_is_still_open_counts_and_goes_on(void **state)
{
    struct iperf3_gap g;

    (void)state;
    iperf3_gap_start(&g, true, 0);
    assert_int_equal(iperf3_gap_interval_ns(&g, 1000 * MS), 1000 * MS);
    g.progress = true;
    assert_int_equal(iperf3_gap_interval_ns(&g, 1500 * MS), 1500 * MS);
    g.progress = true;
    assert_int_equal(iperf3_gap_interval_ns(&g, 1600 * MS), 100 * MS);
    assert_int_equal(g.total_max_ns, 1500 * MS);
}

static void gap_of_an_unused_direction_is_zero(void **state)
{
    struct iperf3_gap g;

    (void)state;
    iperf3_gap_start(&g, false, 0);
    assert_int_equal(iperf3_gap_interval_ns(&g, 1000 * MS), 0);
}

static void gap_ignores_a_clock_that_lags(void **state)
{
    struct iperf3_gap g;

    (void)state;
    iperf3_gap_start(&g, true, 100 * MS);
    g.progress = true;
    iperf3_gap_turn(&g, 99 * MS);
    assert_int_equal(g.total_max_ns, 0);
}

/* ---- pacing -------------------------------------------------------------------------------- */

/* Units sent in `seconds`, looking at the schedule every step_ns. */
static uint64_t paced(uint64_t rate, uint32_t unit, uint64_t seconds, uint64_t step_ns)
{
    struct pace p;
    uint64_t n = 0;

    pace_init(&p, rate, unit, 0);
    for (uint64_t now = 0; now < seconds * NS_PER_S; now += step_ns) {
        while (pace_due(&p, now)) {
            pace_sent(&p, now);
            n++;
        }
    }
    return n;
}

static void pace_does_not_drift(void **state)
{
    (void)state;
    /* 1048576 bit/s in units of 1460 bytes: 89.775… a second */
    assert_int_equal(paced(1048576, 1460, 3600, MS), 1048576ull * 3600 / (1460 * 8) + 1);
    assert_int_equal(paced(7, 1, 3600, 100 * MS), 7 * 3600 / 8);
    assert_in_range(paced(1000000007, 16, 1, 3333), 1000000007 / 128, 1000000007 / 128 + 1);
}

static void pace_is_even(void **state)
{
    struct pace p;
    uint64_t before = 0;

    (void)state;
    pace_init(&p, 3000000, 1000, 0); /* every 2 666 666.67 ns */
    for (unsigned k = 0; k < 1000; k++) {
        pace_sent(&p, p.next_ns);
        assert_in_range(p.next_ns - before, 2666666, 2666667);
        before = p.next_ns;
    }
    assert_int_equal(p.next_ns, 2666666666);
}

/* A hundred a millisecond, looked at every QUARTER of one. */
#define QUARTER (MS / 4)
#define STEP    (MS / 100)

/* Units that go at that time. */
static uint64_t due(struct pace *p, uint64_t now)
{
    uint64_t n = 0;

    for (; pace_due(p, now); n++)
        pace_sent(p, now);
    return n;
}

/* Units sent up to `end`, after so long a pause before the first; no look sends more than `most`.
 */
static uint64_t sent_after(struct pace *p, uint64_t pause, uint64_t end, uint64_t most)
{
    const uint64_t first = due(p, pause);
    uint64_t n = first;

    assert_in_range(first, PACE_BURST_NS / STEP, PACE_BURST_NS / STEP * 5 / 4 + 1);
    for (uint64_t now = pause + QUARTER; now <= end; now += QUARTER) {
        const uint64_t more = due(p, now);
        assert_true(more <= most);
        n += more;
    }
    return n;
}

static void pace_catches_up_a_quarter_faster(void **state)
{
    struct pace p;

    (void)state;
    pace_init(&p, 800000000, 1000, 0);
    /* 25 ms behind but for the burst: not yet after 95 ms, and all of it after 100 */
    assert_true(sent_after(&p, 25 * MS, 95 * MS, QUARTER / STEP * 5 / 4 + 1) < 95 * MS / STEP - 50);
    pace_init(&p, 800000000, 1000, 0);
    assert_int_equal(sent_after(&p, 25 * MS, 130 * MS, QUARTER / STEP * 5 / 4 + 1),
                     130 * MS / STEP + 1);
}

static void pace_waits_for_its_time_while_it_catches_up(void **state)
{
    struct pace p;

    (void)state;
    pace_init(&p, 800000000, 1000, 0);
    due(&p, 25 * MS);
    assert_true(p.next_ns < 25 * MS);
    assert_in_range(pace_when(&p), 25 * MS + 1, 25 * MS + STEP);
    assert_false(pace_due(&p, pace_when(&p) - 1));
    assert_true(pace_due(&p, pace_when(&p)));
}

/* One that is late has nothing to catch up: the next one goes in its time. */
static void pace_of_few_is_not_slowed_down(void **state)
{
    struct pace p;

    (void)state;
    pace_init(&p, 800000, 1000, 0); /* every 10 ms */
    assert_int_equal(due(&p, 0), 1);
    assert_int_equal(due(&p, 12 * MS), 1);
    assert_int_equal(pace_when(&p), 20 * MS);
}

static void pace_gives_up_what_lies_too_far_back(void **state)
{
    const uint64_t pause = 10 * NS_PER_S, end = pause + NS_PER_S;
    struct pace p;

    (void)state;
    pace_init(&p, 800000000, 1000, 0);
    assert_int_equal(sent_after(&p, pause, end, QUARTER / STEP * 5 / 4 + 1),
                     (PACE_LAG_NS + NS_PER_S) / STEP + 1);
}

static void pace_without_a_rate_is_always_due(void **state)
{
    struct pace p;

    (void)state;
    pace_init(&p, 0, 1460, 5 * MS);
    assert_false(pace_due(&p, 4 * MS));
    for (unsigned k = 0; k < 1000; k++) {
        assert_true(pace_due(&p, 5 * MS));
        pace_sent(&p, 5 * MS);
    }
}

static void pace_takes_every_rate(void **state)
{
    static const uint64_t rates[] = {1, 1000, UINT64_MAX / 2, INT64_MAX, 1ull << 62};

    (void)state;
    for (unsigned i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        struct pace p;
        pace_init(&p, rates[i], INT32_MAX, 0);
        for (unsigned k = 0; k < 1000; k++)
            pace_sent(&p, 0);
        assert_true(p.next_ns <= 1000 * (INT32_MAX * 8ull * NS_PER_S / rates[i] + 1));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_counts_as_the_original_does),
        cmocka_unit_test(order_never_takes_back_more_than_was_lost),
        cmocka_unit_test(order_counts_what_is_lost_before_the_first),
        cmocka_unit_test(order_follows_narrow_numbers_beyond_32_bits),
        cmocka_unit_test(order_takes_wide_numbers_as_they_are),
        cmocka_unit_test(jitter_follows_rfc_3550),
        cmocka_unit_test(jitter_of_a_steady_stream_is_zero),
        cmocka_unit_test(jitter_converges_to_a_constant_difference),
        cmocka_unit_test(jitter_survives_any_stamps),
        cmocka_unit_test(warm_up_resets_jitter_and_nothing_else),
        cmocka_unit_test(gap_is_the_longest_time_without_progress),
        cmocka_unit_test(gap_that_is_still_open_counts_and_goes_on),
        cmocka_unit_test(gap_of_an_unused_direction_is_zero),
        cmocka_unit_test(gap_ignores_a_clock_that_lags),
        cmocka_unit_test(pace_does_not_drift),
        cmocka_unit_test(pace_is_even),
        cmocka_unit_test(pace_catches_up_a_quarter_faster),
        cmocka_unit_test(pace_waits_for_its_time_while_it_catches_up),
        cmocka_unit_test(pace_of_few_is_not_slowed_down),
        cmocka_unit_test(pace_gives_up_what_lies_too_far_back),
        cmocka_unit_test(pace_without_a_rate_is_always_due),
        cmocka_unit_test(pace_takes_every_rate),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
