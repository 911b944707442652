// SPDX-License-Identifier: BSD-3-Clause
/*
 * Streams of the iperf3 server over UDP: hellos, whose datagram is whose, what is counted, and a
 * sender's schedule.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include "iperf3_client.h"
#include "lwip/etharp.h"
#include "lwip/netif.h"

static void udp_test_counts_as_the_original_does(void **state)
{
    static const uint32_t numbers[] = {1, 2, 5, 4, 4, 9};
    struct client c;

    (void)state;
    client_begin_udp(&c, "a", "{\"udp\":true,\"len\":1000}", 40000, 1);
    for (unsigned k = 0; k < 6; k++)
        client_datagram(40000, numbers[k], 1000);
    const char *r = client_results(&c, EMPTY);
    assert_int_equal(rig_number(r, "bytes", 0), 6000);
    assert_int_equal(rig_number(r, "packets", 0), 9);
    assert_int_equal(rig_number(r, "errors", 0), 3);
    client_datagram(40000, 10, 1000); /* too late */
    client_finish(&c);
    assert_int_equal(client_recorded("rx_packets"), 6);
    assert_int_equal(client_recorded("out_of_order"), 2);
}

static void udp_hello_again_is_answered_and_never_counted(void **state)
{
    struct client c;

    (void)state;
    client_begin_udp(&c, "a", "{\"udp\":true,\"len\":1000}", 40000, 1);
    client_hello(40000);
    assert_true(client_answered(40000));
    client_datagram(40000, 1, 1000);
    rig_udp_send(false, 40000, PORT, "short", 5);
    rig_udp_send(false, 40000, PORT, "", 0);
    rig_pump();
    client_hello(40000);
    assert_true(client_answered(40000));
    const char *r = client_results(&c, EMPTY);
    assert_int_equal(rig_number(r, "packets", 0), 1);
    assert_int_equal(rig_number(r, "errors", 0), 0);
    assert_int_equal(rig_number(r, "bytes", 0), 1000);
    client_finish(&c);
    assert_int_equal(rig_stat(&iperf3_service, "stray_datagrams"), 2);
}

static void udp_strangers_are_counted_and_not_answered(void **state)
{
    struct client c;
    uint64_t before = rig_stat(&iperf3_service, "stray_datagrams");

    (void)state;
    client_hello(40000); /* no session waits */
    client_begin_udp(&c, "a", "{\"udp\":true}", 41000, 1);
    client_hello(42000); /* all streams are there */
    client_datagram(42001, 1, 100);
    assert_false(client_answered(40000));
    assert_false(client_answered(42000));
    assert_int_equal(rig_stat(&iperf3_service, "stray_datagrams"), before + 3);
    client_leave(&c);
    client_hello(41000); /* its session is over */
    assert_false(client_answered(41000));
    assert_int_equal(rig_stat(&iperf3_service, "stray_datagrams"), before + 4);
}

static void udp_hello_of_the_wrong_length_opens_nothing(void **state)
{
    struct client c;

    (void)state;
    client_ask(&c, "a", "{\"udp\":true}");
    rig_udp_send(false, 40000, PORT, "98765", 5);
    client_datagram(40000, 1, 100);
    assert_int_equal(client_hear(&c), -1);
    client_hello(40000);
    assert_true(client_answered(40000));
    client_hear_start(&c);
    client_leave(&c);
}

static void datagrams_beyond_the_mtu_are_refused(void **state)
{
    struct client c;

    (void)state;
    client_connect(&c, "a");
    client_offer(&c, "{\"udp\":true,\"len\":1473}");
    client_hear_refusal(&c, IPERF3_E_UDP_BLOCK);
    rig_tcp_close(&c.control);
    assert_int_equal(rig_record_count("refused"), 1);
    assert_int_equal(rig_record_count("result"), 0);

    client_begin_udp(&c, "a", "{\"udp\":true,\"len\":1472}", 40000, 1);
    client_datagram(40000, 1, 1472);
    assert_int_equal(rig_number(client_results(&c, EMPTY), "bytes", 0), 1472);
    client_finish(&c);
}

/* ---- clients that cannot be told apart ----------------------------------------------------- */

static void udp_clients_of_one_address_take_turns_to_open_streams(void **state)
{
    struct client a, b, t;

    (void)state;
    client_ask(&a, "a", "{\"udp\":true,\"parallel\":2}");
    client_connect(&b, "b");
    client_offer(&b, "{\"udp\":true}");
    assert_int_equal(client_hear(&b), -1);
    client_begin_tcp(&t, "t", "{}", 1); /* nobody mistakes a TCP stream */
    client_leave(&t);

    client_hello(40000);
    client_hello(40001);
    assert_true(client_answered(40000) && client_answered(40001));
    client_hear_start(&a);
    assert_int_equal(client_hear(&b), IPERF3_CREATE_STREAMS);
    client_hello(40002);
    assert_true(client_answered(40002));
    client_hear_start(&b);
    client_datagram(40001, 1, 100);
    client_datagram(40002, 1, 200);
    assert_int_equal(rig_number(client_results(&a, EMPTY), "bytes", 1), 100);
    assert_int_equal(rig_number(client_results(&b, EMPTY), "bytes", 0), 200);
    client_finish(&a);
    client_finish(&b);
}

static void udp_waiting_client_goes_on_when_the_first_one_is_gone(void **state)
{
    struct client a, b;

    (void)state;
    client_ask(&a, "a", "{\"udp\":true,\"parallel\":2}");
    client_connect(&b, "b");
    client_offer(&b, "{\"udp\":true}");
    assert_int_equal(client_hear(&b), -1);
    rig_tcp_abort(&a.control);
    assert_int_equal(client_hear(&b), IPERF3_CREATE_STREAMS);
    client_leave(&b);
}

/* ---- senders ------------------------------------------------------------------------------- */

/* Datagrams to the peer's port since the last call; the highest number, and whether all were there.
 */
static uint32_t collect(uint16_t port, uint32_t len, uint32_t from)
{
    uint8_t b[1472];
    int n;

    while ((n = rig_udp_recv(port, b, sizeof(b))) >= 0) {
        assert_int_equal(n, len);
        assert_int_equal(b[10] << 8 | b[11], ++from);
        assert_memory_equal(b + 12, pattern, len - 12);
    }
    return from;
}

static void udp_reverse_sends_evenly_and_without_drift(void **state)
{
    struct client c;
    uint32_t n = 0;

    (void)state;
    client_begin_udp(&c, "a", "{\"udp\":true,\"reverse\":true,\"len\":1250,\"bandwidth\":1000000}",
                     40000, 1);
    n = collect(40000, 1250, n);
    assert_int_equal(n, 1);
    for (unsigned k = 1; k < 100; k++) { /* one in 10 ms */
        rig_advance_ms(10);
        n = collect(40000, 1250, n);
        assert_in_range(n, k, k + 1);
    }
    const char *r = client_results(&c, "{\"streams\":[{\"id\":1,\"bytes\":100,\"errors\":3}]}");
    assert_int_equal(rig_number(r, "packets", 0), n);
    assert_int_equal(rig_number(r, "bytes", 0), n * 1250);
    client_finish(&c);
    assert_int_equal(client_recorded("peer_lost"), 3);
    assert_int_equal(client_recorded("tx_bytes"), n * 1250);
}

static void udp_sender_that_was_held_up_sends_no_burst(void **state)
{
    struct client c;
    uint32_t n, more;

    (void)state;
    client_begin_udp(&c, "a", "{\"udp\":true,\"reverse\":true,\"len\":1000,\"bandwidth\":80000000}",
                     40000, 1); /* ten a millisecond */
    rig_advance_ms(10);
    n = collect(40000, 1000, 0);
    assert_int_equal(n, 101);
    rig.now_ns += 40 * NS_PER_MS; /* the host ran somebody else */
    rig_pump();
    more = collect(40000, 1000, n) - n;
    assert_in_range(more, 10, 13);
    for (unsigned k = 0; k < 200; k++) {
        n += more;
        rig_advance_ms(1);
        more = collect(40000, 1000, n) - n;
        assert_in_range(more, 9, 13);
    }
    assert_int_equal(n + more, 250 * 10 + 1);
    client_leave(&c);
}

static void udp_sender_looks_at_its_schedule_now_and_then(void **state)
{
    struct client c;

    (void)state;
    client_begin_udp(&c, "a",
                     "{\"udp\":true,\"reverse\":true,\"len\":1000,\"bandwidth\":800000000}", 40000,
                     1); /* one in 10 us */
    const uint32_t first = collect(40000, 1000, 0);
    for (unsigned k = 0; k < 24; k++) {
        rig.now_ns += 10 * NS_PER_US;
        rig_pump();
        assert_int_equal(collect(40000, 1000, first), first);
    }
    rig.now_ns += 10 * NS_PER_US;
    rig_pump();
    assert_int_equal(collect(40000, 1000, first), first + 25);
    client_leave(&c);
}

/* The stack keeps one datagram for each neighbour that it asks for its address. */
static void udp_datagrams_that_wait_for_an_address_are_few_and_counted(void **state)
{
    struct client c;
    const uint64_t before = rig_stat(&iperf3_service, "unresolved_datagrams");

    (void)state;
    client_begin_udp(&c, "a", "{\"udp\":true,\"reverse\":true,\"len\":1000,\"bandwidth\":80000000}",
                     40000, 1);
    rig_advance_ms(10);
    const uint32_t n = collect(40000, 1000, 0);
    etharp_cleanup_netif(netif_list);
    rig.arp_silent = true;
    rig_advance_ms(20);
    const uint64_t waited = rig_stat(&iperf3_service, "unresolved_datagrams") - before;
    assert_in_range(waited, 10, 20);
    assert_in_range(collect(40000, 1000, n) - n, 0, 100); /* by the last template */
    rig.arp_silent = false;
    rig_advance_ms(2000);
    client_leave(&c);
}

static void udp_wide_counters_are_sent_and_read(void **state)
{
    struct client c;
    uint8_t b[100] = {0};

    (void)state;
    client_begin_udp(&c, "a",
                     "{\"udp\":true,\"bidirectional\":true,\"len\":100,\"bandwidth\":8000,"
                     "\"udp_counters_64bit\":1}",
                     40000, 2);
    put_be32(b + 8, 1);
    put_be32(b + 12, 2);
    rig_udp_send(false, 40000, PORT, b, sizeof(b));
    rig_pump();
    assert_int_equal(rig_udp_recv(40001, b, sizeof(b)), 100);
    assert_int_equal(b[11], 0);
    assert_int_equal(b[15], 1);
    assert_memory_equal(b + 16, pattern, 84);
    const char *r = client_results(&c, EMPTY);
    assert_int_equal(rig_number(r, "packets", 0), 0x100000002);
    assert_int_equal(rig_number(r, "errors", 0), 0x100000001);
    client_finish(&c);
}

static void udp_sender_takes_no_more_of_the_ring_than_is_for_bulk(void **state)
{
    struct client c;

    (void)state;
    client_begin_udp(&c, "a",
                     "{\"udp\":true,\"reverse\":true,\"len\":1400,\"bandwidth\":10000000000}",
                     40000, 1);
    rig.tx_stuck = true;
    rig_advance_ms(50);
    rig_tcp_segment(&c.control, RIG_ACK | RIG_PSH, c.control.snd_nxt, c.control.rcv_nxt, "\x10", 1);
    c.control.snd_nxt++;
    rig_advance_ms(1); /* its acknowledgement finds a place */
    rig.tx_stuck = false;
    rig_advance_ms(1);
    assert_int_equal(c.control.snd_una, c.control.snd_nxt);
    /* what was on the ring went out complete and in order, and counts */
    uint32_t n = collect(40000, 1400, 0);
    assert_in_range(n, CONFIG_TX_RING - CONFIG_TX_RESERVE - 8,
                    CONFIG_TX_RING - CONFIG_TX_RESERVE + 1);
    assert_int_equal(client_recorded("tx_packets"), n);
    rig_tcp_forget(&c.control);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(udp_test_counts_as_the_original_does),
        TEST(udp_hello_again_is_answered_and_never_counted),
        TEST(udp_strangers_are_counted_and_not_answered),
        TEST(udp_hello_of_the_wrong_length_opens_nothing),
        TEST(datagrams_beyond_the_mtu_are_refused),
        TEST(udp_clients_of_one_address_take_turns_to_open_streams),
        TEST(udp_waiting_client_goes_on_when_the_first_one_is_gone),
        TEST(udp_reverse_sends_evenly_and_without_drift),
        TEST(udp_sender_that_was_held_up_sends_no_burst),
        TEST(udp_sender_looks_at_its_schedule_now_and_then),
        TEST(udp_datagrams_that_wait_for_an_address_are_few_and_counted),
        TEST(udp_wide_counters_are_sent_and_read),
        TEST(udp_sender_takes_no_more_of_the_ring_than_is_for_bulk),
    };

    return cmocka_run_group_tests_name("iperf3_stream_udp", tests, rig_service_init, NULL);
}
