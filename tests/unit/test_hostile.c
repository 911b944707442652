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
#include "lwip/priv/tcp_priv.h"
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

/* Like every service it admits no more connections than the ledger says. */
#define ADMITTED_MAX (CONFIG_TCP_CONN - CONFIG_LISTENERS * CONFIG_BACKLOG)
static unsigned admitted;

static void echo_gone(void *arg, err_t err)
{
    (void)arg;
    (void)err;
    admitted--;
}

static err_t echo_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
    static const uint8_t constant[4096];

    (void)arg;
    (void)err;
    if (p == NULL) {
        admitted--;
        return netport_close(pcb) ? ERR_ABRT : ERR_OK;
    }
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
    if (admitted == ADMITTED_MAX) {
        tcp_abort(pcb);
        return ERR_ABRT;
    }
    admitted++;
    tcp_recv(pcb, echo_recv);
    tcp_err(pcb, echo_gone);
    return ERR_OK;
}

static err_t sink_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
    (void)arg;
    (void)err;
    if (p == NULL)
        return netport_close(pcb) ? ERR_ABRT : ERR_OK;
    tcp_recved(pcb, p->tot_len);
    pbuf_free(p);
    return ERR_OK;
}

/* Takes the data but gives no window back. */
static err_t hoard_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
    (void)arg;
    (void)err;
    if (p == NULL)
        return netport_close(pcb) ? ERR_ABRT : ERR_OK;
    pbuf_free(p);
    return ERR_OK;
}

static err_t sink_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
    (void)arg;
    assert_int_equal(err, ERR_OK);
    tcp_recv(pcb, pcb->local_port == 9 ? sink_recv : hoard_recv);
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
    admitted = 0;
    struct tcp_pcb *tcp = tcp_new_ip_type(IPADDR_TYPE_ANY);
    struct udp_pcb *udp = udp_new_ip_type(IPADDR_TYPE_ANY);

    tcp_bind(tcp, IP_ANY_TYPE, 7);
    tcp_accept(tcp_listen_with_backlog(tcp, CONFIG_BACKLOG), echo_accept);
    udp_bind(udp, IP_ANY_TYPE, 7);
    udp_recv(udp, udp_echo, NULL);
    return 0;
}

static void listen_sinks(void)
{
    for (u16_t port = 9; port <= 10; port++) {
        struct tcp_pcb *tcp = tcp_new_ip_type(IPADDR_TYPE_ANY);

        tcp_bind(tcp, IP_ANY_TYPE, port);
        tcp_accept(tcp_listen_with_backlog(tcp, CONFIG_BACKLOG), sink_accept);
    }
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
    while (tcp_active_pcbs != NULL) /* the service's own time-out for idle connections */
        tcp_abort(tcp_active_pcbs);
    rig.impersonated = false;
    alive();
}

/* ---- every truncation of every kind -------------------------------------------------------------
 */

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
    alive();
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
    alive();
}

/* ---- out of order -------------------------------------------------------------------------------
 */

/* Single bytes with holes between them, far more than any pool holds, on as many connections as
 * there may be: each keeps its own share, the shared part goes to whoever came first, nothing
 * fails. */
static void holes_cannot_use_up_the_pool(void **state)
{
    (void)state;
    const unsigned n = CONFIG_TCP_CONN - CONFIG_LISTENERS * CONFIG_BACKLOG;
    struct rig_tcp *t = calloc(n, sizeof(*t));

    for (unsigned i = 0; i < n; i++)
        assert_true(rig_tcp_connect(&t[i], 7));
    for (unsigned turn = 0; turn < 2; turn++) {
        for (unsigned i = 0; i < n; i++) {
            for (unsigned hole = 0; hole < (i < 4 ? 1000u : 20u); hole++)
                rig_tcp_segment(&t[i], RIG_ACK, t[i].snd_nxt + 2 + 2 * hole, t[i].rcv_nxt, "x", 1);
            rig_pump();
        }
        assert_int_equal(netport_alloc_failures(), 0);
        if (turn == 0) /* four took all of the shared part, each other one still has its own */
            assert_true(rig_pool_used("PBUF_POOL") >=
                        CONFIG_OOSEQ_SHARED - STACK_FRAME_PBUFS + (n - 4) * CONFIG_OOSEQ_OWN);
    }
    assert_true(rig_pool_max("PBUF_POOL") <= STACK_OOSEQ + STACK_FRAME_PBUFS);
    assert_true(rig_pool_max("TCP_SEG") <= STACK_OOSEQ + n * STACK_TCP_TX_SEGS);

    /* A connection without holes is not disturbed, and one with holes goes on when they are filled.
     */
    uint8_t reply[100];

    assert_int_equal(rig_tcp_send(&t[n - 1], "y", 1), 1);
    assert_int_equal(rig_tcp_recv(&t[n - 1], reply, 1, 100), 1);
    for (unsigned i = 0; i < n; i++)
        rig_tcp_abort(&t[i]);
    free(t);
    alive();
}

static void data_out_of_order_arrives_in_order(void **state)
{
    (void)state;
    uint8_t reply[3000];
    static uint8_t data[2000];
    struct rig_tcp t;

    assert_true(rig_tcp_connect(&t, 7));
    for (unsigned i = 20; i > 1; i--) /* the last one first */
        rig_tcp_segment(&t, RIG_ACK, t.snd_nxt + 100 * (i - 1), t.rcv_nxt, data, 100);
    rig_pump();
    assert_int_equal(t.rx_len, 0);
    t.snd_nxt += 2000;
    rig_tcp_segment(&t, RIG_ACK, t.snd_nxt - 2000, t.rcv_nxt, data, 100);
    rig_pump();
    assert_int_equal(t.snd_una, t.snd_nxt);
    assert_int_equal(rig_tcp_recv(&t, reply, 2000, 1000), 2000);
    rig_tcp_close(&t);
}

/* ---- connections --------------------------------------------------------------------------------
 */

/* A hundred thousand SYNs: the backlog bounds them, the open connection goes on, the next client
 * gets in when they have timed out. */
static void syn_flood_stops_at_the_backlog(void **state)
{
    (void)state;
    uint8_t frame[RIG_FRAME_MAX], reply[4];
    struct rig_tcp t;

    assert_true(rig_tcp_connect(&t, 7));
    for (unsigned i = 0; i < 100000; i++) {
        uint8_t syn[20] = {(uint8_t)(i >> 8),  (uint8_t)i,  0, 7,
                           (uint8_t)(i >> 16), [12] = 0x50, 2, 16};
        uint32_t len = rig_build_ip(frame, false, 6, syn, sizeof(syn));

        frame[29] = (uint8_t)(3 + i % 250); /* from everywhere in the subnet */
        rig_fix_ip(frame);
        rig_fix_l4(frame, len);
        rig_inject(frame, len);
        if (i % 64 == 63) {
            rig_pump();
            rig_drop_frames();
        }
        if (i % 5000 == 0) {
            assert_int_equal(rig_tcp_send(&t, "ping", 4), 4);
            assert_int_equal(rig_tcp_recv(&t, reply, 4, 100), 4);
        }
    }
    assert_int_equal(rig_pool_used("TCP_PCB"), 1 + CONFIG_BACKLOG);
    assert_int_equal(netport_alloc_failures(), 0);
    rig_tcp_close(&t);
    rig_advance_ms(25000);
    alive();
}

/* The application is done with one of its connections. */
static unsigned close_one(void)
{
    struct tcp_pcb *pcb = tcp_active_pcbs;

    while (pcb->state != ESTABLISHED)
        pcb = pcb->next;
    assert_false(netport_close(pcb));
    admitted--;
    return 1;
}

/* The proof that a SYN never finds the pool of connections empty: every backlog but one is full,
 * and every other place is taken by a connection that is open or that was closed by its application
 * but not by its peer. The closed ones give way to new clients, one by one; the others stay. */
static void closing_connections_give_way(void **state)
{
    (void)state;
    const unsigned n = CONFIG_TCP_CONN - (CONFIG_LISTENERS - 1) * CONFIG_BACKLOG;
    struct rig_tcp *t = calloc(n, sizeof(*t)), *more = calloc(n, sizeof(*t));
    unsigned closed = 0;

    for (unsigned k = 1; k < CONFIG_LISTENERS; k++) {
        struct tcp_pcb *other = tcp_new_ip_type(IPADDR_TYPE_ANY);

        tcp_bind(other, IP_ANY_TYPE, (u16_t)(20 + k));
        tcp_accept(tcp_listen_with_backlog(other, CONFIG_BACKLOG), echo_accept);
        for (unsigned i = 0; i < CONFIG_BACKLOG; i++) {
            struct rig_tcp half;

            rig_tcp_syn(&half, false, (uint16_t)(20 + k));
            rig_tcp_forget(&half);
        }
    }
    for (unsigned i = 0; i < n; i++) {
        if (i >= n - CONFIG_BACKLOG)
            closed += close_one();
        assert_true(rig_tcp_connect(&t[i], 7));
    }
    assert_int_equal(rig_pool_used("TCP_PCB"), CONFIG_TCP_CONN);
    while (closed < n / 2)
        closed += close_one();
    rig_pump(); /* their peers acknowledge the FIN and say no more */
    assert_int_equal(rig_pool_used("TCP_PCB"), CONFIG_TCP_CONN);

    const unsigned room = ADMITTED_MAX - admitted;

    assert_true(room > CONFIG_BACKLOG);
    for (unsigned i = 0; i < room; i++) {
        rig_tcp_syn(&more[i], i % 2, 7);
        rig_pump();
        assert_true(more[i].established);
    }
    assert_int_equal(rig_pool_used("TCP_PCB"), CONFIG_TCP_CONN);
    assert_int_equal(netport_alloc_failures(), 0);
    for (unsigned i = 0; i < room; i++) {
        uint8_t reply[2];

        assert_int_equal(rig_tcp_send(&more[i], "go", 2), 2);
        assert_int_equal(rig_tcp_recv(&more[i], reply, 2, 100), 2);
        rig_tcp_abort(&more[i]);
    }
    for (unsigned i = 0; i < n; i++)
        rig_tcp_forget(&t[i]);
    free(t);
    free(more);
}

/* ---- send queues --------------------------------------------------------------------------------
 */

static uint8_t far_apart[65536];
static enum { SEGMENTS, PIECES } filling;

/* Fills the queue in the way that needs most of one kind: many segments, or many pieces of payload.
 */
static err_t fill_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
    (void)arg;
    assert_int_equal(err, ERR_OK);
    tcp_recv(pcb, echo_recv);
    for (unsigned i = 0;; i += 2) {
        const u16_t len = filling == SEGMENTS ? pcb->mss : 1;

        if (tcp_write(pcb, far_apart + i % 32768, len, 0) != ERR_OK)
            break;
    }
    tcp_output(pcb);
    return ERR_OK;
}

static void full_queues_of_all_connections_fit(void **state)
{
    (void)state;
    const unsigned n = CONFIG_TCP_CONN;
    struct rig_tcp *t = calloc(n, sizeof(*t));
    struct tcp_pcb *pcb;

    rig.peer_wnd = 0; /* takes nothing */
    for (filling = SEGMENTS; filling <= PIECES; filling++) {
        pcb = tcp_new_ip_type(IPADDR_TYPE_ANY);
        tcp_bind(pcb, IP_ANY_TYPE, 20);
        pcb = tcp_listen_with_backlog(pcb, CONFIG_BACKLOG);
        tcp_accept(pcb, fill_accept);
        for (unsigned i = 0; i < n; i++) {
            rig_tcp_syn(&t[i], false, 20);
            t[i].manual_ack = true;
            rig_pump();
            assert_true(t[i].established);
        }
        assert_int_equal(rig_pool_used("TCP_PCB"), n);
        /* Now each may send a few bytes: the segment at the head is split. */
        for (unsigned i = 0; i < n; i++) {
            t[i].wnd = 128;
            rig_tcp_segment(&t[i], RIG_ACK, t[i].snd_nxt, t[i].rcv_nxt, NULL, 0);
        }
        rig_pump();
        rig_advance_ms(10000);
        if (filling == SEGMENTS)
            assert_true(rig_pool_max("TCP_SEG") >=
                        n * LWIP_MIN(CONFIG_TCP_SND_SEGS, CONFIG_TCP_SND_BUF / 1460));
        else
            assert_true(rig_pool_max("PBUF") >= n * (TCP_SND_QUEUELEN - 2));
        assert_int_equal(netport_alloc_failures(), 0);
        assert_int_equal(rig_pool_max("POOL_STACK_LARGE_BYTES"), 0);
        for (unsigned i = 0; i < n; i++)
            rig_tcp_abort(&t[i]);
        tcp_close(pcb);
        rig_advance_ms(3000);
        assert_int_equal(rig_pool_used("TCP_SEG"), 0);
    }
    free(t);
    rig.peer_wnd = 1 << 20;
    alive();
}

/* ---- neighbours that do not answer --------------------------------------------------------------
 */

static void unknown_neighbours_hold_one_packet_each(void **state)
{
    (void)state;
    uint8_t frame[RIG_FRAME_MAX], echo[1400] = {8};

    rig.arp_silent = true;
    for (unsigned turn = 0; turn < 20; turn++) {
        for (unsigned i = 0; i < 200; i++) {
            for (int v6 = 0; v6 < 2; v6++) {
                echo[0] = v6 ? 128 : 8;
                uint32_t len = rig_build_ip(frame, v6, v6 ? 58 : 1, echo, sizeof(echo));

                frame[v6 ? 37 : 29] = (uint8_t)(3 + i);
                if (!v6)
                    rig_fix_ip(frame);
                rig_fix_l4(frame, len);
                rig_inject(frame, len);
            }
        }
        rig_pump();
        rig_advance_ms(300);
    }
    assert_true(rig_pool_used("PBUF_POOL") + rig_pool_used("POOL_STACK_LARGE_BYTES") > 0);
    assert_true(rig_pool_max("POOL_STACK_LARGE_BYTES") >= CONFIG_NEIGHBORS);
    assert_int_equal(netport_alloc_failures(), 0);
    rig_drop_frames();
    rig_advance_ms(20000);
    assert_int_equal(rig_pool_used("PBUF_POOL"), 0);
    assert_int_equal(rig_pool_used("POOL_STACK_LARGE_BYTES"), 0);
    alive();
}

/* ---- what lwIP 2.2.1 does not survive: lwip-port/patches ----------------------------------------
 */

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
    alive();
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
    alive();
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
    alive();
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

    listen_sinks();
    rig.peer_is_plain = true; /* a window below the limit of out-of-order bytes */
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

    listen_sinks();
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

/* ---- one connection, many steps -----------------------------------------------------------------
 */

/* A service that closes after its first reply. */
static err_t brief_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
    err_t result = ERR_OK;

    if (p != NULL)
        result = echo_recv(arg, pcb, p, err);
    admitted--;
    return netport_close(pcb) ? ERR_ABRT : result;
}

static err_t brief_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
    const err_t result = echo_accept(arg, pcb, err);

    if (result == ERR_OK)
        tcp_recv(pcb, brief_recv);
    return result;
}

static void listen_brief(void)
{
    struct tcp_pcb *tcp = tcp_new_ip_type(IPADDR_TYPE_ANY);

    tcp_bind(tcp, IP_ANY_TYPE, 11);
    tcp_accept(tcp_listen_with_backlog(tcp, CONFIG_BACKLOG), brief_accept);
}

/* One segment around the edges of what both sides expect. */
static void odd_segment(struct rig_tcp *t)
{
    static uint8_t data[1460];
    const uint32_t lens[] = {0, 0, 0, 1, 1, 10, 100, 536, 1460}, n = lens[rnd(9)];
    const uint32_t wnd = t->guest_wnd;
    const uint32_t seqs[] = {0,    0,       0,   1,       2,         11,     n,
                             1460, wnd - 1, wnd, wnd - n, wnd - 100, 0u - 1, 0u - n};
    const uint32_t wnds[] = {0, 0, 1, 100, 128, 1460, 3000, 65535};
    uint8_t flags = RIG_ACK;

    if (rnd(8) == 0)
        flags |= RIG_FIN;
    if (rnd(40) == 0)
        flags |= RIG_SYN;
    if (rnd(400) == 0)
        flags |= RIG_RST;
    t->wnd = wnds[rnd(8)];
    t->rx_len = 0;
    rig_tcp_segment(t, flags, t->snd_una + seqs[rnd(14)],
                    t->rcv_nxt - (rnd(3) == 0 ? rnd(3000) : 0), data, n);
}

static void odd_segments_are_survived(void **state)
{
    (void)state;
    const char *turns = getenv("FUZZ_TURNS");
    const unsigned n = turns != NULL ? (unsigned)atoi(turns) / 10 : 30000;
    struct rig_tcp t;
    bool open = false;

    listen_sinks();
    listen_brief();
    rig.impersonated = true;
    for (unsigned i = 0; i < n; i++) {
        if (!open || t.got_rst || rnd(60) == 0) {
            if (open)
                rig_tcp_forget(&t);
            while (tcp_active_pcbs != NULL && rnd(4) == 0)
                tcp_abort(tcp_active_pcbs);
            rig.peer_is_plain = rnd(2);
            rig.peer_wnd = rnd(4) == 0 ? 0 : 60000;
            rig_tcp_syn(&t, rnd(2), (uint16_t[]){7, 9, 10, 11}[rnd(4)]);
            rig_pump();
            t.manual_ack = true;
            open = true;
        }
        odd_segment(&t);
        if (rnd(3) == 0)
            rig_pump();
        if (rnd(6) == 0)
            rig_advance_ms((uint32_t[]){1, 250, 700, 1500, 6000}[rnd(5)]);
        rig_drop_frames();
    }
    rig_pump();
    rig_tcp_forget(&t);
    assert_int_equal(netport_alloc_failures(), 0);
    rig_advance_ms(60000);
    while (tcp_active_pcbs != NULL)
        tcp_abort(tcp_active_pcbs);
    rig.impersonated = false;
    rig.peer_is_plain = false;
    rig.peer_wnd = 1 << 20;
    alive();
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
    alive();
}

/* ---- what goes on after the end -----------------------------------------------------------------
 */

static void clients_that_vanish_leave_nothing(void **state)
{
    (void)state;
    static uint8_t data[5000];

    for (unsigned i = 0; i < 50; i++) {
        struct rig_tcp t;

        assert_true(rig_tcp_connect(&t, 7));
        rig_tcp_send(&t, data, sizeof(data));
        if (i % 3 == 0)
            rig_tcp_fin(&t);
        rig.filter = lose_all;
        rig_tcp_segment(&t, RIG_ACK, t.snd_nxt, t.rcv_nxt, data, 700);
        rig_pump();
        rig.filter = NULL;
        rig_tcp_forget(&t);
    }
    rig.filter = lose_all;
    rig_advance_ms(40 * 60 * 1000); /* retransmissions, at most twelve */
    assert_int_equal(rig_pool_used("TCP_SEG"), 0);
    alive();
}

#define ON_ECHO(f) cmocka_unit_test_setup_teardown(f, setup, rig_teardown)

int main(void)
{
    if (getenv("FUZZ_SEED") != NULL)
        seed = strtoull(getenv("FUZZ_SEED"), NULL, 0);
    const struct CMUnitTest tests[] = {
        ON_ECHO(truncated_frames_are_counted_drops),
        ON_ECHO(frames_that_are_not_for_us_are_counted_drops),
        ON_ECHO(holes_cannot_use_up_the_pool),
        ON_ECHO(data_out_of_order_arrives_in_order),
        ON_ECHO(syn_flood_stops_at_the_backlog),
        ON_ECHO(closing_connections_give_way),
        ON_ECHO(full_queues_of_all_connections_fit),
        ON_ECHO(unknown_neighbours_hold_one_packet_each),
        ON_ECHO(option_without_its_length_is_ignored),
        ON_ECHO(neighbour_option_of_no_length_is_refused),
        ON_ECHO(redirect_to_nobody_is_forgotten),
        ON_ECHO(path_mtu_has_a_floor),
        ON_ECHO(mss_option_after_the_handshake_is_ignored),
        ON_ECHO(segment_across_the_edge_of_the_window_is_trimmed),
        ON_ECHO(data_behind_a_fin_does_not_exceed_the_window),
        ON_ECHO(acknowledged_data_ends_the_persist_timer),
        ON_ECHO(first_window_smaller_than_what_waits),
        ON_ECHO(window_beyond_16_bits_that_reopens_while_the_link_is_down),
        ON_ECHO(short_extension_headers_are_refused),
        ON_ECHO(clients_that_vanish_leave_nothing),
        ON_ECHO(random_frames_are_survived),
        ON_ECHO(odd_segments_are_survived),
    };
    if (getenv("CMOCKA_FILTER") != NULL)
        cmocka_set_test_filter(getenv("CMOCKA_FILTER"));
    return cmocka_run_group_tests_name("hostile", tests, NULL, NULL);
}
