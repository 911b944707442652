// SPDX-License-Identifier: BSD-3-Clause
/*
 * Addresses of an interface on the rig: static ones, DHCP, IPv6, addresses that somebody else has;
 * when the guest is ready, and what it says when it is not.
 */
#include <stdarg.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>
#include "lwip/memp.h"
#include "netport.h"
#include "netport_priv.h"
#include "netrig.h"
#include "traffic_guest.h"

static void static_address_is_ready_at_once(void **state)
{
    (void)state;
    struct rig_frame f;
    bool announced = false;

    rig_start();
    assert_true(netport_ready());
    assert_string_equal(netport_ip(0), "10.0.2.2/24");
    assert_string_equal(netport_ip(1), "");
    while (rig_next_frame(&f)) /* gratuitous ARP: target is our own address */
        announced |= f.data[12] == 8 && f.data[13] == 6 && memcmp(f.data + 28, f.data + 38, 4) == 0;
    assert_true(announced);
}

static void link_decides_about_readiness(void **state)
{
    (void)state;
    rig.link_up = false;
    rig_start();
    rig_advance_ms(3000);
    assert_int_equal(rig.guest_frames, 0);
    assert_false(netport_ready());
    rig.link_up = true;
    rig_pump();
    assert_true(netport_ready());
    assert_true(rig.guest_frames > 0);
    rig.link_up = false;
    rig_pump();
    assert_false(netport_ready());
    rig.link_up = true;
    rig_pump();
    assert_true(netport_ready());
}

static void no_address_at_all_is_never_ready(void **state)
{
    (void)state;
    rig.conf.net[0].ip_mode = CONF_IP_OFF;
    rig.conf.net[0].ip6_mode = CONF_IP_OFF;
    rig_start();
    rig_advance_ms(20000);
    assert_false(netport_ready());
    assert_int_equal(rig.guest_frames, 0);
}

/* ---- addresses that somebody else has ------------------------------------------------------ */

/* An ARP request of the peer for somebody, which says that its sender has the IPv4 address. */
static void arp_from(const uint8_t mac[6], const uint8_t ip[4])
{
    uint8_t f[42] = {[12] = 8, 6, 0, 1, 8, 0, 6, 4, 0, 1, [38] = 10, 0, 2, 77};

    memset(f, 0xff, 6);
    memcpy(f + 6, rig_peer_mac, 6);
    memcpy(f + 22, mac, 6);
    memcpy(f + 28, ip, 4);
    rig_inject(f, sizeof(f));
    rig_pump();
}

static void ipv4_address_of_somebody_else_is_counted(void **state)
{
    (void)state;
    static const uint8_t nobody[4];
    const struct ethif *e = netport_ethif(0);
    uint8_t ours[4];

    memcpy(ours, netif_ip4_addr(&e->netif), sizeof(ours));
    arp_from(rig_peer_mac, nobody);
    arp_from(rig_guest_mac, ours); /* our own, come back */
    assert_int_equal(e->ip_claimed, 0);
    arp_from(rig_peer_mac, ours);
    arp_from(rig_peer_mac, ours);
    assert_int_equal(e->ip_claimed, 2);
    assert_int_equal(rig_record_count("error"), 0); /* anybody can say so */
}

static void ipv6_address_of_somebody_else_is_an_error(void **state)
{
    (void)state;
    static const uint8_t ip[16] = {0xfd, 0, [15] = 5};
    uint8_t claim[32] = {136, [4] = 0x20, [24] = 2, 1, 2, 0, 0, 0, 0, 1}, frame[RIG_FRAME_MAX];

    memcpy(claim + 8, ip, sizeof(ip));
    rig.conf.net[0].ip_mode = CONF_IP_OFF;
    rig.conf.net[0].ip6_mode = CONF_IP_STATIC;
    memcpy(rig.conf.net[0].ip6, ip, sizeof(ip));
    rig_start();
    rig_advance_ms(200);
    assert_int_equal(rig_record_count("error"), 0);
    const uint32_t len = rig_build_ip(frame, true, 58, claim, sizeof(claim));
    frame[21] = 255; /* hop limit [RFC 4861 7.1.2] */
    memset(frame + 38, 0, 16);
    memcpy(frame + 38, "\xff\x02", 2);
    frame[53] = 1;
    rig_fix_l4(frame, len);
    rig_inject(frame, len);
    rig_advance_ms(3000);
    assert_int_equal(rig_record_count("error"), 1); /* once */
    assert_non_null(strstr(rig_record("error"), "FD00::5"));
    assert_string_equal(netport_ip6(0), "fe80::5054:ff:fe12:3456/64");
}

/* ---- DHCP ---------------------------------------------------------------------------------- */

/* The next DHCP message of the guest: its type; -1 if there is none. */
static int dhcp_message(struct rig_frame *f)
{
    while (rig_next_frame(f)) {
        const uint8_t *o = f->data + 14 + 20 + 8 + 240;

        if (f->data[12] != 8 || f->data[13] != 0 || f->data[23] != 17 || f->data[37] != 67)
            continue;
        for (; *o != 255; o += 2 + o[1]) {
            if (*o == 53)
                return o[2];
        }
    }
    return -1;
}

/* What the server offers. */
static struct {
    uint8_t ip[4], mask[4];
    uint32_t seconds;
} lease = {{10, 0, 2, 15}, {255, 255, 255, 0}, 3600};

static void dhcp_reply(const struct rig_frame *request, uint8_t type)
{
    static const uint8_t options[] = {99, 130, 83, 99, 53, 1,  0, 54, 4, 10, 0, 2, 1, 51, 4, 0,
                                      0,  14,  16, 3,  4,  10, 0, 2,  1, 1,  4, 0, 0, 0,  0, 255};
    uint8_t m[300] = {2, 1, 6, 0}, frame[RIG_FRAME_MAX];

    memcpy(m + 4, request->data + 42 + 4, 4); /* xid */
    memcpy(m + 16, lease.ip, 4);
    memcpy(m + 28, rig_guest_mac, 6);
    memcpy(m + 236, options, sizeof(options));
    m[236 + 6] = type;
    memcpy(m + 236 + sizeof(options) - 5, lease.mask, 4);
    for (unsigned i = 0; i < 4; i++)
        m[236 + 15 + i] = (uint8_t)(lease.seconds >> (24 - 8 * i));
    const uint32_t len = rig_build_udp(frame, false, 67, 68, m, sizeof(m));
    memcpy(frame + 30, "\xff\xff\xff\xff", 4);
    rig_fix_ip(frame);
    rig_fix_l4(frame, len);
    rig_inject(frame, len);
}

static void dhcp_takes_four_messages_and_no_time(void **state)
{
    (void)state;
    struct rig_frame f;

    rig.conf.net[0].ip_mode = CONF_IP_AUTO;
    rig_start();
    assert_int_equal(dhcp_message(&f), 1); /* DISCOVER went out with bring-up */
    assert_false(netport_ready());
    dhcp_reply(&f, 2);
    rig_pump();
    assert_int_equal(dhcp_message(&f), 3);
    dhcp_reply(&f, 5);
    rig_pump();
    assert_true(netport_ready());
    assert_string_equal(netport_ip(0), "10.0.2.15/24");
    assert_int_equal(rig_record_count("error"), 0);
}

static void dhcp_asks_again(void **state)
{
    (void)state;
    struct rig_frame f;

    rig.conf.net[0].ip_mode = CONF_IP_AUTO;
    rig_start();
    assert_int_equal(dhcp_message(&f), 1);
    rig_advance_ms(2600);
    assert_int_equal(dhcp_message(&f), 1);
    dhcp_reply(&f, 2);
    rig_pump();
    assert_int_equal(dhcp_message(&f), 3);
    dhcp_reply(&f, 6); /* refused: from the beginning, after a while */
    rig_pump();
    rig_advance_ms(400);
    assert_int_equal(dhcp_message(&f), -1);
    rig_advance_ms(800);
    assert_int_equal(dhcp_message(&f), 1);
}

static void take_lease(uint32_t seconds)
{
    struct rig_frame f;

    lease.seconds = seconds;
    rig.conf.net[0].ip_mode = CONF_IP_AUTO;
    rig_start();
    assert_int_equal(dhcp_message(&f), 1);
    dhcp_reply(&f, 2);
    rig_pump();
    assert_int_equal(dhcp_message(&f), 3);
    dhcp_reply(&f, 5);
    rig_pump();
    assert_string_equal(netport_ip(0), "10.0.2.15/24");
    lease.seconds = 3600;
}

/* Of the server nothing is heard any more, although it is asked in time. */
static void dhcp_lease_is_over(uint32_t seconds)
{
    struct rig_frame f;

    take_lease(seconds);
    rig_drop_frames();
    rig_advance_ms(seconds * 1000 / 2 + 1000);
    assert_int_equal(dhcp_message(&f), 3);
    rig_advance_ms(seconds * 1000 / 2 - 2500);
    assert_string_equal(netport_ip(0), "10.0.2.15/24");
    rig_advance_ms(2600);
    assert_string_equal(netport_ip(0), "");
}

static void dhcp_lease_of_seconds_is_over_in_time(void **state)
{
    (void)state;
    dhcp_lease_is_over(10);
}

static void dhcp_lease_of_a_minute_is_over_in_time(void **state)
{
    (void)state;
    dhcp_lease_is_over(89);
}

static void dhcp_lease_of_days_lasts_for_days(void **state)
{
    (void)state;
    const uint32_t day = 24 * 3600;
    struct rig_frame f;

    take_lease(4 * day);
    rig_drop_frames();
    rig_advance_ms((2 * day - 10) * 1000ull);
    assert_int_equal(dhcp_message(&f), -1);
    rig_advance_ms(20000);
    assert_int_equal(dhcp_message(&f), 3);
    assert_string_equal(netport_ip(0), "10.0.2.15/24");
}

static void dhcp_lease_that_no_host_can_have_is_not_taken(void **state)
{
    (void)state;
    static const struct {
        uint8_t ip[4], mask[4];
    } wrong[] = {
        {{0, 0, 0, 0}, {255, 255, 255, 0}},   {{255, 255, 255, 255}, {255, 255, 255, 0}},
        {{224, 0, 0, 1}, {255, 255, 255, 0}}, {{127, 0, 0, 1}, {255, 0, 0, 0}},
        {{10, 0, 2, 0}, {255, 255, 255, 0}},  {{10, 0, 2, 255}, {255, 255, 255, 0}},
        {{10, 0, 2, 15}, {255, 0, 255, 0}},
    };
    struct rig_frame f;

    rig.conf.net[0].ip_mode = CONF_IP_AUTO;
    rig_start();
    assert_int_equal(dhcp_message(&f), 1);
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        memcpy(&lease, &wrong[i], sizeof(wrong[i]));
        dhcp_reply(&f, 2);
        rig_pump();
        assert_int_equal(dhcp_message(&f), -1);
    }
    assert_int_equal(netport_ethif(0)->dhcp_unusable, sizeof(wrong) / sizeof(wrong[0]));
    assert_int_equal(rig_record_count("error"), 1); /* the first says it */

    rig_advance_ms(2600); /* another server's is as good as ever, but its grant is looked at, too */
    assert_int_equal(dhcp_message(&f), 1);
    memcpy(&lease, "\x0a\x00\x02\x0f\xff\xff\xff\x00", sizeof(wrong[0]));
    dhcp_reply(&f, 2);
    rig_pump();
    assert_int_equal(dhcp_message(&f), 3);
    lease.ip[3] = 255;
    dhcp_reply(&f, 5);
    rig_pump();
    assert_string_equal(netport_ip(0), "");
    lease.ip[3] = 15;
    dhcp_reply(&f, 5);
    rig_pump();
    assert_string_equal(netport_ip(0), "10.0.2.15/24");
}

static void dhcp_on_a_tiny_mtu_is_an_error(void **state)
{
    (void)state;
    rig.conf.net[0].ip_mode = CONF_IP_AUTO;
    rig.mtu = 500;
    rig_start();
    assert_int_equal(rig_record_count("error"), 1);
}

/* ---- IPv6 ---------------------------------------------------------------------------------- */

static void ipv6_alone_is_ready_after_duplicate_detection(void **state)
{
    (void)state;
    static const uint8_t ip[16] = {0xfd, 0, [15] = 5};

    rig.conf.net[0].ip_mode = CONF_IP_OFF;
    rig.conf.net[0].ip6_mode = CONF_IP_STATIC;
    memcpy(rig.conf.net[0].ip6, ip, sizeof(ip));
    rig_start();
    assert_false(netport_ready());
    assert_string_equal(netport_ip6(0), "");
    rig_advance_ms(2500);
    assert_true(netport_ready());
    assert_string_equal(netport_ip6(0), "fd00::5/64");
    assert_string_equal(netport_ip(0), "");
}

static void ipv6_is_enough_when_no_dhcp_server_answers(void **state)
{
    (void)state;
    rig.conf.net[0].ip_mode = CONF_IP_AUTO;
    rig_start();
    rig_advance_ms(4900);
    assert_false(netport_ready());
    rig_advance_ms(200);
    assert_true(netport_ready());
    assert_string_equal(netport_ip(0), "");
    assert_string_equal(netport_ip6(0), "fe80::5054:ff:fe12:3456/64");
}

static void ipv6_alone_on_a_small_mtu_is_an_error(void **state)
{
    (void)state;
    rig.conf.net[0] = (struct conf_net){.ip_mode = CONF_IP_OFF, .ip6_mode = CONF_IP_AUTO};
    rig.mtu = 1279;
    rig_start();
    assert_int_equal(rig_record_count("error"), 1);
    assert_non_null(strstr(rig_record("error"), "1280"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_OWN(static_address_is_ready_at_once),
        ON_OWN(link_decides_about_readiness),
        ON_OWN(no_address_at_all_is_never_ready),
        ON_DEFAULT(ipv4_address_of_somebody_else_is_counted),
        ON_OWN(ipv6_address_of_somebody_else_is_an_error),
        ON_OWN(dhcp_takes_four_messages_and_no_time),
        ON_OWN(dhcp_asks_again),
        ON_OWN(dhcp_lease_of_seconds_is_over_in_time),
        ON_OWN(dhcp_lease_of_a_minute_is_over_in_time),
        ON_OWN(dhcp_lease_of_days_lasts_for_days),
        ON_OWN(dhcp_lease_that_no_host_can_have_is_not_taken),
        ON_OWN(dhcp_on_a_tiny_mtu_is_an_error),
        ON_OWN(ipv6_alone_is_ready_after_duplicate_detection),
        ON_OWN(ipv6_is_enough_when_no_dhcp_server_answers),
        ON_OWN(ipv6_alone_on_a_small_mtu_is_an_error),
    };

    return cmocka_run_group_tests_name("address", tests, NULL, NULL);
}
