// SPDX-License-Identifier: BSD-3-Clause
/*
 * The iperf3 client against servers that are busy, gone, silent or lying: it ends, within a bounded
 * time, with the reason in its result, one record beside it, and FAIL.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>
#include "iperf3_peer.h"
#include "rig_stack.h"

/* The steps of an honest server, up to where it is none any more. */
enum step { GREET, PARAMS, STREAMS, READY, RUNNING, STOPPED, RESULTS, LAST, STEPS };

static void honest_up_to(enum step step, bool udp)
{
    char cookie[IPERF3_COOKIE_BYTES];

    rig_tcp_listen(IPERF3_PORT, peer_conn, sizeof(peer_conn) / sizeof(peer_conn[0]));
    peer_start(udp ? "proto=udp rate=80k time=1s" : "rate=80k time=1s");
    if (step == GREET) {
        assert_true(rig_tcp_recv(&peer_conn[0], cookie, sizeof(cookie), 100) == sizeof(cookie));
        return;
    }
    peer_greet();
    peer_params();
    if (step == PARAMS)
        return;
    if (step == STREAMS) {
        peer_say(IPERF3_CREATE_STREAMS);
        return;
    }
    peer_streams(1, udp);
    if (step == READY)
        return;
    peer_begin();
    if (step == RUNNING)
        return;
    rig_advance_ms(1000);
    assert_int_equal(peer_hear(), IPERF3_TEST_END);
    if (step == STOPPED)
        return;
    peer_say(IPERF3_EXCHANGE_RESULTS);
    peer_hear_block();
    if (step == RESULTS)
        return;
    peer_say_block("{\"streams\":[]}");
}

static void drop_all(void)
{
    for (unsigned k = 0; k < 3; k++)
        if (peer_conn[k].established)
            rig_tcp_abort(&peer_conn[k]);
}

/* One record says why, and nothing else was said of it. */
static void ended(const char *end, const char *event)
{
    rig_advance_ms(5);
    peer_ended(end);
    assert_non_null(strstr(rig_record(event), end));
    drop_all();
}

/* ---- gone ---------------------------------------------------------------------------------- */

static void nobody_listens(void **state)
{
    (void)state;
    rig_tcp_listen(IPERF3_PORT, peer_conn, 0);
    peer_start("");
    ended("connection_refused", "error");
}

static void nobody_answers(void **state)
{
    (void)state;
    rig.filter = rig_lose_all;
    peer_start("");
    rig_advance_ms(9900);
    assert_true(jobs_busy());
    rig_advance_ms(200);
    ended("no_answer", "error");
}

static void there_is_no_way(void **state)
{
    (void)state;
    rig.link_up = false;
    rig_advance_ms(100);
    peer_start("");
    rig_advance_ms(9000);
    assert_true(jobs_busy());
    rig_advance_ms(1100);
    ended("no_route", "error");
}

static void way_that_appears_in_time_is_taken(void **state)
{
    (void)state;
    rig.link_up = false;
    rig_advance_ms(100);
    peer_start("");
    rig_advance_ms(5000);
    rig.link_up = true;
    rig_advance_ms(1000);
    peer_greet();
}

static void server_that_closes_at_any_step_ends_it(void **state)
{
    (void)state;
    for (enum step step = GREET; step < STEPS; step++) {
        honest_up_to(step, false);
        rig_tcp_fin(&peer_conn[0]);
        ended("server_closed", "error");
        honest_up_to(step, false);
        rig_tcp_abort(&peer_conn[0]);
        ended("server_reset", "error");
    }
}

static void stream_that_is_refused_ends_it(void **state)
{
    (void)state;
    honest_up_to(PARAMS, false);
    rig_tcp_listen(IPERF3_PORT, peer_conn, 0);
    peer_say(IPERF3_CREATE_STREAMS);
    ended("stream_refused", "error");
}

/* ---- silent -------------------------------------------------------------------------------- */

static void server_that_is_silent_at_any_step_ends_it_in_time(void **state)
{
    static const uint64_t limit_ms[STEPS] = {[GREET] = 10000,   [PARAMS] = 70000,  [READY] = 30000,
                                             [STOPPED] = 30000, [RESULTS] = 30000, [LAST] = 30000};

    (void)state;
    for (enum step step = GREET; step < STEPS; step++) {
        if (limit_ms[step] == 0)
            continue;
        honest_up_to(step, false);
        rig_advance_ms(limit_ms[step] - 1000);
        assert_true(jobs_busy());
        rig_advance_ms(1100);
        ended("server_silent", "error");
    }
}

static void hello_without_an_answer_is_given_up_and_not_repeated(void **state)
{
    char d[8];

    (void)state;
    honest_up_to(STREAMS, true);
    rig_advance_ms(29000);
    assert_int_equal(rig_udp_recv(IPERF3_PORT, d, sizeof(d)), 4);
    assert_int_equal(rig_udp_recv(IPERF3_PORT, d, sizeof(d)), -1);
    rig_advance_ms(1100);
    ended("server_silent", "error");
}

static void results_are_not_waited_for_long_once_the_job_is_stopped(void **state)
{
    (void)state;
    honest_up_to(STOPPED, false);
    job_stop(peer_job);
    rig_advance_ms(2900);
    assert_int_equal(peer_job->state, JOB_RUNNING);
    rig_advance_ms(200);
    ended("server_silent", "error");
}

static void beginning_before_all_streams_are_open_is_nonsense(void **state)
{
    (void)state;
    rig_tcp_listen(IPERF3_PORT, peer_conn, sizeof(peer_conn) / sizeof(peer_conn[0]));
    peer_start("proto=udp streams=2 rate=80k time=1s");
    peer_greet();
    peer_params();
    peer_say(IPERF3_CREATE_STREAMS);
    peer_say(IPERF3_TEST_START); /* it has heard one hello at most */
    ended("server_says_nonsense", "error");
}

/* It takes nothing, and its control connection is in order. */
static void test_in_which_nothing_moves_is_given_up(void **state)
{
    (void)state;
    rig.peer_wnd = IPERF3_COOKIE_BYTES + 1000; /* it reads its control connection only */
    honest_up_to(STREAMS - 1, false);
    job_stop(peer_job);
    rig_advance_ms(5);
    drop_all();

    rig_tcp_listen(IPERF3_PORT, peer_conn, 2);
    peer_start("time=0");
    peer_greet();
    peer_params();
    peer_streams(1, false);
    peer_begin();
    rig_advance_ms(59000);
    assert_true(jobs_busy());
    rig_advance_ms(2000);
    ended("server_silent", "error");
}

static void done_that_is_never_acknowledged_is_waited_for_a_second(void **state)
{
    (void)state;
    honest_up_to(LAST, false);
    rig.filter = rig_lose_all;
    rig_tcp_segment(&peer_conn[0], RIG_ACK | RIG_PSH, peer_conn[0].snd_nxt, peer_conn[0].rcv_nxt,
                    &(uint8_t){IPERF3_DISPLAY_RESULTS}, 1);
    rig_advance_ms(900);
    assert_true(jobs_busy());
    rig_advance_ms(200);
    peer_ended("done");
    rig.filter = NULL;
}

/* ---- what it may say ----------------------------------------------------------------------- */

static void busy_server_is_a_refusal(void **state)
{
    (void)state;
    honest_up_to(GREET, false);
    peer_say(IPERF3_ACCESS_DENIED);
    ended("server_busy", "refused");
}

static void error_of_the_server_is_a_refusal_with_its_number(void **state)
{
    static const uint8_t error[] = {0xfe, 0, 0, 0, 121, 0, 0, 0, 5};

    (void)state;
    honest_up_to(PARAMS, false);
    rig_tcp_send(&peer_conn[0], error, sizeof(error));
    ended("server_refused", "refused");
    assert_int_equal(rig_number(rig_record("result"), "server_error", 0), 121);

    honest_up_to(RUNNING, false); /* at any time; and some do not say all of it */
    rig_tcp_send(&peer_conn[0], error, 5);
    rig_tcp_fin(&peer_conn[0]);
    ended("server_refused", "refused");
}

static void server_that_is_ended_ends_the_test(void **state)
{
    (void)state;
    honest_up_to(RUNNING, false);
    rig_advance_ms(500);
    peer_say(IPERF3_SERVER_TERMINATE);
    ended("server_terminated", "error");
    assert_true(rig_number(rig_record("result"), "tx_bytes", 0) > 0);
}

/* ---- and what it may not ------------------------------------------------------------------- */

static bool may_say(enum step step, int m)
{
    static const int8_t good[STEPS][2] = {
        [GREET] = {9}, [PARAMS] = {10}, [READY] = {1, 2}, [STOPPED] = {13}, [LAST] = {14}};

    if (m == -1 || m == -2 || m == IPERF3_SERVER_TERMINATE)
        return true;
    return m != 0 && (good[step][0] == m || good[step][1] == m);
}

static void other_words_end_it_at_any_step(void **state)
{
    (void)state;
    for (enum step step = GREET; step < STEPS; step++) {
        if (step == RESULTS || step == STREAMS)
            continue;
        for (int m = -3; m < 18; m++) {
            if (may_say(step, m))
                continue;
            honest_up_to(step, false);
            peer_say(m);
            ended("server_says_nonsense", "error");
        }
    }
}

static void results_that_are_none_end_it(void **state)
{
    static const char *const bad[] = {"{",
                                      "[]",
                                      "{}",
                                      "{\"streams\":5}",
                                      "{\"streams\":[5]}",
                                      "{\"streams\":[{\"id\":\"x\"}]}",
                                      "nonsense"};

    (void)state;
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        honest_up_to(RESULTS, false);
        peer_say_block(bad[i]);
        ended("server_says_nonsense", "error");
    }
}

static void results_of_absurd_length_end_it(void **state)
{
    static const uint8_t sizes[][4] = {{0, 0, 0, 0}, {0xff, 0xff, 0xff, 0xff}, {1, 0, 0, 0}};

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        honest_up_to(RESULTS, false);
        rig_tcp_send(&peer_conn[0], sizes[i], 4);
        ended("server_says_nonsense", "error");
    }
}

/* They would come where ours still lie. */
static void results_before_ours_are_taken_end_it(void **state)
{
    (void)state;
    honest_up_to(STOPPED, false);
    peer_conn[0].manual_ack = true;
    static const char early[] = "\x0d\0\0\0\x0e{\"streams\":[]}";
    rig_tcp_segment(&peer_conn[0], RIG_ACK | RIG_PSH, peer_conn[0].snd_nxt, peer_conn[0].rcv_nxt,
                    early, sizeof(early) - 1);
    rig.impersonated = true;
    rig_advance_ms(5);
    peer_ended("server_says_nonsense");
    drop_all();
}

static void any_numbers_in_results_are_carried(void **state)
{
    (void)state;
    honest_up_to(RESULTS, false);
    peer_say_block("{\"streams\":[{\"id\":1,\"bytes\":9e99,\"errors\":-5},{\"id\":7,\"bytes\":1},"
                   "{\"id\":1,\"bytes\":9223372036854775807,\"errors\":18446744073709551615,"
                   "\"omitted_errors\":9223372036854775807,\"packets\":-9223372036854775808}]}");
    ended("server_says_nonsense", "error"); /* 9e99 is below zero */
    honest_up_to(RESULTS, true);
    peer_say_block("{\"streams\":[{\"id\":7,\"bytes\":1},{\"id\":1,\"bytes\":9223372036854775807,"
                   "\"errors\":-9223372036854775808,\"omitted_errors\":9223372036854775807,"
                   "\"packets\":-9223372036854775808}]}");
    peer_say(IPERF3_DISPLAY_RESULTS);
    assert_int_equal(peer_hear(), IPERF3_DONE);
    rig_advance_ms(5);
    peer_ended("done");
}

static void datagrams_above_the_mtu_are_not_asked_for(void **state)
{
    (void)state;
    peer_start("proto=udp len=1473");
    rig_tcp_recv(&peer_conn[0], (char[64]){0}, IPERF3_COOKIE_BYTES, 100);
    peer_say(IPERF3_PARAM_EXCHANGE);
    ended("len_above_mtu", "error");
}

/* ---- the guest's own limits ---------------------------------------------------------------- */

static void streams_that_others_have_are_refused(void **state)
{
    struct job_refusal why;
    struct job_params p;

    (void)state;
    peer_start("time=0 rate=80k dir=both streams=100");
    job_params_init(&p);
    p.run = JOB_RUN_CLIENT;
    p.target = (struct job_target){.version = 4, .nic = JOB_NO_NIC, .ip = RIG_PEER_IP};
    p.streams = CONFIG_IPERF_STREAM - 200 + 1;
    assert_null(job_start(&p, &why));
    assert_string_equal(why.reason, "all streams in use");
    assert_true(rig_says(rig_record("refused"), "reason", "all streams in use"));
    job_stop(peer_job);
    rig_advance_ms(5);
    drop_all();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nobody_listens),
        TEST(nobody_answers),
        TEST(there_is_no_way),
        TEST(way_that_appears_in_time_is_taken),
        TEST(server_that_closes_at_any_step_ends_it),
        TEST(stream_that_is_refused_ends_it),
        TEST(server_that_is_silent_at_any_step_ends_it_in_time),
        TEST(hello_without_an_answer_is_given_up_and_not_repeated),
        TEST(results_are_not_waited_for_long_once_the_job_is_stopped),
        TEST(beginning_before_all_streams_are_open_is_nonsense),
        TEST(test_in_which_nothing_moves_is_given_up),
        TEST(done_that_is_never_acknowledged_is_waited_for_a_second),
        TEST(busy_server_is_a_refusal),
        TEST(error_of_the_server_is_a_refusal_with_its_number),
        TEST(server_that_is_ended_ends_the_test),
        TEST(other_words_end_it_at_any_step),
        TEST(results_that_are_none_end_it),
        TEST(results_of_absurd_length_end_it),
        TEST(results_before_ours_are_taken_end_it),
        TEST(any_numbers_in_results_are_carried),
        TEST(datagrams_above_the_mtu_are_not_asked_for),
        TEST(streams_that_others_have_are_refused),
    };
    return cmocka_run_group_tests_name("iperf3_client_wrong", tests, rig_service_init, NULL);
}
