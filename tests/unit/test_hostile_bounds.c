// SPDX-License-Identifier: BSD-3-Clause
/*
 * Peers that want more than their share: holes, floods, full queues, neighbours that do not answer,
 * clients that vanish. No pool runs out, and others are served.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>
#include "lwip/priv/tcp_priv.h"
#include "hostile_guest.h"
#include "netport.h"
#include "netport_priv.h"
#include "netrig.h"
#include "rig_stack.h"

/* ---- out of order -------------------------------------------------------------------------- */

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
    hostile_alive();
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

/* ---- connections --------------------------------------------------------------------------- */

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
    hostile_alive();
}

/* So many SYNs by one version of IP, of which nobody goes on. */
static void half_open(bool v6, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        struct rig_tcp half;

        rig_tcp_syn(&half, v6, 7);
        rig_tcp_forget(&half);
        rig_pump();
        rig_drop_frames();
    }
}

static unsigned half_open_of(bool v6)
{
    unsigned n = 0;

    for (const struct tcp_pcb *pcb = tcp_active_pcbs; pcb != NULL; pcb = pcb->next)
        n += pcb->state == SYN_RCVD && IP_IS_V6_VAL(pcb->local_ip) == v6;
    return n;
}

/* 0012: whoever is in the middle of a handshake with another address of ours stays. */
static void syn_flood_at_one_address_costs_its_own_places_first(void **state)
{
    (void)state;
    half_open(true, 1);
    half_open(false, 1000);
    assert_int_equal(half_open_of(true), 1);
    assert_int_equal(half_open_of(false), CONFIG_BACKLOG - 1);
    half_open(true, 1000);
    assert_int_equal(half_open_of(true), CONFIG_BACKLOG / 2);
    assert_int_equal(half_open_of(false), CONFIG_BACKLOG / 2);
    rig_advance_ms(25000);
    hostile_alive();
}

/* The application is done with one of its connections. */
static unsigned close_one(void)
{
    struct tcp_pcb *pcb = tcp_active_pcbs;

    while (pcb->state != ESTABLISHED)
        pcb = pcb->next;
    assert_false(netport_close(pcb));
    hostile_admitted--;
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
        rig_listen((u16_t)(20 + k), hostile_echo_accept);
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

    const unsigned room = HOSTILE_ADMITTED_MAX - hostile_admitted;

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
        rig.filter = rig_lose_all;
        rig_tcp_segment(&t, RIG_ACK, t.snd_nxt, t.rcv_nxt, data, 700);
        rig_pump();
        rig.filter = NULL;
        rig_tcp_forget(&t);
    }
    rig.filter = rig_lose_all;
    rig_advance_ms(40 * 60 * 1000); /* retransmissions, at most twelve */
    assert_int_equal(rig_pool_used("TCP_SEG"), 0);
    hostile_alive();
}

/* ---- send queues --------------------------------------------------------------------------- */

static uint8_t far_apart[65536];
static enum { SEGMENTS, PIECES } filling;

/* Fills the queue in the way that needs most of one kind: many segments, or many pieces of payload.
 */
static err_t fill_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
    (void)arg;
    assert_int_equal(err, ERR_OK);
    tcp_recv(pcb, hostile_echo_recv);
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
        pcb = rig_listen(20, fill_accept);
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
    hostile_alive();
}

/* ---- neighbours that do not answer --------------------------------------------------------- */

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
    hostile_alive();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_ECHO(holes_cannot_use_up_the_pool),
        ON_ECHO(data_out_of_order_arrives_in_order),
        ON_ECHO(syn_flood_stops_at_the_backlog),
        ON_ECHO(syn_flood_at_one_address_costs_its_own_places_first),
        ON_ECHO(closing_connections_give_way),
        ON_ECHO(clients_that_vanish_leave_nothing),
        ON_ECHO(full_queues_of_all_connections_fit),
        ON_ECHO(unknown_neighbours_hold_one_packet_each),
    };

    return cmocka_run_group_tests_name("hostile_bounds", tests, NULL, NULL);
}
