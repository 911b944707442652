// SPDX-License-Identifier: BSD-3-Clause
/*
 * What peers can do that lwIP 2.2.1 does not survive, and does with lwip-port/patches; each test
 * says which one. Patches of other kinds are tested where their subject is.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>
#include "hostile_guest.h"
#include "netrig.h"

/* ---- options and neighbours ---------------------------------------------------------------- */

/* 0001: the last byte of the header is the kind of an option. */
static void option_without_its_length_is_ignored(void **state)
{
    (void)state;
    static const uint8_t kinds[] = {2, 3, 4, 5, 8, 99};
    uint8_t frame[RIG_FRAME_MAX];

    for (unsigned i = 0; i < sizeof(kinds); i++) {
        uint8_t syn[24] = {0x77, (uint8_t)i, 0, 7, [12] = 0x60, 2, 16, [20] = 1, 1, 1, kinds[i]};

        rig_inject(frame, rig_build_ip(frame, false, 6, syn, sizeof(syn)));
        rig_pump();
    }
    rig_drop_frames();
    rig_advance_ms(25000);
    hostile_alive();
}

/* 0002: a link-layer address option of length zero, at the end of the packet. */
static void neighbour_option_of_no_length_is_refused(void **state)
{
    (void)state;
    static const uint8_t types[] = {135, 136, 137};

    for (unsigned i = 0; i < sizeof(types); i++) {
        uint8_t frame[RIG_FRAME_MAX], m[42] = {types[i]};
        const uint32_t n = types[i] == 137 ? 40 : 24;

        rig_build_ip(frame, true, 58, m, n);
        memcpy(m + 8, frame + 38, 16); /* our address, which a redirect's target may be as well */
        memcpy(m + 24, rig_peer_ip6, 16);
        m[4] = 0x20; /* override */
        m[n] = types[i] == 135 ? 1 : 2;
        m[n + 1] = 0;
        rig_inject(frame, rig_build_ip(frame, true, 58, m, n + 2));
        rig_pump();
    }
    rig_drop_frames();
    hostile_alive();
}

/* 0021: the peer is said to be reached through a neighbour that does not exist. */
static void redirect_to_nobody_is_forgotten(void **state)
{
    uint8_t frame[RIG_FRAME_MAX], m[40] = {137}, reply[8];

    (void)state;
    rig_udp_send(true, 30000, 7, "ping", 4); /* the answer's destination is known then */
    rig_advance_ms(10);
    assert_int_equal(rig_udp_recv(30000, reply, sizeof(reply)), 4);
    memcpy(m + 8, rig_peer_ip6, 16);
    m[8 + 15] ^= 0x80;
    memcpy(m + 24, rig_peer_ip6, 16);
    rig_inject(frame, rig_build_ip(frame, true, 58, m, sizeof(m)));
    rig_udp_send(true, 30000, 7, "ping", 4);
    rig_advance_ms(10);
    assert_int_equal(rig_udp_recv(30000, reply, sizeof(reply)), -1); /* it is followed */
    rig_drop_frames();
    hostile_alive();
}

/* What an address that nobody has makes us ask for: its segment for a closed port is refused. */
static void segment_from_nobody(unsigned host, bool v6)
{
    uint8_t frame[RIG_FRAME_MAX], syn[20] = {0x9c, 0x40, 0x03, 0xe7, [12] = 0x50, 2, 16};
    const uint32_t len = rig_build_ip(frame, v6, 6, syn, sizeof(syn));

    rig_set_host(frame, len, host);
    rig_inject(frame, len);
    rig_pump();
}

/* An ARP message to us from 10.2.(host): a question, or an answer to none of ours. */
static void arp_from_somebody(unsigned host, uint8_t operation)
{
    uint8_t frame[60] = {[12] = 8,  6,         0, 1,
                         8,         0,         6, 4,
                         0,         operation, 2, 0,
                         0,         0,         0, (uint8_t)host,
                         10,        0,         2, (uint8_t)host,
                         [38] = 10, 0,         2, 2};

    memcpy(frame, rig_guest_mac, 6);
    memcpy(frame + 6, frame + 22, 6);
    memcpy(frame + 32, rig_guest_mac, 6);
    rig_inject(frame, sizeof(frame));
    rig_pump();
}

/* 0027: the peer is not asked for again, which would have no answer. */
static void neighbour_outlives_questions_for_nobody(void **state)
{
    (void)state;
    for (unsigned v6 = 0; v6 < 2; v6++) {
        struct rig_tcp t;

        assert_true(v6 ? rig_tcp_connect6(&t, 7) : rig_tcp_connect(&t, 7));
        for (unsigned i = 0; i < 3 * CONFIG_NEIGHBORS; i++)
            segment_from_nobody(100 + i, v6);
        for (unsigned i = 0; i < 3 * CONFIG_NEIGHBORS; i++)
            arp_from_somebody(100 + i, (uint8_t)(1 + i % 2));
        rig_drop_frames();
        rig.arp_silent = true;
        assert_int_equal(rig_tcp_send(&t, "ping", 4), 4);
        rig_advance_ms(10);
        assert_int_equal(t.rx_len, 4);
        rig.arp_silent = false;
        rig_tcp_abort(&t);
    }
}

/* 0027: as long as there is no other place, a new neighbour has that of the oldest. */
static void new_neighbour_is_found_where_all_places_are_taken(void **state)
{
    (void)state;
    rig.hosts = 40 + CONFIG_NEIGHBORS;
    for (unsigned i = 40; i <= rig.hosts; i++) {
        struct rig_tcp t;

        rig_tcp_syn_from(&t, i, false, 7);
        rig_advance_ms(10);
        assert_true(t.established);
        rig_tcp_abort(&t);
    }
}

/* 0028: the table is full of stations that asked for us once; the peer was known before them all.
 */
static void neighbour_in_use_outlives_those_that_only_asked(void **state)
{
    struct rig_tcp t;

    (void)state;
    assert_true(rig_tcp_connect(&t, 7));
    rig_advance_ms(2000);
    for (unsigned i = 0; i < CONFIG_NEIGHBORS; i++)
        arp_from_somebody(50 + i, 1);
    assert_int_equal(rig_tcp_send(&t, "ping", 4), 4);
    rig_advance_ms(2000);
    for (unsigned i = 0; i < CONFIG_NEIGHBORS; i++)
        segment_from_nobody(100 + i, false);
    rig_drop_frames();
    rig.arp_silent = true;
    assert_int_equal(rig_tcp_send(&t, "pong", 4), 4);
    rig_advance_ms(10);
    assert_int_equal(t.rx_len, 8);
    rig_tcp_abort(&t);
}

/* How many frames answer so many datagrams, of both protocols in turn, to a port where nobody
 * listens. */
static uint64_t answers_of_nobody(unsigned count)
{
    const uint64_t before = rig.guest_frames;

    for (unsigned i = 0; i < count; i++) {
        rig_udp_send(i % 2 != 0, 30000, 4242, "anybody?", 8);
        rig_pump();
    }
    rig_drop_frames();
    return rig.guest_frames - before;
}

/* 0029: after a silence a hundred are answered at once, and then as many a second. */
static void errors_are_sent_at_a_bounded_rate(void **state)
{
    (void)state;
    answers_of_nobody(2); /* the peer's hardware address is known then */
    rig_advance_ms(5000);
    assert_int_equal(answers_of_nobody(300), 100);
    assert_int_equal(answers_of_nobody(2), 0);
    rig_advance_ms(100);
    assert_in_range(answers_of_nobody(300), 9, 11);
    hostile_alive();
}

/* 0003: a path MTU that leaves nothing for a segment. */
static void path_mtu_has_a_floor(void **state)
{
    (void)state;
    static uint8_t data[3000];
    uint8_t frame[RIG_FRAME_MAX], m[48] = {2};
    static const uint32_t mtus[] = {0, 1, 60, 61, 1279, 0xffffffff};

    for (unsigned i = 0; i < sizeof(mtus) / sizeof(mtus[0]); i++) {
        struct rig_tcp t;

        /* About a packet from us to the peer: its destination is in the cache after a ping. */
        rig_udp_send(true, 30000, 7, "ping", 4);
        rig_advance_ms(10);
        for (unsigned b = 0; b < 4; b++)
            m[4 + b] = (uint8_t)(mtus[i] >> (24 - 8 * b));
        m[8] = 0x60;
        memcpy(m + 8 + 24, rig_peer_ip6, 16);
        rig_inject(frame, rig_build_ip(frame, true, 58, m, sizeof(m)));
        rig_pump();
        assert_true(rig_tcp_connect6(&t, 7));
        assert_true(t.mss >= 1220 && t.mss <= 1440);
        assert_int_equal(rig_tcp_send(&t, data, sizeof(data)), sizeof(data));
        assert_int_equal(rig_tcp_recv(&t, data, sizeof(data), 2000), sizeof(data));
        rig_tcp_close(&t);
        rig_drop_frames();
    }
}

/* ---- segments ------------------------------------------------------------------------------ */

/* 0009: the MSS shrinks while data is queued. */
static void mss_option_after_the_handshake_is_ignored(void **state)
{
    (void)state;
    uint8_t data[4000] = {0}, frame[RIG_FRAME_MAX];
    struct rig_tcp t;

    assert_true(rig_tcp_connect(&t, 7));
    t.manual_ack = true;
    rig.impersonated = true;
    const uint32_t ack = t.rcv_nxt; /* never more */

    for (unsigned i = 0; i < 30; i++) { /* the reply to each is 200 bytes, and they add up */
        uint8_t s[24 + 200] = {(uint8_t)(t.lport >> 8),
                               (uint8_t)t.lport,
                               0,
                               7,
                               [12] = 0x60,
                               0x18,
                               1,
                               [20] = i < 5 ? 0 : 2,
                               4,
                               0,
                               100};

        for (unsigned b = 0; b < 4; b++) {
            s[4 + b] = (uint8_t)(t.snd_nxt >> (24 - 8 * b));
            s[8 + b] = (uint8_t)(ack >> (24 - 8 * b));
        }
        rig_inject(frame, rig_build_ip(frame, false, 6, s, sizeof(s)));
        t.snd_nxt += 200;
        rig_pump();
    }
    t.manual_ack = false;
    rig_tcp_segment(&t, RIG_ACK, t.snd_nxt, t.rcv_nxt, NULL, 0);
    assert_int_equal(rig_tcp_recv(&t, data, sizeof(data), 5000), sizeof(data));
    rig_tcp_abort(&t);
}

/* 0013: a segment that reaches beyond the window, with the hole before it filled afterwards. */
static void segment_across_the_edge_of_the_window_is_trimmed(void **state)
{
    (void)state;
    static uint8_t data[1460];
    struct rig_tcp t;

    hostile_listen_sinks();
    rig.peer_is_plain = true;   /* a window below the limit of out-of-order bytes */
    rig_tcp_from_port(2 << 14); /* where it is told to the last byte (lwip-port/port.c) */
    rig.impersonated = true;
    for (int fin = 0; fin < 2; fin++) {
        assert_true(rig_tcp_connect(&t, 9));
        const uint32_t first = t.snd_nxt, edge = first + t.guest_wnd;

        assert_true(t.guest_wnd > 2 * sizeof(data));
        rig_tcp_segment(&t, (uint8_t)(RIG_ACK | (fin ? RIG_FIN : 0)), edge - 100, t.rcv_nxt, data,
                        1460);
        for (uint32_t seq = first + 1; seq != edge - 100;) {
            const uint32_t n = edge - 100 - seq < 1460 ? edge - 100 - seq : 1460;

            rig_tcp_segment(&t, RIG_ACK, seq, t.rcv_nxt, data, n);
            seq += n;
        }
        rig_pump();
        t.snd_nxt = edge + 1360;
        rig_tcp_segment(&t, RIG_ACK, first, t.rcv_nxt, data, 1);
        rig_pump();
        assert_int_equal(t.snd_una, edge); /* what lies beyond it was not taken */
        assert_false(t.got_fin);
        rig_tcp_abort(&t);
    }
}

/* 0013: a FIN out of order, and then data that goes on behind it up to the edge of the window. */
static void data_behind_a_fin_does_not_exceed_the_window(void **state)
{
    (void)state;
    static uint8_t data[1460];
    struct rig_tcp t;

    hostile_listen_sinks();
    rig.impersonated = true;
    for (int in_order = 0; in_order < 2; in_order++) {
        assert_true(rig_tcp_connect(&t, 10)); /* which does not read */
        while (t.guest_wnd > 1000) {
            const uint32_t n = t.guest_wnd - 1000 < 1460 ? t.guest_wnd - 1000 : 1460;

            assert_int_equal(rig_tcp_send(&t, data, n), n);
        }
        const uint32_t first = t.snd_nxt, edge = first + t.guest_wnd;

        rig_tcp_segment(&t, RIG_ACK | RIG_FIN, first + 10, t.rcv_nxt, data, 1);
        if (in_order) {
            rig_tcp_segment(&t, RIG_ACK, first, t.rcv_nxt, data, edge - first);
        } else {
            rig_tcp_segment(&t, RIG_ACK, first + 1, t.rcv_nxt, data, edge - first - 1);
            rig_tcp_segment(&t, RIG_ACK, first, t.rcv_nxt, data, 1);
        }
        t.snd_nxt = edge + 1;
        rig_advance_ms(300); /* the acknowledgement may be delayed */
        assert_int_equal(t.snd_una, edge);
        rig_tcp_abort(&t);
    }
}

/* ---- windows ------------------------------------------------------------------------------- */

/* 0014: the window closes, the data is sent again in vain, then it is acknowledged after all. */
static void acknowledged_data_ends_the_persist_timer(void **state)
{
    (void)state;
    struct rig_tcp t;

    assert_true(rig_tcp_connect(&t, 7));
    t.manual_ack = true;
    const uint32_t ack = t.rcv_nxt;

    t.snd_nxt += 10;
    rig_tcp_segment(&t, RIG_ACK, t.snd_nxt - 10, ack, "ten bytes.", 10);
    rig_pump();
    assert_int_equal(t.rcv_nxt, ack + 10);
    t.wnd = 0;
    rig_tcp_segment(&t, RIG_ACK, t.snd_nxt, ack, NULL, 0);
    rig_advance_ms(5000);
    rig_tcp_segment(&t, RIG_ACK, t.snd_nxt, ack + 10, NULL, 0);
    rig_advance_ms(5000);
    t.wnd = 1000;
    t.manual_ack = false;
    rig_tcp_segment(&t, RIG_ACK, t.snd_nxt, ack + 10, NULL, 0);
    assert_int_equal(rig_tcp_send(&t, "more", 4), 4);
    rig_advance_ms(10);
    assert_int_equal(t.rx_len, 14);
    rig_tcp_abort(&t);
}

/* 0015: the first window that the peer opens is smaller than a segment that waits for it. */
static void first_window_smaller_than_what_waits(void **state)
{
    (void)state;
    static uint8_t data[1460];
    struct rig_tcp t;

    rig.peer_wnd = 0;
    assert_true(rig_tcp_connect(&t, 7));
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(rig_tcp_send(&t, data, 900), 900);
    t.wnd = 128;
    rig_tcp_segment(&t, RIG_ACK, t.snd_nxt, t.rcv_nxt, NULL, 0);
    rig_pump();
    assert_int_equal(rig_tcp_send(&t, data, 900), 900);
    t.wnd = 1 << 20;
    assert_int_equal(rig_tcp_recv(&t, data, 1460, 10000), 1460);
    rig_tcp_abort(&t);
}

/* 0016: the window reopens by more than 16 bits say while the link is down, so that the persist
 * timer, which only sending stops, ticks on. */
static void window_beyond_16_bits_that_reopens_while_the_link_is_down(void **state)
{
    (void)state;
    const uint32_t windows[] = {65536, 2 * 65536, 15 * 65536, 65536 + 32};
    struct rig_tcp t;

    for (unsigned i = 0; i < 4; i++) {
        assert_true(rig_tcp_connect(&t, 7));
        t.wnd = 0;
        t.snd_nxt += 10;
        rig_tcp_segment(&t, RIG_ACK, t.snd_nxt - 10, t.rcv_nxt, "ten bytes.", 10);
        rig_advance_ms(2000);
        assert_int_equal(t.rx_len, 0);
        rig.link_up = false;
        t.wnd = windows[i];
        rig_tcp_segment(&t, RIG_ACK, t.snd_nxt, t.rcv_nxt, NULL, 0);
        rig_advance_ms(20000);
        assert_int_equal(t.rx_len, 0);
        rig.link_up = true;
        rig_drop_frames();
        rig_advance_ms(60000);
        assert_int_equal(t.rx_len, 10);
        rig_tcp_abort(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_ECHO(option_without_its_length_is_ignored),
        ON_ECHO(neighbour_option_of_no_length_is_refused),
        ON_ECHO(redirect_to_nobody_is_forgotten),
        ON_ECHO(neighbour_outlives_questions_for_nobody),
        ON_ECHO(neighbour_in_use_outlives_those_that_only_asked),
        ON_ECHO(new_neighbour_is_found_where_all_places_are_taken),
        ON_ECHO(errors_are_sent_at_a_bounded_rate),
        ON_ECHO(path_mtu_has_a_floor),
        ON_ECHO(mss_option_after_the_handshake_is_ignored),
        ON_ECHO(segment_across_the_edge_of_the_window_is_trimmed),
        ON_ECHO(data_behind_a_fin_does_not_exceed_the_window),
        ON_ECHO(acknowledged_data_ends_the_persist_timer),
        ON_ECHO(first_window_smaller_than_what_waits),
        ON_ECHO(window_beyond_16_bits_that_reopens_while_the_link_is_down),
    };

    return cmocka_run_group_tests_name("lwip_patches", tests, NULL, NULL);
}
