// SPDX-License-Identifier: BSD-3-Clause
/*
 * The states of the iperf3 server over the real stack, against a scripted client and a clock that
 * the test moves: who waits, who is refused, who gives way, and how long each state may last.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>
#include "iperf3_client.h"

/* ---- admission ----------------------------------------------------------------------------- */

static void tests_beyond_the_streams_are_refused(void **state)
{
    struct client c[4];
    const unsigned fit = CONFIG_IPERF_STREAM / 128;
    char params[64];

    (void)state;
    for (unsigned k = 0; k < fit; k++)
        client_ask(&c[k], (const char[]){(char)('a' + k), 0}, "{\"parallel\":128}");
    client_connect(&c[3], "z");
    snprintf(params, sizeof(params), "{\"parallel\":%d}", CONFIG_IPERF_STREAM % 128 + 1);
    client_offer(&c[3], params);
    client_hear_refusal(&c[3], IPERF3_E_BUSY);
    rig_tcp_close(&c[3].control);

    snprintf(params, sizeof(params), "{\"parallel\":%d}", CONFIG_IPERF_STREAM % 128);
    client_ask(&c[3], "z", params);
    rig_tcp_abort(&c[3].control);
    for (unsigned k = 0; k < fit; k++)
        rig_tcp_abort(&c[k].control);
    rig_advance_ms(20);
}

/* The word "done" of the first client got lost; it comes again. Meanwhile the next one waits. */
static void client_waits_for_the_streams_of_one_that_is_leaving(void **state)
{
    struct client a, b;
    char params[128];

    (void)state;
    snprintf(params, sizeof(params),
             "{\"udp\":true,\"bidirectional\":true,\"bandwidth\":1000,\"len\":100,\"parallel\":%d}",
             CONFIG_IPERF_STREAM / 2 < 128 ? CONFIG_IPERF_STREAM / 2 : 128);
    client_begin_udp(&a, "a", params, 40000, CONFIG_IPERF_STREAM < 256 ? CONFIG_IPERF_STREAM : 256);
    client_connect(&b, "b");
    client_offer(&b, params);
    client_hear_refusal(&b, IPERF3_E_BUSY);
    rig_tcp_close(&b.control);

    client_results(&a, EMPTY);
    client_connect(&b, "b");
    client_offer(&b, params);
    assert_int_equal(client_hear_within(&b, 1000), -1);
    client_finish(&a);
    assert_int_equal(client_hear(&b), IPERF3_CREATE_STREAMS);
    rig_tcp_abort(&b.control);
    rig_advance_ms(20);
}

static void client_without_parameters_gives_way(void **state)
{
    struct client c[CONFIG_IPERF_SESSION], more;

    (void)state;
    for (unsigned k = 0; k < CONFIG_IPERF_SESSION; k++) {
        client_connect(&c[k], (const char[]){(char)('a' + k), 0});
        assert_int_equal(client_hear(&c[k]), IPERF3_PARAM_EXCHANGE);
    }
    client_connect(&more, "y");
    assert_int_equal(client_hear(&more), 0xff); /* they are too young */
    rig_tcp_close(&more.control);
    rig_advance_ms(1000);
    client_begin_tcp(&more, "z", "{}", 1);
    assert_true(c[0].control.got_fin); /* the oldest */
    assert_false(c[1].control.got_fin);
    client_leave(&more);
    for (unsigned k = 0; k < CONFIG_IPERF_SESSION; k++)
        rig_tcp_close(&c[k].control);
}

/* ---- time limits --------------------------------------------------------------------------- */

static void parameters_may_take_10_s(void **state)
{
    uint64_t before = apps_refusals();
    struct client c;

    (void)state;
    client_connect(&c, "a");
    assert_int_equal(client_hear(&c), IPERF3_PARAM_EXCHANGE);
    assert_int_equal(rig_tcp_send(&c.control, "\0\0\0\x10{", 5), 5);
    rig_advance_ms(9900);
    assert_false(c.control.got_fin);
    rig_advance_ms(110);
    assert_true(c.control.got_fin);
    rig_tcp_close(&c.control);
    assert_int_equal(rig_record_count("result"), 0);
    assert_int_equal(apps_refusals(), before + 1); /* the one trace that it leaves */
}

static void streams_may_take_30_s(void **state)
{
    struct client c;

    (void)state;
    client_ask(&c, "a", "{\"parallel\":2}");
    client_open_tcp(&c, 0);
    assert_int_equal(client_hear_within(&c, 29800), -1);
    assert_int_equal(client_hear_within(&c, 300), 0xfe);
    rig_advance_ms(1);
    assert_true(c.data[0].got_rst);
    client_ended(&c, "streams not opened in time");
}

static void test_may_take_40_s_more_than_asked_for(void **state)
{
    struct client c;

    (void)state;
    client_begin_tcp(&c, "a", "{\"time\":5,\"omit\":1,\"reverse\":true,\"bandwidth\":8000}", 1);
    assert_int_equal(client_hear_within(&c, 45800), -1);
    assert_int_equal(client_hear_within(&c, 300), IPERF3_SERVER_TERMINATE);
    client_ended(&c, "test_too_long");
}

static void endless_test_has_no_end(void **state)
{
    struct client c;

    (void)state;
    client_begin_tcp(&c, "a", "{\"time\":0,\"reverse\":true,\"bandwidth\":8000}", 1);
    assert_int_equal(client_hear_within(&c, 60000), -1);
    client_say(&c, IPERF3_CLIENT_TERMINATE);
    client_ended(&c, "client_terminated");
    assert_true(client_recorded("duration_us") >= 60000000);
}

static void client_that_sends_nothing_is_given_up_after_120_s(void **state)
{
    struct client c;

    (void)state;
    client_begin_tcp(&c, "a", "{\"time\":0}", 1);
    rig_advance_ms(10000);
    assert_int_equal(rig_tcp_send(&c.data[0], "x", 1), 1);
    assert_int_equal(client_hear_within(&c, 119800), -1);
    assert_int_equal(client_hear_within(&c, 300), IPERF3_SERVER_TERMINATE);
    client_ended(&c, "client_idle");
}

static void client_is_not_idle_while_the_guest_is_not_run(void **state)
{
    struct client c;

    (void)state;
    rig_advance_ms(300000);
    rig.late_ns = 200 * NS_PER_S;
    client_begin_tcp(&c, "a", "{\"time\":0}", 1);
    assert_int_equal(rig_tcp_send(&c.data[0], "x", 1), 1);
    assert_int_equal(client_hear_within(&c, 119800), -1);
    rig.late_ns += NS_PER_S;
    assert_int_equal(client_hear_within(&c, 1100), -1);
    assert_int_equal(client_hear_within(&c, 300), IPERF3_SERVER_TERMINATE);
    client_ended(&c, "client_idle");
}

static void results_may_take_10_s(void **state)
{
    struct client c;

    (void)state;
    client_begin_tcp(&c, "a", "{}", 1);
    client_say(&c, IPERF3_TEST_END);
    assert_int_equal(client_hear(&c), IPERF3_EXCHANGE_RESULTS);
    rig_advance_ms(9900);
    assert_false(c.control.got_fin);
    rig_advance_ms(110);
    assert_true(c.control.got_fin);
    client_ended(&c, "client_silent");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(tests_beyond_the_streams_are_refused),
        TEST(client_waits_for_the_streams_of_one_that_is_leaving),
        TEST(client_without_parameters_gives_way),
        TEST(parameters_may_take_10_s),
        TEST(streams_may_take_30_s),
        TEST(test_may_take_40_s_more_than_asked_for),
        TEST(endless_test_has_no_end),
        TEST(client_that_sends_nothing_is_given_up_after_120_s),
        TEST(client_is_not_idle_while_the_guest_is_not_run),
        TEST(results_may_take_10_s),
    };

    return cmocka_run_group_tests_name("iperf3_server", tests, rig_service_init, NULL);
}
