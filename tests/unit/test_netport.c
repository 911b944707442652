// SPDX-License-Identifier: BSD-3-Clause
/*
 * The stack's port against the rig: full rings, several NICs, sleep, time, pools, statistics.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>
#include "lwip/memp.h"
#include "lwip/priv/memp_priv.h"
#include "lwip/udp.h"
#include "json_check.h"
#include "netport.h"
#include "netport_priv.h"
#include "netrig.h"
#include "time.h"
#include "traffic_guest.h"

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
    while (netport_ethif(1)->tx_wanted == 0) {
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
    traffic_listen_source();
    return 0;
}

static void frozen_nic_does_not_slow_the_others(void **state)
{
    freeze_the_second_nic();
    full_ring_resumes_as_soon_as_it_has_room(state);
    assert_true(netport_ethif(1)->tx_wanted > 0);
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

/* On either NIC. */
static void it_is_sent_when_no_nic_has_anything_left(void **state)
{
    uint8_t frame[RIG_FRAME_MAX], echo[56] = {8};

    (void)state;
    rig_inject(frame, rig_build_ip(frame, false, 1, echo, sizeof(echo)));
    rig_pump(); /* the guest knows the way back */
    rig_drop_frames();
    assert_true(netport_is_sent());
    rig.tx_stuck = true;
    rig_inject(frame, rig_build_ip(frame, false, 1, echo, sizeof(echo)));
    rig_pump();
    assert_false(netport_is_sent());
    rig.tx_stuck = false;
    rig_pump();
    rig_drop_frames();
    assert_true(netport_is_sent());
    freeze_the_second_nic();
    assert_false(netport_is_sent());
    rig.second_stuck = false;
    rig_pump();
    rig_drop_frames();
    assert_true(netport_is_sent());
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

static uint64_t announced(void)
{
    struct vnet_totals v;

    vnet_totals(vnet_get(0), &v);
    return v.tx_packets;
}

/* One doorbell for four turns that receive as much as they can; at once, when there is no more. */
static void doorbells_are_shared_by_turns_that_are_full(void **state)
{
    enum { FULL = 9, SEGMENT = 1000 };
    struct rig_tcp t;
    uint64_t before;

    (void)state;
    rig.impersonated = true;
    assert_true(rig_tcp_connect(&t, 9));
    before = announced();
    for (unsigned i = 0; i < FULL * CONFIG_RX_BATCH + 1; i++)
        rig_tcp_segment(&t, RIG_ACK, t.snd_nxt + i * SEGMENT, t.rcv_nxt, traffic_pattern, SEGMENT);
    for (unsigned turn = 1; turn <= FULL; turn++) {
        netport_poll(rig.now_ns);
        netport_flush();
        assert_int_equal(announced() - before, turn / 4 * 4);
    }
    netport_poll(rig.now_ns);
    assert_int_equal(announced() - before, FULL);
    rig_tcp_abort(&t);
}

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
/* An echo request of so many bytes comes and is answered; does the loop wait for the next? */
static bool lingers_after(uint64_t ns, uint32_t n)
{
    uint8_t frame[RIG_FRAME_MAX], echo[1400] = {8};

    rig.now_ns += ns;
    rig_inject(frame, rig_build_ip(frame, false, 1, echo, n));
    rig_pump();
    return netport_lingers(rig.now_ns);
}

static void frames_of_the_nics_decide_whether_the_loop_lingers(void **state)
{
    (void)state;

    lingers_after(0, 56);
    assert_true(lingers_after(50 * NS_PER_US, 56));
    assert_false(lingers_after(50 * NS_PER_US, 1400));
    assert_false(lingers_after(NS_PER_MS, 56));
    assert_true(lingers_after(50 * NS_PER_US, 56));
    assert_false(netport_lingers(rig.now_ns + NS_PER_MS));
}

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
        traffic_listen_sink();
        traffic_listen_source();
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_DEFAULT(full_ring_resumes_as_soon_as_it_has_room),
        ON_OWN(nic_after_a_broken_one_gets_what_was_said_of_it),
        cmocka_unit_test_setup_teardown(frozen_nic_does_not_slow_the_others, setup_two,
                                        rig_teardown),
        ON_DEFAULT(control_answers_while_bulk_fills_the_ring),
        ON_DEFAULT(a_storm_of_requests_loses_no_answer),
        cmocka_unit_test_setup_teardown(it_is_sent_when_no_nic_has_anything_left, setup_two,
                                        rig_teardown),
        ON_DEFAULT(reception_is_due_as_long_as_somebody_says_so),
        ON_DEFAULT(doorbells_are_shared_by_turns_that_are_full),
        ON_DEFAULT(sleep_ends_with_the_next_timer),
        ON_DEFAULT(frames_of_the_nics_decide_whether_the_loop_lingers),
        cmocka_unit_test(clock_wrap_is_not_noticed),
        ON_OWN(pools_are_carved_on_demand),
        ON_DEFAULT(statistics_are_whole),
    };

    return cmocka_run_group_tests_name("netport", tests, NULL, NULL);
}
