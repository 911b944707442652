// SPDX-License-Identifier: BSD-3-Clause
/*
 * The driver and devices of the old kind: which interface is used, which features and queues it
 * finds there. What holds over either interface is in the other test_vnet_*.c.
 */
#include <stdio.h>
#include "virtio_net_state.h"
#include "vnet_rig.h"

static int setup_legacy(void **state)
{
    rig_kind = RIG_LEGACY;
    return setup(state);
}

static int setup_transitional(void **state)
{
    setup_empty(state);
    nic = sim_add_nic(3);
    sim_add_legacy(nic, true);
    return 0;
}

static void up_over(const char *transport)
{
    char text[64];

    up();
    snprintf(text, sizeof(text), "\"transport\":\"%s\"", transport);
    said("nic", text);
}

static void modern_interface_wins_unless_it_is_masked(void **state)
{
    (void)state;
    up_over("modern");
    assert_true(nic->accepted & SIM_F_VERSION_1);
    assert_false(nic->accepted & SIM_F_ANY_LAYOUT); /* of no meaning there */
    sim_power_off();
    setup_transitional(NULL);
    opt[0].features_off = SIM_F_VERSION_1;
    up_over("legacy");
    assert_true(nic->accepted == (SIM_F_MAC | SIM_F_STATUS | SIM_F_EVENT_IDX | SIM_F_ANY_LAYOUT |
                                  SIM_F_INDIRECT_DESC));
    traffic_flows(2000);
}

static void legacy_interface_is_the_way_out_where_the_modern_one_cannot_be_reached(void **state)
{
    (void)state;
    sim_put32(nic->fn->cfg + 0x20, 0x0c); /* no address for the modern one's BAR */
    sim_put32(nic->fn->cfg + 0x24, 0);
    up_over("legacy");
    traffic_flows(10);
}

static void a_modern_number_means_no_legacy_interface(void **state)
{
    (void)state;
    sim_put16(nic->fn->cfg + 2, 0x1041);
    opt[0].features_off = SIM_F_VERSION_1;
    refused("it has no legacy interface");
    assert_int_equal(nic->resets, 0);
}

static void first_bar_that_is_no_block_of_ports_is_not_used(void **state)
{
    static const uint32_t bars[][2] = {
        {0xe001, 0xfff0},         /* ports, too few */
        {0xf8000000, 0xffffff00}, /* memory */
        {0x0001, 0xffc0},         /* no address */
        {0x1e001, 0xffffffc0},    /* beyond the last port */
        {0, 0},
    };

    (void)state;
    for (unsigned i = 0; i < COUNT(bars); i++) {
        again();
        sim_put32(nic->fn->cfg + 0x10, bars[i][0]);
        nic->fn->bar_bits[0] = bars[i][1];
        refused("neither a modern nor a legacy interface");
    }
}

static void bring_up_ends_in_driver_ok(void **state)
{
    (void)state;
    up_over("legacy");
    assert_int_equal(nic->status, status_up());
    assert_int_equal(nic->resets, 1);
    said("nic", "\"features\":[\"mac\",\"status\",\"any_layout\","
                "\"indirect_desc\",\"event_idx\"],\"rx_ring\":256,\"tx_ring\":256");
    said("nic", "\"irq\":\"msix\",\"vectors\":3");
    traffic_flows(3000);
}

static void every_legacy_subset_of_the_offer_is_served(void **state)
{
    static const uint64_t bits[] = {SIM_F_MTU,        SIM_F_MAC,           SIM_F_STATUS,
                                    SIM_F_ANY_LAYOUT, SIM_F_INDIRECT_DESC, SIM_F_EVENT_IDX};

    (void)state;
    for (unsigned set = 0; set < 64; set++) {
        again();
        nic->offer = 0;
        for (unsigned i = 0; i < 6; i++)
            nic->offer |= set & 1u << i ? bits[i] : 0;
        up_over("legacy");
        assert_true(nic->accepted == nic->offer);
        traffic_flows(300);
    }
    again();
    nic->offer = 0xffffffff;
    up_over("legacy");
    assert_true(nic->accepted ==
                (SIM_F_MTU | SIM_F_MAC | SIM_F_STATUS | SIM_F_EVENT_IDX | SIM_F_ANY_LAYOUT |
                 SIM_F_INDIRECT_DESC | SIM_F_CSUM | SIM_F_GUEST_CSUM | SIM_F_GUEST_TSO4 |
                 SIM_F_GUEST_TSO6 | SIM_F_GUEST_ECN | HOST_TSO | SIM_F_CTRL_VQ | SIM_F_CTRL_RX |
                 SIM_F_GUEST_ANNOUNCE | SIM_F_MQ));
    traffic_flows(300);
}

/* One descriptor more for each frame, or a table where the device takes those. */
static void device_that_wants_the_header_apart_gets_it(void **state)
{
    (void)state;
    for (unsigned tables = 0; tables < 2; tables++)
        for (uint16_t max = 2; max <= 256; max = (uint16_t)(max * 2)) {
            again();
            nic->offer = SIM_F_MAC | SIM_F_EVENT_IDX | (tables ? SIM_F_INDIRECT_DESC : 0);
            if (max == 64) { /* or it does not, but we do */
                nic->offer |= SIM_F_ANY_LAYOUT;
                opt[0].features_off = SIM_F_ANY_LAYOUT;
            }
            nic->q[0].max = nic->q[1].max = max;
            up_over("legacy");
            assert_int_equal(nic->q[0].exposed_n, tables ? max : max / 2);
            assert_false(nic->accepted & SIM_F_ANY_LAYOUT);
            traffic_flows(1000);
        }
    again();
    nic->offer = SIM_F_MAC;
    nic->q[1].max = 1;
    refused("no room for a header");
}

static void legacy_queue_sizes_are_taken_or_refused(void **state)
{
    static const struct {
        uint16_t size;
        const char *refused; /* NULL: it is not */
    } table[] = {
        {0, "queue"}, {1, NULL},    {2, NULL},      {3, "no queue may"}, {255, "no queue"},
        {512, NULL},  {1024, NULL}, {2048, "1024"}, {32768, "shorten"},  {65535, "no queue may"}};

    (void)state;
    for (unsigned q = 0; q < 2; q++)
        for (unsigned i = 0; i < COUNT(table); i++) {
            again();
            nic->q[q].max = table[i].size;
            if (table[i].refused != NULL) {
                refused(table[i].refused);
            } else {
                up_over("legacy");
                assert_int_equal(nic->q[q].size, table[i].size);
                traffic_flows(3000);
            }
        }
}

/* The ring is as long as the device says, and holds as many buffers as there are. */
static void ring_longer_than_the_buffers_last_is_filled_as_far_as_they_go(void **state)
{
    (void)state;
    nic->offer |= SIM_F_MTU | SIM_F_GUEST_CSUM | SIM_F_GUEST_TSO4; /* the largest buffers */
    nic->mtu = 9000;
    nic->q[SIM_RXQ].max = 1024;
    up_over("legacy");
    assert_int_equal(nic->q[SIM_RXQ].size, 1024);
    assert_int_equal(nic->q[SIM_RXQ].exposed_n, 256);
    for (unsigned i = 0; i < 5000; i++) {
        assert_true(sim_rx(nic, frame, 9014));
        assert_int_equal(receive(), 1);
    }
    assert_int_equal(nic->q[SIM_RXQ].exposed_n, 256);
    assert_true(vnet_check(vn));
    vnet_repair(vn); /* begins anew, with as many */
    turns(100, 10 * MS);
    assert_int_equal(nic->q[SIM_RXQ].exposed_n, 256);
    assert_int_equal(vn->rx.posted_min, 256);
}

static void legacy_device_without_vectors_is_polled(void **state)
{
    (void)state;
    again_bare();
    sim_add_legacy(nic, false);
    up_over("legacy");
    said("nic", "\"irq\":\"poll\"");
    traffic_flows(100);
}

static void legacy_reset_is_waited_for(void **state)
{
    (void)state;
    nic->status = status_up();
    nic->reset_reads = 1000;
    up_over("legacy");
    traffic_flows(1);
    again();
    nic->reset_never = true;
    refused("reset");
}

static void legacy_function_that_is_gone_is_noticed(void **state)
{
    (void)state;
    up_over("legacy");
    nic->gone = true;
    turns(300, MS);
    said("error", "does not answer");
    nic->gone = false;
    turns(2000, MS);
    traffic_flows(10);
}

#define LEGACY(f) cmocka_unit_test_setup_teardown(f, setup_legacy, teardown)
#define BOTH(f)   cmocka_unit_test_setup_teardown(f, setup_transitional, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(modern_interface_wins_unless_it_is_masked),
        BOTH(legacy_interface_is_the_way_out_where_the_modern_one_cannot_be_reached),
        BOTH(a_modern_number_means_no_legacy_interface),
        LEGACY(first_bar_that_is_no_block_of_ports_is_not_used),
        LEGACY(bring_up_ends_in_driver_ok),
        LEGACY(every_legacy_subset_of_the_offer_is_served),
        LEGACY(device_that_wants_the_header_apart_gets_it),
        LEGACY(legacy_queue_sizes_are_taken_or_refused),
        LEGACY(ring_longer_than_the_buffers_last_is_filled_as_far_as_they_go),
        LEGACY(legacy_device_without_vectors_is_polled),
        LEGACY(legacy_reset_is_waited_for),
        LEGACY(legacy_function_that_is_gone_is_noticed),
    };
    return cmocka_run_group_tests_name("vnet_legacy", tests, NULL, NULL);
}
