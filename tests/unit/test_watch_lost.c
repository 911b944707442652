// SPDX-License-Identifier: BSD-3-Clause
/*
 * Doorbells and interrupts that are lost: named and repaired; and those that are late, not wanted
 * or cannot come, which are not called lost.
 */
#include "watch_rig.h"

static void lost_kick_is_named_and_repaired(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 50; i++) {
        run(333 * MS);
        nic->doorbells_lost = true;
        send_frames(2, 100);
        nic->doorbells_lost = false;
        run(260 * MS);
        stalls(VNET_LOST_KICK, i + 1, 0);
        recoveries(VNET_DID_KICK, i + 1);
    }
    said("stall", "\"queue\":\"tx\",\"dir\":\"tx\",\"cause\":\"lost_kick\"");
    said("stall", "\"injected\":false");
    said("recovered", "\"action\":\"kick\"");
    assert_true(number("recovered", "after_us") < 250000);
    assert_true(vnet_gap_max_ns(vn, true) < 250 * MS);
}

/* The device is merely slow: what follows a doorbell at once is chance, and rare. */
static void slow_device_does_not_pass_for_a_lost_kick(void **state)
{
    (void)state;
    unsigned slow = 0;

    for (unsigned i = 0; i < 1000; i++) {
        uint64_t ms = 20 + i * 7 % 397;

        run(503 * MS);
        blocked = true;
        send_frames(2, 100);
        run(ms * MS);
        blocked = false;
        run(100 * MS);
        slow += ms >= 240;
    }
    assert_true(totals().stalls[VNET_LOST_KICK] < 50);
    assert_in_range(totals().stalls[VNET_BACKEND_BLOCKED], slow, slow + 140);
    none_judged(); /* each was over in time */
    assert_int_equal(nic->resets, 1);
}

static void sleep_for(uint64_t ns)
{
    if (vnet_may_sleep(vn)) {
        sim_now_ns += ns;
        vnet_awake(vn);
    }
    loop(0);
}

static void lost_interrupt_is_counted(void **state)
{
    (void)state;
    nic->interrupts_lost = true;
    assert_true(vnet_may_sleep(vn));
    sim_rx(nic, frame, 60);
    sim_now_ns += 10 * MS;
    vnet_awake(vn); /* the timer ended it */
    loop(0);
    assert_true(vnet_sleep_max_ns(vn) < MS); /* until that is clear, better look often */
    for (unsigned i = 0; i < 30; i++) {
        stalls(VNET_CAUSES, 0, 0);
        sleep_for(3 * MS);
    }
    for (unsigned i = 0; i < 10; i++)
        sleep_for(3 * MS);
    stalls(VNET_LOST_IRQ, 1, 0);
    recoveries(VNET_DID_POLL, 1);
    assert_true(vnet_sleep_max_ns(vn) >= 10 * MS);
    said("stall", "\"queue\":\"rx\",\"dir\":\"rx\",\"cause\":\"lost_irq\"");
    said("stall", "\"irq_after\":1,\"completed\":1,");
    assert_in_range(number("stall", "stalled_us"), 10000, 10010); /* the sleep */
    assert_in_range(number("stall", "waited_us"), 100000, 105000);
    assert_true(number("stall", "sleeps") >= 3);
    said("recovered", "\"queue\":\"rx\",\"dir\":\"rx\",\"cause\":\"lost_irq\",\"action\":\"poll\"");
    assert_int_equal(number("recovered", "after_us"), number("stall", "stalled_us"));

    /* And with another one, of a frame sent. */
    send_frames(1, 100);
    assert_true(vnet_may_sleep(vn));
    sim_tx(nic, 1);
    sim_now_ns += 10 * MS;
    vnet_awake(vn);
    loop(0);
    for (unsigned i = 0; i < 60; i++)
        sleep_for(3 * MS);
    stalls(VNET_LOST_IRQ, 2, 0);
}

/* Records of one frequent cause are few, and leave room for those of another. */
static void interrupts_lost_for_minutes_do_not_flood(void **state)
{
    (void)state;
    nic->interrupts_lost = true;
    for (uint64_t end = sim_now_ns + 10 * S; sim_now_ns < end;) {
        bool sleep = vnet_may_sleep(vn);

        sim_rx(nic, frame, 60);
        sim_now_ns += 4 * MS;
        if (sleep)
            vnet_awake(vn);
        loop(0);
    }
    stalls(VNET_LOST_IRQ, totals().stalls[VNET_LOST_IRQ], 0);
    assert_in_range(totals().stalls[VNET_LOST_IRQ], 80, 100);
    assert_in_range(sim_records("stall"), 8 + 8, 8 + 10);
    assert_in_range(sim_records("recovered"), 8 + 8, 8 + 10);
    nic->link_status = 0;
    sim_interrupt(nic, SIM_QUEUES);
    run(200 * MS);
    said("stall", "\"cause\":\"link_down\"");
}

/* It comes while the wish for it still stands. */
static void late_interrupt_is_not_lost(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 20; i++) {
        nic->interrupts_lost = true;
        assert_true(vnet_may_sleep(vn));
        sim_rx(nic, frame, 60);
        sim_now_ns += 10 * MS;
        vnet_awake(vn);
        loop(0);
        nic->interrupts_lost = false;
        for (unsigned k = 0; k < 20; k++) /* 80 ms */
            sleep_for(4 * MS);
        sim_interrupt(nic, SIM_RXQ);
        for (unsigned k = 0; k < 100; k++)
            sleep_for(4 * MS);
    }
    nothing_was_said();
}

/* Without a sleep no interrupt can be taken. */
static void interrupt_is_not_missed_while_none_can_come(void **state)
{
    (void)state;
    nic->interrupts_lost = true;
    assert_true(vnet_may_sleep(vn));
    sim_rx(nic, frame, 60);
    sim_now_ns += 10 * MS;
    vnet_awake(vn);
    for (unsigned i = 0; i < 1000; i++) {
        loop(MS);
        if (vnet_may_sleep(vn))
            vnet_stay_awake(vn);
    }
    nothing_was_said();
}

static void interrupts_that_come_are_never_called_lost(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 20000; i++) {
        bool sleep = vnet_may_sleep(vn);

        if (i % 3 == 0)
            sim_rx(nic, frame, 60);
        sim_now_ns += 2 * MS;
        if (sleep)
            vnet_awake(vn);
        if (i % 5 == 0)
            send_frames(1 + i % 7, 100);
        loop(0);
    }
    nothing_was_said();
}

/* The sender just pauses, and begins again right behind a repeated doorbell. */
static void doorbell_that_was_not_wanted_is_not_credited(void **state)
{
    (void)state;
    rx_due = true;
    for (unsigned i = 0; i < 100; i++) {
        unsigned rung;

        sim_rx(nic, frame, 60);
        run(60 * MS);
        for (rung = nic->q[SIM_RXQ].doorbells; nic->q[SIM_RXQ].doorbells == rung;)
            loop(MS);
    }
    stalls(VNET_CAUSES, 0, 0);
}

/* The device has used all buffers and does not hear of new ones. */
static void lost_kick_of_receive_is_named(void **state)
{
    (void)state;
    rx_due = true;
    for (unsigned i = 0; i < 10; i++) {
        run(300 * MS);
        while (sim_rx(nic, frame, 60))
            ;
        nic->doorbells_lost = true;
        run(20 * MS);
        nic->doorbells_lost = false;
        for (unsigned k = 0; k < 60 && !sim_rx(nic, frame, 60); k++)
            loop(5 * MS);
        run(2 * MS);
        loop(MS);
        stalls(VNET_LOST_KICK, i + 1, 0);
        recoveries(VNET_DID_KICK, i + 1);
    }
    said("stall", "\"queue\":\"rx\",\"dir\":\"rx\",\"cause\":\"lost_kick\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        W(lost_kick_is_named_and_repaired),
        W(slow_device_does_not_pass_for_a_lost_kick),
        W(lost_interrupt_is_counted),
        W(interrupts_lost_for_minutes_do_not_flood),
        W(late_interrupt_is_not_lost),
        W(interrupt_is_not_missed_while_none_can_come),
        W(interrupts_that_come_are_never_called_lost),
        W(doorbell_that_was_not_wanted_is_not_credited),
        W(lost_kick_of_receive_is_named),
    };
    return cmocka_run_group_tests_name("watch_lost", tests, NULL, NULL);
}
