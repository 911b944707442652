// SPDX-License-Identifier: BSD-3-Clause
/*
 * The legacy interface: the transport against the simulated device, what the driver makes of a
 * device that has nothing else, and whether the device notices each breach of its rules.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "config.h"
#include "cpu.h"
#include "sim.h"
#include "virtio_net_state.h"
#include "virtio_pci.h"
#include "virtqueue_split.h"

#define PORT(at) (uint16_t)(0xe000 + 3 * 64 + (at))

static struct sim_nic *nic;
static struct vpci vp;
static struct vq vq;
static uint8_t ring[VQ_SPLIT_BYTES(1024)] __attribute__((aligned(4096)));
static struct vq_slot slots[1024];
static struct vnet_options opt[CONFIG_NICS];
static struct netbuf *frames[CONFIG_RX_BATCH];
static uint8_t frame[16384];

static int setup(void **state)
{
    (void)state;
    sim_power_on();
    nic = sim_add_legacy_nic(3);
    memset(opt, 0, sizeof(opt));
    return 0;
}

static int setup_transitional(void **state)
{
    (void)state;
    sim_power_on();
    nic = sim_add_nic(3);
    sim_add_legacy(nic, true);
    memset(opt, 0, sizeof(opt));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    sim_power_off();
    return 0;
}

static const char *probe(uint16_t device, bool legacy)
{
    struct pci_dev d = {.bus = 0, .slot = 3, .vendor = 0x1af4, .device = device};

    return vpci_probe(&vp, &d, legacy);
}

static void reset(void)
{
    vpci_reset_begin(&vp);
    assert_true(vpci_reset_done(&vp));
}

static void negotiated(uint64_t features)
{
    assert_null(probe(0x1000, false));
    reset();
    vpci_offer(&vp);
    assert_null(vpci_accept(&vp, features));
}

static const char *set_queue(uint16_t index)
{
    uint16_t size = vpci_queue_size(&vp, index, 256);

    vq_init(&vq, ring, slots, NULL);
    vq_start(&vq, &vq_split, size, 0);
    return vpci_queue_set(&vp, index, &vq);
}

static const char *driver_uses(void)
{
    return vnet_probe(opt) == 1 ? strstr(sim_record("nic"), "\"transport\":\"") + 13
                                : strstr(sim_record("error"), "cannot be used");
}

static bool driver_says(const char *what)
{
    const char *said = driver_uses();

    if (strstr(said, what) == NULL)
        print_error("%s\n", said);
    return strstr(said, what) != NULL;
}

/* `n` frames each way through the whole driver. */
static void traffic_flows(unsigned n)
{
    struct vnet *vn = vnet_get(0);

    for (unsigned i = 0; i < n; i++) {
        uint32_t len = 60 + i % 1400;
        struct netbuf *nb = vnet_tx_get(vn, true);

        memset(frame, (int)i, len);
        assert_true(sim_rx(nic, frame, len));
        assert_int_equal(vnet_rx_poll(vn, frames, 1), 1);
        assert_int_equal(frames[0]->len, len);
        assert_memory_equal(netbuf_frame(frames[0]), frame, len);
        vnet_rx_release(vn, frames[0]);
        assert_non_null(nb);
        memcpy(netbuf_frame(nb), frame, len);
        nb->len = len;
        assert_true(vnet_tx(vn, nb));
        vnet_tx_flush(vn);
        assert_int_equal(sim_tx(nic, 2), 1);
        assert_int_equal(nic->tx_last_len, len);
        assert_memory_equal(nic->tx_last, frame, len);
        vnet_tx_reclaim(vn);
    }
    assert_true(vnet_check(vn));
    sim_settled(nic);
}

/* ---- which interface --------------------------------------------------------------------------
 */

static void modern_interface_wins_unless_it_is_masked(void **state)
{
    (void)state;
    assert_true(driver_says("modern"));
    assert_true(nic->accepted & SIM_F_VERSION_1);
    assert_false(nic->accepted & SIM_F_ANY_LAYOUT); /* of no meaning there */
    sim_power_off();
    setup_transitional(NULL);
    opt[0].features_off = SIM_F_VERSION_1;
    assert_true(driver_says("legacy"));
    assert_true(nic->accepted == (SIM_F_MAC | SIM_F_STATUS | SIM_F_EVENT_IDX | SIM_F_ANY_LAYOUT |
                                  SIM_F_INDIRECT_DESC));
    traffic_flows(2000);
}

static void legacy_interface_is_the_way_out_where_the_modern_one_cannot_be_reached(void **state)
{
    (void)state;
    sim_put32(nic->fn->cfg + 0x20, 0x0c); /* no address for the modern one's BAR */
    sim_put32(nic->fn->cfg + 0x24, 0);
    assert_true(driver_says("legacy"));
    traffic_flows(10);
}

static void a_modern_number_means_no_legacy_interface(void **state)
{
    (void)state;
    sim_put16(nic->fn->cfg + 2, 0x1041);
    opt[0].features_off = SIM_F_VERSION_1;
    assert_true(driver_says("it has no legacy interface"));
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
    for (unsigned i = 0; i < sizeof(bars) / sizeof(bars[0]); i++) {
        sim_power_off();
        setup(NULL);
        sim_put32(nic->fn->cfg + 0x10, bars[i][0]);
        nic->fn->bar_bits[0] = bars[i][1];
        if (!driver_says("neither a modern nor a legacy interface"))
            fail_msg("BAR 0 is 0x%x", bars[i][0]);
    }
}

/* ---- negotiation ------------------------------------------------------------------------------
 */

static void bring_up_ends_in_driver_ok(void **state)
{
    (void)state;
    assert_true(driver_says("legacy"));
    assert_int_equal(nic->status, 0x07);
    assert_int_equal(nic->resets, 1);
    assert_non_null(strstr(sim_record("nic"),
                           "\"features\":[\"mac\",\"status\",\"any_layout\","
                           "\"indirect_desc\",\"event_idx\"],\"rx_ring\":256,\"tx_ring\":256"));
    assert_non_null(strstr(sim_record("nic"), "\"irq\":\"msix\",\"vectors\":3"));
    traffic_flows(3000);
}

static void every_legacy_subset_of_the_offer_is_served(void **state)
{
    static const uint64_t bits[] = {SIM_F_MTU,        SIM_F_MAC,           SIM_F_STATUS,
                                    SIM_F_ANY_LAYOUT, SIM_F_INDIRECT_DESC, SIM_F_EVENT_IDX};

    (void)state;
    for (unsigned set = 0; set < 64; set++) {
        sim_power_off();
        setup(NULL);
        nic->offer = 0;
        for (unsigned i = 0; i < 6; i++)
            nic->offer |= set & 1u << i ? bits[i] : 0;
        assert_true(driver_says("legacy"));
        assert_true(nic->accepted == nic->offer);
        traffic_flows(300);
    }
    sim_power_off();
    setup(NULL);
    nic->offer = 0xffffffff;
    assert_true(driver_says("legacy"));
    assert_true(nic->accepted ==
                (SIM_F_MTU | SIM_F_MAC | SIM_F_STATUS | SIM_F_EVENT_IDX | SIM_F_ANY_LAYOUT |
                 SIM_F_INDIRECT_DESC | SIM_F_CSUM | SIM_F_GUEST_CSUM | SIM_F_GUEST_TSO4 |
                 SIM_F_GUEST_TSO6 | SIM_F_GUEST_ECN | SIM_F_CTRL_VQ | SIM_F_GUEST_ANNOUNCE |
                 SIM_F_MQ));
    traffic_flows(300);
}

/* One descriptor more for each frame, or a table where the device takes those. */
static void device_that_wants_the_header_apart_gets_it(void **state)
{
    (void)state;
    for (unsigned tables = 0; tables < 2; tables++)
        for (uint16_t max = 2; max <= 256; max = (uint16_t)(max * 2)) {
            sim_power_off();
            setup(NULL);
            nic->offer = SIM_F_MAC | SIM_F_EVENT_IDX | (tables ? SIM_F_INDIRECT_DESC : 0);
            if (max == 64) { /* or it does not, but we do */
                nic->offer |= SIM_F_ANY_LAYOUT;
                opt[0].features_off = SIM_F_ANY_LAYOUT;
            }
            nic->q[0].max = nic->q[1].max = max;
            assert_true(driver_says("legacy"));
            assert_int_equal(nic->q[0].exposed_n, tables ? max : max / 2);
            assert_false(nic->accepted & SIM_F_ANY_LAYOUT);
            traffic_flows(1000);
        }
    sim_power_off();
    setup(NULL);
    nic->offer = SIM_F_MAC;
    nic->q[1].max = 1;
    assert_true(driver_says("no room for a header"));
}

/* ---- queues -----------------------------------------------------------------------------------
 */

static void ring_lies_where_the_device_looks_for_it(void **state)
{
    static const uint16_t sizes[] = {1, 2, 4, 64, 128, 256, 512, 1024};

    (void)state;
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        sim_power_off();
        setup(NULL);
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
    vq_init(&vq, ring, slots, NULL);
    vq_start(&vq, &vq_split, 256, 0);
    vq.desc += 1ull << 44;
    vq.driver += 1ull << 44;
    vq.device += 1ull << 44;
    assert_non_null(vpci_queue_set(&vp, 0, &vq));
    assert_false(nic->q[0].enabled);
}

static void legacy_queue_sizes_are_taken_or_refused(void **state)
{
    static const struct {
        uint16_t size;
        const char *says;
    } table[] = {{0, "queue"},       {1, "legacy"},          {2, "legacy"},    {3, "no queue may"},
                 {255, "no queue"},  {512, "legacy"},        {1024, "legacy"}, {2048, "1024"},
                 {32768, "shorten"}, {65535, "no queue may"}};

    (void)state;
    for (unsigned q = 0; q < 2; q++)
        for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
            bool works = strcmp(table[i].says, "legacy") == 0;
            sim_power_off();
            setup(NULL);
            nic->q[q].max = table[i].size;
            assert_true(driver_says(table[i].says));
            assert_int_equal(nic->status == 0x07, works);
            if (works) {
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
    assert_true(driver_says("legacy"));
    assert_int_equal(nic->q[SIM_RXQ].size, 1024);
    assert_int_equal(nic->q[SIM_RXQ].exposed_n, 256);
    for (unsigned i = 0; i < 5000; i++) {
        assert_true(sim_rx(nic, frame, 9014));
        assert_int_equal(vnet_rx_poll(vnet_get(0), frames, 1), 1);
        vnet_rx_release(vnet_get(0), frames[0]);
    }
    assert_int_equal(nic->q[SIM_RXQ].exposed_n, 256);
    assert_true(vnet_check(vnet_get(0)));
    vnet_repair(vnet_get(0)); /* begins anew, with as many */
    for (unsigned i = 0; i < 100; i++)
        vnet_heartbeat(vnet_get(0), sim_now_ns += 10000000);
    assert_int_equal(nic->q[SIM_RXQ].exposed_n, 256);
    assert_int_equal(vnet_get(0)->rx.posted_min, 256);
}

/* ---- configuration ----------------------------------------------------------------------------
 */

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
    assert_null(probe(0x1000, false));
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

/* ---- interrupts, reset ------------------------------------------------------------------------
 */

static void legacy_device_without_vectors_is_polled(void **state)
{
    (void)state;
    sim_power_off();
    sim_power_on();
    nic = sim_add_bare_nic(3);
    sim_add_legacy(nic, false);
    assert_true(driver_says("legacy"));
    assert_non_null(strstr(sim_record("nic"), "\"irq\":\"poll\""));
    traffic_flows(100);
}

static void legacy_reset_is_waited_for(void **state)
{
    (void)state;
    nic->status = 0x07;
    nic->reset_reads = 1000;
    assert_true(driver_says("legacy"));
    traffic_flows(1);
    sim_power_off();
    setup(NULL);
    nic->reset_never = true;
    assert_true(driver_says("reset"));
}

static void legacy_function_that_is_gone_is_noticed(void **state)
{
    struct vnet *vn;

    (void)state;
    assert_true(driver_says("legacy"));
    vn = vnet_get(0);
    nic->gone = true;
    for (unsigned i = 0; i < 300; i++)
        vnet_heartbeat(vn, sim_now_ns += 1000000);
    assert_non_null(strstr(sim_record("error"), "does not answer"));
    nic->gone = false;
    for (unsigned i = 0; i < 2000; i++)
        vnet_heartbeat(vn, sim_now_ns += 1000000);
    traffic_flows(10);
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
    assert_null(probe(0x1000, false));
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
    struct vq_buf buf = {.seg = {{(uintptr_t)frame, 2048}}, .in_n = 1, .token = frame};

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
    assert_null(probe(0x1000, false));
    reset();
    sim_collect = true;
    cpu_in32(PORT(0));
    breaks("4.1.4.10");
    assert_null(probe(0x1000, true));
    reset();
    assert_null(probe(0x1000, false));
    vpci_offer(&vp);
    breaks("4.1.4.10");
}

#define L(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define T(f) cmocka_unit_test_setup_teardown(f, setup_transitional, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(modern_interface_wins_unless_it_is_masked),
        T(legacy_interface_is_the_way_out_where_the_modern_one_cannot_be_reached),
        T(a_modern_number_means_no_legacy_interface),
        L(first_bar_that_is_no_block_of_ports_is_not_used),
        L(bring_up_ends_in_driver_ok),
        L(every_legacy_subset_of_the_offer_is_served),
        L(device_that_wants_the_header_apart_gets_it),
        L(ring_lies_where_the_device_looks_for_it),
        L(ring_in_memory_without_a_page_number_is_refused),
        L(legacy_queue_sizes_are_taken_or_refused),
        L(ring_longer_than_the_buffers_last_is_filled_as_far_as_they_go),
        L(configuration_moves_when_msix_is_switched_on),
        L(msix_that_was_left_on_is_switched_off_first),
        L(configuration_is_read_until_two_reads_agree),
        L(legacy_device_without_vectors_is_polled),
        L(legacy_reset_is_waited_for),
        L(legacy_function_that_is_gone_is_noticed),
        L(breaches_of_the_legacy_rules_are_noticed),
        L(header_and_frame_in_one_buffer_are_noticed_without_any_layout),
        T(both_interfaces_at_once_are_noticed),
    };
    return cmocka_run_group_tests_name("virtio_pci_legacy", tests, NULL, NULL);
}
