// SPDX-License-Identifier: BSD-3-Clause
/*
 * The transport over the modern interface: reset, features, queues and their doorbells, vectors.
 */
#include "vpci_rig.h"

/* ---- reset ------------------------------------------------------------------------------------
 */

static void reset_is_complete_only_when_the_status_reads_zero(void **state)
{
    (void)state;
    nic->status = 0x0f; /* the firmware has used it */
    nic->reset_reads = 5;
    assert_null(probe(false));
    vpci_reset_begin(&vp);
    for (unsigned i = 0; i < 5; i++)
        assert_false(vpci_reset_done(&vp));
    assert_true(vpci_reset_done(&vp));
}

static void bus_mastering_is_off_from_reset_to_acknowledge(void **state)
{
    (void)state;
    assert_null(probe(false));
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
    nic->offer = 0xfedcba9876543210ull | SIM_F_VERSION_1 | SIM_F_CSUM | SIM_F_GUEST_CSUM |
                 SIM_F_GUEST_TSO4 | SIM_F_CTRL_VQ;
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

static void queue_size_is_the_largest_power_of_two_that_both_can(void **state)
{
    static const uint16_t table[][3] = {
        /* device, ours, result */
        {0, 256, 0},     {1, 256, 1},     {2, 256, 2},       {3, 256, 2},         {255, 256, 128},
        {256, 256, 256}, {257, 256, 256}, {32768, 256, 256}, {65535, 1024, 1024}, {1024, 1, 1},
    };

    (void)state;
    for (unsigned i = 0; i < COUNT(table); i++) {
        again(setup_modern);
        nic->q[0].max = table[i][0];
        negotiated(SIM_F_VERSION_1);
        assert_int_equal(vpci_queue_size(&vp, 0, table[i][1]), table[i][2]);
    }
}

static void queue_beyond_num_queues_does_not_exist(void **state)
{
    (void)state;
    nic->num_queues = 1;
    negotiated(SIM_F_VERSION_1);
    assert_int_equal(vpci_queue_size(&vp, 0, 256), 256);
    assert_int_equal(vpci_queue_size(&vp, 1, 256), 0);
}

static void queue_is_enabled_with_its_addresses(void **state)
{
    (void)state;
    negotiated(SIM_F_VERSION_1);
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
    for (unsigned i = 0; i < COUNT(table); i++) {
        const char *why;
        again(setup_bare);
        nic->notify_multiplier = table[i].multiplier;
        nic->q[0].notify_off = table[i].off;
        sim_cap_common(nic);
        sim_cap_notify(nic);
        negotiated(SIM_F_VERSION_1);
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
    negotiated(SIM_F_VERSION_1);
    assert_null(set_queue(0));
    expect_assert_failure(vpci_notify(&vp, 0));
    assert_int_equal(nic->q[0].doorbells, 0);
}

static void queue_set_up_out_of_order_is_a_bug(void **state)
{
    (void)state;
    works();
    prepare_queue(0);
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
    negotiated(SIM_F_VERSION_1);
    assert_false(vpci_set_vectors(&vp, each, 2));
    assert_true(vpci_set_vectors(&vp, one, 0));
    assert_int_equal(nic->q[0].vector, 0);
    assert_int_equal(nic->q[1].vector, 0);
    assert_int_equal(nic->config_vector, 0);
}

static void status_that_changed_by_itself_is_noticed(void **state)
{
    (void)state;
    negotiated(SIM_F_VERSION_1);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        MODERN(reset_is_complete_only_when_the_status_reads_zero),
        MODERN(bus_mastering_is_off_from_reset_to_acknowledge),
        MODERN(all_64_feature_bits_are_read_and_written),
        MODERN(device_that_takes_features_ok_back_is_refused),
        MODERN(giving_up_says_failed_and_resets),
        MODERN(queue_size_is_the_largest_power_of_two_that_both_can),
        MODERN(queue_beyond_num_queues_does_not_exist),
        MODERN(queue_is_enabled_with_its_addresses),
        BARE(doorbell_is_offset_times_multiplier_or_refused),
        MODERN(doorbell_before_driver_ok_is_a_bug),
        MODERN(queue_set_up_out_of_order_is_a_bug),
        MODERN(vector_that_the_device_refuses_is_seen),
        MODERN(status_that_changed_by_itself_is_noticed),
    };
    return cmocka_run_group_tests_name("virtio_pci", tests, NULL, NULL);
}
