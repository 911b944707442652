// SPDX-License-Identifier: BSD-3-Clause
/*
 * Nothing is received: whether anybody waits, whether the network answers when it is asked, and
 * whose fault it is if it does not.
 */
#include "watch_rig.h"

static bool waits; /* somebody waits for frames, and asks the network when he is told to */
static unsigned asked;
static bool answers;

/* A turn each 5 ms, with what the stack does. */
static void run_asking(uint64_t ns)
{
    for (uint64_t end = sim_now_ns + ns; sim_now_ns < end;) {
        loop(5 * MS);
        if (vnet_rx_silent(vn)) {
            asked += waits;
            vnet_rx_probed(vn, waits);
            if (waits && answers)
                sim_rx(nic, frame, 60);
        }
    }
}

static int setup_reception(void **state)
{
    waits = answers = false;
    asked = 0;
    return setup_watch(state);
}

static void silence_that_nobody_minds_is_none(void **state)
{
    (void)state;
    run_asking(10 * MIN);
    assert_int_equal(asked, 0);
    nothing_was_said();
}

static void network_that_answers_is_asked_now_and_then(void **state)
{
    (void)state;
    waits = answers = true;
    run_asking(10 * MIN);
    assert_in_range(asked, 180, 200); /* every 3 s */
    nothing_was_said();
}

/* What the network delivers is nothing that could be an answer. */
static void frames_that_are_none_are_silence(void **state)
{
    (void)state;
    waits = true;
    for (unsigned i = 0; i < 200; i++) {
        assert_true(sim_rx(nic, frame, 5));
        run_asking(100 * MS);
    }
    assert_in_range(stat_of("rx", "runt"), 198, 200); /* but for a reset just then */
    assert_int_equal(nic->resets, 2);
    stalls(VNET_PEER_SILENT, 1, 0);
    assert_true(sim_rx(nic, frame, 60));
    run_asking(50 * MS);
    recoveries(VNET_DID_NOTHING, 1);
}

/* A delivery without even the device's own header. */
static void deliver_rubbish(void)
{
    uint16_t id;

    if (nic->status == status_up() && sim_take(nic, SIM_RXQ, &id))
        sim_use(nic, SIM_RXQ, id, 5);
}

static void device_that_delivers_nothing_but_rubbish_is_broken(void **state)
{
    (void)state;
    waits = true;
    for (unsigned i = 0; i < 29; i++) {
        deliver_rubbish();
        run_asking(100 * MS);
    }
    stalls(VNET_CAUSES, 0, 0);
    for (unsigned i = 0; i < 3; i++) {
        deliver_rubbish();
        run_asking(100 * MS);
    }
    stalls(VNET_DEVICE_BROKEN, 1, 1);
    said("stall", "\"why\":\"it delivers nothing but what cannot be\"");
    said("error", "it delivers nothing but what cannot be");
    assert_int_equal(totals().errors, stat_of("rx", "cut"));
    assert_in_range(totals().errors, 30, 32);
    run_asking(600 * MS);
    assert_int_equal(nic->resets, 2);
    for (unsigned i = 0; i < 600; i++) { /* and again, for as long as it does that */
        deliver_rubbish();
        run_asking(100 * MS);
    }
    assert_in_range(nic->resets, 15, 22);
    assert_int_equal(totals().stalls[VNET_PEER_SILENT], 0);
    assert_true(vnet_check(vn));
    run_asking(S);
    traffic_goes_on();
}

/* A frame in between, short ones too: it is not only rubbish, and counted all the same. */
static void rubbish_among_frames_is_no_reason_for_a_reset(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 200; i++) {
        deliver_rubbish();
        run_asking(50 * MS);
        if (i % 20 == 0)
            assert_true(sim_rx(nic, frame, i % 40 == 0 ? 5 : 60));
        run_asking(50 * MS);
    }
    nothing_was_said();
    assert_int_equal(totals().errors, 200);
}

/* Nor is rubbish that is over, or once and after a pause in which the guest was not run. */
static void little_rubbish_is_no_reason_for_a_reset(void **state)
{
    (void)state;
    deliver_rubbish();
    run_asking(2 * S);
    deliver_rubbish();
    loop(10 * MS);
    blocked = true; /* nothing works while the host stops all */
    loop(5 * S);
    deliver_rubbish();
    loop(10 * MS);
    blocked = false;
    run_asking(5 * MIN);
    assert_int_equal(nic->resets, 1);
    assert_int_equal(totals().stalls[VNET_DEVICE_BROKEN], 0);
    assert_int_equal(totals().errors, 3);
}

static void link_that_is_down_is_not_asked(void **state)
{
    (void)state;
    waits = true;
    nic->link_status = 0;
    sim_interrupt(nic, SIM_QUEUES);
    run_asking(10 * MIN);
    assert_int_equal(asked, 0);
    stalls(VNET_LINK_DOWN, 1, 0);
    assert_int_equal(nic->resets, 1);
}

static void silent_peer_costs_one_reset_and_is_named(void **state)
{
    (void)state;
    waits = true;
    run_asking(5900 * MS); /* asked at 3, 4 and 5 s */
    assert_int_equal(asked, 3);
    assert_int_equal(nic->resets, 1);
    run_asking(200 * MS);
    assert_int_equal(nic->resets, 2);
    stalls(VNET_CAUSES, 0, 0);
    run_asking(4 * S);
    stalls(VNET_PEER_SILENT, 1, 0);
    said("stall", "\"queue\":\"rx\",\"dir\":\"rx\",\"cause\":\"peer_silent\"");
    assert_in_range(number("stall", "stalled_us"), 9000000, 10000000);
    asked = 0;
    run_asking(10 * MIN);
    assert_in_range(asked, 10, 60); /* ever less often */
    assert_int_equal(nic->resets, 2);
    assert_int_equal(sim_records("stall"), 1);
    sim_rx(nic, frame, 60);
    run_asking(50 * MS);
    recoveries(VNET_DID_NOTHING, 1);
    said("recovered", "\"cause\":\"peer_silent\",\"action\":\"none\"");
    asked = 0;
    run_asking(20 * S); /* and if it is silent again, the same again */
    assert_int_equal(nic->resets, 3);
    stalls(VNET_PEER_SILENT, 2, 0);
    waits = false;
    run_asking(2 * MIN);
    recoveries(VNET_DID_NOTHING, 2);
    assert_int_equal(nic->resets, 3);
}

static void reception_that_a_reset_helps_was_the_devices_fault(void **state)
{
    (void)state;
    waits = true;
    run_asking(6 * S);
    answers = true;
    run_asking(S);
    assert_int_equal(nic->resets, 2);
    stalls(VNET_BACKEND_BLOCKED, 1, 1);
    recoveries(VNET_DID_RESET, 1);
    said("stall", "\"queue\":\"rx\"");
    assert_in_range(number("recovered", "after_us"), 6000000, 7000000);
}

#define P(f) cmocka_unit_test_setup_teardown(f, setup_reception, teardown_watch)

int main(void)
{
    const struct CMUnitTest tests[] = {
        P(silence_that_nobody_minds_is_none),
        P(network_that_answers_is_asked_now_and_then),
        P(frames_that_are_none_are_silence),
        P(device_that_delivers_nothing_but_rubbish_is_broken),
        P(rubbish_among_frames_is_no_reason_for_a_reset),
        P(little_rubbish_is_no_reason_for_a_reset),
        P(link_that_is_down_is_not_asked),
        P(silent_peer_costs_one_reset_and_is_named),
        P(reception_that_a_reset_helps_was_the_devices_fault),
    };
    return cmocka_run_group_tests_name("watch_peer", tests, NULL, NULL);
}
