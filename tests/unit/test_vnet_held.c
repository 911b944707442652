// SPDX-License-Identifier: BSD-3-Clause
/*
 * Received buffers that somebody keeps: the ring stays full without them, and they come back
 * whatever has become of the device meanwhile.
 */
#include "virtio_net_state.h"
#include "vnet_rig.h"

static struct netbuf *kept[CONFIG_RX_BATCH + 1];

/* Receives frames and keeps them until no more can be spared; returns how many. */
static unsigned keep_all(void)
{
    for (unsigned n = 0;; n++) {
        assert_true(sim_rx(nic, frame, 60 + n));
        assert_int_equal(vnet_rx_poll(vn, &kept[n], 1), 1);
        if (!vnet_rx_hold(vn, kept[n])) {
            vnet_rx_release(vn, kept[n]); /* still the caller's */
            assert_int_equal(owned("rx", "held"), n);
            return n;
        }
        assert_int_equal(owned("rx", "held"), n + 1);
        assert_int_equal(stat_of("rx", "posted"), vn->rx_target);
        assert_true(vnet_audit(vn));
    }
}

/* Each has what was received in it. */
static void give_back(unsigned n)
{
    const uint64_t free_before = owned("rx", "free"), held = owned("rx", "held");

    for (unsigned i = 0; i < n; i++) {
        assert_int_equal(kept[i]->len, 60 + i);
        assert_memory_equal(netbuf_frame(kept[i]), frame, kept[i]->len);
        vnet_rx_let_go(vn, kept[i]);
        assert_int_equal(owned("rx", "held"), held - 1 - i);
        assert_int_equal(owned("rx", "free"), free_before + 1 + i);
        assert_true(vnet_audit(vn));
    }
}

static void half_of_the_spares_can_be_kept_and_the_ring_is_full(void **state)
{
    (void)state;
    up();
    assert_int_equal(keep_all(), CONFIG_RX_HELD);
    traffic_flows(2000);
    bursts_flow(3);
    assert_true(stat_of("rx", "posted_min") + CONFIG_RX_BATCH >= vn->rx_target);
    give_back(CONFIG_RX_HELD);
    assert_int_equal(keep_all(), CONFIG_RX_HELD); /* as often as one likes */
    give_back(CONFIG_RX_HELD);
    bursts_flow(3);
}

/* What is kept comes out of the batch, which is never empty. */
static void batches_are_smaller_while_buffers_are_kept(void **state)
{
    unsigned n;

    (void)state;
    up();
    n = keep_all();
    for (unsigned i = 0; i < CONFIG_RX_BATCH; i++)
        assert_true(sim_rx(nic, frame, 60));
    assert_int_equal(vnet_rx_poll(vn, frames, CONFIG_RX_BATCH), CONFIG_RX_BATCH - n);
    for (unsigned i = 0; i < CONFIG_RX_BATCH - n; i++)
        vnet_rx_release(vn, frames[i]);
    assert_int_equal(receive(), n);
    assert_int_equal(stat_of("rx", "no_buffer"), 0);
    give_back(n);
}

static void rings_of_any_size_are_full_while_all_is_kept_that_may_be(void **state)
{
    (void)state;
    for (uint16_t size = 1; size <= 1024; size *= 2) {
        unsigned n;

        again();
        nic->q[SIM_RXQ].max = size;
        up();
        n = keep_all();
        assert_int_equal(n, vn->rx_held_max);
        assert_true(n < vn->rx_spares);
        traffic_flows(100);
        give_back(n);
    }
}

static void frames_in_hand_are_not_kept(void **state)
{
    (void)state;
    up();
    assert_true(sim_rx(nic, frame, 60));
    assert_int_equal(vnet_rx_poll(vn, frames, 1), 1);
    assert_false(vnet_audit(vn));
    assert_true(vnet_rx_hold(vn, frames[0]));
    assert_true(vnet_audit(vn));
    expect_assert_failure(vnet_rx_release(vn, frames[0]));
    vnet_rx_let_go(vn, frames[0]);
    expect_assert_failure(vnet_rx_let_go(vn, frames[0]));
}

static void kept_buffers_come_back_before_and_after_the_reset(void **state)
{
    unsigned n;

    (void)state;
    up();
    n = keep_all();
    recover(); /* they are with nobody that the reset concerns */
    assert_int_equal(owned("rx", "held"), n);
    traffic_flows(100);
    sim_needs_reset(nic);
    turn(100 * MS); /* and while it is away */
    assert_int_not_equal(vn->up, VNET_UP);
    give_back(n);
    turns(20, 100 * MS);
    assert_int_equal(nic->status, status_up());
    bursts_flow(3);
    assert_int_equal(keep_all(), n);
    give_back(n);
}

/* Even where nothing else is believed any more. */
static void kept_buffers_survive_a_repair(void **state)
{
    unsigned n;

    (void)state;
    up();
    n = keep_all();
    assert_true(sim_rx(nic, frame, 60));
    assert_int_equal(vnet_rx_poll(vn, frames, 1), 1); /* lost */
    assert_false(vnet_audit(vn));
    vnet_repair(vn);
    turns(20, 100 * MS);
    assert_int_equal(nic->status, status_up());
    assert_true(vnet_audit(vn));
    assert_int_equal(owned("rx", "held"), n);
    traffic_flows(2000);
    give_back(n);
    bursts_flow(3);
}

static void more_than_may_be_kept_is_no_audit_to_pass(void **state)
{
    (void)state;
    up();
    keep_all();
    vn->rx_held_max--;
    assert_false(vnet_audit(vn));
    vn->rx_held_max++;
    give_back(CONFIG_RX_HELD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(half_of_the_spares_can_be_kept_and_the_ring_is_full),
        T(batches_are_smaller_while_buffers_are_kept),
        T(rings_of_any_size_are_full_while_all_is_kept_that_may_be),
        T(frames_in_hand_are_not_kept),
        T(kept_buffers_come_back_before_and_after_the_reset),
        T(kept_buffers_survive_a_repair),
        T(more_than_may_be_kept_is_no_audit_to_pass),
    };
    return RUN_ALL("vnet_held", tests);
}
