// SPDX-License-Identifier: BSD-3-Clause
/*
 * The size of receive buffers and their number, which follow from what was negotiated first.
 */
#include "vnet_rig.h"

static void largest_frame_fits_every_buffer(void **state)
{
    (void)state;
    up_with(OFFLOADS);
    for (unsigned i = 0; i < 3 * 256; i++) {
        uint32_t len = i % 3 == 0 ? FRAME_MAX : i % 3 == 1 ? 60 : 9014;

        assert_int_equal(receive_behind(NEEDS_CSUM, TCPV6, 34, 16, len),
                         NETBUF_CSUM_PARTIAL | NETBUF_MERGED);
    }
    assert_int_equal(stat_of("rx", "no_buffer"), 0);
}

static void nics_share_the_memory_for_buffers(void **state)
{
    static const struct {
        uint64_t offer;
        uint16_t mtu, ring[4]; /* with 1 to 4 NICs, where the device has 1024 entries */
    } cases[] = {
        {0, 1500, {1024, 1024, 1024, 1024}},
        {SIM_F_MTU, 9000, {1024, 1024, 512, 512}},
        {SIM_F_GUEST_CSUM | TSO, 1500, {256, 128, 64, 64}},
        {SIM_F_MTU | SIM_F_GUEST_CSUM | TSO, 9000, {256, 128, 64, 64}},
    };

    (void)state;
    for (unsigned i = 0; i < COUNT(cases); i++)
        for (unsigned n = 1; n <= CONFIG_NICS && n <= 4; n++) {
            struct sim_nic *all[4];

            again();
            all[0] = nic;
            for (unsigned k = 1; k < n; k++)
                all[k] = sim_add_nic((uint8_t)(10 + k));
            for (unsigned k = 0; k < n; k++) {
                all[k]->offer |= cases[i].offer;
                all[k]->mtu = cases[i].mtu;
                all[k]->q[SIM_RXQ].max = 1024;
            }
            assert_int_equal(vnet_probe(opt), n);
            for (unsigned k = 0; k < n; k++) {
                nic = all[k];
                vn = vnet_get(k);
                assert_int_equal(nic->q[SIM_RXQ].size, cases[i].ring[n - 1]);
                bursts_flow(2);
                traffic_flows(1);
            }
        }
}

static void buffers_decide_after_the_first_time(void **state)
{
    (void)state;
    up();
    nic->offer |= OFFLOADS; /* the buffers are too small for it now */
    recover();
    assert_int_equal(nic->accepted & OFFLOADS, SIM_F_CSUM | SIM_F_GUEST_CSUM);
    traffic_flows(1);
    again();
    up_with(OFFLOADS);
    nic->offer &= ~OFFLOADS;
    recover();
    assert_int_equal(nic->accepted & OFFLOADS, 0);
    assert_int_equal(receive_behind(0xff, 0xff, 0xffff, 0xffff, 1514), 0);
    nic->offer |= OFFLOADS;
    recover();
    assert_int_equal(nic->accepted & OFFLOADS, OFFLOADS);
    bursts_flow(3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(largest_frame_fits_every_buffer),
        T(nics_share_the_memory_for_buffers),
        T(buffers_decide_after_the_first_time),
    };
    return cmocka_run_group_tests_name("vnet_bufs", tests, NULL, NULL);
}
