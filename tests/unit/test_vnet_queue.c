// SPDX-License-Identifier: BSD-3-Clause
/*
 * The reset of one queue of a NIC, alone: what is asked of the device, whose buffers are whose
 * meanwhile, and what becomes of the other queue. Over both formats of a ring.
 */
#include "virtio_net_state.h"
#include "vnet_rig.h"

static int setup_queues(void **state)
{
    setup(state);
    nic->queue_reset_reads = 3;
    return 0;
}

static void transmit_queue_is_restarted_alone(void **state)
{
    (void)state;
    up();
    traffic_flows(1000);
    for (unsigned i = 0; i < 5; i++)
        assert_true(sim_rx(nic, frame, 60)); /* wait meanwhile */
    assert_int_equal(send_frames(10, 60), 10);
    assert_int_equal(sim_tx(nic, 10), 10); /* done, and not yet taken back */
    assert_true(vnet_queue_restart(vn, &vn->tx));
    assert_int_equal(nic->resets, 1); /* that of the start */
    assert_int_equal(vn->tx.restarts, 1);
    assert_int_equal(vn->tx_drops[VNET_TX_RESET], 0);
    assert_int_equal(vnet_tx_room(vn, false), 256);
    assert_int_equal(nic->q[SIM_TXQ].vector, 1); /* it had lost it */
    assert_int_equal(receive(), 5);
    traffic_flows(1000);
}

/* What QEMU 7.2 does then is no remedy. */
static void no_queue_is_restarted_while_there_are_frames_to_send(void **state)
{
    (void)state;
    up();
    assert_int_equal(send_frames(1, 60), 1);
    assert_false(vnet_queue_restart(vn, &vn->tx));
    assert_false(vnet_queue_restart(vn, &vn->rx));
    assert_int_equal(nic->q[SIM_TXQ].exposed_n, 1);
    assert_int_equal(sim_tx(nic, 5), 1);
    assert_true(vnet_queue_restart(vn, &vn->rx));
    traffic_flows(1000);
}

static void receive_queue_is_restarted_alone(void **state)
{
    (void)state;
    up();
    traffic_flows(1000);
    for (unsigned i = 0; i < 5; i++)
        assert_true(sim_rx(nic, frame, 60)); /* nobody takes them any more */
    assert_true(vnet_queue_restart(vn, &vn->rx));
    assert_int_equal(nic->resets, 1);
    assert_int_equal(nic->q[SIM_RXQ].exposed_n, 256);
    assert_int_equal(nic->q[SIM_RXQ].vector, 0);
    assert_int_equal(receive(), 0);
    traffic_flows(1000);
}

static void queue_comes_back_with_the_size_there_is_then(void **state)
{
    (void)state;
    up();
    nic->q[SIM_RXQ].max = 16;
    nic->q[SIM_TXQ].max = 8;
    assert_true(vnet_queue_restart(vn, &vn->rx));
    assert_true(vnet_queue_restart(vn, &vn->tx));
    assert_int_equal(nic->q[SIM_RXQ].exposed_n, 16);
    assert_int_equal(vnet_tx_room(vn, false), 8);
    assert_int_equal(vnet_tx_room(vn, true), 6);
    traffic_flows(1000);
}

static void queue_that_stays_away_has_the_device_reset(void **state)
{
    (void)state;
    up();
    nic->q[SIM_TXQ].max = 0;
    assert_false(vnet_queue_restart(vn, &vn->tx));
    vnet_reset(vn);
    nic->q[SIM_TXQ].max = 256;
    turns(600, MS);
    assert_int_equal(nic->resets, 2);
    traffic_flows(1000);
}

static void buffers_stay_with_a_queue_whose_reset_is_not_complete(void **state)
{
    uint64_t begin;

    (void)state;
    up();
    nic->queue_reset_never = true;
    begin = sim_now_ns;
    assert_false(vnet_queue_restart(vn, &vn->rx));
    assert_in_range(sim_now_ns - begin, MS, 2 * MS);
    assert_int_equal(nic->q[SIM_RXQ].exposed_n, 256); /* poisoned: nobody touched them */
    vnet_reset(vn);
    turns(600, MS);
    assert_int_equal(nic->resets, 2);
    traffic_flows(1000);
}

static void queue_is_restarted_only_where_that_was_agreed(void **state)
{
    (void)state;
    opt[0].features_off = SIM_F_RING_RESET;
    up();
    assert_false(nic->accepted & SIM_F_RING_RESET);
    assert_false(vnet_queue_restart(vn, &vn->tx));
    traffic_flows(1000);
}

static void structure_too_short_for_it_means_no_queue_reset(void **state)
{
    (void)state;
    again_bare();
    sim_cap_msix(nic);
    sim_cap_virtio(nic, 1, 4, SIM_COMMON, 56);
    sim_cap_notify(nic);
    sim_cap_config(nic);
    up();
    assert_false(nic->accepted & SIM_F_RING_RESET);
    traffic_flows(1000);
}

static void nobody_answers_for(unsigned ms)
{
    for (; ms > 0; ms--) {
        turns(1, MS);
        if (vnet_rx_silent(vn))
            vnet_rx_probed(vn, true);
    }
}

/* The watchdog's first remedy; only if that does not help, the device is reset as a whole. */
static void silent_receive_queue_is_restarted_before_the_device(void **state)
{
    (void)state;
    up();
    nobody_answers_for(6100);
    assert_int_equal(vn->rx.restarts, 1);
    assert_int_equal(nic->resets, 1);
    nobody_answers_for(4000);
    assert_int_equal(vn->rx.restarts, 1);
    assert_int_equal(nic->resets, 2);
    assert_int_equal(sim_records("stall"), 0);
    nobody_answers_for(4000);
    assert_int_equal(sim_records("stall"), 1);
    said("stall", "peer_silent");
    nobody_answers_for(60000);
    assert_int_equal(vn->rx.restarts, 1);
    assert_int_equal(nic->resets, 2);
    traffic_flows(1000);
    nobody_answers_for(6100); /* the same again */
    assert_int_equal(vn->rx.restarts, 2);
    assert_true(sim_rx(nic, frame, 60)); /* and it did help */
    assert_int_equal(receive(), 1);
    turns(1, MS);
    said("recovered", "\"action\":\"reset\"");
    assert_int_equal(nic->resets, 2);
}

static void wrong_queue_resets_are_noticed(void **state)
{
    (void)state;
    up();
    sim_collect = true;
    vpci_queue_reset_begin(&vn->vpci, 1);
    vn->vpci.ops->notify(&vn->vpci, 1);
    assert_true(sim_breached("4.1.4.3.2")); /* a doorbell in between */
    vn->vpci.ops->queue_enable(&vn->vpci, 1, &vn->tx.vq);
    assert_true(sim_breached("4.1.4.3.2")); /* enabled before it is complete */
    while (!vpci_queue_reset_done(&vn->vpci, 1))
        ;
    vn->vpci.ops->queue_reset_begin(&vn->vpci, 1);
    assert_true(sim_breached("4.1.4.3.2")); /* it is not enabled */
    expect_assert_failure(vpci_notify(&vn->vpci, 1));
    vnet_reset(vn);
    turns(600, MS);
    traffic_flows(1000);
}

#define Q(f) cmocka_unit_test_setup_teardown(f, setup_queues, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        Q(transmit_queue_is_restarted_alone),
        Q(no_queue_is_restarted_while_there_are_frames_to_send),
        Q(receive_queue_is_restarted_alone),
        Q(queue_comes_back_with_the_size_there_is_then),
        Q(queue_that_stays_away_has_the_device_reset),
        Q(buffers_stay_with_a_queue_whose_reset_is_not_complete),
        Q(queue_is_restarted_only_where_that_was_agreed),
        Q(structure_too_short_for_it_means_no_queue_reset),
        Q(silent_receive_queue_is_restarted_before_the_device),
        Q(wrong_queue_resets_are_noticed),
    };
    return RUN_MODERN("vnet_queue", tests);
}
