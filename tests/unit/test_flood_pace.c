// SPDX-License-Identifier: BSD-3-Clause
/*
 * The schedule of a flood against a simulated clock: exact averages, gaps of each kind, pauses.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include "flood_pace.h"

#define US NS_PER_US
#define MS NS_PER_MS
#define S  NS_PER_S

static struct flood_pace pace;
static uint64_t sent, slipped, now;

static void begin(struct flood_shape shape, uint64_t time_ns)
{
    now = 5 * S;
    sent = slipped = 0;
    flood_pace_init(&pace, &shape, now, now + time_ns);
}

/* A turn at this time; returns the frames it sends. */
static unsigned turn(uint64_t at)
{
    unsigned n = 0;

    now = at;
    for (; flood_pace_late(&pace, now); slipped++)
        flood_pace_slip(&pace, 480);
    for (; flood_pace_due(&pace, now); n++)
        flood_pace_sent(&pace, 480, now);
    sent += n;
    return n;
}

/* Turns until that time, so far apart. */
static void turns(uint64_t until, uint64_t step)
{
    while (now < until)
        turn(now + step);
}

static void so_many_slots_as_the_rate_and_the_time_have(void **state)
{
    static const uint64_t rates[] = {1, 3, 7, 1000, 9999, 50000, 123457, 1000003};

    (void)state;
    for (unsigned i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        begin((struct flood_shape){.rate = rates[i], .packets = true}, 10 * S);
        turns(16 * S, 37 * US);
        assert_true(flood_pace_over(&pace));
        assert_int_equal(sent + slipped, 10 * rates[i]);
        assert_int_equal(slipped, 0);
    }
}

static void bits_count_with_the_size_of_each_frame(void **state)
{
    (void)state;
    begin((struct flood_shape){.rate = 480000}, 10 * S); /* 480 bits a frame */
    turns(16 * S, 37 * US);
    assert_int_equal(sent, 10000);
}

static void frames_are_evenly_spaced(void **state)
{
    uint64_t last = 0;

    (void)state;
    begin((struct flood_shape){.rate = 10000, .packets = true}, 1 * S);
    for (uint64_t at = now; !flood_pace_over(&pace); at += 1 * US) {
        if (turn(at) == 0)
            continue;
        assert_true(last == 0 || at - last == 100 * US);
        last = at;
    }
    assert_int_equal(sent, 10000);
}

static void a_short_pause_is_caught_up_without_one_great_burst(void **state)
{
    (void)state;
    begin((struct flood_shape){.rate = 10000, .packets = true}, 2 * S);
    turns(6 * S, 50 * US);
    assert_true(turn(now + 50 * MS) <= 13); /* 1 ms worth, at most a quarter faster */
    turns(now + 100 * MS, 1 * MS);
    assert_true(sent < 10000 + 1500 - 200); /* not there yet */
    turns(8 * S, 50 * US);
    assert_int_equal(sent, 20000);
    assert_int_equal(slipped, 0);
}

static void what_lies_too_far_back_is_given_up_and_counted(void **state)
{
    (void)state;
    begin((struct flood_shape){.rate = 10000, .packets = true}, 2 * S);
    turns(6 * S, 50 * US);
    const uint64_t before = sent;
    turn(now + 500 * MS);
    assert_int_equal(slipped, 3999); /* all but the last 100 ms */
    assert_true(sent - before < 20);
    turns(8 * S, 50 * US);
    assert_int_equal(sent + slipped, 20000);
    assert_int_equal(slipped, 3999);
}

/* A rate at which nobody could even count slots one by one: the time ends all the same. */
static void schedule_that_is_out_of_reach_ends_in_time(void **state)
{
    static const struct flood_shape shapes[] = {
        {.rate = FLOOD_RATE_MAX, .packets = true},
        {.rate = FLOOD_RATE_MAX},
        {.rate = 3 * NS_PER_S + 7, .packets = true, .gap = FLOOD_BURSTS, .burst = 5}};
    const double slots[] = {2e12, 2e12 / 480, 2 * (3e9 + 7)};

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        begin(shapes[i], 2 * S);
        while (!flood_pace_over(&pace)) {
            now += 10 * MS;
            for (unsigned k = 0; k < 4096 && flood_pace_late(&pace, now); k++) {
                const uint64_t n = flood_pace_jump(&pace, 480, now);

                if (n == 0)
                    flood_pace_slip(&pace, 480);
                slipped += n > 0 ? n : 1;
            }
        }
        assert_true(now <= (5 + 2) * S + FLOOD_LOST_NS + 10 * MS);
        assert_true((double)slipped > slots[i] * (1 - 1e-6) - 10);
        assert_true((double)slipped < slots[i] * (1 + 1e-6) + 10);
    }
}

static void random_gaps_have_mean_and_spread_of_an_exponential(void **state)
{
    double sum = 0, squares = 0;
    const unsigned n = 1000000;

    (void)state;
    begin((struct flood_shape){.rate = 1000, .packets = true, .gap = FLOOD_POISSON, .seed = 3},
          100000 * S);
    for (unsigned i = 0; i < n; i++) {
        const uint64_t from = pace.next_ns;
        flood_pace_sent(&pace, 480, from);
        const double gap = (double)(pace.next_ns - from) / 1e6;
        sum += gap;
        squares += gap * gap;
    }
    assert_true(sum / n > 0.997 && sum / n < 1.003);
    assert_true(squares / n > 1.98 && squares / n < 2.02);
}

static void the_same_seed_gives_the_same_gaps(void **state)
{
    uint64_t first[2];

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        begin(
            (struct flood_shape){
                .rate = 1000, .packets = true, .gap = FLOOD_POISSON, .seed = 3 + i % 2},
            S);
        flood_pace_sent(&pace, 480, now);
        if (i < 2)
            first[i] = pace.next_ns;
        else
            assert_true(first[i % 2] == pace.next_ns);
    }
    assert_true(first[0] != first[1]);
}

static void a_logarithm_is_right_at_both_ends(void **state)
{
    (void)state;
    assert_true(flood_pace_exponential(UINT64_MAX) <= 1u << 8);
    assert_true(flood_pace_exponential((1ull << 63) - 1) >> 8 == 0xb17217f8u >> 8); /* ln 2 */
    assert_true(flood_pace_exponential(0) / 64 >> 8 == (0xb17217f8u >> 8));         /* 64 ln 2 */
    assert_true(flood_pace_exponential(0xaaaaaaaaaaaaaaaaull) >> 12 ==
                0x67cc8fb2u >> 12); /* ln 1.5 */
}

static void frames_of_a_burst_share_a_slot(void **state)
{
    (void)state;
    begin((struct flood_shape){.rate = 10000, .packets = true, .gap = FLOOD_BURSTS, .burst = 8},
          1 * S);
    assert_int_equal(turn(now), 8);
    assert_int_equal(turn(now + 799 * US), 0);
    assert_int_equal(turn(now + 1 * US), 8);
    turns(7 * S, 50 * US);
    assert_int_equal(sent, 10000);
}

static void a_ramp_rises_from_a_hundredth(void **state)
{
    uint64_t half;

    (void)state;
    begin((struct flood_shape){.rate = 100000, .packets = true, .ramp_ns = 1 * S}, 2 * S);
    turns(5 * S + 10 * MS, 10 * US);
    assert_true(sent >= 9 && sent <= 11);
    turns(5 * S + 500 * MS, 10 * US);
    half = sent;
    turns(6 * S, 10 * US);
    assert_true(half > 12500 && half < 13000);
    assert_true(sent > 50000 && sent < 51000);
    turns(8 * S, 10 * US);
    assert_true(sent > 150000 && sent < 151000);
}

static void another_rate_holds_from_now_on(void **state)
{
    (void)state;
    begin((struct flood_shape){.rate = 1, .packets = true}, 10 * S);
    turns(5 * S + 100 * MS, 1 * MS);
    assert_int_equal(sent, 1);
    flood_pace_change(&pace, 1000, true, now);
    turns(6 * S + 100 * MS, 1 * MS);
    assert_true(sent >= 1000 && sent <= 1003);
    flood_pace_change(&pace, 0, true, now);
    assert_true(flood_pace_due(&pace, now));
    now += 2 * S;
    flood_pace_change(&pace, 500, true, now);
    turns(now + 1 * S, 1 * MS);
    assert_int_equal(slipped, 0);
    assert_true(sent >= 1500 && sent <= 1505);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(so_many_slots_as_the_rate_and_the_time_have),
        cmocka_unit_test(bits_count_with_the_size_of_each_frame),
        cmocka_unit_test(frames_are_evenly_spaced),
        cmocka_unit_test(a_short_pause_is_caught_up_without_one_great_burst),
        cmocka_unit_test(what_lies_too_far_back_is_given_up_and_counted),
        cmocka_unit_test(schedule_that_is_out_of_reach_ends_in_time),
        cmocka_unit_test(random_gaps_have_mean_and_spread_of_an_exponential),
        cmocka_unit_test(the_same_seed_gives_the_same_gaps),
        cmocka_unit_test(a_logarithm_is_right_at_both_ends),
        cmocka_unit_test(frames_of_a_burst_share_a_slot),
        cmocka_unit_test(a_ramp_rises_from_a_hundredth),
        cmocka_unit_test(another_rate_holds_from_now_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
