// SPDX-License-Identifier: BSD-3-Clause
/*
 * The simulated device's registers: each rule about them is noticed when it is broken.
 */
#include "split_steps.h"

static void wrong_access_widths_are_noticed(void **state)
{
    (void)state;
    reset();
    mmio_write32(regs + R_STATUS, 1);
    assert_true(sim_breached("4.1.3.1"));
    mmio_read16(regs + 0x00);
    assert_true(sim_breached("4.1.3.1"));
    mmio_write16(regs + 0x20, 0);
    assert_true(sim_breached("4.1.3.1"));
    mmio_read8(regs + R_QUEUE_SIZE);
    assert_true(sim_breached("4.1.3.1"));
    mmio_read16(regs + SIM_CONFIG + 2); /* two bytes of the MAC */
    assert_true(sim_breached("4.1.3.1"));
}

static void writes_to_read_only_registers_are_noticed(void **state)
{
    static const struct {
        unsigned at, width;
    } r[] = {{0x04, 4}, {0x12, 2}, {0x15, 1}, {0x1e, 2}};

    (void)state;
    reset();
    for (unsigned i = 0; i < 4; i++) {
        sim_mmio_write(regs + r[i].at, r[i].width, 0);
        assert_true(sim_breached("4.1.4.3.2"));
    }
    mmio_write8(regs + SIM_CONFIG, 0);
    assert_true(sim_breached("5.1.4.2"));
}

static void wrong_order_of_status_bits_is_noticed(void **state)
{
    static const uint8_t wrong[][4] = {{SIM_DRIVER},
                                       {SIM_DRIVER_OK},
                                       {SIM_FEATURES_OK},
                                       {SIM_ACKNOWLEDGE, SIM_FEATURES_OK},
                                       {SIM_ACKNOWLEDGE, SIM_DRIVER, SIM_DRIVER_OK},
                                       {SIM_ACKNOWLEDGE | SIM_DRIVER}};

    (void)state;
    set_status(SIM_ACKNOWLEDGE);
    assert_true(sim_breached("3.1.1")); /* no reset first */
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        reset();
        for (unsigned k = 0; k < 4 && wrong[i][k] != 0; k++)
            set_status(wrong[i][k]);
        assert_true(sim_breached("3.1.1"));
    }
    reset();
    set_status(SIM_ACKNOWLEDGE);
    mmio_write8(regs + R_STATUS, SIM_DRIVER); /* clears what was set */
    assert_true(sim_breached("2.1.1"));
    reset();
    set_status(SIM_ACKNOWLEDGE);
    set_status(SIM_FAILED);
    set_status(SIM_DRIVER);
    assert_true(sim_breached("2.1.1"));
}

static void going_on_before_the_reset_is_complete_is_noticed(void **state)
{
    (void)state;
    mmio_write8(regs + R_STATUS, 0);
    mmio_write8(regs + R_STATUS, 0); /* asking again is allowed */
    fine();
    mmio_write8(regs + R_STATUS, SIM_ACKNOWLEDGE);
    assert_true(sim_breached("4.1.4.3.2"));
}

static void wrong_features_are_noticed(void **state)
{
    (void)state;
    reset();
    set_status(SIM_ACKNOWLEDGE);
    accept_features(PLAIN);
    assert_true(sim_breached("3.1.1")); /* before DRIVER */
    set_status(SIM_DRIVER);
    accept_features(PLAIN | SIM_F_RING_PACKED);
    set_status(SIM_FEATURES_OK);
    assert_true(sim_breached("2.2.1")); /* not offered */
    mmio_read8(regs + R_STATUS);
    accept_features(PLAIN);
    assert_true(sim_breached("3.1.1")); /* too late */
    reset();
    set_status(SIM_ACKNOWLEDGE);
    set_status(SIM_DRIVER);
    accept_features(SIM_F_MAC);
    set_status(SIM_FEATURES_OK);
    assert_true(sim_breached("6.1")); /* VERSION_1 has to be */
    mmio_write32(regs + 0x08, 2);
    mmio_write32(regs + 0x0c, 1);
    assert_int_not_equal(sim_violation[0], 0);
    sim_violation[0] = '\0';
}

static void features_ok_not_read_back_is_noticed(void **state)
{
    (void)state;
    reset();
    set_status(SIM_ACKNOWLEDGE);
    set_status(SIM_DRIVER);
    accept_features(PLAIN);
    set_status(SIM_FEATURES_OK);
    queue(0);
    assert_true(sim_breached("3.1.1"));
    set_status(SIM_DRIVER_OK);
    assert_true(sim_breached("3.1.1"));
}

static void configuration_without_its_feature_is_noticed(void **state)
{
    (void)state;
    up_to_features(PLAIN);
    mmio_read8(regs + SIM_CONFIG);
    assert_true(sim_breached("2.5.1"));
    mmio_read16(regs + SIM_CONFIG + 6);
    assert_true(sim_breached("2.5.1"));
    mmio_read16(regs + SIM_CONFIG + 12);
    assert_int_not_equal(sim_violation[0], 0);
    sim_violation[0] = '\0';
}

static void wrongly_set_up_queues_are_noticed(void **state)
{
    (void)state;
    up_to_features(PLAIN);
    fields(0, SIZE);
    mmio_write16(regs + R_QUEUE_ENABLE, 0);
    assert_true(sim_breached("4.1.4.3.2")); /* 0 must never be written */
    up_to_features(PLAIN);
    mmio_write16(regs + R_QUEUE_SELECT, 0);
    mmio_write16(regs + R_QUEUE_SIZE, SIZE);
    address(R_QUEUE_DESC, ring[0]);
    address(R_QUEUE_DRIVER, ring[0] + 64);
    mmio_write32(regs + 0x30, (uint32_t)(uintptr_t)ring[0] + 128); /* half an address */
    enable();
    assert_true(sim_breached("4.1.4.3.2"));
    up_to_features(PLAIN);
    fields(0, 3);
    enable();
    assert_true(sim_breached("4.1.4.3.2")); /* no power of two */
    nic->q[0].max = 2;
    up_to_features(PLAIN);
    queue(0);
    assert_true(sim_breached("4.1.4.3.2")); /* larger than offered */
    nic->q[0].max = SIZE;
    up_to_features(PLAIN);
    queue(0);
    mmio_write16(regs + R_QUEUE_SIZE, 2);
    assert_true(sim_breached("4.1.4.3.2")); /* changed while enabled */
    up_to_features(PLAIN);
    mmio_write16(regs + R_QUEUE_SELECT, 7);
    enable();
    assert_true(sim_breached("4.1.4.3.2")); /* there is none */
    up_to_features(PLAIN);
    queue(0);
    set_status(SIM_DRIVER_OK);
    queue(1);
    assert_true(sim_breached("3.1.1")); /* too late */
}

static void wrong_vectors_are_noticed(void **state)
{
    (void)state;
    up_to_features(PLAIN);
    mmio_write16(regs + 0x10, 3);
    assert_true(sim_breached("4.1.5.1.2.2"));
    mmio_write16(regs + 0x10, 2);
    set_status(SIM_DRIVER_OK);
    assert_true(sim_breached("4.1.5.1.2.2")); /* not read back */
    up_to_features(PLAIN);
    mmio_write16(regs + R_QUEUE_SELECT, 1);
    mmio_write16(regs + 0x1a, 0);
    set_status(SIM_DRIVER_OK);
    assert_true(sim_breached("4.1.5.1.2.2"));
}

static void wrong_doorbells_are_noticed(void **state)
{
    (void)state;
    up_to_features(PLAIN);
    queue(0);
    doorbell(0);
    assert_true(sim_breached("3.1.1")); /* before DRIVER_OK */
    set_status(SIM_DRIVER_OK);
    doorbell(1);
    assert_true(sim_breached("3.1.1")); /* of a queue that is not enabled */
    mmio_write16(regs + SIM_NOTIFY, 0);
    assert_true(sim_breached("4.1.5.2.1")); /* the place: queue index instead of notify_off */
    mmio_write32(regs + SIM_NOTIFY + 8, 0);
    assert_true(sim_breached("4.1.5.2.1")); /* the width */
    mmio_write16(regs + SIM_NOTIFY + 8, 1);
    assert_true(sim_breached("4.1.5.2.1")); /* the value */
}

static void pci_rules_are_watched(void **state)
{
    (void)state;
    sim_port_out(0xcf8, 4, 0x80001850); /* inside a capability of virtio's */
    sim_port_out(0xcfc, 4, 0);
    assert_true(sim_breached("4.1.4.1"));
    sim_port_out(0xcf8, 4, 0x80001820);
    sim_port_out(0xcfc, 4, 0xffffffff);
    assert_true(sim_breached("PCI")); /* sized while it decodes */
    sim_port_out(0xcfc, 4, 0x3000c);
    assert_true(sim_breached("PCI"));
    sim_port_out(0xcf8, 4, 0x80001804);
    sim_port_out(0xcfc, 2, 0);
    mmio_read8(regs + R_STATUS);
    assert_true(sim_breached("PCI")); /* registers while it does not */
    sim_port_in(0x60, 1);
    assert_true(sim_breached("PCI"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(wrong_access_widths_are_noticed),
        T(writes_to_read_only_registers_are_noticed),
        T(wrong_order_of_status_bits_is_noticed),
        T(going_on_before_the_reset_is_complete_is_noticed),
        T(wrong_features_are_noticed),
        T(features_ok_not_read_back_is_noticed),
        T(configuration_without_its_feature_is_noticed),
        T(wrongly_set_up_queues_are_noticed),
        T(wrong_vectors_are_noticed),
        T(wrong_doorbells_are_noticed),
        T(pci_rules_are_watched),
    };
    return cmocka_run_group_tests_name("sim_regs", tests, NULL, NULL);
}
