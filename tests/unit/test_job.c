// SPDX-License-Identifier: BSD-3-Clause
/*
 * The life of jobs (apps/job.c): when they start, report and end, and what they are measured
 * against; with a kind of job that does what the test says.
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
#include "time.h"

static int setup(void **state)
{
    int r = rig_setup(state);

    fake_job_setup();
    job_params_init(&rig_job);
    rig_job.run = JOB_RUN_FLOOD;
    return r;
}

/* ---- what is asked ------------------------------------------------------------------------- */

static void refused(const char *key)
{
    rig_job_is_refused(key);
    assert_int_equal(fake.started, 0);
}

static void keys_of_jobs_without_a_job_are_refused(void **state)
{
    struct job_refusal why;

    (void)state;
    rig_job.run = JOB_RUN_SERVE;
    rig_job_say("interval", "5s");
    assert_true(job_check(&rig_job, &why));
    rig_job_say("max_loss", "1%"); /* of test frames that come */
    rig_job_say("min_bps", "1");
    rig_job_say("first_seq", "1");
    assert_true(job_check(&rig_job, &why));
    rig_job_say("max_p99", "1ms"); /* by another clock */
    refused("max_p99");
    rig_job_say("rate", "5k");
    refused("rate");
    job_params_init(&rig_job);
    rig_job.run = JOB_RUN_NONE;
    rig_job_say("max_loss", "1%");
    refused("max_loss");
}

static void limits_that_the_job_does_not_measure_are_refused(void **state)
{
    struct job_refusal why;

    (void)state;
    rig_job_say("max_loss", "1%");
    rig_job_say("max_p99", "1ms");
    rig_job_say("max_gap", "1ms");
    rig_job_say("min_bps", "1");
    rig_job_say("min_pps", "1");
    assert_true(job_check(&rig_job, &why));
    rig_job_say("max_p50", "1ms");
    refused("max_p50");
}

static void what_its_kind_does_not_like_is_refused(void **state)
{
    (void)state;
    rig_job_say("target", "net0");
    refused("target");
    rig_job_say("target", "10.0.0.1");
    fake.wrong = "target";
    refused("target");
}

/* ---- its life ------------------------------------------------------------------------------ */

static void job_waits_for_the_network(void **state)
{
    (void)state;
    struct job *j = rig_job_start();
    assert_int_equal(j->state, JOB_WAITING);
    assert_true(jobs_busy() && !jobs_done());
    rig_advance_ms(1000);
    assert_int_equal(fake.started, 0);
    jobs_ready();
    assert_int_equal(fake.started, 1);
    assert_int_equal(j->state, JOB_RUNNING);
    assert_true(jobs_busy());
    rig_job_start();
    assert_int_equal(fake.started, 2); /* it is ready */
}

static void network_that_never_comes_ends_the_wait(void **state)
{
    (void)state;
    assert_false(jobs_busy() || jobs_done());
    rig_job_start();
    const uint64_t begin = rig.now_ns;
    assert_int_equal(jobs_deadline(), begin + 60 * NS_PER_S);
    rig_advance_ms(59999);
    assert_true(jobs_busy());
    rig_advance_ms(2);
    assert_true(jobs_done());
    assert_true(rig_says(rig_record("refused"), "what", "fake"));
    assert_true(rig_says(rig_record("result"), "status", "FAIL"));
}

static void job_that_cannot_start_when_its_time_comes_has_failed(void **state)
{
    struct verdict v = {.pass = true};

    (void)state;
    fake.cannot = "no room";
    rig_job_start();
    jobs_ready();
    assert_true(rig_says(rig_record("refused"), "reason", "no room"));
    assert_true(rig_says(rig_record("result"), "end", "no room"));
    assert_true(jobs_done());
    jobs_judge(&v);
    assert_false(v.pass);
}

static void job_that_cannot_start_at_once_is_refused_and_forgotten(void **state)
{
    struct verdict v = {.pass = true};
    struct job_refusal why;

    (void)state;
    jobs_ready();
    fake.cannot = "no room";
    assert_null(job_start(&rig_job, &why));
    assert_null(why.key);
    assert_string_equal(why.reason, "no room");
    assert_false(why.full);
    assert_true(rig_says(rig_record("refused"), "reason", "no room"));
    assert_int_equal(rig_record_count("result"), 0);
    assert_null(job_at(0));
    jobs_judge(&v);
    assert_true(v.pass);
}

static void job_that_cannot_start_takes_nobodys_place(void **state)
{
    struct job_refusal why;
    struct job *j = NULL;

    (void)state;
    jobs_ready();
    for (unsigned i = 0; i < CONFIG_JOBS; i++) {
        j = job_start(&rig_job, &why);
        assert_non_null(j);
        job_ended(j, "done");
    }
    fake.cannot = "no room";
    assert_null(job_start(&rig_job, &why));
    for (unsigned i = 0; i < CONFIG_JOBS; i++)
        assert_int_equal(job_at(i)->id, i + 1);
    fake.cannot = NULL;
    assert_int_equal(job_start(&rig_job, &why)->id, CONFIG_JOBS + 1);
}

static void intervals_come_each_period_and_add_up(void **state)
{
    (void)state;
    jobs_ready();
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
    jobs_ready();
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
    jobs_ready();
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
    jobs_ready();
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
    jobs_ready();
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

static void turns_and_deadlines_are_those_of_its_kind(void **state)
{
    (void)state;
    jobs_ready();
    rig_job_say("interval", "0");
    struct job *j = rig_job_start();
    assert_true(jobs_deadline() == UINT64_MAX);
    fake.due_ns = 123;
    assert_int_equal(jobs_deadline(), 123);
    jobs_poll(0);
    assert_int_equal(fake.turns, 1);
    job_ended(j, "done");
    jobs_poll(0);
    assert_int_equal(fake.turns, 1);
    assert_true(jobs_deadline() == UINT64_MAX);
}

static void stopping_is_asked_once_and_only_endless_jobs_are_done_then(void **state)
{
    (void)state;
    jobs_ready();
    struct job *j = rig_job_start();
    job_stop(j);
    jobs_stop();
    assert_int_equal(fake.stopped, 1);
    job_ended(j, "done");
    assert_string_equal(j->end, "stopped");
    assert_true(rig_says(rig_record("result"), "status", "FAIL"));

    rig_job_say("time", "0");
    j = rig_job_start();
    jobs_stop();
    job_ended(j, "done");
    assert_true(rig_says(rig_record("result"), "status", "PASS"));
    job_stop(j);
    assert_int_equal(fake.stopped, 2);
}

static void waiting_job_that_is_stopped_never_starts(void **state)
{
    (void)state;
    struct job *j = rig_job_start();
    job_stop(j);
    assert_int_equal(j->state, JOB_OVER);
    jobs_ready();
    assert_int_equal(fake.started, 0);
}

static void rate_changes_if_its_kind_can(void **state)
{
    (void)state;
    struct job *j = rig_job_start();
    fake.rate_works = true;
    rig_job_say("rate", "5pps");
    assert_false(job_set_rate(j, &rig_job)); /* it waits */
    jobs_ready();
    fake.rate_works = false;
    assert_false(job_set_rate(j, &rig_job));
    assert_int_equal(j->params.rate.per_s, 0);
    fake.rate_works = true;
    assert_true(job_set_rate(j, &rig_job));
    assert_int_equal(fake.rate.per_s, 5);
    assert_int_equal(j->params.rate.per_s, 5);
    assert_true(job_params_said(&j->params, "rate"));
    job_stop(j);
    assert_false(job_set_rate(j, &rig_job));
    job_ended(j, "done");
    assert_false(job_set_rate(j, &rig_job));
}

/* What was slow for a while had its gaps by right. */
static void gap_that_an_earlier_rate_allowed_is_allowed(void **state)
{
    (void)state;
    jobs_ready();
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

static void refusal_repeats_what_was_said(void **state)
{
    struct job_refusal why;

    (void)state;
    rig_job_say("rate", "00005k");
    fake.wrong = "rate";
    assert_false(job_check(&rig_job, &why));
    assert_string_equal(why.value, "00005k");
    fake.wrong = "target";
    assert_false(job_check(&rig_job, &why));
    assert_string_equal(why.value, "");
    fake.wrong = "len";
    rig_job_say("len", "1000001,1000002,1000003,1000004,1000005,1000006,1000007,1000008");
    assert_false(job_check(&rig_job, &why));
    assert_string_equal(why.value, "1000001,1000002,1000003,1000004,1000005,1000...");
}

static void places_of_old_jobs_are_used_again_and_their_failures_remembered(void **state)
{
    struct job_refusal why;
    struct verdict v = {.pass = true};

    (void)state;
    jobs_ready();
    for (unsigned i = 0; i < CONFIG_JOBS; i++)
        rig_job_start();
    assert_null(job_start(&rig_job, &why));
    assert_null(why.key);
    assert_true(why.full);
    assert_true(rig_says(rig_record("refused"), "what", "job"));
    job_ended(job_find(2), "it broke");
    struct job *j = rig_job_start();
    assert_int_equal(j->id, CONFIG_JOBS + 1);
    assert_null(job_find(2));
    assert_ptr_equal(job_at(1), j); /* in its place */
    for (uint32_t id = 1; id <= CONFIG_JOBS + 1; id++)
        if (job_find(id) != NULL)
            job_ended(job_find(id), "done");
    jobs_judge(&v);
    assert_false(v.pass);
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
    jobs_ready();
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
    jobs_ready();
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

static void measure_that_never_came_is_a_failure(void **state)
{
    (void)state;
    jobs_ready();
    rig_job_say("max_p99", "1h");
    assert_false(passes());
}

static void result_says_what_it_came_to(void **state)
{
    (void)state;
    jobs_ready();
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
    jobs_ready();
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
        TEST(keys_of_jobs_without_a_job_are_refused),
        TEST(limits_that_the_job_does_not_measure_are_refused),
        TEST(what_its_kind_does_not_like_is_refused),
        TEST(job_waits_for_the_network),
        TEST(network_that_never_comes_ends_the_wait),
        TEST(job_that_cannot_start_when_its_time_comes_has_failed),
        TEST(job_that_cannot_start_at_once_is_refused_and_forgotten),
        TEST(job_that_cannot_start_takes_nobodys_place),
        TEST(intervals_come_each_period_and_add_up),
        TEST(start_and_end_are_around_the_intervals),
        TEST(counters_go_on_beyond_32_bits),
        TEST(job_that_rests_reports_no_more),
        TEST(interval_has_the_sums_of_a_json_stream),
        TEST(turns_and_deadlines_are_those_of_its_kind),
        TEST(stopping_is_asked_once_and_only_endless_jobs_are_done_then),
        TEST(waiting_job_that_is_stopped_never_starts),
        TEST(rate_changes_if_its_kind_can),
        TEST(gap_that_an_earlier_rate_allowed_is_allowed),
        TEST(refusal_repeats_what_was_said),
        TEST(places_of_old_jobs_are_used_again_and_their_failures_remembered),
        TEST(each_limit_can_fail_a_job_alone),
        TEST(gap_has_a_limit_that_allows_for_a_slow_rate),
        TEST(measure_that_never_came_is_a_failure),
        TEST(result_says_what_it_came_to),
        TEST(verdict_names_the_job_of_each_criterion),
    };
    return cmocka_run_group_tests_name("job", tests, rig_service_init, NULL);
}
