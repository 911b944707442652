// SPDX-License-Identifier: BSD-3-Clause
/*
 * When the driver may sleep and what wakes it: MSI-X with as many vectors as there are, or polling;
 * interrupts that are early, spurious or lost. test_vnet_irq.c has the line.
 */
#include <stdio.h>
#include "vnet_rig.h"

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
    for (unsigned i = 0; i < COUNT(cases); i++) {
        char text[64];
        again_bare();
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
        said("nic", text);
        traffic_flows(1);
        assert_true(vnet_may_sleep(vn));
        sim_rx(nic, frame, 60);
        assert_int_equal(stat_of("rx", "irqs"), cases[i].vectors > 0 ? 1 : 0);
        assert_false(vnet_may_sleep(vn));
        receive();
    }
}

static void device_without_msix_is_polled(void **state)
{
    (void)state;
    again_bare();
    sim_cap_common(nic);
    sim_cap_notify(nic);
    sim_cap_config(nic);
    up();
    said("nic", "\"irq\":\"poll\"");
    assert_true(vnet_sleep_max_ns(vn) <= MS);
    assert_true(vnet_may_sleep(vn));
    sim_rx(nic, frame, 60);
    assert_false(vnet_may_sleep(vn));
    receive();
    assert_int_equal(send_frames(1, 60), 1);
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
        again_up_event_idx(event_idx);
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
        again_up_event_idx(event_idx);
        for (unsigned i = 1; i < 1000; i++) {
            assert_true(vnet_may_sleep(vn));
            sim_rx(nic, frame, 60);
            assert_int_equal(stat_of("rx", "irqs"), i);
            vnet_awake(vn);
            assert_int_equal(receive(), 1);
        }
    }
}

static void frames_that_arrive_while_awake_do_not_interrupt(void **state)
{
    (void)state;
    for (unsigned event_idx = 0; event_idx < 2; event_idx++) {
        again_up_event_idx(event_idx);
        assert_true(vnet_may_sleep(vn));
        vnet_awake(vn);
        for (unsigned i = 0; i < 10000; i++) {
            sim_rx(nic, frame, 60);
            assert_int_equal(receive(), 1);
            assert_int_equal(send_frames(1, 60), 1);
            sim_tx(nic, 1);
            vnet_tx_reclaim(vn);
        }
        assert_true(stat_of("rx", "irqs") <= 1);
        assert_true(stat_of("tx", "irqs") <= 1);
    }
}

static void half_of_what_was_sent_wakes(void **state)
{
    (void)state;
    up();
    assert_int_equal(send_frames(10, 60), 10);
    assert_true(vnet_may_sleep(vn));
    sim_tx(nic, 4);
    assert_int_equal(stat_of("tx", "irqs"), 0);
    sim_tx(nic, 1);
    assert_int_equal(stat_of("tx", "irqs"), 1);
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
    traffic_flows(1);
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

/* A CPU that goes on before its stores are in memory, and knows no fence but the access to a device
 * register: what the first look missed is there at the second. */
static void second_look_sees_frames_that_no_interrupt_comes_for(void **state)
{
    (void)state;
    for (unsigned event_idx = 0; event_idx < 2; event_idx++) {
        again_up_event_idx(event_idx);
        nic->interrupts_lost = true;
        assert_true(vnet_may_sleep(vn));
        assert_true(vnet_still_idle(vn));
        vnet_awake(vn);
        assert_true(vnet_may_sleep(vn));
        sim_rx(nic, frame, 60);
        assert_false(vnet_still_idle(vn));
        vnet_stay_awake(vn);
        assert_int_equal(receive(), 1);
        assert_int_equal(send_frames(4, 60), 4);
        assert_true(vnet_may_sleep(vn));
        assert_true(vnet_still_idle(vn));
        sim_tx(nic, 4);
        assert_false(vnet_still_idle(vn));
        vnet_stay_awake(vn);
        assert_int_equal(vnet_tx_reclaim(vn), 4);
    }
}

static void second_look_rings_a_doorbell_that_was_missed(void **state)
{
    const struct sim_queue *q;

    (void)state;
    for (unsigned event_idx = 0; event_idx < 2; event_idx++) {
        again_up_event_idx(event_idx);
        q = &nic->q[SIM_TXQ];
        for (unsigned i = 1; i < 1000; i++) {
            assert_int_equal(send_frames(1, 60), 1);
            assert_int_equal(q->doorbells, 2 * i - 1);
            assert_int_equal(sim_tx(nic, 1), 1); /* is awake, and about to look for more */
            assert_int_equal(send_frames(1, 60), 1);
            assert_int_equal(q->doorbells, 2 * i - 1);
            sim_sleep(nic, SIM_TXQ);
            vnet_may_sleep(vn);
            vnet_still_idle(vn);
            assert_int_equal(q->doorbells, 2 * i);
            vnet_still_idle(vn);
            assert_int_equal(q->doorbells, 2 * i); /* once */
            vnet_stay_awake(vn);
            assert_int_equal(sim_tx(nic, 2), 1);
            assert_int_equal(vnet_tx_reclaim(vn), 2);
        }
    }
}

/* One that asks for nothing gets none, however often the loop goes to sleep. */
static void second_look_leaves_an_awake_device_alone(void **state)
{
    (void)state;
    for (unsigned event_idx = 0; event_idx < 2; event_idx++) {
        again_up_event_idx(event_idx);
        assert_int_equal(send_frames(1, 60), 1);
        for (unsigned i = 1; i < 100; i++) {
            assert_int_equal(sim_tx(nic, 1), 1);
            assert_int_equal(send_frames(1, 60), 1);
            vnet_may_sleep(vn);
            vnet_still_idle(vn);
            vnet_stay_awake(vn);
        }
        assert_int_equal(nic->q[SIM_TXQ].doorbells, 1);
        sim_tx(nic, 1);
        vnet_tx_reclaim(vn);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(vectors_are_used_as_far_as_they_go),
        T(device_without_msix_is_polled),
        T(sleep_is_refused_while_frames_wait),
        T(a_frame_that_arrives_during_sleep_interrupts),
        T(frames_that_arrive_while_awake_do_not_interrupt),
        T(half_of_what_was_sent_wakes),
        T(spurious_interrupts_and_early_ones_change_nothing),
        T(lost_interrupts_do_not_stop_traffic),
        T(second_look_sees_frames_that_no_interrupt_comes_for),
        T(second_look_rings_a_doorbell_that_was_missed),
        T(second_look_leaves_an_awake_device_alone),
    };
    return RUN_ALL("vnet_sleep", tests);
}
