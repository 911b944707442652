// SPDX-License-Identifier: BSD-3-Clause
/*
 * See ledger_load.h.
 */
#include "ledger_load.h"
#include <stdarg.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>
#include "lwip/priv/tcp_priv.h"
#include "lwip/udp.h"
#include "app.h"
#include "netbuf.h"
#include "netport.h"
#include "netport_priv.h"

enum load_filling load_filling;
struct rig_tcp load_conns[CONFIG_TCP_CONN];
uint32_t load_first_ack[CONFIG_TCP_CONN];

/* ---- a guest ------------------------------------------------------------------------------- */

void load_begin(void (*prepare)(void))
{
    rig_prepare();
    rig.rx_keep = 0;          /* what stays in the NIC's buffers takes nothing of the stack's */
    rig.peer_is_plain = true; /* small segments, windows by the byte */
    rig.impersonated = true;
    if (prepare != NULL)
        prepare();
    rig_start();
    rig_advance_ms(2500);
    rig_drop_frames();
}

int load_end(void **state)
{
    for (unsigned i = 0; i < CONFIG_TCP_CONN; i++)
        rig_tcp_forget(&load_conns[i]);
    rig.tx_stuck = false;
    rig.link_up = true;
    return rig_teardown(state);
}

void load_jumbo(void)
{
    rig.mtu = CONFIG_MTU_MAX;
}

void load_dhcp_everywhere(void)
{
    load_jumbo();
    rig.nics = CONFIG_NICS;
    for (unsigned k = 0; k < CONFIG_NICS; k++) {
        rig.conf.net[k].ip_mode = CONF_IP_AUTO;
        rig.conf.net[k].ip6_mode = CONF_IP_AUTO;
    }
}

void load_static_addresses(void)
{
    rig.nics = CONFIG_NICS;
    for (unsigned k = 0; k < CONFIG_NICS; k++) {
        rig.conf.net[k].ip6_mode = CONF_IP_STATIC;
        memcpy(rig.conf.net[k].ip6, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\1\2\3\4", 16);
    }
}

/* ---- a service that fills its send queues -------------------------------------------------- */

/* Pieces from here do not touch, so none is appended to another. */
static uint8_t far_apart[65536];

void load_fill(struct tcp_pcb *pcb)
{
    for (unsigned i = 0; load_filling != LOAD_EMPTY; i++) {
        const u16_t len = load_filling == LOAD_SEGMENTS ? LOAD_SEG_BYTES : i == 0 ? 2 : 1;

        if (tcp_write(pcb, far_apart + i * 128, len, 0) != ERR_OK)
            break;
    }
}

static err_t fill_sent(void *arg, struct tcp_pcb *pcb, u16_t len)
{
    (void)arg;
    (void)len;
    if (pcb->snd_queuelen == 0)
        load_fill(pcb);
    return ERR_OK;
}

static err_t fill_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
    (void)arg;
    if (err != ERR_OK || pcb == NULL)
        return ERR_VAL;
    tcp_nagle_disable(pcb);
    tcp_recv(pcb, rig_sink_recv);
    tcp_sent(pcb, fill_sent);
    return ERR_OK;
}

void load_listen(void)
{
    rig_listen(LOAD_PORT, fill_accept);
}

/* ---- peers --------------------------------------------------------------------------------- */

void load_connect(unsigned i, unsigned host, bool v6, uint32_t syn_window)
{
    struct rig_tcp *t = &load_conns[i];

    rig.peer_wnd = syn_window;
    rig_tcp_syn_from(t, host, v6, LOAD_PORT);
    t->wnd = 0;
    t->manual_ack = true;
    rig_pump();
    assert_true(t->established);
    load_first_ack[i] = t->rcv_nxt;
    load_fill(tcp_active_pcbs); /* the newest; only now its SYN has left the queue */
    tcp_output(tcp_active_pcbs);
}

void load_window(unsigned i, uint32_t bytes, uint32_t data)
{
    load_conns[i].wnd = bytes + (uint32_t)load_conns[i].rx_len;
    rig_tcp_segment(&load_conns[i], RIG_ACK, load_conns[i].snd_nxt, load_first_ack[i] + data, NULL,
                    0);
}

void load_hole(unsigned i, unsigned n)
{
    rig_tcp_segment(&load_conns[i], RIG_ACK, load_conns[i].snd_nxt + 2 + 2 * n, load_first_ack[i],
                    "x", 1);
    rig_pump();
}

void load_strangers(unsigned first, bool v6, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        uint8_t frame[RIG_FRAME_MAX], syn[20] = {0x9c, 0x40, 0x03, 0xe7, [12] = 0x50, 2, 16};
        const uint32_t len = rig_build_ip(frame, v6, 6, syn, sizeof(syn));

        rig_set_host(frame, len, first + i);
        rig_inject(frame, len);
        rig_pump();
    }
}

static void udp_echo(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *from,
                     u16_t port)
{
    (void)arg;
    udp_sendto(pcb, p, from, port);
    pbuf_free(p);
}

void load_listen_echo(void)
{
    struct udp_pcb *udp = udp_new_ip_type(IPADDR_TYPE_ANY);

    udp_bind(udp, IP_ANY_TYPE, 7);
    udp_recv(udp, udp_echo, NULL);
}

void load_large_frames(unsigned first, bool v6, unsigned n)
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

void load_echo_requests(unsigned first, unsigned n)
{
    static uint8_t frame[RIG_FRAME_MAX], echo[CONFIG_MTU_MAX] = {128};

    for (unsigned i = 0; i < n; i++) {
        const uint32_t len = rig_build_ip(frame, true, 58, echo, CONFIG_MTU_MAX - 40);

        rig_set_host(frame, len, first + i);
        rig_inject(frame, len);
        rig_pump();
    }
}

/* ---- loads --------------------------------------------------------------------------------- */

void load_connections(void)
{
    load_filling = LOAD_EMPTY;
    load_listen();
    for (unsigned i = 0; i < CONFIG_TCP_CONN; i++)
        load_connect(i, 0, i % 2, 0);
}

/* Every send queue is full of segments; the first one is split, for a window that is smaller; then
 * all are sent, and a FIN follows that needs a segment of its own. */
static void fill_queues(void)
{
    struct tcp_pcb *pcb, *next;

    load_filling = LOAD_SEGMENTS;
    load_listen();
    for (unsigned i = 0; i < CONFIG_TCP_CONN; i++)
        load_connect(i, 0, i % 2, 2 * LOAD_SEG_BYTES);
    for (unsigned i = 0; i < CONFIG_TCP_CONN; i++)
        load_window(i, LOAD_SEG_BYTES / 2, 0);
    rig_advance_ms(4 * TCP_SLOW_INTERVAL); /* the persist timer splits after three, nothing is sent
                                              again yet */
    for (unsigned i = 0; i < CONFIG_TCP_CONN; i++) {
        load_window(i, 60000, 0);
        rig_pump();
    }
    for (pcb = tcp_active_pcbs; pcb != NULL; pcb = next) {
        next = pcb->next;
        assert_null(pcb->unsent);
        assert_false(netport_close(pcb));
        rig_pump();
    }
}

/* The first connection takes all of the shared part, every other one as much as is its own, and the
 * last one tries one more. */
static void out_of_order(void)
{
    for (unsigned n = 0; n < CONFIG_OOSEQ_SHARED - 1; n++)
        load_hole(0, n);
    for (unsigned i = 1; i < CONFIG_TCP_CONN; i++) {
        for (unsigned n = 0; n < CONFIG_OOSEQ_OWN; n++)
            load_hole(i, n);
    }
    load_hole(CONFIG_TCP_CONN - 1, CONFIG_OOSEQ_OWN);
    for (unsigned n = 0; n < 100; n++) /* nor does the first get any more */
        load_hole(0, CONFIG_OOSEQ_SHARED + n);
}

void load_segments(void)
{
    fill_queues();
    out_of_order();
}

/* As when all have become too old: what asks for neighbours now finds every place empty. */
static void forget_neighbours(void)
{
    netif_set_down(netif_default);
    netif_set_up(netif_default);
    rig_pump();
    rig_drop_frames();
}

void load_headers(void)
{
    fill_queues();
    forget_neighbours();
    load_strangers(100, true, CONFIG_NEIGHBORS);
    load_strangers(100, false, CONFIG_NEIGHBORS);
}

void load_references(void)
{
    load_filling = LOAD_PIECES;
    load_listen();
    rig.hosts = CONFIG_NEIGHBORS;
    for (unsigned i = 0; i < CONFIG_TCP_CONN; i++)
        load_connect(i, i < STACK_PENDING ? 1 + i / 2 : 0, i % 2, 0);
    rig.arp_silent = true;
    forget_neighbours();
    load_strangers(100, true, CONFIG_NEIGHBORS);
    load_strangers(100, false, CONFIG_NEIGHBORS);
    rig.link_up = false;
    rig_advance_ms(1000); /* they are older than those to come */
    rig.link_up = true;
    rig_pump();
    for (unsigned i = 0; i < STACK_PENDING; i++) {
        load_window(i, 4096, 0);
        rig_pump();
        load_window(i, 0, TCP_SND_QUEUELEN);
        load_first_ack[i] += TCP_SND_QUEUELEN;
        rig_pump();
    }
    for (unsigned i = 0; i < CONFIG_TCP_CONN; i++)
        load_window(i, 1, 0);
    rig_pump();
    rig.link_up = false;
    rig_advance_ms(1600);
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

void load_packets(void)
{
    load_listen_echo();
    load_connections();
    out_of_order();
    forget_neighbours();
    load_large_frames(100, true, CONFIG_NEIGHBORS);
    load_large_frames(100, false, CONFIG_NEIGHBORS);
    if (CONFIG_RX_BIG > 0)
        merged_frame();
    else
        load_large_frames(200, false, 1);
}

/* Answers the guest's newest DHCP message: OFFER to DISCOVER, ACK to REQUEST. */
static void dhcp_answer(uint8_t type, unsigned lease_s)
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
    m[236 + 17] = (uint8_t)(lease_s >> 8);
    m[236 + 18] = (uint8_t)lease_s;
    const uint32_t len = rig_build_udp(frame, false, 67, 68, m, sizeof(m));

    memcpy(frame + 30, "\x0a\x00\x02\x0f", 4);
    rig_fix_ip(frame);
    rig_fix_l4(frame, len);
    rig_inject(frame, len);
    rig_pump();
}

void load_whole_packets(void)
{
    rig.arp_silent = true;
    for (rig.nic = 0; rig.nic < CONFIG_NICS; rig.nic++) {
        const unsigned lease_s = 3600 - 2 * rig.nic * 8; /* half of each is over at once */

        rig_advance_ms(8000); /* the next DISCOVER */
        dhcp_answer(2, lease_s);
        dhcp_answer(5, lease_s);
    }
    rig.nic = 0;
    const uint64_t end_ns = rig.now_ns + 3600ull * 1000000000;

    while (rig_pool_used("POOL_STACK_LARGE_BYTES") < CONFIG_NICS && rig.now_ns < end_ns)
        rig_advance_ms(100);
    load_echo_requests(100, CONFIG_NEIGHBORS + 1);
}

void load_services(void)
{
    for (unsigned i = 0; i < CONFIG_RELAYS; i++)
        rig.conf.relays[i] =
            (struct conf_relay){(uint16_t)(7000 + i), 1, {.version = 4, .ip = RIG_PEER_IP}};
    rig.conf.n_relays = CONFIG_RELAYS;
    rig.conf.services |= SERVICE_RELAY;
    apps_start(&rig.conf);
    for (unsigned i = 0; i < CONFIG_IPERF_STREAM + 1; i++)
        udp_bind(udp_new(), IP_ANY_TYPE, 0); /* as iperf3's clients and a STAMP sender do */
}

void load_timers(void)
{
    load_filling = LOAD_EMPTY;
    load_listen();
    load_connect(0, 0, false, 0);
}

void load_nothing(void)
{
}
