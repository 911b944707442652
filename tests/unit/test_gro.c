// SPDX-License-Identifier: BSD-3-Clause
/*
 * Segments that the port merges: which, that nobody can tell but by the number of calls, and that a
 * frame which is wrong costs itself only.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "config.h"
#include "ethif_held.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/stats.h"
#include "netport.h"
#include "netrig.h"
#include "netrig_priv.h"
#include "rig_stream.h"
#include "virtio_net.h"

#define SEGMENT 1000u
#define L4(v6)  ((v6) ? 54u : 34u)

static void start(uint32_t mtu)
{
    rig_prepare();
    rig.mtu = mtu;
    rig_start();
    rig_advance_ms(2500); /* duplicate detection */
    rig_drop_frames();
    rig.impersonated = true; /* segments by hand */
    rig_stream_setup();
}

static int setup(void **state)
{
    (void)state;
    start(0);
    return 0;
}

static int setup_jumbo(void **state)
{
    (void)state;
    start(CONFIG_MTU_MAX);
    return 0;
}

/* A frame with the bytes from `at` on, with so many bytes of these options. */
static uint32_t build(uint8_t *frame, const struct rig_tcp *t, uint32_t at, uint32_t len,
                      const void *options, uint32_t n)
{
    static uint8_t tcp[10000];

    memset(tcp, 0, 20);
    rig_put16(tcp, t->lport);
    rig_put16(tcp + 2, t->rport);
    rig_put32(tcp + 4, rig_stream.first + at);
    rig_put32(tcp + 8, t->rcv_nxt);
    tcp[12] = (uint8_t)((20 + n) / 4 << 4);
    tcp[13] = RIG_ACK;
    rig_put16(tcp + 14, 0x8000);
    if (n > 0)
        memcpy(tcp + 20, options, n);
    memcpy(tcp + 20 + n, rig_stream.data + at, len);
    return rig_build_ip(frame, t->v6, 6, tcp, 20 + n + len);
}

/* A segment is there when the guest looks next. */
static void segment(const struct rig_tcp *t, uint32_t at, uint32_t len)
{
    static uint8_t frame[10100];

    rig_inject(frame, build(frame, t, at, len, NULL, 0));
}

static void segments(const struct rig_tcp *t, uint32_t at, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        segment(t, at + i * SEGMENT, SEGMENT);
}

/* The first so many bytes have arrived, in so many calls, and nothing is kept any more. */
static void arrived(uint32_t len, unsigned in_calls)
{
    assert_int_equal(rig_stream.calls, in_calls);
    rig_stream_arrived(len);
}

/* ---- what is merged ----------------------------------------------------------------------------
 */

static void segments_in_a_row_are_one(void **state)
{
    (void)state;
    for (unsigned v6 = 0; v6 < 2; v6++) {
        struct rig_tcp t;

        rig_stream_connect(&t, v6);
        const struct stats_ before = lwip_stats;
        const uint64_t answers = rig.guest_frames;

        segments(&t, 0, 10);
        rig_pump();
        arrived(10 * SEGMENT, 1);
        /* each is counted, and one acknowledgement is for all */
        assert_int_equal(lwip_stats.link.recv - before.link.recv, 10);
        assert_int_equal(lwip_stats.tcp.recv - before.tcp.recv, 10);
        assert_int_equal(lwip_stats.ip.recv - before.ip.recv, v6 ? 0 : 10);
        assert_int_equal(lwip_stats.ip6.recv - before.ip6.recv, v6 ? 10 : 0);
        assert_int_equal(rig.guest_frames - answers, 1);
        assert_int_equal(t.snd_una - rig_stream.first, 10 * SEGMENT);
        rig_tcp_abort(&t);
    }
}

static void time_stamps_that_are_alike_are_merged(void **state)
{
    uint8_t stamp[12] = {1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8}, frame[1600];

    (void)state;
    for (unsigned v6 = 0; v6 < 2; v6++) {
        struct rig_tcp t;

        rig_stream_connect(&t, v6);
        for (unsigned i = 0; i < 6; i++) {
            stamp[7] = (uint8_t)(i / 3); /* a tick passes */
            rig_inject(frame, build(frame, &t, i * SEGMENT, SEGMENT, stamp, sizeof(stamp)));
        }
        rig_pump();
        arrived(6 * SEGMENT, 2);
        rig_tcp_abort(&t);
    }
}

/* The stack acknowledges every second segment, however small. */
static void two_small_ones_are_acknowledged_at_once(void **state)
{
    struct rig_tcp t;

    (void)state;
    rig_stream_connect(&t, false);
    segment(&t, 0, 300);
    segment(&t, 300, 300);
    rig_pump();
    arrived(600, 1);
    assert_int_equal(t.snd_una - rig_stream.first, 600);
    segment(&t, 600, 300); /* and the next one by itself waits for another */
    rig_pump();
    assert_int_equal(t.snd_una - rig_stream.first, 600);
    rig_tcp_abort(&t);
}

static void push_ends_a_row_and_is_passed_on(void **state)
{
    struct rig_tcp t;
    uint8_t frame[1600];

    (void)state;
    rig_stream_connect(&t, false);
    for (unsigned i = 0; i < 6; i++) {
        const uint32_t len = build(frame, &t, i * SEGMENT, SEGMENT, NULL, 0);

        if (i % 3 == 2)
            frame[L4(false) + 13] |= RIG_PSH;
        rig_fix_l4(frame, len);
        rig_inject(frame, len);
    }
    rig_pump();
    assert_int_equal(rig_stream.pushed, 2);
    arrived(6 * SEGMENT, 2);
    rig_tcp_abort(&t);
}

/* Lengths have 16 bits. */
static void no_more_is_merged_than_a_packet_can_have(void **state)
{
    const uint32_t most = CONFIG_MTU_MAX - 60, n = 20;

    (void)state;
    for (unsigned v6 = 0; v6 < 2; v6++) {
        struct rig_tcp t;

        rig_stream_connect(&t, v6);
        for (unsigned i = 0; i < n; i++)
            segment(&t, i * most, most);
        rig_pump();
        arrived(n * most, (n + 65535 / most - 1) / (65535 / most));
        assert_int_equal(t.snd_una - rig_stream.first, n * most);
        rig_tcp_abort(&t);
    }
}

/* Without a spare buffer a segment is copied as any other. */
static void what_cannot_be_kept_is_not_merged(void **state)
{
    (void)state;
    for (unsigned keep = 0; keep < 4; keep++) {
        struct rig_tcp t;

        rig.rx_keep = keep;
        rig_stream_connect(&t, false);
        segments(&t, 0, 12);
        rig_pump();
        arrived(12 * SEGMENT, keep == 0 ? 12 : 12 / keep);
        rig_tcp_abort(&t);
    }
}

/* ---- what is not -------------------------------------------------------------------------------
 */

/* A change of the second frame of two; the rest of it is as it should be, checksums included. */
struct change {
    uint32_t at; /* in the frame; the header of TCP begins at 100 here */
    uint8_t v6, by, merged;
    uint32_t arrive; /* bytes, of both */
};

#define BOTH (2 * SEGMENT)

static void what_is_not_alike_goes_by_itself(void **state)
{
    static const struct change changes[] = {
        {14 + 4, 0, 0xff, 1, BOTH},    /* identification: means nothing */
        {6 + 5, 0, 1, 0, BOTH},        /* another station's */
        {14 + 1, 0, 0x02, 0, BOTH},    /* type of service, ECN */
        {14 + 6, 0, 0x40, 0, BOTH},    /* may be fragmented */
        {14 + 6, 0, 0x20, 0, SEGMENT}, /* a fragment */
        {14 + 8, 0, 1, 0, BOTH},       /* hops */
        {14 + 15, 0, 1, 0, SEGMENT},   /* of another host */
        {14 + 1, 1, 0x10, 0, BOTH},    /* traffic class, */
        {14 + 3, 1, 1, 0, BOTH},       /* flow, */
        {14 + 7, 1, 1, 0, BOTH},       /* hops of IPv6 */
        {100 + 1, 0, 1, 0, SEGMENT},   /* ports */
        {100 + 3, 0, 1, 0, SEGMENT},   {100 + 6, 0, 0x80, 0, SEGMENT}, /* its place */
        {100 + 11, 0, 1, 0, BOTH},                                     /* acknowledgement */
        {100 + 12, 0, 1, 0, BOTH}, /* flags: a reserved one, FIN, PSH, … */
        {100 + 13, 0, 0x01, 0, BOTH},  {100 + 13, 0, 0x08, 1, BOTH},   {100 + 13, 0, 0x10, 0, BOTH},
        {100 + 13, 0, 0x20, 0, BOTH},  {100 + 13, 0, 0x40, 0, BOTH},   {100 + 13, 0, 0x80, 0, BOTH},
        {100 + 15, 0, 1, 0, BOTH}, /* window */
        {100 + 19, 0, 1, 0, BOTH}, /* urgent pointer */
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        const struct change *c = &changes[i];
        const uint32_t at = c->at < 100 ? c->at : c->at - 100 + L4(c->v6);
        uint8_t frame[1600];
        struct rig_tcp t;
        uint32_t len;

        rig_stream_connect(&t, c->v6);
        segment(&t, 0, SEGMENT);
        len = build(frame, &t, SEGMENT, SEGMENT, NULL, 0);
        frame[at] ^= c->by;
        if (!c->v6)
            rig_fix_ip(frame);
        rig_fix_l4(frame, len);
        rig_inject(frame, len);
        rig_pump();
        if (rig_stream.n != c->arrive ||
            rig_stream.calls != (c->arrive == BOTH && !c->merged ? 2 : 1))
            fail_msg("change %u: %u bytes in %u calls", i, rig_stream.n, rig_stream.calls);
        rig_tcp_abort(&t);
        rig_pump();
        arrived(c->arrive, rig_stream.calls);
    }
}

/* The first of a row is no other than the next ones. */
static void what_begins_is_plain(void **state)
{
    static const uint8_t nothing[4] = {1, 1, 1, 1};
    uint8_t frame[1600];

    (void)state;
    for (unsigned how = 0; how < 4; how++) {
        struct rig_tcp t;

        rig_stream_connect(&t, false);
        for (unsigned i = 0; i < 2; i++) {
            const uint32_t len =
                build(frame, &t, i * SEGMENT, SEGMENT, nothing, how == 0 ? sizeof(nothing) : 0);

            if (how == 1)
                frame[L4(false) + 13] |= RIG_PSH;
            if (how == 2)
                frame[L4(false) + 13] |= 0x20; /* URG */
            if (how == 3)
                frame[0] |= 1; /* to a group of stations */
            rig_fix_l4(frame, len);
            rig_inject(frame, len);
        }
        rig_pump();
        arrived(2 * SEGMENT, 2);
        rig_tcp_abort(&t);
    }
}

/* Each segment of a connection that is not there gets its reset, and one that we have closed takes
 * them one by one. */
static void connections_that_are_not_open_see_each(void **state)
{
    struct rig_tcp t;

    (void)state;
    rig_stream_connect(&t, false);
    const uint64_t before = lwip_stats.mib2.tcpoutrsts;
    const uint16_t port = t.rport;

    t.rport = 4711;
    segments(&t, 0, 5);
    rig_pump();
    assert_int_equal(lwip_stats.mib2.tcpoutrsts - before, 5);
    assert_int_equal(rig_stream.calls, 0);
    t.rport = port;
    tcp_shutdown(tcp_active_pcbs, 0, 1);
    rig_pump();
    segments(&t, 0, 5);
    rig_pump();
    arrived(5 * SEGMENT, 5);
    rig_tcp_abort(&t);
}

static void segments_out_of_order_are_kept_one_by_one(void **state)
{
    struct rig_tcp t;
    unsigned n = 0;

    (void)state;
    rig_stream_connect(&t, false);
    const uint64_t answers = rig.guest_frames;

    segments(&t, 2 * SEGMENT, 5);
    rig_pump();
    for (const struct tcp_seg *seg = tcp_active_pcbs->ooseq; seg != NULL; seg = seg->next)
        n++;
    assert_int_equal(n, 5);
    assert_int_equal(rig.guest_frames - answers, 5); /* duplicates, which have it sent again */
    assert_int_equal(rig_stream.calls, 0);
    segments(&t, 0, 2); /* what fills the hole is answered at once, too */
    segments(&t, 7 * SEGMENT, 2);
    rig_pump();
    arrived(9 * SEGMENT, 3);
    assert_int_equal(t.snd_una - rig_stream.first, 9 * SEGMENT);
    segments(&t, 4 * SEGMENT, 3); /* again: nothing comes twice */
    rig_pump();
    assert_int_equal(rig_stream.calls, 0);
    rig_tcp_abort(&t);
}

static void connections_in_turns_are_not_mixed(void **state)
{
    struct rig_tcp t, other;

    (void)state;
    assert_true(rig_tcp_connect(&other, 9));
    rig_stream_connect(&t, false);
    segments(&t, 0, 3);
    rig_tcp_segment(&other, RIG_ACK, other.snd_nxt, other.rcv_nxt, rig_stream.data + 3 * SEGMENT,
                    SEGMENT);
    segments(&t, 3 * SEGMENT, 3);
    rig_pump();
    assert_int_equal(rig_stream.calls, 3);
    assert_int_equal(rig_stream.n, 7 * SEGMENT);
    assert_memory_equal(rig_stream.got, rig_stream.data, 4 * SEGMENT);
    assert_memory_equal(rig_stream.got + 4 * SEGMENT, rig_stream.data + 3 * SEGMENT, 3 * SEGMENT);
    assert_int_equal(t.snd_una - rig_stream.first, 6 * SEGMENT);
    rig_tcp_abort(&t);
    rig_tcp_abort(&other);
}

/* What is beyond the window is not taken, wherever segments end. */
static void window_is_the_limit_of_what_is_merged(void **state)
{
    struct rig_tcp t;

    (void)state;
    rig_stream_connect(&t, false);
    tcp_active_pcbs->rcv_wnd = 3 * SEGMENT + 100;
    segments(&t, 0, 5);
    rig_pump();
    arrived(3 * SEGMENT + 100, 1);
    rig_tcp_abort(&t);
}

/* ---- frames that are wrong ---------------------------------------------------------------------
 */

/* Any of five, in any place where a checksum sees it. */
static void wrong_checksum_costs_one_frame(void **state)
{
    static const uint32_t places[] = {18, 24, 54 - 4, 54 + 500, 54 + SEGMENT - 1};
    uint8_t frame[1600];

    (void)state;
    for (unsigned k = 0; k < 5; k++)
        for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
            const bool ip = places[i] < 34;
            struct rig_tcp t;

            rig_stream_connect(&t, false);
            const struct stats_ before = lwip_stats;

            for (unsigned j = 0; j < 5; j++) {
                const uint32_t len = build(frame, &t, j * SEGMENT, SEGMENT, NULL, 0);

                frame[places[i]] ^= j == k ? 0x10 : 0;
                rig_inject(frame, len);
            }
            rig_pump();
            assert_int_equal(rig_stream.n, k * SEGMENT);
            assert_int_equal(lwip_stats.ip.chkerr - before.ip.chkerr, ip);
            assert_int_equal(lwip_stats.tcp.chkerr - before.tcp.chkerr, !ip);
            assert_int_equal(lwip_stats.tcp.recv - before.tcp.recv, 5 - ip);
            segment(&t, k * SEGMENT, SEGMENT);
            rig_pump();
            arrived(5 * SEGMENT, rig_stream.calls);
            rig_tcp_abort(&t);
        }
}

/* Unless the device vouches for it, or nobody has finished it. */
static void vouched_checksums_are_not_looked_at(void **state)
{
    static const uint8_t offloads[] = {NETBUF_CSUM_VALID, NETBUF_CSUM_PARTIAL};
    uint8_t frame[1600];

    (void)state;
    rig.rx_csum_start = 34;
    rig.rx_csum_offset = 16;
    for (unsigned i = 0; i < 2; i++) {
        struct rig_tcp t;

        rig_stream_connect(&t, false);
        rig.rx_offload = offloads[i];
        for (unsigned j = 0; j < 5; j++) {
            const uint32_t len = build(frame, &t, j * SEGMENT, SEGMENT, NULL, 0);

            frame[50] ^= 0x55;
            rig_inject(frame, len);
        }
        rig_pump();
        rig.rx_offload = 0;
        arrived(5 * SEGMENT, 1);
        rig_tcp_abort(&t);
    }
}

/* Longer than the MTU, or with something behind the packet. */
static void lengths_that_do_not_fit_are_not_merged(void **state)
{
    uint8_t frame[2000] = {0};
    struct rig_tcp t;
    uint32_t len;

    (void)state;
    rig_stream_connect(&t, false);
    rig.rx_offload = NETBUF_CSUM_VALID; /* which would tell */
    segment(&t, 0, SEGMENT);
    rig_inject(frame, build(frame, &t, SEGMENT, SEGMENT, NULL, 0) + 6);
    segment(&t, 2 * SEGMENT, SEGMENT);
    rig_inject(frame, build(frame, &t, 3 * SEGMENT, 1500, NULL, 0));
    segment(&t, 3 * SEGMENT, SEGMENT);
    rig_pump();
    arrived(4 * SEGMENT, 4);
    len = build(frame, &t, 4 * SEGMENT, SEGMENT, NULL, 0);
    segment(&t, 4 * SEGMENT, SEGMENT);
    for (uint32_t cut = 1; cut < len - 14; cut += cut < 100 ? 1 : 97)
        rig_inject(frame, len - cut);
    rig_pump();
    assert_int_equal(rig_stream.n, SEGMENT);
    rig_tcp_abort(&t);
}

/* A device that writes to the headers of what it has delivered changes nothing. */
static void headers_are_those_that_were_looked_at(void **state)
{
    struct rig_tcp t;

    (void)state;
    rig_stream_connect(&t, false);
    rig.meanwhile = rig_scribble;
    segments(&t, 0, 8);
    rig_pump();
    rig.meanwhile = NULL;
    arrived(8 * SEGMENT, 1);
    rig_tcp_abort(&t);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, rig_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(segments_in_a_row_are_one),
        T(time_stamps_that_are_alike_are_merged),
        T(two_small_ones_are_acknowledged_at_once),
        T(push_ends_a_row_and_is_passed_on),
        cmocka_unit_test_setup_teardown(no_more_is_merged_than_a_packet_can_have, setup_jumbo,
                                        rig_teardown),
        T(what_cannot_be_kept_is_not_merged),
        T(what_is_not_alike_goes_by_itself),
        T(what_begins_is_plain),
        T(connections_that_are_not_open_see_each),
        T(segments_out_of_order_are_kept_one_by_one),
        T(connections_in_turns_are_not_mixed),
        T(window_is_the_limit_of_what_is_merged),
        T(wrong_checksum_costs_one_frame),
        T(vouched_checksums_are_not_looked_at),
        T(lengths_that_do_not_fit_are_not_merged),
        T(headers_are_those_that_were_looked_at),
    };
    return cmocka_run_group_tests_name("gro", tests, NULL, NULL);
}
