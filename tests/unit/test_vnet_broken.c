// SPDX-License-Identifier: BSD-3-Clause
/*
 * A device that breaks the rules: whatever it does, each buffer keeps its one owner, one reset is
 * the answer, resets are bounded, and when the device behaves again traffic flows.
 */
#include <string.h>
#include "vnet_rig.h"

struct crime {
    const char *why;
    unsigned q;
    uint32_t id, len;
    uint16_t jump; /* instead of an entry */
};

static void every_lie_in_the_used_ring_costs_one_reset(void **state)
{
    static const struct crime crimes[] = {
        {"does not exist", SIM_RXQ, 256, 60, 0},  {"does not exist", SIM_RXQ, 0xffffffff, 60, 0},
        {"does not exist", SIM_TXQ, 65536, 0, 0}, {"does not have", SIM_TXQ, 200, 0, 0},
        {"more bytes", SIM_RXQ, 0, 2049, 0},      {"more bytes", SIM_RXQ, 0, 0xffffffff, 0},
        {"more completions", SIM_RXQ, 0, 0, 257}, {"more completions", SIM_RXQ, 0, 0, 65535},
        {"more completions", SIM_TXQ, 0, 0, 11},  {"does not exist", SIM_TXQ, 0xffff, 0, 0},
    };

    (void)state;
    for (unsigned i = 0; i < COUNT(crimes); i++) {
        const struct crime *c = &crimes[i];
        struct netbuf *held[3];
        if (rig_kind == RIG_PACKED && (c->jump != 0 || c->id > 0xffff))
            continue; /* such a ring has no index, and 16 bits for the id */
        again();
        up();
        turn(600 * MS);
        for (unsigned k = 0; k < 3; k++)
            sim_rx(nic, frame, 60);
        assert_int_equal(vnet_rx_poll(vn, held, 3), 3);
        assert_int_equal(send_frames(10, 60), 10);
        if (c->jump != 0)
            sim_used_jump(nic, c->q, (uint16_t)(nic->q[c->q].used_idx + c->jump));
        else
            sim_use_raw(nic, c->q, c->id, c->len);
        assert_int_equal(vnet_rx_poll(vn, frames, 64), 0);
        assert_int_equal(vnet_tx_reclaim(vn), 0);
        assert_int_equal(sim_records("error"), 1);
        said("error", c->why);
        assert_true(vnet_check(vn));
        /* While it is down nothing is lost or stuck. */
        assert_false(send_frame(60));
        assert_int_equal(vnet_rx_poll(vn, frames, 64), 0);
        vnet_tx_flush(vn);
        assert_true(vnet_may_sleep(vn));
        after_the_reset_traffic_flows(1);
        assert_int_equal(vnet_tx_room(vn, true), 256 - CONFIG_TX_RESERVE); /* all came back */
        assert_memory_equal(netbuf_frame(held[2]), frame, 60); /* what the stack held is its own */
        for (unsigned k = 0; k < 3; k++)
            vnet_rx_release(vn, held[k]);
        assert_int_equal(stat_of("tx", "reset"), 10);
        assert_int_equal(sim_records("error"), 1);
        traffic_flows(1);
    }
}

static void duplicate_completion_costs_one_reset(void **state)
{
    uint16_t id;

    (void)state;
    up();
    assert_true(sim_take(nic, SIM_RXQ, &id));
    sim_use(nic, SIM_RXQ, id, 72);
    sim_use_raw(nic, SIM_RXQ, id, 72);
    assert_int_equal(vnet_rx_poll(vn, frames, 64), 1); /* the first was good */
    vnet_rx_release(vn, frames[0]);
    after_the_reset_traffic_flows(1);
}

static void needs_reset_is_answered_within_the_turn_after_its_interrupt(void **state)
{
    (void)state;
    up();
    turn(600 * MS);
    sim_needs_reset(nic);
    turn(MS);
    said("error", "asks for a reset");
    after_the_reset_traffic_flows(1);
}

static void needs_reset_without_an_interrupt_is_found_by_the_heartbeat(void **state)
{
    (void)state;
    up();
    turn(600 * MS);
    nic->interrupts_lost = true;
    sim_needs_reset(nic);
    turn(MS);
    assert_int_equal(sim_records("error"), 0);
    turn(100 * MS);
    assert_int_equal(sim_records("error"), 1);
    after_the_reset_traffic_flows(1);
}

static void device_that_was_reset_by_others_is_brought_up_again(void **state)
{
    (void)state;
    up();
    turn(600 * MS);
    nic->status = 0;
    turn(100 * MS);
    said("error", "changed its status");
    after_the_reset_traffic_flows(1);
}

static void device_that_vanished_is_used_again_when_it_is_back(void **state)
{
    (void)state;
    up();
    turn(600 * MS);
    assert_int_equal(send_frames(1, 60), 1);
    nic->gone = true;
    for (unsigned i = 0; i < 5000; i++) {
        turn(MS);
        assert_int_equal(receive(), 0);
        assert_true(vnet_check(vn));
    }
    said("error", "does not answer");
    assert_int_equal(sim_records("error"), 1);
    nic->gone = false; /* as it left: the reset did not reach it */
    for (unsigned i = 0; i < 1000 && !nic->resetting; i++)
        turn(MS);
    after_the_reset_traffic_flows(1);
    assert_in_range(vnet_gap_max_ns(vn, true), 5000 * MS, 6100 * MS);
}

static void buffers_stay_with_a_device_until_its_reset_is_complete(void **state)
{
    (void)state;
    up();
    turn(600 * MS);
    assert_int_equal(send_frames(1, 60), 1);
    nic->reset_never = true;
    sim_needs_reset(nic);
    turns(3000, MS);
    assert_int_equal(vnet_tx_room(vn, true), 0);
    assert_int_equal(stat_of("tx", "posted"), 1);
    assert_int_equal(nic->q[SIM_RXQ].exposed_n, 256); /* poisoned still: nobody touched them */
    nic->reset_never = false;
    after_the_reset_traffic_flows(1);
    assert_int_equal(vnet_tx_room(vn, true), 256 - CONFIG_TX_RESERVE);
}

static void device_that_breaks_again_and_again_is_reset_at_a_bounded_rate(void **state)
{
    uint64_t begin;

    (void)state;
    up();
    begin = sim_now_ns;
    while (sim_now_ns - begin < 10000 * MS) {
        if (nic->status == status_up())
            sim_use_raw(nic, SIM_RXQ, 999, 60);
        turn(MS);
        receive();
    }
    assert_in_range(nic->resets, 15, 22);
    assert_in_range(sim_records("error"), 1, 2);
    while (nic->status != status_up())
        turn(MS);
    traffic_flows(1);
}

static void device_that_lost_a_feature_or_queue_is_tried_until_it_is_whole(void **state)
{
    uint64_t offer = nic->offer;

    (void)state;
    up();
    turn(600 * MS);
    if (rig_kind == RIG_LEGACY) /* which needs no feature */
        nic->num_queues = 1;
    nic->offer &= ~SIM_F_VERSION_1;
    sim_needs_reset(nic);
    turns(2000, MS);
    assert_int_equal(vnet_rx_poll(vn, frames, 1), 0);
    nic->offer = offer;
    nic->num_queues = 3;
    nic->q[SIM_TXQ].max = 0;
    turns(2000, MS);
    assert_in_range(nic->resets, 8, 12); /* twice a second, not each turn */
    nic->q[SIM_TXQ].max = 256;
    turns(1000, MS);
    assert_int_equal(nic->status, status_up());
    assert_true(vnet_check(vn));
    traffic_flows(1);
}

static void ring_and_identity_stay_what_they_were_after_a_reset(void **state)
{
    uint8_t mac[6];

    (void)state;
    nic->offer |= SIM_F_MTU;
    up();
    memcpy(mac, vnet_mac(vn), 6);
    turn(600 * MS);
    nic->mac[5] ^= 1;
    nic->mtu = 9000;
    nic->q[SIM_RXQ].max = 1024;
    nic->q[SIM_TXQ].max = 1024;
    sim_needs_reset(nic);
    turn(100 * MS);
    after_the_reset_traffic_flows(1);
    assert_memory_equal(vnet_mac(vn), mac, 6);
    assert_int_equal(vnet_mtu(vn), 1500);
    assert_int_equal(nic->q[SIM_RXQ].size, 256);
    assert_false(nic->accepted & SIM_F_MTU); /* the buffers are too small for it now */
    turn(600 * MS);
    nic->q[SIM_RXQ].max = 16; /* fewer: it does with them */
    nic->q[SIM_TXQ].max = 8;
    sim_needs_reset(nic);
    turn(100 * MS);
    after_the_reset_traffic_flows(2);
    assert_int_equal(nic->q[SIM_RXQ].size, 16);
    assert_true(vnet_check(vn));
    for (unsigned i = 0; i < 6; i++)
        assert_true(send_frame(60));
    assert_false(send_frame(60)); /* the ring is smaller than the pool now, and so is the reserve */
    vnet_tx_flush(vn);
    assert_int_equal(sim_tx(nic, 20), 6);
    vnet_tx_reclaim(vn);
    turn(600 * MS);
    nic->q[SIM_RXQ].max = 256; /* and back: the promise holds for the ring that is */
    sim_needs_reset(nic);
    turn(100 * MS);
    after_the_reset_traffic_flows(3);
    assert_int_equal(stat_of("rx", "posted_min"), 255);
}

/* A device that changes its mind between two looks. With a packed ring these are completions. */
static uint64_t flicker(struct sim_nic *n, const volatile void *p, unsigned width, uint64_t v)
{
    static uint32_t seed = 7;

    (void)p;
    seed = seed * 1664525 + 1013904223;
    (void)n;
    /* The bits that say that there is a completion stay: one that it does not give back would lead
     * to memory that it still has. */
    if (width == 8 && seed >> 28 == 0)
        return v ^ seed ^ (uint64_t)(seed & 0xffff) << 32;
    return width == 4 && seed >> 28 == 0 ? seed : v;
}

static void values_that_flicker_do_no_harm(void **state)
{
    (void)state;
    sim_collect = true; /* the monitor sees the flickering values as well */
    up();
    nic->shm_hook = flicker;
    for (unsigned i = 0; i < 20000; i++) {
        if (nic->status == status_up() && nic->q[SIM_RXQ].enabled) {
            uint16_t id;
            if (sim_take(nic, SIM_RXQ, &id))
                sim_use(nic, SIM_RXQ, id, 72);
        }
        turn(MS);
        drain(vn);
        send_frames(1, 60);
        sim_tx(nic, 4);
        vnet_tx_reclaim(vn);
        assert_true(vnet_check(vn));
    }
    assert_true(nic->resets > 2);
    nic->shm_hook = NULL;
    sim_violation[0] = '\0';
}

/* Any sequence of good and evil deeds: afterwards, traffic. */
static void random_device_never_stops_the_driver_for_good(void **state)
{
    uint32_t seed = 4711;

    (void)state;
    for (unsigned life = 0; life < 200; life++) {
        again();
        nic->q[SIM_RXQ].max = (uint16_t)(1u << life % 9);
        nic->q[SIM_TXQ].max = (uint16_t)(1u << life / 4 % 9);
        nic->offer &= life % 2 ? ~SIM_F_EVENT_IDX : ~0ull;
        up();
        for (unsigned step = 0; step < 3000; step++) {
            uint16_t id;
            unsigned q;
            seed = seed * 1664525 + 1013904223;
            q = seed >> 30 & 1;
            switch (seed >> 8 & 31) {
            case 0:
                nic->reset_reads = seed >> 24;
                break;
            case 1:
                if (seed >> 28 == 0 && nic->q[q].enabled)
                    sim_use_raw(nic, q, seed | 0x100, seed >> 3);
                break;
            case 2:
                if (seed >> 28 == 0 && nic->q[q].enabled && rig_kind != RIG_PACKED)
                    sim_used_jump(nic, q, (uint16_t)(nic->q[q].used_idx + 257 + seed % 65000));
                break;
            case 3:
                if (seed >> 29 == 0)
                    sim_needs_reset(nic);
                break;
            case 4:
                sim_interrupt(nic, seed >> 20 & 1);
                break;
            case 5:
                nic->doorbells_lost = seed >> 31;
                break;
            case 6:
                if (seed >> 28 == 0)
                    nic->gone = !nic->gone;
                break;
            case 7:
                if (!nic->gone && sim_take(nic, SIM_RXQ, &id))
                    sim_use(nic, SIM_RXQ, id, seed >> 22);
                break;
            default:
                if (!nic->gone)
                    sim_rx(nic, frame, 60 + (seed >> 24));
                if (seed & 0x8000)
                    send_frame(60);
                sim_tx(nic, seed >> 29);
            }
            turn((seed >> 16 & 7) * MS);
            drain(vn);
            vnet_tx_reclaim(vn);
            vnet_tx_flush(vn);
            if (vnet_may_sleep(vn))
                vnet_awake(vn);
            assert_true(vnet_check(vn));
        }
        /* It behaves again. */
        nic->gone = nic->doorbells_lost = false;
        nic->reset_reads = 0;
        for (unsigned i = 0; i < 2000; i++) {
            turn(MS);
            drain(vn);
            sim_tx(nic, 300);
            vnet_tx_reclaim(vn);
        }
        traffic_flows(1);
    }
}

int main(void)
{
    const struct CMUnitTest modern[] = {
        T(ring_and_identity_stay_what_they_were_after_a_reset),
    };
    const struct CMUnitTest any[] = {
        T(every_lie_in_the_used_ring_costs_one_reset),
        T(duplicate_completion_costs_one_reset),
        T(needs_reset_is_answered_within_the_turn_after_its_interrupt),
        T(needs_reset_without_an_interrupt_is_found_by_the_heartbeat),
        T(device_that_was_reset_by_others_is_brought_up_again),
        T(device_that_vanished_is_used_again_when_it_is_back),
        T(buffers_stay_with_a_device_until_its_reset_is_complete),
        T(device_that_breaks_again_and_again_is_reset_at_a_bounded_rate),
        T(device_that_lost_a_feature_or_queue_is_tried_until_it_is_whole),
        T(values_that_flicker_do_no_harm),
        T(random_device_never_stops_the_driver_for_good),
    };
    return RUN_MODERN("vnet_broken_modern", modern) + RUN_ALL("vnet_broken", any);
}
