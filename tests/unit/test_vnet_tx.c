// SPDX-License-Identifier: BSD-3-Clause
/*
 * Transmission: who gets a buffer, when the doorbell is rung, and completion in any order.
 */
#include <string.h>
#include "vnet_rig.h"

/* The most frames that are held back for a flush. */
#define BATCH 31

static void send_some(unsigned n)
{
    while (n-- > 0)
        assert_true(send_frame(60));
}

static void a_batch_takes_one_doorbell(void **state)
{
    (void)state;
    up();
    send_some(BATCH);
    assert_int_equal(nic->q[SIM_TXQ].doorbells, 0);
    vnet_tx_flush(vn);
    assert_int_equal(nic->q[SIM_TXQ].doorbells, 1);
    vnet_tx_flush(vn);
    assert_int_equal(nic->q[SIM_TXQ].doorbells, 1);
    assert_int_equal(sim_tx(nic, 256), BATCH);
    assert_int_equal(stat_of("tx", "kicks"), 1);
    for (unsigned i = 0; i < 64; i++)
        sim_rx(nic, frame, 60);
    assert_int_equal(nic->q[SIM_RXQ].doorbells, 1); /* the one of bring-up */
    receive();
    assert_true(nic->q[SIM_RXQ].doorbells <= 2);
    vnet_tx_reclaim(vn);
}

/* The device works while more are made. */
static void more_than_a_batch_is_not_held_back(void **state)
{
    (void)state;
    up();
    for (unsigned round = 1; round < 4; round++) {
        send_some(BATCH);
        assert_int_equal(sim_tx(nic, 256), 0);
        send_some(1);
        assert_int_equal(nic->q[SIM_TXQ].doorbells, round);
        assert_int_equal(sim_tx(nic, 256), BATCH + 1);
        vnet_tx_flush(vn);
        assert_int_equal(nic->q[SIM_TXQ].doorbells, round);
        vnet_tx_reclaim(vn);
    }
}

static void it_is_done_when_the_device_has_sent_all(void **state)
{
    (void)state;
    up();
    assert_true(vnet_tx_is_done(vn));
    send_some(3);
    vnet_tx_flush(vn);
    assert_false(vnet_tx_is_done(vn));
    assert_int_equal(sim_tx(nic, 2), 2);
    assert_false(vnet_tx_is_done(vn));
    assert_int_equal(sim_tx(nic, 1), 1);
    assert_true(vnet_tx_is_done(vn)); /* it has taken them back by itself */
    assert_int_equal(stat_of("tx", "packets"), 3);
    send_some(1);
    vnet_tx_flush(vn);
    sim_needs_reset(nic);
    turn(MS);
    assert_true(vnet_tx_is_done(vn)); /* down: nothing will come */
}

static void bulk_leaves_the_reserve_to_control(void **state)
{
    struct netbuf *nb[CONFIG_TX_BUFS];
    unsigned n = 0;

    (void)state;
    up();
    while ((nb[n] = vnet_tx_get(vn, true)) != NULL)
        n++;
    assert_int_equal(n, 256 - CONFIG_TX_RESERVE);
    assert_int_equal(vnet_tx_room(vn, true), 0);
    while (n < 256) {
        nb[n] = vnet_tx_get(vn, false);
        assert_non_null(nb[n]);
        n++;
    }
    assert_null(vnet_tx_get(vn, false));
    assert_int_equal(stat_of("tx", "full"), 2);
    assert_int_equal(vnet_alloc_failures(vn), 0); /* back-pressure is no failure */
    while (n > 0)
        vnet_tx_put(vn, nb[--n]);
    assert_int_equal(vnet_tx_room(vn, true), 256 - CONFIG_TX_RESERVE);
}

static void room_is_that_of_the_ring_where_it_is_smaller_than_the_pool(void **state)
{
    static const uint16_t table[][2] = {{1, 0}, {2, 1}, {4, 1}, {8, 2}, {64, 16}, {128, 16}};

    (void)state;
    for (unsigned t = 0; t < COUNT(table); t++) {
        struct netbuf *nb[256];
        unsigned ring = table[t][0], reserve = table[t][1], n = 0;

        again();
        up();
        turn(600 * MS);
        nic->q[SIM_TXQ].max = (uint16_t)ring;
        sim_needs_reset(nic);
        turn(100 * MS);
        after_the_reset_traffic_flows(1);
        assert_int_equal(vnet_tx_room(vn, true), ring - reserve);
        assert_int_equal(vnet_tx_room(vn, false), ring);
        while ((nb[n] = vnet_tx_get(vn, true)) != NULL)
            n++;
        assert_int_equal(n, ring - reserve);
        while ((nb[n] = vnet_tx_get(vn, false)) != NULL)
            n++;
        assert_int_equal(n, ring);
        for (unsigned i = 0; i < n; i++) { /* whoever got a buffer can send it */
            nb[i]->len = 60;
            assert_true(vnet_tx(vn, nb[i]));
            assert_int_equal(vnet_tx_room(vn, false), 0);
        }
        vnet_tx_flush(vn);
        assert_int_equal(sim_tx(nic, 256), ring);
        assert_int_equal(vnet_tx_reclaim(vn), ring);
        assert_int_equal(vnet_tx_room(vn, true), ring - reserve);
    }
}

static void full_ring_reclaims_before_it_refuses(void **state)
{
    unsigned n = 0;

    (void)state;
    up();
    while (send_frame(60))
        n++;
    vnet_tx_flush(vn);
    assert_false(send_frame(60));
    assert_int_equal(sim_tx(nic, 256), n);
    assert_true(send_frame(60)); /* without a reclaim in between */
    vnet_tx_flush(vn);
    sim_tx(nic, 256);
    vnet_tx_reclaim(vn);
}

static void tx_out_of_order_completion_and_any_length_work(void **state)
{
    uint16_t ids[32];

    (void)state;
    up();
    for (unsigned round = 0; round < 50; round++) {
        for (unsigned i = 0; i < 32; i++)
            assert_true(send_frame(60 + i));
        vnet_tx_flush(vn);
        for (unsigned i = 0; i < 32; i++)
            assert_true(sim_take(nic, SIM_TXQ, &ids[i]));
        for (unsigned i = 0; i < 32; i++)
            sim_use(nic, SIM_TXQ, ids[(i * 7 + round) % 32], 0xffffffff - i);
        assert_int_equal(vnet_tx_reclaim(vn), 32);
    }
    assert_int_equal(nic->resets, 1);
    assert_int_equal(stat_of("tx", "bytes"), 50 * (32 * 60 + 31 * 32 / 2));
}

/* ---- in batches, for generators ------------------------------------------------------------- */

static void a_batch_is_sent_counted_by_group_and_used_again(void **state)
{
    struct netbuf *nb[CONFIG_RX_BATCH];
    uint64_t sent = 0;

    (void)state;
    up();
    for (unsigned round = 0; round < 100; round++) {
        const unsigned n = 1 + round % CONFIG_RX_BATCH;

        vnet_tx_get_many(vn, nb, n);
        for (unsigned i = 0; i < n; i++) {
            if (nb[i]->stamp == 0) {
                netbuf_plain(nb[i]);
                memset(netbuf_frame(nb[i]), 7, 60);
            }
            nb[i]->len = 60;
            nb[i]->stamp = 5 * VNET_TX_GROUPS + i % 2 + 1;
            assert_int_equal(netbuf_frame(nb[i])[59], 7); /* as it was left */
        }
        vnet_tx_many(vn, nb, n);
        assert_true(vnet_check(vn));
        vnet_tx_flush(vn);
        assert_int_equal(sim_tx(nic, 256), n);
        assert_int_equal(vnet_tx_reclaim(vn), n);
        sent += n;
    }
    assert_int_equal(vnet_tx_group(vn, 1) + vnet_tx_group(vn, 2), sent);
    assert_true(vnet_tx_group(vn, 1) - vnet_tx_group(vn, 2) <= 100);
    assert_int_equal(vnet_tx_group(vn, 0), 0);
}

static void a_batch_and_other_frames_mix_in_any_order(void **state)
{
    struct netbuf *nb[CONFIG_RX_BATCH];

    (void)state;
    up();
    for (unsigned round = 0; round < 300; round++) {
        vnet_tx_get_many(vn, nb, 10);
        for (unsigned i = 0; i < 10; i++) {
            assert_true(nb[i]->stamp == 0 || nb[i]->stamp == VNET_TX_GROUPS + 3);
            netbuf_plain(nb[i]);
            memset(netbuf_frame(nb[i]), 7, 60);
            nb[i]->len = 60;
            nb[i]->stamp = VNET_TX_GROUPS + 3;
        }
        vnet_tx_many(vn, nb, 10);
        for (unsigned i = 0; i < round % 7; i++)
            assert_true(send_frame(100));
        vnet_tx_flush(vn);
        sim_tx(nic, 256);
        vnet_tx_reclaim(vn);
    }
    assert_int_equal(vnet_tx_group(vn, 3), 3000);
    assert_true(vnet_check(vn));
}

/* Of a reset the frames that the device had are lost, and not counted as sent. */
static void frames_of_a_batch_lost_in_a_reset_are_not_sent(void **state)
{
    struct netbuf *nb[CONFIG_RX_BATCH];

    (void)state;
    up();
    turn(600 * MS);
    vnet_tx_get_many(vn, nb, 10);
    for (unsigned i = 0; i < 10; i++) {
        nb[i]->len = 60;
        nb[i]->stamp = VNET_TX_GROUPS + 1;
        netbuf_plain(nb[i]);
        memset(netbuf_frame(nb[i]), 7, 60);
    }
    vnet_tx_many(vn, nb, 10);
    vnet_tx_flush(vn);
    assert_int_equal(sim_tx(nic, 4), 4);
    vnet_tx_reclaim(vn);
    sim_needs_reset(nic);
    turn(100 * MS);
    after_the_reset_traffic_flows(1);
    assert_int_equal(vnet_tx_group(vn, 1), 4);
}

static void frames_that_no_mtu_allows_are_bugs(void **state)
{
    struct netbuf *nb;

    (void)state;
    up();
    nb = vnet_tx_get(vn, false);
    nb->len = 13;
    expect_assert_failure(vnet_tx(vn, nb));
    nb->len = 1519;
    expect_assert_failure(vnet_tx(vn, nb));
    vnet_tx_put(vn, nb);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_batch_takes_one_doorbell),
        T(more_than_a_batch_is_not_held_back),
        T(it_is_done_when_the_device_has_sent_all),
        T(bulk_leaves_the_reserve_to_control),
        T(room_is_that_of_the_ring_where_it_is_smaller_than_the_pool),
        T(full_ring_reclaims_before_it_refuses),
        T(tx_out_of_order_completion_and_any_length_work),
        T(a_batch_is_sent_counted_by_group_and_used_again),
        T(a_batch_and_other_frames_mix_in_any_order),
        T(frames_of_a_batch_lost_in_a_reset_are_not_sent),
        T(frames_that_no_mtu_allows_are_bugs),
    };
    return RUN_ALL("vnet_tx", tests);
}
