// SPDX-License-Identifier: BSD-3-Clause
/*
 * Mergeable buffers: a frame in as many of 2 KiB as it takes, put together by what the device says,
 * which may be wrong.
 */
#include <string.h>
#include "vnet_rig.h"

#define MERGED (OFFLOADS | SIM_F_MRG_RXBUF)

static void up_mergeable(uint64_t more)
{
    opt[0].mergeable = true;
    up_with(more | SIM_F_MRG_RXBUF);
    assert_true(nic->accepted & SIM_F_MRG_RXBUF);
}

/* Polls one frame and looks whether it is the one that was sent; how many buffers it lies in. */
static unsigned whole(uint32_t len)
{
    unsigned pieces = 0;
    uint32_t at = 0;

    assert_int_equal(vnet_rx_poll(vn, frames, 1), 1);
    assert_int_equal(netbuf_frame_bytes(frames[0]), len);
    for (struct netbuf *nb = frames[0]; nb != NULL; nb = nb->next, pieces++) {
        assert_memory_equal(netbuf_frame(nb), frame + at, nb->len);
        at += nb->len;
    }
    vnet_rx_release(vn, frames[0]);
    assert_true(vnet_check(vn));
    return pieces;
}

static void mergeable_buffers_are_used_where_asked_for_and_offered(void **state)
{
    (void)state;
    up_with(MERGED); /* not asked for */
    assert_int_equal(nic->accepted & SIM_F_MRG_RXBUF, 0);
    again();
    opt[0].mergeable = true;
    up_with(OFFLOADS); /* not offered */
    assert_int_equal(nic->accepted & SIM_F_MRG_RXBUF, 0);
    traffic_flows(1);
    again();
    opt[0].mergeable = true;
    opt[0].features_off = SIM_F_MRG_RXBUF;
    up_with(MERGED);
    assert_int_equal(nic->accepted & SIM_F_MRG_RXBUF, 0);
    again();
    up_mergeable(MERGED);
    assert_int_equal(nic->accepted & MERGED, MERGED);
    assert_int_equal(nic->q[SIM_RXQ].size, 256);
    traffic_flows(1);
}

static void frames_of_any_size_are_put_together(void **state)
{
    static const uint32_t lens[] = {14,   60,   1514, 2035,  2036,  2037,
                                    4084, 4085, 9014, 30000, 65549, FRAME_MAX};

    (void)state;
    up_mergeable(OFFLOADS);
    for (unsigned round = 0; round < 100; round++)
        for (unsigned i = 0; i < COUNT(lens); i++) {
            assert_true(sim_rx(nic, frame, lens[i]));
            assert_int_equal(whole(lens[i]), (12 + lens[i] + 2047) / 2048);
        }
    nic->rx_piece = 26; /* a device that uses no more of a buffer than it must: header and header */
    assert_true(sim_rx(nic, frame, 200));
    assert_int_equal(whole(200), 9);
    nic->rx_piece = 0;
    assert_int_equal(stat_of("rx", "merge"), 0);
    assert_int_equal(stat_of("rx", "no_buffer"), 0);
    assert_true(stat_of("rx", "posted_min") + CONFIG_RX_BATCH >= 256);
    assert_int_equal(nic->resets, 1);
    traffic_flows(1);
}

/* What may be kept leaves enough for the largest frame, and no frame of several buffers is. */
static void kept_buffers_leave_enough_for_the_largest_frame(void **state)
{
    for (unsigned size = 1; size <= 1024; size *= 2) {
        struct netbuf *kept[CONFIG_RX_BATCH];
        unsigned n = 0;

        (void)state;
        again();
        nic->q[SIM_RXQ].max = (uint16_t)size;
        up_mergeable(MERGED);
        assert_true(sim_rx(nic, frame, FRAME_MAX));
        assert_int_equal(vnet_rx_poll(vn, frames, 1), 1);
        if (frames[0]->next != NULL)
            assert_false(vnet_rx_hold(vn, frames[0]));
        vnet_rx_release(vn, frames[0]);
        for (bool more = true; more; n += more) {
            assert_true(sim_rx(nic, frame, 60));
            assert_int_equal(vnet_rx_poll(vn, &kept[n], 1), 1);
            more = vnet_rx_hold(vn, kept[n]);
        }
        assert_int_equal(n, owned("rx", "held"));
        vnet_rx_release(vn, kept[n]);
        for (unsigned i = 0; i < 100; i++) {
            assert_true(sim_rx(nic, frame, FRAME_MAX));
            assert_int_equal(vnet_rx_poll(vn, frames, 1), 1);
            assert_int_equal(netbuf_frame_bytes(frames[0]), FRAME_MAX);
            vnet_rx_release(vn, frames[0]);
        }
        while (n > 0)
            vnet_rx_let_go(vn, kept[--n]);
        assert_true(vnet_audit(vn));
    }
}

/* However small the ring, a frame never needs more than a quarter of it, or one buffer. */
static void no_frame_needs_more_buffers_than_there_are(void **state)
{
    (void)state;
    for (unsigned size = 1; size <= 1024; size *= 2)
        for (unsigned n = 1; n <= CONFIG_NICS; n = n * 2 + 1) {
            again();
            for (unsigned k = 1; k < n; k++)
                sim_add_nic((uint8_t)(10 + k));
            nic->q[SIM_RXQ].max = (uint16_t)size;
            nic->offer |= MERGED;
            opt[0].mergeable = true;
            assert_int_equal(vnet_probe(opt), n);
            vn = vnet_get(0);
            assert_int_equal(nic->q[SIM_RXQ].size, size);
            for (unsigned i = 0; i < 2 * size + 10; i++) {
                assert_true(sim_rx(nic, frame, FRAME_MAX));
                assert_true(whole(FRAME_MAX) <= (size < 4 ? 1 : size / 4));
            }
            /* As many at once as the ring takes: none is lost. */
            unsigned sent = 0, got = 0, m;
            while (nic->q[SIM_RXQ].exposed_n * 64u >= size * 16u + 64u && sim_rx(nic, frame, 5000))
                sent++;
            while ((m = vnet_rx_poll(vn, frames, CONFIG_RX_RING)) > 0) {
                for (unsigned i = 0; i < m; i++) {
                    assert_int_equal(netbuf_frame_bytes(frames[i]), 5000);
                    vnet_rx_release(vn, frames[i]);
                }
                got += m;
            }
            assert_int_equal(got, sent);
            assert_int_equal(stat_of("rx", "no_buffer"), 0);
            assert_true(vnet_check(vn));
        }
}

/* A device may change it at any time: what was checked is what is used. */
static void number_of_buffers_is_read_once(void **state)
{
    unsigned before;

    (void)state;
    up_mergeable(OFFLOADS);
    before = sim_shm_reads;
    assert_true(sim_rx(nic, frame, 9000));
    assert_int_equal(whole(9000), 5);
    assert_int_equal(sim_shm_reads, before + 1);
}

/* Where there was room for more in the first one. */
static void frame_with_a_torn_header_is_none(void **state)
{
    (void)state;
    up_mergeable(OFFLOADS);
    nic->rx_piece = 25;
    assert_true(sim_rx(nic, frame, 60));
    assert_int_equal(vnet_rx_poll(vn, frames, 1), 0);
    assert_int_equal(stat_of("rx", "merge"), 1);
    assert_int_equal(stat_of("rx", "runt"), 0);
    nic->rx_piece = 0;
    assert_true(sim_rx(nic, frame, 13)); /* this one came so from the network */
    assert_int_equal(vnet_rx_poll(vn, frames, 1), 0);
    assert_int_equal(stat_of("rx", "runt"), 1);
    traffic_flows(1);
}

static void wrong_number_of_buffers_costs_a_frame_and_nothing_else(void **state)
{
    static const uint16_t lies[] = {0, 34, 64, 65, 255, 256, 257, 0x7fff, 65535};
    unsigned bad = 0;

    (void)state;
    up_mergeable(OFFLOADS);
    nic->num_buffers_set = true;
    for (unsigned i = 0; i < COUNT(lies); i++) {
        nic->num_buffers = lies[i];
        assert_true(sim_rx(nic, frame, 60));
        assert_int_equal(vnet_rx_poll(vn, frames, 1), 0);
        assert_int_equal(stat_of("rx", "merge"), ++bad);
        assert_int_equal(stat_of("rx", "posted"), 256);
        assert_true(vnet_check(vn));
    }
    for (uint16_t more = 2; more <= 33; more++) { /* more than it delivers */
        nic->num_buffers = more;
        assert_true(sim_rx(nic, frame, 60));
        assert_int_equal(vnet_rx_poll(vn, frames, 1), 0);
        assert_int_equal(stat_of("rx", "merge"), ++bad);
        assert_int_equal(stat_of("rx", "posted"), 256);
    }
    nic->num_buffers_set = false; /* more than a frame may take, and all delivered */
    nic->rx_piece = 26;
    assert_true(sim_rx(nic, frame, 26 * 34 - 12));
    assert_int_equal(vnet_rx_poll(vn, frames, 1), 0);
    assert_int_equal(stat_of("rx", "merge"), ++bad);
    for (unsigned i = 0; i < 40; i++) /* what is left of it are no frames */
        if (vnet_rx_poll(vn, frames, 1) == 1)
            vnet_rx_release(vn, frames[0]);
    nic->rx_piece = 0;
    nic->num_buffers_set = true;
    nic->num_buffers = 1; /* fewer than it delivers: the rest is no frame, or garbage */
    memset(frame, 0, sizeof(frame));
    assert_true(sim_rx(nic, frame, 9000));
    for (unsigned i = 0; i < 10; i++)
        if (vnet_rx_poll(vn, frames, 1) == 1)
            vnet_rx_release(vn, frames[0]);
    assert_true(stat_of("rx", "merge") > bad);
    assert_true(vnet_check(vn));
    nic->num_buffers_set = false;
    traffic_flows(1000);
    assert_int_equal(nic->resets, 1);
}

static void caller_that_keeps_buffers_costs_whole_frames(void **state)
{
    struct netbuf *kept[64];
    unsigned n = 0;

    (void)state;
    up_mergeable(OFFLOADS);
    while (n < 60 && sim_rx(nic, frame, 60) && vnet_rx_poll(vn, frames, 1) == 1)
        kept[n++] = frames[0];
    assert_int_equal(n, 60);
    for (unsigned i = 0; i < 100; i++) {
        assert_true(sim_rx(nic, frame, FRAME_MAX));
        assert_int_equal(vnet_rx_poll(vn, frames, 1), 0);
        assert_int_equal(stat_of("rx", "no_buffer"), i + 1);
        assert_int_equal(stat_of("rx", "posted"), 256);
        assert_true(vnet_check(vn));
    }
    while (n > 0)
        vnet_rx_release(vn, kept[--n]);
    assert_true(sim_rx(nic, frame, FRAME_MAX));
    assert_int_equal(whole(FRAME_MAX), 33);
}

static void mergeable_buffers_follow_the_device_through_a_reset(void **state)
{
    (void)state;
    up_mergeable(OFFLOADS);
    nic->offer &= ~SIM_F_MRG_RXBUF; /* one buffer of 2 KiB holds no merged segments */
    recover();
    assert_int_equal(nic->accepted & (MERGED & ~SIM_F_CSUM), SIM_F_GUEST_CSUM);
    traffic_flows(1);
    nic->offer |= SIM_F_MRG_RXBUF;
    recover();
    assert_int_equal(nic->accepted & MERGED, MERGED);
    assert_true(sim_rx(nic, frame, FRAME_MAX));
    assert_int_equal(whole(FRAME_MAX), 33);
    nic->q[SIM_RXQ].max = 8; /* too short for a frame of 33 buffers: one buffer a frame, then */
    recover();
    assert_int_equal(nic->accepted & (MERGED & ~SIM_F_CSUM), SIM_F_GUEST_CSUM);
    traffic_flows(100);
    again();
    opt[0].mergeable = true;
    up_with(OFFLOADS);
    nic->offer |= SIM_F_MRG_RXBUF; /* buffers were not made for it */
    recover();
    assert_int_equal(nic->accepted & MERGED, OFFLOADS);
    bursts_flow(2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(mergeable_buffers_are_used_where_asked_for_and_offered),
        T(frames_of_any_size_are_put_together),
        T(kept_buffers_leave_enough_for_the_largest_frame),
        T(no_frame_needs_more_buffers_than_there_are),
        T(number_of_buffers_is_read_once),
        T(frame_with_a_torn_header_is_none),
        T(wrong_number_of_buffers_costs_a_frame_and_nothing_else),
        T(caller_that_keeps_buffers_costs_whole_frames),
        T(mergeable_buffers_follow_the_device_through_a_reset),
    };
    return cmocka_run_group_tests_name("vnet_merge", tests, NULL, NULL);
}
