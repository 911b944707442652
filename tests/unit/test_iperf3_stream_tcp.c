// SPDX-License-Identifier: BSD-3-Clause
/*
 * Streams of the iperf3 server over TCP: what is counted, windows, a sender's rate, and which
 * connection is which stream.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>
#include "iperf3_client.h"

static void tcp_test_counts_what_it_receives(void **state)
{
    static uint8_t bytes[50000];
    struct client c;

    (void)state;
    client_begin_tcp(&c, "a", "{\"parallel\":2,\"time\":10,\"client_version\":\"3.12\"}", 2);
    assert_int_equal(rig_tcp_send(&c.data[0], bytes, sizeof(bytes)), sizeof(bytes));
    assert_int_equal(rig_tcp_send(&c.data[1], bytes, 77), 77);
    rig_advance_ms(2000);
    const char *r = client_results(&c, "{\"streams\":[{\"id\":1,\"bytes\":60000,\"retransmits\":4},"
                                       "{\"id\":3,\"bytes\":80,\"retransmits\":1}]}");
    assert_int_equal(rig_number(r, "id", 0), 1);
    assert_int_equal(rig_number(r, "id", 1), 3);
    assert_int_equal(rig_number(r, "bytes", 0), sizeof(bytes));
    assert_int_equal(rig_number(r, "bytes", 1), 77);
    assert_int_equal(rig_number(r, "sender_has_retransmits", 0), -1);
    assert_int_equal(rig_number(r, "end_time", 0), 2);
    assert_null(strstr(r, "omitted"));
    client_finish(&c);

    const char *record = rig_record("result");
    assert_int_equal(rig_number(record, "rx_bytes", 0), sizeof(bytes) + 77);
    assert_int_equal(rig_number(record, "streams", 0), 2);
    assert_int_equal(rig_number(record, "peer_bytes", 0), 60080);
    assert_int_equal(rig_number(record, "peer_retransmits", 0), 5);
    assert_true(rig_says(record, "dir", "rx"));
}

static void tcp_bytes_after_the_end_do_not_count(void **state)
{
    struct client c;

    (void)state;
    client_begin_tcp(&c, "a", "{}", 1);
    assert_int_equal(rig_tcp_send(&c.data[0], "12345", 5), 5);
    client_say(&c, IPERF3_TEST_END);
    assert_int_equal(client_hear(&c), IPERF3_EXCHANGE_RESULTS);
    assert_int_equal(rig_tcp_send(&c.data[0], "678", 3), 3); /* still open, still drained */
    assert_false(c.data[0].got_fin);
    client_say_block(&c, EMPTY);
    rig_advance_ms(10);
    client_say(&c, IPERF3_DONE);
    rig_advance_ms(1);
    assert_true(c.data[0].got_rst); /* only now */
    client_close(&c);
    assert_int_equal(client_recorded("rx_bytes"), 5);
}

/* ---- windows ------------------------------------------------------------------------------- */

/* How far beyond what it has sent the client may go. */
static uint32_t window_of(const struct rig_tcp *t)
{
    return t->guest_wnd;
}

#define SHARE(receivers) (CONFIG_IPERF_FLIGHT / (receivers)*1460u)

static void receiving_streams_share_what_may_be_on_its_way(void **state)
{
    static uint8_t bytes[1100000];
    struct client c, many;

    (void)state;
    client_begin_tcp(&c, "a", "{\"parallel\":1,\"time\":30}", 1);
    assert_int_equal(rig_tcp_send(&c.data[0], bytes, 1), 1);
    assert_in_range(window_of(&c.data[0]), SHARE(1) - 1460, SHARE(1));

    /* Others come: what was promised stays, the window closes as the data arrives. */
    client_begin_tcp(&many, "b", "{\"parallel\":8,\"time\":30}", 8);
    assert_in_range(window_of(&c.data[0]), SHARE(1) - 1460, SHARE(1));
    assert_int_equal(rig_tcp_send(&c.data[0], bytes, sizeof(bytes)), sizeof(bytes));
    assert_in_range(window_of(&c.data[0]), SHARE(9) - 1460, SHARE(9));
    for (unsigned k = 0; k < 8; k++) {
        assert_in_range(window_of(&many.data[k]), SHARE(9) / 2, SHARE(9));
        assert_int_equal(rig_tcp_send(&many.data[k], bytes, sizeof(bytes)), sizeof(bytes));
        assert_in_range(window_of(&many.data[k]), SHARE(9) - 1460, SHARE(9));
    }

    /* And they go: there is room again. */
    client_results(&many, EMPTY);
    client_finish(&many);
    assert_int_equal(rig_tcp_send(&c.data[0], bytes, 3000), 3000);
    assert_in_range(window_of(&c.data[0]), SHARE(1) - 1460, SHARE(1));
    client_results(&c, EMPTY);
    client_finish(&c);
}

static void sending_streams_take_nothing_of_that_share(void **state)
{
    struct client c, other;

    (void)state;
    client_begin_tcp(&c, "a", "{\"parallel\":8,\"time\":30,\"reverse\":true}", 8);
    client_begin_tcp(&other, "b", "{\"parallel\":1,\"time\":30}", 1);
    assert_int_equal(rig_tcp_send(&other.data[0], "x", 1), 1);
    assert_in_range(window_of(&other.data[0]), SHARE(1) - 1460, SHARE(1));
    client_results(&other, EMPTY);
    client_finish(&other);
    client_results(&c, EMPTY);
    client_finish(&c);
}

static void before_the_test_the_window_is_small(void **state)
{
    struct client c;

    (void)state;
    client_connect(&c, "a");
    /* The cookie is read, and not worth an update of its own; the field counts in steps. */
    assert_in_range(window_of(&c.control), IPERF3_WINDOW - IPERF3_COOKIE_BYTES - WND_STEP,
                    IPERF3_WINDOW);
    client_close(&c);
}

/* ---- senders ------------------------------------------------------------------------------- */

static void tcp_reverse_keeps_its_rate_and_ends_with_fin(void **state)
{
    static uint8_t got[400000];
    struct client c;

    (void)state;
    client_begin_tcp(&c, "a", "{\"reverse\":true,\"bandwidth\":1000000,\"len\":131072}", 1);
    rig_advance_ms(2000);
    size_t n = rig_tcp_recv(&c.data[0], got, 125000 * 2, 0);
    assert_in_range(n, 125000 * 2 - 2 * 1460, 125000 * 2);
    assert_memory_equal(got, pattern, 60000);
    const char *r = client_results(&c, EMPTY);
    assert_in_range(rig_number(r, "bytes", 0), 125000 * 2 - 1460, 125000 * 2 + 2 * 1460);
    assert_int_equal(rig_number(r, "sender_has_retransmits", 0), 0);
    rig_tcp_recv(&c.data[0], got, sizeof(got), 100);
    assert_true(c.data[0].got_fin);
    client_finish(&c);
}

/* Acknowledgements that pause and then come one segment at a time: the queue has room for less than
 * what is due at once, over and over. */
static void tcp_reverse_keeps_its_rate_where_the_queue_is_nearly_full(void **state)
{
    static uint8_t got[400000];
    const uint64_t rate = 100000000, ms = 300;
    struct client c;

    (void)state;
    client_begin_tcp(&c, "a", "{\"reverse\":true,\"bandwidth\":100000000}", 1);
    struct rig_tcp *t = &c.data[0];
    uint32_t acked = t->rcv_nxt;
    uint64_t begin_ns = rig.now_ns;
    t->manual_ack = true;
    for (unsigned i = 0; rig.now_ns - begin_ns < ms * NS_PER_MS; i++) {
        rig_advance_ms(1);
        rig_tcp_recv(t, got, sizeof(got), 0);
        while (i % 20 >= 15 && t->rcv_nxt - acked >= t->mss) {
            acked += t->mss;
            rig_tcp_segment(t, RIG_ACK, t->snd_nxt, acked, NULL, 0);
            rig_pump();
        }
    }
    const char *r = client_results(&c, EMPTY);
    assert_in_range(rig_number(r, "bytes", 0), rate / 8000 * ms * 95 / 100,
                    rate / 8000 * ms * 105 / 100);
    client_finish(&c);
}

/* A client that takes nothing cannot make us queue a quarter of a megabyte a byte at a time, which
 * would be one turn of the loop. */
static void tcp_reverse_in_single_bytes_to_a_closed_window_is_bounded(void **state)
{
    struct client c;

    (void)state;
    client_ask(&c, "a", "{\"reverse\":true,\"nodelay\":true,\"len\":1}");
    rig.peer_wnd = 0;
    client_open_tcp(&c, 0);
    client_hear_start(&c);
    const char *r = client_results(&c, EMPTY);
    assert_in_range(rig_number(r, "bytes", 0), 1, CONFIG_TCP_SND_SEGS);
    client_finish(&c);
}

/* ---- both ways ----------------------------------------------------------------------------- */

static void tcp_bidir_receives_on_the_first_half_and_sends_on_the_second(void **state)
{
    struct client c;

    (void)state;
    client_begin_tcp(&c, "a", "{\"bidirectional\":true,\"parallel\":2,\"bandwidth\":100000}", 4);
    assert_int_equal(rig_tcp_send(&c.data[0], "12345", 5), 5);
    assert_int_equal(rig_tcp_send(&c.data[1], "123456", 6), 6);
    rig_advance_ms(500);
    assert_int_equal(c.data[0].rx_len + c.data[1].rx_len, 0);
    assert_true(c.data[2].rx_len > 0 && c.data[3].rx_len > 0);
    const char *r = client_results(&c, EMPTY);
    assert_int_equal(rig_number(r, "id", 3), 5);
    assert_int_equal(rig_number(r, "bytes", 0), 5);
    assert_int_equal(rig_number(r, "bytes", 1), 6);
    assert_int_equal(rig_number(r, "bytes", 2), c.data[2].rx_len);
    client_finish(&c);
}

static void streams_are_numbered_as_they_were_opened_even_if_a_cookie_overtakes(void **state)
{
    static const unsigned order[] = {2, 0, 3, 1};
    struct client c;

    (void)state;
    client_ask(&c, "a", "{\"bidirectional\":true,\"parallel\":2,\"bandwidth\":100000}");
    for (unsigned k = 0; k < 4; k++)
        assert_true(rig_tcp_connect(&c.data[k], PORT));
    for (unsigned k = 0; k < 4; k++)
        assert_int_equal(rig_tcp_send(&c.data[order[k]], c.cookie, IPERF3_COOKIE_BYTES),
                         IPERF3_COOKIE_BYTES);
    client_hear_start(&c);
    for (unsigned k = 0; k < 4; k++)
        assert_int_equal(rig_tcp_send(&c.data[k], "12345", k + 1), k + 1);
    rig_advance_ms(500);
    assert_int_equal(c.data[0].rx_len + c.data[1].rx_len, 0);
    const char *r = client_results(&c, EMPTY);
    assert_int_equal(rig_number(r, "bytes", 0), 1);
    assert_int_equal(rig_number(r, "bytes", 1), 2);
    assert_int_equal(rig_number(r, "bytes", 2), c.data[2].rx_len);
    assert_int_equal(rig_number(r, "bytes", 3), c.data[3].rx_len);
    assert_true(c.data[2].rx_len > 0 && c.data[3].rx_len > 0);
    client_finish(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(tcp_test_counts_what_it_receives),
        TEST(tcp_bytes_after_the_end_do_not_count),
        TEST(receiving_streams_share_what_may_be_on_its_way),
        TEST(sending_streams_take_nothing_of_that_share),
        TEST(before_the_test_the_window_is_small),
        TEST(tcp_reverse_keeps_its_rate_and_ends_with_fin),
        TEST(tcp_reverse_keeps_its_rate_where_the_queue_is_nearly_full),
        TEST(tcp_reverse_in_single_bytes_to_a_closed_window_is_bounded),
        TEST(tcp_bidir_receives_on_the_first_half_and_sends_on_the_second),
        TEST(streams_are_numbered_as_they_were_opened_even_if_a_cookie_overtakes),
    };

    return cmocka_run_group_tests_name("iperf3_stream_tcp", tests, rig_service_init, NULL);
}
