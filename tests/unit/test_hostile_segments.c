// SPDX-License-Identifier: BSD-3-Clause
/*
 * One connection and many segments around the edges of what both sides expect.
 * FUZZ_SEED and FUZZ_TURNS choose them.
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

/* A service that closes after its first reply. */
static err_t brief_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
    err_t result = ERR_OK;

    if (p != NULL)
        result = hostile_echo_recv(arg, pcb, p, err);
    hostile_admitted--;
    return netport_close(pcb) ? ERR_ABRT : result;
}

static err_t brief_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
    const err_t result = hostile_echo_accept(arg, pcb, err);

    if (result == ERR_OK)
        tcp_recv(pcb, brief_recv);
    return result;
}

static void listen_brief(void)
{
    rig_listen(11, brief_accept);
}

/* One segment around the edges of what both sides expect. */
static void odd_segment(struct rig_tcp *t)
{
    static uint8_t data[1460];
    const uint32_t lens[] = {0, 0, 0, 1, 1, 10, 100, 536, 1460}, n = lens[rig_rnd(9)];
    const uint32_t wnd = t->guest_wnd;
    const uint32_t seqs[] = {0,    0,       0,   1,       2,         11,     n,
                             1460, wnd - 1, wnd, wnd - n, wnd - 100, 0u - 1, 0u - n};
    const uint32_t wnds[] = {0, 0, 1, 100, 128, 1460, 3000, 65535};
    uint8_t flags = RIG_ACK;

    if (rig_rnd(8) == 0)
        flags |= RIG_FIN;
    if (rig_rnd(40) == 0)
        flags |= RIG_SYN;
    if (rig_rnd(400) == 0)
        flags |= RIG_RST;
    t->wnd = wnds[rig_rnd(8)];
    t->rx_len = 0;
    rig_tcp_segment(t, flags, t->snd_una + seqs[rig_rnd(14)],
                    t->rcv_nxt - (rig_rnd(3) == 0 ? rig_rnd(3000) : 0), data, n);
}

static void odd_segments_are_survived(void **state)
{
    (void)state;
    const char *turns = getenv("FUZZ_TURNS");
    const unsigned n = turns != NULL ? (unsigned)atoi(turns) / 10 : 30000;
    struct rig_tcp t;
    bool open = false;

    hostile_listen_sinks();
    listen_brief();
    rig.impersonated = true;
    for (unsigned i = 0; i < n; i++) {
        if (!open || t.got_rst || rig_rnd(60) == 0) {
            if (open)
                rig_tcp_forget(&t);
            while (tcp_active_pcbs != NULL && rig_rnd(4) == 0)
                tcp_abort(tcp_active_pcbs);
            rig.peer_is_plain = rig_rnd(2);
            rig.peer_wnd = rig_rnd(4) == 0 ? 0 : 60000;
            rig_tcp_syn(&t, rig_rnd(2), (uint16_t[]){7, 9, 10, 11}[rig_rnd(4)]);
            rig_pump();
            t.manual_ack = true;
            open = true;
        }
        odd_segment(&t);
        if (rig_rnd(3) == 0)
            rig_pump();
        if (rig_rnd(6) == 0)
            rig_advance_ms((uint32_t[]){1, 250, 700, 1500, 6000}[rig_rnd(5)]);
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
    hostile_alive();
}

int main(void)
{
    rig_seed_from("FUZZ_SEED");
    const struct CMUnitTest tests[] = {
        ON_ECHO(odd_segments_are_survived),
    };

    return cmocka_run_group_tests_name("hostile_segments", tests, NULL, NULL);
}
