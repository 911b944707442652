// SPDX-License-Identifier: BSD-3-Clause
/*
 * The ledger is exact: for each pool of the stack there is something that a peer can do which takes
 * every element of it, nothing fails, and with one element less the same makes an allocation fail.
 *
 * A proof is a function that drives a pool to its bound. Before the tests, main() runs each proof
 * in a process of its own with the pool one element shorter, and keeps whether that pool failed;
 * then the tests run them with the pools as they are.
 */
#include <stdarg.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <setjmp.h>
#include <cmocka.h>
#include "lwip/stats.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/tcp.h"
#include "lwip/udp.h"
#include "app.h"
#include "netport.h"
#include "netport_priv.h"
#include "netbuf.h"
#include "netrig.h"

#define FILL_PORT 77
#define N         CONFIG_TCP_CONN

/* A segment is at most half of the largest window ever offered, so a peer can make it this small:
 * all of a queue then fits the congestion window at once. */
#define SEG_BYTES 32u

/* ---- a service that fills its send queue
 * -----------------------------------------------------------
 */

static uint8_t far_apart[65536]; /* pieces from here do not touch, so none is appended to another */
static enum { EMPTY, SEGMENTS, PIECES } filling;

/* As many segments as the queue takes, or one segment of as many pieces; the first of two bytes, so
 * that it can be split. */
static void fill(struct tcp_pcb *pcb)
{
    for (unsigned i = 0; filling != EMPTY; i++) {
        const u16_t len = filling == SEGMENTS ? SEG_BYTES : i == 0 ? 2 : 1;

        if (tcp_write(pcb, far_apart + i * 128, len, 0) != ERR_OK)
            break;
    }
}

static err_t fill_sent(void *arg, struct tcp_pcb *pcb, u16_t len)
{
    (void)arg;
    (void)len;
    if (pcb->snd_queuelen == 0)
        fill(pcb);
    return ERR_OK;
}

static err_t fill_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
    (void)arg;
    (void)err;
    if (p == NULL)
        return netport_close(pcb) ? ERR_ABRT : ERR_OK;
    tcp_recved(pcb, p->tot_len);
    pbuf_free(p);
    return ERR_OK;
}

static err_t fill_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
    (void)arg;
    if (err != ERR_OK || pcb == NULL)
        return ERR_VAL;
    tcp_nagle_disable(pcb);
    tcp_recv(pcb, fill_recv);
    tcp_sent(pcb, fill_sent);
    return ERR_OK;
}

static void listen_fill(void)
{
    struct tcp_pcb *pcb = tcp_new_ip_type(IPADDR_TYPE_ANY);

    tcp_bind(pcb, IP_ANY_TYPE, FILL_PORT);
    tcp_accept(tcp_listen_with_backlog(pcb, CONFIG_BACKLOG), fill_accept);
}

/* ---- peers -------------------------------------------------------------------------------------
 */

static struct rig_tcp conns[N];
static uint32_t first_ack[N]; /* what is acknowledged by acknowledging nothing */

/* Connection i: the handshake is over, its window is closed, nothing of its data acknowledged. */
static void connect_closed(unsigned i, unsigned host, bool v6, uint32_t syn_window)
{
    struct rig_tcp *t = &conns[i];

    rig.peer_wnd = syn_window;
    rig_tcp_syn_from(t, host, v6, FILL_PORT);
    t->wnd = 0;
    t->manual_ack = true;
    rig_pump();
    assert_true(t->established);
    first_ack[i] = t->rcv_nxt;
    fill(tcp_active_pcbs); /* the newest; only now its SYN has left the queue */
    tcp_output(tcp_active_pcbs);
}

/* Says how large the window is, and acknowledges `data` bytes of what came. */
static void window(unsigned i, uint32_t bytes, uint32_t data)
{
    conns[i].wnd = bytes + (uint32_t)conns[i].rx_len;
    rig_tcp_segment(&conns[i], RIG_ACK, conns[i].snd_nxt, first_ack[i] + data, NULL, 0);
}

/* Strangers ask for a port where nobody listens: each RST waits for an address that does not come,
 * in the place of whatever neighbour was known before. */
static void strangers(unsigned first, bool v6, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        uint8_t frame[RIG_FRAME_MAX], syn[20] = {0x9c, 0x40, 0x03, 0xe7, [12] = 0x50, 2, 16};
        const uint32_t len = rig_build_ip(frame, v6, 6, syn, sizeof(syn));

        rig_set_host(frame, len, first + i);
        rig_inject(frame, len);
        rig_pump();
    }
}

/* ---- the proofs
 * ----------------------------------------------------------------------------------
 */

/* As many connections as there may be. */
static void open_all(void)
{
    filling = EMPTY;
    listen_fill();
    for (unsigned i = 0; i < N; i++)
        connect_closed(i, 0, i % 2, 0);
}

/* Every send queue is full of segments; the first one is split, for a window that is smaller; then
 * all are sent, and a FIN follows that needs a segment of its own. */
static void fill_queues(void)
{
    struct tcp_pcb *pcb, *next;

    filling = SEGMENTS;
    listen_fill();
    for (unsigned i = 0; i < N; i++)
        connect_closed(i, 0, i % 2, 2 * SEG_BYTES);
    for (unsigned i = 0; i < N; i++)
        window(i, SEG_BYTES / 2, 0);
    rig_advance_ms(4 * TCP_SLOW_INTERVAL); /* the persist timer splits after three, nothing is sent
                                              again yet */
    for (unsigned i = 0; i < N; i++) {
        window(i, 60000, 0);
        rig_pump();
    }
    for (pcb = tcp_active_pcbs; pcb != NULL; pcb = next) {
        next = pcb->next;
        assert_null(pcb->unsent);
        assert_false(netport_close(pcb));
        rig_pump();
    }
}

/* Single bytes with holes between them: the first connection takes all of the shared part, every
 * other one as much as is its own, and the last one tries one more. */
static void hole(unsigned i, unsigned n)
{
    rig_tcp_segment(&conns[i], RIG_ACK, conns[i].snd_nxt + 2 + 2 * n, first_ack[i], "x", 1);
    rig_pump();
}

static void out_of_order(void)
{
    for (unsigned n = 0; n < CONFIG_OOSEQ_SHARED - 1; n++)
        hole(0, n);
    for (unsigned i = 1; i < N; i++) {
        for (unsigned n = 0; n < CONFIG_OOSEQ_OWN; n++)
            hole(i, n);
    }
    hole(N - 1, CONFIG_OOSEQ_OWN);
    for (unsigned n = 0; n < 100; n++) /* nor does the first get any more */
        hole(0, CONFIG_OOSEQ_SHARED + n);
}

static void drive_TCP_SEG(void)
{
    fill_queues();
    out_of_order();
}

/* Headers of all queues, then of resets that wait for their neighbours; the last one is made while
 * an address is asked for. */
static void drive_small(void)
{
    fill_queues();
    strangers(100, true, CONFIG_NEIGHBORS);
    strangers(100, false, CONFIG_NEIGHBORS);
}

/* Every neighbour that is unknown holds a segment of as many pieces as a queue has, which its peer
 * has acknowledged without having seen it; every queue is full of pieces again, and the first one
 * of each is split, while the link is down, so that nothing is sent. */
static void drive_PBUF(void)
{
    filling = PIECES;
    listen_fill();
    rig.hosts = CONFIG_NEIGHBORS;
    for (unsigned i = 0; i < N; i++)
        connect_closed(i, i < STACK_PENDING ? 1 + i / 2 : 0, i % 2, 0);
    rig.arp_silent = true;
    strangers(100, true, CONFIG_NEIGHBORS);
    strangers(100, false, CONFIG_NEIGHBORS);
    rig.link_up = false;
    rig_advance_ms(1000); /* they are older than those to come */
    rig.link_up = true;
    rig_pump();
    for (unsigned i = 0; i < STACK_PENDING; i++) {
        window(i, 4096, 0);
        rig_pump();
        window(i, 0, TCP_SND_QUEUELEN);
        first_ack[i] += TCP_SND_QUEUELEN;
        rig_pump();
    }
    for (unsigned i = 0; i < N; i++)
        window(i, 1, 0);
    rig_pump();
    rig.link_up = false;
    rig_advance_ms(1600);
}

static void udp_echo(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *from,
                     u16_t port)
{
    (void)arg;
    udp_sendto(pcb, p, from, port);
    pbuf_free(p);
}

/* Frames as large as they may be, turned round, and held while their neighbour is unknown: pings of
 * IPv4, datagrams of IPv6. */
static void large_frames(unsigned first, bool v6, unsigned n)
{
    static uint8_t frame[RIG_FRAME_MAX], data[CONFIG_MTU_MAX] = {8};

    for (unsigned i = 0; i < n; i++) {
        const uint32_t len =
            v6 ? rig_build_udp(frame, true, 30000, 7, data, CONFIG_MTU_MAX - 40 - 8)
               : rig_build_ip(frame, false, 1, data, CONFIG_MTU_MAX - 20);

        rig_set_host(frame, len, first + i);
        rig_inject(frame, len);
        rig_pump();
    }
}

/* The largest frame there is: segments that the device has merged into a packet of 64 KiB. */
static void merged_frame(void)
{
    static uint8_t frame[14 + 65535], rst[65535 - 20] = {0x9c, 0x40, 0x03, 0xe7, [12] = 0x50, 4};

    rig.rx_offload = NETBUF_MERGED;
    rig_inject(frame, rig_build_ip(frame, false, 6, rst, sizeof(rst)));
    rig.rx_offload = 0;
    rig_pump();
}

static void listen_echo(void)
{
    struct udp_pcb *udp = udp_new_ip_type(IPADDR_TYPE_ANY);

    udp_bind(udp, IP_ANY_TYPE, 7);
    udp_recv(udp, udp_echo, NULL);
}

static void drive_PBUF_POOL(void)
{
    listen_echo();
    open_all();
    out_of_order();
    large_frames(100, true, CONFIG_NEIGHBORS);
    large_frames(100, false, CONFIG_NEIGHBORS);
    if (CONFIG_RX_BIG > 0)
        merged_frame();
    else
        large_frames(200, false, 1);
}

static void jumbo(void)
{
    rig.mtu = CONFIG_MTU_MAX;
}

/* ICMPv6 replies of full size are packets of their own; so are each NIC's requests to its DHCP
 * server, whom nobody knows any more when half of the lease is over. The last reply replaces
 * another. */
static void echo_requests(unsigned first, unsigned n)
{
    static uint8_t frame[RIG_FRAME_MAX], echo[CONFIG_MTU_MAX] = {128};

    for (unsigned i = 0; i < n; i++) {
        const uint32_t len = rig_build_ip(frame, true, 58, echo, CONFIG_MTU_MAX - 40);

        rig_set_host(frame, len, first + i);
        rig_inject(frame, len);
        rig_pump();
    }
}

/* Answers the guest's newest DHCP message: OFFER to DISCOVER, ACK to REQUEST. */
static void dhcp_answer(uint8_t type)
{
    static const uint8_t options[] = {99,  130, 83, 99, 53, 1,  0,  54, 4, 10, 0,
                                      2,   1,   51, 4,  0,  0,  14, 16, 1, 4,  255,
                                      255, 255, 0,  3,  4,  10, 0,  2,  1, 255};
    static struct rig_frame f, question;
    uint8_t m[300] = {2, 1, 6, 0}, frame[RIG_FRAME_MAX];

    while (rig_next_frame(&f)) {
        if (f.data[12] == 8 && f.data[13] == 0 && f.data[23] == 17 && f.data[37] == 67)
            question = f;
    }
    memcpy(m + 4, question.data + 42 + 4, 4); /* xid */
    memcpy(m + 16, "\x0a\x00\x02\x0f", 4);
    memcpy(m + 28, rig_guest_mac, 6);
    memcpy(m + 236, options, sizeof(options));
    m[236 + 6] = type;
    const uint32_t len = rig_build_udp(frame, false, 67, 68, m, sizeof(m));

    memcpy(frame + 30, "\x0a\x00\x02\x0f", 4);
    rig_fix_ip(frame);
    rig_fix_l4(frame, len);
    rig_inject(frame, len);
    rig_pump();
}

static void drive_large(void)
{
    rig.arp_silent = true;
    for (rig.nic = 0; rig.nic < CONFIG_NICS; rig.nic++) {
        rig_advance_ms(8000); /* the next DISCOVER */
        dhcp_answer(2);
        dhcp_answer(5);
    }
    rig.nic = 0;
    const uint64_t end_ns = rig.now_ns + 3600ull * 1000000000;

    while (rig_pool_used("POOL_STACK_LARGE_BYTES") < CONFIG_NICS && rig.now_ns < end_ns)
        rig_advance_ms(100);
    echo_requests(100, CONFIG_NEIGHBORS + 1);
}

static void dhcp_everywhere(void)
{
    jumbo();
    rig.nics = CONFIG_NICS;
    for (unsigned k = 0; k < CONFIG_NICS; k++) {
        rig.conf.net[k].ip_mode = CONF_IP_AUTO;
        rig.conf.net[k].ip6_mode = CONF_IP_AUTO;
    }
}

/* All services, and DHCP. */
static void drive_services(void)
{
    apps_start(&rig.conf);
}

/* Every timer of the stack runs: those that run always, and TCP's. */
static void drive_timers(void)
{
    filling = EMPTY;
    listen_fill();
    connect_closed(0, 0, false, 0);
}

/* Each NIC has two addresses whose last bytes differ. */
static void static_addresses(void)
{
    rig.nics = CONFIG_NICS;
    for (unsigned k = 0; k < CONFIG_NICS; k++) {
        rig.conf.net[k].ip6_mode = CONF_IP_STATIC;
        memcpy(rig.conf.net[k].ip6, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\1\2\3\4", 16);
    }
}

static void drive_nothing(void)
{
}

struct proof {
    const char *pool;
    void (*drive)(void);
    void (*prepare)(void); /* changes to `rig` before the guest starts; NULL = none */
};

static const struct proof proofs[] = {
    {"TCP_PCB", open_all, NULL},
    {"TCP_SEG", drive_TCP_SEG, NULL},
    {"PBUF", drive_PBUF, NULL},
    {"PBUF_POOL", drive_PBUF_POOL, jumbo},
    {"POOL_STACK_SMALL_BYTES", drive_small, NULL},
    {"POOL_STACK_LARGE_BYTES", drive_large, dhcp_everywhere},
    {"TCP_PCB_LISTEN", drive_services, NULL},
    {"UDP_PCB", drive_services, dhcp_everywhere},
    {"SYS_TIMEOUT", drive_timers, NULL},
    {"MLD6_GROUP", drive_nothing, static_addresses},
};
#define PROOFS (sizeof(proofs) / sizeof(proofs[0]))

static void begin(const struct proof *proof)
{
    rig_prepare();
    rig.peer_is_plain = true; /* small segments, windows by the byte */
    rig.impersonated = true;
    if (proof->prepare != NULL)
        proof->prepare();
    rig_start();
    rig_advance_ms(2500);
    rig_drop_frames();
}

/* ---- with one element less
 * -----------------------------------------------------------------------
 */

static bool failure_seen[PROOFS];
static const struct proof *shortened;

/* However it ends: by itself, by an assertion of the test, or by one of lwIP's. */
static void judge(int signal)
{
    (void)signal;
    _exit(rig_pool_failures(shortened->pool) > 0 ? 42 : 1);
}

static void end_early(void)
{
    judge(0);
}

static bool fails_with_one_less(const struct proof *proof)
{
    int status = 0;
    const pid_t child = fork();

    if (child == 0) {
        shortened = proof;
        atexit(end_early);
        signal(SIGABRT, judge);
        if (freopen("/dev/null", "w", stderr) == NULL)
            _exit(2);
        rig_pool_shorten(proof->pool);
        begin(proof);
        proof->drive();
        judge(0);
    }
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) && WEXITSTATUS(status) == 42;
}

/* ---- the tests
 * -----------------------------------------------------------------------------------
 */

static const struct proof *proof_of(const char *pool)
{
    for (unsigned i = 0; i < PROOFS; i++) {
        if (strcmp(proofs[i].pool, pool) == 0)
            return &proofs[i];
    }
    fail_msg("pool %s has no proof", pool);
    return NULL;
}

static void is_at_bound(const struct proof *proof)
{
    assert_int_equal(rig_pool_max(proof->pool), rig_pool_size(proof->pool));
    assert_int_equal(netport_alloc_failures(), 0);
    assert_true(failure_seen[proof - proofs]);
}

static void prove(const char *pool)
{
    const struct proof *proof = proof_of(pool);

    begin(proof);
    proof->drive();
    is_at_bound(proof);
}

#define PROOF(name, pool)                                                                          \
    static void name(void **state)                                                                 \
    {                                                                                              \
        (void)state;                                                                               \
        prove(pool);                                                                               \
    }

PROOF(connections_reach_their_bound, "TCP_PCB")
PROOF(segments_reach_their_bound, "TCP_SEG")
PROOF(payload_references_reach_their_bound, "PBUF")
PROOF(received_packets_reach_their_bound, "PBUF_POOL")
PROOF(headers_reach_their_bound, "POOL_STACK_SMALL_BYTES")
PROOF(whole_packets_reach_their_bound, "POOL_STACK_LARGE_BYTES")
PROOF(timers_reach_their_bound, "SYS_TIMEOUT")
PROOF(groups_reach_their_bound, "MLD6_GROUP")

/* Services start once in the life of a program. */
static void ports_reach_their_bounds(void **state)
{
    (void)state;
    begin(proof_of("UDP_PCB"));
    drive_services();
    is_at_bound(proof_of("UDP_PCB"));
    is_at_bound(proof_of("TCP_PCB_LISTEN"));
}

static void every_pool_has_its_proof(void **state)
{
    (void)state;
    unsigned n = 0;

    for (const char *const *name = rig_pool_names(); *name != NULL; name++, n++)
        assert_non_null(proof_of(*name));
    assert_int_equal(n, PROOFS);
}

/* ---- what the bounds rest on
 * ---------------------------------------------------------------------
 */

/* A window that shrinks after each retransmission asks for the same segment to be split again and
 * again. 0017: a queue has one segment more than it may, not one for each byte. */
static void shrinking_windows_split_one_segment(void **state)
{
    (void)state;
    static const struct proof none;

    begin(&none);
    filling = SEGMENTS;
    listen_fill();
    connect_closed(0, 0, false, 2 * SEG_BYTES);
    for (uint32_t bytes = SEG_BYTES / 2; bytes > 0; bytes--) {
        conns[0].wnd = bytes + (uint32_t)conns[0].rx_len;
        rig_tcp_segment(&conns[0], RIG_ACK, conns[0].snd_nxt++, first_ack[0], "x", 1);
        rig_advance_ms(6000);
    }
    assert_non_null(tcp_active_pcbs);
    assert_true(rig_pool_max("TCP_SEG") > CONFIG_TCP_SND_SEGS);
    assert_true(rig_pool_max("TCP_SEG") <= STACK_TCP_TX_SEGS);
}

/* A peer that takes five bytes at a time, of a queue that is full and has its FIN behind it. */
static void small_window_empties_a_full_queue(void **state)
{
    (void)state;
    static const struct proof none;

    begin(&none);
    filling = SEGMENTS;
    listen_fill();
    connect_closed(0, 0, false, 2 * SEG_BYTES);
    filling = EMPTY;
    assert_false(netport_close(tcp_active_pcbs));
    for (unsigned i = 0; i < 5000 && !conns[0].got_fin; i++) {
        conns[0].rx_len = 0;
        conns[0].wnd = 5;
        rig_tcp_segment(&conns[0], RIG_ACK, conns[0].snd_nxt, conns[0].rcv_nxt, NULL, 0);
        rig_advance_ms(500);
    }
    assert_true(conns[0].got_fin);
    assert_int_equal(conns[0].rcv_nxt - first_ack[0], CONFIG_TCP_SND_SEGS * SEG_BYTES + 1);
    assert_true(rig_pool_max("TCP_SEG") <= STACK_TCP_TX_SEGS);
}

/* Reassembly would keep what strangers send. Every fragment is dropped when it comes, and counted.
 */
static void fragments_take_no_memory(void **state)
{
    (void)state;
    static const struct proof none;
    const unsigned n = 1000;

    begin(&none);
    const unsigned long long before4 = lwip_stats.ip.drop, before6 = lwip_stats.ip6.drop;

    for (unsigned i = 0; i < n; i++) {
        uint8_t frame[RIG_FRAME_MAX],
            data[1008] = {17, 0, 0, 1, 0, 0, (uint8_t)(i >> 8), (uint8_t)i};
        uint32_t len = rig_build_ip(frame, false, 17, data, 1000);

        frame[20] = 0x20; /* more follow */
        rig_fix_ip(frame);
        rig_inject(frame, len);
        rig_inject(frame, rig_build_ip(frame, true, 44, data, sizeof(data)));
        rig_pump();
        assert_int_equal(rig_pool_used("PBUF_POOL"), 0);
    }
    assert_int_equal(lwip_stats.ip.drop - before4, n);
    assert_int_equal(lwip_stats.ip6.drop - before6, n);
    assert_int_equal(rig_pool_max("PBUF_POOL"), 1);
    assert_int_equal(netport_alloc_failures(), 0);
}

/* ---- at the edge ------------------------------------------------------------------------------
 */

static uint64_t seed = 0x9e3779b97f4a7c15ull;

static uint32_t rnd(uint32_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed >> 20) % below;
}

/* A new client in the place of one that is gone, with its queue full in one way or the other. */
static void replace(unsigned i)
{
    rig_tcp_segment(&conns[i], RIG_RST | RIG_ACK, conns[i].snd_nxt, first_ack[i], NULL, 0);
    rig_pump();
    filling = rnd(2) != 0 ? SEGMENTS : PIECES;
    rig.peer_wnd = rnd(2) != 0 ? 2 * SEG_BYTES : 0;
    rig_tcp_syn_from(&conns[i], rnd(2) != 0 ? rnd(CONFIG_NEIGHBORS) : 0, rnd(2), FILL_PORT);
    conns[i].wnd = 0;
    conns[i].manual_ack = true;
    rig_pump();
    first_ack[i] = conns[i].rcv_nxt;
    if (conns[i].established && tcp_active_pcbs != NULL && tcp_active_pcbs->state == ESTABLISHED) {
        fill(tcp_active_pcbs);
        tcp_output(tcp_active_pcbs);
    }
}

/* Anything that a peer, its network or time can do to a stack whose pools are as good as empty. */
static void something(void)
{
    static const uint32_t windows[] = {0, 1, 2, 5, 16, 31, 64, 1000, 60000};
    const unsigned i = rnd(N);

    switch (rnd(16)) {
    case 0:
    case 1:
        replace(i);
        break;
    case 2: /* what was received is acknowledged */
        first_ack[i] = conns[i].rcv_nxt;
        window(i, windows[rnd(9)], 0);
        break;
    case 3: /* the window shrinks, which needs a byte to be believed */
        conns[i].wnd = windows[rnd(9)] + (uint32_t)conns[i].rx_len;
        rig_tcp_segment(&conns[i], RIG_ACK, conns[i].snd_nxt++, first_ack[i], "x", 1);
        break;
    case 4:
    case 5:
    case 6:
        hole(i, rnd(rnd(2) != 0 ? 8 : 3000));
        break;
    case 7: /* the application is done */
        for (struct tcp_pcb *pcb = tcp_active_pcbs; pcb != NULL; pcb = pcb->next) {
            if (rnd(20) == 0 && pcb->state == ESTABLISHED) {
                netport_close(pcb);
                break;
            }
        }
        break;
    case 8:
        strangers(100 + rnd(100), rnd(2), 1 + rnd(CONFIG_NEIGHBORS));
        break;
    case 9:
        echo_requests(100 + rnd(100), 1 + rnd(CONFIG_NEIGHBORS));
        break;
    case 10:
        large_frames(100 + rnd(100), rnd(2), 1 + rnd(CONFIG_NEIGHBORS));
        break;
    case 11:
        rig.arp_silent = rnd(2);
        break;
    case 12:
        rig.link_up = rnd(4) != 0;
        break;
    case 13:
        rig.tx_stuck = rnd(4) == 0;
        break;
    case 14:
        rig_advance_ms(rnd(8) == 0 ? 2000 : rnd(400));
        break;
    default:
        window(i, windows[rnd(9)], 0);
        break;
    }
    rig_pump();
    rig_drop_frames();
}

static int end(void **state)
{
    for (unsigned i = 0; i < N; i++)
        rig_tcp_forget(&conns[i]);
    rig.tx_stuck = false;
    rig.link_up = true;
    return rig_teardown(state);
}

/* From each of the worst states on, again and again: what comes next finds no pool empty either. */
static void nothing_fails_whatever_comes_at_the_edge(void **state)
{
    static void (*const worst[])(void) = {drive_TCP_SEG, drive_PBUF, drive_PBUF_POOL, drive_small};
    static const struct proof large = {.prepare = jumbo};
    const char *turns = getenv("LEDGER_TURNS");
    const unsigned n = turns != NULL ? (unsigned)atoi(turns) : 8;

    for (unsigned episode = 0; episode < n; episode++) {
        begin(&large);
        worst[episode % 4]();
        if (worst[episode % 4] != drive_PBUF_POOL)
            listen_echo();
        rig.hosts = CONFIG_NEIGHBORS;
        for (unsigned i = 0; i < 300; i++) {
            something();
            assert_int_equal(netport_alloc_failures(), 0);
        }
        if (episode < n - 1)
            assert_int_equal(end(state), 0);
    }
}

#define AT_BOUND(f) cmocka_unit_test_teardown(f, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        AT_BOUND(connections_reach_their_bound),
        AT_BOUND(segments_reach_their_bound),
        AT_BOUND(payload_references_reach_their_bound),
        AT_BOUND(received_packets_reach_their_bound),
        AT_BOUND(headers_reach_their_bound),
        AT_BOUND(whole_packets_reach_their_bound),
        AT_BOUND(ports_reach_their_bounds),
        AT_BOUND(timers_reach_their_bound),
        AT_BOUND(groups_reach_their_bound),
        cmocka_unit_test(every_pool_has_its_proof),
        AT_BOUND(shrinking_windows_split_one_segment),
        AT_BOUND(small_window_empties_a_full_queue),
        AT_BOUND(fragments_take_no_memory),
        AT_BOUND(nothing_fails_whatever_comes_at_the_edge),
    };

    if (getenv("LEDGER_SEED") != NULL)
        seed = strtoull(getenv("LEDGER_SEED"), NULL, 0);
    if (getenv("CMOCKA_FILTER") != NULL)
        cmocka_set_test_filter(getenv("CMOCKA_FILTER"));
    for (unsigned i = 0; i < PROOFS; i++)
        failure_seen[i] = fails_with_one_less(&proofs[i]);
    return cmocka_run_group_tests_name("ledger", tests, NULL, NULL);
}
