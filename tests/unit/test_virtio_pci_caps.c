// SPDX-License-Identifier: BSD-3-Clause
/*
 * What a device announces about itself: structures in any order, in memory and in ports, and those
 * that are missing, too short, or lies.
 */
#include "vpci_rig.h"

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
        again(setup_bare);
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
    for (unsigned i = 0; i < COUNT(lies); i++) {
        again(setup_bare);
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
        again(setup_bare);
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
        if (probe(false) == NULL) {
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        BARE(structures_are_found_in_any_order),
        BARE(device_without_any_interface_is_refused_by_name),
        BARE(device_without_doorbells_is_refused),
        BARE(device_without_configuration_and_msix_works),
        BARE(first_usable_instance_is_taken),
        BARE(reserved_types_and_larger_structures_are_accepted),
        BARE(structures_in_ports_work),
        MODERN(bars_without_an_address_are_named),
        BARE(announced_length_beyond_the_bar_is_cut_off),
        BARE(structures_that_lie_are_not_used),
        BARE(capability_shorter_than_its_type_is_ignored),
        BARE(capability_cut_off_by_the_end_of_the_space_is_ignored),
        BARE(looping_capability_list_ends),
        BARE(random_configuration_space_is_survived),
        MODERN(no_room_to_map_is_a_refusal),
    };
    return cmocka_run_group_tests_name("virtio_pci_caps", tests, NULL, NULL);
}
