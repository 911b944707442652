// SPDX-License-Identifier: BSD-3-Clause
/*
 * The transport over the legacy interface, and whether the device notices each breach of its rules.
 * What the driver makes of a device that has nothing else is in test_vnet_legacy.c.
 */
#include <string.h>
#include "cpu.h"
#include "vpci_rig.h"

#define PORT(at) (uint16_t)(0xe000 + 3 * 64 + (at))

static void ring_lies_where_the_device_looks_for_it(void **state)
{
    static const uint16_t sizes[] = {1, 2, 4, 64, 128, 256, 512, 1024};

    (void)state;
    for (unsigned i = 0; i < COUNT(sizes); i++) {
        again(setup_legacy);
        nic->q[0].max = sizes[i];
        negotiated(SIM_F_ANY_LAYOUT);
        assert_null(set_queue(0));
        assert_int_equal(nic->q[0].size, sizes[i]);
        assert_int_equal(nic->q[0].desc, (uintptr_t)ring);
        assert_int_equal(nic->q[0].driver, vq.driver);
        assert_int_equal(nic->q[0].device, vq.device);
    }
}

static void ring_in_memory_without_a_page_number_is_refused(void **state)
{
    (void)state;
    negotiated(SIM_F_ANY_LAYOUT);
    prepare_queue(0);
    vq.desc += 1ull << 44;
    vq.driver += 1ull << 44;
    vq.device += 1ull << 44;
    assert_non_null(vpci_queue_set(&vp, 0, &vq));
    assert_false(nic->q[0].enabled);
}

static void configuration_moves_when_msix_is_switched_on(void **state)
{
    uint8_t mac[6] = {0};

    (void)state;
    negotiated(SIM_F_ANY_LAYOUT | SIM_F_MAC | SIM_F_STATUS);
    assert_true(vpci_config_read(&vp, 0, mac, 6));
    assert_memory_equal(mac, nic->mac, 6);
    vpci_msix(&vp, true);
    memset(mac, 0, 6);
    assert_true(vpci_config_read(&vp, 0, mac, 6));
    assert_memory_equal(mac, nic->mac, 6);
    assert_int_equal(vpci_config16(&vp, 6), 1);
    vpci_msix(&vp, false);
    assert_int_equal(vpci_config16(&vp, 6), 1);
}

static void msix_that_was_left_on_is_switched_off_first(void **state)
{
    (void)state;
    nic->fn->cfg[0x43] |= 0x80;
    assert_null(probe(false));
    assert_false(sim_msix_on(nic));
}

/* A first read means nothing until a second one agrees; a device that never settles is given up. */
static void configuration_is_read_until_two_reads_agree(void **state)
{
    uint8_t mac[6] = {0};

    (void)state;
    negotiated(SIM_F_ANY_LAYOUT | SIM_F_MAC);
    for (unsigned n = 0; n < 40; n++) {
        nic->config_moves = n;
        assert_int_equal(vpci_config_read(&vp, 0, mac, 6), n <= 14);
        if (n <= 14)
            assert_memory_equal(mac, nic->mac, 6);
    }
}

/* ---- the device's eyes ------------------------------------------------------------------------
 */

static void breaks(const char *clause)
{
    if (!sim_breached(clause))
        fail_msg("not noticed: %s", clause);
}

static void breaches_of_the_legacy_rules_are_noticed(void **state)
{
    (void)state;
    assert_null(probe(false));
    sim_collect = true;
    cpu_out8(PORT(0x12), 1);
    breaks("3.1.2"); /* not reset first */
    reset();
    cpu_in8(PORT(0x00));
    breaks("4.1.4.10"); /* width */
    cpu_out32(PORT(0x00), 0);
    breaks("4.1.4.10"); /* read-only */
    cpu_out16(PORT(0x0c), 256);
    breaks("4.1.4.10"); /* the queue's size is not ours */
    cpu_out32(PORT(0x04), 0);
    breaks("3.1.2"); /* features before DRIVER */
    cpu_out8(PORT(0x12), 2);
    breaks("3.1.2"); /* DRIVER before ACKNOWLEDGE */
    reset();
    cpu_out8(PORT(0x12), 1);
    cpu_out8(PORT(0x12), 3);
    cpu_out32(PORT(0x08), 1);
    breaks("3.1.2"); /* a queue before the features */
    reset();
    cpu_out8(PORT(0x12), 1);
    cpu_out8(PORT(0x12), 3);
    cpu_out8(PORT(0x12), 7);
    breaks("3.1.2"); /* DRIVER_OK without any */
    reset();
    cpu_out8(PORT(0x12), 1);
    cpu_out8(PORT(0x12), 3);
    cpu_out32(PORT(0x04), 1u << 30);
    breaks("2.2.1");
    cpu_out32(PORT(0x04), 0);
    cpu_out8(PORT(0x12), 0x0b);
    breaks("3.1.2"); /* there is no FEATURES_OK */
    cpu_out16(PORT(0x10), 0);
    breaks("3.1.1"); /* doorbell before DRIVER_OK */
    cpu_out16(PORT(0x0e), 2);
    cpu_out32(PORT(0x08), 1);
    breaks("4.1.5.1.3.1"); /* no such queue */
    cpu_out8(PORT(0x14), 0x52);
    breaks("5.1.4.2"); /* the configuration is not written */
    cpu_out8(PORT(0x12), 2);
    breaks("2.1.1"); /* a bit is cleared */
    vpci_msix(&vp, true);
    cpu_in8(PORT(0x13));
    breaks("4.1.4.5.2"); /* interrupt status, with MSI-X */
    cpu_out16(PORT(0x14), 3);
    breaks("4.1.5.1.2.2");
}

static void header_and_frame_in_one_buffer_are_noticed_without_any_layout(void **state)
{
    static uint8_t memory[2048];
    struct vq_buf buf = {.seg = {{(uintptr_t)memory, sizeof(memory)}}, .in_n = 1, .token = memory};

    (void)state;
    negotiated(0);
    assert_null(set_queue(0));
    sim_collect = true;
    vq_add(&vq, &buf);
    vq_publish(&vq);
    breaks("2.7.4.3");
}

static void both_interfaces_at_once_are_noticed(void **state)
{
    (void)state;
    assert_null(probe(false));
    reset();
    sim_collect = true;
    cpu_in32(PORT(0));
    breaks("4.1.4.10");
    assert_null(probe(true));
    reset();
    assert_null(probe(false));
    vpci_offer(&vp);
    breaks("4.1.4.10");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LEGACY(ring_lies_where_the_device_looks_for_it),
        LEGACY(ring_in_memory_without_a_page_number_is_refused),
        LEGACY(configuration_moves_when_msix_is_switched_on),
        LEGACY(msix_that_was_left_on_is_switched_off_first),
        LEGACY(configuration_is_read_until_two_reads_agree),
        LEGACY(breaches_of_the_legacy_rules_are_noticed),
        LEGACY(header_and_frame_in_one_buffer_are_noticed_without_any_layout),
        TRANSITIONAL(both_interfaces_at_once_are_noticed),
    };
    return cmocka_run_group_tests_name("virtio_pci_legacy", tests, NULL, NULL);
}
