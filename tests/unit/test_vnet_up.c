// SPDX-License-Identifier: BSD-3-Clause
/*
 * Bring-up: what is negotiated with which device, how long its rings are, and which devices are
 * refused, by name.
 */
#include "vnet_rig.h"

static void bring_up_ends_in_driver_ok_and_says_what_was_agreed(void **state)
{
    static const uint8_t mac[6] = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56};

    (void)state;
    up();
    assert_int_equal(nic->status, status_up());
    assert_int_equal(nic->resets, 1);
    assert_string_equal(vnet_name(vn), "net0");
    assert_memory_equal(vnet_mac(vn), mac, 6);
    assert_int_equal(vnet_mtu(vn), 1500);
    said("nic",
         "\"nic\":\"net0\",\"mac\":\"52:54:00:12:34:56\",\"transport\":\"modern\",\"ring\":");
    said("nic", rig_kind == RIG_PACKED ? "\"ring\":\"packed\"" : "\"ring\":\"split\"");
    said("nic", "\"features\":[\"mac\",\"status\",\"indirect_desc\",\"event_idx\","
                "\"version_1\"");
    said("nic", rig_kind == RIG_PACKED ? "\"version_1\",\"packed\",\"ring_reset\"]"
                                       : "\"version_1\",\"ring_reset\"]");
    said("nic", "\"rx_ring\":256,\"tx_ring\":256,\"mtu\":1500,\"irq\":\"msix\",\"vectors\":3");
    assert_int_equal(nic->q[SIM_RXQ].exposed_n, 256);
    assert_int_equal(nic->q[SIM_RXQ].doorbells, 1);
    assert_int_equal(nic->q[SIM_TXQ].doorbells, 0);
    traffic_flows(1);
}

static void every_subset_of_the_offer_is_served(void **state)
{
    static const uint64_t bits[] = {SIM_F_MTU,           SIM_F_MAC,         SIM_F_STATUS,
                                    SIM_F_EVENT_IDX,     SIM_F_RING_PACKED, SIM_F_ACCESS_PLATFORM,
                                    SIM_F_ORDER_PLATFORM};

    (void)state;
    for (unsigned set = 0; set < 128; set++) {
        again();
        nic->offer = SIM_F_VERSION_1;
        for (unsigned i = 0; i < 7; i++)
            nic->offer |= set & 1u << i ? bits[i] : 0;
        up();
        assert_true(nic->accepted == nic->offer);
        traffic_flows(1);
    }
}

static void every_feature_can_be_masked(void **state)
{
    static const uint64_t bits[] = {SIM_F_MTU, SIM_F_MAC, SIM_F_STATUS, SIM_F_EVENT_IDX};

    (void)state;
    for (unsigned set = 0; set < 16; set++) {
        again();
        nic->offer |= SIM_F_MTU | SIM_F_ACCESS_PLATFORM;
        for (unsigned i = 0; i < 4; i++)
            opt[0].features_off |= set & 1u << i ? bits[i] : 0;
        up();
        assert_true(nic->accepted == (nic->offer & ~opt[0].features_off));
        traffic_flows(1);
    }
    again();
    opt[0].features_off = ~SIM_F_VERSION_1; /* what the driver cannot do without stays */
    up();
    assert_true(nic->accepted == SIM_F_VERSION_1);
}

static void unknown_features_are_ignored(void **state)
{
    (void)state;
    nic->offer = ~0ull;
    up();
    assert_true(nic->accepted ==
                (SIM_F_VERSION_1 | SIM_F_MAC | SIM_F_STATUS | SIM_F_MTU | SIM_F_CSUM |
                 SIM_F_GUEST_CSUM | SIM_F_GUEST_TSO4 | SIM_F_GUEST_TSO6 | SIM_F_GUEST_ECN |
                 HOST_TSO | SIM_F_CTRL_VQ | SIM_F_CTRL_RX | SIM_F_GUEST_ANNOUNCE | SIM_F_MQ |
                 SIM_F_EVENT_IDX | SIM_F_ACCESS_PLATFORM | SIM_F_ORDER_PLATFORM |
                 SIM_F_RING_PACKED | SIM_F_INDIRECT_DESC | SIM_F_RING_RESET));
    traffic_flows(1);
}

static void device_without_version_1_is_refused(void **state)
{
    (void)state;
    nic->offer &= ~SIM_F_VERSION_1;
    refused("VERSION_1");
}

static void device_that_refuses_the_features_is_refused(void **state)
{
    (void)state;
    nic->refuse = SIM_F_STATUS;
    refused("refuses the features");
    assert_true(nic->status & 0x80 || nic->resetting);
}

static void queue_sizes_of_all_kinds_work(void **state)
{
    static const uint16_t table[][2] = {{1, 1},     {2, 2},     {3, 2},     {4, 4},
                                        {5, 4},     {255, 128}, {256, 256}, {1024, 1024},
                                        {32768, 0}, {65535, 0}};

    (void)state;
    for (unsigned i = 0; i < COUNT(table); i++)
        for (unsigned q = 0; q < SIM_QUEUES; q++) {
            uint16_t most = q == SIM_RXQ ? CONFIG_RX_RING : CONFIG_TX_RING, want = table[i][1];
            if (rig_kind == RIG_PACKED)
                want = table[i][0]; /* any number will do */
            if (want == 0 || want > most)
                want = most;
            again();
            nic->q[q].max = table[i][0];
            up();
            assert_int_equal(nic->q[q].size, want);
            traffic_flows(3000);
            assert_true(stat_of("rx", "posted_min") + CONFIG_RX_BATCH >= nic->q[SIM_RXQ].size);
        }
}

static void rings_are_no_longer_than_asked_for(void **state)
{
    static const uint16_t sizes[] = {2, 3, 4, 8, 16, 100, 256, 1000};

    (void)state;
    for (unsigned i = 0; i < COUNT(sizes); i++)
        for (unsigned q = 0; q < SIM_QUEUES; q++) {
            uint16_t most = q == SIM_RXQ ? 256 : CONFIG_TX_RING;
            unsigned want = sizes[i] < most ? sizes[i] : most, frames_n = want;
            again();
            *(q == SIM_RXQ ? &opt[0].rx_ring : &opt[0].tx_ring) = sizes[i];
            up();
            while (rig_kind != RIG_PACKED && (frames_n & (frames_n - 1)) != 0)
                frames_n &= frames_n - 1;
            if (rig_kind == RIG_LEGACY) { /* the ring has one size only, and so many are used */
                assert_int_equal(nic->q[q].size, 256);
                frames_n = want;
            } else {
                assert_int_equal(nic->q[q].size, frames_n);
            }
            if (q == SIM_RXQ)
                assert_int_equal(nic->q[q].exposed_n, frames_n);
            else
                assert_int_equal(vnet_tx_room(vn, false), frames_n);
            assert_true(vnet_tx_room(vn, true) > 0);
            traffic_flows(1000);
        }
}

static void device_without_a_queue_is_refused(void **state)
{
    (void)state;
    nic->q[SIM_RXQ].max = 0;
    refused("no receive queue");
    again();
    nic->q[SIM_TXQ].max = 0;
    refused("no transmit queue");
    again();
    nic->num_queues = 1;
    refused("no transmit queue");
    again();
    nic->num_queues = 0;
    refused("no receive queue");
}

static void doorbell_that_lies_nowhere_is_refused(void **state)
{
    (void)state;
    nic->q[SIM_TXQ].notify_off = 0xfff0;
    refused("doorbell");
}

static void slow_reset_is_waited_for(void **state)
{
    (void)state;
    nic->status = 0x8f;
    nic->reset_reads = 1000;
    up();
    traffic_flows(1);
}

static void reset_that_never_completes_is_given_up_after_a_second(void **state)
{
    uint64_t begin = sim_now_ns;

    (void)state;
    nic->status = 0x0f;
    nic->reset_never = true;
    refused("reset");
    assert_in_range(sim_now_ns - begin, 1000 * MS, 1100 * MS);
}

static void function_that_does_not_answer_is_refused(void **state)
{
    (void)state;
    assert_int_equal(vnet_probe(opt), 1); /* it was there */
    nic->gone = true;
    assert_int_equal(vnet_probe(opt), 0);
    nic->gone = false;
    up();
}

static void device_without_any_interface_is_refused(void **state)
{
    (void)state;
    again_bare();
    sim_put16(nic->fn->cfg + 2, 0x1000);
    refused("neither a modern nor a legacy interface");
}

static void transitional_device_is_used_through_its_modern_interface(void **state)
{
    (void)state;
    sim_put16(nic->fn->cfg + 2, 0x1000);
    nic->fn->cfg[8] = 0; /* any revision */
    up();
    traffic_flows(1);
}

static void several_nics_keep_their_places(void **state)
{
    struct sim_nic *second, *third;

    (void)state;
    nic->offer &= ~SIM_F_VERSION_1;
    second = sim_add_nic(5);
    third = sim_add_nic(7);
    second->mtu = third->mtu = 1400;
    second->offer |= SIM_F_MTU;
    third->offer |= SIM_F_MTU;
    opt[1].mtu_max = 1000;
    opt[2].features_off = SIM_F_EVENT_IDX;
    assert_int_equal(vnet_probe(opt), 2);
    assert_string_equal(vnet_name(vnet_get(0)), "net1");
    assert_int_equal(vnet_index(vnet_get(0)), 1);
    assert_int_equal(vnet_mtu(vnet_get(0)), 1000);
    assert_string_equal(vnet_name(vnet_get(1)), "net2");
    assert_int_equal(vnet_mtu(vnet_get(1)), 1400);
    assert_false(third->accepted & SIM_F_EVENT_IDX);
    assert_int_equal(sim_records("nic"), 2);
    nic = second;
    vn = vnet_get(0);
    traffic_flows(1);
    nic = third;
    vn = vnet_get(1);
    traffic_flows(1);
}

static void no_more_nics_are_used_than_there_is_memory_for(void **state)
{
    (void)state;
    for (uint8_t slot = 10; slot < 10 + CONFIG_NICS; slot++)
        sim_add_nic(slot);
    assert_int_equal(vnet_probe(opt), CONFIG_NICS);
    assert_int_equal(sim_records("error"), 1);
}

int main(void)
{
    const struct CMUnitTest modern[] = {
        T(bring_up_ends_in_driver_ok_and_says_what_was_agreed),
        T(every_subset_of_the_offer_is_served),
        T(every_feature_can_be_masked),
        T(unknown_features_are_ignored),
        T(device_without_version_1_is_refused),
        T(device_that_refuses_the_features_is_refused),
        T(queue_sizes_of_all_kinds_work),
        T(doorbell_that_lies_nowhere_is_refused),
        T(device_without_any_interface_is_refused),
        T(transitional_device_is_used_through_its_modern_interface),
        T(several_nics_keep_their_places),
    };
    const struct CMUnitTest any[] = {
        T(rings_are_no_longer_than_asked_for),
        T(device_without_a_queue_is_refused),
        T(slow_reset_is_waited_for),
        T(reset_that_never_completes_is_given_up_after_a_second),
        T(function_that_does_not_answer_is_refused),
        T(no_more_nics_are_used_than_there_is_memory_for),
    };
    return RUN_MODERN("vnet_up_modern", modern) + RUN_ALL("vnet_up", any);
}
