// SPDX-License-Identifier: BSD-3-Clause
/*
 * The transport against the simulated device: what it announces about itself, reset, features,
 * queues.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "sim.h"
#include "virtio_pci.h"
#include "virtqueue_split.h"

static struct sim_nic *nic;
static struct vpci vp;
static struct vq vq;
static uint8_t ring[VQ_SPLIT_BYTES(256)] __attribute__((aligned(4096)));
static struct vq_slot slots[256];

static int setup(void **state)
{
    (void)state;
    sim_power_on();
    nic = sim_add_bare_nic(3);
    return 0;
}

static int setup_whole(void **state)
{
    (void)state;
    sim_power_on();
    nic = sim_add_nic(3);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    sim_power_off();
    return 0;
}

static const char *probe(void)
{
    struct pci_dev d = {.bus = 0, .slot = 3, .vendor = 0x1af4, .device = 0x1041};

    return vpci_probe(&vp, &d, false);
}

static void works(void)
{
    const char *why = probe();

    assert_null(why);
    vpci_reset_begin(&vp);
    assert_true(vpci_reset_done(&vp));
    assert_true(vpci_offer(&vp) == nic->offer);
}

static void fails(const char *what)
{
    const char *why = probe();

    assert_non_null(why);
    assert_non_null(strstr(why, what));
}

static const char *set_queue(uint16_t index)
{
    vq_init(&vq, ring, slots, NULL);
    vq_start(&vq, &vq_split, 256, 0);
    return vpci_queue_set(&vp, index, &vq);
}

/* ---- capabilities -----------------------------------------------------------------------------
 */

static void structures_are_found_in_any_order(void **state)
{
    (void)state;
    sim_cap_config(nic);
    sim_cap_notify(nic);
    sim_cap_msix(nic);
    sim_cap_common(nic);
    works();
    assert_int_equal(vp.config_bytes, 12);
    assert_int_equal(vp.msix.n, 3);
    assert_string_equal(vp.ops->name, "modern");
}

static void device_without_any_interface_is_refused_by_name(void **state)
{
    (void)state;
    fails("neither a modern nor a legacy interface");
}

static void device_without_doorbells_is_refused(void **state)
{
    (void)state;
    sim_cap_common(nic);
    fails("notification");
}

static void device_without_configuration_and_msix_works(void **state)
{
    (void)state;
    sim_cap_common(nic);
    sim_cap_notify(nic);
    works();
    assert_int_equal(vp.config_bytes, 0);
    assert_int_equal(vp.msix.cap, 0);
}

static void first_usable_instance_is_taken(void **state)
{
    (void)state;
    sim_cap_virtio(nic, 1, 6, SIM_COMMON, SIM_COMMON_LEN); /* reserved BAR */
    sim_cap_virtio(nic, 1, 0, SIM_COMMON, SIM_COMMON_LEN); /* no such BAR */
    sim_cap_common(nic);
    sim_cap_virtio(nic, 1, 4, SIM_CONFIG, SIM_COMMON_LEN); /* later ones are not looked at */
    sim_cap_notify(nic);
    works();
}

static void reserved_types_and_larger_structures_are_accepted(void **state)
{
    uint8_t at;

    (void)state;
    sim_cap_virtio(nic, 0, 4, 0, 16);
    sim_cap_virtio(nic, 6, 4, 0, 16);
    sim_cap_virtio(nic, 255, 4, 0, 16);
    at = sim_cap_common(nic);
    nic->fn->cfg[at + 2] = 20; /* cap_len larger than needed */
    at = sim_cap_notify(nic);
    nic->fn->cfg[at + 2] = 24;
    nic->config_len = 0x1000;
    sim_cap_config(nic);
    works();
}

/* Every structure may lie in ports as well; the device checks each access. */
static void structures_in_ports_work(void **state)
{
    uint8_t last = 0;

    (void)state;
    for (unsigned set = 0; set < 8; set++) {
        sim_power_off();
        sim_power_on();
        nic = sim_add_bare_nic(3);
        sim_add_ports(nic);
        if (set & 1)
            sim_cap_virtio(nic, 1, 2, SIM_IO_COMMON, SIM_COMMON_LEN);
        if (set & 2)
            sim_cap_virtio(nic, 2, 2, SIM_IO_NOTIFY, 64);
        if (set & 4)
            sim_cap_virtio(nic, 4, 2, SIM_IO_CONFIG, 12);
        sim_cap_common(nic);
        sim_cap_notify(nic);
        sim_cap_config(nic);
        works();
        assert_int_equal(vp.common.mem == NULL, (set & 1) != 0);
        assert_int_equal(vp.notify.mem == NULL, (set & 2) != 0);
        assert_int_equal(vp.config.mem == NULL, (set & 4) != 0);
        assert_null(vpci_accept(&vp, SIM_F_VERSION_1 | SIM_F_MAC));
        assert_true(vpci_config_read(&vp, 5, &last, 1) && last == 0x56);
        assert_null(set_queue(0));
        vpci_driver_ok(&vp);
        vpci_notify(&vp, 0);
        assert_int_equal(nic->q[0].doorbells, 1);
    }
}

/* Firmware that found no room for a BAR leaves it at 0, or without decoding. */
static void bars_without_an_address_are_named(void **state)
{
    (void)state;
    sim_put32(nic->fn->cfg + 0x20, 0x0c);
    sim_put32(nic->fn->cfg + 0x24, 0);
    fails("firmware gave an address");
}

static void announced_length_beyond_the_bar_is_cut_off(void **state)
{
    (void)state;
    sim_cap_virtio(nic, 1, 4, SIM_COMMON, 0xffffffff);
    sim_cap_virtio(nic, 2, 4, SIM_NOTIFY, 0xfffffffe);
    sim_cap_virtio(nic, 4, 4, SIM_CONFIG, 0x80000000);
    works();
    assert_int_equal(vp.notify.bytes, SIM_BAR_BYTES - SIM_NOTIFY);
}

static void structures_that_lie_are_not_used(void **state)
{
    static const struct {
        uint8_t bar;
        uint32_t offset, len;
    } lies[] = {
        {6, 0, 64},
        {7, 0, 64},
        {255, 0, 64},
        {0, 0, 64},
        {5, 0, 64}, /* the upper half of BAR 4 */
        {4, 0, 0},
        {4, 0, 55}, /* too short */
        {4, 1, 64},
        {4, 2, 64}, /* not aligned */
        {4, SIM_BAR_BYTES, 64},
        {4, SIM_BAR_BYTES - 32, 64},
        {4, 0xffffffc0, 64},
        {4, 0xfffffffc, 0xffffffff},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        sim_power_off();
        sim_power_on();
        nic = sim_add_bare_nic(3);
        sim_cap_virtio(nic, 1, lies[i].bar, lies[i].offset, lies[i].len);
        sim_cap_notify(nic);
        fails("no modern interface");
    }
}

static void capability_shorter_than_its_type_is_ignored(void **state)
{
    uint8_t at;

    (void)state;
    sim_cap_common(nic);
    at = sim_cap_notify(nic);
    nic->fn->cfg[at + 2] = 16; /* no room for the multiplier */
    fails("notification");
}

static void capability_cut_off_by_the_end_of_the_space_is_ignored(void **state)
{
    (void)state;
    sim_cap_notify(nic);
    nic->fn->cfg[0x41] = 0xf4;
    nic->fn->cfg[0xf4] = 0x09;
    nic->fn->cfg[0xf6] = 16;
    nic->fn->cfg[0xf7] = 1;
    nic->fn->cfg[0xf8] = 4;
    fails("no modern interface");
}

static void looping_capability_list_ends(void **state)
{
    uint8_t at;

    (void)state;
    sim_cap_notify(nic);
    at = sim_cap_config(nic);
    nic->fn->cfg[at + 1] = 0x40;
    fails("no modern interface");
    assert_true(sim_pci_accesses < 20000);
}

static void random_configuration_space_is_survived(void **state)
{
    uint32_t seed = 12345;

    (void)state;
    for (unsigned round = 0; round < 3000; round++) {
        sim_power_off();
        sim_power_on();
        nic = sim_add_bare_nic(3);
        sim_collect = true; /* registers may end up anywhere inside a BAR */
        for (unsigned i = 0x30; i < 256; i++) {
            seed = seed * 1664525 + 1013904223;
            nic->fn->cfg[i] = seed >> 28 ? (uint8_t)(seed >> 20 & 15) : (uint8_t)(seed >> 8);
            if (i % 4 == 0 && i >= 0x40 && (seed & 0xf00)) /* mostly plausible */
                nic->fn->cfg[i] = 0x09;
            if (i % 4 == 1 && i >= 0x40)
                nic->fn->cfg[i] = (uint8_t)(seed >> 16 & 0xfc);
        }
        nic->fn->cfg[6] = 0x10;
        if (probe() == NULL) {
            assert_true(vp.notify.bytes >= 2);
            assert_int_equal(vp.common.bytes, 56);
        }
        sim_violation[0] = '\0';
    }
}

static void no_room_to_map_is_a_refusal(void **state)
{
    (void)state;
    sim_mmio_map_fails = true;
    fails("no modern interface");
}

/* ---- reset ------------------------------------------------------------------------------------
 */

static void reset_is_complete_only_when_the_status_reads_zero(void **state)
{
    (void)state;
    nic->status = 0x0f; /* the firmware has used it */
    nic->reset_reads = 5;
    assert_null(probe());
    vpci_reset_begin(&vp);
    for (unsigned i = 0; i < 5; i++)
        assert_false(vpci_reset_done(&vp));
    assert_true(vpci_reset_done(&vp));
}

static void bus_mastering_is_off_from_reset_to_acknowledge(void **state)
{
    (void)state;
    assert_null(probe());
    assert_false(sim_fn_masters(nic->fn));
    vpci_reset_begin(&vp);
    assert_true(vpci_reset_done(&vp));
    assert_false(sim_fn_masters(nic->fn));
    vpci_offer(&vp);
    assert_true(sim_fn_masters(nic->fn));
    vpci_reset_begin(&vp);
    assert_false(sim_fn_masters(nic->fn));
}

/* ---- features ---------------------------------------------------------------------------------
 */

static void all_64_feature_bits_are_read_and_written(void **state)
{
    (void)state;
    nic->offer = 0xfedcba9876543210ull | SIM_F_VERSION_1 | SIM_F_GUEST_CSUM | SIM_F_GUEST_TSO4 |
                 SIM_F_CTRL_VQ;
    works();
    assert_null(vpci_accept(&vp, nic->offer));
    assert_true(nic->accepted == nic->offer);
    assert_true(vp.features == nic->offer);
}

static void device_that_takes_features_ok_back_is_refused(void **state)
{
    (void)state;
    nic->refuse = SIM_F_MAC;
    works();
    assert_non_null(vpci_accept(&vp, SIM_F_VERSION_1 | SIM_F_MAC));
}

static void giving_up_says_failed_and_resets(void **state)
{
    (void)state;
    works();
    vpci_fail(&vp);
    assert_true(nic->status & 0x80);
    assert_true(vpci_reset_done(&vp));
    assert_int_equal(nic->status, 0);
    assert_true(vpci_offer(&vp) == nic->offer); /* and a new start is possible */
}

/* ---- queues -----------------------------------------------------------------------------------
 */

static void negotiated(void)
{
    works();
    assert_null(vpci_accept(&vp, SIM_F_VERSION_1));
}

static void queue_size_is_the_largest_power_of_two_that_both_can(void **state)
{
    static const uint16_t table[][3] = {
        /* device, ours, result */
        {0, 256, 0},     {1, 256, 1},     {2, 256, 2},       {3, 256, 2},         {255, 256, 128},
        {256, 256, 256}, {257, 256, 256}, {32768, 256, 256}, {65535, 1024, 1024}, {1024, 1, 1},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        sim_power_off();
        setup_whole(NULL);
        nic->q[0].max = table[i][0];
        negotiated();
        assert_int_equal(vpci_queue_size(&vp, 0, table[i][1]), table[i][2]);
    }
}

static void queue_beyond_num_queues_does_not_exist(void **state)
{
    (void)state;
    nic->num_queues = 1;
    negotiated();
    assert_int_equal(vpci_queue_size(&vp, 0, 256), 256);
    assert_int_equal(vpci_queue_size(&vp, 1, 256), 0);
}

static void queue_is_enabled_with_its_addresses(void **state)
{
    (void)state;
    negotiated();
    assert_null(set_queue(0));
    assert_true(nic->q[0].enabled);
    assert_int_equal(nic->q[0].size, 256);
    assert_int_equal(nic->q[0].desc, (uintptr_t)ring);
    assert_int_equal(nic->q[0].driver, (uintptr_t)ring + 4096);
    assert_int_equal(nic->q[0].device, (uintptr_t)ring + 8192);
}

/* Any multiplier, offset by offset; what must work, and what must be refused rather than written
 * to. */
static void doorbell_is_offset_times_multiplier_or_refused(void **state)
{
    static const struct {
        uint16_t off;
        uint32_t multiplier;
        bool ok;
    } table[] = {
        {0, 0, true},           {5, 0, true},           {3, 4, true},
        {1, 4096, true},        {3, 4096, true},        {4, 4096, false},
        {2, 6, true},           {2, 3, true},           {1, 3, false},
        {1, 1, false},          {8191, 2, true},        {8192, 2, false},
        {65535, 65535, false},  {2, 0x80000000, false}, {65535, 0xffffffff, false},
        {2, 0x7fffffff, false},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        const char *why;
        sim_power_off();
        sim_power_on();
        nic = sim_add_bare_nic(3);
        nic->notify_multiplier = table[i].multiplier;
        nic->q[0].notify_off = table[i].off;
        sim_cap_common(nic);
        sim_cap_notify(nic);
        negotiated();
        why = set_queue(0);
        assert_int_equal(why == NULL, table[i].ok);
        if (why == NULL) {
            vpci_driver_ok(&vp);
            vpci_notify(&vp, 0); /* the device checks address, width and value */
            assert_int_equal(nic->q[0].doorbells, 1);
        }
    }
}

static void doorbell_before_driver_ok_is_a_bug(void **state)
{
    (void)state;
    negotiated();
    assert_null(set_queue(0));
    expect_assert_failure(vpci_notify(&vp, 0));
    assert_int_equal(nic->q[0].doorbells, 0);
}

static void queue_set_up_out_of_order_is_a_bug(void **state)
{
    (void)state;
    works();
    vq_init(&vq, ring, slots, NULL);
    vq_start(&vq, &vq_split, 256, 0);
    expect_assert_failure(vpci_queue_set(&vp, 0, &vq));
    assert_null(vpci_accept(&vp, SIM_F_VERSION_1));
    vpci_driver_ok(&vp);
    expect_assert_failure(vpci_queue_set(&vp, 0, &vq));
}

static void vector_that_the_device_refuses_is_seen(void **state)
{
    static const uint16_t each[2] = {0, 1}, one[2] = {0, 0};

    (void)state;
    nic->vectors_ok = 1;
    negotiated();
    assert_false(vpci_set_vectors(&vp, each, 2));
    assert_true(vpci_set_vectors(&vp, one, 0));
    assert_int_equal(nic->q[0].vector, 0);
    assert_int_equal(nic->q[1].vector, 0);
    assert_int_equal(nic->config_vector, 0);
}

static void status_that_changed_by_itself_is_noticed(void **state)
{
    (void)state;
    negotiated();
    vpci_driver_ok(&vp);
    assert_true(vpci_alive(&vp));
    nic->status |= 0x40;
    assert_false(vpci_alive(&vp));
    nic->status = 0;
    assert_false(vpci_alive(&vp));
    nic->status = 0x0f;
    assert_true(vpci_alive(&vp));
    nic->gone = true;
    assert_false(vpci_alive(&vp));
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define W(f) cmocka_unit_test_setup_teardown(f, setup_whole, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(structures_are_found_in_any_order),
        T(device_without_any_interface_is_refused_by_name),
        T(device_without_doorbells_is_refused),
        T(device_without_configuration_and_msix_works),
        T(first_usable_instance_is_taken),
        T(reserved_types_and_larger_structures_are_accepted),
        T(structures_in_ports_work),
        W(bars_without_an_address_are_named),
        T(announced_length_beyond_the_bar_is_cut_off),
        T(structures_that_lie_are_not_used),
        T(capability_shorter_than_its_type_is_ignored),
        T(capability_cut_off_by_the_end_of_the_space_is_ignored),
        T(looping_capability_list_ends),
        T(random_configuration_space_is_survived),
        W(no_room_to_map_is_a_refusal),
        W(reset_is_complete_only_when_the_status_reads_zero),
        W(bus_mastering_is_off_from_reset_to_acknowledge),
        W(all_64_feature_bits_are_read_and_written),
        W(device_that_takes_features_ok_back_is_refused),
        W(giving_up_says_failed_and_resets),
        W(queue_size_is_the_largest_power_of_two_that_both_can),
        W(queue_beyond_num_queues_does_not_exist),
        W(queue_is_enabled_with_its_addresses),
        T(doorbell_is_offset_times_multiplier_or_refused),
        W(doorbell_before_driver_ok_is_a_bug),
        W(queue_set_up_out_of_order_is_a_bug),
        W(vector_that_the_device_refuses_is_seen),
        W(status_that_changed_by_itself_is_noticed),
    };
    return cmocka_run_group_tests_name("virtio_pci", tests, NULL, NULL);
}
