// SPDX-License-Identifier: BSD-3-Clause
/*
 * Whatever comes when the pools of the stack are as good as empty: nothing fails. LEDGER_SEED and
 * LEDGER_TURNS choose what comes, and for how long.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>
#include "lwip/priv/tcp_priv.h"
#include "lwip/tcp.h"
#include "ledger_load.h"
#include "netport.h"
#include "netport_priv.h"
#include "netrig.h"

/* A new client in the place of one that is gone, with its queue full in one way or the other. */
static void replace(unsigned i)
{
    rig_tcp_segment(&load_conns[i], RIG_RST | RIG_ACK, load_conns[i].snd_nxt, load_first_ack[i],
                    NULL, 0);
    rig_pump();
    load_filling = rig_rnd(2) != 0 ? LOAD_SEGMENTS : LOAD_PIECES;
    rig.peer_wnd = rig_rnd(2) != 0 ? 2 * LOAD_SEG_BYTES : 0;
    rig_tcp_syn_from(&load_conns[i], rig_rnd(2) != 0 ? rig_rnd(CONFIG_NEIGHBORS) : 0, rig_rnd(2),
                     LOAD_PORT);
    load_conns[i].wnd = 0;
    load_conns[i].manual_ack = true;
    rig_pump();
    load_first_ack[i] = load_conns[i].rcv_nxt;
    if (load_conns[i].established && tcp_active_pcbs != NULL &&
        tcp_active_pcbs->state == ESTABLISHED) {
        load_fill(tcp_active_pcbs);
        tcp_output(tcp_active_pcbs);
    }
}

/* Anything that a peer, its network or time can do to a stack whose pools are as good as empty. */
static void something(void)
{
    static const uint32_t windows[] = {0, 1, 2, 5, 16, 31, 64, 1000, 60000};
    const unsigned i = rig_rnd(CONFIG_TCP_CONN);

    switch (rig_rnd(16)) {
    case 0:
    case 1:
        replace(i);
        break;
    case 2: /* what was received is acknowledged */
        load_first_ack[i] = load_conns[i].rcv_nxt;
        load_window(i, windows[rig_rnd(9)], 0);
        break;
    case 3: /* the window shrinks, which needs a byte to be believed */
        load_conns[i].wnd = windows[rig_rnd(9)] + (uint32_t)load_conns[i].rx_len;
        rig_tcp_segment(&load_conns[i], RIG_ACK, load_conns[i].snd_nxt++, load_first_ack[i], "x",
                        1);
        break;
    case 4:
    case 5:
    case 6:
        load_hole(i, rig_rnd(rig_rnd(2) != 0 ? 8 : 3000));
        break;
    case 7: /* the application is done */
        for (struct tcp_pcb *pcb = tcp_active_pcbs; pcb != NULL; pcb = pcb->next) {
            if (rig_rnd(20) == 0 && pcb->state == ESTABLISHED) {
                netport_close(pcb);
                break;
            }
        }
        break;
    case 8:
        load_strangers(100 + rig_rnd(100), rig_rnd(2), 1 + rig_rnd(CONFIG_NEIGHBORS));
        break;
    case 9:
        load_echo_requests(100 + rig_rnd(100), 1 + rig_rnd(CONFIG_NEIGHBORS));
        break;
    case 10:
        load_large_frames(100 + rig_rnd(100), rig_rnd(2), 1 + rig_rnd(CONFIG_NEIGHBORS));
        break;
    case 11:
        rig.arp_silent = rig_rnd(2);
        break;
    case 12:
        rig.link_up = rig_rnd(4) != 0;
        break;
    case 13:
        rig.tx_stuck = rig_rnd(4) == 0;
        break;
    case 14:
        rig_advance_ms(rig_rnd(8) == 0 ? 2000 : rig_rnd(400));
        break;
    default:
        load_window(i, windows[rig_rnd(9)], 0);
        break;
    }
    rig_pump();
    rig_drop_frames();
}

/* From each of the worst states on, again and again: what comes next finds no pool empty either. */
static void nothing_fails_whatever_comes_at_the_edge(void **state)
{
    static void (*const worst[])(void) = {load_segments, load_references, load_packets,
                                          load_headers};
    const char *turns = getenv("LEDGER_TURNS");
    const unsigned n = turns != NULL ? (unsigned)atoi(turns) : 8;

    for (unsigned episode = 0; episode < n; episode++) {
        load_begin(load_jumbo);
        worst[episode % 4]();
        if (worst[episode % 4] != load_packets)
            load_listen_echo();
        rig.hosts = CONFIG_NEIGHBORS;
        for (unsigned i = 0; i < 300; i++) {
            something();
            assert_int_equal(netport_alloc_failures(), 0);
        }
        if (episode < n - 1)
            assert_int_equal(load_end(state), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(nothing_fails_whatever_comes_at_the_edge, load_end),
    };

    rig_seed_from("LEDGER_SEED");
    return cmocka_run_group_tests_name("ledger_edge", tests, NULL, NULL);
}
