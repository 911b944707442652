// SPDX-License-Identifier: BSD-3-Clause
/*
 * Offloads between the stack and a device: checksums that somebody else computes or vouches for,
 * and frames of many segments.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <sanitizer/asan_interface.h>
#include <cmocka.h>
#include "lwip/priv/tcp_priv.h"
#include "lwip/stats.h"
#include "lwip/tcp.h"
#include "lwip/udp.h"
#include "netbuf.h"
#include "netport.h"
#include "netport_priv.h"
#include "netrig.h"
#include "offload.h"
#include "rig_stream.h"

#define VOUCHED (NETBUF_CSUM_VALID | NETBUF_MERGED)
#define SEGMENT 1460u

static uint8_t frame[70000];

static unsigned guarded; /* datagrams behind which nobody may read */

static void echo_udp(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *addr,
                     u16_t port)
{
    (void)arg;
    guarded += (unsigned)__asan_address_is_poisoned((const uint8_t *)p->payload + p->len);
    udp_sendto(pcb, p, addr, port);
    pbuf_free(p);
}

static struct udp_pcb *udp;

static int setup(void **state)
{
    rig_setup(state);
    rig_stream_setup();
    udp = udp_new_ip_type(IPADDR_TYPE_ANY);
    udp_bind(udp, IP_ANY_TYPE, 7);
    udp_recv(udp, echo_udp, NULL);
    return 0;
}

static struct ethif *ethif(void)
{
    return netport_ethif(0);
}

/* A segment of so many bytes, at the connection's place and with the right acknowledgement. */
static void segment(struct rig_tcp *t, uint32_t len)
{
    rig_tcp_segment(t, RIG_ACK | RIG_PSH, t->snd_nxt, t->rcv_nxt, rig_stream.data, len);
    t->snd_nxt += len;
    rig_pump();
}

/* The rig's guard, without which the tests of short and odd frames would prove little. */
static void nothing_is_to_be_read_behind_a_packet(void **state)
{
    (void)state;
    guarded = 0;
    rig_udp_send(false, 4000, 7, rig_stream.data, 99);
    rig_udp_send(true, 4000, 7, rig_stream.data, 99);
    rig_pump();
    assert_int_equal(guarded, 2);
}

/* ---- received: merged segments ----------------------------------------------------------------
 */

static void merged_segments_arrive_whole(void **state)
{
    static const uint32_t lens[] = {SEGMENT + 1, 2 * SEGMENT, 20000, 65535 - 40};

    (void)state;
    for (unsigned v6 = 0; v6 < 2; v6++)
        for (unsigned i = 0; i < 4; i++) {
            uint32_t len = lens[i] - (v6 ? 20 : 0);
            struct rig_tcp t;

            rig_stream.n = 0;
            assert_true(v6 ? rig_tcp_connect6(&t, 9) : rig_tcp_connect(&t, 9));
            rig.rx_offload = VOUCHED;
            segment(&t, len);
            assert_int_equal(rig_stream.n, len);
            assert_memory_equal(rig_stream.got, rig_stream.data, len);
            assert_int_equal(t.snd_una, t.snd_nxt); /* acknowledged, and no time has passed */
            rig.rx_offload = 0;
            rig_tcp_close(&t);
        }
}

/* Buffers of any size, headers in several of them. */
static void frames_in_several_buffers_arrive_whole(void **state)
{
    static const uint32_t pieces[] = {14, 15, 33, 34, 53, 54, 100, 1500, 2048, 60000};
    uint8_t buf[1400];

    (void)state;
    for (unsigned i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++)
        for (unsigned v6 = 0; v6 < 2; v6++) {
            struct rig_tcp t;

            rig.rx_piece = pieces[i];
            rig_stream.n = 0;
            assert_true(v6 ? rig_tcp_connect6(&t, 9) : rig_tcp_connect(&t, 9));
            segment(&t, 1400);
            assert_int_equal(rig_stream.n, 1400);
            rig.rx_offload = VOUCHED;
            segment(&t, 60000);
            rig.rx_offload = 0;
            /* What says that it is TCP has to be in the first one. */
            assert_int_equal(rig_stream.n, pieces[i] >= (v6 ? 54 : 34) ? 61400 : 1400);
            assert_memory_equal(rig_stream.got, rig_stream.data, 1400);
            if (rig_stream.n > 1400)
                assert_memory_equal(rig_stream.got + 1400, rig_stream.data, 60000);
            rig_tcp_abort(&t);
            rig_udp_send(v6, 5000, 7, rig_stream.data, 1400);
            rig_pump();
            assert_int_equal(rig_udp_recv(5000, buf, sizeof(buf)), 1400);
            assert_memory_equal(buf, rig_stream.data, 1400);
        }
    rig.rx_piece = 0;
}

static void single_segments_are_still_acknowledged_in_pairs(void **state)
{
    struct rig_tcp t;

    (void)state;
    assert_true(rig_tcp_connect(&t, 9));
    segment(&t, SEGMENT);
    assert_int_equal(t.snd_nxt - t.snd_una, SEGMENT);
    segment(&t, SEGMENT);
    assert_int_equal(t.snd_una, t.snd_nxt);
    rig_tcp_close(&t);
}

static void what_is_too_large_is_dropped_and_counted(void **state)
{
    struct rig_tcp t;

    (void)state;
    assert_true(rig_tcp_connect(&t, 9));
    rig.rx_offload = NETBUF_CSUM_VALID;
    segment(&t, SEGMENT + 1); /* one frame, larger than the MTU, that nobody merged */
    assert_int_equal(ethif()->rx_oversized, 1);
    rig.rx_offload = VOUCHED;
    memset(frame, 0, sizeof(frame));
    rig_build_ip(frame, false, 6, rig_stream.data, 100);
    for (uint32_t len = 65535 + 15; len < 65600; len++)
        rig_inject(frame, len);
    rig_pump();
    assert_int_equal(ethif()->rx_oversized, 1 + 50);
    assert_int_equal(rig_stream.n, 0);
    rig.rx_offload = 0;
    rig_tcp_forget(&t);
}

static void only_tcp_can_be_merged(void **state)
{
    static const uint8_t protos[] = {1, 17, 58, 0, 44, 59, 255};
    static const uint8_t arp[60] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 9, 8, 6};
    unsigned n = 0;

    (void)state;
    rig.rx_offload = VOUCHED;
    for (unsigned v6 = 0; v6 < 2; v6++)
        for (unsigned i = 0; i < sizeof(protos); i++, n++)
            rig_inject(frame, rig_build_ip(frame, v6, protos[i], rig_stream.data, 1000));
    rig_inject(arp, sizeof(arp));
    rig_pump();
    assert_int_equal(ethif()->rx_merged, n + 1);
    rig.rx_offload = 0;
}

/* The device may write to a frame that it has delivered: what was looked at is what the stack gets.
 */
static void become_arp(uint8_t *bytes)
{
    bytes[13] = 6;
}

static void become_ping(uint8_t *bytes)
{
    bytes[23] = 1;
    rig_fix_ip(bytes);
}

static void frame_that_changes_meanwhile_is_what_it_was(void **state)
{
    static const uint8_t short_one[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0,
                                        0,    9,    8,    7,    0,    1,    8, 0, 6, 4};
    const uint64_t received = lwip_stats.icmp.recv;
    struct rig_tcp t;

    (void)state;
    rig.meanwhile = become_arp; /* whose header would lie beyond the frame's end */
    rig_inject(short_one, sizeof(short_one));
    rig_pump();
    rig.meanwhile = NULL;
    assert_true(rig_tcp_connect(&t, 9));
    rig.rx_offload = VOUCHED;
    rig.meanwhile = become_ping; /* larger than any ping that is answered */
    rig_tcp_segment(&t, RIG_ACK, t.snd_nxt + 1, t.rcv_nxt, rig_stream.data, 60000);
    rig_pump();
    rig.meanwhile = NULL;
    rig.rx_offload = 0;
    assert_int_equal(lwip_stats.icmp.recv, received);
    assert_int_equal(netport_alloc_failures(), 0);
    rig_tcp_abort(&t);
}

/* What is kept out of order is bounded by pbufs, and one frame may be more than forty of them. */
static void out_of_order_frames_of_any_size_fit_the_pool(void **state)
{
    static struct rig_tcp t[60];

    (void)state;
    rig.rx_keep = 0;
    for (unsigned i = 0; i < 60; i++)
        assert_true(rig_tcp_connect(&t[i], 9));
    rig.rx_offload = VOUCHED;
    for (unsigned round = 0; round < 4; round++)
        for (unsigned i = 0; i < 60; i++) {
            rig_tcp_segment(&t[i], RIG_ACK, t[i].snd_nxt + 1 + 65000 * round, t[i].rcv_nxt,
                            rig_stream.data, 60000);
            rig_pump();
        }
    assert_true(rig_pool_max("PBUF_POOL") > CONFIG_OOSEQ_SHARED);
    assert_int_equal(netport_alloc_failures(), 0);
    rig.rx_offload = 0;
    for (unsigned i = 0; i < 60; i++)
        rig_tcp_abort(&t[i]);
}

/* A connection that gets large frames while it keeps small ones gives up as many pbufs as it gets.
 */
static void large_frames_push_out_as_much_as_they_bring(void **state)
{
    enum { CONNS = 6, SMALL = 400 };
    static struct rig_tcp t[CONNS];

    (void)state;
    for (unsigned i = 0; i < CONNS; i++) {
        assert_true(rig_tcp_connect(&t[i], 9));
        for (unsigned k = 0; k < SMALL; k++)
            rig_tcp_segment(&t[i], RIG_ACK, t[i].snd_nxt + 200000 + 2 * k, t[i].rcv_nxt, "x", 1);
        rig_pump();
    }
    rig.rx_offload = VOUCHED;
    for (unsigned i = 0; i < CONNS; i++)
        for (unsigned k = 0; k < 3; k++) {
            rig_tcp_segment(&t[i], RIG_ACK, t[i].snd_nxt + 1 + 60001 * k, t[i].rcv_nxt,
                            rig_stream.data, 60000);
            rig_pump();
        }
    assert_true(rig_pool_max("PBUF_POOL") >= CONFIG_OOSEQ_SHARED);
    assert_true(rig_pool_max("PBUF_POOL") <= STACK_OOSEQ + STACK_TCP_PBUFS);
    assert_true(rig_pool_used("PBUF_POOL") < CONFIG_OOSEQ_SHARED + CONNS * CONFIG_OOSEQ_OWN);
    rig.rx_offload = 0;
    for (unsigned i = 0; i < CONNS; i++)
        rig_tcp_abort(&t[i]);
}

/* ---- received: checksums ----------------------------------------------------------------------
 */

/* A datagram to port 7 whose checksum is the sum over its pseudo header, as in a frame that never
 * was on a wire. */
static uint32_t unfinished(unsigned v6)
{
    uint32_t len = rig_build_udp(frame, v6, 5000, 7, rig_stream.data, 100),
             at = rig_ip_payload(v6) + 6;

    frame[at] ^= 0x55;
    return len;
}

static void checksum_counts_unless_the_device_vouches_for_it(void **state)
{
    uint8_t buf[100];

    (void)state;
    for (unsigned v6 = 0; v6 < 2; v6++) {
        uint64_t errors = lwip_stats.udp.chkerr;

        rig.rx_offload = NETBUF_CSUM_VALID;
        rig_inject(frame, unfinished(v6));
        rig_pump();
        assert_int_equal(rig_udp_recv(5000, buf, sizeof(buf)), 100);
        assert_memory_equal(buf, rig_stream.data, 100);
        rig.rx_offload = 0; /* the next frame is not vouched for */
        rig_inject(frame, unfinished(v6));
        rig_pump();
        assert_int_equal(rig_udp_recv(5000, buf, sizeof(buf)), -1);
        assert_int_equal(lwip_stats.udp.chkerr, errors + 1);
        rig_udp_send(v6, 5000, 7, rig_stream.data, 100);
        rig_pump();
        assert_int_equal(rig_udp_recv(5000, buf, sizeof(buf)), 100);
    }
}

static void tcp_checksum_counts_unless_the_device_vouches_for_it(void **state)
{
    struct rig_tcp t;
    uint32_t len;

    (void)state;
    assert_true(rig_tcp_connect(&t, 9));
    for (unsigned vouched = 0; vouched < 2; vouched++) {
        uint64_t errors = lwip_stats.tcp.chkerr;
        uint8_t tcp[120] = {0};

        tcp[0] = (uint8_t)(t.lport >> 8), tcp[1] = (uint8_t)t.lport, tcp[3] = 9;
        for (unsigned i = 0; i < 4; i++) {
            tcp[4 + i] = (uint8_t)(t.snd_nxt >> (24 - 8 * i));
            tcp[8 + i] = (uint8_t)(t.rcv_nxt >> (24 - 8 * i));
        }
        tcp[12] = 0x50, tcp[13] = RIG_ACK, tcp[14] = 0x40;
        memcpy(tcp + 20, rig_stream.data, 100);
        len = rig_build_ip(frame, false, 6, tcp, sizeof(tcp));
        frame[rig_ip_payload(false) + 16] ^= 0x55;
        rig.rx_offload = vouched ? NETBUF_CSUM_VALID : 0;
        rig_inject(frame, len);
        rig_pump();
        assert_int_equal(rig_stream.n, vouched ? 100 : 0);
        assert_int_equal(lwip_stats.tcp.chkerr, errors + !vouched);
    }
    rig.rx_offload = 0;
    rig_tcp_forget(&t);
}

/* A device can only vouch for TCP and UDP: lwIP goes on to look at the others. */
static void other_checksums_always_count(void **state)
{
    uint64_t icmp = lwip_stats.icmp.chkerr, ip = lwip_stats.ip.chkerr;
    uint8_t echo[64] = {8};
    uint32_t len;

    (void)state;
    rig.rx_offload = NETBUF_CSUM_VALID;
    len = rig_build_ip(frame, false, 1, echo, sizeof(echo));
    frame[rig_ip_payload(false) + 2] ^= 0x55;
    rig_inject(frame, len);
    rig_pump();
    assert_int_equal(lwip_stats.icmp.chkerr, icmp + 1);
    len = rig_build_udp(frame, false, 5000, 7, rig_stream.data, 10);
    frame[24] ^= 0x55;
    rig_inject(frame, len);
    rig_pump();
    assert_int_equal(lwip_stats.ip.chkerr, ip + 1);
    rig.rx_offload = 0;
}

/* ---- sent -------------------------------------------------------------------------------------
 */

/* The rig looks at the checksum of every frame. Datagrams of all small sizes: padded ones, odd
 * ones. */
static void checksums_of_what_is_sent_are_right(void **state)
{
    uint8_t buf[1472];
    struct rig_tcp t;

    (void)state;
    for (unsigned device = 0; device < 2; device++) {
        rig.tx_csum = device;
        for (unsigned v6 = 0; v6 < 2; v6++) {
            for (uint32_t len = 1; len < 200; len++) {
                rig_udp_send(v6, 5000, 7, rig_stream.data + len, len);
                rig_pump();
                assert_int_equal(rig_udp_recv(5000, buf, sizeof(buf)), len);
                assert_memory_equal(buf, rig_stream.data + len, len);
            }
            rig_stream.n = 0;
            assert_true(v6 ? rig_tcp_connect6(&t, 9) : rig_tcp_connect(&t, 9));
            assert_int_equal(rig_tcp_send(&t, rig_stream.data, 100001), 100001);
            rig_tcp_close(&t);
            assert_memory_equal(rig_stream.got, rig_stream.data, 100001);
        }
    }
}

/* Every value of a datagram's last two bytes: one of them makes a sum of 0, which says something
 * else and is sent as 0xffff [RFC 768]. */
static void checksum_of_a_datagram_is_never_0(void **state)
{
    unsigned all_ones = 0;

    (void)state;
    for (unsigned v = 0; v < 0x10000; v++) {
        uint8_t two[2] = {(uint8_t)(v >> 8), (uint8_t)v}, want[100], *field = frame + 40;
        uint32_t len = rig_build_udp(frame, false, 5000, 7, two, 2);
        struct offload_csum c;

        memcpy(want, frame, len);
        assert_true(offload_csum_begin(frame, len, &c));
        assert_int_equal(c.start + c.offset, 40);
        offload_csum_finish(frame, len, &c);
        assert_memory_equal(frame, want, len);
        assert_true(field[0] != 0 || field[1] != 0);
        all_ones += field[0] == 0xff && field[1] == 0xff;
    }
    assert_true(all_ones > 0);
}

static void what_is_neither_tcp_nor_udp_is_left_alone(void **state)
{
    static const uint8_t protos[] = {0, 1, 2, 44, 58, 59, 132};
    struct offload_csum c;

    (void)state;
    for (unsigned v6 = 0; v6 < 2; v6++) {
        for (unsigned i = 0; i < sizeof(protos); i++) {
            uint32_t len = rig_build_ip(frame, v6, protos[i], rig_stream.data, 100);
            assert_false(offload_csum_begin(frame, len, &c));
        }
        /* Too short for the header that would follow. */
        assert_false(
            offload_csum_begin(frame, rig_build_ip(frame, v6, 6, rig_stream.data, 19), &c));
        assert_false(
            offload_csum_begin(frame, rig_build_ip(frame, v6, 17, rig_stream.data, 7), &c));
    }
    for (uint32_t len = 0; len < 34; len++)
        assert_false(offload_csum_begin(frame, len, &c));
}

/* ---- announcements ----------------------------------------------------------------------------
 */

static void announcement_names_every_address(void **state)
{
    struct rig_frame f;
    unsigned arp = 0, na = 0;

    (void)state;
    rig_drop_frames();
    rig.announce_due = true;
    rig_pump();
    assert_false(rig.announce_due);
    while (rig_next_frame(&f)) {
        static const uint8_t own[4] = {10, 0, 2, 2};

        if (f.data[12] == 8 && f.data[13] == 6) { /* who has our address, and we say so */
            assert_memory_equal(f.data + 22, rig_guest_mac, 6);
            assert_memory_equal(f.data + 28, own, 4);
            assert_memory_equal(f.data + 38, own, 4);
            arp++;
        } else if (f.data[12] == 0x86 && f.data[20] == 58 && f.data[54] == 136) {
            assert_int_equal(f.data[21], 255);
            assert_int_equal(f.data[38], 0xff); /* to all nodes */
            assert_int_equal(f.data[58], 0x20); /* override */
            assert_memory_equal(f.data + 22, f.data + 62, 16);
            assert_memory_equal(f.data + 80, rig_guest_mac, 6);
            na++;
        }
    }
    assert_int_equal(arp, 1);
    assert_int_equal(na, 1);
    rig.announce_due = true;
    rig.link_up = false; /* not into the void */
    rig_pump();
    assert_true(rig.announce_due);
    rig.link_up = true;
    rig_pump();
    assert_false(rig.announce_due);
}

static int teardown(void **state)
{
    udp_remove(udp);
    return rig_teardown(state);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(nothing_is_to_be_read_behind_a_packet),
        T(merged_segments_arrive_whole),
        T(frames_in_several_buffers_arrive_whole),
        T(single_segments_are_still_acknowledged_in_pairs),
        T(what_is_too_large_is_dropped_and_counted),
        T(only_tcp_can_be_merged),
        T(frame_that_changes_meanwhile_is_what_it_was),
        T(out_of_order_frames_of_any_size_fit_the_pool),
        T(large_frames_push_out_as_much_as_they_bring),
        T(checksum_counts_unless_the_device_vouches_for_it),
        T(tcp_checksum_counts_unless_the_device_vouches_for_it),
        T(other_checksums_always_count),
        T(checksums_of_what_is_sent_are_right),
        T(checksum_of_a_datagram_is_never_0),
        T(what_is_neither_tcp_nor_udp_is_left_alone),
        T(announcement_names_every_address),
    };
    return cmocka_run_group_tests_name("offload", tests, NULL, NULL);
}
