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

/* What the device delivers is nothing that could be an answer. */
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
        P(link_that_is_down_is_not_asked),
        P(silent_peer_costs_one_reset_and_is_named),
        P(reception_that_a_reset_helps_was_the_devices_fault),
    };
    return cmocka_run_group_tests_name("watch_peer", tests, NULL, NULL);
}
