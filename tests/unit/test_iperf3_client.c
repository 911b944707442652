// SPDX-License-Identifier: BSD-3-Clause
/*
 * The iperf3 client over the real stack, against a scripted server that is honest: what it says,
 * what it sends and counts, and when it ends.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>
#include "iperf3_peer.h"
#include "time.h"

#define NOTHING "{\"streams\":[]}"

static int64_t result(const char *key)
{
    return rig_number(rig_record("result"), key, 0);
}

/* ---- what it asks for ---------------------------------------------------------------------- */

static void parameters_say_what_was_asked(void **state)
{
    static const struct {
        const char *words, *params;
    } cases[] = {
        {"",
         "{\"tcp\":true,\"omit\":0,\"time\":10,\"num\":0,\"blockcount\":0,\"parallel\":1,\"len\":"
         "131072,\"pacing_timer\":1000,\"client_version\":\"3.12\"}"},
        {"dir=rx time=1500ms streams=128 omit=3s rate=256M",
         "{\"tcp\":true,\"omit\":3,\"time\":2,\"num\":0,\"blockcount\":0,\"parallel\":128,\"len\":"
         "131072,\"bandwidth\":2000000,\"pacing_timer\":1000,\"reverse\":true,\"client_version\":"
         "\"3."
         "12\"}"},
        {"dir=both bytes=1G len=100 streams=2",
         "{\"tcp\":true,\"omit\":0,\"time\":0,\"num\":1000000000,\"blockcount\":0,\"parallel\":2,"
         "\"len\":100,\"pacing_timer\":1000,\"bidirectional\":true,\"nodelay\":true,\"client_"
         "version\":\"3.12\"}"},
        {"proto=udp rate=10pps len=125 time=0", "{\"udp\":true,\"omit\":0,\"time\":0,\"num\":0,"
                                                "\"blockcount\":0,\"parallel\":1,\"len\":125,"
                                                "\"bandwidth\":10000,\"pacing_timer\":1000,\"udp_"
                                                "counters_64bit\":1,\"client_version\":\"3."
                                                "12\"}"},
        {"proto=udp",
         "{\"udp\":true,\"omit\":0,\"time\":10,\"num\":0,\"blockcount\":0,\"parallel\":1,"
         "\"len\":1460,\"pacing_timer\":1000,\"udp_counters_64bit\":1,\"client_version\":"
         "\"3.12\"}"},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (strstr(cases[i].words, "128") != NULL && CONFIG_IPERF_STREAM < 128)
            continue;
        rig_tcp_listen(IPERF3_PORT, peer_conn, 1);
        peer_start(cases[i].words);
        peer_greet();
        assert_string_equal(peer_params(), cases[i].params);
        job_stop(peer_job);
        rig_advance_ms(5);
        peer_ended("stopped");
        rig_tcp_close(&peer_conn[0]);
    }
}

static void port_is_as_asked(void **state)
{
    (void)state;
    rig_tcp_listen(5300, peer_conn, 1);
    peer_start("port=5300");
    peer_greet();
}

/* ---- whole tests --------------------------------------------------------------------------- */

static void sender_sends_until_its_time_is_over(void **state)
{
    char theirs[128];

    (void)state;
    peer_run("time=1s", 1, false);
    rig_advance_ms(500);
    assert_int_equal(peer_hear(), -1);
    rig_advance_ms(500);
    const uint64_t got = peer_conn[1].rx_len;
    assert_true(got > 100000);
    snprintf(theirs, sizeof(theirs), "{\"streams\":[{\"id\":1,\"bytes\":%lu}]}", got);
    const char *ours = peer_finish(theirs);
    peer_ended("done");
    assert_int_equal(rig_number(ours, "sender_has_retransmits", 0), 0);
    assert_int_equal(rig_number(ours, "id", 0), 1);
    assert_true(rig_number(ours, "bytes", 0) >= (int64_t)got);
    assert_in_range(result("duration_us"), 1000000, 1002000);
    assert_in_range(result("tx_bytes"), got - IPERF3_COOKIE_BYTES, got); /* no cookie in it */
    assert_int_equal(result("rx_bytes"), 0);
    assert_int_equal(result("peer_bytes"), got);
    assert_true(rig_says(rig_record("result"), "server", "10.0.2.1"));
    assert_true(rig_says(rig_record("result"), "dir", "tx"));
    assert_true(rig_record_count("interval") >= 1);
}

static void receiver_counts_what_comes(void **state)
{
    static uint8_t data[5000];

    (void)state;
    peer_run("dir=rx time=1s", 1, false);
    assert_int_equal(rig_tcp_send(&peer_conn[1], data, sizeof(data)), sizeof(data));
    rig_advance_ms(1000);
    const char *ours = peer_finish("{\"streams\":[{\"id\":1,\"bytes\":6000}]}");
    peer_ended("done");
    assert_int_equal(rig_number(ours, "bytes", 0), 5000);
    assert_int_equal(rig_number(ours, "sender_has_retransmits", 0), -1);
    assert_int_equal(result("rx_bytes"), 5000);
    assert_int_equal(result("peer_bytes"), 6000);
}

static void data_that_overtakes_the_start_counts(void **state)
{
    (void)state;
    peer_start("dir=rx time=1s");
    peer_greet();
    peer_params();
    peer_streams(1, false);
    assert_int_equal(rig_tcp_send(&peer_conn[1], "12345", 5), 5);
    peer_begin();
    rig_advance_ms(1000);
    peer_finish(NOTHING);
    peer_ended("done");
    assert_int_equal(result("rx_bytes"), 5);
}

/* The first flights of many streams fit the network together. */
static void window_is_small_until_the_test_begins(void **state)
{
    (void)state;
    peer_start("dir=rx time=1s");
    peer_greet();
    peer_params();
    peer_streams(1, false);
    assert_in_range(peer_conn[1].guest_wnd, IPERF3_WINDOW - 128, IPERF3_WINDOW); /* scaled */
    peer_begin();
    assert_int_equal(rig_tcp_send(&peer_conn[1], "12345", 5), 5);
    rig_advance_ms(5);
    assert_true(peer_conn[1].guest_wnd > 100000);
}

static void both_ways_the_client_sends_on_the_first_streams(void **state)
{
    static uint8_t data[100];

    (void)state;
    peer_run("dir=both streams=2 time=1s rate=8M", 4, false);
    for (unsigned k = 3; k <= 4; k++)
        assert_int_equal(rig_tcp_send(&peer_conn[k], data, sizeof(data)), sizeof(data));
    rig_advance_ms(1000);
    assert_true(peer_conn[1].rx_len > 100000 && peer_conn[2].rx_len > 100000);
    assert_int_equal(peer_conn[3].rx_len + peer_conn[4].rx_len, 0);
    const char *ours = peer_finish(NOTHING);
    peer_ended("done");
    static const int ids[] = {1, 3, 4, 5};
    for (unsigned k = 0; k < 4; k++)
        assert_int_equal(rig_number(ours, "id", k), ids[k]);
    assert_int_equal(rig_number(ours, "bytes", 2), 100);
    assert_in_range(result("tx_bytes"), 950000, 1050000); /* of both together */
    assert_int_equal(result("rx_bytes"), 200);
}

static void so_many_bytes_are_sent_exactly(void **state)
{
    (void)state;
    peer_run("bytes=1M streams=3", 3, false);
    rig_advance_ms(50);
    assert_int_equal(peer_conn[1].rx_len + peer_conn[2].rx_len + peer_conn[3].rx_len, 1000000);
    peer_finish(NOTHING);
    peer_ended("done");
    assert_int_equal(result("tx_bytes"), 1000000);
}

static void so_many_bytes_received_end_it(void **state)
{
    static uint8_t data[5000];

    (void)state;
    peer_run("dir=rx bytes=10k", 1, false);
    assert_int_equal(rig_tcp_send(&peer_conn[1], data, sizeof(data)), sizeof(data));
    assert_int_equal(peer_hear(), -1);
    assert_int_equal(rig_tcp_send(&peer_conn[1], data, sizeof(data)), sizeof(data));
    peer_finish(NOTHING);
    peer_ended("done");
}

static void warm_up_does_not_count(void **state)
{
    static uint8_t data[5000];

    (void)state;
    peer_run("dir=rx omit=1s time=1s max_gap=5s", 1, false);
    assert_int_equal(rig_tcp_send(&peer_conn[1], data, sizeof(data)), sizeof(data));
    rig_advance_ms(1001);
    assert_int_equal(rig_tcp_send(&peer_conn[1], data, 77), 77);
    assert_int_equal(peer_hear(), -1);
    rig_advance_ms(900);
    const char *ours = peer_finish(NOTHING);
    peer_ended("done");
    assert_int_equal(rig_number(ours, "bytes", 0), 77);
    assert_int_equal(result("rx_bytes"), 77);
    assert_int_equal(result("warm_up_us"), 1000000);
}

static void endless_test_is_done_when_it_is_stopped(void **state)
{
    (void)state;
    peer_run("time=0 rate=80k", 1, false);
    rig_advance_ms(15000);
    assert_int_equal(peer_hear(), -1);
    job_stop(peer_job);
    peer_finish(NOTHING);
    peer_ended("done");
}

static void test_that_is_stopped_early_has_its_results_all_the_same(void **state)
{
    (void)state;
    peer_run("rate=80k", 1, false);
    rig_advance_ms(1000);
    job_stop(peer_job);
    peer_finish("{\"streams\":[{\"id\":1,\"bytes\":10000}]}");
    peer_ended("stopped");
    assert_int_equal(result("peer_bytes"), 10000);
}

static void rate_changes_while_it_runs(void **state)
{
    (void)state;
    peer_run("time=0 rate=800k", 1, false);
    rig_advance_ms(1000);
    const uint64_t slow = peer_conn[1].rx_len;
    assert_in_range(slow, 90000, 110000);
    struct job_params p = peer_job->params;
    p.rate = (struct job_rate){.per_s = 8000000};
    assert_true(job_set_rate(peer_job, &p));
    rig_advance_ms(1000);
    assert_in_range(peer_conn[1].rx_len - slow, 930000, 1050000);
    p.rate = (struct job_rate){.per_s = 5, .packets = true};
    assert_false(job_set_rate(peer_job, &p));
    job_stop(peer_job);
    peer_finish(NOTHING);
    peer_ended("done");
}

/* ---- UDP ----------------------------------------------------------------------------------- */

static void datagrams_are_numbered_and_each_stream_has_its_port(void **state)
{
    uint64_t last[2] = {0};
    uint8_t d[1500];
    uint16_t from;
    int n;

    (void)state;
    peer_run("proto=udp streams=2 rate=200pps len=100 time=1s", 2, true);
    assert_int_not_equal(peer_udp_port[0], peer_udp_port[1]);
    rig_advance_ms(1000);
    while ((n = rig_udp_recv_from(IPERF3_PORT, &from, d, sizeof(d))) >= 0) {
        const unsigned k = from == peer_udp_port[1];
        assert_int_equal(n, 100);
        assert_int_equal(from, peer_udp_port[k]);
        assert_int_equal(d[15] | d[14] << 8, ++last[k]);
    }
    assert_in_range(last[0], 99, 101);
    const char *ours =
        peer_finish("{\"streams\":[{\"id\":1,\"bytes\":9000,\"errors\":10,\"packets\":"
                    "100},{\"id\":3,\"bytes\":9900,\"errors\":1,\"packets\":100}]}");
    peer_ended("done");
    assert_int_equal(rig_number(ours, "packets", 0), last[0]);
    assert_int_equal(result("peer_lost"), 11);
    assert_int_equal(result("tx_packets"), last[0] + last[1]);
}

static void datagram(unsigned k, uint32_t number)
{
    uint8_t d[100] = {[12] = 0, [14] = (uint8_t)(number >> 8), [15] = (uint8_t)number};

    rig_udp_send(false, IPERF3_PORT, peer_udp_port[k], d, sizeof(d));
    rig_pump();
}

static void loss_of_what_comes_is_counted_and_judged(void **state)
{
    (void)state;
    peer_run("proto=udp dir=rx time=1s max_loss=49%", 1, true);
    datagram(0, 1);
    datagram(0, 4);
    rig_advance_ms(1000);
    peer_finish(NOTHING);
    assert_true(jobs_done());
    assert_int_equal(result("lost"), 2);
    assert_int_equal(result("rx_packets"), 2);
    assert_non_null(strstr(rig_record("result"),
                           "\"name\":\"max_loss_ppb\",\"limit\":490000000,\"value\":500000000"));
    assert_true(rig_says(rig_record("result"), "status", "FAIL"));
}

/* Nothing orders the answer to a hello before what the server says over TCP. */
static void test_begins_though_the_last_hellos_answer_comes_behind(void **state)
{
    char hello[8];

    (void)state;
    peer_start("proto=udp dir=rx time=1s");
    peer_greet();
    peer_params();
    peer_streams(0, true);
    rig_pump();
    assert_int_equal(rig_udp_recv_from(IPERF3_PORT, &peer_udp_port[0], hello, sizeof(hello)), 4);
    peer_begin();
    rig_udp_send(false, IPERF3_PORT, peer_udp_port[0], "6789", 4);
    datagram(0, 1);
    rig_advance_ms(400);
    struct job_totals t;
    peer_job->kind->totals(peer_job, &t);
    assert_in_range(t.duration_us, 390000, 410000); /* of a test that is not over */
    rig_advance_ms(600);
    peer_finish(NOTHING);
    peer_ended("done");
    assert_int_equal(result("rx_packets"), 1);
}

static void strangers_datagrams_count_for_nothing(void **state)
{
    (void)state;
    peer_run("proto=udp dir=rx time=1s", 1, true);
    rig_udp_send(false, 4000, peer_udp_port[0], "0123456789012345", 16);
    rig_udp_send(false, IPERF3_PORT, peer_udp_port[0], "6789", 4);
    rig_advance_ms(1000);
    peer_finish(NOTHING);
    peer_ended("done");
    assert_int_equal(result("rx_packets"), 0);
}

static void so_many_bytes_are_whole_datagrams(void **state)
{
    (void)state;
    peer_run("proto=udp bytes=1050 len=100 rate=100M", 1, true);
    rig_advance_ms(50);
    peer_finish(NOTHING);
    peer_ended("done");
    assert_int_equal(result("tx_bytes"), 1100);
}

/* ---- many ---------------------------------------------------------------------------------- */

static void as_many_streams_as_there_are_complete(void **state)
{
    const unsigned n = CONFIG_IPERF_STREAM < 256 ? CONFIG_IPERF_STREAM : 256;
    static char words[64];

    (void)state;
    for (unsigned udp = 0; udp < 2; udp++) {
        rig_tcp_listen(IPERF3_PORT, peer_conn, 1 + n);
        snprintf(words, sizeof(words), "dir=both streams=%u time=200ms rate=1M %s", n / 2,
                 udp ? "proto=udp" : "");
        peer_run(words, n, udp);
        rig_advance_ms(200);
        peer_finish(NOTHING);
        peer_ended("done");
        assert_int_equal(result("streams"), n);
        for (unsigned k = 0; k <= n && !udp; k++)
            rig_tcp_abort(&peer_conn[k]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(parameters_say_what_was_asked),
        TEST(port_is_as_asked),
        TEST(sender_sends_until_its_time_is_over),
        TEST(receiver_counts_what_comes),
        TEST(data_that_overtakes_the_start_counts),
        TEST(window_is_small_until_the_test_begins),
        TEST(both_ways_the_client_sends_on_the_first_streams),
        TEST(so_many_bytes_are_sent_exactly),
        TEST(so_many_bytes_received_end_it),
        TEST(warm_up_does_not_count),
        TEST(endless_test_is_done_when_it_is_stopped),
        TEST(test_that_is_stopped_early_has_its_results_all_the_same),
        TEST(rate_changes_while_it_runs),
        TEST(datagrams_are_numbered_and_each_stream_has_its_port),
        TEST(loss_of_what_comes_is_counted_and_judged),
        TEST(test_begins_though_the_last_hellos_answer_comes_behind),
        TEST(strangers_datagrams_count_for_nothing),
        TEST(so_many_bytes_are_whole_datagrams),
        TEST(as_many_streams_as_there_are_complete),
    };
    return cmocka_run_group_tests_name("iperf3_client", tests, rig_service_init, NULL);
}
