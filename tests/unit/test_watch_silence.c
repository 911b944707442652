// SPDX-License-Identifier: BSD-3-Clause
/*
 * Silence that is no stall, and the two that are nobody's fault: a link that is down, and a host
 * that does not run the guest.
 */
#include "watch_rig.h"

static void idle_is_no_stall(void **state)
{
    (void)state;
    run(10 * MIN);
    nothing_was_said();
    traffic_goes_on();
}

static void frames_now_and_then_are_no_stall(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3000; i++) {
        run((7 + i * 37 % 230) * MS); /* also right behind a heartbeat */
        if (i % 3 != 0)
            sim_rx(nic, frame, 60);
        if (i % 3 != 1)
            send_frames(1 + i % 5, 100);
        loop(MS);
    }
    nothing_was_said();
}

static void traffic_without_a_pause_is_no_stall(void **state)
{
    (void)state;
    rx_due = true;
    for (unsigned i = 0; i < 60000; i++) {
        sim_rx(nic, frame, 60);
        send_frames(3, 100);
        loop(MS);
    }
    nothing_was_said();
    assert_true(totals().late_max_ns == 0);
}

static void link_down_is_said_once_and_left_alone(void **state)
{
    (void)state;
    blocked = true;
    send_frames(5, 100);
    nic->link_status = 0;
    sim_interrupt(nic, SIM_QUEUES);
    run(10 * MIN);
    stalls(VNET_LINK_DOWN, 1, 0);
    assert_int_equal(sim_records("stall"), 1);
    said("stall", "\"nic\":\"net0\",\"queue\":\"all\",\"dir\":\"both\",\"cause\":\"link_down\"");
    assert_int_equal(nic->resets, 1);
    assert_int_equal(sim_records("recovered"), 0);
    nic->link_status = 1;
    sim_interrupt(nic, SIM_QUEUES);
    blocked = false;
    run(100 * MS);
    recoveries(VNET_DID_NOTHING, 1);
    assert_true(number("recovered", "after_us") >= 599000000);
    traffic_goes_on();
}

/* The host stops the guest: its clock may go on meanwhile. */
static void time_in_which_we_did_not_run_is_nobodys_stall(void **state)
{
    (void)state;
    rx_due = true;
    sim_rx(nic, frame, 60);
    send_frames(5, 100);
    run(20 * MS);
    blocked = true;
    send_frames(5, 100);
    loop(10 * MS);
    loop(5 * MIN);
    blocked = false;
    run(50 * MS);
    sim_rx(nic, frame, 60);
    loop(MS);
    stalls(VNET_GUEST_LATE, 1, 0);
    assert_int_equal(sim_records("stall"), 1);
    said("stall", "\"nic\":\"net0\",\"queue\":\"all\",\"dir\":\"both\",\"cause\":\"guest_late\"");
    assert_int_equal(number("stall", "stalled_us"), 300000000);
    assert_int_equal(sim_records("recovered"), 1);
    assert_int_equal(totals().late_max_ns, 5 * MIN);
    assert_int_equal(vnet_late_ns(vn), 5 * MIN);
    assert_true(vnet_gap_max_ns(vn, true) < 200 * MS);
    assert_true(vnet_gap_max_ns(vn, false) < 200 * MS);
    assert_int_equal(nic->resets, 1);
    traffic_goes_on();
}

/* A sleep is 10 ms at most: what is longer is not our doing. What is awake may be. */
static void late_record_says_how_much_of_it_was_sleep(void **state)
{
    (void)state;
    loop(MS);
    assert_true(vnet_may_sleep(vn));
    sim_now_ns += 700 * MS;
    vnet_awake(vn);
    loop(300 * MS);
    stalls(VNET_GUEST_LATE, 1, 0);
    assert_in_range(number("stall", "stalled_us"), 1000000, 1000010);
    assert_in_range(number("stall", "asleep_us"), 700000, 700010);
    loop(MS);
    loop(S);
    assert_int_equal(number("stall", "asleep_us"), 0);
}

static void short_pauses_of_the_guest_are_measured_only(void **state)
{
    (void)state;
    blocked = true;
    send_frames(1, 100);
    for (unsigned i = 0; i < 20; i++)
        loop(150 * MS); /* nearly all of the time somebody else runs */
    blocked = false;
    loop(MS);
    loop(MS);
    nothing_was_said();
    assert_int_equal(totals().late_max_ns, 150 * MS);
    assert_int_equal(vnet_late_ns(vn), 20 * 150 * MS);
    assert_true(vnet_gap_max_ns(vn, true) < 10 * MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        W(idle_is_no_stall),
        W(frames_now_and_then_are_no_stall),
        W(traffic_without_a_pause_is_no_stall),
        W(link_down_is_said_once_and_left_alone),
        W(time_in_which_we_did_not_run_is_nobodys_stall),
        W(late_record_says_how_much_of_it_was_sleep),
        W(short_pauses_of_the_guest_are_measured_only),
    };
    return cmocka_run_group_tests_name("watch_silence", tests, NULL, NULL);
}
