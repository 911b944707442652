// SPDX-License-Identifier: BSD-3-Clause
/*
 * Frames that no honest peer sends: every one is a counted drop, nothing reaches an assert or
 * memory that is not its own, and afterwards the guest answers and every pool is idle
 * (rig_teardown()).
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>
#include "lwip/stats.h"
#include "lwip/tcp.h"
#include "lwip/udp.h"
#include "ethif.h"
#include "netport.h"
#include "netport_priv.h"
#include "netrig.h"

static uint64_t seed = 0x9e3779b97f4a7c15ull;

static uint32_t rnd(uint32_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed >> 20) % below;
}

/* ---- services of a few lines --------------------------------------------------------------------
 */

static err_t echo_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
    static const uint8_t constant[4096];

    (void)arg;
    (void)err;
    if (p == NULL)
        return netport_close(pcb) ? ERR_ABRT : ERR_OK;
    const uint16_t n = p->tot_len < sizeof(constant) ? p->tot_len : (uint16_t)sizeof(constant);

    tcp_recved(pcb, p->tot_len);
    pbuf_free(p);
    tcp_write(pcb, constant, n, 0);
    return ERR_OK;
}

static err_t echo_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
    (void)arg;
    assert_int_equal(err, ERR_OK); /* no SYN ever finds the pool of connections empty */
    tcp_recv(pcb, echo_recv);
    return ERR_OK;
}

static void udp_echo(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *from,
                     u16_t port)
{
    (void)arg;
    udp_sendto(pcb, p, from, port);
    pbuf_free(p);
}

static int setup(void **state)
{
    rig_setup(state);
    struct tcp_pcb *tcp = tcp_new_ip_type(IPADDR_TYPE_ANY);
    struct udp_pcb *udp = udp_new_ip_type(IPADDR_TYPE_ANY);

    tcp_bind(tcp, IP_ANY_TYPE, 7);
    tcp_accept(tcp_listen_with_backlog(tcp, CONFIG_BACKLOG), echo_accept);
    udp_bind(udp, IP_ANY_TYPE, 7);
    udp_recv(udp, udp_echo, NULL);
    return 0;
}

/* The guest still answers, over both protocols. */
static void alive(void)
{
    rig.arp_silent = false;
    rig.filter = NULL;
    rig_advance_ms(6000); /* pending neighbours are given up */
    for (int v6 = 0; v6 < 2; v6++) {
        uint8_t reply[8];
        struct rig_tcp t;

        rig_udp_send(v6, 30000, 7, "ping", 4);
        rig_advance_ms(1500);
        if (rig_udp_recv(30000, reply, sizeof(reply)) != 4) { /* the neighbour was forgotten */
            rig_udp_send(v6, 30000, 7, "ping", 4);
            rig_advance_ms(3000);
            assert_int_equal(rig_udp_recv(30000, reply, sizeof(reply)), 4);
        }
        assert_true(v6 ? rig_tcp_connect6(&t, 7) : rig_tcp_connect(&t, 7));
        assert_int_equal(rig_tcp_send(&t, "hello", 5), 5);
        assert_int_equal(rig_tcp_recv(&t, reply, 5, 1000), 5);
        rig_tcp_close(&t);
    }
    rig_drop_frames();
}

/* ---- frames to start from -----------------------------------------------------------------------
 */

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
        m[i] = (uint8_t)rnd(256);
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

static struct rig_tcp victim;
static bool victim_open;

/* A segment of the open connection, near what the guest expects, with random flags and options. */
static uint32_t tcp_segment(uint8_t *frame, bool v6)
{
    uint8_t s[1460] = {0};
    const uint32_t optlen = rnd(11) * 4, n = 20 + optlen + rnd(3) * rnd(400);
    const uint32_t near[] = {0,      1,          0xffffffff,     100, 1460, 65535,
                             262143, 0x7fffffff, rnd(0xffffffff)};
    const uint32_t seq = victim.snd_nxt + near[rnd(9)], ack = victim.rcv_nxt + near[rnd(9)];
    const uint16_t sport = rnd(4) != 0 ? victim.lport : (uint16_t)(40000 + rnd(50));

    s[0] = (uint8_t)(sport >> 8);
    s[1] = (uint8_t)sport;
    s[3] = rnd(16) == 0 ? 0 : 7;
    for (unsigned i = 0; i < 4; i++) {
        s[4 + i] = (uint8_t)(seq >> (24 - 8 * i));
        s[8 + i] = (uint8_t)(ack >> (24 - 8 * i));
    }
    s[12] = (uint8_t)((20 + optlen) / 4 << 4);
    s[13] = (uint8_t)(rnd(3) != 0 ? 16 | (rnd(8) == 0 ? rnd(64) : 0) : rnd(256));
    s[14] = (uint8_t)rnd(256);
    for (uint32_t i = 20; i < 20 + optlen; i++)
        s[i] = (uint8_t)(rnd(2) != 0 ? rnd(12) : rnd(256));
    return rig_build_ip(frame, v6, 6, s, n);
}

static uint32_t any_frame(uint8_t *frame)
{
    static const uint8_t nd_types[] = {1,   2,   3,   4,   128, 129, 130,
                                       131, 132, 133, 134, 135, 136, 137};
    uint8_t body[1408];
    const uint32_t n = rnd(10) == 0 ? rnd(1400) : rnd(80);

    for (uint32_t i = 0; i < n; i++)
        body[i] = (uint8_t)rnd(256);
    switch (rnd(10)) {
    case 0:
        return arp(frame, (uint16_t)rnd(4));
    case 1:
        body[0] = (uint8_t[]){0, 3, 5, 8, 11, 13, 17}[rnd(7)];
        return rig_build_ip(frame, false, 1, body, n + 4);
    case 2:
    case 3:
        return nd(frame, nd_types[rnd(sizeof(nd_types))], 8 + rnd(90));
    case 4:
        return rig_build_udp(frame, rnd(2), (uint16_t)rnd(65536), rnd(2) ? 7 : (uint16_t)rnd(65536),
                             body, n);
    case 5:
        return rig_build_ip(
            frame, rnd(2), (uint8_t)(rnd(2) ? rnd(256) : (uint8_t[]){0, 43, 44, 60, 59, 2}[rnd(6)]),
            body, n);
    default:
        return tcp_segment(frame, rnd(2));
    }
}

static void mutate(uint8_t *frame, uint32_t *len)
{
    const bool v6 = frame[12] == 0x86;

    switch (rnd(6)) {
    case 0: /* cut */
        *len = rnd(*len + 1);
        break;
    case 1: /* longer than the headers say */
        if (*len < 1400)
            *len += rnd(60);
        break;
    default:
        break;
    }
    for (uint32_t i = rnd(4); i > 0 && *len > 0; i--)
        frame[rnd(rnd(2) ? *len : (*len < 80 ? *len : 80))] =
            (uint8_t)(rnd(4) ? rnd(256) : (rnd(2) ? 0 : 255));
    if (rnd(4) != 0 && *len > 0) /* mostly still for us */
        memcpy(frame, rig_guest_mac, *len < 6 ? *len : 6);
    if (*len > rig_ip_payload(v6) && rnd(4) != 0) {
        if (rnd(2) != 0) { /* lengths that fit, so that the deeper layers see it */
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
    victim_open = rnd(2) ? rig_tcp_connect(&victim, 7) : rig_tcp_connect6(&victim, 7);
    victim.manual_ack = rnd(2);
}

static bool lose_all(const uint8_t *frame, uint32_t len)
{
    (void)frame;
    (void)len;
    return true;
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
            rig.arp_silent = rnd(4) == 0;
            rig.filter = rnd(2) ? lose_all : NULL; /* else the peer's TCP answers as well */
        }
        len = any_frame(frame);
        mutate(frame, &len);
        rig_inject(frame, len);
        if (rnd(8) == 0) {
            rig.filter = lose_all;
            rig_pump();
        }
        if (rnd(64) == 0)
            rig_advance_ms(rnd(400));
        rig_drop_frames();
    }
    rig.filter = lose_all;
    rig_pump();
    if (victim_open)
        rig_tcp_forget(&victim);
    assert_int_equal(netport_alloc_failures(), 0);
    rig_advance_ms(60000);
    rig.impersonated = false;
    alive();
}

int main(void)
{
    if (getenv("FUZZ_SEED") != NULL)
        seed = strtoull(getenv("FUZZ_SEED"), NULL, 0);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(random_frames_are_survived, setup, rig_teardown),
    };
    return cmocka_run_group_tests_name("hostile", tests, NULL, NULL);
}
