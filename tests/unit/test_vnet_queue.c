// SPDX-License-Identifier: BSD-3-Clause
/*
 * The reset of one queue of a NIC, alone: what is asked of the device, whose buffers are whose
 * meanwhile, and what becomes of the other queue. Over both formats of a ring.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "sim.h"
#include "virtio_net_state.h"

#define MS 1000000ull

static bool packed;
static struct sim_nic *nic;
static struct vnet *vn;
static struct vnet_options opt[CONFIG_NICS];
static struct netbuf *frames[CONFIG_RX_BATCH];
static uint8_t frame[1514];

static int setup(void **state)
{
    (void)state;
    sim_power_on();
    nic = sim_add_nic(3);
    nic->offer |= packed ? SIM_F_RING_PACKED : 0;
    nic->queue_reset_reads = 3;
    memset(opt, 0, sizeof(opt));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    sim_settled(nic);
    assert_true(vnet_check(vn));
    sim_power_off();
    return 0;
}

static void up(void)
{
    assert_int_equal(vnet_probe(opt), 1);
    vn = vnet_get(0);
}

static void turns(unsigned ms)
{
    for (; ms > 0; ms--) {
        sim_now_ns += MS;
        vnet_heartbeat(vn, sim_now_ns);
    }
}

static void send(unsigned n)
{
    for (; n > 0; n--) {
        struct netbuf *nb = vnet_tx_get(vn, false);
        assert_non_null(nb);
        nb->len = 60;
        memcpy(netbuf_frame(nb), frame, 60);
        assert_true(vnet_tx(vn, nb));
    }
    vnet_tx_flush(vn);
}

static unsigned receive(void)
{
    unsigned n, total = 0;

    for (; (n = vnet_rx_poll(vn, frames, CONFIG_RX_BATCH)) > 0; total += n)
        for (unsigned i = 0; i < n; i++)
            vnet_rx_release(vn, frames[i]);
    return total;
}

static void traffic_flows(void)
{
    for (unsigned i = 0; i < 1000; i++) {
        assert_true(sim_rx(nic, frame, 60));
        assert_int_equal(receive(), 1);
        send(1);
        assert_int_equal(sim_tx(nic, 5), 1);
        assert_int_equal(vnet_tx_reclaim(vn), 1);
    }
    assert_true(vnet_check(vn));
}

static void transmit_queue_is_restarted_alone(void **state)
{
    (void)state;
    up();
    traffic_flows();
    for (unsigned i = 0; i < 5; i++)
        assert_true(sim_rx(nic, frame, 60)); /* wait meanwhile */
    send(10);
    assert_int_equal(sim_tx(nic, 10), 10); /* done, and not yet taken back */
    assert_true(vnet_queue_restart(vn, &vn->tx));
    assert_int_equal(nic->resets, 1); /* that of the start */
    assert_int_equal(vn->tx.restarts, 1);
    assert_int_equal(vn->tx_drops[VNET_TX_RESET], 0);
    assert_int_equal(vnet_tx_room(vn, false), 256);
    assert_int_equal(nic->q[SIM_TXQ].vector, 1); /* it had lost it */
    assert_int_equal(receive(), 5);
    traffic_flows();
}

/* What QEMU 7.2 does then is no remedy. */
static void no_queue_is_restarted_while_there_are_frames_to_send(void **state)
{
    (void)state;
    up();
    send(1);
    assert_false(vnet_queue_restart(vn, &vn->tx));
    assert_false(vnet_queue_restart(vn, &vn->rx));
    assert_int_equal(nic->q[SIM_TXQ].exposed_n, 1);
    assert_int_equal(sim_tx(nic, 5), 1);
    assert_true(vnet_queue_restart(vn, &vn->rx));
    traffic_flows();
}

static void receive_queue_is_restarted_alone(void **state)
{
    (void)state;
    up();
    traffic_flows();
    for (unsigned i = 0; i < 5; i++)
        assert_true(sim_rx(nic, frame, 60)); /* nobody takes them any more */
    assert_true(vnet_queue_restart(vn, &vn->rx));
    assert_int_equal(nic->resets, 1);
    assert_int_equal(nic->q[SIM_RXQ].exposed_n, 256);
    assert_int_equal(nic->q[SIM_RXQ].vector, 0);
    assert_int_equal(receive(), 0);
    traffic_flows();
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
    traffic_flows();
}

static void queue_that_stays_away_has_the_device_reset(void **state)
{
    (void)state;
    up();
    nic->q[SIM_TXQ].max = 0;
    assert_false(vnet_queue_restart(vn, &vn->tx));
    vnet_reset(vn);
    nic->q[SIM_TXQ].max = 256;
    turns(600);
    assert_int_equal(nic->resets, 2);
    traffic_flows();
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
    turns(600);
    assert_int_equal(nic->resets, 2);
    traffic_flows();
}

static void queue_is_restarted_only_where_that_was_agreed(void **state)
{
    (void)state;
    opt[0].features_off = SIM_F_RING_RESET;
    up();
    assert_false(nic->accepted & SIM_F_RING_RESET);
    assert_false(vnet_queue_restart(vn, &vn->tx));
    traffic_flows();
}

static void structure_too_short_for_it_means_no_queue_reset(void **state)
{
    (void)state;
    sim_power_off();
    sim_power_on();
    nic = sim_add_bare_nic(3);
    sim_cap_msix(nic);
    sim_cap_virtio(nic, 1, 4, SIM_COMMON, 56);
    sim_cap_notify(nic);
    sim_cap_config(nic);
    up();
    assert_false(nic->accepted & SIM_F_RING_RESET);
    traffic_flows();
}

static void nobody_answers_for(unsigned ms)
{
    for (; ms > 0; ms--) {
        turns(1);
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
    assert_non_null(strstr(sim_record("stall"), "peer_silent"));
    nobody_answers_for(60000);
    assert_int_equal(vn->rx.restarts, 1);
    assert_int_equal(nic->resets, 2);
    traffic_flows();
    nobody_answers_for(6100); /* the same again */
    assert_int_equal(vn->rx.restarts, 2);
    assert_true(sim_rx(nic, frame, 60)); /* and it did help */
    assert_int_equal(receive(), 1);
    turns(1);
    assert_non_null(strstr(sim_record("recovered"), "\"action\":\"reset\""));
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
    turns(600);
    traffic_flows();
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(transmit_queue_is_restarted_alone),
        T(no_queue_is_restarted_while_there_are_frames_to_send),
        T(receive_queue_is_restarted_alone),
        T(queue_comes_back_with_the_size_there_is_then),
        T(queue_that_stays_away_has_the_device_reset),
        T(buffers_stay_with_a_queue_whose_reset_is_not_complete),
        T(queue_is_restarted_only_where_that_was_agreed),
        T(structure_too_short_for_it_means_no_queue_reset),
        T(silent_receive_queue_is_restarted_before_the_device),
        T(wrong_queue_resets_are_noticed),
    };
    if (cmocka_run_group_tests_name("vnet_queue", tests, NULL, NULL) != 0)
        return 1;
    packed = true;
    return cmocka_run_group_tests_name("vnet_queue_packed", tests, NULL, NULL);
}
