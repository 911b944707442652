// SPDX-License-Identifier: BSD-3-Clause
/*
 * The virtio-net driver's real source against the simulated device, which watches each access (see
 * tests/sim/sim.h) while it behaves, and while it does not.
 *
 * test_virtio_net_legacy.c includes this file with OVER_LEGACY set: whatever is not about the
 * modern interface holds over the other one too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "config.h"
#include "sim.h"
#include "virtio_net.h"

#ifndef OVER_LEGACY
#define OVER_LEGACY 0
#endif

#define MS      1000000ull

#define RUNNING (OVER_LEGACY ? 0x07 : 0x0f) /* the device's status once it is up */

static bool packed; /* the format of all rings; every test runs with both */
static struct sim_nic *nic;
static struct vnet *vn;
static struct vnet_options opt[CONFIG_NICS];
static struct netbuf *frames[CONFIG_RX_RING];
static uint8_t frame[65536];

static int setup(void **state)
{
    (void)state;
    sim_power_on();
    nic = OVER_LEGACY ? sim_add_legacy_nic(3) : sim_add_nic(3);
    nic->offer |= packed ? SIM_F_RING_PACKED : 0;
    memset(opt, 0, sizeof(opt));
    vn = NULL;
    for (unsigned i = 0; i < sizeof(frame); i++)
        frame[i] = (uint8_t)(i * 31 + (i >> 8));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    if (vn != NULL) {
        sim_settled(nic);
        assert_true(vnet_check(vn));
    }
    sim_power_off();
    return 0;
}

static void again(void)
{
    vn = NULL;
    sim_power_off();
    setup(NULL);
}

static void up(void)
{
    assert_int_equal(vnet_probe(opt), 1);
    vn = vnet_get(0);
}

static void turn(uint64_t ns)
{
    sim_now_ns += ns;
    vnet_heartbeat(vn, sim_now_ns);
}

static void refused(const char *why)
{
    assert_int_equal(vnet_probe(opt), 0);
    assert_int_equal(sim_records("nic"), 0);
    assert_int_equal(sim_records("error"), 1);
    if (strstr(sim_record("error"), why) == NULL)
        fail_msg("%s", sim_record("error"));
    assert_false(sim_fn_masters(nic->fn));
}

static void after_the_reset_traffic_flows(unsigned resets);

static bool nic_record_has(const char *text)
{
    bool has = strstr(sim_record("nic"), text) != NULL;

    if (!has)
        print_error("%s not in %s\n", text, sim_record("nic"));
    return has;
}

/* Receives everything there is; returns how many frames, after a look at each. */
static unsigned receive(void)
{
    unsigned n, total = 0;

    while ((n = vnet_rx_poll(vn, frames, CONFIG_RX_RING)) > 0) {
        assert_true(n <= CONFIG_RX_BATCH);
        for (unsigned i = 0; i < n; i++) {
            assert_memory_equal(netbuf_frame(frames[i]), frame, frames[i]->len);
            vnet_rx_release(vn, frames[i]);
        }
        total += n;
    }
    return total;
}

static bool send(uint32_t len)
{
    struct netbuf *nb = vnet_tx_get(vn, true);

    if (nb == NULL)
        return false;
    memcpy(netbuf_frame(nb), frame, len);
    nb->len = len;
    if (vnet_tx(vn, nb))
        return true;
    vnet_tx_put(vn, nb);
    return false;
}

/* One frame each way: the device works, and so do we. */
static void traffic_flows(void)
{
    uint64_t before = nic->tx_frames;

    assert_true(sim_rx(nic, frame, 60));
    assert_int_equal(receive(), 1);
    assert_true(send(100));
    vnet_tx_flush(vn);
    assert_int_equal(sim_tx(nic, 10), 1);
    assert_int_equal(nic->tx_frames, before + 1);
    assert_int_equal(nic->tx_last_len, 100);
    assert_memory_equal(nic->tx_last, frame, 100);
    assert_int_equal(vnet_tx_reclaim(vn), 1);
    assert_true(vnet_check(vn));
}

/* A number of the element `queue` of the stats. */
static uint64_t stat(const char *queue, const char *key)
{
    static char text[4096];
    char needle[64];
    const char *at;
    struct json j;
    unsigned long long v;

    json_init(&j, text, sizeof(text));
    json_array(&j, NULL);
    vnet_json_queues(vn, &j);
    json_end_array(&j);
    assert_true(json_finish(&j) > 0);
    snprintf(needle, sizeof(needle), "\"queue\":\"%s\"", queue);
    at = strstr(text, needle);
    assert_non_null(at);
    snprintf(needle, sizeof(needle), "\"%s\":", key);
    at = strstr(at, needle);
    assert_non_null(at);
    assert_int_equal(sscanf(at + strlen(needle), "%llu", &v), 1);
    return v;
}

/* ---- bring-up ---------------------------------------------------------------------------------
 */

static void bring_up_ends_in_driver_ok_and_says_what_was_agreed(void **state)
{
    static const uint8_t mac[6] = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56};

    (void)state;
    up();
    assert_int_equal(nic->status, RUNNING);
    assert_int_equal(nic->resets, 1);
    assert_string_equal(vnet_name(vn), "net0");
    assert_memory_equal(vnet_mac(vn), mac, 6);
    assert_int_equal(vnet_mtu(vn), 1500);
    assert_true(nic_record_has(
        "\"nic\":\"net0\",\"mac\":\"52:54:00:12:34:56\",\"transport\":\"modern\",\"ring\":"));
    assert_true(nic_record_has(packed ? "\"ring\":\"packed\"" : "\"ring\":\"split\""));
    assert_true(nic_record_has("\"features\":[\"mac\",\"status\",\"indirect_desc\",\"event_idx\","
                               "\"version_1\""));
    assert_true(nic_record_has(packed ? "\"version_1\",\"packed\",\"ring_reset\"]"
                                      : "\"version_1\",\"ring_reset\"]"));
    assert_true(nic_record_has(
        "\"rx_ring\":256,\"tx_ring\":256,\"mtu\":1500,\"irq\":\"msix\",\"vectors\":3"));
    assert_int_equal(nic->q[SIM_RXQ].exposed_n, 256);
    assert_int_equal(nic->q[SIM_RXQ].doorbells, 1);
    assert_int_equal(nic->q[SIM_TXQ].doorbells, 0);
    traffic_flows();
}

static void every_subset_of_the_offer_is_served(void **state)
{
    static const uint64_t bits[] = {SIM_F_MTU,           SIM_F_MAC,         SIM_F_STATUS,
                                    SIM_F_EVENT_IDX,     SIM_F_RING_PACKED, SIM_F_ACCESS_PLATFORM,
                                    SIM_F_ORDER_PLATFORM};

    (void)state;
    for (unsigned set = 0; set < 128; set++) {
        again();
        nic->offer = SIM_F_VERSION_1;
        for (unsigned i = 0; i < 7; i++)
            nic->offer |= set & 1u << i ? bits[i] : 0;
        up();
        assert_true(nic->accepted == nic->offer);
        traffic_flows();
    }
}

static void every_feature_can_be_masked(void **state)
{
    static const uint64_t bits[] = {SIM_F_MTU, SIM_F_MAC, SIM_F_STATUS, SIM_F_EVENT_IDX};

    (void)state;
    for (unsigned set = 0; set < 16; set++) {
        again();
        nic->offer |= SIM_F_MTU | SIM_F_ACCESS_PLATFORM;
        for (unsigned i = 0; i < 4; i++)
            opt[0].features_off |= set & 1u << i ? bits[i] : 0;
        up();
        assert_true(nic->accepted == (nic->offer & ~opt[0].features_off));
        traffic_flows();
    }
    again();
    opt[0].features_off = ~SIM_F_VERSION_1; /* what the driver cannot do without stays */
    up();
    assert_true(nic->accepted == SIM_F_VERSION_1);
}

static void unknown_features_are_ignored(void **state)
{
    (void)state;
    nic->offer = ~0ull;
    up();
    assert_true(nic->accepted ==
                (SIM_F_VERSION_1 | SIM_F_MAC | SIM_F_STATUS | SIM_F_MTU | SIM_F_CSUM |
                 SIM_F_GUEST_CSUM | SIM_F_GUEST_TSO4 | SIM_F_GUEST_TSO6 | SIM_F_GUEST_ECN |
                 SIM_F_CTRL_VQ | SIM_F_GUEST_ANNOUNCE | SIM_F_MQ | SIM_F_EVENT_IDX |
                 SIM_F_ACCESS_PLATFORM | SIM_F_ORDER_PLATFORM | SIM_F_RING_PACKED |
                 SIM_F_INDIRECT_DESC | SIM_F_RING_RESET));
    traffic_flows();
}

static void device_without_version_1_is_refused(void **state)
{
    (void)state;
    nic->offer &= ~SIM_F_VERSION_1;
    refused("VERSION_1");
}

static void device_that_refuses_the_features_is_refused(void **state)
{
    (void)state;
    nic->refuse = SIM_F_STATUS;
    refused("refuses the features");
    assert_true(nic->status & 0x80 || nic->resetting);
}

static void feature_whose_field_does_not_exist_is_not_accepted(void **state)
{
    static const struct {
        uint32_t len;
        uint64_t lost;
    } table[] = {{12, 0},
                 {11, SIM_F_MTU},
                 {10, SIM_F_MTU},
                 {8, SIM_F_MTU},
                 {7, SIM_F_MTU | SIM_F_STATUS},
                 {6, SIM_F_MTU | SIM_F_STATUS},
                 {5, SIM_F_MTU | SIM_F_STATUS | SIM_F_MAC},
                 {1, SIM_F_MTU | SIM_F_STATUS | SIM_F_MAC}};

    (void)state;
    for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        sim_power_off();
        sim_power_on();
        vn = NULL;
        nic = sim_add_bare_nic(3);
        nic->offer |= SIM_F_MTU;
        nic->config_len = table[i].len;
        sim_cap_common(nic);
        sim_cap_notify(nic);
        sim_cap_config(nic);
        up();
        assert_true(nic->accepted == (nic->offer & ~table[i].lost));
        assert_true(vnet_link_up(vn));
    }
}

static void queue_sizes_of_all_kinds_work(void **state)
{
    static const uint16_t table[][2] = {{1, 1},     {2, 2},     {3, 2},     {4, 4},
                                        {5, 4},     {255, 128}, {256, 256}, {1024, 1024},
                                        {32768, 0}, {65535, 0}};

    (void)state;
    for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        for (unsigned q = 0; q < SIM_QUEUES; q++) {
            uint16_t most = q == SIM_RXQ ? CONFIG_RX_RING : CONFIG_TX_RING, want = table[i][1];
            if (packed)
                want = table[i][0]; /* any number will do */
            if (want == 0 || want > most)
                want = most;
            again();
            nic->q[q].max = table[i][0];
            up();
            assert_int_equal(nic->q[q].size, want);
            for (unsigned k = 0; k < 3000; k++)
                traffic_flows();
            assert_true(stat("rx", "posted_min") + CONFIG_RX_BATCH >= nic->q[SIM_RXQ].size);
        }
}

static void rings_are_no_longer_than_asked_for(void **state)
{
    static const uint16_t sizes[] = {2, 3, 4, 8, 16, 100, 256, 1000};

    (void)state;
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        for (unsigned q = 0; q < SIM_QUEUES; q++) {
            uint16_t most = q == SIM_RXQ ? 256 : CONFIG_TX_RING;
            unsigned want = sizes[i] < most ? sizes[i] : most, frames_n = want;
            again();
            *(q == SIM_RXQ ? &opt[0].rx_ring : &opt[0].tx_ring) = sizes[i];
            up();
            while (!packed && (frames_n & (frames_n - 1)) != 0)
                frames_n &= frames_n - 1;
            if (OVER_LEGACY) { /* whose ring has one size only, of which so many are used */
                assert_int_equal(nic->q[q].size, 256);
                frames_n = want;
            } else {
                assert_int_equal(nic->q[q].size, frames_n);
            }
            if (q == SIM_RXQ)
                assert_int_equal(nic->q[q].exposed_n, frames_n);
            else
                assert_int_equal(vnet_tx_room(vn, false), frames_n);
            assert_true(vnet_tx_room(vn, true) > 0);
            for (unsigned k = 0; k < 1000; k++)
                traffic_flows();
        }
}

static void device_without_a_queue_is_refused(void **state)
{
    (void)state;
    nic->q[SIM_RXQ].max = 0;
    refused("no receive queue");
    again();
    nic->q[SIM_TXQ].max = 0;
    refused("no transmit queue");
    again();
    nic->num_queues = 1;
    refused("no transmit queue");
    again();
    nic->num_queues = 0;
    refused("no receive queue");
}

static void doorbell_that_lies_nowhere_is_refused(void **state)
{
    (void)state;
    nic->q[SIM_TXQ].notify_off = 0xfff0;
    refused("doorbell");
}

static void slow_reset_is_waited_for(void **state)
{
    (void)state;
    nic->status = 0x8f;
    nic->reset_reads = 1000;
    up();
    traffic_flows();
}

static void reset_that_never_completes_is_given_up_after_a_second(void **state)
{
    uint64_t begin = sim_now_ns;

    (void)state;
    nic->status = 0x0f;
    nic->reset_never = true;
    refused("reset");
    assert_in_range(sim_now_ns - begin, 1000 * MS, 1100 * MS);
}

static void function_that_does_not_answer_is_refused(void **state)
{
    (void)state;
    assert_int_equal(vnet_probe(opt), 1); /* it was there */
    nic->gone = true;
    assert_int_equal(vnet_probe(opt), 0);
    nic->gone = false;
    up();
}

static void device_without_any_interface_is_refused(void **state)
{
    (void)state;
    sim_power_off();
    sim_power_on();
    nic = sim_add_bare_nic(3);
    sim_put16(nic->fn->cfg + 2, 0x1000);
    refused("neither a modern nor a legacy interface");
}

static void transitional_device_is_used_through_its_modern_interface(void **state)
{
    (void)state;
    sim_put16(nic->fn->cfg + 2, 0x1000);
    nic->fn->cfg[8] = 0; /* any revision */
    up();
    traffic_flows();
}

static void several_nics_keep_their_places(void **state)
{
    struct sim_nic *second, *third;

    (void)state;
    nic->offer &= ~SIM_F_VERSION_1;
    second = sim_add_nic(5);
    third = sim_add_nic(7);
    second->mtu = third->mtu = 1400;
    second->offer |= SIM_F_MTU;
    third->offer |= SIM_F_MTU;
    opt[1].mtu_max = 1000;
    opt[2].features_off = SIM_F_EVENT_IDX;
    assert_int_equal(vnet_probe(opt), 2);
    assert_string_equal(vnet_name(vnet_get(0)), "net1");
    assert_int_equal(vnet_index(vnet_get(0)), 1);
    assert_int_equal(vnet_mtu(vnet_get(0)), 1000);
    assert_string_equal(vnet_name(vnet_get(1)), "net2");
    assert_int_equal(vnet_mtu(vnet_get(1)), 1400);
    assert_false(third->accepted & SIM_F_EVENT_IDX);
    assert_int_equal(sim_records("nic"), 2);
    nic = second;
    vn = vnet_get(0);
    traffic_flows();
    nic = third;
    vn = vnet_get(1);
    traffic_flows();
}

static void no_more_nics_are_used_than_there_is_memory_for(void **state)
{
    (void)state;
    for (uint8_t slot = 10; slot < 10 + CONFIG_NICS; slot++)
        sim_add_nic(slot);
    assert_int_equal(vnet_probe(opt), CONFIG_NICS);
    assert_int_equal(sim_records("error"), 1);
}

/* ---- configuration ----------------------------------------------------------------------------
 */

static bool invented(void)
{
    const uint8_t *mac = vnet_mac(vn);

    return (mac[0] & 3) == 2 && memcmp(mac, nic->mac, 6) != 0;
}

static void mac_that_is_none_is_replaced(void **state)
{
    static const uint8_t bad[][6] = {
        {0}, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, {0x01, 0x00, 0x5e, 0, 0, 1}};

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        again();
        memcpy(nic->mac, bad[i], 6);
        up();
        assert_true(invented());
    }
    again();
    nic->offer &= ~SIM_F_MAC;
    up();
    assert_true(invented());
}

static void configuration_that_never_settles_is_given_up(void **state)
{
    (void)state;
    nic->generation_moves = true;
    up();
    assert_true(invented());
    traffic_flows();
}

static void mtu_is_the_devices_within_reason(void **state)
{
    static const struct {
        uint16_t device;
        uint32_t option, mtu;
        bool accepted;
    } table[] = {
        {1500, 0, 1500, true},    {68, 0, 68, true},         {67, 0, 1500, true},
        {0, 0, 1500, true},       {576, 0, 576, true},       {2018, 0, 2018, true},
        {2019, 0, 2019, true},    {9000, 0, 9000, true},     {9001, 0, 9000, true},
        {9216, 0, 9000, false},   {65535, 0, 9000, false},   {1500, 1400, 1400, true},
        {1500, 9000, 1500, true}, {9000, 1500, 1500, false},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        again();
        nic->offer |= SIM_F_MTU;
        nic->mtu = table[i].device;
        opt[0].mtu_max = table[i].option;
        up();
        assert_int_equal(vnet_mtu(vn), table[i].mtu);
        assert_int_equal(!!(nic->accepted & SIM_F_MTU), table[i].accepted);
        /* The largest frame, with a VLAN tag, both ways. */
        assert_true(sim_rx(nic, frame, table[i].mtu + 18));
        assert_int_equal(receive(), 1);
        assert_true(send(table[i].mtu + 18));
        vnet_tx_flush(vn);
        assert_int_equal(sim_tx(nic, 1), 1);
        assert_int_equal(nic->tx_last_len, table[i].mtu + 18);
        vnet_tx_reclaim(vn);
    }
}

static void link_follows_the_device(void **state)
{
    (void)state;
    nic->link_status = 0;
    up();
    assert_false(vnet_link_up(vn));
    nic->link_status = 0xffff; /* other bits mean other things */
    sim_interrupt(nic, SIM_QUEUES);
    turn(0);
    assert_true(vnet_link_up(vn));
    nic->link_status = 2;
    turn(MS); /* no interrupt: the heartbeat finds it */
    assert_true(vnet_link_up(vn));
    turn(100 * MS);
    assert_false(vnet_link_up(vn));
    traffic_flows(); /* advisory: the ring goes on */
}

static void link_is_up_where_the_device_cannot_say(void **state)
{
    (void)state;
    nic->offer &= ~SIM_F_STATUS;
    nic->link_status = 0;
    up();
    assert_true(vnet_link_up(vn));
    turn(100 * MS);
    assert_true(vnet_link_up(vn));
}

/* ---- interrupts -------------------------------------------------------------------------------
 */

static void vectors_are_used_as_far_as_they_go(void **state)
{
    static const struct {
        uint16_t table, ok;
        unsigned cpu, vectors;
    } cases[] = {
        {3, 3, 32, 3}, {2048, 2048, 32, 3}, {2, 2, 32, 2}, {1, 1, 32, 1},
        {3, 1, 32, 1}, {3, 2, 32, 2},       {3, 0, 32, 0}, {1, 0, 32, 0},
        {3, 3, 3, 3},  {3, 3, 2, 2},        {3, 3, 1, 1},  {3, 3, 0, 0},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[64];
        sim_power_off();
        sim_power_on();
        nic = sim_add_bare_nic(3);
        nic->msix_n = cases[i].table;
        nic->vectors_ok = cases[i].ok;
        sim_vectors_left = cases[i].cpu;
        sim_cap_common(nic);
        sim_cap_notify(nic);
        sim_cap_config(nic);
        sim_cap_msix(nic);
        up();
        snprintf(text, sizeof(text), "\"irq\":\"%s\",\"vectors\":%u",
                 cases[i].vectors > 0 ? "msix" : "poll", cases[i].vectors);
        assert_true(nic_record_has(text));
        traffic_flows();
        assert_true(vnet_may_sleep(vn));
        sim_rx(nic, frame, 60);
        assert_int_equal(stat("rx", "irqs"), cases[i].vectors > 0 ? 1 : 0);
        assert_false(vnet_may_sleep(vn));
        receive();
    }
}

static void device_without_msix_is_polled(void **state)
{
    (void)state;
    sim_power_off();
    sim_power_on();
    nic = sim_add_bare_nic(3);
    sim_cap_common(nic);
    sim_cap_notify(nic);
    sim_cap_config(nic);
    up();
    assert_true(nic_record_has("\"irq\":\"poll\""));
    assert_true(vnet_sleep_max_ns(vn) <= MS);
    assert_true(vnet_may_sleep(vn));
    sim_rx(nic, frame, 60);
    assert_false(vnet_may_sleep(vn));
    receive();
    assert_true(send(60));
    vnet_tx_flush(vn);
    assert_true(vnet_may_sleep(vn));
    sim_tx(nic, 1);
    assert_false(vnet_may_sleep(vn));
    vnet_tx_reclaim(vn);
    assert_int_equal(nic->q[SIM_RXQ].interrupts, 0); /* none asked for */
    assert_int_equal(nic->q[SIM_TXQ].interrupts, 0);
    assert_true(sim_get16(nic->fn->cfg + 4) & 0x0400); /* INTx off */
}

static void sleep_is_refused_while_frames_wait(void **state)
{
    (void)state;
    for (unsigned event_idx = 0; event_idx < 2; event_idx++) {
        again();
        nic->offer &= event_idx ? ~0ull : ~SIM_F_EVENT_IDX;
        up();
        assert_true(vnet_may_sleep(vn));
        vnet_awake(vn);
        sim_rx(nic, frame, 60);
        assert_false(vnet_may_sleep(vn));
        assert_int_equal(receive(), 1);
        assert_true(vnet_may_sleep(vn));
        vnet_awake(vn);
    }
}

static void a_frame_that_arrives_during_sleep_interrupts(void **state)
{
    (void)state;
    for (unsigned event_idx = 0; event_idx < 2; event_idx++) {
        again();
        nic->offer &= event_idx ? ~0ull : ~SIM_F_EVENT_IDX;
        up();
        for (unsigned i = 1; i < 1000; i++) {
            assert_true(vnet_may_sleep(vn));
            sim_rx(nic, frame, 60);
            assert_int_equal(stat("rx", "irqs"), i);
            vnet_awake(vn);
            assert_int_equal(receive(), 1);
        }
    }
}

static void frames_that_arrive_while_awake_do_not_interrupt(void **state)
{
    (void)state;
    for (unsigned event_idx = 0; event_idx < 2; event_idx++) {
        again();
        nic->offer &= event_idx ? ~0ull : ~SIM_F_EVENT_IDX;
        up();
        assert_true(vnet_may_sleep(vn));
        vnet_awake(vn);
        for (unsigned i = 0; i < 10000; i++) {
            sim_rx(nic, frame, 60);
            assert_int_equal(receive(), 1);
            send(60);
            vnet_tx_flush(vn);
            sim_tx(nic, 1);
            vnet_tx_reclaim(vn);
        }
        assert_true(stat("rx", "irqs") <= 1);
        assert_true(stat("tx", "irqs") <= 1);
    }
}

static void half_of_what_was_sent_wakes(void **state)
{
    (void)state;
    up();
    for (unsigned i = 0; i < 10; i++)
        send(60);
    vnet_tx_flush(vn);
    assert_true(vnet_may_sleep(vn));
    sim_tx(nic, 4);
    assert_int_equal(stat("tx", "irqs"), 0);
    sim_tx(nic, 1);
    assert_int_equal(stat("tx", "irqs"), 1);
    assert_false(vnet_may_sleep(vn));
    sim_tx(nic, 5);
    assert_int_equal(vnet_tx_reclaim(vn), 10);
    assert_true(vnet_may_sleep(vn));
}

static void spurious_interrupts_and_early_ones_change_nothing(void **state)
{
    (void)state;
    sim_interrupt(nic, SIM_RXQ);
    up();
    for (unsigned i = 0; i < 1000; i++) {
        sim_interrupt(nic, i % 3);
        turn(MS / 10);
        assert_int_equal(receive(), 0);
        assert_int_equal(vnet_tx_reclaim(vn), 0);
        assert_true(vnet_check(vn));
    }
    assert_int_equal(nic->resets, 1);
    traffic_flows();
}

/* ---- receive ----------------------------------------------------------------------------------
 */

static void frames_of_every_length_arrive_whole(void **state)
{
    (void)state;
    up();
    for (uint32_t len = 14; len <= 1518; len++) {
        assert_true(sim_rx(nic, frame, len));
        assert_int_equal(vnet_rx_poll(vn, frames, 1), 1);
        assert_int_equal(frames[0]->len, len);
        assert_memory_equal(netbuf_frame(frames[0]), frame, len);
        vnet_rx_release(vn, frames[0]);
    }
}

static void frames_shorter_than_a_header_are_dropped_and_counted(void **state)
{
    static const uint32_t lens[] = {0, 1, 9, 10, 13, OVER_LEGACY ? 23 : 25};
    uint16_t id;

    (void)state;
    up();
    for (unsigned i = 0; i < 6; i++) {
        assert_true(sim_take(nic, SIM_RXQ, &id));
        sim_use(nic, SIM_RXQ, id, lens[i]);
        assert_int_equal(receive(), 0);
        assert_int_equal(stat("rx", "runt"), i + 1);
        assert_true(vnet_check(vn));
    }
    assert_int_equal(nic->resets, 1);
    traffic_flows();
}

static void device_header_means_nothing_without_offloads(void **state)
{
    (void)state;
    up();
    for (unsigned junk = 0; junk < 256; junk++) {
        nic->hdr_junk = (uint8_t)junk;
        assert_true(sim_rx(nic, frame, 60));
        assert_int_equal(receive(), 1);
    }
}

static void ring_is_full_after_every_poll(void **state)
{
    (void)state;
    nic->q[SIM_RXQ].max = 1024;
    up();
    for (unsigned burst = 1; burst <= nic->q[SIM_RXQ].size; burst = burst * 2 + 1) {
        unsigned got = 0;
        for (unsigned i = 0; i < burst; i++)
            assert_true(sim_rx(nic, frame, 60));
        while (got < burst) {
            got += receive();
            assert_int_equal(stat("rx", "posted"), nic->q[SIM_RXQ].size);
        }
        assert_int_equal(got, burst);
    }
    assert_int_equal(stat("rx", "posted_min"), nic->q[SIM_RXQ].size - CONFIG_RX_BATCH);
}

static void small_rings_are_never_emptied_either(void **state)
{
    (void)state;
    nic->q[SIM_RXQ].max = CONFIG_RX_BATCH;
    up();
    for (unsigned i = 0; i < CONFIG_RX_BATCH; i++)
        assert_true(sim_rx(nic, frame, 60));
    assert_int_equal(receive(), CONFIG_RX_BATCH);
    assert_int_equal(stat("rx", "posted_min"), CONFIG_RX_BATCH / 2);
}

static void poll_returns_at_most_what_was_asked_for(void **state)
{
    (void)state;
    up();
    for (unsigned i = 0; i < 100; i++)
        sim_rx(nic, frame, 60);
    assert_int_equal(vnet_rx_poll(vn, frames, 7), 7);
    for (unsigned i = 0; i < 7; i++)
        vnet_rx_release(vn, frames[i]);
    assert_int_equal(vnet_rx_poll(vn, frames, 0), 0);
    assert_int_equal(receive(), 93);
}

/* The freeze that this guest exists for: nobody gives buffers back. */
static void rx_survives_empty_pool(void **state)
{
    struct netbuf *kept[CONFIG_RX_BATCH + 1];
    unsigned held = 0;

    (void)state;
    up();
    for (unsigned i = 0; i < 10 * 256; i++) {
        assert_true(sim_rx(nic, frame, 60)); /* the device always finds a buffer */
        held += vnet_rx_poll(vn, kept + held, 1);
        assert_int_equal(nic->q[SIM_RXQ].exposed_n, 256);
        assert_true(vnet_check(vn));
    }
    assert_int_equal(held, CONFIG_RX_BATCH);
    assert_int_equal(stat("rx", "no_buffer"), 10 * 256 - CONFIG_RX_BATCH);
    assert_int_equal(vnet_alloc_failures(vn), 10 * 256 - CONFIG_RX_BATCH);
    vnet_rx_release(vn, kept[--held]);
    traffic_flows();
    while (held > 0)
        vnet_rx_release(vn, kept[--held]);
    traffic_flows();
}

static void rx_out_of_order_completion_works(void **state)
{
    uint16_t ids[64];

    (void)state;
    up();
    for (unsigned round = 0; round < 100; round++) {
        for (unsigned i = 0; i < 64; i++)
            assert_true(sim_take(nic, SIM_RXQ, &ids[i]));
        for (unsigned i = 0; i < 64; i++)
            sim_use(nic, SIM_RXQ, ids[(i * 29 + round) % 64], 12 + 14);
        assert_int_equal(vnet_rx_poll(vn, frames, 64), 64);
        for (unsigned i = 0; i < 64; i++)
            vnet_rx_release(vn, frames[i]);
    }
}

static void traffic_goes_on_through_many_index_wraps(void **state)
{
    uint32_t seed = 1;
    uint64_t received = 0, sent = 0;

    (void)state;
    for (unsigned event_idx = 0; event_idx < 2; event_idx++) {
        again();
        nic->offer &= event_idx ? ~0ull : ~SIM_F_EVENT_IDX;
        up();
        received = sent = 0;
        while (received < 3 * 65536 || sent < 3 * 65536) {
            unsigned n, m;
            seed = seed * 1664525 + 1013904223;
            n = (seed >> 16) % 200;
            m = (seed >> 8) % 64;
            for (unsigned i = 0; i < n; i++)
                assert_true(sim_rx(nic, frame, 60));
            for (unsigned got = 0; got < n;)
                got += receive();
            received += n;
            for (unsigned i = 0; i < m; i++)
                assert_true(send(60));
            vnet_tx_flush(vn);
            assert_int_equal(sim_tx(nic, 256), m);
            assert_int_equal(vnet_tx_reclaim(vn), m);
            sent += m;
            if (seed & 0x40000000) {
                assert_true(vnet_may_sleep(vn));
                vnet_awake(vn);
            }
        }
        assert_int_equal(stat("rx", "packets"), received);
        assert_int_equal(stat("rx", "bytes"), 60 * received);
        assert_int_equal(stat("tx", "packets"), sent);
        assert_int_equal(nic->tx_frames, sent);
    }
}

/* ---- transmit ---------------------------------------------------------------------------------
 */

static void a_batch_takes_one_doorbell(void **state)
{
    (void)state;
    up();
    for (unsigned i = 0; i < 64; i++)
        assert_true(send(60));
    assert_int_equal(nic->q[SIM_TXQ].doorbells, 0);
    vnet_tx_flush(vn);
    assert_int_equal(nic->q[SIM_TXQ].doorbells, 1);
    vnet_tx_flush(vn);
    assert_int_equal(nic->q[SIM_TXQ].doorbells, 1);
    assert_int_equal(sim_tx(nic, 256), 64);
    assert_int_equal(stat("tx", "kicks"), 1);
    for (unsigned i = 0; i < 64; i++)
        sim_rx(nic, frame, 60);
    assert_int_equal(nic->q[SIM_RXQ].doorbells, 1); /* the one of bring-up */
    receive();
    assert_true(nic->q[SIM_RXQ].doorbells <= 2);
    vnet_tx_reclaim(vn);
}

static void bulk_leaves_the_reserve_to_control(void **state)
{
    struct netbuf *nb[CONFIG_TX_BUFS];
    unsigned n = 0;

    (void)state;
    up();
    while ((nb[n] = vnet_tx_get(vn, true)) != NULL)
        n++;
    assert_int_equal(n, 256 - CONFIG_TX_RESERVE);
    assert_int_equal(vnet_tx_room(vn, true), 0);
    while (n < 256) {
        nb[n] = vnet_tx_get(vn, false);
        assert_non_null(nb[n]);
        n++;
    }
    assert_null(vnet_tx_get(vn, false));
    assert_int_equal(stat("tx", "full"), 2);
    assert_int_equal(vnet_alloc_failures(vn), 0); /* back-pressure is no failure */
    while (n > 0)
        vnet_tx_put(vn, nb[--n]);
    assert_int_equal(vnet_tx_room(vn, true), 256 - CONFIG_TX_RESERVE);
}

static void room_is_that_of_the_ring_where_it_is_smaller_than_the_pool(void **state)
{
    static const uint16_t table[][2] = {{1, 0}, {2, 1}, {4, 1}, {8, 2}, {64, 16}, {128, 16}};

    (void)state;
    for (unsigned t = 0; t < sizeof(table) / sizeof(table[0]); t++) {
        struct netbuf *nb[256];
        unsigned ring = table[t][0], reserve = table[t][1], n = 0;

        again();
        up();
        turn(600 * MS);
        nic->q[SIM_TXQ].max = (uint16_t)ring;
        sim_needs_reset(nic);
        turn(100 * MS);
        after_the_reset_traffic_flows(1);
        assert_int_equal(vnet_tx_room(vn, true), ring - reserve);
        assert_int_equal(vnet_tx_room(vn, false), ring);
        while ((nb[n] = vnet_tx_get(vn, true)) != NULL)
            n++;
        assert_int_equal(n, ring - reserve);
        while ((nb[n] = vnet_tx_get(vn, false)) != NULL)
            n++;
        assert_int_equal(n, ring);
        for (unsigned i = 0; i < n; i++) { /* whoever got a buffer can send it */
            nb[i]->len = 60;
            assert_true(vnet_tx(vn, nb[i]));
            assert_int_equal(vnet_tx_room(vn, false), 0);
        }
        vnet_tx_flush(vn);
        assert_int_equal(sim_tx(nic, 256), ring);
        assert_int_equal(vnet_tx_reclaim(vn), ring);
        assert_int_equal(vnet_tx_room(vn, true), ring - reserve);
    }
}

static void full_ring_reclaims_before_it_refuses(void **state)
{
    unsigned n = 0;

    (void)state;
    up();
    while (send(60))
        n++;
    vnet_tx_flush(vn);
    assert_false(send(60));
    assert_int_equal(sim_tx(nic, 256), n);
    assert_true(send(60)); /* without a reclaim in between */
    vnet_tx_flush(vn);
    sim_tx(nic, 256);
    vnet_tx_reclaim(vn);
}

static void tx_out_of_order_completion_and_any_length_work(void **state)
{
    uint16_t ids[32];

    (void)state;
    up();
    for (unsigned round = 0; round < 50; round++) {
        for (unsigned i = 0; i < 32; i++)
            assert_true(send(60 + i));
        vnet_tx_flush(vn);
        for (unsigned i = 0; i < 32; i++)
            assert_true(sim_take(nic, SIM_TXQ, &ids[i]));
        for (unsigned i = 0; i < 32; i++)
            sim_use(nic, SIM_TXQ, ids[(i * 7 + round) % 32], 0xffffffff - i);
        assert_int_equal(vnet_tx_reclaim(vn), 32);
    }
    assert_int_equal(nic->resets, 1);
    assert_int_equal(stat("tx", "bytes"), 50 * (32 * 60 + 31 * 32 / 2));
}

static void frames_that_no_mtu_allows_are_bugs(void **state)
{
    struct netbuf *nb;

    (void)state;
    up();
    nb = vnet_tx_get(vn, false);
    nb->len = 13;
    expect_assert_failure(vnet_tx(vn, nb));
    nb->len = 1519;
    expect_assert_failure(vnet_tx(vn, nb));
    vnet_tx_put(vn, nb);
}

/* ---- freezes ----------------------------------------------------------------------------------
 */

static void lost_doorbell_is_repeated_within_the_heartbeat(void **state)
{
    (void)state;
    up();
    while (sim_rx(nic, frame, 60)) /* the ring empties, the device goes to sleep */
        ;
    nic->doorbells_lost = true;
    while (receive() > 0)
        ;
    send(60);
    vnet_tx_flush(vn);
    nic->doorbells_lost = false;
    assert_false(sim_rx(nic, frame, 60));
    assert_int_equal(sim_tx(nic, 1), 0);
    for (unsigned i = 0; i <= 2 * CONFIG_HEARTBEAT_MS; i++)
        turn(MS);
    assert_true(sim_rx(nic, frame, 60));
    assert_int_equal(sim_tx(nic, 1), 1);
    assert_int_equal(receive(), 1);
    assert_int_equal(vnet_tx_reclaim(vn), 1);
}

static void heartbeat_is_silent_while_traffic_flows(void **state)
{
    (void)state;
    up();
    traffic_flows();
    turn(100 * MS); /* learns that something happened */
    for (unsigned i = 0; i < 20; i++) {
        uint64_t rx, tx;
        traffic_flows();
        rx = stat("rx", "kicks");
        tx = stat("tx", "kicks");
        turn(100 * MS);
        assert_int_equal(stat("rx", "kicks"), rx);
        assert_int_equal(stat("tx", "kicks"), tx);
    }
    for (unsigned i = 0; i < 20; i++) /* and gentle on an idle device: receive only */
        turn(100 * MS);
    assert_in_range(nic->q[SIM_RXQ].doorbells, 20, 45);
}

static void lost_interrupts_do_not_stop_traffic(void **state)
{
    (void)state;
    up();
    nic->interrupts_lost = true;
    for (unsigned i = 0; i < 1000; i++) {
        assert_true(vnet_may_sleep(vn));
        sim_rx(nic, frame, 60);
        vnet_awake(vn); /* the timer ended the sleep */
        assert_int_equal(receive(), 1);
    }
    assert_true(vnet_sleep_max_ns(vn) <= CONFIG_SLEEP_MAX_MS * MS);
}

static void longest_gap_of_transmission_is_measured(void **state)
{
    (void)state;
    up();
    turn(MS);
    for (unsigned i = 0; i < 100; i++)
        turn(50 * MS); /* idle: no gap */
    assert_true(vnet_gap_max_ns(vn, true) < 2 * MS);
    send(60);
    vnet_tx_flush(vn);
    for (unsigned i = 0; i < 30; i++)
        turn(10 * MS);
    assert_in_range(vnet_gap_max_ns(vn, true), 299 * MS, 301 * MS);
    sim_tx(nic, 1);
    vnet_tx_reclaim(vn);
    turn(10 * MS);
    assert_in_range(vnet_gap_max_ns(vn, true), 299 * MS, 311 * MS);
    turn(500 * MS);
    assert_in_range(vnet_gap_max_ns(vn, true), 299 * MS, 311 * MS);
}

static void gap_of_reception_counts_while_it_is_due(void **state)
{
    (void)state;
    up();
    for (unsigned i = 0; i < 50; i++)
        turn(10 * MS);
    assert_true(vnet_gap_max_ns(vn, false) <= 10 * MS);
    vnet_rx_due(vn, true);
    for (unsigned i = 0; i < 20; i++)
        turn(10 * MS);
    assert_in_range(vnet_gap_max_ns(vn, false), 199 * MS, 211 * MS);
    sim_rx(nic, frame, 60);
    receive();
    for (unsigned i = 0; i < 10; i++)
        turn(10 * MS);
    assert_in_range(vnet_gap_max_ns(vn, false), 199 * MS, 221 * MS);
    vnet_rx_due(vn, false);
    for (unsigned i = 0; i < 100; i++)
        turn(10 * MS);
    assert_in_range(vnet_gap_max_ns(vn, false), 199 * MS, 221 * MS);
}

/* ---- devices that break the rules -------------------------------------------------------------
 */

static void after_the_reset_traffic_flows(unsigned resets)
{
    for (unsigned i = 0; i < 1000 && nic->resets < resets + 1; i++) {
        turn(MS);
        receive();
        vnet_tx_reclaim(vn);
        vnet_tx_flush(vn);
    }
    for (unsigned i = 0; i < 600 && nic->status != RUNNING; i++)
        turn(MS);
    assert_int_equal(nic->resets, resets + 1);
    assert_int_equal(nic->status, RUNNING);
    assert_int_equal(stat("rx", "resets"), resets);
    traffic_flows();
}

struct crime {
    const char *why;
    unsigned q;
    uint32_t id, len;
    uint16_t jump; /* instead of an entry */
};

static void every_lie_in_the_used_ring_costs_one_reset(void **state)
{
    static const struct crime crimes[] = {
        {"does not exist", SIM_RXQ, 256, 60, 0},  {"does not exist", SIM_RXQ, 0xffffffff, 60, 0},
        {"does not exist", SIM_TXQ, 65536, 0, 0}, {"does not have", SIM_TXQ, 200, 0, 0},
        {"more bytes", SIM_RXQ, 0, 2049, 0},      {"more bytes", SIM_RXQ, 0, 0xffffffff, 0},
        {"more completions", SIM_RXQ, 0, 0, 257}, {"more completions", SIM_RXQ, 0, 0, 65535},
        {"more completions", SIM_TXQ, 0, 0, 11},  {"does not exist", SIM_TXQ, 0xffff, 0, 0},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(crimes) / sizeof(crimes[0]); i++) {
        const struct crime *c = &crimes[i];
        struct netbuf *held[3];
        if (packed && (c->jump != 0 || c->id > 0xffff))
            continue; /* such a ring has no index, and 16 bits for the id */
        again();
        up();
        turn(600 * MS);
        for (unsigned k = 0; k < 3; k++)
            sim_rx(nic, frame, 60);
        assert_int_equal(vnet_rx_poll(vn, held, 3), 3);
        for (unsigned k = 0; k < 10; k++)
            assert_true(send(60));
        vnet_tx_flush(vn);
        if (c->jump != 0)
            sim_used_jump(nic, c->q, (uint16_t)(nic->q[c->q].used_idx + c->jump));
        else
            sim_use_raw(nic, c->q, c->id, c->len);
        assert_int_equal(vnet_rx_poll(vn, frames, 64), 0);
        assert_int_equal(vnet_tx_reclaim(vn), 0);
        assert_int_equal(sim_records("error"), 1);
        assert_non_null(strstr(sim_record("error"), c->why));
        assert_true(vnet_check(vn));
        /* While it is down nothing is lost or stuck. */
        assert_false(send(60));
        assert_int_equal(vnet_rx_poll(vn, frames, 64), 0);
        vnet_tx_flush(vn);
        assert_true(vnet_may_sleep(vn));
        after_the_reset_traffic_flows(1);
        assert_int_equal(vnet_tx_room(vn, true), 256 - CONFIG_TX_RESERVE); /* all came back */
        assert_memory_equal(netbuf_frame(held[2]), frame, 60); /* what the stack held is its own */
        for (unsigned k = 0; k < 3; k++)
            vnet_rx_release(vn, held[k]);
        assert_int_equal(stat("tx", "reset"), 10);
        assert_int_equal(sim_records("error"), 1);
        traffic_flows();
    }
}

static void duplicate_completion_costs_one_reset(void **state)
{
    uint16_t id;

    (void)state;
    up();
    assert_true(sim_take(nic, SIM_RXQ, &id));
    sim_use(nic, SIM_RXQ, id, 72);
    sim_use_raw(nic, SIM_RXQ, id, 72);
    assert_int_equal(vnet_rx_poll(vn, frames, 64), 1); /* the first was good */
    vnet_rx_release(vn, frames[0]);
    after_the_reset_traffic_flows(1);
}

static void needs_reset_is_answered_within_the_turn_after_its_interrupt(void **state)
{
    (void)state;
    up();
    turn(600 * MS);
    sim_needs_reset(nic);
    turn(MS);
    assert_non_null(strstr(sim_record("error"), "asks for a reset"));
    after_the_reset_traffic_flows(1);
}

static void needs_reset_without_an_interrupt_is_found_by_the_heartbeat(void **state)
{
    (void)state;
    up();
    turn(600 * MS);
    nic->interrupts_lost = true;
    sim_needs_reset(nic);
    turn(MS);
    assert_int_equal(sim_records("error"), 0);
    turn(100 * MS);
    assert_int_equal(sim_records("error"), 1);
    after_the_reset_traffic_flows(1);
}

static void device_that_was_reset_by_others_is_brought_up_again(void **state)
{
    (void)state;
    up();
    turn(600 * MS);
    nic->status = 0;
    turn(100 * MS);
    assert_non_null(strstr(sim_record("error"), "changed its status"));
    after_the_reset_traffic_flows(1);
}

static void device_that_vanished_is_used_again_when_it_is_back(void **state)
{
    (void)state;
    up();
    turn(600 * MS);
    send(60);
    vnet_tx_flush(vn);
    nic->gone = true;
    for (unsigned i = 0; i < 5000; i++) {
        turn(MS);
        assert_int_equal(receive(), 0);
        assert_true(vnet_check(vn));
    }
    assert_non_null(strstr(sim_record("error"), "does not answer"));
    assert_int_equal(sim_records("error"), 1);
    nic->gone = false; /* as it left: the reset did not reach it */
    for (unsigned i = 0; i < 1000 && !nic->resetting; i++)
        turn(MS);
    after_the_reset_traffic_flows(1);
    assert_in_range(vnet_gap_max_ns(vn, true), 5000 * MS, 6100 * MS);
}

static void buffers_stay_with_a_device_until_its_reset_is_complete(void **state)
{
    (void)state;
    up();
    turn(600 * MS);
    send(60);
    vnet_tx_flush(vn);
    nic->reset_never = true;
    sim_needs_reset(nic);
    for (unsigned i = 0; i < 3000; i++)
        turn(MS);
    assert_int_equal(vnet_tx_room(vn, true), 0);
    assert_int_equal(stat("tx", "posted"), 1);
    assert_int_equal(nic->q[SIM_RXQ].exposed_n, 256); /* poisoned still: nobody touched them */
    nic->reset_never = false;
    after_the_reset_traffic_flows(1);
    assert_int_equal(vnet_tx_room(vn, true), 256 - CONFIG_TX_RESERVE);
}

static void device_that_breaks_again_and_again_is_reset_at_a_bounded_rate(void **state)
{
    uint64_t begin;

    (void)state;
    up();
    begin = sim_now_ns;
    while (sim_now_ns - begin < 10000 * MS) {
        if (nic->status == RUNNING)
            sim_use_raw(nic, SIM_RXQ, 999, 60);
        turn(MS);
        receive();
    }
    assert_in_range(nic->resets, 15, 22);
    assert_in_range(sim_records("error"), 1, 2);
    while (nic->status != RUNNING)
        turn(MS);
    traffic_flows();
}

static void device_that_lost_a_feature_or_queue_is_tried_until_it_is_whole(void **state)
{
    uint64_t offer = nic->offer;

    (void)state;
    up();
    turn(600 * MS);
    if (OVER_LEGACY) /* which needs no feature */
        nic->num_queues = 1;
    nic->offer &= ~SIM_F_VERSION_1;
    sim_needs_reset(nic);
    for (unsigned i = 0; i < 2000; i++)
        turn(MS);
    assert_int_equal(vnet_rx_poll(vn, frames, 1), 0);
    nic->offer = offer;
    nic->num_queues = 3;
    nic->q[SIM_TXQ].max = 0;
    for (unsigned i = 0; i < 2000; i++)
        turn(MS);
    assert_in_range(nic->resets, 8, 12); /* twice a second, not each turn */
    nic->q[SIM_TXQ].max = 256;
    for (unsigned i = 0; i < 1000; i++)
        turn(MS);
    assert_int_equal(nic->status, RUNNING);
    assert_true(vnet_check(vn));
    traffic_flows();
}

static void ring_and_identity_stay_what_they_were_after_a_reset(void **state)
{
    uint8_t mac[6];

    (void)state;
    nic->offer |= SIM_F_MTU;
    up();
    memcpy(mac, vnet_mac(vn), 6);
    turn(600 * MS);
    nic->mac[5] ^= 1;
    nic->mtu = 9000;
    nic->q[SIM_RXQ].max = 1024;
    nic->q[SIM_TXQ].max = 1024;
    sim_needs_reset(nic);
    turn(100 * MS);
    after_the_reset_traffic_flows(1);
    assert_memory_equal(vnet_mac(vn), mac, 6);
    assert_int_equal(vnet_mtu(vn), 1500);
    assert_int_equal(nic->q[SIM_RXQ].size, 256);
    assert_false(nic->accepted & SIM_F_MTU); /* the buffers are too small for it now */
    turn(600 * MS);
    nic->q[SIM_RXQ].max = 16; /* fewer: it does with them */
    nic->q[SIM_TXQ].max = 8;
    sim_needs_reset(nic);
    turn(100 * MS);
    after_the_reset_traffic_flows(2);
    assert_int_equal(nic->q[SIM_RXQ].size, 16);
    assert_true(vnet_check(vn));
    for (unsigned i = 0; i < 6; i++)
        assert_true(send(60));
    assert_false(send(60)); /* the ring is smaller than the pool now, and so is the reserve */
    vnet_tx_flush(vn);
    assert_int_equal(sim_tx(nic, 20), 6);
    vnet_tx_reclaim(vn);
    turn(600 * MS);
    nic->q[SIM_RXQ].max = 256; /* and back: the promise holds for the ring that is */
    sim_needs_reset(nic);
    turn(100 * MS);
    after_the_reset_traffic_flows(3);
    assert_int_equal(stat("rx", "posted_min"), 255);
}

/* A device that changes its mind between two looks. With a packed ring these are completions. */
static uint64_t flicker(struct sim_nic *n, const volatile void *p, unsigned width, uint64_t v)
{
    static uint32_t seed = 7;

    (void)p;
    seed = seed * 1664525 + 1013904223;
    (void)n;
    /* The bits that say that there is a completion stay: one that it does not give back would lead
     * to memory that it still has. */
    if (width == 8 && seed >> 28 == 0)
        return v ^ seed ^ (uint64_t)(seed & 0xffff) << 32;
    return width == 4 && seed >> 28 == 0 ? seed : v;
}

static void values_that_flicker_do_no_harm(void **state)
{
    (void)state;
    sim_collect = true; /* the monitor sees the flickering values as well */
    up();
    nic->shm_hook = flicker;
    for (unsigned i = 0; i < 20000; i++) {
        if (nic->status == RUNNING && nic->q[SIM_RXQ].enabled) {
            uint16_t id;
            if (sim_take(nic, SIM_RXQ, &id))
                sim_use(nic, SIM_RXQ, id, 72);
        }
        turn(MS);
        for (unsigned k = vnet_rx_poll(vn, frames, 64); k > 0; k--)
            vnet_rx_release(vn, frames[k - 1]);
        send(60);
        vnet_tx_flush(vn);
        sim_tx(nic, 4);
        vnet_tx_reclaim(vn);
        assert_true(vnet_check(vn));
    }
    assert_true(nic->resets > 2);
    nic->shm_hook = NULL;
    sim_violation[0] = '\0';
}

/* Any sequence of good and evil deeds: afterwards, traffic. */
static void random_device_never_stops_the_driver_for_good(void **state)
{
    uint32_t seed = 4711;

    (void)state;
    for (unsigned life = 0; life < 200; life++) {
        again();
        nic->q[SIM_RXQ].max = (uint16_t)(1u << life % 9);
        nic->q[SIM_TXQ].max = (uint16_t)(1u << life / 4 % 9);
        nic->offer &= life % 2 ? ~SIM_F_EVENT_IDX : ~0ull;
        up();
        for (unsigned step = 0; step < 3000; step++) {
            uint16_t id;
            unsigned q;
            seed = seed * 1664525 + 1013904223;
            q = seed >> 30 & 1;
            switch (seed >> 8 & 31) {
            case 0:
                nic->reset_reads = seed >> 24;
                break;
            case 1:
                if (seed >> 28 == 0 && nic->q[q].enabled)
                    sim_use_raw(nic, q, seed | 0x100, seed >> 3);
                break;
            case 2:
                if (seed >> 28 == 0 && nic->q[q].enabled && !packed)
                    sim_used_jump(nic, q, (uint16_t)(nic->q[q].used_idx + 257 + seed % 65000));
                break;
            case 3:
                if (seed >> 29 == 0)
                    sim_needs_reset(nic);
                break;
            case 4:
                sim_interrupt(nic, seed >> 20 & 1);
                break;
            case 5:
                nic->doorbells_lost = seed >> 31;
                break;
            case 6:
                if (seed >> 28 == 0)
                    nic->gone = !nic->gone;
                break;
            case 7:
                if (!nic->gone && sim_take(nic, SIM_RXQ, &id))
                    sim_use(nic, SIM_RXQ, id, seed >> 22);
                break;
            default:
                if (!nic->gone)
                    sim_rx(nic, frame, 60 + (seed >> 24));
                if (seed & 0x8000)
                    send(60);
                sim_tx(nic, seed >> 29);
            }
            turn((seed >> 16 & 7) * MS);
            for (unsigned k = vnet_rx_poll(vn, frames, 64); k > 0; k--)
                vnet_rx_release(vn, frames[k - 1]);
            vnet_tx_reclaim(vn);
            vnet_tx_flush(vn);
            if (vnet_may_sleep(vn))
                vnet_awake(vn);
            assert_true(vnet_check(vn));
        }
        /* It behaves again. */
        nic->gone = nic->doorbells_lost = false;
        nic->reset_reads = 0;
        for (unsigned i = 0; i < 2000; i++) {
            turn(MS);
            for (unsigned k = vnet_rx_poll(vn, frames, 64); k > 0; k--)
                vnet_rx_release(vn, frames[k - 1]);
            sim_tx(nic, 300);
            vnet_tx_reclaim(vn);
        }
        traffic_flows();
    }
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
#if !OVER_LEGACY
        T(bring_up_ends_in_driver_ok_and_says_what_was_agreed),
        T(every_subset_of_the_offer_is_served),
        T(every_feature_can_be_masked),
        T(unknown_features_are_ignored),
        T(device_without_version_1_is_refused),
        T(device_that_refuses_the_features_is_refused),
        T(feature_whose_field_does_not_exist_is_not_accepted),
        T(queue_sizes_of_all_kinds_work),
        T(doorbell_that_lies_nowhere_is_refused),
        T(device_without_any_interface_is_refused),
        T(transitional_device_is_used_through_its_modern_interface),
        T(several_nics_keep_their_places),
        T(configuration_that_never_settles_is_given_up),
        T(ring_and_identity_stay_what_they_were_after_a_reset),
#endif
        T(rings_are_no_longer_than_asked_for),
        T(device_without_a_queue_is_refused),
        T(slow_reset_is_waited_for),
        T(reset_that_never_completes_is_given_up_after_a_second),
        T(function_that_does_not_answer_is_refused),
        T(no_more_nics_are_used_than_there_is_memory_for),
        T(mac_that_is_none_is_replaced),
        T(mtu_is_the_devices_within_reason),
        T(link_follows_the_device),
        T(link_is_up_where_the_device_cannot_say),
        T(vectors_are_used_as_far_as_they_go),
        T(device_without_msix_is_polled),
        T(sleep_is_refused_while_frames_wait),
        T(a_frame_that_arrives_during_sleep_interrupts),
        T(frames_that_arrive_while_awake_do_not_interrupt),
        T(half_of_what_was_sent_wakes),
        T(spurious_interrupts_and_early_ones_change_nothing),
        T(frames_of_every_length_arrive_whole),
        T(frames_shorter_than_a_header_are_dropped_and_counted),
        T(device_header_means_nothing_without_offloads),
        T(ring_is_full_after_every_poll),
        T(small_rings_are_never_emptied_either),
        T(poll_returns_at_most_what_was_asked_for),
        T(rx_survives_empty_pool),
        T(rx_out_of_order_completion_works),
        T(traffic_goes_on_through_many_index_wraps),
        T(a_batch_takes_one_doorbell),
        T(bulk_leaves_the_reserve_to_control),
        T(room_is_that_of_the_ring_where_it_is_smaller_than_the_pool),
        T(full_ring_reclaims_before_it_refuses),
        T(tx_out_of_order_completion_and_any_length_work),
        T(frames_that_no_mtu_allows_are_bugs),
        T(lost_doorbell_is_repeated_within_the_heartbeat),
        T(heartbeat_is_silent_while_traffic_flows),
        T(lost_interrupts_do_not_stop_traffic),
        T(longest_gap_of_transmission_is_measured),
        T(gap_of_reception_counts_while_it_is_due),
        T(every_lie_in_the_used_ring_costs_one_reset),
        T(duplicate_completion_costs_one_reset),
        T(needs_reset_is_answered_within_the_turn_after_its_interrupt),
        T(needs_reset_without_an_interrupt_is_found_by_the_heartbeat),
        T(device_that_was_reset_by_others_is_brought_up_again),
        T(device_that_vanished_is_used_again_when_it_is_back),
        T(buffers_stay_with_a_device_until_its_reset_is_complete),
        T(device_that_breaks_again_and_again_is_reset_at_a_bounded_rate),
        T(device_that_lost_a_feature_or_queue_is_tried_until_it_is_whole),
        T(values_that_flicker_do_no_harm),
        T(random_device_never_stops_the_driver_for_good),
    };
    if (OVER_LEGACY)
        return cmocka_run_group_tests_name("virtio_net_legacy", tests, NULL, NULL);
    if (cmocka_run_group_tests_name("virtio_net", tests, NULL, NULL) != 0)
        return 1;
    packed = true;
    return cmocka_run_group_tests_name("virtio_net_packed", tests, NULL, NULL);
}
