// SPDX-License-Identifier: BSD-3-Clause
/*
 * Reception: frames arrive whole, the ring is full whenever the device looks, and nobody can empty
 * it.
 */
#include "vnet_rig.h"

static void frames_of_every_length_arrive_whole(void **state)
{
    (void)state;
    up();
    for (uint32_t len = 14; len <= 1518; len++) {
        assert_true(sim_rx(nic, frame, len));
        assert_int_equal(vnet_rx_poll(vn, frames, 1), 1);
        assert_int_equal(frames[0]->len, len);
        assert_memory_equal(netbuf_frame(frames[0]), frame, len);
        vnet_rx_release(vn, frames[0]);
    }
}

/* A network may deliver short frames; a device may not leave out its own header. */
static void deliveries_shorter_than_a_header_are_dropped_and_counted(void **state)
{
    const uint32_t header = rig_kind == RIG_LEGACY ? 10 : 12;
    struct vnet_totals t;
    uint16_t id;

    (void)state;
    up();
    for (uint32_t len = 0; len < header + 14; len++) {
        assert_true(sim_take(nic, SIM_RXQ, &id));
        sim_use(nic, SIM_RXQ, id, len);
        assert_int_equal(receive(), 0);
        assert_int_equal(stat_of("rx", "cut"), len < header ? len + 1 : header);
        assert_int_equal(stat_of("rx", "runt"), len < header ? 0 : len + 1 - header);
        assert_true(vnet_check(vn));
    }
    vnet_totals(vn, &t);
    assert_int_equal(t.errors, header);
    assert_int_equal(nic->resets, 1);
    traffic_flows(1);
}

static void device_header_means_nothing_without_offloads(void **state)
{
    (void)state;
    up();
    for (unsigned junk = 0; junk < 256; junk++) {
        nic->hdr_junk = (uint8_t)junk;
        assert_true(sim_rx(nic, frame, 60));
        assert_int_equal(receive(), 1);
    }
}

static void ring_is_full_after_every_poll(void **state)
{
    (void)state;
    nic->q[SIM_RXQ].max = 1024;
    up();
    for (unsigned burst = 1; burst <= nic->q[SIM_RXQ].size; burst = burst * 2 + 1) {
        unsigned got = 0;
        for (unsigned i = 0; i < burst; i++)
            assert_true(sim_rx(nic, frame, 60));
        while (got < burst) {
            got += receive();
            assert_int_equal(stat_of("rx", "posted"), nic->q[SIM_RXQ].size);
        }
        assert_int_equal(got, burst);
    }
    assert_int_equal(stat_of("rx", "posted_min"), nic->q[SIM_RXQ].size - CONFIG_RX_BATCH);
}

static void small_rings_are_never_emptied_either(void **state)
{
    (void)state;
    nic->q[SIM_RXQ].max = CONFIG_RX_BATCH;
    up();
    for (unsigned i = 0; i < CONFIG_RX_BATCH; i++)
        assert_true(sim_rx(nic, frame, 60));
    assert_int_equal(receive(), CONFIG_RX_BATCH);
    assert_int_equal(stat_of("rx", "posted_min"), CONFIG_RX_BATCH / 2);
}

static void poll_returns_at_most_what_was_asked_for(void **state)
{
    (void)state;
    up();
    for (unsigned i = 0; i < 100; i++)
        sim_rx(nic, frame, 60);
    assert_int_equal(vnet_rx_poll(vn, frames, 7), 7);
    for (unsigned i = 0; i < 7; i++)
        vnet_rx_release(vn, frames[i]);
    assert_int_equal(vnet_rx_poll(vn, frames, 0), 0);
    assert_int_equal(receive(), 93);
}

/* The freeze that this guest exists for: nobody gives buffers back. */
static void rx_survives_empty_pool(void **state)
{
    struct netbuf *kept[CONFIG_RX_BATCH + 1];
    unsigned held = 0;

    (void)state;
    up();
    for (unsigned i = 0; i < 10 * 256; i++) {
        assert_true(sim_rx(nic, frame, 60)); /* the device always finds a buffer */
        held += vnet_rx_poll(vn, kept + held, 1);
        assert_int_equal(nic->q[SIM_RXQ].exposed_n, 256);
        assert_true(vnet_check(vn));
    }
    assert_int_equal(held, CONFIG_RX_BATCH);
    assert_int_equal(stat_of("rx", "no_buffer"), 10 * 256 - CONFIG_RX_BATCH);
    assert_int_equal(vnet_alloc_failures(vn), 10 * 256 - CONFIG_RX_BATCH);
    vnet_rx_release(vn, kept[--held]);
    traffic_flows(1);
    while (held > 0)
        vnet_rx_release(vn, kept[--held]);
    traffic_flows(1);
}

static void rx_out_of_order_completion_works(void **state)
{
    uint16_t ids[64];

    (void)state;
    up();
    for (unsigned round = 0; round < 100; round++) {
        for (unsigned i = 0; i < 64; i++)
            assert_true(sim_take(nic, SIM_RXQ, &ids[i]));
        for (unsigned i = 0; i < 64; i++)
            sim_use(nic, SIM_RXQ, ids[(i * 29 + round) % 64], 12 + 14);
        assert_int_equal(vnet_rx_poll(vn, frames, 64), 64);
        for (unsigned i = 0; i < 64; i++)
            vnet_rx_release(vn, frames[i]);
    }
}

static void traffic_goes_on_through_many_index_wraps(void **state)
{
    uint32_t seed = 1;
    uint64_t received = 0, sent = 0;

    (void)state;
    for (unsigned event_idx = 0; event_idx < 2; event_idx++) {
        again_up_event_idx(event_idx);
        received = sent = 0;
        while (received < 3 * 65536 || sent < 3 * 65536) {
            unsigned n, m;
            seed = seed * 1664525 + 1013904223;
            n = (seed >> 16) % 200;
            m = (seed >> 8) % 64;
            for (unsigned i = 0; i < n; i++)
                assert_true(sim_rx(nic, frame, 60));
            for (unsigned got = 0; got < n;)
                got += receive();
            received += n;
            assert_int_equal(send_frames(m, 60), m);
            assert_int_equal(sim_tx(nic, 256), m);
            assert_int_equal(vnet_tx_reclaim(vn), m);
            sent += m;
            if (seed & 0x40000000) {
                assert_true(vnet_may_sleep(vn));
                vnet_awake(vn);
            }
        }
        assert_int_equal(stat_of("rx", "packets"), received);
        assert_int_equal(stat_of("rx", "bytes"), 60 * received);
        assert_int_equal(stat_of("tx", "packets"), sent);
        assert_int_equal(nic->tx_frames, sent);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(frames_of_every_length_arrive_whole),
        T(deliveries_shorter_than_a_header_are_dropped_and_counted),
        T(device_header_means_nothing_without_offloads),
        T(ring_is_full_after_every_poll),
        T(small_rings_are_never_emptied_either),
        T(poll_returns_at_most_what_was_asked_for),
        T(rx_survives_empty_pool),
        T(rx_out_of_order_completion_works),
        T(traffic_goes_on_through_many_index_wraps),
    };
    return RUN_ALL("vnet_rx", tests);
}
