// SPDX-License-Identifier: BSD-3-Clause
/*
 * The heartbeat: a doorbell that was lost is repeated, and the longest gap of either direction is
 * measured. What is made of a silence is the watchdog's (test_watch_*.c).
 */
#include "vnet_rig.h"

static void lost_doorbell_is_repeated_within_the_heartbeat(void **state)
{
    (void)state;
    up();
    while (sim_rx(nic, frame, 60)) /* the ring empties, the device goes to sleep */
        ;
    nic->doorbells_lost = true;
    while (receive() > 0)
        ;
    assert_int_equal(send_frames(1, 60), 1);
    nic->doorbells_lost = false;
    assert_false(sim_rx(nic, frame, 60));
    assert_int_equal(sim_tx(nic, 1), 0);
    turns(2 * CONFIG_HEARTBEAT_MS + 1, MS);
    assert_true(sim_rx(nic, frame, 60));
    assert_int_equal(sim_tx(nic, 1), 1);
    assert_int_equal(receive(), 1);
    assert_int_equal(vnet_tx_reclaim(vn), 1);
}

static void heartbeat_is_silent_while_traffic_flows(void **state)
{
    (void)state;
    up();
    traffic_flows(1);
    turn(100 * MS); /* learns that something happened */
    for (unsigned i = 0; i < 20; i++) {
        uint64_t rx, tx;
        traffic_flows(1);
        rx = stat_of("rx", "kicks");
        tx = stat_of("tx", "kicks");
        turn(100 * MS);
        assert_int_equal(stat_of("rx", "kicks"), rx);
        assert_int_equal(stat_of("tx", "kicks"), tx);
    }
    turns(20, 100 * MS); /* and gentle on an idle device: receive only */
    assert_in_range(nic->q[SIM_RXQ].doorbells, 20, 45);
}

static void longest_gap_of_transmission_is_measured(void **state)
{
    (void)state;
    up();
    turn(MS);
    turns(100, 50 * MS); /* idle: no gap */
    assert_true(vnet_gap_max_ns(vn, true) < 2 * MS);
    assert_int_equal(send_frames(1, 60), 1);
    turns(30, 10 * MS);
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
    turns(50, 10 * MS);
    assert_true(vnet_gap_max_ns(vn, false) <= 10 * MS);
    vnet_rx_due(vn, true);
    turns(20, 10 * MS);
    assert_in_range(vnet_gap_max_ns(vn, false), 199 * MS, 211 * MS);
    sim_rx(nic, frame, 60);
    receive();
    turns(10, 10 * MS);
    assert_in_range(vnet_gap_max_ns(vn, false), 199 * MS, 221 * MS);
    vnet_rx_due(vn, false);
    turns(100, 10 * MS);
    assert_in_range(vnet_gap_max_ns(vn, false), 199 * MS, 221 * MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(lost_doorbell_is_repeated_within_the_heartbeat),
        T(heartbeat_is_silent_while_traffic_flows),
        T(longest_gap_of_transmission_is_measured),
        T(gap_of_reception_counts_while_it_is_due),
    };
    return RUN_ALL("vnet_heartbeat", tests);
}
