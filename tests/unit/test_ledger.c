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
#include "app.h"
#include "ledger_load.h"
#include "netport.h"
#include "netport_priv.h"
#include "netrig.h"

struct proof {
    const char *pool;
    void (*drive)(void);
    void (*prepare)(void); /* changes to `rig` before the guest starts; NULL = none */
};

static const struct proof proofs[] = {
    {"TCP_PCB", load_connections, NULL},
    {"TCP_SEG", load_segments, NULL},
    {"PBUF", load_references, NULL},
    {"PBUF_POOL", load_packets, load_jumbo},
    {"POOL_STACK_SMALL_BYTES", load_headers, NULL},
    {"POOL_STACK_LARGE_BYTES", load_whole_packets, load_dhcp_everywhere},
    {"TCP_PCB_LISTEN", load_services, NULL},
    {"UDP_PCB", load_services, load_dhcp_everywhere},
    {"SYS_TIMEOUT", load_timers, NULL},
    {"MLD6_GROUP", load_nothing, load_static_addresses},
};
#define PROOFS (sizeof(proofs) / sizeof(proofs[0]))

/* ---- with one element less ----------------------------------------------------------------- */

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
        load_begin(proof->prepare);
        proof->drive();
        judge(0);
    }
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) && WEXITSTATUS(status) == 42;
}

/* ---- the proofs ---------------------------------------------------------------------------- */

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

    load_begin(proof->prepare);
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
    load_begin(proof_of("UDP_PCB")->prepare);
    load_services();
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

/* ---- what the bounds rest on --------------------------------------------------------------- */

/* One connection, whose queue is full of segments. */
static void one_full_queue(void)
{
    load_filling = LOAD_SEGMENTS;
    load_listen();
    load_connect(0, 0, false, 2 * LOAD_SEG_BYTES);
}

/* A window that shrinks after each retransmission asks for the same segment to be split again and
 * again. 0017: a queue has one segment more than it may, not one for each byte. */
static void shrinking_windows_split_one_segment(void **state)
{
    (void)state;
    load_begin(NULL);
    one_full_queue();
    for (uint32_t bytes = LOAD_SEG_BYTES / 2; bytes > 0; bytes--) {
        load_conns[0].wnd = bytes + (uint32_t)load_conns[0].rx_len;
        rig_tcp_segment(&load_conns[0], RIG_ACK, load_conns[0].snd_nxt++, load_first_ack[0], "x",
                        1);
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
    load_begin(NULL);
    one_full_queue();
    load_filling = LOAD_EMPTY;
    assert_false(netport_close(tcp_active_pcbs));
    for (unsigned i = 0; i < 5000 && !load_conns[0].got_fin; i++) {
        load_conns[0].rx_len = 0;
        load_conns[0].wnd = 5;
        rig_tcp_segment(&load_conns[0], RIG_ACK, load_conns[0].snd_nxt, load_conns[0].rcv_nxt, NULL,
                        0);
        rig_advance_ms(500);
    }
    assert_true(load_conns[0].got_fin);
    assert_int_equal(load_conns[0].rcv_nxt - load_first_ack[0],
                     CONFIG_TCP_SND_SEGS * LOAD_SEG_BYTES + 1);
    assert_true(rig_pool_max("TCP_SEG") <= STACK_TCP_TX_SEGS);
}

/* Reassembly would keep what strangers send. Every fragment is dropped when it comes, and counted.
 */
static void fragments_take_no_memory(void **state)
{
    (void)state;
    const unsigned n = 1000;

    load_begin(NULL);
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

#define AT_BOUND(f) cmocka_unit_test_teardown(f, load_end)

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
    };

    if (getenv("CMOCKA_FILTER") != NULL)
        cmocka_set_test_filter(getenv("CMOCKA_FILTER"));
    for (unsigned i = 0; i < PROOFS; i++)
        failure_seen[i] = fails_with_one_less(&proofs[i]);
    return cmocka_run_group_tests_name("ledger", tests, NULL, NULL);
}
