// SPDX-License-Identifier: BSD-3-Clause
/*
 * What the guest says of itself: statistics, verdict, the list of services, and the pattern.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "app.h"
#include "conn.h"
#include "job.h"
#include "netport.h"
#include "record.h"
#include "sink.h"
#include "time.h"
#include "usage.h"

/* ---- the parts that report ----------------------------------------------------------------------
 */

static uint64_t alloc_failures;
static bool conserved;
static struct netport_totals totals;
static char line[CONFIG_RECORD_MAX];
static struct json writer;

uint64_t netport_alloc_failures(void)
{
    return alloc_failures;
}

bool netport_check(void)
{
    return conserved;
}

void netport_totals(struct netport_totals *t)
{
    *t = totals;
}

void netport_json(struct json *j)
{
    json_array(j, "pools");
    json_end_array(j);
}

uint64_t time_ns(void)
{
    return 5 * NS_PER_S;
}

struct json *record_begin(const char *event)
{
    json_init(&writer, line, sizeof(line));
    json_object(&writer, NULL);
    json_str(&writer, "event", event);
    return &writer;
}

void record_end(void)
{
    json_end_object(&writer);
    assert_true(json_finish(&writer) > 0);
}

bool record_allowed(struct record_budget *b)
{
    (void)b;
    return true;
}

uint64_t record_dropped(void)
{
    return 3;
}

void conn_init(void)
{
}

const struct job_kind *const job_kinds[] = {NULL};

void sink_judge(struct verdict *v)
{
    (void)v;
}

/* ---- services that are not there ----------------------------------------------------------------
 */

static unsigned starts;
static bool start_works;
static uint64_t deadline;
static unsigned finished;

static bool start(void)
{
    assert_non_null(apps_conf);
    starts++;
    return start_works;
}

static unsigned poll(uint64_t now)
{
    assert_int_equal(now, 7);
    return 2;
}

static uint64_t due(void)
{
    return deadline;
}

static void stats(struct json *j)
{
    json_u64(j, "n", 1);
}

static void finish(void)
{
    finished++;
}

const struct service iperf3_service = {.name = "iperf3",
                                       .bit = SERVICE_IPERF3,
                                       .start = start,
                                       .poll = poll,
                                       .deadline = due,
                                       .stats = stats};
const struct service echo_service = {.name = "echo", .bit = SERVICE_ECHO, .start = start};
const struct service discard_service = {.name = "discard", .bit = SERVICE_DISCARD, .start = start};
const struct service chargen_service = {.name = "chargen", .bit = SERVICE_CHARGEN, .start = start};
const struct service http_service = {
    .name = "http", .bit = SERVICE_HTTP, .start = start, .stats = stats, .finish = finish};

const struct service sink_service = {.name = "sink", .bit = SERVICE_SINK, .start = start};

const struct service stamp_service = {
    .name = "stamp", .bit = SERVICE_STAMP, .start = start, .finish = finish};

const struct service relay_service = {.name = "relay", .bit = SERVICE_RELAY, .start = start};

static int setup(void **state)
{
    (void)state;
    alloc_failures = 0;
    conserved = true;
    memset(&totals, 0, sizeof(totals));
    starts = 0;
    start_works = true;
    return 0;
}

/* ---- tests --------------------------------------------------------------------------------------
 */

static void only_services_asked_for_start_and_get_turns(void **state)
{
    struct conf c = {.services = SERVICE_ECHO | SERVICE_HTTP};
    char text[256];
    struct json j;

    (void)state;
    assert_true(apps_start(&c));
    assert_int_equal(starts, 2);
    assert_int_equal(apps_poll(7), 0);
    assert_true(apps_deadline() == UINT64_MAX);
    apps_finish();
    assert_int_equal(finished, 1); /* of the two that can, one was started */

    json_init(&j, text, sizeof(text));
    json_array(&j, NULL);
    apps_json_services(&j);
    json_end_array(&j);
    assert_true(json_finish(&j) > 0);
    assert_string_equal(text, "[\"echo\",\"http\"]");

    c.services = SERVICE_IPERF3;
    deadline = 1234;
    assert_true(apps_start(&c));
    assert_int_equal(apps_poll(7), 2);
    assert_int_equal(apps_deadline(), 1234);
}

static void service_that_cannot_start_stops_the_start(void **state)
{
    struct conf c = {.services = SERVICE_ALL};

    (void)state;
    start_works = false;
    assert_false(apps_start(&c));
    assert_int_equal(starts, 1);
}

static void stats_have_every_member(void **state)
{
    (void)state;
    alloc_failures = 4;
    totals = (struct netport_totals){.rx_packets = 1,
                                     .tx_bytes = 2,
                                     .rx_gap_max_us = 30,
                                     .tx_gap_max_us = 40,
                                     .late_max_us = 50,
                                     .stalls = 7,
                                     .stalls_judged = 9,
                                     .errors = 11,
                                     .violations = 8,
                                     .recoveries = 6};
    usage_begin(1000);
    usage_add(USAGE_BUSY, 8000);
    usage_add(USAGE_ASLEEP, 28000);
    usage_add(USAGE_BUSY, 29000);
    apps_stats_record();
    assert_string_equal(
        line, "{\"event\":\"stats\",\"uptime_us\":5000000,\"alloc_failures\":4,\"refusals\":0,"
              "\"refused\":[],\"gap_max_us\":{\"rx\":30,\"tx\":40,\"late\":50},\"conservation_"
              "violations\":8,\"device_errors\":11,\"stalls\":7,\"stalls_judged\":9,"
              "\"recoveries\":6,"
              "\"totals\":{\"rx_packets\":1,\"rx_bytes\":0,\"tx_packets\":0,\"tx_bytes\":2},"
              "\"loop\":{\"busy_turns\":2,\"busy_us\":8,\"idle_turns\":0,\"idle_us\":0,"
              "\"sleeps\":1,\"asleep_us\":20},"
              "\"records_dropped\":3,\"faults\":[],\"pools\":[],"
              "\"services\":{\"iperf3\":{\"n\":1},\"http\":{\"n\":1}}}");
}

static void verdict_passes_when_every_promise_was_kept(void **state)
{
    (void)state;
    assert_true(verdict_record());
    assert_non_null(strstr(line, "\"event\":\"verdict\",\"status\":\"PASS\""));
    assert_non_null(
        strstr(line, "{\"name\":\"alloc_failures\",\"limit\":0,\"value\":0,\"ok\":true}"));
    assert_null(strstr(line, "\"ok\":false"));
}

static void verdict_fails_on_each_broken_promise_alone(void **state)
{
    (void)state;
    alloc_failures = 1;
    assert_false(verdict_record());
    assert_non_null(strstr(line, "\"status\":\"FAIL\""));
    assert_non_null(
        strstr(line, "{\"name\":\"alloc_failures\",\"limit\":0,\"value\":1,\"ok\":false}"));

    alloc_failures = 0;
    conserved = false;
    assert_false(verdict_record());
    assert_non_null(strstr(line, "\"value\":1,\"ok\":false"));

    conserved = true;
    totals.violations = 1; /* although it was repaired */
    assert_false(verdict_record());
    totals.violations = 0;
    totals.tx_gap_max_us = 1000000;
    assert_true(verdict_record());
    totals.tx_gap_max_us = 1000001;
    assert_false(verdict_record());

    totals.tx_gap_max_us = 0;
    totals.resets = 1;
    assert_false(verdict_record());
    assert_non_null(
        strstr(line, "{\"name\":\"device_resets\",\"limit\":0,\"value\":1,\"ok\":false}"));

    totals.resets = 0;
    totals.errors = 1;
    assert_false(verdict_record());
    assert_non_null(
        strstr(line, "{\"name\":\"device_errors\",\"limit\":0,\"value\":1,\"ok\":false}"));

    totals.errors = 0;
    totals.stalls = 100; /* short, or explained */
    assert_true(verdict_record());
    totals.stalls_judged = 1;
    assert_false(verdict_record());
    assert_non_null(strstr(line, "{\"name\":\"stalls\",\"limit\":0,\"value\":1,\"ok\":false}"));
}

static const void *constant;
static uint32_t constant_bytes;

void netport_constant(const void *bytes, uint32_t n)
{
    constant = bytes;
    constant_bytes = n;
}

static void pattern_repeats_with_its_seed_only(void **state)
{
    static uint8_t copy[PATTERN_BYTES];
    unsigned count[256] = {0};

    (void)state;
    pattern_init(1);
    memcpy(copy, pattern, PATTERN_BYTES);
    pattern_init(2);
    assert_memory_not_equal(copy, pattern, PATTERN_BYTES);
    pattern_init(1);
    assert_memory_equal(copy, pattern, PATTERN_BYTES);
    assert_memory_equal(pattern + PATTERN_BYTES, pattern, pattern_ahead(PATTERN_BYTES));
    assert_true(pattern_ahead(PATTERN_BYTES - 1) >= CONFIG_TCP_CUT); /* any segment in one piece */
    assert_ptr_equal(constant, pattern);
    assert_int_equal(constant_bytes, pattern_ahead(0));
    for (unsigned i = 0; i < PATTERN_BYTES; i++)
        count[pattern[i]]++;
    for (unsigned i = 0; i < 256; i++)
        assert_in_range(count[i], PATTERN_BYTES / 256 / 2, PATTERN_BYTES / 256 * 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(only_services_asked_for_start_and_get_turns, setup),
        cmocka_unit_test_setup(stats_have_every_member, setup),
        cmocka_unit_test_setup(service_that_cannot_start_stops_the_start, setup),
        cmocka_unit_test_setup(verdict_passes_when_every_promise_was_kept, setup),
        cmocka_unit_test_setup(verdict_fails_on_each_broken_promise_alone, setup),
        cmocka_unit_test_setup(pattern_repeats_with_its_seed_only, setup),
    };
    return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
