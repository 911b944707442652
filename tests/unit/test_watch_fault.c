// SPDX-License-Identifier: BSD-3-Clause
/*
 * Faults on demand: each ends in the remedy and the words that a real one has, is marked as asked
 * for, and is not held against the device.
 */
#include "watch_rig.h"

static void dropped_kick_is_our_own_doing(void **state)
{
    (void)state;
    ask(FAULT_DROP_KICK_TX, 1, 0, UINT64_MAX);
    sim_collect = true; /* a doorbell is owed */
    run(10 * MS);
    for (unsigned i = 0; i < 10; i++) {
        send_frames(2, 100);
        run(300 * MS);
    }
    stalls(VNET_LOST_KICK, 10, 0);
    recoveries(VNET_DID_KICK, 10);
    said("stall", "\"injected\":true");
    assert_true(vnet_gap_max_ns(vn, true) < 250 * MS);
    assert_true(sim_breached("2.7.10.1"));
}

/* And that of the NIC that was struck: another's stall is its own. */
static void fault_of_one_nic_excuses_no_other(void **state)
{
    (void)state;
    ask(FAULT_DROP_KICK_TX, 1, sim_now_ns, sim_now_ns + MS);
    fault_turn(sim_now_ns);
    assert_true(fault_strike(FAULT_DROP_KICK_TX, 1)); /* net1 */
    run(10 * MS);
    blocked = true;
    send_frames(2, 100);
    run(300 * MS);
    stalls(VNET_BACKEND_BLOCKED, 1, 0);
    said("stall", "\"injected\":false");
    blocked = false;
    run(10 * MS);
}

/* However long nobody ran the guest in between. */
static void dropped_kick_is_known_again_after_a_pause(void **state)
{
    (void)state;
    ask(FAULT_DROP_KICK_TX, 1, 0, UINT64_MAX);
    sim_collect = true; /* a doorbell is owed */
    run(10 * MS);
    send_frames(2, 100);
    run(20 * MS);
    loop(5 * S);
    run(300 * MS);
    assert_int_equal(totals().stalls[VNET_LOST_KICK], 1);
    said("stall", "\"cause\":\"lost_kick\",");
    said("stall", "\"injected\":true");
    assert_true(sim_breached("2.7.10.1"));
}

static void what_is_not_reaped_is_the_guests_doing(void **state)
{
    const uint64_t start = sim_now_ns;

    (void)state;
    ask(FAULT_NO_REAP, 1, start + S, start + 9 * S);
    run(1100 * MS);
    send_frames(5, 100);
    run(249 * MS);
    stalls(VNET_GUEST_LATE, 1, 0);
    said("stall", "\"injected\":true");
    run(8 * S);
    stalls(VNET_GUEST_LATE, 1, 0);
    recoveries(VNET_DID_POLL, 1);
    assert_int_equal(nic->resets, 1);
    assert_true(vnet_gap_max_ns(vn, true) < 20 * MS); /* after the window's end */
    traffic_goes_on();
}

static void bad_head_ends_in_one_reset_that_is_not_held_against_the_device(void **state)
{
    (void)state;
    run(S);
    ask(FAULT_BAD_HEAD, 0, 0, UINT64_MAX);
    sim_collect = true;
    blocked = true;
    loop(MS);
    loop(MS);
    sim_needs_reset(nic); /* as a device does that looks */
    assert_true(sim_violation[0] != '\0');
    sim_violation[0] = '\0';
    sim_collect = false;
    run(20 * MS);
    blocked = false;
    run(600 * MS);
    stalls(VNET_DEVICE_BROKEN, 1, 0);
    recoveries(VNET_DID_RESET, 1);
    said("stall", "\"injected\":true");
    assert_int_equal(totals().resets, 0);
    assert_int_equal(sim_records("error"), 0);
    traffic_goes_on();
    run(S);
    sim_needs_reset(nic); /* this one is */
    run(2 * S);
    assert_int_equal(totals().resets, 1);
    assert_int_equal(totals().judged[VNET_DEVICE_BROKEN], 1);
    assert_int_equal(sim_records("error"), 1);
}

/* A legacy device has no way to ask, and what stands still comes to light with the next frame. */
static void bad_head_that_no_reset_is_asked_for_is_remembered(void **state)
{
    (void)state;
    ask(FAULT_BAD_HEAD, 0, 0, UINT64_MAX);
    sim_collect = blocked = true;
    run(20 * S);
    sim_violation[0] = '\0';
    sim_collect = false;
    stalls(VNET_CAUSES, 0, 0);
    assert_int_equal(send_frames(1, 60), 1);
    run(5500 * MS);
    stalls(VNET_BACKEND_BLOCKED, 1, 0);
    said("stall", "\"injected\":true");
    assert_int_equal(nic->resets, 2);
    blocked = false;
    run(2 * S);
    recoveries(VNET_DID_RESET, 1);
    blocked = true; /* this one is nobody's doing */
    send_frames(1, 60);
    run(2 * S);
    stalls(VNET_BACKEND_BLOCKED, 2, 1);
    blocked = false;
}

static void periodic_resets_are_survived(void **state)
{
    (void)state;
    ask(FAULT_RESET, S, 0, UINT64_MAX);
    for (unsigned i = 0; i < 1000; i++) {
        sim_rx(nic, frame, 60);
        send_frames(2, 100);
        run(10 * MS);
        assert_true(vnet_check(vn));
    }
    assert_in_range(nic->resets, 10, 12);
    stalls(VNET_CAUSES, 0, 0);
    assert_int_equal(totals().resets, 0);
}

/* Frames on the way are lost, as by any reset. */
static void features_are_agreed_on_anew_and_come_back(void **state)
{
    const uint64_t start = S;
    uint64_t all, before;
    unsigned others = 0;

    (void)state;
    watch_up(SIM_F_CSUM | SIM_F_HOST_TSO4 | SIM_F_RING_PACKED | SIM_F_CTRL_VQ);
    all = before = nic->accepted;
    assert_int_equal(vnet_tx_cuts(vn, false), true);
    ask(FAULT_RENEGOTIATE, S, start + S, start + 5 * S);
    for (unsigned i = 0; i < 1000; i++) {
        sim_rx(nic, frame, 60);
        send_frames(2, 100);
        run(10 * MS);
        assert_true(vnet_check(vn));
        if (nic->status != status_up() || nic->accepted == before)
            continue;
        before = nic->accepted;
        others += before != all;
        assert_int_equal(before & ~all, 0);
        assert_true(before & SIM_F_VERSION_1);
        assert_int_equal(vnet_tx_csum(vn), (before & SIM_F_CSUM) != 0);
        assert_int_equal(vnet_tx_cuts(vn, false), (before & SIM_F_HOST_TSO4) != 0);
    }
    assert_int_equal(others, 4);
    assert_true(nic->accepted == all);
    assert_in_range(nic->resets, 1 + 5, 1 + 5);
    assert_int_equal(sim_records("nic"), 1 + 5);
    assert_false(fault_any());
    stalls(VNET_CAUSES, 0, 0);
    assert_int_equal(totals().resets, 0);
    traffic_goes_on();
}

static void lost_buffer_is_found_and_the_bookkeeping_begins_anew(void **state)
{
    (void)state;
    ask(FAULT_LOSE_BUFFER, 2 * S, 0, UINT64_MAX);
    for (unsigned i = 1; i <= 10; i++) {
        send_frames(5, 100);
        sim_rx(nic, frame, 60);
        blocked = i % 2; /* with frames on the way, and without */
        run(20 * MS);
        assert_false(vnet_audit(vn));
        vnet_repair(vn);
        assert_true(vnet_audit(vn)); /* at work: not to be counted again */
        blocked = false;
        run(1900 * MS);
        assert_true(vnet_audit(vn));
        assert_int_equal(totals().violations, i);
        assert_int_equal(sim_records("error"), i);
        assert_int_equal(vnet_tx_room(vn, false), 256); /* all of them */
        traffic_goes_on();
        run(60 * MS);
    }
    assert_int_equal(totals().resets, 0);
    stalls(VNET_CAUSES, 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        W(dropped_kick_is_our_own_doing),
        W(fault_of_one_nic_excuses_no_other),
        W(dropped_kick_is_known_again_after_a_pause),
        W(what_is_not_reaped_is_the_guests_doing),
        W(bad_head_ends_in_one_reset_that_is_not_held_against_the_device),
        W(bad_head_that_no_reset_is_asked_for_is_remembered),
        W(periodic_resets_are_survived),
        cmocka_unit_test_setup_teardown(features_are_agreed_on_anew_and_come_back, setup,
                                        teardown_watch),
        W(lost_buffer_is_found_and_the_bookkeeping_begins_anew),
    };
    return cmocka_run_group_tests_name("watch_fault", tests, NULL, NULL);
}
