// SPDX-License-Identifier: BSD-3-Clause
/*
 * Traffic through the stack and its port on the rig: pings, bulk both ways, windows that close,
 * many connections one after the other.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>
#include "lwip/memp.h"
#include "lwip/tcp.h"
#include "lwip_hooks.h"
#include "netport.h"
#include "netport_priv.h"
#include "netrig.h"
#include "rig_stack.h"
#include "time.h"
#include "traffic_guest.h"

static void ping_of_every_size_is_answered(void **state)
{
    (void)state;
    for (int v6 = 0; v6 < 2; v6++) {
        for (uint32_t len = 8; len <= 1500 - (v6 ? 40u : 20u); len++)
            traffic_ping(v6, len);
    }
}

static void jumbo_ping_is_answered(void **state)
{
    (void)state;
    for (int v6 = 0; v6 < 2; v6++) {
        const uint32_t max = CONFIG_MTU_MAX - (v6 ? 40u : 20u);

        for (uint32_t len = 8; len < max; len += 61)
            traffic_ping(v6, len);
        traffic_ping(v6, max);
    }
}

/* ---- bulk ---------------------------------------------------------------------------------- */

static void sink_takes_megabytes(void **state)
{
    (void)state;
    static uint8_t data[1 << 20];
    struct rig_tcp t;

    assert_true(rig_tcp_connect(&t, 9));
    assert_int_equal(rig_tcp_send(&t, data, sizeof(data)), sizeof(data));
    rig_tcp_close(&t);
    assert_int_equal(rig_sunk, sizeof(data));
    assert_true(rig_tcp_connect6(&t, 9));
    assert_int_equal(rig_tcp_send(&t, data, sizeof(data)), sizeof(data));
    rig_tcp_close(&t);
    assert_int_equal(rig_sunk, 2 * sizeof(data));
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

    for (size_t i = 0; i < sizeof(traffic_pattern); i++)
        traffic_pattern[i] = (uint8_t)(i * 31 + (i >> 8));
    assert_true(rig_tcp_connect(&t, 19));
    for (size_t n = 0; n < sizeof(got); n += sizeof(traffic_pattern))
        assert_int_equal(rig_tcp_recv(&t, got + n, sizeof(traffic_pattern), 1000),
                         sizeof(traffic_pattern));
    for (size_t i = 1; i < sizeof(got) / sizeof(traffic_pattern); i++)
        assert_memory_equal(got, got + i * sizeof(traffic_pattern), sizeof(traffic_pattern));
    rig_tcp_abort(&t);
}

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

/* ---- many connections ---------------------------------------------------------------------- */

static void thousand_connections_leave_nothing(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        struct rig_tcp t;

        assert_true(rig_tcp_connect(&t, 9));
        assert_int_equal(rig_tcp_send(&t, "x", 1), 1);
        rig_tcp_close(&t);
    }
    assert_int_equal(traffic_accepted, 1000);
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
    rig_listen(80, close_accept);
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

/* Says more than its sequence numbers' clock has advanced, and closes. */
static err_t talk_and_close_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
    static const uint8_t text[30000];

    assert_int_equal(tcp_write(pcb, text, sizeof(text), 0), ERR_OK);
    return close_accept(arg, pcb, err);
}

/* From the same port as before. */
static void syn_again(struct rig_tcp *t, uint32_t seq)
{
    t->established = t->got_fin = t->got_rst = false;
    t->snd_una = seq;
    t->snd_nxt = seq + 1;
    t->rcv_edge = 0;
    rig_tcp_segment(t, RIG_SYN, seq, 0, NULL, 0);
    rig_pump();
}

/* 0026: TIME_WAIT is the guest's. Three connections from one port, while no time passes. */
static void port_is_used_again_in_time_wait(void **state)
{
    static uint8_t text[30000];

    (void)state;
    rig_listen(80, talk_and_close_accept);
    for (int v6 = 0; v6 < 2; v6++) {
        struct rig_tcp t;

        rig_tcp_syn(&t, v6, 80);
        for (unsigned i = 0; i < 3; i++) {
            rig_pump();
            assert_int_equal(rig_tcp_recv(&t, text, sizeof(text), 1000), sizeof(text));
            assert_true(t.established && t.got_fin);
            rig_tcp_fin(&t);
            rig_pump();
            const uint32_t last = t.rcv_nxt;

            syn_again(&t, t.snd_nxt + (i == 1 ? 1 : 1u << 30));
            assert_true(t.established && !t.got_rst);
            assert_true((int32_t)(t.rcv_nxt - last) > 0); /* no number that was used before */
        }
        rig_tcp_abort(&t);
    }
    assert_int_equal(rig_pool_used("TCP_PCB"), 0);
}

/* 0026: what may be an old duplicate, or has nobody to talk to, ends no TIME_WAIT. */
static void time_wait_stands_against_other_segments(void **state)
{
    static uint8_t text[30000];
    struct tcp_pcb *listener = rig_listen(80, talk_and_close_accept);
    struct rig_tcp t;

    (void)state;
    rig_tcp_syn(&t, false, 80);
    rig_pump();
    assert_int_equal(rig_tcp_recv(&t, text, sizeof(text), 1000), sizeof(text));
    rig_tcp_fin(&t);
    rig_pump();
    const uint32_t next = t.snd_nxt;

    rig.impersonated = true;
    for (uint32_t back = 0; back <= 1000; back += 500) {
        syn_again(&t, next - back);
        assert_false(t.established);
    }
    rig_tcp_segment(&t, RIG_SYN | RIG_ACK, next + 10, t.rcv_nxt, NULL, 0);
    rig_tcp_segment(&t, RIG_SYN | RIG_FIN, next + 10, t.rcv_nxt, NULL, 0);
    rig_tcp_segment(&t, RIG_SYN | RIG_RST, next + 10, t.rcv_nxt, NULL, 0);
    rig_pump();
    assert_int_equal(rig_pool_used("TCP_PCB"), 1);
    assert_int_equal(tcp_close(listener), ERR_OK);
    syn_again(&t, next + 10);
    assert_true(t.got_rst && !t.established);
    assert_int_equal(rig_pool_used("TCP_PCB"), 1);
    rig_tcp_forget(&t);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_DEFAULT(ping_of_every_size_is_answered),
        ON_JUMBO(jumbo_ping_is_answered),
        ON_DEFAULT(sink_takes_megabytes),
        ON_JUMBO(jumbo_segments_are_taken),
        ON_DEFAULT(source_keeps_its_order),
        ON_DEFAULT(tiny_window_costs_no_copy),
        ON_DEFAULT(closed_window_is_survived_and_resumed),
        ON_DEFAULT(thousand_connections_leave_nothing),
        ON_DEFAULT(time_wait_gives_way_to_new_connections),
        ON_DEFAULT(port_is_used_again_in_time_wait),
        ON_DEFAULT(time_wait_stands_against_other_segments),
        ON_DEFAULT(sequence_numbers_cannot_be_told_from_outside),
    };

    return cmocka_run_group_tests_name("traffic", tests, NULL, NULL);
}
