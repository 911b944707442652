// SPDX-License-Identifier: BSD-3-Clause
/*
 * Jobs over HTTP (apps/http_jobs.c, apps/job_json.c): what each method of /jobs and /jobs/N does,
 * and what is refused, in which words.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "fake_job.h"
#include "http_client.h"
#include "json_check.h"
#include "netrig.h"
#include "time.h"

#define JSON "Content-Type: application/json\r\n"

static struct rig_tcp client;
static struct reply reply; /* the last one */

static int jobs_setup(void **state)
{
    int r = http_setup(state);

    fake_job_setup();
    jobs_ready();
    fake.rate_works = true;
    assert_true(rig_tcp_connect(&client, HTTP));
    return r;
}

static int jobs_teardown(void **state)
{
    free(reply.body);
    reply.body = NULL;
    rig_tcp_close(&client);
    return rig_teardown(state);
}

/* The reply's status; its body is complete and, but for plain errors, JSON. */
static unsigned hear(void)
{
    free(reply.body);
    http_hear(&client, &reply, true);
    if (strstr(reply.head, "Content-Type: application/json") != NULL)
        assert_true(json_is_valid(reply.body));
    return reply.status;
}

static unsigned say_with(const char *method, const char *path, const char *fields, const char *body)
{
    char head[512];

    snprintf(head, sizeof(head), "%s %s HTTP/1.1\r\n" HOST "%sContent-Length: %zu\r\n\r\n", method,
             path, fields, strlen(body));
    http_say(&client, head);
    if (body[0] != '\0')
        http_say(&client, body);
    return hear();
}

static unsigned say(const char *method, const char *path, const char *body)
{
    return say_with(method, path, JSON, body);
}

static unsigned ask(const char *method, const char *path)
{
    return say_with(method, path, "", "");
}

static bool has(const char *text)
{
    return strstr(reply.body, text) != NULL;
}

/* ---- start --------------------------------------------------------------------------------- */

static void post_starts_a_job_with_the_keys_of_the_command_line(void **state)
{
    (void)state;
    assert_int_equal(say("POST", "/jobs",
                         "{\"run\":\"flood\",\"target\":\"10.0.0.1\",\"rate\":\"20kpps\","
                         "\"flows\":7,\"max_p99\":\"1ms\"}"),
                     201);
    assert_non_null(strstr(reply.head, "\r\nLocation: /jobs/1\r\n"));
    const struct job *j = job_find(1);
    assert_non_null(j);
    assert_int_equal(j->state, JOB_RUNNING);
    assert_int_equal(j->params.rate.per_s, 20000);
    assert_true(j->params.rate.packets);
    assert_int_equal(j->params.flows, 7);
    assert_int_equal(j->params.limit[JOB_MAX_P99], NS_PER_MS);
    assert_true(has("\"id\":1,\"job\":\"fake-1\",\"kind\":\"fake\",\"state\":\"running\","
                    "\"parameters\":{\"run\":\"flood\",\"target\":\"10.0.0.1\",\"rate\":\"20kpps\","
                    "\"flows\":\"7\",\"max_p99\":\"1ms\"}"));
    const char *record = rig_record("job");
    assert_true(rig_says(record, "what", "start") && rig_says(record, "rate", "20kpps"));
}

static void chunked_body_is_read_as_well(void **state)
{
    (void)state;
    http_say(&client, "POST /jobs HTTP/1.1\r\n" HOST JSON "Transfer-Encoding: chunked\r\n\r\n"
                      "5\r\n{\"run\r\n");
    http_say(&client, "a\r\n\":\"flood\"}\r\n0\r\n\r\n");
    assert_int_equal(hear(), 201);
}

/* What is refused, as 422 and in a record, with these members. */
static void refused(const char *body, const char *key, const char *value, const char *accepted)
{
    char members[512];
    const uint64_t before = apps_refusals();

    rig_advance_ms(1000); /* records have a bound */
    assert_int_equal(say("POST", "/jobs", body), 422);
    snprintf(members, sizeof(members), "\"source\":\"http\",\"key\":\"%s\",\"value\":\"%s\",", key,
             value);
    assert_true(
        has("{\"what\":\"job\",\"reason\":\"a value is not accepted\",\"message\":\"http: "));
    assert_true(has(members) && has(accepted));
    assert_non_null(strstr(rig_record("refused"), members));
    assert_true(rig_says(rig_record("refused"), "what", "job"));
    assert_int_equal(apps_refusals(), before + 1);
    assert_null(job_at(0));
    assert_int_equal(fake.started, 0);
}

static void what_is_not_accepted_is_refused_by_key_and_value(void **state)
{
    (void)state;
    refused("{\"run\":\"flood\",\"speed\":\"5\"}", "speed", "5", "rate len flows");
    refused("{\"run\":\"flood\",\"rate\":\"fast\"}", "rate", "fast", "as fast as possible");
    refused("{\"run\":\"flood\",\"rate\":-1}", "rate", "-1", "a string, or a number");
    refused("{\"run\":\"flood\",\"rate\":[5]}", "rate", "[5]", "a string, or a number");
    refused("{\"run\":\"flood\",\"rate\":null}", "rate", "null", "a string, or a number");
    refused("{\"run\":\"flood\",\"rate\":{\"a\":1}}", "rate", "{\\\"a\\\":1}", "a string");
    refused("{\"run\":\"flood\",\"flows\":1e3}", "flows", "1e3", "a number from 1");
    refused("{\"run\":\"flood\",\"rate\":\"5 flows=7\"}", "rate", "5 flows=7", "bits");
    refused("{\"run\":\"flood\",\"\":1}", "", "1", "rate len flows");
    refused("{\"run\":\"flood\",\"flows\":3,\"flows\":\"4\"}", "flows", "4", "each key once");
    refused("{\"run\":\"flood\",\"rate\":5,\"run\":\"flood\"}", "run", "flood", "each key once");
    refused("{\"flows\":5}", "run", "", "a job");
    refused("{\"run\":\"serve\"}", "run", "serve", "a job");
    refused("{\"run\":\"none\"}", "run", "none", "a job");
    refused("{}", "run", "", "a job");
    refused("{\"run\":\"flood\",\"max_p50\":\"1s\"}", "max_p50", "1s", "does not measure");
    fake.wrong = "target";
    refused("{\"run\":\"flood\",\"target\":\"10.0.0.7\"}", "target", "10.0.0.7", "something else");
}

static void body_that_is_no_object_is_400(void **state)
{
    static const char *const bodies[] = {"",
                                         "{",
                                         "[]",
                                         "7",
                                         "\"run\"",
                                         "{\"run\"}",
                                         "{\"run\":\"flood\"} x",
                                         "{\"run\":\"flood\",}",
                                         "{,\"run\":\"flood\"}",
                                         "{\"run\":\"flood\",,\"rate\":1}",
                                         "{\"rate\":[1,]}",
                                         "{\"run\":flood}",
                                         "{run:\"flood\"}",
                                         "{\"run\":\"flood\" \"rate\":1}",
                                         "{\"a\":\"\\x\"}",
                                         "run=flood"};

    (void)state;
    for (unsigned i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        if (say("POST", "/jobs", bodies[i]) != 400)
            fail_msg("%s: %u", bodies[i], reply.status);
        assert_true(has("\"what\":\"job\",\"reason\":\"the body is no object of JSON\""));
        assert_false(reply.close);
    }
    assert_null(job_at(0));
}

static void what_is_in_its_way_is_409_and_too_many_are_503(void **state)
{
    (void)state;
    fake.cannot = "no room";
    assert_int_equal(say("POST", "/jobs", "{\"run\":\"flood\"}"), 409);
    assert_true(has("{\"what\":\"job\",\"reason\":\"no room\"}"));
    fake.cannot = NULL;
    for (unsigned i = 0; i < CONFIG_JOBS; i++)
        assert_int_equal(say("POST", "/jobs", "{\"run\":\"flood\"}"), 201);
    rig.now_ns +=
        2 * NS_PER_S; /* an answer this old makes way where there is no text, as here there is */
    const uint64_t refused_before = apps_refusals();
    assert_int_equal(say("POST", "/jobs", "{\"run\":\"flood\"}"), 503);
    assert_true(has("\"reason\":\"as many as there may be are running\""));
    assert_int_equal(apps_refusals(), refused_before + 1);
    assert_non_null(strstr(reply.head, "\r\nRetry-After: 1\r\n"));
}

/* ---- bodies -------------------------------------------------------------------------------- */

static void only_json_is_taken(void **state)
{
    static const char *const types[] = {
        "", "Content-Type: text/plain\r\n", "Content-Type: application/x-www-form-urlencoded\r\n",
        "Content-Type: application/jsonp\r\n", JSON "Content-Encoding: gzip\r\n"};

    (void)state;
    for (unsigned i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        assert_int_equal(say_with("POST", "/jobs", types[i], "{\"run\":\"flood\"}"), 415);
        assert_non_null(strstr(reply.head, "\r\nAccept: application/json\r\n"));
        assert_true(reply.close);
        rig_tcp_close(&client);
        assert_true(rig_tcp_connect(&client, HTTP));
    }
    assert_null(job_at(0));
    assert_int_equal(say_with("POST", "/jobs", "content-type: Application/JSON; charset=utf-8\r\n",
                              "{\"run\":\"flood\"}"),
                     201);
    assert_int_equal(
        say_with("POST", "/jobs", JSON "Content-Encoding: identity\r\n", "{\"run\":\"flood\"}"),
        201);
}

static void body_is_bounded(void **state)
{
    static char body[CONFIG_HTTP_BODY_MAX + 2];
    char head[256];

    (void)state;
    memset(body, ' ', CONFIG_HTTP_BODY_MAX + 1);
    memcpy(body, "{\"run\":\"flood\"}", 15);
    body[CONFIG_HTTP_BODY_MAX] = '\0';
    assert_int_equal(say("POST", "/jobs", body), 201);
    body[CONFIG_HTTP_BODY_MAX] = ' ';
    snprintf(head, sizeof(head), "POST /jobs HTTP/1.1\r\n" HOST JSON "Content-Length: %zu\r\n\r\n",
             strlen(body));
    http_say(&client, head); /* known before the body comes */
    assert_int_equal(hear(), 413);
    assert_true(reply.close);
    rig_tcp_close(&client);

    assert_true(rig_tcp_connect(&client, HTTP));
    http_say(&client, "POST /jobs HTTP/1.1\r\n" HOST JSON "Transfer-Encoding: chunked\r\n\r\n");
    for (unsigned i = 0; i < CONFIG_HTTP_BODY_MAX / 256; i++) {
        http_say(&client, "100\r\n");
        assert_int_equal(rig_tcp_send(&client, body, 256), 256);
        http_say(&client, "\r\n");
    }
    assert_int_equal(client.rx_len, 0);
    http_say(&client, "1\r\nx");
    assert_int_equal(hear(), 413);
    assert_true(reply.close);
}

static void length_has_to_be_said(void **state)
{
    (void)state;
    http_say(&client, "POST /jobs HTTP/1.1\r\n" HOST JSON "\r\n");
    assert_int_equal(hear(), 411);
    http_say(&client, "PATCH /jobs/1 HTTP/1.1\r\n" HOST JSON "\r\n");
    assert_int_equal(hear(), 411);
}

/* A body that trickles in keeps nobody waiting: each connection has its own room for one. */
static void slow_bodies_hold_nobody_up(void **state)
{
    struct rig_tcp slow[CONFIG_HTTP_CONN - 1];

    (void)state;
    for (unsigned i = 0; i < CONFIG_HTTP_CONN - 1; i++) {
        assert_true(rig_tcp_connect(&slow[i], HTTP));
        http_say(&slow[i], "POST /jobs HTTP/1.1\r\n" HOST JSON "Content-Length: 15\r\n\r\n{\"run");
    }
    assert_int_equal(say("POST", "/jobs", "{\"run\":\"flood\",\"flows\":9}"), 201);
    http_say(&slow[0], "\":\"flood\"}");
    rig_pump();
    assert_int_equal(job_find(2)->params.flows, 1);
    for (unsigned i = 0; i < CONFIG_HTTP_CONN - 1; i++)
        rig_tcp_abort(&slow[i]);
}

/* What a client that gets no room for its answer has asked for was not done. */
static void nothing_is_changed_without_room_for_the_answer(void **state)
{
    struct rig_tcp t[CONFIG_HTTP_TEXTS];

    (void)state;
    for (unsigned i = 0; i < CONFIG_HTTP_TEXTS; i++) {
        assert_true(rig_tcp_connect(&t[i], HTTP));
        t[i].manual_ack = true;
        http_say(&t[i], "GET /stats HTTP/1.1\r\n" HOST "\r\n");
    }
    assert_int_equal(say("POST", "/jobs", "{\"run\":\"flood\"}"), 503);
    assert_null(job_at(0));
    for (unsigned i = 0; i < CONFIG_HTTP_TEXTS; i++)
        rig_tcp_abort(&t[i]);
    assert_int_equal(say("POST", "/jobs", "{\"run\":\"flood\"}"), 201);
}

/* ---- look ---------------------------------------------------------------------------------- */

static void get_tells_of_all_jobs_or_one(void **state)
{
    (void)state;
    assert_int_equal(ask("GET", "/jobs"), 200);
    assert_string_equal(reply.body, "{\"jobs\":[]}");
    say("POST", "/jobs", "{\"run\":\"flood\"}");
    say("POST", "/jobs", "{\"run\":\"flood\"}");
    fake.totals = (struct job_totals){
        .sum = {.tx_bytes = 1000, .tx_packets = 10}, .duration_us = 1000000, .gap_max_us = 5};
    fake.counts = true;
    assert_int_equal(ask("GET", "/jobs"), 200);
    assert_true(has("\"id\":1,") && has("\"id\":2,"));
    assert_int_equal(ask("GET", "/jobs/2?x=y"), 200);
    assert_true(has("{\"id\":2,") && !has("\"id\":1,"));
    assert_int_equal(rig_number(reply.body, "tx_bytes", 0), 1000);
    assert_int_equal(rig_number(reply.body, "bps_tx", 0), 8000);
    assert_int_equal(rig_number(reply.body, "gap_max_us", 0), 5);
    assert_true(has("\"counts\":{\"counted\":7}"));

    job_ended(job_find(2), "it broke"); /* its last words are kept */
    fake.totals.sum.tx_bytes = 7;
    fake.counts = false;
    assert_int_equal(ask("GET", "/jobs/2"), 200);
    assert_true(has("\"state\":\"over\",\"end\":\"it broke\",\"status\":\"FAIL\""));
    assert_int_equal(rig_number(reply.body, "tx_bytes", 0), 1000);
    assert_true(has("\"counts\":{\"counted\":7}"));
    http_say(&client, "HEAD /jobs/2 HTTP/1.1\r\n" HOST "\r\n");
    struct reply head;
    http_hear(&client, &head, false);
    assert_int_equal(head.status, 200);
}

/* All that can be said of as many jobs as there are fits an answer. */
static void longest_answer_fits(void **state)
{
    static const char body[] =
        "{\"run\":\"flood\",\"len\":\"1000001,1000002,1000003,1000004,1000005,1000006,1000007,"
        "1000008,1000009,1000010,1000011,1000012,1000013,1000014,1000015,1000016\","
        "\"rate\":"
        "\"00000000000000000000000000000000000000000000000000000000000000000000000000005\","
        "\"time\":"
        "\"0000000000000000000000000000000000000000000000000000000000000000000000000005s\","
        "\"bytes\":\"00000000000000000000000000000000000000000000000000000000000000000000000005\","
        "\"flows\":\"00000000000000000000000000000000000000000000000000000000000000000000000005\","
        "\"dscp\":\"000000000000000000000000000000000000000000000000000000000000000000000000005\","
        "\"vlan\":\"000000000000000000000000000000000000000000000000000000000000000000000000005\","
        "\"port\":\"000000000000000000000000000000000000000000000000000000000000000000000000005\","
        "\"streams\":\"0000000000000000000000000000000000000000000000000000000000000000000005\","
        "\"first_seq\":\"00000000000000000000000000000000000000000000000000000000000000000005\"}";

    (void)state;
    for (unsigned i = 0; i < CONFIG_JOBS; i++)
        assert_int_equal(say("POST", "/jobs", body), 201);
    assert_int_equal(ask("GET", "/jobs"), 200);
    assert_true(has("\"id\":4,"));
}

/* ---- change and stop ----------------------------------------------------------------------- */

static void patch_changes_the_rate_alone(void **state)
{
    (void)state;
    say("POST", "/jobs", "{\"run\":\"flood\",\"rate\":\"1kpps\"}");
    assert_int_equal(say("PATCH", "/jobs/1", "{\"rate\":\"20kpps\"}"), 200);
    assert_int_equal(fake.rate.per_s, 20000);
    assert_true(has("\"parameters\":{\"run\":\"flood\",\"rate\":\"20kpps\"}"));
    assert_true(rig_says(rig_record("job"), "what", "rate"));
    assert_int_equal(say("PATCH", "/jobs/1", "{\"flows\":5}"), 422);
    assert_true(has("\"key\":\"flows\",\"value\":\"5\",\"accepted\":\"rate\""));
    assert_int_equal(say("PATCH", "/jobs/1", "{\"rate\":\"x\"}"), 422);
    assert_int_equal(say("PATCH", "/jobs/1", "{}"), 422); /* nothing would change */
    assert_true(has("\"key\":\"rate\",\"value\":\"\",\"accepted\":\"bits each second"));
    assert_int_equal(say("PATCH", "/jobs/1", "{\"rate\":1,\"rate\":2}"), 422);
    assert_int_equal(rig_record_count("job"), 2);
    fake.wrong = "rate";
    assert_int_equal(say("PATCH", "/jobs/1", "{\"rate\":\"3k\"}"), 422);
    assert_true(has("\"key\":\"rate\",\"value\":\"3k\""));
    fake.wrong = NULL;
    assert_int_equal(say("PATCH", "/jobs/1", "rate"), 400);
    assert_int_equal(fake.rate.per_s, 20000);
    assert_int_equal(job_find(1)->params.rate.per_s, 20000);
    fake.rate_works = false;
    assert_int_equal(say("PATCH", "/jobs/1", "{\"rate\":\"3k\"}"), 409);
    assert_true(has("\"reason\":\"it cannot have another rate now\""));
    assert_int_equal(job_find(1)->params.rate.per_s, 20000);
}

static void delete_stops_it_and_its_result_comes_out(void **state)
{
    (void)state;
    say("POST", "/jobs", "{\"run\":\"flood\",\"time\":0}");
    assert_int_equal(ask("DELETE", "/jobs/1"), 202);
    assert_true(has("\"state\":\"stopping\""));
    assert_true(rig_says(rig_record("job"), "what", "stop"));
    assert_int_equal(ask("DELETE", "/jobs/1"), 202);
    assert_int_equal(fake.stopped, 1);
    job_ended(job_find(1), "done");
    assert_true(rig_says(rig_record("result"), "job", "fake-1"));
    assert_int_equal(ask("DELETE", "/jobs/1"), 200);
    assert_true(has("\"state\":\"over\",\"end\":\"done\",\"status\":\"PASS\""));
}

static void job_that_waits_is_over_at_once(void **state)
{
    (void)state;
    jobs_init(); /* the network is not ready */
    assert_int_equal(say("POST", "/jobs", "{\"run\":\"flood\"}"), 201);
    assert_true(has("\"state\":\"waiting\""));
    assert_int_equal(say("PATCH", "/jobs/1", "{\"rate\":\"3k\"}"), 409);
    assert_int_equal(ask("DELETE", "/jobs/1"), 200);
    assert_true(has("\"state\":\"over\",\"end\":\"stopped\""));
}

static void unknown_jobs_are_404_and_other_methods_405(void **state)
{
    static const char *const paths[] = {"/jobs/",   "/jobs/0",  "/jobs/2",
                                        "/jobs/1x", "/jobs/-1", "/jobs/4294967297",
                                        "/jobs/1/", "/jobsx",   "/jobs/99999999999999999999999"};

    (void)state;
    say("POST", "/jobs", "{\"run\":\"flood\"}");
    for (unsigned i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        assert_int_equal(ask("GET", paths[i]), 404);
        assert_false(reply.close);
    }
    assert_int_equal(ask("DELETE", "/jobs/7"), 404);
    assert_int_equal(say("PATCH", "/jobs/7", "{\"rate\":1}"), 404);
    assert_int_equal(ask("DELETE", "/jobs"), 405);
    assert_non_null(strstr(reply.head, "\r\nAllow: GET, HEAD, POST\r\n"));
    assert_int_equal(ask("POST", "/jobs/1"), 405);
    assert_non_null(strstr(reply.head, "\r\nAllow: GET, HEAD, DELETE, PATCH\r\n"));
}

/* Nor do changes drown other records. */
static void records_of_changes_are_bounded(void **state)
{
    (void)state;
    say("POST", "/jobs", "{\"run\":\"flood\"}");
    rig_advance_ms(1000);
    const unsigned before = rig_record_count("job");
    for (unsigned i = 0; i < 50; i++)
        assert_int_equal(say("PATCH", "/jobs/1", "{\"rate\":\"3k\"}"), 200);
    assert_in_range(rig_record_count("job") - before, 1, 10);
}

#undef TEST
#define TEST(f) cmocka_unit_test_setup_teardown(f, jobs_setup, jobs_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(post_starts_a_job_with_the_keys_of_the_command_line),
        TEST(chunked_body_is_read_as_well),
        TEST(what_is_not_accepted_is_refused_by_key_and_value),
        TEST(body_that_is_no_object_is_400),
        TEST(what_is_in_its_way_is_409_and_too_many_are_503),
        TEST(only_json_is_taken),
        TEST(body_is_bounded),
        TEST(length_has_to_be_said),
        TEST(slow_bodies_hold_nobody_up),
        TEST(nothing_is_changed_without_room_for_the_answer),
        TEST(get_tells_of_all_jobs_or_one),
        TEST(longest_answer_fits),
        TEST(patch_changes_the_rate_alone),
        TEST(delete_stops_it_and_its_result_comes_out),
        TEST(job_that_waits_is_over_at_once),
        TEST(unknown_jobs_are_404_and_other_methods_405),
        TEST(records_of_changes_are_bounded),
    };

    return cmocka_run_group_tests_name("http_jobs", tests, rig_service_init, NULL);
}
