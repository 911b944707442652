// SPDX-License-Identifier: BSD-3-Clause
/*
 * Large TCP segments on a network that loses them, brings them in another order or becomes narrower
 * (segments_rig.h): nothing waits for ever, what is sent again is no more than was lost, and what
 * comes is right.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "lwip/priv/tcp_priv.h"
#include "netrig_priv.h"
#include "segments_rig.h"

static void loss_and_disorder_cost_time_and_nothing_else(void **state)
{
    static const struct {
        unsigned loss, swaps;
        uint32_t window, bytes;
    } cases[] = {{100, 0, 1 << 20, 1000000}, {20, 0, 1 << 20, 300000}, {5, 0, 1 << 20, 60000},
                 {0, 50, 1 << 20, 1000000},  {0, 3, 1 << 20, 100000},  {50, 20, 1 << 20, 500000},
                 {20, 10, 20000, 200000},    {10, 10, 4000, 60000},    {10, 5, 1460, 30000}};

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        for (int ip6 = 0; ip6 < 2; ip6++) {
            seg_setup(NULL);
            rig.peer_wnd = cases[i].window;
            seg_ask(cases[i].bytes, ip6);
            seg_net.loss = cases[i].loss;
            seg_net.swaps = cases[i].swaps;
            seg_take(cases[i].bytes, cases[i].window < 65536 ? cases[i].window / 2 : 65536, 30000);
            seg_end();
        }
}

/* A buffer on the way that takes three segments and drops the rest of each burst. Sent again whole,
 * a large segment would lose the same bytes for ever. */
static void short_buffer_on_the_way_lets_some_through(void **state)
{
    (void)state;
    for (unsigned n = 1; n <= 4; n++) {
        seg_setup(NULL);
        seg_ask(2000000, false);
        seg_take(300000, 65536, 1000); /* the segments have become large */
        seg_net.burst = n;
        seg_take(50000, 65536, 120000);
        seg_net.burst = 0;
        seg_take(100000, 65536, 120000);
        seg_break_off();
    }
}

/* All is lost for a while. */
static void silence_is_outlived(void **state)
{
    (void)state;
    seg_ask(2000000, false);
    seg_take(1000000, 65536, 1000);
    seg_net.loss = 1;
    rig_advance_ms(3000);
    seg_net.loss = 0;
    seg_take(1000000, 65536, 10000);
    seg_end();
}

/* In the middle of a download all is lost from now on. The peer has read what had come, and has not
 * said so yet: what its next acknowledgement lets go is lost. */
static void lose_all_from_the_middle_on(void)
{
    rig.peer_wnd = 300000;
    seg_ask(3000000, false);
    seg_take(1000000, 65536, 1000);
    seg_net.loss = 1;
    seg_take(200000, 200000, 1000);
}

/* Three times the same acknowledgement: one segment is lost, so one is sent again, however large
 * was what it is a part of; and the next, and so on. */
static void fast_retransmission_is_of_one_segment(void **state)
{
    (void)state;
    lose_all_from_the_middle_on();
    rig_pump(); /* what this lets go is lost */
    seg_net.loss = 0;
    seg_net.burst = 1;
    const uint32_t lost_end = tcp_active_pcbs->snd_nxt, lost = lost_end - seg_peer.rcv_nxt;
    unsigned rounds = 0;

    /* towards the end of what was lost acknowledgements let new segments go, too */
    for (; rounds < 60 && lost_end - seg_peer.rcv_nxt > lost / 3; rounds++) {
        rig_advance_ms(1);
        const uint64_t before = seg_net.segments;

        for (unsigned i = 0; i < 3; i++)
            seg_say(seg_peer.rcv_nxt);
        rig_pump();
        assert_int_equal(seg_net.segments, before + 1);
    }
    assert_true(rounds > 20);
    seg_net.burst = 0;
    seg_take(1000000, 65536, 5000);
    seg_end();
}

static uint32_t told; /* window */

/* The same acknowledgement again, with some more window each time, and the first bytes of a block
 * of what has come; begin == end: without one. */
static void say_again(unsigned times, uint32_t begin, uint32_t end_of_it)
{
    while (times-- > 0) {
        uint8_t tcp[32] = {0}, frame[RIG_FRAME_MAX];

        rig_put16(tcp, seg_peer.lport);
        rig_put16(tcp + 2, seg_peer.rport);
        rig_put32(tcp + 4, seg_peer.snd_nxt);
        rig_put32(tcp + 8, seg_peer.rcv_nxt);
        tcp[12] = 8 << 4;
        tcp[13] = RIG_ACK;
        rig_put16(tcp + 14, ++told);
        rig_put32(tcp + 20, begin == end_of_it ? 0x01010101 : 0x0101050a);
        rig_put32(tcp + 24, begin == end_of_it ? 0x01010101 : begin);
        rig_put32(tcp + 28, begin == end_of_it ? 0x01010101 : end_of_it);
        rig_inject(frame, rig_build_ip(frame, false, 6, tcp, sizeof(tcp)));
    }
    rig_pump();
}

/* 0025: what says that data came behind a hole is a duplicate, whatever window it tells. What says
 * only that, or that a copy came, is none. */
static void duplicates_may_tell_new_windows(void **state)
{
    (void)state;
    lose_all_from_the_middle_on();
    told = rig.peer_wnd >> 7;
    say_again(1, 0, 0); /* what this lets go is lost */
    seg_net.loss = 0;
    seg_net.burst = 1;
    rig_advance_ms(1);
    const uint64_t before = seg_net.segments;

    say_again(5, 0, 0);
    say_again(5, seg_peer.rcv_nxt - 5000, seg_peer.rcv_nxt);
    assert_int_equal(seg_net.segments, before);
    say_again(2, seg_peer.rcv_nxt + 1460, seg_peer.rcv_nxt + 2920);
    assert_int_equal(seg_net.segments, before);
    say_again(1, seg_peer.rcv_nxt + 1460, seg_peer.rcv_nxt + 4380);
    assert_int_equal(seg_net.segments, before + 1);
    seg_net.burst = 0;
    seg_take(1000000, 65536, 5000);
    seg_end();
}

/* A fast retransmission that finds no room in the ring until the time-out. */
static void time_out_after_a_fast_retransmission_keeps_the_order(void **state)
{
    (void)state;
    lose_all_from_the_middle_on();
    rig_pump();
    rig.tx_stuck = true;
    for (unsigned i = 0; i < 2 * CONFIG_TX_RING; i++) /* answers fill the ring */
        rig_udp_send(false, 9999, 9, "x", 1);
    rig_pump();
    for (unsigned i = 0; i < 3; i++)
        seg_say(seg_peer.rcv_nxt);
    rig_advance_ms(1000);
    rig.tx_stuck = false;
    seg_net.loss = 0;
    seg_take(1000000, 65536, 5000);
    seg_end();
}

/* What a router says about a packet to the peer that the next link does not carry [RFC 4443, 3.2].
 */
static void say_too_big(uint32_t mtu)
{
    uint8_t frame[RIG_FRAME_MAX], m[48] = {2};

    m[6] = (uint8_t)(mtu >> 8);
    m[7] = (uint8_t)mtu;
    m[8] = 0x60;
    memcpy(m + 8 + 24, rig_peer_ip6, 16);
    rig_inject(frame, rig_build_ip(frame, true, 58, m, sizeof(m)));
}

/* The path becomes narrower in the middle: what was written for the old one is cut anew. */
static void path_that_becomes_narrower_costs_one_time_out(void **state)
{
    (void)state;
    for (int cuts = 0; cuts < 2; cuts++) {
        seg_setup(NULL);
        rig.tx_cuts = cuts;
        seg_ask(5000000, true);
        seg_take(1000000, 65536, 1000);
        seg_net.narrow = 14 + 1280;
        seg_take(seg_peer.rx_len, 65536, 0); /* makes room for more */
        rig_pump();
        assert_true(seg_net.too_long);
        say_too_big(1280);
        assert_in_range(seg_take(1000000, 65536, 4000), 1, 4000);
        seg_net.largest = 0;
        seg_take(seg_left(), 65536, 1000);
        assert_int_equal(seg_net.largest, 1280 - 60);
        seg_end();
    }
}

/* Again and again, until the queue is as long as it may be and begins with what was large. */
static void time_outs_in_a_row_are_outlived(void **state)
{
    (void)state;
    seg_ask(20000000, false);
    seg_take(1000000, 65536, 1000);
    for (unsigned i = 0; i < 100; i++) {
        seg_net.burst = 1 + seg_roll() % 30;
        seg_take(1 + seg_roll() % 40000, 40000, 30000);
        seg_net.loss = 1;
        rig_advance_ms(seg_roll() % 1000);
        seg_net.loss = 0;
    }
    seg_net.burst = 0;
    seg_take(1000000, 65536, 30000);
    seg_break_off();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(loss_and_disorder_cost_time_and_nothing_else),
        TEST(short_buffer_on_the_way_lets_some_through),
        TEST(silence_is_outlived),
        TEST(fast_retransmission_is_of_one_segment),
        TEST(duplicates_may_tell_new_windows),
        TEST(time_out_after_a_fast_retransmission_keeps_the_order),
        TEST(path_that_becomes_narrower_costs_one_time_out),
        TEST(time_outs_in_a_row_are_outlived),
    };
    return cmocka_run_group_tests_name("segments_lost", tests, seg_init, NULL);
}
