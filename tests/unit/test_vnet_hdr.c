// SPDX-License-Identifier: BSD-3-Clause
/*
 * The header before each frame: what the device says there about a frame that came, and what the
 * driver asks for with one that goes.
 */
#include <string.h>
#include "vnet_rig.h"

static void partial_checksum_lies_inside_the_frame(void **state)
{
    static const struct {
        uint16_t start, offset;
        uint32_t len;
        bool good;
    } cases[] = {
        {34, 16, 60, true},        {34, 6, 60, true},           {0, 0, 60, true},
        {34, 16, 52, true},        {34, 16, 51, false},         {58, 0, 60, true},
        {59, 0, 60, false},        {60, 0, 60, false},          {0, 58, 60, true},
        {0, 59, 60, false},        {0xffff, 0, 1514, false},    {0, 0xffff, 1514, false},
        {0xffff, 1, 1514, false},  {0xffff, 0xffff, 60, false}, {0x8000, 0x8000, 60, false},
        {0xfffe, 2, 65000, false}, {0xffff, 0x7, 65000, false}, {64000, 998, 65000, true},
    };
    unsigned bad = 0;

    (void)state;
    up_with(OFFLOADS);
    for (unsigned i = 0; i < COUNT(cases); i++) {
        int offload = receive_behind(NEEDS_CSUM, 0, cases[i].start, cases[i].offset, cases[i].len);

        assert_int_equal(offload, cases[i].good ? NETBUF_CSUM_PARTIAL : -1);
        bad += !cases[i].good;
        assert_int_equal(stat_of("rx", "header"), bad);
        assert_true(vnet_check(vn));
    }
    assert_int_equal(nic->resets, 1);
    traffic_flows(1);
}

static void flags_mean_what_was_agreed_and_nothing_else(void **state)
{
    (void)state;
    up_with(OFFLOADS);
    for (unsigned flags = 0; flags < 256; flags++) {
        int want = flags & NEEDS_CSUM   ? NETBUF_CSUM_PARTIAL
                   : flags & DATA_VALID ? NETBUF_CSUM_VALID
                                        : 0;

        assert_int_equal(receive_behind((uint8_t)flags, 0, 34, 16, 60), want);
    }
    again();
    up_with(SIM_F_CSUM);
    for (unsigned flags = 0; flags < 256; flags++)
        assert_int_equal(receive_behind((uint8_t)flags, (uint8_t)flags, 0xffff, 0xffff, 60), 0);
}

static void only_types_that_were_agreed_on_can_be_merged(void **state)
{
    static const uint64_t offers[] = {SIM_F_GUEST_TSO4,
                                      SIM_F_GUEST_TSO6,
                                      TSO,
                                      SIM_F_GUEST_TSO4 | SIM_F_GUEST_ECN,
                                      TSO | SIM_F_GUEST_ECN,
                                      0};

    (void)state;
    for (unsigned i = 0; i < COUNT(offers); i++) {
        again();
        up_with(SIM_F_GUEST_CSUM | offers[i]);
        for (unsigned type = 1; type < 256; type++) {
            unsigned base = type & ~(unsigned)ECN;
            bool good = ((base == TCPV4 && offers[i] & SIM_F_GUEST_TSO4) ||
                         (base == TCPV6 && offers[i] & SIM_F_GUEST_TSO6)) &&
                        (!(type & ECN) || offers[i] & SIM_F_GUEST_ECN);
            int want = offers[i] == 0 ? NETBUF_CSUM_PARTIAL
                       : good         ? NETBUF_CSUM_PARTIAL | NETBUF_MERGED
                                      : -1;

            assert_int_equal(receive_behind(NEEDS_CSUM, (uint8_t)type, 34, 16, 1400), want);
        }
        assert_int_equal(nic->resets, 1);
        traffic_flows(1);
    }
}

static void header_of_any_bytes_is_survived(void **state)
{
    uint32_t r = 1;

    (void)state;
    up_with(OFFLOADS);
    for (unsigned i = 0; i < 20000; i++) {
        for (unsigned k = 0; k < sizeof(nic->rx_hdr); k++)
            nic->rx_hdr[k] = (uint8_t)((r = r * 1103515245 + 12345) >> 16);
        nic->rx_hdr_set = true;
        assert_true(sim_rx(nic, frame, 14 + r % 1500));
        if (vnet_rx_poll(vn, frames, 1) == 1)
            vnet_rx_release(vn, frames[0]);
    }
    nic->rx_hdr_set = false;
    assert_true(stat_of("rx", "header") > 10000);
    assert_int_equal(nic->resets, 1);
    traffic_flows(1);
}

static void checksum_is_asked_for_where_the_caller_says(void **state)
{
    static const uint8_t want[12] = {NEEDS_CSUM, [HDR_CSUM_START] = 34, [HDR_CSUM_OFFSET] = 16},
                         none[12];

    (void)state;
    up_with(OFFLOADS);
    assert_true(vnet_tx_csum(vn));
    for (unsigned i = 0; i < 3 * CONFIG_TX_RING; i++) {
        struct netbuf *nb = vnet_tx_get(vn, true);

        memcpy(netbuf_frame(nb), frame, 80);
        nb->len = 80;
        if (i % 2 == 0) {
            nb->offload = NETBUF_CSUM_PARTIAL;
            nb->csum_start = 34;
            nb->csum_offset = 16;
        }
        assert_true(vnet_tx(vn, nb));
        vnet_tx_flush(vn);
        assert_int_equal(sim_tx(nic, 1), 1);
        assert_memory_equal(nic->tx_last_hdr, i % 2 == 0 ? want : none, 12);
        assert_memory_equal(nic->tx_last, frame, 80);
    }
    vnet_tx_reclaim(vn);
    again();
    up_with(OFFLOADS & ~SIM_F_CSUM);
    assert_false(vnet_tx_csum(vn));
}

static void checksum_offload_follows_the_device_through_a_reset(void **state)
{
    (void)state;
    up_with(OFFLOADS);
    nic->offer &= ~SIM_F_CSUM;
    recover();
    assert_false(vnet_tx_csum(vn));
    traffic_flows(1);
    nic->offer |= SIM_F_CSUM;
    recover();
    assert_true(vnet_tx_csum(vn));
    traffic_flows(1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(partial_checksum_lies_inside_the_frame),
        T(flags_mean_what_was_agreed_and_nothing_else),
        T(only_types_that_were_agreed_on_can_be_merged),
        T(header_of_any_bytes_is_survived),
        T(checksum_is_asked_for_where_the_caller_says),
        T(checksum_offload_follows_the_device_through_a_reset),
    };
    return cmocka_run_group_tests_name("vnet_hdr", tests, NULL, NULL);
}
