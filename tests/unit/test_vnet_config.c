// SPDX-License-Identifier: BSD-3-Clause
/*
 * The device's configuration: which of it is believed, and what takes the place of the rest.
 */
#include <string.h>
#include "vnet_rig.h"

static void feature_whose_field_does_not_exist_is_not_accepted(void **state)
{
    static const struct {
        uint32_t len;
        uint64_t lost;
    } table[] = {{12, 0},
                 {11, SIM_F_MTU},
                 {10, SIM_F_MTU},
                 {8, SIM_F_MTU},
                 {7, SIM_F_MTU | SIM_F_STATUS},
                 {6, SIM_F_MTU | SIM_F_STATUS},
                 {5, SIM_F_MTU | SIM_F_STATUS | SIM_F_MAC},
                 {1, SIM_F_MTU | SIM_F_STATUS | SIM_F_MAC}};

    (void)state;
    for (unsigned i = 0; i < COUNT(table); i++) {
        again_bare();
        nic->offer |= SIM_F_MTU;
        nic->config_len = table[i].len;
        sim_cap_common(nic);
        sim_cap_notify(nic);
        sim_cap_config(nic);
        up();
        assert_true(nic->accepted == (nic->offer & ~table[i].lost));
        assert_true(vnet_link_up(vn));
    }
}

static bool invented(void)
{
    const uint8_t *mac = vnet_mac(vn);

    return (mac[0] & 3) == 2 && memcmp(mac, nic->mac, 6) != 0;
}

static void mac_that_is_none_is_replaced(void **state)
{
    static const uint8_t bad[][6] = {
        {0}, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, {0x01, 0x00, 0x5e, 0, 0, 1}};

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        again();
        memcpy(nic->mac, bad[i], 6);
        up();
        assert_true(invented());
    }
    again();
    nic->offer &= ~SIM_F_MAC;
    up();
    assert_true(invented());
}

static void configuration_that_never_settles_is_given_up(void **state)
{
    (void)state;
    nic->generation_moves = true;
    up();
    assert_true(invented());
    traffic_flows(1);
}

static void mtu_is_the_devices_within_reason(void **state)
{
    static const struct {
        uint16_t device;
        uint32_t option, mtu;
        bool accepted;
    } table[] = {
        {1500, 0, 1500, true},    {68, 0, 68, true},         {67, 0, 1500, true},
        {0, 0, 1500, true},       {576, 0, 576, true},       {2018, 0, 2018, true},
        {2019, 0, 2019, true},    {9000, 0, 9000, true},     {9001, 0, 9000, true},
        {9216, 0, 9000, false},   {65535, 0, 9000, false},   {1500, 1400, 1400, true},
        {1500, 9000, 1500, true}, {9000, 1500, 1500, false},
    };

    (void)state;
    for (unsigned i = 0; i < COUNT(table); i++) {
        again();
        nic->offer |= SIM_F_MTU;
        nic->mtu = table[i].device;
        opt[0].mtu_max = table[i].option;
        up();
        assert_int_equal(vnet_mtu(vn), table[i].mtu);
        assert_int_equal(!!(nic->accepted & SIM_F_MTU), table[i].accepted);
        /* The largest frame, with a VLAN tag, both ways. */
        assert_true(sim_rx(nic, frame, table[i].mtu + 18));
        assert_int_equal(receive(), 1);
        assert_true(send_frame(table[i].mtu + 18));
        vnet_tx_flush(vn);
        assert_int_equal(sim_tx(nic, 1), 1);
        assert_int_equal(nic->tx_last_len, table[i].mtu + 18);
        vnet_tx_reclaim(vn);
    }
}

static void link_follows_the_device(void **state)
{
    (void)state;
    nic->link_status = 0;
    up();
    assert_false(vnet_link_up(vn));
    nic->link_status = 0xffff; /* other bits mean other things */
    sim_interrupt(nic, SIM_QUEUES);
    turn(0);
    assert_true(vnet_link_up(vn));
    nic->link_status = 2;
    turn(MS); /* no interrupt: the heartbeat finds it */
    assert_true(vnet_link_up(vn));
    turn(100 * MS);
    assert_false(vnet_link_up(vn));
    traffic_flows(1); /* advisory: the ring goes on */
}

static void link_is_up_where_the_device_cannot_say(void **state)
{
    (void)state;
    nic->offer &= ~SIM_F_STATUS;
    nic->link_status = 0;
    up();
    assert_true(vnet_link_up(vn));
    turn(100 * MS);
    assert_true(vnet_link_up(vn));
}

int main(void)
{
    const struct CMUnitTest modern[] = {
        T(feature_whose_field_does_not_exist_is_not_accepted),
        T(configuration_that_never_settles_is_given_up),
    };
    const struct CMUnitTest any[] = {
        T(mac_that_is_none_is_replaced),
        T(mtu_is_the_devices_within_reason),
        T(link_follows_the_device),
        T(link_is_up_where_the_device_cannot_say),
    };
    return RUN_MODERN("vnet_config_modern", modern) + RUN_ALL("vnet_config", any);
}
