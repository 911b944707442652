// SPDX-License-Identifier: BSD-3-Clause
/*
 * A device that stands still or breaks: its back-end named within 250 ms, resets at growing
 * intervals, and few records however often it happens.
 */
#include <stdio.h>
#include "virtio_net_state.h"
#include "virtqueue_split.h"
#include "watch_rig.h"

static void blocked_backend_is_named_within_250_ms(void **state)
{
    (void)state;
    run(500 * MS);
    blocked = true;
    send_frames(20, 100);
    run(249 * MS);
    stalls(VNET_BACKEND_BLOCKED, 1, 0);
    assert_int_equal(sim_records("stall"), 1);
    said("stall", "\"queue\":\"tx\",\"dir\":\"tx\",\"cause\":\"backend_blocked\"");
    said("stall", "\"injected\":false");
    assert_int_equal(number("stall", "posted"), 20);
    assert_int_equal(number("stall", "avail"), 20);
    assert_int_equal(number("stall", "used"), 0);
    assert_true(number("stall", "kicks_repeated") >= 1);
    assert_int_equal(sim_records("recovered"), 0);
    run(740 * MS);
    stalls(VNET_BACKEND_BLOCKED, 1, 0);
    run(1260 * MS);
    stalls(VNET_BACKEND_BLOCKED, 1, 1); /* although it goes on */
    blocked = false;
    run(20 * MS);
    stalls(VNET_BACKEND_BLOCKED, 1, 1);
    recoveries(VNET_DID_NOTHING, 1);
    said("recovered", "\"cause\":\"backend_blocked\",\"action\":\"none\"");
    assert_in_range(number("recovered", "after_us"), 2240000, 2300000);
    assert_int_equal(nic->resets, 1);
    traffic_goes_on();
}

/* It goes on just when that comes to light: behind the turn's own look at the ring. */
static void completions_that_come_meanwhile_do_not_make_the_guest_late(void **state)
{
    (void)state;
    run(500 * MS);
    blocked = true;
    send_frames(5, 100);
    for (unsigned i = 0; i < 100 && totals().stalls[VNET_BACKEND_BLOCKED] == 0; i++) {
        sim_now_ns += 5 * MS;
        vnet_tx_reclaim(vn);
        if (i >= 39) /* 200 ms */
            sim_tx(nic, 1);
        vnet_heartbeat(vn, sim_now_ns);
        assert_int_equal(totals().stalls[VNET_GUEST_LATE], 0);
    }
    blocked = false;
    run(20 * MS);
    stalls(VNET_BACKEND_BLOCKED, 1, 0);
    recoveries(VNET_DID_NOTHING, 1);
    assert_in_range(number("recovered", "after_us"), 200000, 250000);
    traffic_goes_on();
}

static void blocked_backend_is_reset_less_and_less_often(void **state)
{
    static const unsigned after_s[] = {5, 15, 35, 75, 135, 195};
    const uint64_t start = sim_now_ns;

    (void)state;
    blocked = true;
    for (unsigned k = 0; k < 6; k++) {
        for (; sim_now_ns < start + after_s[k] * S - 100 * MS; run(100 * MS))
            send_frames(1, 100); /* somebody always has something to send */
        assert_int_equal(nic->resets, 1 + k);
        for (; sim_now_ns < start + after_s[k] * S + 800 * MS; run(100 * MS))
            send_frames(1, 100);
        assert_int_equal(nic->resets, 2 + k);
        assert_true(vnet_check(vn));
    }
    blocked = false;
    run(100 * MS);
    stalls(VNET_BACKEND_BLOCKED, 1, 1);
    assert_int_equal(totals().resets, 0); /* it did nothing wrong */
    assert_int_equal(sim_records("error"), 0);
    assert_int_equal(sim_records("recovered"), 1);
    traffic_goes_on();
}

static void device_that_a_reset_helps_is_credited_to_it(void **state)
{
    (void)state;
    blocked = true;
    send_frames(5, 100);
    run(4900 * MS);
    assert_int_equal(nic->resets, 1);
    run(200 * MS);
    assert_int_equal(nic->resets, 2);
    blocked = false;
    send_frames(1, 100);
    run(20 * MS);
    stalls(VNET_BACKEND_BLOCKED, 1, 1);
    recoveries(VNET_DID_RESET, 1);
    said("recovered", "\"action\":\"reset\"");
    assert_in_range(number("recovered", "after_us"), 5000000, 7000000);
    traffic_goes_on();
}

static void broken_device_is_named_with_its_reason(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        run(2 * S);
        sim_needs_reset(nic);
        run(20 * MS);
        stalls(VNET_DEVICE_BROKEN, i + 1, i + 1);
        recoveries(VNET_DID_RESET, i + 1);
        said("stall", "\"queue\":\"all\",\"dir\":\"both\",\"cause\":\"device_broken\"");
        said("stall", "\"why\":\"it asks for a reset\"");
        said("recovered", "\"action\":\"reset\"");
        assert_true(number("recovered", "after_us") < 2000000);
        assert_int_equal(totals().resets, i + 1);
        traffic_goes_on();
    }
}

/* Beside a receive buffer, a transmit buffer, any ring, its tables, a command: named within a
 * second, and over. */
static void device_that_writes_beyond_its_place_is_broken(void **state)
{
    enum { RING = VQ_SPLIT_BYTES(CONFIG_RING_MAX), CTRL = VQ_SPLIT_BYTES(CONFIG_CTRL_RING) };
    const struct {
        uint8_t *guard; /* one of its bytes */
        const char *of;
        uint32_t evidence;
    } cases[] = {
        {vn->rx_bufs[200].base + vn->rx_bufs[200].cap, "this receive buffer", 200},
        {vn->rx_bufs[0].base - 1, "this receive buffer", 0},
        {vn->tx_bufs[3].base + vn->tx_bufs[3].cap + 63, "this transmit buffer", 3},
        {vn->tx_bufs[0].base - 64, "this transmit buffer", 0},
        {vn->rx.vq.mem + RING, "this ring", 0},
        {vn->rx.vq.mem - 1, "this ring", 0},
        {vn->tx.vq.mem + RING, "this ring", 1},
        {vn->tx.vq.mem - 1, "this ring", 1},
        {(uint8_t *)&vn->rx.vq.tables[CONFIG_RING_MAX], "this ring", 0},
        {(uint8_t *)vn->rx.vq.tables - 1, "this ring", 0},
        {(uint8_t *)&vn->tx.vq.tables[CONFIG_RING_MAX], "this ring", 1},
        {(uint8_t *)vn->tx.vq.tables - 1, "this ring", 1},
        {vn->ctrl.vq.mem + CTRL, "the control queue", 0},
        {vn->ctrl.vq.mem - 1, "the control queue", 0},
        {vn->ctrl.vq.mem + CTRL + 4096 - 64, "the control queue", 0}, /* behind the command */
    };

    (void)state;
    for (unsigned i = 0; i < COUNT(cases); i++) {
        char why[64];

        snprintf(why, sizeof(why), "memory beside %s was written to", cases[i].of);
        *cases[i].guard = 0;
        run(S);
        stalls(VNET_DEVICE_BROKEN, i + 1, i + 1);
        said("stall", why);
        assert_int_equal(number("stall", "evidence"), cases[i].evidence);
        run(2 * S);
        recoveries(VNET_DID_RESET, i + 1);
        assert_int_equal(totals().resets, i + 1);
        traffic_goes_on();
    }
}

static void records_are_few_and_counts_exact(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 200; i++) {
        nic->link_status = 0;
        sim_interrupt(nic, SIM_QUEUES);
        loop(MS);
        loop(MS);
        nic->link_status = 1;
        sim_interrupt(nic, SIM_QUEUES);
        loop(MS);
        loop(MS);
    }
    stalls(VNET_LINK_DOWN, 200, 0);
    recoveries(VNET_DID_NOTHING, 200);
    assert_int_equal(sim_records("stall"), 8);
    assert_int_equal(sim_records("recovered"), 8);
    run(3 * S);
    for (unsigned i = 0; i < 10; i++) {
        nic->link_status ^= 1;
        sim_interrupt(nic, SIM_QUEUES);
        loop(MS);
        loop(MS);
    }
    assert_in_range(sim_records("stall"), 8 + 3, 8 + 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        W(blocked_backend_is_named_within_250_ms),
        W(completions_that_come_meanwhile_do_not_make_the_guest_late),
        W(blocked_backend_is_reset_less_and_less_often),
        W(device_that_a_reset_helps_is_credited_to_it),
        W(broken_device_is_named_with_its_reason),
        W(device_that_writes_beyond_its_place_is_broken),
        W(records_are_few_and_counts_exact),
    };
    return cmocka_run_group_tests_name("watch_device", tests, NULL, NULL);
}
