// SPDX-License-Identifier: BSD-3-Clause
/*
 * Whose fault it is that frames are not sent: a doorbell that was lost is told from a device that
 * does not run, from one whose back-end waits, and from one that says it is at it.
 */
#include <string.h>
#include "watch_rig.h"

#define CONTROL (SIM_F_CTRL_VQ | SIM_F_CTRL_RX)

static void send_unheard(void)
{
    nic->doorbells_lost = true;
    send_frames(2, 100);
    nic->doorbells_lost = false;
}

/* Pauses of the device from 20 to 416 ms, at any phase of the heartbeat. Returns how many of a
 * thousand are called a lost doorbell. */
static uint64_t blamed(void (*begin)(void))
{
    for (unsigned i = 0; i < 1000; i++) {
        run(503 * MS);
        begin();
        run((20 + i * 7 % 397) * MS);
        mute = false; /* it answers a little earlier than it sends */
        loop(2 * MS);
        blocked = false;
        run(100 * MS);
    }
    none_judged();
    return totals().stalls[VNET_LOST_KICK];
}

/* ---- lost -------------------------------------------------------------------------------------
 */

static void lost_doorbell_is_named_with_its_evidence(void **state)
{
    (void)state;
    watch_up(CONTROL);
    for (unsigned i = 1; i <= 300; i++) {
        run((200 + i * 7 % 101) * MS);
        send_unheard();
        run(100 * MS);
        assert_int_equal(totals().stalls[VNET_LOST_KICK], i);
        assert_int_equal(totals().recoveries[VNET_DID_KICK], i);
        assert_int_equal(command[0], 0); /* receive, … [5.1.6.5.1] */
        assert_int_equal(command[1], 1); /* … from all groups */
    }
    said("stall", "\"queue\":\"tx\",\"dir\":\"tx\",\"cause\":\"lost_kick\"");
    said("recovered", "\"cause\":\"lost_kick\",\"action\":\"kick\"");
    assert_in_range(number("stall", "stalled_us"), 50000, 90000);
    assert_in_range(number("stall", "control_us"), 1000, 10000);
    assert_in_range(number("stall", "repeat_us"), 1, 10000);
    assert_true(number("stall", "wish") <= 0xffffffff);
    assert_int_equal(number("recovered", "after_us"), number("stall", "stalled_us"));
    assert_int_equal(totals().stalls[VNET_BACKEND_BLOCKED], 0);
}

static void lost_doorbell_is_named_without_a_control_queue(void **state)
{
    (void)state;
    watch_up(0);
    for (unsigned i = 1; i <= 300; i++) {
        run((200 + i * 7 % 101) * MS);
        send_unheard();
        run(100 * MS);
        assert_int_equal(totals().stalls[VNET_LOST_KICK], i);
    }
    assert_null(strstr(sim_record("stall"), "control_us"));
}

/* ---- not lost ---------------------------------------------------------------------------------
 */

static void starve(void)
{
    blocked = mute = true;
    send_frames(2, 100);
}

static void device_that_is_not_run_has_lost_nothing(void **state)
{
    (void)state;
    watch_up(CONTROL);
    assert_int_equal(blamed(starve), 0);
    assert_true(totals().stalls[VNET_BACKEND_BLOCKED] > 300);
}

/* It hears the doorbell, wants no other from now on, and has to wait for its back-end. */
static void hear_and_block(void)
{
    blocked = true;
    send_frames(2, 100);
    sim_garbage_wish(nic, SIM_TXQ, 1); /* by flags, in either format: none */
}

static void device_that_says_it_heard_has_lost_nothing(void **state)
{
    (void)state;
    nic->offer &= ~SIM_F_EVENT_IDX;
    watch_up(CONTROL);
    assert_int_equal(blamed(hear_and_block), 0);
}

static void block(void)
{
    blocked = true;
    send_frames(2, 100);
}

/* By index nothing of the kind can be seen: what remains is that the back-end goes on within 10 ms
 * after the repeated doorbell by chance. */
static void blocked_backend_is_rarely_taken_for_a_lost_doorbell(void **state)
{
    uint64_t n;

    (void)state;
    watch_up(CONTROL | SIM_F_EVENT_IDX);
    n = blamed(block);
    assert_in_range(n, 1, 40);
}

/* The device wanted no doorbell, because it is awake: it has heard all there was. */
static void doorbell_that_was_not_wanted_is_not_missed(void **state)
{
    (void)state;
    watch_up(CONTROL);
    for (unsigned i = 0; i < 100; i++) {
        run(300 * MS);
        send_frames(2, 100);
        sim_tx(nic, 1); /* awake, and its wish is as old as the first frame */
        blocked = true;
        run((40 + i) * MS);
        blocked = false;
        run(100 * MS);
    }
    assert_int_equal(totals().stalls[VNET_LOST_KICK], 0);
}

static void device_that_never_answers_is_rung_for_all_the_same(void **state)
{
    (void)state;
    watch_up(CONTROL);
    mute = true;
    send_unheard();
    run(140 * MS);
    assert_int_equal(vnet_tx_room(vn, false), 254); /* not yet */
    run(40 * MS);
    assert_int_equal(vnet_tx_room(vn, false), 256);
    assert_int_equal(totals().stalls[VNET_LOST_KICK], 0);
}

/* ---- the control queue has another use ---------------------------------------------------------
 */

static void question_and_announcement_do_not_get_in_each_others_way(void **state)
{
    (void)state;
    watch_up(CONTROL | SIM_F_GUEST_ANNOUNCE);
    blocked = mute = true;
    send_unheard();
    run(60 * MS); /* asked */
    sim_announce(nic);
    run(5 * MS);
    assert_false(vnet_announce_due(vn)); /* one command at a time */
    assert_true(sim_ctrl(nic, 0, command));
    assert_int_equal(command[0], 0);
    blocked = false;
    run(20 * MS);
    assert_true(vnet_announce_due(vn)); /* that answer was not about it */
    vnet_announced(vn);
    assert_true(sim_ctrl(nic, 0, command));
    assert_int_equal(command[0], 3);
    nic->link_status = 1;
    run(20 * MS);
    assert_false(vnet_announce_due(vn));
}

/* ---- while the link is down --------------------------------------------------------------------
 */

static void lost_doorbell_is_repeated_while_the_link_is_down(void **state)
{
    (void)state;
    watch_up(CONTROL);
    nic->link_status = 0;
    sim_interrupt(nic, SIM_QUEUES);
    run(20 * MS);
    assert_false(vnet_link_up(vn));
    send_unheard();
    run(210 * MS);
    assert_int_equal(vnet_tx_room(vn, false), 256);
    assert_int_equal(totals().stalls[VNET_LOST_KICK], 0);
}

/* A device may keep what it has until the link is up again. */
static void what_waits_for_the_link_is_no_gap(void **state)
{
    (void)state;
    watch_up(CONTROL);
    blocked = true;
    send_frames(5, 100);
    nic->link_status = 0;
    sim_interrupt(nic, SIM_QUEUES);
    run(MIN);
    nic->link_status = 1;
    sim_interrupt(nic, SIM_QUEUES);
    blocked = false;
    run(300 * MS);
    assert_int_equal(vnet_tx_room(vn, false), 256);
    assert_true(vnet_gap_max_ns(vn, true) < 250 * MS);
}

int main(void)
{
#define D(f) cmocka_unit_test_setup_teardown(f, setup, teardown_watch)
    const struct CMUnitTest tests[] = {
        D(lost_doorbell_is_named_with_its_evidence),
        D(lost_doorbell_is_named_without_a_control_queue),
        D(device_that_is_not_run_has_lost_nothing),
        D(device_that_says_it_heard_has_lost_nothing),
        D(blocked_backend_is_rarely_taken_for_a_lost_doorbell),
        D(doorbell_that_was_not_wanted_is_not_missed),
        D(device_that_never_answers_is_rung_for_all_the_same),
        D(question_and_announcement_do_not_get_in_each_others_way),
        D(lost_doorbell_is_repeated_while_the_link_is_down),
        D(what_waits_for_the_link_is_no_gap),
    };
    return RUN_MODERN("watch_doorbell", tests);
}
