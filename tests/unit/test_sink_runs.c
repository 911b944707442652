// SPDX-License-Identifier: BSD-3-Clause
/*
 * Runs of the analyser: when they begin, report and are over, which gives way to which, the delay
 * of their frames, and what jobs and run=serve are judged by.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "rig_job.h"
#include "sink_rig.h"

#define MS 1000000ull

static uint8_t frame[RIG_FRAME_MAX];

/* ---- their life
 * --------------------------------------------------------------------------------------
 */

static void a_run_is_over_when_nothing_came_for_long_and_goes_on_if_more_does(void **state)
{
    const unsigned before = rig_record_count("result");

    (void)state;
    sink_send(SINK_RUN, 0, 0);
    sink_send(SINK_RUN, 0, 2);
    rig_pump();
    rig_advance_ms(CONFIG_SINK_IDLE_MS - 1);
    assert_int_equal(rig_record_count("result"), before);
    rig_advance_ms(1);
    assert_int_equal(rig_record_count("result"), before + 1);
    assert_true(rig_says(rig_record("result"), "job", "sink-4660"));
    assert_int_equal(rig_number(rig_record("result"), "lost", 0), 1);
    rig_advance_ms(CONFIG_SINK_IDLE_MS);
    assert_int_equal(rig_record_count("result"), before + 1);

    sink_send(SINK_RUN, 0, 1);
    rig_pump();
    rig_advance_ms(CONFIG_SINK_IDLE_MS);
    assert_int_equal(rig_record_count("result"), before + 2);
    assert_int_equal(rig_number(rig_record("result"), "received", 0), 3);
    assert_int_equal(rig_number(rig_record("result"), "lost", 0), 0);
}

static void runs_under_way_have_their_result_when_the_guest_ends(void **state)
{
    const unsigned before = rig_record_count("result");

    (void)state;
    sink_send(1, 0, 0);
    rig_pump();
    rig_advance_ms(CONFIG_SINK_IDLE_MS);
    sink_send(2, 0, 0);
    rig_pump();
    assert_int_equal(rig_record_count("result"), before + 1);
    assert_true(rig_says(rig_record("result"), "end", "silent"));
    sink_service.finish();
    assert_int_equal(rig_record_count("result"), before + 2);
    assert_true(rig_says(rig_record("result"), "job", "sink-2"));
    assert_true(rig_says(rig_record("result"), "end", "exit"));
}

static void one_run_too_many_is_refused_until_another_is_over(void **state)
{
    const uint64_t refused = apps_refusals();

    (void)state;
    for (uint16_t run = 0; run < CONFIG_SINK_RUNS; run++)
        sink_send(run, 300, 0);
    sink_send(100, 0, 0);
    rig_pump();
    assert_int_equal(apps_refusals(), refused + 1);
    assert_null(sink_run_find(TESTFRAME_SENT, 100));
    assert_int_equal(sink_stat("flow_blocks_used"), CONFIG_SINK_RUNS < 3 ? CONFIG_SINK_RUNS : 4);

    rig_advance_ms(1000);
    for (uint16_t run = 1; run < CONFIG_SINK_RUNS; run++)
        sink_send(run, 300, 1);
    rig_advance_ms(CONFIG_SINK_IDLE_MS - 1000);
    sink_send(100, 0, 0);
    rig_pump();
    assert_int_equal(sink_of(100)->n.received, 1);
    assert_null(sink_run_find(TESTFRAME_SENT, 0)); /* the one that was over gave way, */
    assert_int_equal(sink_of(1)->n.received, 2);   /* no other did */
    assert_int_equal(sink_stat("flow_blocks_used"), CONFIG_SINK_RUNS - 1);
}

static void the_run_that_has_been_over_for_longest_gives_way(void **state)
{
    (void)state;
    for (uint16_t run = CONFIG_SINK_RUNS; run-- > 0;) {
        sink_send(run, 0, 0);
        rig_advance_ms(10);
    }
    rig_advance_ms(CONFIG_SINK_IDLE_MS);
    sink_send(100, 0, 0);
    rig_pump();
    assert_null(sink_run_find(TESTFRAME_SENT, CONFIG_SINK_RUNS - 1));
    assert_non_null(sink_run_find(TESTFRAME_SENT, 0));
}

static void the_longest_gap_is_kept(void **state)
{
    (void)state;
    sink_send(SINK_RUN, 0, 0);
    rig_advance_ms(10);
    sink_send(SINK_RUN, 0, 1);
    rig_advance_ms(70);
    sink_send(SINK_RUN, 0, 2);
    rig_advance_ms(20);
    sink_send(SINK_RUN, 0, 3);
    rig_advance_ms(1000); /* after the last one: no gap between frames */
    assert_in_range(sink_of(SINK_RUN)->gap.total_max_ns, 69 * MS, 71 * MS);
}

/* ---- delay -------------------------------------------------------------------------------------
 */

/* 100 frames that take base, base + step … */
static void delayed(uint16_t run, uint64_t clock_ns, uint64_t base_ns, uint64_t step_ns)
{
    for (uint64_t k = 0; k < 100; k++) {
        const struct testframe f = {k, rig.now_ns + clock_ns - base_ns - k * step_ns, run, 0,
                                    TESTFRAME_SENT};

        rig_inject(frame, sink_build(frame, false, TESTFRAME_PORT, &f, TESTFRAME_BYTES));
        rig_pump();
        rig_advance_ms(1);
    }
}

static void is_about(uint64_t found, uint64_t right)
{
    assert_in_range(found, right - right / 100, right + right / 100);
}

static void delay_is_measured_where_the_clock_is_ours(void **state)
{
    (void)state;
    assert_true(sink_expect(7, 0, NULL));
    rig_advance_ms(5000);
    delayed(7, 0, 2000000, 1000);
    is_about(hdr_percentile(&sink_of(7)->delay, 500000), 2050000);
    is_about(hdr_percentile(&sink_of(7)->delay, 990000), 2099000);
    assert_true(sink_expect(8, 0, NULL));
    delayed(8, 0, 2000000 + 30 * MS, 1000);
    is_about(hdr_percentile(&sink_of(8)->delay, 500000), 32050000);
    assert_non_null(strstr(sink_stats(), "\"delay\":{\"count\":100"));
}

static void delay_beyond_the_least_is_measured_where_clocks_are_apart(void **state)
{
    static const uint64_t apart[] = {0, 1ull << 39, 0 - (1ull << 39), 123456789012345, 0 - 99 * MS};

    (void)state;
    rig_advance_ms(5000);
    for (uint16_t k = 0; k < 2 && k < CONFIG_SINK_RUNS; k++) {
        delayed(k, apart[2 * k + 1], 2000000, 10000);
        is_about(hdr_percentile(&sink_of(k)->delay, 500000), 490000);
        assert_int_equal(hdr_percentile(&sink_of(k)->delay, 1000000), 990000);
        assert_in_range(seqwin_jitter_ns(&sink_of(k)->n), 9000, 10000);
    }
    assert_non_null(strstr(sink_stats(), "\"delay_above_least\":{\"count\":100"));
}

/* ---- what others get of it ---------------------------------------------------------------------
 */

static void totals_are_what_jobs_are_measured_by(void **state)
{
    struct job_totals t;

    (void)state;
    sink_totals(9, false, 5, &t);
    assert_int_equal(t.value[JOB_MAX_LOST], 5);
    assert_false(t.measured >> JOB_MAX_P50 & 1);
    assert_true(sink_expect(9, 0, NULL));
    rig_advance_ms(100);
    sink_send(9, 0, 0);
    rig_advance_ms(5);
    sink_send(9, 0, 2);
    sink_send(9, 0, 2);
    rig_pump();
    sink_totals(9, true, 3, &t);
    assert_int_equal(t.value[JOB_MAX_LOST], 3);
    sink_totals(9, false, 3, &t);
    assert_int_equal(t.sum.rx_packets, 3);
    assert_int_equal(t.sum.rx_bytes, 180);
    assert_in_range(t.duration_us, 4000, 6000);
    assert_int_equal(t.value[JOB_MAX_LOST], 1);
    assert_int_equal(t.value[JOB_MAX_LOSS], 333333334);
    assert_int_equal(t.value[JOB_MAX_DUPLICATE], 1);
    for (enum job_limit l = JOB_MAX_LOSS; l < JOB_LIMITS; l++)
        assert_true(l == JOB_MAX_GAP || l == JOB_MAX_FAILED || (t.measured >> l & 1) != 0);
    sink_totals(9, false, 7, &t); /* there were more behind the last that came */
    assert_int_equal(t.value[JOB_MAX_LOST], 5);
    assert_int_equal(sink_over_ns(9, false, 7, 0), sink_of(9)->heard_ns + 2000 * MS);
    assert_int_equal(sink_over_ns(9, false, 2, 0), sink_of(9)->heard_ns + 100 * MS);
    assert_int_equal(sink_over_ns(9, true, 1, 5), 5 + 2000 * MS);
}

/* ---- criteria of run=serve ------------------------------------------------------------------- */

static void serve_with(const char *key, const char *value)
{
    job_params_init(&rig.conf.job);
    if (key != NULL)
        rig_job_set(&rig.conf.job, key, value);
    assert_true(sink_service.start());
}

static bool judged(void)
{
    struct verdict v = {.pass = true};

    sink_judge(&v);
    return v.pass;
}

static void runs_that_come_are_judged_if_anything_was_asked(void **state)
{
    static const struct {
        const char *key, *value;
        bool pass;
    } cases[] = {
        {NULL, NULL, true},           {"max_lost", "0", false},   {"max_lost", "1", true},
        {"max_loss", "9%", false},    {"max_loss", "10%", true},  {"max_duplicate", "0", false},
        {"max_reordered", "0", true}, {"min_pps", "1k", false},   {"min_pps", "90", true},
        {"min_bps", "1M", false},     {"max_gap", "15ms", false}, {"max_gap", "25ms", true}};

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        serve_with(cases[i].key, cases[i].value);
        assert_int_equal(judged(), cases[i].key == NULL); /* nothing came */
        for (unsigned k = 0; k < 10; k++) {
            if (k != 5)
                sink_send(SINK_RUN, 0, k);
            rig_advance_ms(10);
        }
        sink_send(SINK_RUN, 0, 9);
        rig_pump();
        assert_int_equal(judged(), cases[i].pass);
    }
}

static void a_run_that_failed_is_remembered_when_its_place_is_needed(void **state)
{
    (void)state;
    serve_with("max_lost", "0");
    sink_send(100, 0, 1);
    rig_pump();
    rig_advance_ms(CONFIG_SINK_IDLE_MS);
    assert_false(judged());
    for (uint16_t run = 0; run < CONFIG_SINK_RUNS; run++)
        sink_send(run, 0, 0);
    rig_pump();
    assert_null(sink_run_find(TESTFRAME_SENT, 100));
    assert_int_equal(sink_run_failed(), 1);
    assert_false(judged());
}

/* ---- where numbers begin --------------------------------------------------------------------- */

static void numbers_before_the_first_that_came_are_lost_unless_the_first_is_known(void **state)
{
    (void)state;
    sink_send(1, 0, 7);
    rig_pump();
    assert_int_equal(seqwin_lost(&sink_of(1)->n), 7);
    serve_with("first_seq", "18446744073709551614"); /* both ends were told */
    sink_send(1, 0, UINT64_MAX);
    sink_send(1, 300, UINT64_MAX - 1);
    sink_send(1, 300, 0);
    rig_pump();
    assert_int_equal(sink_of(1)->n.expected, 5);
    assert_int_equal(seqwin_lost(&sink_of(1)->n), 2);
    assert_true(
        sink_expect(1, 5, NULL)); /* by one of our own jobs: that counts, and what was said last */
    assert_true(sink_expect(1, 6, NULL));
    rig_advance_ms(CONFIG_SINK_IDLE_MS);
    for (uint16_t run = 2; run < 2 + CONFIG_SINK_RUNS; run++)
        sink_send(run, 0, UINT64_MAX - 1);
    rig_advance_ms(CONFIG_SINK_IDLE_MS);
    sink_send(1, 0, 8);
    rig_pump();
    assert_int_equal(sink_of(1)->n.expected, 3);
    assert_int_equal(seqwin_lost(&sink_of(2)->n), 0);
}

/* As if so many had come before. */
static void counters_go_on_beyond_32_bits(void **state)
{
    const uint64_t bit32 = 1ull << 32;

    (void)state;
    rig.conf.job.interval_ns = 1000 * MS;
    assert_true(sink_service.start());
    sink_send(SINK_RUN, 0, 0);
    rig_pump();
    struct sink_run *r = sink_run_find(TESTFRAME_SENT, SINK_RUN);
    r->bytes = bit32 - 100;
    r->n.received = r->n.expected = bit32 - 2;
    r->n.duplicate = r->n.late = r->n.reordered = r->corrupt = bit32 - 1;
    r->delay.total = r->delay.count[0] = bit32 - 1;
    rig_advance_ms(1000);
    for (uint64_t k = 1; k <= 5; k++)
        sink_send(SINK_RUN, 0, k + (k > 3)); /* 4 is lost, */
    sink_send(SINK_RUN, 0, 2);
    sink_send(SINK_RUN, 0, 2);
    rig_advance_ms(1000);
    const char *i = rig_record("interval");
    assert_int_equal(rig_number(i, "rx_packets", 0), 7);
    assert_int_equal(rig_number(i, "rx_bytes", 0), 7 * 60);
    sink_send(SINK_RUN, 0, 4); /* and comes behind others */
    rig_advance_ms(CONFIG_SINK_IDLE_MS + 10);
    const char *all = rig_record("result");
    assert_int_equal(rig_number(all, "rx_bytes", 0), bit32 - 100 + 8 * 60);
    assert_int_equal(rig_number(all, "expected", 0), bit32 + 4);
    assert_int_equal(rig_number(all, "received", 0), bit32 + 4);
    assert_int_equal(rig_number(all, "duplicate", 0), bit32 + 1);
    assert_int_equal(rig_number(all, "reordered", 0), bit32);
    assert_int_equal(rig_number(all, "rx_packets", 0), 3 * bit32 + 4);
    assert_int_equal(rig_number(all, "count", 0), bit32 + 5);
    assert_int_equal(rig_number(rig_record("end"), "packets", 0), 3 * bit32 + 4);
}

static void intervals_are_reported_while_a_run_lasts(void **state)
{
    const unsigned before = rig_record_count("interval");

    (void)state;
    rig.conf.job.interval_ns = 1000 * MS;
    assert_true(sink_service.start());
    for (unsigned k = 0; k < 25; k++) {
        sink_send(SINK_RUN, 0, k);
        rig_advance_ms(100);
    }
    assert_int_equal(rig_record_count("interval"), before + 2);
    assert_true(rig_says(rig_record("interval"), "job", "sink-4660"));
    assert_int_equal(rig_number(rig_record("interval"), "rx_packets", 0), 10);
    assert_in_range(rig_number(rig_record("interval"), "gap_max_us", 0), 99000, 101000);
    rig_advance_ms(10000);
    assert_int_equal(rig_record_count("interval"), before + 5);              /* until it was over */
    assert_in_range(sink_of(SINK_RUN)->gap.total_max_ns, 99 * MS, 101 * MS); /* no silence behind */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_run_is_over_when_nothing_came_for_long_and_goes_on_if_more_does),
        TEST(runs_under_way_have_their_result_when_the_guest_ends),
        TEST(one_run_too_many_is_refused_until_another_is_over),
        TEST(the_run_that_has_been_over_for_longest_gives_way),
        TEST(the_longest_gap_is_kept),
        TEST(delay_is_measured_where_the_clock_is_ours),
        TEST(delay_beyond_the_least_is_measured_where_clocks_are_apart),
        TEST(totals_are_what_jobs_are_measured_by),
        TEST(runs_that_come_are_judged_if_anything_was_asked),
        TEST(a_run_that_failed_is_remembered_when_its_place_is_needed),
        TEST(numbers_before_the_first_that_came_are_lost_unless_the_first_is_known),
        TEST(counters_go_on_beyond_32_bits),
        TEST(intervals_are_reported_while_a_run_lasts),
    };

    return cmocka_run_group_tests(tests, rig_service_init, NULL);
}
