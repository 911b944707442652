// SPDX-License-Identifier: BSD-3-Clause
/*
 * What jobs say (apps/job.c, apps/job_measure.c): a record each interval, the same as a stream of
 * iperf3's JSON, and a result with the criteria that the job was measured against; with a kind of
 * job that has done what the test says.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>
#include "fake_job.h"
#include "netrig.h"
#include "rig_job.h"
#include "rig_service.h"

static int setup(void **state)
{
    const int r = rig_setup(state);

    fake_job_setup();
    rig_job_setup("flood");
    return r;
}

/* ---- intervals ------------------------------------------------------------------------------ */

static void intervals_come_each_period_and_add_up(void **state)
{
    (void)state;
    rig_job_say("interval", "100ms");
    rig_job_say("dir", "both");
    struct job *j = rig_job_start();
    fake.sum =
        (struct figures){.tx_bytes = 1000, .rx_bytes = 50, .tx_packets = 10, .rx_packets = 5};
    rig_advance_ms(100);
    const char *r = rig_record("interval");
    assert_int_equal(rig_record_count("interval"), 1);
    assert_true(rig_says(r, "job", j->name));
    assert_int_equal(rig_number(r, "start_us", 0), 0);
    assert_int_equal(rig_number(r, "end_us", 0), 100000);
    assert_int_equal(rig_number(r, "tx_bytes", 0), 1000);
    assert_int_equal(rig_number(r, "bps_tx", 0), 80000);
    assert_int_equal(rig_number(r, "gap_max_us", 0), 5);
    fake.sum.tx_bytes = 1010;
    rig_advance_ms(100);
    assert_int_equal(rig_record_count("interval"), 2);
    assert_int_equal(rig_number(rig_record("interval"), "tx_bytes", 0), 10);
    assert_int_equal(rig_number(rig_record("interval"), "rx_bytes", 0), 0);
    assert_int_equal(rig_number(rig_record("interval"), "start_us", 0), 100000);
    fake.sum.tx_bytes = 1017;
    rig_advance_ms(30);
    job_ended(j, "done"); /* the rest comes in a shorter one */
    assert_int_equal(rig_record_count("interval"), 3);
    assert_int_equal(rig_number(rig_record("interval"), "tx_bytes", 0), 7);
    assert_int_equal(rig_number(rig_record("interval"), "end_us", 0), 230000);
    rig_advance_ms(500);
    assert_int_equal(rig_record_count("interval"), 3);
}

static void start_and_end_are_around_the_intervals(void **state)
{
    static const struct {
        const char *dir, *sums;
    } cases[] = {
        {"tx", "\"sum_sent\":{\"start\":0.000000,\"end\":0.500000,\"seconds\":0.500000,"
               "\"bytes\":1000,\"bits_per_second\":16000,\"packets\":10,\"omitted\":false,"
               "\"sender\":true}}"},
        {"rx", "\"sum_received\":{\"start\":0.000000,\"end\":0.500000,\"seconds\":0.500000,"
               "\"bytes\":50,\"bits_per_second\":800,\"packets\":5,\"omitted\":false,"
               "\"sender\":false}}"},
        {"both", "\"packets\":10,\"omitted\":false,\"sender\":true},"
                 "\"sum_received_bidir_reverse\":{"},
    };

    (void)state;
    fake.totals.sum =
        (struct figures){.tx_bytes = 1000, .rx_bytes = 50, .tx_packets = 10, .rx_packets = 5};
    fake.totals.duration_us = 500000;
    rig_job_say("interval", "100ms");
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        rig_job_say("dir", cases[i].dir);
        struct job *j = rig_job_start();
        assert_int_equal(rig_record_count("start"), i + 1);
        assert_true(rig_says(rig_record("start"), "job", j->name));
        assert_non_null(strstr(rig_record("start"),
                               i == 2 ? "\"test_start\":{\"bidir\":1,\"interval\":0.100}"
                                      : "\"test_start\":{\"bidir\":0,\"interval\":0.100}"));
        assert_int_equal(rig_record_count("end"), i);
        job_ended(j, "done");
        assert_int_equal(rig_record_count("end"), i + 1);
        assert_true(rig_says(rig_record("end"), "job", j->name));
        assert_non_null(strstr(rig_record("end"), cases[i].sums));
    }
    rig_job_say("interval", "0");
    job_ended(rig_job_start(), "done");
    assert_int_equal(rig_record_count("start"), 3);
    assert_int_equal(rig_record_count("end"), 3);
}

/* 2^32 packets and bytes, and what is beyond. */
static void counters_go_on_beyond_32_bits(void **state)
{
    const uint64_t bit32 = 1ull << 32;

    (void)state;
    rig_job_say("interval", "100ms");
    fake.sum = (struct figures){.tx_bytes = bit32 - 100, .tx_packets = bit32 - 1};
    struct job *j = rig_job_start();
    rig_advance_ms(100);
    assert_int_equal(rig_number(rig_record("interval"), "tx_bytes", 0), bit32 - 100);
    assert_int_equal(rig_number(rig_record("interval"), "bps_tx", 0), (bit32 - 100) * 80);
    fake.sum = (struct figures){.tx_bytes = bit32 + 400, .tx_packets = bit32 + 4};
    rig_advance_ms(100);
    assert_int_equal(rig_number(rig_record("interval"), "tx_bytes", 0), 500);
    assert_int_equal(rig_number(rig_record("interval"), "tx_packets", 0), 5);
    assert_int_equal(rig_number(rig_record("interval"), "bps_tx", 0), 40000);
    fake.sum.tx_bytes += 3 * bit32;
    rig_advance_ms(100);
    assert_int_equal(rig_number(rig_record("interval"), "tx_bytes", 0), 3 * bit32);
    fake.totals.sum = (struct figures){.tx_bytes = 3 * bit32, .tx_packets = bit32 + 4};
    fake.totals.duration_us = bit32 + 1;
    job_ended(j, "done");
    assert_int_equal(rig_number(rig_record("result"), "tx_bytes", 0), 3 * bit32);
    assert_int_equal(rig_number(rig_record("result"), "tx_packets", 0), bit32 + 4);
    assert_int_equal(rig_number(rig_record("result"), "duration_us", 0), bit32 + 1);
    assert_int_equal(rig_number(rig_record("result"), "bps_tx", 0), 23999999);
}

static void job_that_rests_reports_no_more(void **state)
{
    (void)state;
    struct job *j = rig_job_start();
    rig_advance_ms(30);
    job_rests(j, rig.now_ns);
    assert_int_equal(rig_record_count("interval"), 1);
    rig_advance_ms(2000);
    job_rests(j, rig.now_ns);
    job_ended(j, "done");
    assert_int_equal(rig_record_count("interval"), 1);
}

/* What readers of iperf3 --json-stream look at. */
static void interval_has_the_sums_of_a_json_stream(void **state)
{
    (void)state;
    rig_job_say("dir", "both");
    rig_job_start();
    fake.sum =
        (struct figures){.tx_bytes = 1000, .rx_bytes = 50, .tx_packets = 10, .rx_packets = 5};
    rig_advance_ms(1000);
    const char *r = rig_record("interval");
    assert_non_null(strstr(
        r, "\"data\":{\"streams\":[],\"sum\":{\"start\":0.000000,\"end\":1.000000,\"seconds\":"
           "1.000000,\"bytes\":1000,\"bits_per_second\":8000,\"packets\":10,\"omitted\":false,"
           "\"sender\":true},\"sum_bidir_reverse\":{\"start\":0.000000,\"end\":1.000000,"
           "\"seconds\":1.000000,\"bytes\":50,\"bits_per_second\":400,\"packets\":5,\"omitted\":"
           "false,\"sender\":false}}"));
}

/* ---- criteria ------------------------------------------------------------------------------ */

static bool passes(void)
{
    job_ended(rig_job_start(), "done");
    return rig_says(rig_record("result"), "status", "PASS");
}

static void each_limit_can_fail_a_job_alone(void **state)
{
    (void)state;
    fake.totals = (struct job_totals){
        .sum = {.tx_bytes = 1000, .rx_bytes = 10, .tx_packets = 10, .rx_packets = 20},
        .duration_us = 1000000,
        .gap_max_us = 1000,
        .measured = fake_kind.measures};
    fake.totals.value[JOB_MAX_LOSS] = 10000000; /* 1 % */
    fake.totals.value[JOB_MAX_P99] = 200000;
    rig_job_say("min_bps", "8000");
    rig_job_say("min_pps", "10");
    rig_job_say("max_loss", "1%");
    rig_job_say("max_p99", "200us");
    rig_job_say("max_gap", "1ms");
    assert_true(passes());
    const struct job_params good = rig_job;

    static const char *const bad[][3] = {
        {"min_bps", "8001", "\"name\":\"min_bps\",\"limit\":8001,\"value\":8000,\"ok\":false"},
        {"min_pps", "11", "\"name\":\"min_pps\",\"limit\":11,\"value\":10,\"ok\":false"},
        {"max_loss", "0.9999999%",
         "\"name\":\"max_loss_ppb\",\"limit\":9999999,\"value\":10000000,\"ok\":false"},
        {"max_p99", "199us", "\"name\":\"max_p99_us\",\"limit\":199,\"value\":200,\"ok\":false"},
        {"max_gap", "999us", "\"name\":\"max_gap_us\",\"limit\":999,\"value\":1000,\"ok\":false"}};
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        rig_job = good;
        rig_job_say(bad[i][0], bad[i][1]);
        assert_false(passes());
        assert_non_null(strstr(rig_record("result"), bad[i][2]));
        assert_null(strstr(strstr(rig_record("result"), "\"ok\":false") + 1, "\"ok\":false"));
    }
    rig_job = good;
    rig_job_say("dir", "rx"); /* 80 bit/s */
    assert_false(passes());
    rig_job_say("dir", "both");
    assert_false(passes());
}

static void gap_has_a_limit_that_allows_for_a_slow_rate(void **state)
{
    (void)state;
    fake.totals.gap_max_us = 1000000;
    assert_true(passes());
    fake.totals.gap_max_us = 1000001;
    assert_false(passes());
    rig_job_say("rate", "1pps"); /* two of its periods more */
    assert_true(passes());
    fake.totals.gap_max_us = 3000001;
    assert_false(passes());
    rig_job_say("rate", "8k"); /* of full frames: 1.46 s each */
    assert_true(passes());
}

/* What was slow for a while had its gaps by right. */
static void gap_that_an_earlier_rate_allowed_is_allowed(void **state)
{
    (void)state;
    fake.rate_works = true;
    fake.totals.gap_max_us = 3000000;
    rig_job_say("rate", "1pps");
    struct job *j = rig_job_start();
    rig_job_say("rate", "1kpps");
    assert_true(job_set_rate(j, &rig_job));
    rig_job_say("rate", "2kpps");
    assert_true(job_set_rate(j, &rig_job));
    job_ended(j, "done");
    assert_true(rig_says(rig_record("result"), "status", "PASS"));

    rig_job_say("rate", "1pps");
    rig_job_say("max_gap", "2s"); /* but not beyond what somebody has said */
    j = rig_job_start();
    rig_job_say("rate", "1kpps");
    assert_true(job_set_rate(j, &rig_job));
    job_ended(j, "done");
    assert_true(rig_says(rig_record("result"), "status", "FAIL"));
}

static void measure_that_never_came_is_a_failure(void **state)
{
    (void)state;
    rig_job_say("max_p99", "1h");
    assert_false(passes());
}

static void result_says_what_it_came_to(void **state)
{
    (void)state;
    fake.totals.sum.tx_bytes = 77;
    fake.totals.duration_us = 5;
    job_ended(rig_job_start(), "done");
    const char *r = rig_record("result");
    assert_true(rig_says(r, "job", "fake-1"));
    assert_true(rig_says(r, "end", "done"));
    assert_int_equal(rig_number(r, "tx_bytes", 0), 77);
    assert_int_equal(rig_number(r, "duration_us", 0), 5);
    assert_int_equal(rig_number(r, "of_its_own", 0), 1);
}

static void verdict_names_the_job_of_each_criterion(void **state)
{
    (void)state;
    assert_true(passes());
    assert_true(verdict_record());
    assert_non_null(strstr(rig_record("verdict"),
                           "{\"job\":\"fake-1\",\"name\":\"unfinished\",\"limit\":0,\"value\":0,"
                           "\"ok\":true}"));
    rig_job_start();
    assert_false(verdict_record()); /* it has not ended */
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, rig_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(intervals_come_each_period_and_add_up),
        TEST(start_and_end_are_around_the_intervals),
        TEST(counters_go_on_beyond_32_bits),
        TEST(job_that_rests_reports_no_more),
        TEST(interval_has_the_sums_of_a_json_stream),
        TEST(each_limit_can_fail_a_job_alone),
        TEST(gap_has_a_limit_that_allows_for_a_slow_rate),
        TEST(gap_that_an_earlier_rate_allowed_is_allowed),
        TEST(measure_that_never_came_is_a_failure),
        TEST(result_says_what_it_came_to),
        TEST(verdict_names_the_job_of_each_criterion),
    };

    return cmocka_run_group_tests_name("job_report", tests, rig_service_init, NULL);
}
