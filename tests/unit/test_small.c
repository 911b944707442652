// SPDX-License-Identifier: BSD-3-Clause
/*
 * Echo, discard and chargen over the real stack: what they promise to clients, and what clients
 * that are slow, rude or gone may cost. rig_teardown() checks after each test that every pool is
 * idle.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "app.h"
#include "conn.h"
#include "netrig.h"
#include "small.h"

#define ECHO    7
#define DISCARD 9
#define CHARGEN 19

static int setup(void **state)
{
    int r = rig_setup(state);

    assert_true(echo_service.start());
    assert_true(discard_service.start());
    assert_true(chargen_service.start());
    return r;
}

static int init_once(void **state)
{
    (void)state;
    conn_init();
    return 0;
}

/* One number of a service's statistics. */
static uint64_t stat_of(const struct service *s, const char *key)
{
    char text[1024], quoted[64];
    struct json j;

    json_init(&j, text, sizeof(text));
    json_object(&j, NULL);
    s->stats(&j);
    json_end_object(&j);
    assert_true(json_finish(&j) > 0);
    snprintf(quoted, sizeof(quoted), "\"%s\":", key);
    const char *at = strstr(text, quoted);
    assert_non_null(at);
    return strtoull(at + strlen(quoted), NULL, 10);
}

static uint8_t *noise(size_t n)
{
    uint8_t *p = malloc(n);

    assert_non_null(p);
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)((i * 2654435761u) >> 13);
    return p;
}

/* The client has no room any more, and says so with a byte that it sends: a window may shrink only
 * as the sequence number moves. */
static void stop_reading(struct rig_tcp *t, uint8_t byte)
{
    t->wnd = 0;
    assert_int_equal(rig_tcp_send(t, &byte, 1), 1);
}

static void read_again(struct rig_tcp *t)
{
    t->wnd = 1 << 20;
    rig_tcp_segment(t, RIG_ACK, t->snd_nxt, t->rcv_nxt, NULL, 0);
    rig_pump();
}

/* A client of chargen acknowledges only when the test does: else neither side ever rests. */
static void chargen_connect(struct rig_tcp *t)
{
    rig_tcp_syn(t, false, CHARGEN);
    t->manual_ack = true;
    rig_pump();
    assert_true(t->established);
}

static void chargen_read(struct rig_tcp *t, char *to, size_t n)
{
    if (t->rx_len < n) {
        rig_tcp_segment(t, RIG_ACK, t->snd_nxt, t->rcv_nxt, NULL, 0);
        rig_pump();
    }
    assert_int_equal(rig_tcp_recv(t, to, n, 0), n);
}

/* ---- echo ---------------------------------------------------------------------------------------
 */

static void echo_all(bool v6)
{
    const size_t n = 20 * CONFIG_ECHO_RING + 123;
    uint8_t *sent = noise(n), *got = malloc(n);
    struct rig_tcp t;

    assert_true(v6 ? rig_tcp_connect6(&t, ECHO) : rig_tcp_connect(&t, ECHO));
    assert_int_equal(rig_tcp_send(&t, sent, n), n);
    assert_int_equal(rig_tcp_recv(&t, got, n, 1000), n);
    assert_memory_equal(sent, got, n);
    rig_tcp_close(&t);
    assert_int_equal(stat_of(&echo_service, "open"), 0);
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

static void echo_window_is_the_ring_from_the_first_segment_on(void **state)
{
    struct rig_tcp t;

    (void)state;
    assert_true(rig_tcp_connect(&t, ECHO));
    assert_int_equal(t.guest_wnd, CONFIG_ECHO_RING);
    rig_tcp_close(&t);
}

static void echo_to_a_client_that_does_not_read_stops_that_client_only(void **state)
{
    const size_t n = 8 * CONFIG_ECHO_RING;
    uint8_t *sent = noise(n), *got = malloc(n);
    struct rig_tcp slow, other;

    (void)state;
    assert_true(rig_tcp_connect(&slow, ECHO));
    stop_reading(&slow, sent[0]);
    size_t acked = 1 + rig_tcp_send(&slow, sent + 1, n - 1);
    assert_in_range(acked, CONFIG_ECHO_RING - 8, CONFIG_ECHO_RING); /* announced in steps of 8 */
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
    const size_t n = CONFIG_ECHO_RING - 8;
    uint8_t *sent = noise(n), *got = malloc(n);
    struct rig_tcp t, other;

    (void)state;
    assert_true(rig_tcp_connect(&t, ECHO));
    stop_reading(&t, sent[0]);
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

static uint64_t echo_holds(void)
{
    return stat_of(&echo_service, "rx_bytes") - stat_of(&echo_service, "tx_bytes");
}

static void segments_beyond_the_window_do_not_overflow_the_ring(void **state)
{
    uint8_t *sent = noise(CONFIG_ECHO_RING);
    uint64_t before = echo_holds();
    struct rig_tcp t;

    (void)state;
    assert_true(rig_tcp_connect(&t, ECHO));
    stop_reading(&t, sent[0]);
    assert_int_equal(rig_tcp_send(&t, sent, CONFIG_ECHO_RING - 9), CONFIG_ECHO_RING - 9);
    /* Into the last bytes that it has room for, across their end, and behind it. */
    rig.impersonated = true;
    uint32_t seq = t.snd_nxt;
    rig_tcp_segment(&t, RIG_ACK, seq, t.rcv_nxt, sent, 1000);
    rig_tcp_segment(&t, RIG_ACK, seq + 8, t.rcv_nxt, sent, 1);
    rig_tcp_segment(&t, RIG_ACK, seq + 8, t.rcv_nxt, sent, 1000);
    rig_tcp_segment(&t, RIG_ACK, seq + 9, t.rcv_nxt, sent, 1000);
    rig_tcp_segment(&t, RIG_ACK | RIG_FIN, seq - 500, t.rcv_nxt, sent, 1000);
    rig_pump();
    assert_int_equal(echo_holds() - before, CONFIG_ECHO_RING);
    assert_int_equal(stat_of(&echo_service, "open"), 1);
    rig_tcp_abort(&t);
    rig_pump();
    assert_int_equal(stat_of(&echo_service, "open"), 0);
    free(sent);
}

static void data_with_an_acknowledgement_does_not_open_the_window_twice(void **state)
{
    uint8_t *sent = noise(1460);
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
    uint8_t *sent = noise(n), *got = malloc(n);
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

/* ---- connections --------------------------------------------------------------------------------
 */

static void one_connection_too_many_is_refused_and_counted(void **state)
{
    static const uint16_t ports[] = {ECHO, DISCARD, CHARGEN};
    struct rig_tcp t[CONFIG_ECHO_CONN], more;
    uint64_t before = apps_refusals();

    (void)state;
    for (unsigned i = 0; i < CONFIG_ECHO_CONN; i++) {
        if (ports[i % 3] == CHARGEN)
            chargen_connect(&t[i]);
        else
            assert_true(rig_tcp_connect(&t[i], ports[i % 3]));
    }
    rig_tcp_connect(&more, ECHO);
    rig_pump();
    assert_true(more.got_rst);
    rig_tcp_forget(&more);
    assert_int_equal(apps_refusals(), before + 1);
    assert_non_null(strstr(rig_record("refused"), "\"what\":\"connection\""));

    rig_tcp_abort(&t[0]);
    rig_pump();
    assert_true(rig_tcp_connect(&more, ECHO));
    assert_int_equal(rig_tcp_send(&more, "x", 1), 1);
    rig_tcp_close(&more);
    for (unsigned i = 1; i < CONFIG_ECHO_CONN; i++)
        rig_tcp_abort(&t[i]);
}

/* Clients that vanished, for whom nobody else is kept waiting. */
static void silent_connection_gives_way_to_a_new_one(void **state)
{
    struct rig_tcp t[CONFIG_ECHO_CONN], more;
    uint64_t before = apps_refusals();

    (void)state;
    for (unsigned i = 0; i < CONFIG_ECHO_CONN; i++) {
        assert_true(rig_tcp_connect(&t[i], ECHO));
        rig_advance_ms(1);
    }
    rig_advance_ms(5000);
    assert_int_equal(rig_tcp_send(&t[0], "x", 1), 1);
    rig_advance_ms(5000);
    assert_true(rig_tcp_connect(&more, ECHO));
    assert_int_equal(rig_tcp_send(&more, "x", 1), 1);
    assert_int_equal(apps_refusals(), before + 1);
    assert_non_null(strstr(rig_record("refused"), "silent"));
    assert_false(t[0].got_rst);
    assert_true(t[1].got_rst); /* the one silent for longest */
    assert_false(t[2].got_rst);
    rig_tcp_close(&more);
    for (unsigned i = 0; i < CONFIG_ECHO_CONN; i++)
        rig_tcp_abort(&t[i]);
}

static void silent_connection_is_reset_in_the_end(void **state)
{
    struct rig_tcp t;
    uint64_t before = stat_of(&echo_service, "timed_out");

    (void)state;
    assert_true(rig_tcp_connect(&t, ECHO));
    rig_advance_ms(CONFIG_IDLE_MS - 1000);
    assert_false(t.got_rst);
    rig_advance_ms(2000);
    assert_true(t.got_rst);
    rig_tcp_forget(&t);
    assert_int_equal(stat_of(&echo_service, "timed_out"), before + 1);
    assert_int_equal(stat_of(&echo_service, "open"), 0);
}

static void vanished_client_gives_its_place_back(void **state)
{
    uint8_t *sent = noise(CONFIG_ECHO_RING);
    struct rig_tcp t;

    (void)state;
    assert_true(rig_tcp_connect(&t, ECHO));
    stop_reading(&t, sent[0]);
    assert_int_equal(rig_tcp_send(&t, sent, CONFIG_ECHO_RING - 9), CONFIG_ECHO_RING - 9);
    rig_tcp_forget(&t);
    chargen_connect(&t);
    rig_tcp_forget(&t);
    rig_advance_ms(CONFIG_IDLE_MS + 2000);
    assert_int_equal(stat_of(&echo_service, "open"), 0);
    assert_int_equal(stat_of(&chargen_service, "open"), 0);
    free(sent);
}

static void thousand_connections_leave_nothing_behind(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        struct rig_tcp t;
        char got[8];
        assert_true(rig_tcp_connect(&t, ECHO));
        assert_int_equal(rig_tcp_send(&t, "12345678", 8), 8);
        assert_int_equal(rig_tcp_recv(&t, got, 8, 1000), 8);
        rig_tcp_close(&t);
    }
    assert_int_equal(stat_of(&echo_service, "open"), 0);
    assert_int_equal(rig_pool_used("PBUF_POOL"), 0);
    assert_int_equal(rig_pool_used("TCP_SEG"), 0);
}

/* ---- discard and chargen ------------------------------------------------------------------------
 */

static void discard_takes_everything_and_says_nothing(void **state)
{
    const size_t n = 1 << 20;
    uint8_t *sent = noise(n);
    uint64_t before = stat_of(&discard_service, "rx_bytes");
    struct rig_tcp t;

    (void)state;
    assert_true(rig_tcp_connect(&t, DISCARD));
    assert_int_equal(rig_tcp_send(&t, sent, n), n);
    assert_int_equal(stat_of(&discard_service, "rx_bytes") - before, n);
    assert_int_equal(t.rx_len, 0);
    rig_tcp_close(&t);
    free(sent);
}

static void chargen_lines_start_one_character_further_each(void **state)
{
    struct rig_tcp t;
    char line[75] = {0}, want[75] = {0};

    (void)state;
    chargen_connect(&t);
    for (unsigned k = 0; k < 300; k++) {
        for (unsigned i = 0; i < 72; i++)
            want[i] = (char)(' ' + (k + i) % 95);
        want[72] = '\r';
        want[73] = '\n';
        chargen_read(&t, line, 74);
        assert_string_equal(line, want);
    }
    assert_int_equal(rig_tcp_send(&t, "ignored", 7), 7);
    rig_tcp_abort(&t);
    rig_pump();
    assert_int_equal(stat_of(&chargen_service, "open"), 0);
}

static void chargen_ends_with_the_client(void **state)
{
    struct rig_tcp t;
    char line[74];

    (void)state;
    chargen_connect(&t);
    chargen_read(&t, line, 74);
    t.manual_ack = false;
    rig_tcp_close(&t);
    assert_int_equal(stat_of(&chargen_service, "open"), 0);
}

/* ---- datagrams ----------------------------------------------------------------------------------
 */

static void udp_echo_returns_the_datagram(void **state)
{
    uint8_t *sent = noise(1472), got[2000];

    (void)state;
    for (unsigned v6 = 0; v6 < 2; v6++) {
        const uint32_t sizes[] = {0, 1, 511, 1452};
        for (unsigned i = 0; i < 4; i++) {
            rig_udp_send(v6, 40000, ECHO, sent, sizes[i]);
            rig_pump();
            assert_int_equal(rig_udp_recv(40000, got, sizeof(got)), sizes[i]);
            assert_memory_equal(got, sent, sizes[i]);
        }
    }
    free(sent);
}

static void udp_discard_says_nothing(void **state)
{
    (void)state;
    rig_udp_send(false, 40000, DISCARD, "x", 1);
    rig_pump();
    assert_int_equal(rig_udp_recv(40000, (char[8]){0}, 8), -1);
}

static void udp_chargen_answers_with_up_to_512_characters(void **state)
{
    char got[600];

    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        rig_udp_send(false, 40000, CHARGEN, "", 0);
        rig_pump();
        int n = rig_udp_recv(40000, got, sizeof(got));
        assert_in_range(n, 0, 512);
        for (int k = 0; k < n; k++)
            assert_true((got[k] >= ' ' && got[k] <= '~') || got[k] == '\r' || got[k] == '\n');
    }
}

static void udp_chargen_is_no_amplifier(void **state)
{
    unsigned answers = 0;
    uint64_t before = apps_refusals();

    (void)state;
    rig_advance_ms(1000);
    for (unsigned i = 0; i < 3000; i++) {
        rig_udp_send(false, 40000, CHARGEN, "x", 1);
        rig_pump();
        answers += rig_udp_recv(40000, (char[600]){0}, 600) >= 0;
    }
    assert_int_equal(answers, 1000);
    assert_int_equal(apps_refusals() - before, 2000);
    rig_advance_ms(1000);
    rig_udp_send(false, 40000, CHARGEN, "x", 1);
    rig_pump();
    assert_true(rig_udp_recv(40000, (char[600]){0}, 600) >= 0);
}

static void servers_are_never_answered(void **state)
{
    const uint16_t servers[] = {1, 7, 13, 17, 19, 37, 53, 69, 123, 1023};
    uint64_t before = apps_refusals();

    (void)state;
    for (unsigned i = 0; i < 10; i++) {
        rig_udp_send(false, servers[i], ECHO, "x", 1);
        rig_udp_send(false, servers[i], CHARGEN, "x", 1);
        rig_pump();
        assert_int_equal(rig_udp_recv(servers[i], (char[8]){0}, 8), -1);
    }
    assert_int_equal(apps_refusals() - before, 20);
}

static void groups_are_never_answered(void **state)
{
    static const uint8_t broadcasts[][4] = {{255, 255, 255, 255}, {10, 0, 2, 255}};
    uint8_t frame[200];

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        uint32_t len = rig_build_udp(frame, false, 40000, ECHO, "hello", 5);
        memset(frame, 0xff, 6);
        memcpy(frame + 14 + 16, broadcasts[i], 4);
        rig_fix_ip(frame);
        rig_fix_l4(frame, len);
        rig_inject(frame, len);
        rig_pump();
        assert_int_equal(rig_udp_recv(40000, (char[8]){0}, 8), -1);
    }
    /* ff02::1, which every node has joined. */
    uint32_t len = rig_build_udp(frame, true, 40000, ECHO, "hello", 5);
    const uint8_t all_mac[6] = {0x33, 0x33, 0, 0, 0, 1}, all_ip[16] = {0xff, 2, [15] = 1};
    memcpy(frame, all_mac, 6);
    memcpy(frame + 14 + 24, all_ip, 16);
    rig_fix_l4(frame, len);
    uint64_t datagrams = stat_of(&echo_service, "rx_datagrams");
    rig_inject(frame, len);
    rig_pump();
    assert_int_equal(stat_of(&echo_service, "rx_datagrams"), datagrams + 1);
    assert_int_equal(rig_udp_recv(40000, (char[8]){0}, 8), -1);
}

static void records_of_refusals_are_few_and_their_count_exact(void **state)
{
    uint64_t before = apps_refusals();
    char text[4096];
    struct json j;

    (void)state;
    rig_advance_ms(2000);
    unsigned records = rig_record_count("refused");
    for (unsigned i = 0; i < 50; i++)
        apps_refused("test", "because");
    assert_int_equal(apps_refusals() - before, 50);
    assert_int_equal(rig_record_count("refused") - records, 10);
    rig_advance_ms(1001);
    apps_refused("test", "because");
    assert_int_equal(rig_record_count("refused") - records, 11);
    assert_non_null(strstr(rig_record("refused"), "\"count\":51"));

    json_init(&j, text, sizeof(text));
    json_array(&j, NULL);
    apps_json_refusals(&j);
    json_end_array(&j);
    assert_true(json_finish(&j) > 0);
    assert_non_null(strstr(text, "{\"what\":\"test\",\"reason\":\"because\",\"count\":51}"));
}

static void more_kinds_of_refusals_than_expected_are_counted_together(void **state)
{
    static char reasons[CONFIG_REFUSAL_KINDS + 5][8];
    static char text[8192];
    uint64_t before = apps_refusals();
    struct json j;

    (void)state;
    for (unsigned i = 0; i < CONFIG_REFUSAL_KINDS + 5; i++) {
        snprintf(reasons[i], sizeof(reasons[i]), "r%u", i);
        apps_refused("many", reasons[i]);
    }
    assert_int_equal(apps_refusals() - before, CONFIG_REFUSAL_KINDS + 5);
    json_init(&j, text, sizeof(text));
    json_array(&j, NULL);
    apps_json_refusals(&j);
    json_end_array(&j);
    assert_true(json_finish(&j) > 0);
    assert_non_null(strstr(text, "{\"what\":\"other\",\"reason\":\"other\""));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, rig_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(echo_returns_every_byte),
        TEST(echo_returns_every_byte_over_ipv6),
        TEST(echo_of_single_bytes),
        TEST(echo_window_is_the_ring_from_the_first_segment_on),
        TEST(echo_to_a_client_that_does_not_read_stops_that_client_only),
        TEST(echo_of_what_is_left_after_a_half_close),
        TEST(segments_beyond_the_window_do_not_overflow_the_ring),
        TEST(data_with_an_acknowledgement_does_not_open_the_window_twice),
        TEST(client_that_was_stopped_is_told_at_once_that_there_is_room),
        TEST(one_connection_too_many_is_refused_and_counted),
        TEST(silent_connection_gives_way_to_a_new_one),
        TEST(silent_connection_is_reset_in_the_end),
        TEST(vanished_client_gives_its_place_back),
        TEST(thousand_connections_leave_nothing_behind),
        TEST(discard_takes_everything_and_says_nothing),
        TEST(chargen_lines_start_one_character_further_each),
        TEST(chargen_ends_with_the_client),
        TEST(udp_echo_returns_the_datagram),
        TEST(udp_discard_says_nothing),
        TEST(udp_chargen_answers_with_up_to_512_characters),
        TEST(udp_chargen_is_no_amplifier),
        TEST(servers_are_never_answered),
        TEST(groups_are_never_answered),
        TEST(records_of_refusals_are_few_and_their_count_exact),
        TEST(more_kinds_of_refusals_than_expected_are_counted_together),
    };
    return cmocka_run_group_tests_name("small", tests, init_once, NULL);
}
