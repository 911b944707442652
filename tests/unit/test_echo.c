// SPDX-License-Identifier: BSD-3-Clause
/*
 * Echo over the real stack: every byte, to slow and rude clients too, out of one ring each.
 * rig_teardown() checks after each test that every pool is idle.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "small_client.h"

static void echo_all(bool v6)
{
    const size_t n = 20 * CONFIG_ECHO_RING + 123;
    uint8_t *sent = small_noise(n), *got = malloc(n);
    struct rig_tcp t;

    assert_true(v6 ? rig_tcp_connect6(&t, ECHO) : rig_tcp_connect(&t, ECHO));
    assert_int_equal(rig_tcp_send(&t, sent, n), n);
    assert_int_equal(rig_tcp_recv(&t, got, n, 1000), n);
    assert_memory_equal(sent, got, n);
    rig_tcp_close(&t);
    assert_int_equal(rig_stat(&echo_service, "open"), 0);
    free(sent);
    free(got);
}

static void echo_returns_every_byte(void **state)
{
    (void)state;
    echo_all(false);
}

static void echo_returns_every_byte_over_ipv6(void **state)
{
    (void)state;
    echo_all(true);
}

static void echo_of_single_bytes(void **state)
{
    struct rig_tcp t;

    (void)state;
    assert_true(rig_tcp_connect(&t, ECHO));
    for (unsigned i = 0; i < 3000; i++) {
        uint8_t byte = (uint8_t)i, got = (uint8_t)~i;
        assert_int_equal(rig_tcp_send(&t, &byte, 1), 1);
        assert_int_equal(rig_tcp_recv(&t, &got, 1, 1000), 1);
        assert_int_equal(got, byte);
    }
    rig_tcp_close(&t);
}

/* ---- the window is the ring ---------------------------------------------------------------- */

static void echo_window_is_the_ring_from_the_first_segment_on(void **state)
{
    struct rig_tcp t;

    (void)state;
    assert_true(rig_tcp_connect(&t, ECHO));
    assert_int_equal(t.guest_wnd, CONFIG_ECHO_RING);
    rig_tcp_close(&t);
}

static uint64_t echo_holds(void)
{
    return rig_stat(&echo_service, "rx_bytes") - rig_stat(&echo_service, "tx_bytes");
}

static void segments_beyond_the_window_do_not_overflow_the_ring(void **state)
{
    uint8_t *sent = small_noise(CONFIG_ECHO_RING);
    uint64_t before = echo_holds();
    const uint32_t room = WND_STEP + 1;
    struct rig_tcp t;

    (void)state;
    assert_true(rig_tcp_connect(&t, ECHO));
    small_stop_reading(&t, sent[0]);
    assert_int_equal(rig_tcp_send(&t, sent, CONFIG_ECHO_RING - room), CONFIG_ECHO_RING - room);
    /* Into the last bytes that it has room for, across their end, and behind it. */
    rig.impersonated = true;
    uint32_t seq = t.snd_nxt;
    rig_tcp_segment(&t, RIG_ACK, seq, t.rcv_nxt, sent, 1000);
    rig_tcp_segment(&t, RIG_ACK, seq + room - 1, t.rcv_nxt, sent, 1);
    rig_tcp_segment(&t, RIG_ACK, seq + room - 1, t.rcv_nxt, sent, 1000);
    rig_tcp_segment(&t, RIG_ACK, seq + room, t.rcv_nxt, sent, 1000);
    rig_tcp_segment(&t, RIG_ACK | RIG_FIN, seq - 500, t.rcv_nxt, sent, 1000);
    rig_pump();
    assert_int_equal(echo_holds() - before, CONFIG_ECHO_RING);
    assert_int_equal(rig_stat(&echo_service, "open"), 1);
    rig_tcp_abort(&t);
    rig_pump();
    assert_int_equal(rig_stat(&echo_service, "open"), 0);
    free(sent);
}

static void data_with_an_acknowledgement_does_not_open_the_window_twice(void **state)
{
    uint8_t *sent = small_noise(1460);
    uint32_t room = CONFIG_ECHO_RING;
    struct rig_tcp t;

    (void)state;
    assert_true(rig_tcp_connect(&t, ECHO));
    t.manual_ack = true;
    uint32_t first = t.rcv_nxt;
    for (; room >= 2 * 1460; room -= 1460) {
        t.snd_nxt += 1460;
        rig_tcp_segment(&t, RIG_ACK, t.snd_nxt - 1460, first, sent, 1460);
        rig_pump();
    }
    /* One segment takes most of the room and gives as much back. */
    t.snd_nxt += 1460;
    rig_tcp_segment(&t, RIG_ACK, t.snd_nxt - 1460, first + 1460, sent, 1460);
    rig_pump();
    assert_int_equal(t.snd_una, t.snd_nxt);
    assert_true(t.guest_wnd <= room);
    rig_tcp_abort(&t);
    free(sent);
}

static void client_that_was_stopped_is_told_at_once_that_there_is_room(void **state)
{
    const size_t n = 10 * CONFIG_ECHO_RING;
    uint8_t *sent = small_noise(n), *got = malloc(n);
    struct rig_tcp t;

    (void)state;
    assert_true(rig_tcp_connect(&t, ECHO));
    assert_int_equal(rig_tcp_send(&t, sent, n), n); /* the guest may send much at once now */
    assert_int_equal(rig_tcp_recv(&t, got, n, 1000), n);
    t.manual_ack = true;
    uint32_t first = t.rcv_nxt;
    for (uint32_t at = 1024; at < CONFIG_ECHO_RING; at += 1024) {
        t.snd_nxt += 1024;
        rig_tcp_segment(&t, RIG_ACK, t.snd_nxt - 1024, first, sent, 1024);
        rig_pump();
    }
    assert_int_equal(t.guest_wnd, 1024); /* less than a segment: the client waits */
    assert_int_equal(t.rx_len, CONFIG_ECHO_RING - 1024);
    rig_tcp_segment(&t, RIG_ACK, t.snd_nxt, t.rcv_nxt, NULL, 0);
    rig_pump();
    assert_int_equal(t.guest_wnd, CONFIG_ECHO_RING);
    rig_tcp_abort(&t);
    free(sent);
    free(got);
}

/* ---- clients that do not read -------------------------------------------------------------- */

static void read_again(struct rig_tcp *t)
{
    t->wnd = 1 << 20;
    rig_tcp_segment(t, RIG_ACK, t->snd_nxt, t->rcv_nxt, NULL, 0);
    rig_pump();
}

static void echo_to_a_client_that_does_not_read_stops_that_client_only(void **state)
{
    const size_t n = 8 * CONFIG_ECHO_RING;
    uint8_t *sent = small_noise(n), *got = malloc(n);
    struct rig_tcp slow, other;

    (void)state;
    assert_true(rig_tcp_connect(&slow, ECHO));
    small_stop_reading(&slow, sent[0]);
    size_t acked = 1 + rig_tcp_send(&slow, sent + 1, n - 1);
    assert_in_range(acked, CONFIG_ECHO_RING - WND_STEP, CONFIG_ECHO_RING);
    assert_int_equal(rig_pool_used("PBUF_POOL"), 0);

    assert_true(rig_tcp_connect(&other, ECHO));
    assert_int_equal(rig_tcp_send(&other, "hello", 5), 5);
    assert_int_equal(rig_tcp_recv(&other, got, 5, 1000), 5);
    rig_tcp_close(&other);

    /* It reads again: everything comes, in order. */
    read_again(&slow);
    assert_int_equal(rig_tcp_recv(&slow, got, acked, 10000), acked);
    assert_int_equal(rig_tcp_send(&slow, sent + acked, n - acked), n - acked);
    assert_int_equal(rig_tcp_recv(&slow, got + acked, n - acked, 10000), n - acked);
    assert_memory_equal(sent, got, n);
    rig_tcp_close(&slow);
    free(sent);
    free(got);
}

static void echo_of_what_is_left_after_a_half_close(void **state)
{
    const size_t n = CONFIG_ECHO_RING - WND_STEP;
    uint8_t *sent = small_noise(n), *got = malloc(n);
    struct rig_tcp t, other;

    (void)state;
    assert_true(rig_tcp_connect(&t, ECHO));
    small_stop_reading(&t, sent[0]);
    assert_int_equal(rig_tcp_send(&t, sent + 1, n - 1), n - 1);
    rig_tcp_fin(&t);
    assert_false(t.got_fin);
    /* Another client writes something else meanwhile. */
    assert_true(rig_tcp_connect(&other, ECHO));
    memset(got, 'x', n);
    assert_int_equal(rig_tcp_send(&other, got, n), n);
    assert_int_equal(rig_tcp_recv(&other, got, n, 10000), n);
    read_again(&t);
    assert_int_equal(rig_tcp_recv(&t, got, n, 10000), n);
    assert_memory_equal(sent, got, n);
    rig_advance_ms(10);
    assert_true(t.got_fin);
    rig_tcp_close(&t);
    rig_tcp_close(&other);
    free(sent);
    free(got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(echo_returns_every_byte),
        TEST(echo_returns_every_byte_over_ipv6),
        TEST(echo_of_single_bytes),
        TEST(echo_window_is_the_ring_from_the_first_segment_on),
        TEST(segments_beyond_the_window_do_not_overflow_the_ring),
        TEST(data_with_an_acknowledgement_does_not_open_the_window_twice),
        TEST(client_that_was_stopped_is_told_at_once_that_there_is_room),
        TEST(echo_to_a_client_that_does_not_read_stops_that_client_only),
        TEST(echo_of_what_is_left_after_a_half_close),
    };

    return cmocka_run_group_tests_name("echo", tests, rig_service_init, NULL);
}
