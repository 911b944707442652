// SPDX-License-Identifier: BSD-3-Clause
/*
 * The life of jobs (apps/job.c): what is refused, when they start, wait, change and end, and whose
 * place they take; with a kind of job that does what the test says. Their words are the subject of
 * test_job_report.c.
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

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, rig_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(keys_of_jobs_without_a_job_are_refused),
        TEST(limits_that_the_job_does_not_measure_are_refused),
        TEST(what_its_kind_does_not_like_is_refused),
        TEST(refusal_repeats_what_was_said),
        TEST(job_waits_for_the_network),
        TEST(network_that_never_comes_ends_the_wait),
        TEST(job_that_cannot_start_when_its_time_comes_has_failed),
        TEST(job_that_cannot_start_at_once_is_refused_and_forgotten),
        TEST(job_that_cannot_start_takes_nobodys_place),
        TEST(turns_and_deadlines_are_those_of_its_kind),
        TEST(stopping_is_asked_once_and_only_endless_jobs_are_done_then),
        TEST(waiting_job_that_is_stopped_never_starts),
        TEST(rate_changes_if_its_kind_can),
        TEST(places_of_old_jobs_are_used_again_and_their_failures_remembered),
    };

    return cmocka_run_group_tests_name("job", tests, rig_service_init, NULL);
}
