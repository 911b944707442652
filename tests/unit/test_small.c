// SPDX-License-Identifier: BSD-3-Clause
/*
 * What echo, discard and chargen share over the real stack, places for connections and answers to
 * datagrams; and discard and chargen themselves. rig_teardown() checks after each test that every
 * pool is idle.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "small_client.h"

/* ---- connections --------------------------------------------------------------------------- */

/* A client of chargen acknowledges only when the test does: else neither side ever rests. */
static void chargen_connect(struct rig_tcp *t)
{
    rig_tcp_syn(t, false, CHARGEN);
    t->manual_ack = true;
    rig_pump();
    assert_true(t->established);
}

static void one_connection_too_many_is_refused_and_counted(void **state)
{
    static const uint16_t ports[] = {ECHO, DISCARD, CHARGEN};
    struct rig_tcp t[CONFIG_ECHO_CONN], more;

    (void)state;
    for (unsigned i = 0; i < CONFIG_ECHO_CONN; i++) {
        if (ports[i % 3] == CHARGEN)
            chargen_connect(&t[i]);
        else
            assert_true(rig_tcp_connect(&t[i], ports[i % 3]));
    }
    rig_is_turned_away(ECHO);
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
    uint64_t before = rig_stat(&echo_service, "timed_out");

    (void)state;
    assert_true(rig_tcp_connect(&t, ECHO));
    rig_advance_ms(CONFIG_IDLE_MS - 1000);
    assert_false(t.got_rst);
    rig_advance_ms(2000);
    assert_true(t.got_rst);
    rig_tcp_forget(&t);
    assert_int_equal(rig_stat(&echo_service, "timed_out"), before + 1);
    assert_int_equal(rig_stat(&echo_service, "open"), 0);
}

static void vanished_client_gives_its_place_back(void **state)
{
    uint8_t *sent = small_noise(CONFIG_ECHO_RING);
    struct rig_tcp t;

    (void)state;
    assert_true(rig_tcp_connect(&t, ECHO));
    small_stop_reading(&t, sent[0]);
    assert_int_equal(rig_tcp_send(&t, sent, CONFIG_ECHO_RING - WND_STEP),
                     CONFIG_ECHO_RING - WND_STEP);
    rig_tcp_forget(&t);
    chargen_connect(&t);
    rig_tcp_forget(&t);
    rig_advance_ms(CONFIG_IDLE_MS + 2000);
    assert_int_equal(rig_stat(&echo_service, "open"), 0);
    assert_int_equal(rig_stat(&chargen_service, "open"), 0);
    free(sent);
}

/* A client that was killed with both queues full, behind a host that goes on for it: it takes
 * nothing, and asks for room with a byte each minute, for which there is room. */
static void byte_now_and_then_is_no_sign_of_one_who_reads(void **state)
{
    struct rig_tcp t;

    (void)state;
    assert_true(rig_tcp_connect(&t, ECHO));
    small_stop_reading(&t, 'a');
    for (unsigned ms = 0; ms < CONFIG_IDLE_MS - 10000; ms += 10000) {
        rig_advance_ms(10000);
        assert_int_equal(rig_tcp_send(&t, "x", 1), 1);
    }
    assert_false(t.got_rst);
    rig_advance_ms(12000);
    assert_true(t.got_rst);
    rig_tcp_forget(&t);
    assert_int_equal(rig_stat(&echo_service, "open"), 0);
}

static void byte_now_and_then_is_enough_of_one_who_reads(void **state)
{
    const uint16_t ports[] = {ECHO, DISCARD};
    struct rig_tcp t;

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        assert_true(rig_tcp_connect(&t, ports[i]));
        for (unsigned ms = 0; ms < 2 * CONFIG_IDLE_MS; ms += CONFIG_IDLE_MS - 1000) {
            rig_advance_ms(CONFIG_IDLE_MS - 1000);
            assert_int_equal(rig_tcp_send(&t, "x", 1), 1);
        }
        assert_false(t.got_rst);
        rig_tcp_abort(&t);
    }
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
    assert_int_equal(rig_stat(&echo_service, "open"), 0);
    assert_int_equal(rig_pool_used("PBUF_POOL"), 0);
    assert_int_equal(rig_pool_used("TCP_SEG"), 0);
}

/* ---- discard and chargen ------------------------------------------------------------------- */

static void discard_takes_everything_and_says_nothing(void **state)
{
    const size_t n = 1 << 20;
    uint8_t *sent = small_noise(n);
    uint64_t before = rig_stat(&discard_service, "rx_bytes");
    struct rig_tcp t;

    (void)state;
    assert_true(rig_tcp_connect(&t, DISCARD));
    assert_int_equal(rig_tcp_send(&t, sent, n), n);
    assert_int_equal(rig_stat(&discard_service, "rx_bytes") - before, n);
    assert_int_equal(t.rx_len, 0);
    rig_tcp_close(&t);
    free(sent);
}

static void chargen_read(struct rig_tcp *t, char *to, size_t n)
{
    if (t->rx_len < n) {
        rig_tcp_segment(t, RIG_ACK, t->snd_nxt, t->rcv_nxt, NULL, 0);
        rig_pump();
    }
    assert_int_equal(rig_tcp_recv(t, to, n, 0), n);
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
    assert_int_equal(rig_stat(&chargen_service, "open"), 0);
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
    assert_int_equal(rig_stat(&chargen_service, "open"), 0);
}

/* ---- datagrams ----------------------------------------------------------------------------- */

static void udp_echo_returns_the_datagram(void **state)
{
    uint8_t *sent = small_noise(1472), got[2000];

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
    uint64_t datagrams = rig_stat(&echo_service, "rx_datagrams");
    rig_inject(frame, len);
    rig_pump();
    assert_int_equal(rig_stat(&echo_service, "rx_datagrams"), datagrams + 1);
    assert_int_equal(rig_udp_recv(40000, (char[8]){0}, 8), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_connection_too_many_is_refused_and_counted),
        TEST(silent_connection_gives_way_to_a_new_one),
        TEST(silent_connection_is_reset_in_the_end),
        TEST(vanished_client_gives_its_place_back),
        TEST(byte_now_and_then_is_no_sign_of_one_who_reads),
        TEST(byte_now_and_then_is_enough_of_one_who_reads),
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
    };

    return cmocka_run_group_tests_name("small", tests, rig_service_init, NULL);
}
