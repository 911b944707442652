// SPDX-License-Identifier: BSD-3-Clause
/*
 * run=connect (apps/connect.c, apps/connect_job.c) against a peer that is scripted connection by
 * connection.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>
#include "connect.h"
#include "iperf3.h"
#include "job.h"
#include "netrig.h"
#include "rig_job.h"
#include "rig_service.h"
#include "time.h"

#define PEERS 64

const struct conf *apps_conf = &rig.conf;

static struct rig_tcp peer[PEERS]; /* [0] finds the way */
static struct job *job;
static unsigned peers; /* that it accepts */

static int setup(void **state)
{
    int r = rig_setup(state);

    peers = PEERS;
    rig_job_setup("connect");
    rig_job_say("len", "10");
    rig_job_say("streams", "1");
    return r;
}

static void start(uint16_t port)
{
    memset(peer, 0, sizeof(peer));
    rig_tcp_listen(port, peer, peers);
    job = rig_job_start();
    rig_pump();
}

/* The first connection came, said nothing and went. */
static void way_is_found(uint16_t port)
{
    start(port);
    assert_true(peer[0].got_fin && peer[0].rx_len == 0);
    rig_tcp_close(&peer[0]);
    rig_pump();
    assert_int_equal(connect_phase(), CONNECT_RUNNING);
}

static void echo(struct rig_tcp *t)
{
    char bytes[10];

    assert_int_equal(rig_tcp_recv(t, bytes, 10, 100), 10);
    assert_int_equal(rig_tcp_send(t, bytes, 10), 10);
}

static struct connect_figures counts(void)
{
    return connect_figures();
}

static void ended(const char *end)
{
    for (unsigned i = 0; i < 30000 && job->state != JOB_OVER; i++)
        rig_advance_ms(1);
    assert_string_equal(job->end, end);
    assert_int_equal(iperf3_streams_used(), 0);
    for (unsigned i = 0; i < PEERS; i++)
        rig_tcp_forget(&peer[i]);
}

/* ---- short ones ---------------------------------------------------------------------------- */

static void echo_is_asked_answered_and_closed_by_us_first(void **state)
{
    (void)state;
    rig_job_say("time", "3s");
    rig_job_say("rate", "1");
    way_is_found(7);
    for (unsigned i = 1; i <= 3; i++) {
        assert_int_equal(counts().open, 1);
        rig_advance_ms(4);
        echo(&peer[i]);
        rig_pump();
        assert_true(peer[i].got_fin && !peer[i].got_rst);
        assert_int_equal(counts().completed, i - 1);
        rig_tcp_close(&peer[i]);
        rig_pump();
        assert_int_equal(counts().completed, i);
        assert_false(peer[i].got_rst);
        rig_advance_ms(996);
    }
    ended("done");
    const char *r = rig_record("result");
    assert_true(rig_says(r, "status", "PASS"));
    assert_int_equal(rig_number(r, "intended", 0), 3);
    assert_int_equal(rig_number(r, "started", 0), 3);
    assert_int_equal(rig_number(r, "completed", 0), 3);
    assert_int_equal(rig_number(r, "tx_bytes", 0), 30);
    assert_int_equal(rig_number(r, "rx_bytes", 0), 30);
    assert_int_equal(rig_number(strstr(r, "\"transaction\""), "min_us", 0), 4000);
    assert_int_equal(rig_number(strstr(r, "\"connect\":{"), "max_us", 0), 0);
}

static void http_server_closes_first(void **state)
{
    static const char reply[] = "HTTP/1.1 200 OK\r\n\r\n0123456789";
    char asked[64];

    (void)state;
    rig_job_say("time", "1s");
    rig_job_say("rate", "1");
    rig_job_say("port", "80");
    way_is_found(80);
    assert_int_equal(rig_tcp_recv(&peer[1], asked, 35, 100), 35);
    assert_memory_equal(asked, "GET /data?bytes=10 HTTP/1.1\r\nHost: ", 35);
    rig_tcp_send(&peer[1], reply, sizeof(reply) - 1);
    assert_false(peer[1].got_fin);
    rig_tcp_close(&peer[1]);
    assert_true(peer[1].got_fin && !peer[1].got_rst);
    assert_int_equal(counts().completed, 1);
    ended("done");
}

static void what_finds_no_place_in_time_slips(void **state)
{
    (void)state;
    rig_job_say("time", "1s");
    rig_job_say("rate", "10");
    way_is_found(7);
    rig_advance_ms(999); /* the only place is taken by one that is not answered */
    assert_int_equal(counts().started, 1);
    assert_int_equal(counts().slipped, 8); /* the last one may still find it free */
    echo(&peer[1]);
    rig_tcp_close(&peer[1]);
    rig_advance_ms(200);
    assert_int_equal(counts().started, 2);
    echo(&peer[2]);
    rig_tcp_close(&peer[2]);
    ended("done");
    assert_int_equal(counts().intended, 10);
    assert_int_equal(counts().started + counts().slipped, 10);
}

/* Also those that were still waiting for a place when the time was over. */
static void every_slot_is_used_or_slips(void **state)
{
    (void)state;
    rig_job_say("time", "1s");
    rig_job_say("rate", "50");
    way_is_found(7);
    rig_advance_ms(1200);
    assert_int_equal(counts().intended, 50);
    assert_int_equal(counts().started, 1);
    assert_int_equal(counts().slipped, 49);
    rig_tcp_abort(&peer[1]);
    ended("connections failed");
}

static void as_many_are_open_as_there_are_places(void **state)
{
    (void)state;
    rig_job_say("streams", "20");
    rig_job_say("time", "1s");
    way_is_found(7);
    rig_advance_ms(1);
    assert_int_equal(counts().open, 20);
    assert_int_equal(counts().started, 20);
    assert_int_equal(iperf3_streams_used(), 20);
    for (unsigned i = 1; i <= 20; i++) {
        echo(&peer[i]);
        rig_tcp_close(&peer[i]);
    }
    rig_advance_ms(1);
    assert_int_equal(counts().open, 20);
    job_stop(job);
    for (unsigned i = 21; i <= 40; i++)
        rig_tcp_abort(&peer[i]);
    ended("connections failed");
    assert_int_equal(counts().reset, 20);
}

/* ---- failures ------------------------------------------------------------------------------ */

static void each_failure_has_its_reason(void **state)
{
    (void)state;
    rig_job_say("streams", "8");
    rig_job_say("time", "500ms");
    rig_job_say("rate", "10");
    rig_job_say("max_failed", "4");
    way_is_found(7);
    rig_advance_ms(1);
    rig_tcp_recv(&peer[1], (char[10]){0}, 10, 10);
    rig_tcp_send(&peer[1], "0123456789", 10); /* not what it said */
    rig_pump();
    assert_int_equal(counts().wrong, 1);
    assert_true(peer[1].got_rst);
    rig_advance_ms(100);
    rig_tcp_abort(&peer[2]);
    rig_pump();
    assert_int_equal(counts().reset, 1);
    rig_advance_ms(100);
    rig_tcp_close(&peer[3]); /* no answer at all */
    rig_pump();
    assert_int_equal(counts().wrong, 2);
    rig_advance_ms(100);
    echo(&peer[4]);
    rig_tcp_close(&peer[4]);
    rig_tcp_listen(7, NULL, 0);
    rig_advance_ms(100);
    assert_int_equal(counts().refused, 1);
    ended("done");
    assert_int_equal(counts().completed, 1);
    assert_int_equal(
        connect_failures(&(struct connect_figures){.wrong = 2, .refused = 1, .reset = 1}), 4);
    assert_true(rig_says(rig_record("result"), "status", "PASS")); /* so many were allowed */
}

static void silent_server_is_given_up(void **state)
{
    (void)state;
    rig_job_say("rate", "1");
    rig_job_say("time", "1s");
    way_is_found(7);
    rig_advance_ms(9900);
    assert_int_equal(counts().timed_out, 0);
    rig_advance_ms(200);
    assert_int_equal(counts().timed_out, 1);
    assert_true(peer[1].got_rst);
    ended("connections failed");
    assert_true(rig_says(rig_record("result"), "status", "FAIL"));
}

static void bytes_behind_the_answer_are_wrong(void **state)
{
    (void)state;
    rig_job_say("rate", "1");
    rig_job_say("time", "1s");
    way_is_found(7);
    echo(&peer[1]);
    rig_pump();
    rig_tcp_send(&peer[1], "x", 1);
    assert_int_equal(counts().wrong, 1);
    ended("connections failed");
}

static void nobody_there_ends_it(void **state)
{
    (void)state;
    peers = 0;
    start(7);
    peers = PEERS;
    rig_advance_ms(5);
    ended("connection_refused");
    assert_int_equal(counts().started, 0);
    rig.arp_silent = true;
    rig_job_say("target", "10.0.2.9");
    start(7);
    rig_advance_ms(9000);
    assert_int_equal(job->state, JOB_RUNNING);
    ended("no_answer");
    assert_true(strstr(rig_record("error"), "no_answer") != NULL);
}

/* ---- held ones ----------------------------------------------------------------------------- */

static void held_connections_are_asked_again_and_again(void **state)
{
    (void)state;
    rig_job_say("streams", "5");
    rig_job_say("hold", "200ms");
    rig_job_say("time", "0");
    way_is_found(7);
    rig_advance_ms(1);
    assert_int_equal(counts().open, 5);
    for (unsigned round = 0; round < 5; round++) {
        for (unsigned i = 1; i <= 5; i++)
            echo(&peer[i]);
        assert_int_equal(counts().answered, 5 * (round + 1));
        if (round < 4)
            rig_advance_ms(220);
    }
    assert_int_equal(counts().open, 5);
    assert_int_equal(counts().started, 5);
    job_stop(job);
    rig_advance_ms(200);
    for (unsigned i = 1; i <= 5; i++) {
        assert_true(peer[i].got_fin);
        rig_tcp_close(&peer[i]);
    }
    ended("done");
    assert_int_equal(counts().completed, 5);
    assert_int_equal(rig_number(rig_record("result"), "checks", 0), 25);
    /* nobody owed an answer between the rounds */
    assert_in_range(rig_number(rig_record("result"), "gap_max_us", 0), 0, 100000);
}

static void held_ones_that_are_lost_are_dropped_or_corrupt(void **state)
{
    (void)state;
    rig_job_say("streams", "3");
    rig_job_say("hold", "200ms");
    rig_job_say("time", "1s");
    way_is_found(7);
    rig_advance_ms(1);
    for (unsigned i = 1; i <= 3; i++)
        echo(&peer[i]);
    rig_advance_ms(10);
    rig_tcp_abort(&peer[1]);
    rig_advance_ms(220);
    rig_tcp_recv(&peer[2], (char[10]){0}, 10, 10);
    rig_tcp_send(&peer[2], "0123456789", 10);
    echo(&peer[3]);
    assert_int_equal(counts().dropped, 1);
    assert_int_equal(counts().corrupt, 1);
    rig_tcp_close(&peer[3]); /* in the middle of its life */
    assert_int_equal(counts().dropped, 2);
    assert_int_equal(counts().started, 3); /* none is begun anew */
    ended("connections failed");
}

/* ---- what is asked ------------------------------------------------------------------------- */

static void what_it_cannot_do_is_refused(void **state)
{
    static const char *const wrong[][2] = {{"rate", "5pps"}, {"rate", "2M"},     {"len", "16385"},
                                           {"len", "1,2"},   {"len", "imix"},    {"proto", "tcp"},
                                           {"dir", "tx"},    {"omit", "1s"},     {"bytes", "1k"},
                                           {"flows", "2"},   {"max_loss", "1%"}, {"vlan", "3"}};

    (void)state;
    rig_job_refuses(wrong, sizeof(wrong) / sizeof(wrong[0]));
    rig_job_say("request", "get");
    rig_job_say("hold", "1s");
    rig_job_is_refused("hold");
}

static void places_are_those_of_streams(void **state)
{
    struct job_refusal why;

    (void)state;
    assert_true(iperf3_streams_lend(CONFIG_IPERF_STREAM));
    assert_null(job_start(&rig_job, &why));
    assert_string_equal(why.reason, "streams have the places for connections");
    iperf3_streams_return(CONFIG_IPERF_STREAM);
    start(7);
    assert_null(job_start(&rig_job, &why));
    assert_string_equal(why.reason, "there is a load of connections already");
    job_stop(job);
    ended("connections failed"); /* one was open, and nobody answered */
}

/* The guest's end waits five seconds for the last words of jobs. */
static void end_that_is_asked_for_comes_soon(void **state)
{
    (void)state;
    rig_job_say("time", "0");
    way_is_found(7);
    job_stop(job); /* one is open, and nobody answers */
    rig_advance_ms(2900);
    assert_int_equal(job->state, JOB_RUNNING);
    rig_advance_ms(200);
    assert_int_equal(job->state, JOB_OVER);
    ended("connections failed");
}

static void connection_that_looks_for_a_server_is_not_counted(void **state)
{
    (void)state;
    job = rig_job_start(); /* nobody listens, nobody refuses */
    rig_pump();
    assert_int_equal(connect_phase(), CONNECT_SEEKING);
    job_stop(job);
    ended("stopped");
    assert_int_equal(counts().started, 0);
    assert_int_equal(counts().timed_out, 0);
}

static void rate_changes_while_it_runs(void **state)
{
    (void)state;
    rig_job_say("streams", "40");
    rig_job_say("rate", "1");
    rig_job_say("time", "0");
    way_is_found(7);
    rig_advance_ms(100);
    assert_int_equal(counts().started, 1);
    rig_job_say("rate", "100");
    assert_true(job_set_rate(job, &rig_job));
    rig_advance_ms(100);
    assert_in_range(counts().started, 10, 12);
    job_stop(job);
    for (unsigned i = 1; i < 20; i++)
        if (peer[i].established)
            rig_tcp_abort(&peer[i]);
    ended("connections failed");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, rig_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(echo_is_asked_answered_and_closed_by_us_first),
        TEST(http_server_closes_first),
        TEST(what_finds_no_place_in_time_slips),
        TEST(every_slot_is_used_or_slips),
        TEST(as_many_are_open_as_there_are_places),
        TEST(each_failure_has_its_reason),
        TEST(silent_server_is_given_up),
        TEST(bytes_behind_the_answer_are_wrong),
        TEST(nobody_there_ends_it),
        TEST(held_connections_are_asked_again_and_again),
        TEST(held_ones_that_are_lost_are_dropped_or_corrupt),
        TEST(what_it_cannot_do_is_refused),
        TEST(places_are_those_of_streams),
        TEST(end_that_is_asked_for_comes_soon),
        TEST(connection_that_looks_for_a_server_is_not_counted),
        TEST(rate_changes_while_it_runs),
    };

    return cmocka_run_group_tests_name("connect", tests, rig_service_init, NULL);
}
