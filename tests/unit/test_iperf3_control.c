// SPDX-License-Identifier: BSD-3-Clause
/*
 * The control connection of the iperf3 server: messages and blocks however they are cut, those that
 * make no sense, and connections that end or stay silent.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>
#include "iperf3_client.h"

static void messages_may_share_a_segment_and_blocks_may_be_cut(void **state)
{
    static const char block[] = "\0\0\0\x20{\"parallel\":1,\"time\":1,\"len\":99}";
    struct client c;

    (void)state;
    memset(&c, 0, sizeof(c));
    memset(c.cookie, 'y', IPERF3_COOKIE_BYTES - 1);
    assert_true(rig_tcp_connect(&c.control, PORT));
    for (unsigned k = 0; k < IPERF3_COOKIE_BYTES; k++)
        assert_int_equal(rig_tcp_send(&c.control, c.cookie + k, 1), 1);
    assert_int_equal(client_hear(&c), IPERF3_PARAM_EXCHANGE);
    for (unsigned k = 0; k < sizeof(block) - 1; k++)
        assert_int_equal(rig_tcp_send(&c.control, block + k, 1), 1);
    assert_int_equal(client_hear(&c), IPERF3_CREATE_STREAMS);
    client_open_tcp(&c, 0);
    client_hear_start(&c);
    /* 4, the block and 16 in one segment: all is over before the answer is read */
    assert_int_equal(rig_tcp_send(&c.control, "\x04\0\0\0\x0e" EMPTY "\x10", 20), 20);
    client_ended(&c, "done");
}

static void unknown_messages_end_the_session(void **state)
{
    struct client c;

    (void)state;
    client_begin_tcp(&c, "a", "{}", 1);
    client_say(&c, 99);
    client_hear_refusal(&c, IPERF3_E_MESSAGE);
    client_ended(&c, "unknown message");
}

static void lengths_out_of_bounds_are_refused_before_the_block_comes(void **state)
{
    static const char prefixes[][5] = {"\0\0\0\0", "\0\0\x20\x01", "\xff\xff\xff\xff",
                                       "\x7f\0\0\0"};
    struct client c;

    (void)state;
    for (unsigned k = 0; k < 4; k++) {
        client_connect(&c, "a");
        assert_int_equal(client_hear(&c), IPERF3_PARAM_EXCHANGE);
        assert_int_equal(rig_tcp_send(&c.control, prefixes[k], 4), 4);
        client_hear_refusal(&c, IPERF3_E_PARAMS);
        rig_tcp_close(&c.control);
    }
}

/* ---- its end ------------------------------------------------------------------------------- */

/* The next session would write over the text while the stack still resends it. */
static void results_that_are_not_acknowledged_are_taken_back(void **state)
{
    struct client c;

    (void)state;
    client_begin_tcp(&c, "a", "{}", 1);
    client_say(&c, IPERF3_TEST_END);
    assert_int_equal(client_hear(&c), IPERF3_EXCHANGE_RESULTS);
    c.control.manual_ack = true;
    client_say_block(&c, EMPTY);
    rig_advance_ms(10110);
    assert_true(c.control.got_rst);
    assert_false(c.control.got_fin);
    rig_tcp_forget(&c.control);
    rig_tcp_abort(&c.data[0]);
}

static void fin_after_the_results_is_as_good_as_done(void **state)
{
    struct client c;

    (void)state;
    client_begin_tcp(&c, "a", "{}", 1);
    client_results(&c, EMPTY);
    rig_tcp_fin(&c.control);
    rig_advance_ms(1);
    assert_true(c.control.got_fin); /* at once: newer clients wait for it */
    client_ended(&c, "done");
}

static void client_gone_in_mid_test_leaves_a_record(void **state)
{
    struct client c;

    (void)state;
    client_begin_tcp(&c, "a", "{}", 1);
    assert_int_equal(rig_tcp_send(&c.data[0], "12345", 5), 5);
    rig_tcp_abort(&c.control);
    rig_advance_ms(1);
    assert_true(c.data[0].got_rst);
    rig_tcp_forget(&c.data[0]);
    assert_true(rig_says(rig_record("result"), "end", "client_reset"));
    assert_int_equal(client_recorded("rx_bytes"), 5);
}

static void client_that_vanished_is_noticed_within_40_s(void **state)
{
    struct client c;

    (void)state;
    client_begin_tcp(&c, "a", "{\"time\":0,\"reverse\":true,\"bandwidth\":8000}", 1);
    rig_tcp_forget(&c.data[0]);
    rig_tcp_forget(&c.control);
    rig_advance_ms(40000);
    assert_true(rig_says(rig_record("result"), "end", "client_reset"));
    assert_int_equal(rig_stat(&iperf3_service, "sessions"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(messages_may_share_a_segment_and_blocks_may_be_cut),
        TEST(unknown_messages_end_the_session),
        TEST(lengths_out_of_bounds_are_refused_before_the_block_comes),
        TEST(results_that_are_not_acknowledged_are_taken_back),
        TEST(fin_after_the_results_is_as_good_as_done),
        TEST(client_gone_in_mid_test_leaves_a_record),
        TEST(client_that_vanished_is_noticed_within_40_s),
    };

    return cmocka_run_group_tests_name("iperf3_control", tests, rig_service_init, NULL);
}
