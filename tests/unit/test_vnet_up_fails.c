// SPDX-License-Identifier: BSD-3-Clause
/*
 * Bring-up that fails half way, again and again: behind the receive queue, because the transmit
 * queue is gone, lies nowhere, or is refused. However far it came, each buffer has one owner, the
 * receive ring's promise is about the ring there is now, and when the device is whole again traffic
 * flows.
 */
#include "vnet_rig.h"

#define NO_BELL 0xfff0 /* a doorbell outside of the structure */

static int setup_up(void **state)
{
    setup(state);
    up();
    turn(600 * MS); /* the first reset need not wait */
    return 0;
}

/* What may be wrong with the transmit queue. */
enum { GONE, NO_DOORBELL, ONE_QUEUE, BREAKS };

static void break_tx(unsigned how)
{
    if (how == GONE)
        nic->q[SIM_TXQ].max = 0;
    else if (how == NO_DOORBELL)
        nic->q[SIM_TXQ].notify_off = NO_BELL;
    else
        nic->num_queues = 1;
}

/* The device is told to go, and comes back with a receive ring of this size and no usable transmit
 * queue: bring-up is tried, fails behind the receive queue, and is tried again. */
static void fail_behind_rx(unsigned how, uint16_t rx_ring)
{
    unsigned tries = nic->resets;

    nic->q[SIM_RXQ].max = rx_ring;
    break_tx(how);
    sim_needs_reset(nic);
    turns(400, 10 * MS);
    assert_true(nic->resets >= tries + 4);
    assert_true(nic->resetting || nic->status == 0); /* nothing of it is left at work */
    assert_false(sim_fn_masters(nic->fn));
    assert_int_equal(stat_of("rx", "size"), rx_ring);
}

static void mend(uint16_t notify_off)
{
    nic->q[SIM_TXQ].max = 256;
    nic->q[SIM_TXQ].notify_off = notify_off;
    nic->num_queues = SIM_QUEUES;
    turns(100, 10 * MS);
    assert_int_equal(nic->status, status_up());
}

/* Receive rings that are smaller, the same and larger than the one before. */
static const uint16_t rings[] = {16, 256, 2, 2, 128, 256, 256};

static void every_buffer_has_one_owner_while_bring_up_fails_behind_the_receive_queue(void **state)
{
    const uint64_t rx = owned("rx", "size"), tx = owned("tx", "size");
    const uint16_t bell = nic->q[SIM_TXQ].notify_off;

    (void)state;
    for (unsigned how = 0; how < BREAKS; how++) {
        for (unsigned i = 0; i < COUNT(rings); i++) {
            assert_true(sim_rx(nic, frame, 60));
            assert_int_equal(vnet_rx_poll(vn, frames, 1), 1); /* one is with the stack meanwhile */
            assert_int_equal(send_frames(1, 60), 1);          /* and one with the device */
            fail_behind_rx(how, rings[i]);
            assert_int_equal(owned("rx", "free"), rx - 1);
            assert_int_equal(owned("rx", "stack"), 1);
            assert_int_equal(owned("rx", "device"), 0);
            assert_int_equal(owned("tx", "free"), tx);
            assert_int_equal(stat_of("rx", "posted"), 0);
            assert_int_equal(stat_of("tx", "posted"), 0);
            vnet_rx_release(vn, frames[0]);
            mend(bell);
            assert_int_equal(owned("rx", "device"), rings[i]);
            assert_int_equal(owned("rx", "free"), rx - rings[i]);
            traffic_flows(2000);
        }
    }
}

static void fewest_posted_is_about_the_ring_there_is(void **state)
{
    const uint16_t bell = nic->q[SIM_TXQ].notify_off;

    (void)state;
    for (unsigned i = 0; i < COUNT(rings); i++) {
        uint16_t batch = rings[i] < 2 * CONFIG_RX_BATCH ? rings[i] / 2 : CONFIG_RX_BATCH;
        fail_behind_rx(GONE, rings[i]);
        assert_in_range(stat_of("rx", "posted_min"), rings[i] - batch, rings[i]);
        mend(bell);
        traffic_flows(2000);
        assert_in_range(stat_of("rx", "posted_min"), rings[i] - batch, rings[i]);
    }
}

static void a_nic_whose_bring_up_failed_takes_and_gives_nothing(void **state)
{
    const uint16_t bell = nic->q[SIM_TXQ].notify_off;

    (void)state;
    fail_behind_rx(GONE, 256);
    assert_int_equal(vnet_rx_poll(vn, frames, CONFIG_RX_RING), 0);
    assert_false(send_frame(60));
    assert_int_equal(vnet_tx_room(vn, false), 0);
    assert_int_equal(vnet_tx_reclaim(vn), 0);
    vnet_tx_flush(vn);
    mend(bell);
    traffic_flows(2000);
}

static void a_transmit_queue_that_is_refused_at_boot_leaves_the_device_reset(void **state)
{
    (void)state;
    for (unsigned how = 0; how < BREAKS; how++) {
        again();
        break_tx(how);
        assert_int_equal(vnet_probe(opt), 0);
        assert_int_equal(nic->q[SIM_RXQ].exposed_n, 0);
        assert_int_equal(nic->q[SIM_RXQ].doorbells, 0);
        assert_true(nic->resetting || nic->status == 0);
        assert_false(sim_fn_masters(nic->fn));
    }
}

/* A reset that nobody asked the device to be blamed for: nothing is received, and nobody answers.
 */
static void reset_for_silence(void)
{
    for (unsigned i = 0; i < 2000 && nic->resets == 1 && !nic->resetting; i++) {
        turns(1, 10 * MS);
        if (vnet_rx_silent(vn))
            vnet_rx_probed(vn, true);
    }
    assert_true(nic->resetting || nic->resets == 2);
}

static void was_named(const char *why)
{
    struct vnet_totals t;

    assert_int_equal(sim_records("stall"), 1);
    said("stall", "\"cause\":\"device_broken\"");
    said("stall", why);
    vnet_totals(vn, &t);
    assert_int_equal(t.stalls[VNET_DEVICE_BROKEN], 1);
    assert_int_equal(t.judged[VNET_DEVICE_BROKEN], 1);
    turns(300, 10 * MS); /* said once, however long it lasts */
    assert_int_equal(sim_records("stall"), 1);
    assert_int_equal(sim_records("recovered"), 0);
}

static void a_device_that_cannot_be_brought_up_again_is_named(void **state)
{
    const uint16_t bell = nic->q[SIM_TXQ].notify_off;

    (void)state;
    break_tx(GONE);
    reset_for_silence();
    turns(25, 10 * MS);
    was_named("it has no transmit queue");
    mend(bell);
    assert_int_equal(sim_records("recovered"), 1);
    said("recovered", "\"action\":\"reset\"");
    traffic_flows(2000);
}

static void a_reset_that_does_not_end_is_named(void **state)
{
    (void)state;
    nic->reset_never = true;
    reset_for_silence();
    turns(25, 10 * MS);
    was_named("it does not complete a reset");
    nic->reset_never = false;
    turns(110, 10 * MS);
    assert_int_equal(sim_records("recovered"), 1);
    traffic_flows(2000);
}

#define U(f) cmocka_unit_test_setup_teardown(f, setup_up, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        U(every_buffer_has_one_owner_while_bring_up_fails_behind_the_receive_queue),
        U(fewest_posted_is_about_the_ring_there_is),
        U(a_nic_whose_bring_up_failed_takes_and_gives_nothing),
        U(a_transmit_queue_that_is_refused_at_boot_leaves_the_device_reset),
        U(a_device_that_cannot_be_brought_up_again_is_named),
        U(a_reset_that_does_not_end_is_named),
    };
    return cmocka_run_group_tests_name("vnet_up_fails", tests, NULL, NULL);
}
