// SPDX-License-Identifier: BSD-3-Clause
/*
 * TCP segments larger than the MSS, through the real stack and the HTTP service to a peer on a
 * network that loses nothing (segments_rig.h): what is handed to the device whole, what is cut
 * here, and that nothing is larger than the peer allows, waits for a timer while there is a window
 * for it, or depends on what the device could do a moment ago. What is lost is the subject of
 * test_segments_lost.c.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "lwip/etharp.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/stats.h"
#include "segments_rig.h"

/* ---- who cuts, and to what size ---------------------------------------------------------------
 */

static void device_gets_large_segments_and_the_wire_small_ones(void **state)
{
    (void)state;
    for (int ip6 = 0; ip6 < 2; ip6++) {
        seg_setup(NULL);
        seg_net.limit = ip6 ? 1440 : 1460;
        seg_ask(4000000, ip6);
        assert_true(seg_take(4000000, 65536, 1000) < 100);
        assert_int_equal(seg_net.largest, seg_net.limit);
        /* At first as many as the congestion window has room for, then as large as can be. */
        assert_true(rig.tx_cut > 0 && rig.tx_cut < seg_net.segments / (CONFIG_TCP_CUT / 1460 / 3));
        seg_end();
    }
}

static void device_that_does_not_cut_gets_none(void **state)
{
    (void)state;
    for (int csum = 0; csum < 2; csum++) {
        seg_setup(NULL);
        rig.tx_cuts = false;
        rig.tx_csum = csum;
        const uint64_t before = lwip_stats.tcp.xmit;
        seg_ask(1000000, false);
        assert_true(seg_take(1000000, 65536, 1000) < 100);
        assert_int_equal(rig.tx_cut, 0);
        assert_int_equal(seg_net.largest, 1460);
        assert_true(lwip_stats.tcp.xmit - before <
                    seg_net.segments / 4); /* the stack's own are large */
        seg_end();
    }
}

/* And never more at once than the ring has room for: nothing has to be sent again. */
static void segments_cut_here_fit_the_ring(void **state)
{
    static const unsigned rings[] = {
        1, 2, 7, 8, 9, 16, 50, 100, CONFIG_TX_RING - CONFIG_TX_RESERVE};

    (void)state;
    for (unsigned i = 0; i < sizeof(rings) / sizeof(rings[0]); i++) {
        seg_setup(NULL);
        rig.tx_cuts = false;
        rig.tx_ring = rings[i] + CONFIG_TX_RESERVE;
        seg_ask(1000000, false);
        seg_take(1000000, 65536, 1000);
        assert_true(seg_net.segments < 1000000 / 1460 * 51 / 50);
        seg_end();
    }
}

/* Whatever the peer's segments and windows are. */
static void every_mss_and_window_is_kept(void **state)
{
    static const uint32_t msss[] = {536, 537, 1000, 1459, 88};
    static const uint32_t windows[] = {1 << 20, 65535, 30000, 8192, 3001, 1500, 700, 300};

    (void)state;
    for (unsigned m = 0; m < sizeof(msss) / sizeof(msss[0]); m++)
        for (unsigned w = 0; w < sizeof(windows) / sizeof(windows[0]); w++) {
            seg_setup(NULL);
            rig.peer_mss = seg_net.limit = msss[m];
            rig.peer_wnd = windows[w];
            const uint32_t bytes = windows[w] < 8192 ? 20000 : 500000;
            seg_ask(bytes, m % 2);
            seg_take(bytes, windows[w] < 65536 ? windows[w] / 2 + 1 : 65536, 1000);
            if (windows[w] >= 30000)
                assert_true(rig.tx_cut > 0);
            seg_end();
        }
}

/* A peer that asks for segments of next to nothing gets them one by one. */
static void tiny_mss_is_not_cut_to(void **state)
{
    static const uint32_t msss[] = {1, 2, 63, 64};

    (void)state;
    for (unsigned m = 0; m < sizeof(msss) / sizeof(msss[0]); m++) {
        seg_setup(NULL);
        rig.peer_mss = seg_net.limit = msss[m];
        seg_ask(3000, false);
        seg_take(3000, 65536, 1000);
        assert_int_equal(rig.tx_cut > 0, msss[m] >= 64);
        seg_end();
    }
}

static void plain_peer_of_old_is_served(void **state)
{
    (void)state;
    rig.peer_is_plain = true;
    seg_net.limit = 536;
    rig.peer_wnd = 65535;
    seg_ask(1000000, false);
    assert_true(seg_take(1000000, 30000, 1000) < 100);
    assert_true(rig.tx_cut > 30);
    seg_end();
}

static void small_mtu_is_kept(void **state)
{
    (void)state;
    rig.mtu = 576;
    seg_net.limit = 536;
    seg_ask(1000000, false);
    assert_true(seg_take(1000000, 65536, 1000) < 100);
    assert_true(rig.tx_cut > 0);
    seg_end();
}

/* ---- windows ------------------------------------------------------------------------------- */

/* A reader that stops, and then reads a little or a lot: segments were cut for a window of which
 * only a part is open. What fits goes out at once, and not when some timer says so. */
static void window_that_opens_in_part_is_used_at_once(void **state)
{
    static const uint32_t reads[] = {60000, 1460, 2000, 30000, 1, 1459, 1460, 5000, 64000, 100};

    (void)state;
    rig.peer_wnd = 65000;
    seg_ask(3000000, false);
    seg_take(1000000, 30000, 1000);
    for (unsigned i = 0; i < 50; i++) {
        rig_advance_ms(i % 3 * 100); /* it fills up */
        seg_take(reads[i % (sizeof(reads) / sizeof(reads[0]))], 65536, 0);
        rig_pump();
        assert_true(seg_peer.wnd - seg_peer.rx_len <
                    1460 + 128); /* the window is told in steps of 128 */
    }
    seg_take(seg_left(), 30000, 1000);
    seg_end();
}

/* Of a window that has become smaller than two segments half is used as soon as it is there, not
 * only all of it: whoever acknowledges every second segment would let the last one wait. */
static void half_of_a_window_is_not_left_unused(void **state)
{
    (void)state;
    rig.peer_wnd = 65000;
    seg_ask(3000000, false);
    seg_take(1000000, 30000, 1000);
    seg_peer.manual_ack = true;
    uint32_t acked = seg_peer.rcv_nxt;

    seg_take(40000, 40000, 0);
    seg_say(acked);
    rig_pump();
    assert_in_range(seg_peer.rcv_nxt - acked, 20000, 40000);
    seg_take(seg_peer.rcv_nxt - acked, 40000, 0);
    const uint64_t before = seg_net.segments;

    acked = seg_peer.rcv_nxt - 12 * 1460;
    seg_say(acked);
    rig_pump();
    assert_in_range(seg_net.segments - before, 14, 27);
    seg_peer.manual_ack = false;
    seg_say(seg_peer.rcv_nxt);
    seg_take(1000000, 30000, 1000);
    seg_end();
}

/* Where the head of the queue is larger than what is left of a window that has shrunk, it is split
 * as soon as half of the window is free, and not before: for less it may wait, since what is in
 * flight will be acknowledged. */
static void head_is_split_for_half_of_a_window(void **state)
{
    static const struct {
        uint32_t acked, sent; /* segments */
    } cases[] = {{5, 1}, {6, 6}};

    (void)state;
    if (CONFIG_TCP_SND_BUF < 200000)
        skip(); /* too short a queue to be larger than a window */
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        seg_setup(NULL);
        rig.peer_wnd = 33000;
        seg_ask(3000000, false);
        seg_take(1000000, 15000, 1000);
        seg_peer.manual_ack = true;
        seg_take(seg_peer.rx_len, 65536, 0);
        seg_peer.wnd = 15000; /* less than the queue's segments have */
        uint32_t acked, head;

        do { /* until one of eleven was split: ten were sent, and one is the head now */
            assert_non_null(tcp_active_pcbs->unsent);
            head = tcp_active_pcbs->unsent->len;
            acked = seg_peer.rcv_nxt;
            seg_say(acked);
            rig_pump();
            seg_take(seg_peer.rx_len, 65536, 0);
        } while (head != 11 * 1460 || seg_peer.rcv_nxt - acked != 10 * 1460);
        acked += cases[i].acked * 1460;
        const uint64_t before = seg_net.segments;

        seg_say(acked);
        rig_pump();
        assert_int_equal(seg_net.segments - before, cases[i].sent);
        seg_peer.manual_ack = false;
        seg_say(seg_peer.rcv_nxt);
        seg_take(seg_left(), 7000, 1000);
        seg_end();
    }
}

/* ---- a device that changes ------------------------------------------------------------------ */

static void device_may_forget_how_to_cut(void **state)
{
    (void)state;
    seg_ask(8000000, false);
    seg_take(1000000, 65536, 1000);
    for (unsigned i = 0; i < 10; i++) {
        rig.tx_cuts = i % 2;
        rig.tx_csum = i % 4 != 0;
        const uint64_t before = rig.tx_cut;
        assert_true(seg_take(500000, 65536, 1000) < 50);
        assert_int_equal(rig.tx_cut > before, rig.tx_cuts && rig.tx_csum);
    }
    seg_end();
}

/* With a ring that has no room for all the segments that a large one is cut into here. */
static void short_ring_that_does_not_cut_goes_on(void **state)
{
    (void)state;
    for (unsigned ring = CONFIG_TX_RESERVE + 1; ring < CONFIG_TX_RESERVE + 64; ring += 9) {
        seg_setup(NULL);
        seg_ask(3000000, false);
        seg_take(1000000, 65536, 1000);
        rig.tx_cuts = false;
        rig.tx_ring = ring;
        seg_take(1000000, 65536, 20000);
        rig.tx_cuts = true;
        seg_take(1000000, 65536, 20000);
        seg_end();
    }
}

/* What waits for its neighbour's address is as large afterwards. */
static void large_segment_may_wait_for_an_address(void **state)
{
    (void)state;
    seg_ask(2000000, false);
    seg_take(1000000, 65536, 1000);
    etharp_cleanup_netif(netif_default);
    assert_true(seg_take(1000000, 65536, 5000) < 2000);
    seg_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(device_gets_large_segments_and_the_wire_small_ones),
        TEST(device_that_does_not_cut_gets_none),
        TEST(segments_cut_here_fit_the_ring),
        TEST(every_mss_and_window_is_kept),
        TEST(tiny_mss_is_not_cut_to),
        TEST(plain_peer_of_old_is_served),
        TEST(small_mtu_is_kept),
        TEST(window_that_opens_in_part_is_used_at_once),
        TEST(half_of_a_window_is_not_left_unused),
        TEST(head_is_split_for_half_of_a_window),
        TEST(device_may_forget_how_to_cut),
        TEST(short_ring_that_does_not_cut_goes_on),
        TEST(large_segment_may_wait_for_an_address),
    };
    return cmocka_run_group_tests_name("segments", tests, seg_init, NULL);
}
