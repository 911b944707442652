// SPDX-License-Identifier: BSD-3-Clause
/*
 * Frames that no honest peer sends: every one is a counted drop, nothing reaches an assert or
 * memory that is not its own, and afterwards the guest answers and every pool is idle
 * (rig_teardown()). FUZZ_SEED and FUZZ_TURNS choose the random ones.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>
#include "lwip/priv/tcp_priv.h"
#include "lwip/stats.h"
#include "ethif.h"
#include "hostile_guest.h"
#include "netport.h"
#include "netport_priv.h"
#include "netrig.h"
#include "rig_stack.h"

/* ---- frames to start from ------------------------------------------------------------------ */

static uint32_t arp(uint8_t *frame, uint16_t op)
{
    static const uint8_t fixed[] = {8, 6, 0, 1, 8, 0, 6, 4, 0};

    memset(frame, 0, 60);
    memcpy(frame, rig_guest_mac, 6);
    memcpy(frame + 6, rig_peer_mac, 6);
    memcpy(frame + 12, fixed, sizeof(fixed));
    frame[21] = (uint8_t)op;
    memcpy(frame + 22, rig_peer_mac, 6);
    memcpy(frame + 28, "\x0a\x00\x02\x01", 4);
    memcpy(frame + 38, "\x0a\x00\x02\x02", 4);
    return 60;
}

/* An ICMPv6 message with `n` bytes of body, types and bodies as neighbour discovery has them. */
static uint32_t nd(uint8_t *frame, uint8_t type, uint32_t n)
{
    uint8_t m[256] = {type};

    for (uint32_t i = 4; i < n; i++)
        m[i] = (uint8_t)rig_rnd(256);
    switch (type) {
    case 133: /* RS */
        memcpy(m + 8, "\1\1\2\3\4\5\6\7", 8);
        break;
    case 134: /* RA: lifetime, then link-layer address, MTU, prefix */
        memcpy(m + 16, "\1\1\2\3\4\5\6\7", 8);
        memcpy(m + 24, "\5\1\0\0\0\0\5\334", 8);
        memcpy(m + 32, "\3\4\100\300\0\1\0\0\0\1\0\0\0\0\0\0\x20\1\x0d\xb8", 20);
        break;
    case 135: /* NS for the guest's link-local address */
    case 136:
    case 137:
        memcpy(m + 8, frame + 38, 16);
        memcpy(m + (type == 137 ? 40 : 24), type == 135 ? "\1\1\2\3\4\5\6\7" : "\2\1\2\3\4\5\6\7",
               8);
        break;
    default:
        break;
    }
    return rig_build_ip(frame, true, 58, m, n);
}

/* ---- every truncation of every kind -------------------------------------------------------- */

static uint64_t drops(void)
{
    const struct ethif *e = netport_ethif(0);

    return e->rx_runt + e->rx_oversized + e->rx_source + e->rx_foreign + lwip_stats.etharp.drop +
           lwip_stats.etharp.err + lwip_stats.ip.drop + lwip_stats.ip6.drop +
           lwip_stats.icmp.lenerr + lwip_stats.icmp.chkerr + lwip_stats.icmp.drop +
           lwip_stats.icmp6.drop + lwip_stats.nd6.drop + lwip_stats.udp.drop + lwip_stats.tcp.drop;
}

static void truncated_frames_are_counted_drops(void **state)
{
    (void)state;
    uint8_t frame[RIG_FRAME_MAX], segment[40] = {0x9c, 0x40, 0, 7, [12] = 0x50, 0x10};
    static const uint8_t nd_types[] = {128, 134, 135, 136, 137, 130};

    for (unsigned kind = 0; kind < 6 + sizeof(nd_types); kind++) {
        uint32_t len;

        switch (kind) {
        case 0:
            len = arp(frame, 1) - 18; /* without padding */
            break;
        case 1:
            len = rig_build_ip(frame, false, 1, "\10\0\0\0\0\0\0\0ping", 12);
            break;
        case 2:
        case 3:
            len = rig_build_udp(frame, kind == 3, 30000, 7, "datagram", 8);
            break;
        case 4:
        case 5:
            len = rig_build_ip(frame, kind == 5, 6, segment, sizeof(segment));
            break;
        default:
            len = nd(frame, nd_types[kind - 6], 64);
            break;
        }
        for (uint32_t cut = 0; cut < len; cut++) {
            const uint64_t before = drops();

            rig_inject(frame, cut);
            rig_pump();
            assert_int_equal(drops(), before + 1);
        }
    }
    rig_drop_frames();
    hostile_alive();
}

static void frames_that_are_not_for_us_are_counted_drops(void **state)
{
    (void)state;
    const struct ethif *e = netport_ethif(0);
    uint8_t frame[RIG_FRAME_MAX];
    const uint32_t len = rig_build_udp(frame, false, 30000, 7, "datagram", 8);
    const uint64_t frames = rig.guest_frames;

    frame[5] ^= 1;
    rig_inject(frame, len);
    frame[5] ^= 1;
    frame[6] |= 1; /* from a group address */
    rig_inject(frame, len);
    memcpy(frame + 6, rig_guest_mac, 6); /* from ourselves */
    rig_inject(frame, len);
    memcpy(frame + 6, rig_peer_mac, 6);
    rig_inject(frame, 14 + 1501); /* longer than the MTU */
    rig_pump();
    assert_int_equal(e->rx_foreign, 1);
    assert_int_equal(e->rx_source, 2);
    assert_int_equal(e->rx_oversized, 1);
    assert_int_equal(rig.guest_frames, frames);
    hostile_alive();
}

/* 0008: extension headers and options that end where the packet ends. */
static void short_extension_headers_are_refused(void **state)
{
    (void)state;
    static const uint8_t kinds[] = {0, 43, 44, 60};

    for (unsigned i = 0; i < sizeof(kinds); i++) {
        for (uint32_t n = 0; n < 16; n++) {
            uint8_t frame[RIG_FRAME_MAX], ext[16] = {59, 0, 1, 3, 0, 0, 0, 5};
            const uint64_t before = lwip_stats.ip6.drop;

            rig_inject(frame, rig_build_ip(frame, true, kinds[i], ext, n));
            rig_pump();
            if (n < 8)
                assert_int_equal(lwip_stats.ip6.drop, before + (kinds[i] == 44 ? 1 : 1));
        }
    }
    rig_drop_frames();
    hostile_alive();
}

/* ---- by chance ----------------------------------------------------------------------------- */

static struct rig_tcp victim;
static bool victim_open;

/* A segment of the open connection, near what the guest expects, with random flags and options. */
static uint32_t tcp_segment(uint8_t *frame, bool v6)
{
    uint8_t s[1460] = {0};
    const uint32_t optlen = rig_rnd(11) * 4, n = 20 + optlen + rig_rnd(3) * rig_rnd(400);
    const uint32_t near[] = {0,      1,          0xffffffff,         100, 1460, 65535,
                             262143, 0x7fffffff, rig_rnd(0xffffffff)};
    const uint32_t seq = victim.snd_nxt + near[rig_rnd(9)], ack = victim.rcv_nxt + near[rig_rnd(9)];
    const uint16_t sport = rig_rnd(4) != 0 ? victim.lport : (uint16_t)(40000 + rig_rnd(50));

    s[0] = (uint8_t)(sport >> 8);
    s[1] = (uint8_t)sport;
    s[3] = rig_rnd(16) == 0 ? 0 : 7;
    for (unsigned i = 0; i < 4; i++) {
        s[4 + i] = (uint8_t)(seq >> (24 - 8 * i));
        s[8 + i] = (uint8_t)(ack >> (24 - 8 * i));
    }
    s[12] = (uint8_t)((20 + optlen) / 4 << 4);
    s[13] = (uint8_t)(rig_rnd(3) != 0 ? 16 | (rig_rnd(8) == 0 ? rig_rnd(64) : 0) : rig_rnd(256));
    s[14] = (uint8_t)rig_rnd(256);
    for (uint32_t i = 20; i < 20 + optlen; i++)
        s[i] = (uint8_t)(rig_rnd(2) != 0 ? rig_rnd(12) : rig_rnd(256));
    return rig_build_ip(frame, v6, 6, s, n);
}

static uint32_t any_frame(uint8_t *frame)
{
    static const uint8_t nd_types[] = {1,   2,   3,   4,   128, 129, 130,
                                       131, 132, 133, 134, 135, 136, 137};
    uint8_t body[1408];
    const uint32_t n = rig_rnd(10) == 0 ? rig_rnd(1400) : rig_rnd(80);

    for (uint32_t i = 0; i < n; i++)
        body[i] = (uint8_t)rig_rnd(256);
    switch (rig_rnd(10)) {
    case 0:
        return arp(frame, (uint16_t)rig_rnd(4));
    case 1:
        body[0] = (uint8_t[]){0, 3, 5, 8, 11, 13, 17}[rig_rnd(7)];
        return rig_build_ip(frame, false, 1, body, n + 4);
    case 2:
    case 3:
        return nd(frame, nd_types[rig_rnd(sizeof(nd_types))], 8 + rig_rnd(90));
    case 4:
        return rig_build_udp(frame, rig_rnd(2), (uint16_t)rig_rnd(65536),
                             rig_rnd(2) ? 7 : (uint16_t)rig_rnd(65536), body, n);
    case 5:
        return rig_build_ip(
            frame, rig_rnd(2),
            (uint8_t)(rig_rnd(2) ? rig_rnd(256) : (uint8_t[]){0, 43, 44, 60, 59, 2}[rig_rnd(6)]),
            body, n);
    default:
        return tcp_segment(frame, rig_rnd(2));
    }
}

static void mutate(uint8_t *frame, uint32_t *len)
{
    const bool v6 = frame[12] == 0x86;

    switch (rig_rnd(6)) {
    case 0: /* cut */
        *len = rig_rnd(*len + 1);
        break;
    case 1: /* longer than the headers say */
        if (*len < 1400)
            *len += rig_rnd(60);
        break;
    default:
        break;
    }
    for (uint32_t i = rig_rnd(4); i > 0 && *len > 0; i--)
        frame[rig_rnd(rig_rnd(2) ? *len : (*len < 80 ? *len : 80))] =
            (uint8_t)(rig_rnd(4) ? rig_rnd(256) : (rig_rnd(2) ? 0 : 255));
    if (rig_rnd(4) != 0 && *len > 0) /* mostly still for us */
        memcpy(frame, rig_guest_mac, *len < 6 ? *len : 6);
    if (*len > rig_ip_payload(v6) && rig_rnd(4) != 0) {
        if (rig_rnd(2) != 0) { /* lengths that fit, so that the deeper layers see it */
            const uint32_t n = *len - 14 - (v6 ? 40 : 0);

            frame[v6 ? 18 : 16] = (uint8_t)(n >> 8);
            frame[v6 ? 19 : 17] = (uint8_t)n;
        }
        if (!v6 && frame[12] == 8 && frame[13] == 0 && (frame[14] & 15) == 5)
            rig_fix_ip(frame);
        if (v6 || (frame[14] & 15) == 5)
            rig_fix_l4(frame, *len);
    }
}

static void open_victim(void)
{
    if (victim_open)
        rig_tcp_forget(&victim);
    victim_open = rig_rnd(2) ? rig_tcp_connect(&victim, 7) : rig_tcp_connect6(&victim, 7);
    victim.manual_ack = rig_rnd(2);
}

static void random_frames_are_survived(void **state)
{
    (void)state;
    const char *turns = getenv("FUZZ_TURNS");
    const unsigned n = turns != NULL ? (unsigned)atoi(turns) : 60000;

    victim_open = false;
    rig.impersonated = true;
    for (unsigned i = 0; i < n; i++) {
        uint8_t frame[RIG_FRAME_MAX] = {0};
        uint32_t len;

        if (i % 400 == 0) {
            rig.filter = NULL;
            rig.arp_silent = false;
            open_victim();
            rig.arp_silent = rig_rnd(4) == 0;
            rig.filter = rig_rnd(2) ? rig_lose_all : NULL; /* else the peer's TCP answers as well */
        }
        len = any_frame(frame);
        mutate(frame, &len);
        rig_inject(frame, len);
        if (rig_rnd(8) == 0) {
            rig.filter = rig_lose_all;
            rig_pump();
        }
        if (rig_rnd(64) == 0)
            rig_advance_ms(rig_rnd(400));
        rig_drop_frames();
    }
    rig.filter = rig_lose_all;
    rig_pump();
    if (victim_open)
        rig_tcp_forget(&victim);
    assert_int_equal(netport_alloc_failures(), 0);
    rig_advance_ms(60000);
    while (tcp_active_pcbs != NULL) /* the service's own time-out for idle connections */
        tcp_abort(tcp_active_pcbs);
    rig.impersonated = false;
    hostile_alive();
}

int main(void)
{
    rig_seed_from("FUZZ_SEED");
    const struct CMUnitTest tests[] = {
        ON_ECHO(truncated_frames_are_counted_drops),
        ON_ECHO(frames_that_are_not_for_us_are_counted_drops),
        ON_ECHO(short_extension_headers_are_refused),
        ON_ECHO(random_frames_are_survived),
    };

    return cmocka_run_group_tests_name("hostile_frames", tests, NULL, NULL);
}
