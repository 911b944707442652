// SPDX-License-Identifier: BSD-3-Clause
/* The stack and its port against the rig: addresses, readiness, traffic, back-pressure, time. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>
#include "lwip/memp.h"
#include "lwip/priv/memp_priv.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/stats.h"
#include "lwip/tcp.h"
#include "lwip/udp.h"
#include "json_check.h"
#include "lwip_hooks.h"
#include "netport.h"
#include "netport_priv.h"
#include "netrig.h"
#include "time.h"

/* ---- services of a few lines --------------------------------------------------------------------
 */

static uint8_t pattern_bytes[65536];
static uint64_t sunk;
static unsigned accepted;

static err_t sink_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
    (void)arg;
    (void)err;
    if (p == NULL)
        return netport_close(pcb) ? ERR_ABRT : ERR_OK;
    sunk += p->tot_len;
    tcp_recved(pcb, p->tot_len);
    pbuf_free(p);
    return ERR_OK;
}

static err_t sink_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
    (void)arg;
    assert_int_equal(err, ERR_OK);
    accepted++;
    tcp_recv(pcb, sink_recv);
    return ERR_OK;
}

/* Sends the pattern for ever, as much as the stack takes. */
static void source_fill(struct tcp_pcb *pcb)
{
    static uint32_t at;

    for (;;) {
        uint32_t n = sizeof(pattern_bytes) - at;

        if (n > 16384)
            n = 16384;
        if (n > tcp_sndbuf(pcb))
            n = tcp_sndbuf(pcb);
        if (n == 0 || tcp_write(pcb, pattern_bytes + at, (u16_t)n, 0) != ERR_OK)
            break;
        at = (at + n) % (uint32_t)sizeof(pattern_bytes);
    }
    tcp_output(pcb);
}

static err_t source_sent(void *arg, struct tcp_pcb *pcb, u16_t len)
{
    (void)arg;
    (void)len;
    source_fill(pcb);
    return ERR_OK;
}

static err_t source_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
    (void)arg;
    assert_int_equal(err, ERR_OK);
    tcp_recv(pcb, sink_recv);
    tcp_sent(pcb, source_sent);
    source_fill(pcb);
    return ERR_OK;
}

static void listen_on(uint16_t port, tcp_accept_fn accept)
{
    struct tcp_pcb *pcb = tcp_new_ip_type(IPADDR_TYPE_ANY);

    assert_int_equal(tcp_bind(pcb, IP_ANY_TYPE, port), ERR_OK);
    tcp_accept(tcp_listen_with_backlog(pcb, CONFIG_BACKLOG), accept);
}

static int setup(void **state)
{
    sunk = 0;
    accepted = 0;
    rig_setup(state);
    listen_on(9, sink_accept);
    listen_on(19, source_accept);
    return 0;
}

static int setup_jumbo(void **state)
{
    (void)state;
    sunk = 0;
    rig_prepare();
    rig.mtu = CONFIG_MTU_MAX;
    rig_start();
    rig_advance_ms(2500);
    rig_drop_frames();
    listen_on(9, sink_accept);
    return 0;
}

static int prepare(void **state)
{
    (void)state;
    rig_prepare();
    return 0;
}

/* ---- ping ---------------------------------------------------------------------------------------
 */

static void ping(bool v6, uint32_t len)
{
    uint8_t frame[RIG_FRAME_MAX], echo[CONFIG_MTU_MAX] = {v6 ? 128 : 8, 0};
    struct rig_frame f;

    for (uint32_t i = 8; i < len; i++)
        echo[i] = (uint8_t)(i * 7);
    rig_inject(frame, rig_build_ip(frame, v6, v6 ? 58 : 1, echo, len));
    rig_pump();
    assert_true(rig_next_frame(&f));
    assert_int_equal(f.data[rig_ip_payload(v6)], v6 ? 129 : 0);
    assert_memory_equal(f.data + rig_ip_payload(v6) + 4, echo + 4, len - 4);
    assert_false(rig_next_frame(&f));
}

static void ping_of_every_size_is_answered(void **state)
{
    (void)state;
    for (int v6 = 0; v6 < 2; v6++) {
        for (uint32_t len = 8; len <= 1500 - (v6 ? 40u : 20u); len++)
            ping(v6, len);
    }
}

static void jumbo_ping_is_answered(void **state)
{
    (void)state;
    for (int v6 = 0; v6 < 2; v6++) {
        const uint32_t max = CONFIG_MTU_MAX - (v6 ? 40u : 20u);

        for (uint32_t len = 8; len < max; len += 61)
            ping(v6, len);
        ping(v6, max);
    }
}

/* ---- TCP ----------------------------------------------------------------------------------------
 */

static void sink_takes_megabytes(void **state)
{
    (void)state;
    static uint8_t data[1 << 20];
    struct rig_tcp t;

    assert_true(rig_tcp_connect(&t, 9));
    assert_int_equal(rig_tcp_send(&t, data, sizeof(data)), sizeof(data));
    rig_tcp_close(&t);
    assert_int_equal(sunk, sizeof(data));
    assert_true(rig_tcp_connect6(&t, 9));
    assert_int_equal(rig_tcp_send(&t, data, sizeof(data)), sizeof(data));
    rig_tcp_close(&t);
    assert_int_equal(sunk, 2 * sizeof(data));
}

static void jumbo_segments_are_taken(void **state)
{
    sink_takes_megabytes(state);
}

static void source_keeps_its_order(void **state)
{
    (void)state;
    static uint8_t got[1 << 20];
    struct rig_tcp t;

    for (size_t i = 0; i < sizeof(pattern_bytes); i++)
        pattern_bytes[i] = (uint8_t)(i * 31 + (i >> 8));
    assert_true(rig_tcp_connect(&t, 19));
    for (size_t n = 0; n < sizeof(got); n += sizeof(pattern_bytes))
        assert_int_equal(rig_tcp_recv(&t, got + n, sizeof(pattern_bytes), 1000),
                         sizeof(pattern_bytes));
    for (size_t i = 1; i < sizeof(got) / sizeof(pattern_bytes); i++)
        assert_memory_equal(got, got + i * sizeof(pattern_bytes), sizeof(pattern_bytes));
    rig_tcp_abort(&t);
}

static void thousand_connections_leave_nothing(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        struct rig_tcp t;

        assert_true(rig_tcp_connect(&t, 9));
        assert_int_equal(rig_tcp_send(&t, "x", 1), 1);
        rig_tcp_close(&t);
    }
    assert_int_equal(accepted, 1000);
    rig_advance_ms(3000);
    assert_int_equal(rig_pool_used("TCP_PCB"), 0);
    assert_int_equal(rig_pool_used("TCP_SEG"), 0);
    assert_int_equal(netport_alloc_failures(), 0);
}

/* The guest closes first here, so TIME_WAIT is the guest's, a thousand times without the clock
 * moving. */
static err_t close_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
    (void)arg;
    (void)err;
    return netport_close(pcb) ? ERR_ABRT : ERR_OK;
}

static void time_wait_gives_way_to_new_connections(void **state)
{
    (void)state;
    listen_on(80, close_accept);
    for (unsigned i = 0; i < 1000; i++) {
        struct rig_tcp t;

        rig_tcp_syn(&t, false, 80);
        rig_pump();
        assert_true(t.established && t.got_fin);
        rig_tcp_fin(&t);
        rig_tcp_forget(&t);
    }
    assert_int_equal(rig_pool_used("TCP_PCB"), CONFIG_TCP_CONN);
    assert_int_equal(netport_alloc_failures(), 0);
    rig_advance_ms(3000);
    assert_int_equal(rig_pool_used("TCP_PCB"), 0);
}

static void sequence_numbers_cannot_be_told_from_outside(void **state)
{
    (void)state;
    ip_addr_t local = IPADDR4_INIT_BYTES(10, 0, 2, 2), remote = IPADDR4_INIT_BYTES(10, 0, 2, 1);
    const u32_t a = netport_tcp_isn(&local, 80, &remote, 1000);

    assert_int_not_equal(netport_tcp_isn(&local, 80, &remote, 1001), a);
    assert_int_not_equal(netport_tcp_isn(&local, 81, &remote, 1000), a);
    assert_int_equal(netport_tcp_isn(&local, 80, &remote, 1000), a);
    rig.now_ns += NS_PER_S; /* the same connection again: later means higher [RFC 6528] */
    assert_int_equal(netport_tcp_isn(&local, 80, &remote, 1000) - a, 250000);
}

/* ---- small windows ------------------------------------------------------------------------------
 */

static void tiny_window_costs_no_copy(void **state)
{
    (void)state;
    uint8_t got[3000];
    struct rig_tcp t;

    assert_true(rig_tcp_connect(&t, 19));
    rig_tcp_recv(&t, got, sizeof(got), 100);
    t.manual_ack = true;
    rig_advance_ms(10);
    t.rx_len = 0;
    /* All that is in flight is acknowledged, and the window is now smaller than a segment. */
    for (unsigned i = 0; i < 20; i++) {
        t.wnd = 128 * (1 + i % 7);
        rig_tcp_segment(&t, RIG_ACK, t.snd_nxt, t.rcv_nxt, NULL, 0);
        rig_advance_ms(8000);
        assert_true(t.rx_len > 0 && t.rx_len <= t.wnd);
        t.rx_len = 0;
        assert_int_equal(rig_pool_used("POOL_STACK_LARGE_BYTES"), 0);
    }
    t.wnd = 1 << 20;
    t.manual_ack = false;
    rig_tcp_segment(&t, RIG_ACK, t.snd_nxt, t.rcv_nxt, NULL, 0);
    assert_int_equal(rig_tcp_recv(&t, got, sizeof(got), 100), sizeof(got));
    rig_tcp_abort(&t);
    assert_int_equal(rig_pool_max("POOL_STACK_LARGE_BYTES"), 0);
}

static void closed_window_is_survived_and_resumed(void **state)
{
    (void)state;
    static uint8_t got[300000];
    struct rig_tcp t;

    rig.peer_wnd = 100000;
    assert_true(rig_tcp_connect(&t, 19));
    rig_advance_ms(10 * 60 * 1000); /* the client does not read */
    assert_false(t.got_rst);
    assert_true(t.rx_len > 98000);
    assert_int_equal(rig_tcp_recv(&t, got, 90000, 0), 90000);
    rig_pump(); /* the open window is enough, no timer */
    assert_true(t.rx_len > 90000);
    for (size_t n = 0; n < sizeof(got); n += 50000)
        assert_int_equal(rig_tcp_recv(&t, got, 50000, 50), 50000);
    rig_tcp_abort(&t);
}

/* ---- the transmit ring --------------------------------------------------------------------------
 */

static void full_ring_resumes_as_soon_as_it_has_room(void **state)
{
    (void)state;
    static uint8_t got[1 << 20];
    struct rig_tcp t[8];

    for (unsigned i = 0; i < 8; i++)
        assert_true(rig_tcp_connect(&t[i], 19));
    rig_advance_ms(20); /* every congestion window has grown, every receive window is full */
    rig.tx_stuck = true;
    for (unsigned i = 0; i < 8; i++) { /* room at the peer: the guest fills its ring */
        t[i].rx_len = 0;
        rig_tcp_segment(&t[i], RIG_ACK, t[i].snd_nxt, t[i].rcv_nxt, NULL, 0);
        rig_pump();
    }
    assert_true(netport_ethif(0)->tx_busy > 0);
    assert_int_equal(netport_tx_room(&netport_ethif(0)->netif), 0);

    for (unsigned i = 0; i < 8; i++)
        t[i].rx_len = 0;
    rig.tx_stuck = false;
    rig_pump(); /* the clock stands still: only the wake-up can make it go on */
    for (unsigned i = 0; i < 8; i++)
        assert_true(t[i].rx_len > 500000 || rig_tcp_recv(&t[i], got, 500000, 1) == 500000);
    for (unsigned i = 0; i < 8; i++)
        rig_tcp_abort(&t[i]);
    assert_int_equal(netport_alloc_failures(), 0);
}

/* Fills the second NIC's ring with frames that stay there. */
static void freeze_the_second_nic(void)
{
    struct netif *netif = &netport_ethif(1)->netif;
    struct udp_pcb *pcb = udp_new();
    ip_addr_t everybody = IPADDR4_INIT(PP_HTONL(0x0a0003ff));

    rig.second_stuck = true;
    ip_set_option(pcb, SOF_BROADCAST);
    while (!netport_ethif(1)->tx_blocked) {
        struct pbuf *p = pbuf_alloc(PBUF_TRANSPORT, 1000, PBUF_POOL);

        memset(p->payload, 0, p->len);
        udp_sendto_if(pcb, p, &everybody, 9, netif);
        pbuf_free(p);
        netport_flush();
    }
    udp_remove(pcb);
    assert_int_equal(netport_tx_room(netif), 0);
}

/* The first NIC on the bus does not work: the second keeps its number and its keys. */
static void nic_after_a_broken_one_gets_what_was_said_of_it(void **state)
{
    (void)state;
    rig_prepare();
    rig.broken_nics = 1;
    rig.conf.net[1] = rig.conf.net[0];
    rig.conf.net[0] = (struct conf_net){.ip_mode = CONF_IP_OFF, .ip6_mode = CONF_IP_OFF};
    rig_start();
    assert_int_equal(netport_working(), 2);
    assert_string_equal(netport_ip(0), "10.0.2.2/24");
}

static int setup_two(void **state)
{
    (void)state;
    rig_prepare();
    rig.nics = 2;
    rig.conf.net[1] = (struct conf_net){
        .ip_mode = CONF_IP_STATIC, .ip = 0x0a000302, .ip_bits = 24, .ip6_mode = CONF_IP_OFF};
    rig_start();
    rig_advance_ms(2500);
    listen_on(19, source_accept);
    return 0;
}

static void frozen_nic_does_not_slow_the_others(void **state)
{
    freeze_the_second_nic();
    full_ring_resumes_as_soon_as_it_has_room(state);
    assert_true(netport_ethif(1)->tx_blocked);
}

static void control_answers_while_bulk_fills_the_ring(void **state)
{
    (void)state;
    struct rig_tcp t[8];
    struct rig_frame f;
    uint8_t frame[RIG_FRAME_MAX], echo[56] = {8};
    unsigned replies = 0;

    for (unsigned i = 0; i < 8; i++)
        assert_true(rig_tcp_connect(&t[i], 19));
    rig_advance_ms(20);
    rig.tx_stuck = true;
    for (unsigned i = 0; i < 8; i++) {
        t[i].rx_len = 0;
        rig_tcp_segment(&t[i], RIG_ACK, t[i].snd_nxt, t[i].rcv_nxt, NULL, 0);
        rig_pump();
    }
    assert_int_equal(netport_tx_room(&netport_ethif(0)->netif), 0);
    for (unsigned i = 0; i < CONFIG_TX_RESERVE / 2; i++) {
        rig_inject(frame, rig_build_ip(frame, false, 1, echo, sizeof(echo)));
        rig_pump();
    }
    for (unsigned i = 0; i < 8; i++)
        rig_tcp_forget(&t[i]);
    rig.tx_stuck = false;
    rig_pump();
    while (rig_next_frame(&f))
        replies += f.data[12] == 8 && f.data[13] == 0 && f.data[23] == 1 && f.data[34] == 0;
    assert_int_equal(replies, CONFIG_TX_RESERVE / 2);
}

/* More requests at once than the ring can answer: those that wait in the receive ring are answered
 * when the device gives buffers back, none is lost. */
static void a_storm_of_requests_loses_no_answer(void **state)
{
    (void)state;
    struct rig_frame f;
    uint8_t frame[RIG_FRAME_MAX], echo[56] = {8};
    unsigned replies = 0;

    rig_inject(frame, rig_build_ip(frame, false, 1, echo, sizeof(echo)));
    rig_pump(); /* the guest knows the way back */
    rig_drop_frames();
    rig.tx_stuck = true;
    for (unsigned i = 0; i < CONFIG_TX_BUFS + 40; i++)
        rig_inject(frame, rig_build_ip(frame, false, 1, echo, sizeof(echo)));
    rig_pump();
    assert_int_equal(vnet_tx_room(netport_ethif(0)->vn, false), 0);
    rig.tx_stuck = false;
    rig_pump();
    while (rig_next_frame(&f))
        replies += f.data[12] == 8 && f.data[13] == 0 && f.data[23] == 1 && f.data[34] == 0;
    assert_int_equal(replies, CONFIG_TX_BUFS + 40);
    assert_int_equal(netport_ethif(0)->tx_busy, 0);
}

static void reception_is_due_as_long_as_somebody_says_so(void **state)
{
    (void)state;

    netport_rx_due(&netport_ethif(0)->netif);
    netport_poll(rig.now_ns);
    assert_true(rig.rx_due);
    netport_poll(rig.now_ns);
    assert_false(rig.rx_due);
}

/* ---- addresses and readiness --------------------------------------------------------------------
 */

static void static_address_is_ready_at_once(void **state)
{
    (void)state;
    struct rig_frame f;
    bool announced = false;

    rig_start();
    assert_true(netport_ready());
    assert_string_equal(netport_ip(0), "10.0.2.2/24");
    assert_string_equal(netport_ip(1), "");
    while (rig_next_frame(&f)) /* gratuitous ARP: target is our own address */
        announced |= f.data[12] == 8 && f.data[13] == 6 && memcmp(f.data + 28, f.data + 38, 4) == 0;
    assert_true(announced);
}

static void link_decides_about_readiness(void **state)
{
    (void)state;
    rig.link_up = false;
    rig_start();
    rig_advance_ms(3000);
    assert_int_equal(rig.guest_frames, 0);
    assert_false(netport_ready());
    rig.link_up = true;
    rig_pump();
    assert_true(netport_ready());
    assert_true(rig.guest_frames > 0);
    rig.link_up = false;
    rig_pump();
    assert_false(netport_ready());
    rig.link_up = true;
    rig_pump();
    assert_true(netport_ready());
}

static void ipv6_alone_is_ready_after_duplicate_detection(void **state)
{
    (void)state;
    static const uint8_t ip[16] = {0xfd, 0, [15] = 5};

    rig.conf.net[0].ip_mode = CONF_IP_OFF;
    rig.conf.net[0].ip6_mode = CONF_IP_STATIC;
    memcpy(rig.conf.net[0].ip6, ip, sizeof(ip));
    rig_start();
    assert_false(netport_ready());
    assert_string_equal(netport_ip6(0), "");
    rig_advance_ms(2500);
    assert_true(netport_ready());
    assert_string_equal(netport_ip6(0), "fd00::5/64");
    assert_string_equal(netport_ip(0), "");
}

static void ipv6_address_of_somebody_else_is_an_error(void **state)
{
    (void)state;
    static const uint8_t ip[16] = {0xfd, 0, [15] = 5};
    uint8_t claim[32] = {136, [4] = 0x20, [24] = 2, 1, 2, 0, 0, 0, 0, 1}, frame[RIG_FRAME_MAX];

    memcpy(claim + 8, ip, sizeof(ip));
    rig.conf.net[0].ip_mode = CONF_IP_OFF;
    rig.conf.net[0].ip6_mode = CONF_IP_STATIC;
    memcpy(rig.conf.net[0].ip6, ip, sizeof(ip));
    rig_start();
    rig_advance_ms(200);
    assert_int_equal(rig_record_count("error"), 0);
    const uint32_t len = rig_build_ip(frame, true, 58, claim, sizeof(claim));
    frame[21] = 255; /* hop limit [RFC 4861 7.1.2] */
    memset(frame + 38, 0, 16);
    memcpy(frame + 38, "\xff\x02", 2);
    frame[53] = 1;
    rig_fix_l4(frame, len);
    rig_inject(frame, len);
    rig_advance_ms(3000);
    assert_int_equal(rig_record_count("error"), 1); /* once */
    assert_non_null(strstr(rig_record("error"), "FD00::5"));
    assert_string_equal(netport_ip6(0), "fe80::5054:ff:fe12:3456/64");
}

/* An ARP request of the peer for somebody, which says that its sender has the IPv4 address. */
static void arp_from(const uint8_t mac[6], const uint8_t ip[4])
{
    uint8_t f[42] = {[12] = 8, 6, 0, 1, 8, 0, 6, 4, 0, 1, [38] = 10, 0, 2, 77};

    memset(f, 0xff, 6);
    memcpy(f + 6, rig_peer_mac, 6);
    memcpy(f + 22, mac, 6);
    memcpy(f + 28, ip, 4);
    rig_inject(f, sizeof(f));
    rig_pump();
}

static void ipv4_address_of_somebody_else_is_counted(void **state)
{
    (void)state;
    static const uint8_t nobody[4];
    const struct ethif *e = netport_ethif(0);
    uint8_t ours[4];

    memcpy(ours, netif_ip4_addr(&e->netif), sizeof(ours));
    arp_from(rig_peer_mac, nobody);
    arp_from(rig_guest_mac, ours); /* our own, come back */
    assert_int_equal(e->ip_claimed, 0);
    arp_from(rig_peer_mac, ours);
    arp_from(rig_peer_mac, ours);
    assert_int_equal(e->ip_claimed, 2);
    assert_int_equal(rig_record_count("error"), 0); /* anybody can say so */
}

static void no_address_at_all_is_never_ready(void **state)
{
    (void)state;
    rig.conf.net[0].ip_mode = CONF_IP_OFF;
    rig.conf.net[0].ip6_mode = CONF_IP_OFF;
    rig_start();
    rig_advance_ms(20000);
    assert_false(netport_ready());
    assert_int_equal(rig.guest_frames, 0);
}

/* ---- DHCP ---------------------------------------------------------------------------------------
 */

/* The next DHCP message of the guest: its type; -1 if there is none. */
static int dhcp_message(struct rig_frame *f)
{
    while (rig_next_frame(f)) {
        const uint8_t *o = f->data + 14 + 20 + 8 + 240;

        if (f->data[12] != 8 || f->data[13] != 0 || f->data[23] != 17 || f->data[37] != 67)
            continue;
        for (; *o != 255; o += 2 + o[1]) {
            if (*o == 53)
                return o[2];
        }
    }
    return -1;
}

/* What the server offers. */
static struct {
    uint8_t ip[4], mask[4];
} lease = {{10, 0, 2, 15}, {255, 255, 255, 0}};

static void dhcp_reply(const struct rig_frame *request, uint8_t type)
{
    static const uint8_t options[] = {99, 130, 83, 99, 53, 1,  0, 54, 4, 10, 0, 2, 1, 51, 4, 0,
                                      0,  14,  16, 3,  4,  10, 0, 2,  1, 1,  4, 0, 0, 0,  0, 255};
    uint8_t m[300] = {2, 1, 6, 0}, frame[RIG_FRAME_MAX];

    memcpy(m + 4, request->data + 42 + 4, 4); /* xid */
    memcpy(m + 16, lease.ip, 4);
    memcpy(m + 28, rig_guest_mac, 6);
    memcpy(m + 236, options, sizeof(options));
    m[236 + 6] = type;
    memcpy(m + 236 + sizeof(options) - 5, lease.mask, 4);
    const uint32_t len = rig_build_udp(frame, false, 67, 68, m, sizeof(m));
    memcpy(frame + 30, "\xff\xff\xff\xff", 4);
    rig_fix_ip(frame);
    rig_fix_l4(frame, len);
    rig_inject(frame, len);
}

static void dhcp_takes_four_messages_and_no_time(void **state)
{
    (void)state;
    struct rig_frame f;

    rig.conf.net[0].ip_mode = CONF_IP_AUTO;
    rig_start();
    assert_int_equal(dhcp_message(&f), 1); /* DISCOVER went out with bring-up */
    assert_false(netport_ready());
    dhcp_reply(&f, 2);
    rig_pump();
    assert_int_equal(dhcp_message(&f), 3);
    dhcp_reply(&f, 5);
    rig_pump();
    assert_true(netport_ready());
    assert_string_equal(netport_ip(0), "10.0.2.15/24");
    assert_int_equal(rig_record_count("error"), 0);
}

static void dhcp_asks_again(void **state)
{
    (void)state;
    struct rig_frame f;

    rig.conf.net[0].ip_mode = CONF_IP_AUTO;
    rig_start();
    assert_int_equal(dhcp_message(&f), 1);
    rig_advance_ms(2600);
    assert_int_equal(dhcp_message(&f), 1);
    dhcp_reply(&f, 2);
    rig_pump();
    assert_int_equal(dhcp_message(&f), 3);
    dhcp_reply(&f, 6); /* refused: from the beginning, after a while */
    rig_pump();
    rig_advance_ms(400);
    assert_int_equal(dhcp_message(&f), -1);
    rig_advance_ms(800);
    assert_int_equal(dhcp_message(&f), 1);
}

static void dhcp_lease_that_no_host_can_have_is_not_taken(void **state)
{
    (void)state;
    static const struct {
        uint8_t ip[4], mask[4];
    } wrong[] = {
        {{0, 0, 0, 0}, {255, 255, 255, 0}},   {{255, 255, 255, 255}, {255, 255, 255, 0}},
        {{224, 0, 0, 1}, {255, 255, 255, 0}}, {{127, 0, 0, 1}, {255, 0, 0, 0}},
        {{10, 0, 2, 0}, {255, 255, 255, 0}},  {{10, 0, 2, 255}, {255, 255, 255, 0}},
        {{10, 0, 2, 15}, {255, 0, 255, 0}},
    };
    struct rig_frame f;

    rig.conf.net[0].ip_mode = CONF_IP_AUTO;
    rig_start();
    assert_int_equal(dhcp_message(&f), 1);
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        memcpy(&lease, &wrong[i], sizeof(lease));
        dhcp_reply(&f, 2);
        rig_pump();
        assert_int_equal(dhcp_message(&f), -1);
    }
    assert_int_equal(netport_ethif(0)->dhcp_unusable, sizeof(wrong) / sizeof(wrong[0]));
    assert_int_equal(rig_record_count("error"), 1); /* the first says it */

    rig_advance_ms(2600); /* another server's is as good as ever, but its grant is looked at, too */
    assert_int_equal(dhcp_message(&f), 1);
    memcpy(&lease, "\x0a\x00\x02\x0f\xff\xff\xff\x00", sizeof(lease));
    dhcp_reply(&f, 2);
    rig_pump();
    assert_int_equal(dhcp_message(&f), 3);
    lease.ip[3] = 255;
    dhcp_reply(&f, 5);
    rig_pump();
    assert_string_equal(netport_ip(0), "");
    lease.ip[3] = 15;
    dhcp_reply(&f, 5);
    rig_pump();
    assert_string_equal(netport_ip(0), "10.0.2.15/24");
}

static void ipv6_is_enough_when_no_dhcp_server_answers(void **state)
{
    (void)state;
    rig.conf.net[0].ip_mode = CONF_IP_AUTO;
    rig_start();
    rig_advance_ms(4900);
    assert_false(netport_ready());
    rig_advance_ms(200);
    assert_true(netport_ready());
    assert_string_equal(netport_ip(0), "");
    assert_string_equal(netport_ip6(0), "fe80::5054:ff:fe12:3456/64");
}

static void dhcp_on_a_tiny_mtu_is_an_error(void **state)
{
    (void)state;
    rig.conf.net[0].ip_mode = CONF_IP_AUTO;
    rig.mtu = 500;
    rig_start();
    assert_int_equal(rig_record_count("error"), 1);
}

static void ipv6_alone_on_a_small_mtu_is_an_error(void **state)
{
    (void)state;
    rig.conf.net[0] = (struct conf_net){.ip_mode = CONF_IP_OFF, .ip6_mode = CONF_IP_AUTO};
    rig.mtu = 1279;
    rig_start();
    assert_int_equal(rig_record_count("error"), 1);
    assert_non_null(strstr(rig_record("error"), "1280"));
}

/* ---- time ---------------------------------------------------------------------------------------
 */

static void sleep_ends_with_the_next_timer(void **state)
{
    (void)state;
    uint64_t sleep_ns = 3600 * NS_PER_S;

    rig_pump();
    assert_true(netport_may_sleep(&sleep_ns));
    assert_true(sleep_ns > 0 && sleep_ns <= NS_PER_S);
    assert_true(netport_still_idle());
    netport_awake();
    rig.now_ns += sleep_ns;
    sleep_ns = 3600 * NS_PER_S;
    assert_false(netport_may_sleep(&sleep_ns));
    rig_pump();
    rig_inject("a frame is work", 16);
    assert_false(netport_may_sleep(&sleep_ns));
    rig_pump();
    assert_true(netport_may_sleep(&sleep_ns));
    rig_inject("and so is one in between", 25);
    assert_false(netport_still_idle());
    rig_pump();
}

/* Timers work across the points where the 32-bit millisecond clock turns negative or wraps. */
static void clock_wrap_is_not_noticed(void **state)
{
    (void)state;
    static const uint64_t points_ms[] = {0x7fffffff, 0xffffffff};

    for (unsigned i = 0; i < 2; i++) {
        struct rig_tcp t;
        uint8_t got[1000];

        rig_prepare();
        rig.now_ns = (points_ms[i] - 8000) * NS_PER_MS;
        rig_start();
        rig_advance_ms(2500);
        listen_on(9, sink_accept);
        listen_on(19, source_accept);
        assert_true(netport_ip6(0)[0] != 0); /* duplicate detection needs its timer */
        assert_true(rig_tcp_connect(&t, 19));
        assert_int_equal(rig_tcp_recv(&t, got, sizeof(got), 10), sizeof(got));
        t.manual_ack = true; /* nothing is acknowledged: retransmissions, across the point */
        rig_advance_ms(10);
        const uint64_t frames = rig.guest_frames;

        rig_advance_ms(12000);
        assert_true(rig.guest_frames >= frames + 3);
        t.manual_ack = false;
        rig_tcp_segment(&t, RIG_ACK, t.snd_nxt, t.rcv_nxt, NULL, 0);
        assert_int_equal(rig_tcp_recv(&t, got, sizeof(got), 10), sizeof(got));
        rig_tcp_abort(&t);
        assert_true(rig_tcp_connect(&t, 9));
        rig_tcp_close(&t);
        rig_advance_ms(3000);
        assert_int_equal(rig_pool_used("TCP_PCB"), 0);
        rig_teardown(state);
    }
}

/* ---- records ------------------------------------------------------------------------------------
 */

/* The pools' memory is not touched before it is needed: their size costs no boot time. */
static void pools_are_carved_on_demand(void **state)
{
    (void)state;
    rig_start();
    for (unsigned i = 0; i < MEMP_MAX; i++)
        assert_true(*memp_pools[i]->carved <= memp_pools[i]->stats->max);
}

static void statistics_are_whole(void **state)
{
    (void)state;
    static char text[CONFIG_RECORD_MAX];
    struct json j;

    json_init(&j, text, sizeof(text));
    json_object(&j, NULL);
    netport_json(&j);
    json_end_object(&j);
    assert_true(json_finish(&j) > 0);
    assert_true(json_is_valid(text));
    assert_non_null(strstr(text, "{\"name\":\"lwip.TCP_PCB\",\"size\":"));
    assert_non_null(strstr(text, "\"tcp_retransmits\":"));
    assert_true(netport_check());
}

#define ON_DEFAULT(f) cmocka_unit_test_setup_teardown(f, setup, rig_teardown)
#define ON_JUMBO(f)   cmocka_unit_test_setup_teardown(f, setup_jumbo, rig_teardown)
#define ON_OWN(f)     cmocka_unit_test_setup_teardown(f, prepare, rig_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_DEFAULT(ping_of_every_size_is_answered),
        ON_JUMBO(jumbo_ping_is_answered),
        ON_DEFAULT(sink_takes_megabytes),
        ON_JUMBO(jumbo_segments_are_taken),
        ON_DEFAULT(source_keeps_its_order),
        ON_DEFAULT(ipv4_address_of_somebody_else_is_counted),
        ON_DEFAULT(thousand_connections_leave_nothing),
        ON_DEFAULT(time_wait_gives_way_to_new_connections),
        ON_DEFAULT(sequence_numbers_cannot_be_told_from_outside),
        ON_DEFAULT(tiny_window_costs_no_copy),
        ON_DEFAULT(closed_window_is_survived_and_resumed),
        ON_DEFAULT(full_ring_resumes_as_soon_as_it_has_room),
        ON_OWN(nic_after_a_broken_one_gets_what_was_said_of_it),
        cmocka_unit_test_setup_teardown(frozen_nic_does_not_slow_the_others, setup_two,
                                        rig_teardown),
        ON_DEFAULT(control_answers_while_bulk_fills_the_ring),
        ON_DEFAULT(a_storm_of_requests_loses_no_answer),
        ON_DEFAULT(reception_is_due_as_long_as_somebody_says_so),
        ON_OWN(static_address_is_ready_at_once),
        ON_OWN(link_decides_about_readiness),
        ON_OWN(ipv6_alone_is_ready_after_duplicate_detection),
        ON_OWN(ipv6_address_of_somebody_else_is_an_error),
        ON_OWN(no_address_at_all_is_never_ready),
        ON_OWN(dhcp_takes_four_messages_and_no_time),
        ON_OWN(dhcp_asks_again),
        ON_OWN(dhcp_lease_that_no_host_can_have_is_not_taken),
        ON_OWN(ipv6_is_enough_when_no_dhcp_server_answers),
        ON_OWN(dhcp_on_a_tiny_mtu_is_an_error),
        ON_OWN(ipv6_alone_on_a_small_mtu_is_an_error),
        ON_DEFAULT(sleep_ends_with_the_next_timer),
        cmocka_unit_test(clock_wrap_is_not_noticed),
        ON_OWN(pools_are_carved_on_demand),
        ON_DEFAULT(statistics_are_whole),
    };
    return cmocka_run_group_tests_name("netport", tests, NULL, NULL);
}
