// SPDX-License-Identifier: BSD-3-Clause
/*
 * TCP segments larger than the MSS, through the real stack and the HTTP service to a scripted peer.
 *
 * The device of the rig cuts what it gets into segments, so the peer sees what it would see on a
 * wire: every test compares every byte, and a filter looks at every segment's size. The peer keeps
 * nothing that comes out of order, which makes each loss cost as much as it can; it may have any
 * window and MSS. The stack's rules are on trial here: nothing waits for ever, nothing is larger
 * than the peer allows, whatever is lost, and whenever the device forgets how to cut.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "lwip/etharp.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/stats.h"
#include "app.h"
#include "conn.h"
#include "json.h"
#include "netrig.h"
#include "netport_priv.h"
#include "netrig_priv.h"
#include "rand.h"

#define PORT 80

static bool running; /* the guest is up */
static struct rig_tcp peer;
static uint64_t asked;     /* bytes of the body */
static uint64_t body;      /* those that came */
static uint32_t largest;   /* payload of a segment */
static uint32_t limit;     /* the peer's MSS */
static unsigned loss;      /* one segment of so many is lost; 0: none */
static unsigned swaps;     /* one of so many comes behind the next one; 0: none */
static unsigned burst;     /* of what is sent at one time, so many segments arrive; 0: all */
static uint64_t burst_ns;  /* the time */
static unsigned burst_n;   /* segments at it */
static uint64_t segments;  /* with payload */
static uint32_t dice;      /* of the losses */
static uint32_t narrow;    /* the path carries frames up to so long, and says so; 0: all */
static bool too_long;      /* one was longer, and nothing is said yet */
static uint8_t held[2000]; /* a segment that has to wait for the next */
static uint32_t held_len;

void apps_json_stats(struct json *j)
{
    (void)j;
}

static uint32_t roll(void)
{
    dice ^= dice << 13;
    dice ^= dice >> 17;
    dice ^= dice << 5;
    return dice;
}

static uint32_t payload_of(const uint8_t *frame)
{
    const bool ip6 = frame[12] == 0x86;
    const uint32_t l4 = ip6 ? 54 : 34, at = ip6 ? 18 : 16;

    if (frame[ip6 ? 20 : 23] != 6 || (!ip6 && frame[12] != 0x08) || frame[13] == 0x06)
        return 0;
    return ((uint32_t)frame[at] << 8 | frame[at + 1]) - (ip6 ? 0 : 20) - (frame[l4 + 12] >> 4) * 4u;
}

/* The network: sees all, loses some. */
static bool network(const uint8_t *frame, uint32_t len)
{
    const uint32_t bytes = payload_of(frame);

    if (bytes == 0)
        return false;
    for (const struct tcp_pcb *pcb = tcp_active_pcbs; pcb != NULL; pcb = pcb->next)
        assert_true(pcb->snd_queuelen <= TCP_SND_QUEUELEN + 3); /* 0017: one split above it */
    if (narrow != 0 && len > narrow) {
        too_long = true;
        return true;
    }
    segments++;
    largest = bytes > largest ? bytes : largest;
    assert_true(bytes <= limit);
    burst_n = burst_ns == rig.now_ns ? burst_n + 1 : 1;
    burst_ns = rig.now_ns;
    if (burst != 0 && burst_n > burst)
        return true;
    if (loss != 0 && roll() % loss == 0)
        return true;
    if (held_len == 0 && swaps != 0 && roll() % swaps == 0 && len <= sizeof(held)) {
        memcpy(held, frame, len);
        held_len = len;
        return true;
    }
    if (held_len != 0) {
        uint8_t copy[sizeof(held)];

        memcpy(copy, frame, len);
        rig_deliver(copy, len);
        rig_deliver(held, held_len);
        held_len = 0;
        return true;
    }
    return false;
}

static int setup(void **state)
{
    (void)state;
    rig_prepare();
    rig.tx_csum = rig.tx_cuts = true;
    body = segments = 0;
    largest = held_len = 0;
    loss = swaps = burst = narrow = 0;
    too_long = false;
    limit = 1460;
    dice = 2463534242u;
    return 0;
}

/* After each connection, and after a test that failed. */
static int teardown(void **state)
{
    bool was = running;

    running = false;
    return was ? rig_teardown(state) : 0;
}

static int init_once(void **state)
{
    (void)state;
    conn_init();
    pattern_init(4711);
    return 0;
}

/* Asks for so many bytes; the answer's head is read. */
static void ask(uint64_t bytes, bool ip6)
{
    char request[128], head[1024];
    size_t n = 0;

    asked = bytes;
    rig_start();
    running = true;
    rig_advance_ms(2500); /* IPv6: duplicate detection */
    rig_drop_frames();
    assert_true(http_service.start());
    rig.filter = network;
    assert_true(ip6 ? rig_tcp_connect6(&peer, PORT) : rig_tcp_connect(&peer, PORT));
    snprintf(request, sizeof(request), "GET /data?bytes=%llu HTTP/1.1\r\nHost: a\r\n\r\n",
             (unsigned long long)bytes);
    assert_int_equal(rig_tcp_send(&peer, request, strlen(request)), strlen(request));
    while (n < 4 || memcmp(head + n - 4, "\r\n\r\n", 4) != 0) {
        assert_true(n < sizeof(head));
        assert_int_equal(rig_tcp_recv(&peer, head + n, 1, 60000), 1);
        n++;
    }
    assert_memory_equal(head, "HTTP/1.1 200", 12);
}

/* So many more bytes come, at most so many in one read, and each is right. Returns milliseconds. */
static uint64_t take(uint64_t bytes, uint32_t at_once, uint64_t patience_ms)
{
    static uint8_t data[1 << 18];
    const uint64_t begin = rig.now_ns;

    for (uint64_t done = 0; done < bytes;) {
        const uint64_t left = bytes - done;
        const size_t want = left < at_once ? (size_t)left : at_once;
        const size_t n = rig_tcp_recv(&peer, data, want, patience_ms);

        if (n == 0)
            fail_msg("nothing came any more after %llu bytes", (unsigned long long)body);
        for (size_t i = 0; i < n; i++)
            if (data[i] != pattern[(body + i) % PATTERN_BYTES])
                fail_msg("byte %llu is wrong", (unsigned long long)(body + i));
        body += n;
        done += n;
    }
    return (rig.now_ns - begin) / 1000000;
}

/* An acknowledgement of what the peer has, with its window as it is. */
static void say(uint32_t ack)
{
    rig_tcp_segment(&peer, RIG_ACK, peer.snd_nxt, ack, NULL, 0);
}

/* What the peer has acknowledged, the application was told of, and it may write as much again. */
static void check_all_is_accounted_for(void)
{
    say(peer.rcv_nxt);
    rig_pump();
    assert_int_equal(tcp_active_pcbs->snd_queuelen, 0);
    assert_int_equal(tcp_active_pcbs->snd_buf, TCP_SND_BUF);
}

static void end(void)
{
    rig.filter = NULL;
    if (body == asked)
        check_all_is_accounted_for();
    rig_tcp_close(&peer);
    for (const char *const *name = rig_pool_names(); *name != NULL; name++)
        assert_int_equal(rig_pool_failures(*name), 0);
    assert_int_equal(teardown(NULL), 0);
}

/* The same where the peer goes away in the middle. */
static void break_off(void)
{
    rig.filter = NULL;
    rig_tcp_abort(&peer);
    assert_int_equal(teardown(NULL), 0);
}

/* ---- a network that loses nothing --------------------------------------------------------------
 */

static void device_gets_large_segments_and_the_wire_small_ones(void **state)
{
    (void)state;
    for (int ip6 = 0; ip6 < 2; ip6++) {
        setup(NULL);
        limit = ip6 ? 1440 : 1460;
        ask(4000000, ip6);
        assert_true(take(4000000, 65536, 1000) < 100);
        assert_int_equal(largest, limit);
        /* At first as many as the congestion window has room for, then as large as can be. */
        assert_true(rig.tx_cut > 0 && rig.tx_cut < segments / (CONFIG_TCP_CUT / 1460 / 3));
        end();
    }
}

static void device_that_does_not_cut_gets_none(void **state)
{
    (void)state;
    for (int csum = 0; csum < 2; csum++) {
        setup(NULL);
        rig.tx_cuts = false;
        rig.tx_csum = csum;
        const uint64_t before = lwip_stats.tcp.xmit;
        ask(1000000, false);
        assert_true(take(1000000, 65536, 1000) < 100);
        assert_int_equal(rig.tx_cut, 0);
        assert_int_equal(largest, 1460);
        assert_true(lwip_stats.tcp.xmit - before < segments / 4); /* the stack's own are large */
        end();
    }
}

/* And never more at once than the ring has room for: nothing has to be sent again. */
static void segments_cut_here_fit_the_ring(void **state)
{
    static const unsigned rings[] = {
        1, 2, 7, 8, 9, 16, 50, 100, CONFIG_TX_RING - CONFIG_TX_RESERVE};

    (void)state;
    for (unsigned i = 0; i < sizeof(rings) / sizeof(rings[0]); i++) {
        setup(NULL);
        rig.tx_cuts = false;
        rig.tx_ring = rings[i] + CONFIG_TX_RESERVE;
        ask(1000000, false);
        take(1000000, 65536, 1000);
        assert_true(segments < 1000000 / 1460 * 51 / 50);
        end();
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
            setup(NULL);
            rig.peer_mss = limit = msss[m];
            rig.peer_wnd = windows[w];
            const uint32_t bytes = windows[w] < 8192 ? 20000 : 500000;
            ask(bytes, m % 2);
            take(bytes, windows[w] < 65536 ? windows[w] / 2 + 1 : 65536, 1000);
            if (windows[w] >= 30000)
                assert_true(rig.tx_cut > 0);
            end();
        }
}

/* A peer that asks for segments of next to nothing gets them one by one. */
static void tiny_mss_is_not_cut_to(void **state)
{
    static const uint32_t msss[] = {1, 2, 63, 64};

    (void)state;
    for (unsigned m = 0; m < sizeof(msss) / sizeof(msss[0]); m++) {
        setup(NULL);
        rig.peer_mss = limit = msss[m];
        ask(3000, false);
        take(3000, 65536, 1000);
        assert_int_equal(rig.tx_cut > 0, msss[m] >= 64);
        end();
    }
}

static void plain_peer_of_old_is_served(void **state)
{
    (void)state;
    rig.peer_is_plain = true;
    limit = 536;
    rig.peer_wnd = 65535;
    ask(1000000, false);
    assert_true(take(1000000, 30000, 1000) < 100);
    assert_true(rig.tx_cut > 30);
    end();
}

static void small_mtu_is_kept(void **state)
{
    (void)state;
    rig.mtu = 576;
    limit = 536;
    ask(1000000, false);
    assert_true(take(1000000, 65536, 1000) < 100);
    assert_true(rig.tx_cut > 0);
    end();
}

/* A reader that stops, and then reads a little or a lot: segments were cut for a window of which
 * only a part is open. What fits goes out at once, and not when some timer says so. */
static void window_that_opens_in_part_is_used_at_once(void **state)
{
    static const uint32_t reads[] = {60000, 1460, 2000, 30000, 1, 1459, 1460, 5000, 64000, 100};

    (void)state;
    rig.peer_wnd = 65000;
    ask(3000000, false);
    take(1000000, 30000, 1000);
    for (unsigned i = 0; i < 50; i++) {
        rig_advance_ms(i % 3 * 100); /* it fills up */
        take(reads[i % (sizeof(reads) / sizeof(reads[0]))], 65536, 0);
        rig_pump();
        assert_true(peer.wnd - peer.rx_len < 1460 + 128); /* the window is told in steps of 128 */
    }
    take(3000000 - body, 30000, 1000);
    end();
}

/* ---- one that does -----------------------------------------------------------------------------
 */

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
            setup(NULL);
            rig.peer_wnd = cases[i].window;
            ask(cases[i].bytes, ip6);
            loss = cases[i].loss;
            swaps = cases[i].swaps;
            take(cases[i].bytes, cases[i].window < 65536 ? cases[i].window / 2 : 65536, 30000);
            end();
        }
}

/* A buffer on the way that takes three segments and drops the rest of each burst. Sent again whole,
 * a large segment would lose the same bytes for ever. */
static void short_buffer_on_the_way_lets_some_through(void **state)
{
    (void)state;
    for (burst = 1; burst <= 4; burst++) {
        const unsigned n = burst;

        setup(NULL);
        ask(2000000, false);
        take(300000, 65536, 1000); /* the segments have become large */
        burst = n;
        take(50000, 65536, 120000);
        burst = 0;
        take(100000, 65536, 120000);
        burst = n;
        break_off();
    }
}

/* All is lost for a while. */
static void silence_is_outlived(void **state)
{
    (void)state;
    ask(2000000, false);
    take(1000000, 65536, 1000);
    loss = 1;
    rig_advance_ms(3000);
    loss = 0;
    take(1000000, 65536, 10000);
    end();
}

/* Three times the same acknowledgement: one segment is lost, so one is sent again, however large
 * was what it is a part of; and the next, and so on. */
static void fast_retransmission_is_of_one_segment(void **state)
{
    (void)state;
    rig.peer_wnd = 300000;
    ask(3000000, false);
    take(1000000, 65536, 1000);
    loss = 1;
    take(200000, 200000, 1000);
    rig_pump(); /* what this lets go is lost */
    loss = 0;
    burst = 1;
    const uint32_t lost_end = tcp_active_pcbs->snd_nxt, lost = lost_end - peer.rcv_nxt;
    unsigned rounds = 0;

    /* towards the end of what was lost acknowledgements let new segments go, too */
    for (; rounds < 60 && lost_end - peer.rcv_nxt > lost / 3; rounds++) {
        rig_advance_ms(1);
        const uint64_t before = segments;

        for (unsigned i = 0; i < 3; i++)
            say(peer.rcv_nxt);
        rig_pump();
        assert_int_equal(segments, before + 1);
    }
    assert_true(rounds > 20);
    burst = 0;
    take(1000000, 65536, 5000);
    end();
}

static uint32_t told; /* window */

/* The same acknowledgement again, with some more window each time, and the first bytes of a block
 * of what has come; begin == end: without one. */
static void say_again(unsigned times, uint32_t begin, uint32_t end_of_it)
{
    while (times-- > 0) {
        uint8_t tcp[32] = {0}, frame[RIG_FRAME_MAX];

        rig_put16(tcp, peer.lport);
        rig_put16(tcp + 2, peer.rport);
        rig_put32(tcp + 4, peer.snd_nxt);
        rig_put32(tcp + 8, peer.rcv_nxt);
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
    rig.peer_wnd = 300000;
    ask(3000000, false);
    take(1000000, 65536, 1000);
    loss = 1;
    take(200000, 200000, 1000);
    told = rig.peer_wnd >> 7;
    say_again(1, 0, 0); /* what this lets go is lost */
    loss = 0;
    burst = 1;
    rig_advance_ms(1);
    const uint64_t before = segments;

    say_again(5, 0, 0);
    say_again(5, peer.rcv_nxt - 5000, peer.rcv_nxt);
    assert_int_equal(segments, before);
    say_again(2, peer.rcv_nxt + 1460, peer.rcv_nxt + 2920);
    assert_int_equal(segments, before);
    say_again(1, peer.rcv_nxt + 1460, peer.rcv_nxt + 4380);
    assert_int_equal(segments, before + 1);
    burst = 0;
    take(1000000, 65536, 5000);
    end();
}

/* A fast retransmission that finds no room in the ring until the time-out. */
static void time_out_after_a_fast_retransmission_keeps_the_order(void **state)
{
    (void)state;
    rig.peer_wnd = 300000;
    ask(3000000, false);
    take(1000000, 65536, 1000);
    loss = 1;
    take(200000, 200000, 1000);
    rig_pump();
    rig.tx_stuck = true;
    for (unsigned i = 0; i < 2 * CONFIG_TX_RING; i++) /* answers fill the ring */
        rig_udp_send(false, 9999, 9, "x", 1);
    rig_pump();
    for (unsigned i = 0; i < 3; i++)
        say(peer.rcv_nxt);
    rig_advance_ms(1000);
    rig.tx_stuck = false;
    loss = 0;
    take(1000000, 65536, 5000);
    end();
}

/* Of a window that has become smaller than two segments half is used as soon as it is there, not
 * only all of it: whoever acknowledges every second segment would let the last one wait. */
static void half_of_a_window_is_not_left_unused(void **state)
{
    (void)state;
    rig.peer_wnd = 65000;
    ask(3000000, false);
    take(1000000, 30000, 1000);
    peer.manual_ack = true;
    uint32_t acked = peer.rcv_nxt;

    take(40000, 40000, 0);
    say(acked);
    rig_pump();
    assert_in_range(peer.rcv_nxt - acked, 20000, 40000);
    take(peer.rcv_nxt - acked, 40000, 0);
    const uint64_t before = segments;

    acked = peer.rcv_nxt - 12 * 1460;
    say(acked);
    rig_pump();
    assert_in_range(segments - before, 14, 27);
    peer.manual_ack = false;
    say(peer.rcv_nxt);
    take(1000000, 30000, 1000);
    end();
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
        setup(NULL);
        rig.tx_cuts = cuts;
        ask(5000000, true);
        take(1000000, 65536, 1000);
        narrow = 14 + 1280;
        take(peer.rx_len, 65536, 0); /* makes room for more */
        rig_pump();
        assert_true(too_long);
        say_too_big(1280);
        assert_in_range(take(1000000, 65536, 4000), 1, 4000);
        largest = 0;
        take(asked - body, 65536, 1000);
        assert_int_equal(largest, 1280 - 60);
        end();
    }
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
        setup(NULL);
        rig.peer_wnd = 33000;
        ask(3000000, false);
        take(1000000, 15000, 1000);
        peer.manual_ack = true;
        take(peer.rx_len, 65536, 0);
        peer.wnd = 15000; /* less than the queue's segments have */
        uint32_t acked, head;

        do { /* until one of eleven was split: ten were sent, and one is the head now */
            assert_non_null(tcp_active_pcbs->unsent);
            head = tcp_active_pcbs->unsent->len;
            acked = peer.rcv_nxt;
            say(acked);
            rig_pump();
            take(peer.rx_len, 65536, 0);
        } while (head != 11 * 1460 || peer.rcv_nxt - acked != 10 * 1460);
        acked += cases[i].acked * 1460;
        const uint64_t before = segments;

        say(acked);
        rig_pump();
        assert_int_equal(segments - before, cases[i].sent);
        peer.manual_ack = false;
        say(peer.rcv_nxt);
        take(asked - body, 7000, 1000);
        end();
    }
}

/* Again and again, until the queue is as long as it may be and begins with what was large. */
static void time_outs_in_a_row_are_outlived(void **state)
{
    (void)state;
    ask(20000000, false);
    take(1000000, 65536, 1000);
    for (unsigned i = 0; i < 100; i++) {
        burst = 1 + roll() % 30;
        take(1 + roll() % 40000, 40000, 30000);
        loss = 1;
        rig_advance_ms(roll() % 1000);
        loss = 0;
    }
    burst = 0;
    take(1000000, 65536, 30000);
    break_off();
}

/* ---- a device that changes ---------------------------------------------------------------------
 */

static void device_may_forget_how_to_cut(void **state)
{
    (void)state;
    ask(8000000, false);
    take(1000000, 65536, 1000);
    for (unsigned i = 0; i < 10; i++) {
        rig.tx_cuts = i % 2;
        rig.tx_csum = i % 4 != 0;
        const uint64_t before = rig.tx_cut;
        assert_true(take(500000, 65536, 1000) < 50);
        assert_int_equal(rig.tx_cut > before, rig.tx_cuts && rig.tx_csum);
    }
    end();
}

/* With a ring that has no room for all the segments that a large one is cut into here. */
static void short_ring_that_does_not_cut_goes_on(void **state)
{
    (void)state;
    for (unsigned ring = CONFIG_TX_RESERVE + 1; ring < CONFIG_TX_RESERVE + 64; ring += 9) {
        setup(NULL);
        ask(3000000, false);
        take(1000000, 65536, 1000);
        rig.tx_cuts = false;
        rig.tx_ring = ring;
        take(1000000, 65536, 20000);
        rig.tx_cuts = true;
        take(1000000, 65536, 20000);
        end();
    }
}

/* What waits for its neighbour's address is as large afterwards. */
static void large_segment_may_wait_for_an_address(void **state)
{
    (void)state;
    ask(2000000, false);
    take(1000000, 65536, 1000);
    etharp_cleanup_netif(netif_default);
    assert_true(take(1000000, 65536, 5000) < 2000);
    end();
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(device_gets_large_segments_and_the_wire_small_ones),
        T(device_that_does_not_cut_gets_none),
        T(segments_cut_here_fit_the_ring),
        T(every_mss_and_window_is_kept),
        T(tiny_mss_is_not_cut_to),
        T(plain_peer_of_old_is_served),
        T(small_mtu_is_kept),
        T(window_that_opens_in_part_is_used_at_once),
        T(loss_and_disorder_cost_time_and_nothing_else),
        T(short_buffer_on_the_way_lets_some_through),
        T(silence_is_outlived),
        T(fast_retransmission_is_of_one_segment),
        T(half_of_a_window_is_not_left_unused),
        T(head_is_split_for_half_of_a_window),
        T(duplicates_may_tell_new_windows),
        T(path_that_becomes_narrower_costs_one_time_out),
        T(time_outs_in_a_row_are_outlived),
        T(time_out_after_a_fast_retransmission_keeps_the_order),
        T(device_may_forget_how_to_cut),
        T(short_ring_that_does_not_cut_goes_on),
        T(large_segment_may_wait_for_an_address),
    };
    return cmocka_run_group_tests_name("segments", tests, init_once, NULL);
}
