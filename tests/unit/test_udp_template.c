// SPDX-License-Identifier: BSD-3-Clause
/*
 * Datagrams in numbers: what is made from a template is what the stack would have made. The rig
 * checks lengths, addresses and checksums of every frame.
 */
#include <stdarg.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>
#include "config.h"
#include "lwip/etharp.h"
#include "lwip/stats.h"
#include "lwip/udp.h"
#include "netrig.h"
#include "netport.h"
#include "netport_priv.h"
#include "udp_template.h"

#define FROM 5000
#define TO   6000
#define ETH  14u

static struct udp_pcb *pcb;
static struct udp_template t;
static ip_addr_t local, remote;
static uint8_t rest[9000];

static int setup(void **state)
{
    rig_setup(state);
    pcb = udp_new_ip_type(IPADDR_TYPE_ANY);
    udp_bind(pcb, IP_ANY_TYPE, FROM);
    for (unsigned i = 0; i < sizeof(rest); i++)
        rest[i] = (uint8_t)(i * 31 + (i >> 8));
    return 0;
}

static int teardown(void **state)
{
    udp_remove(pcb);
    return rig_teardown(state);
}

static void aim(bool v6)
{
    struct netif *netif = &netport_ethif(0)->netif;

    if (v6) {
        ip6_addr_t peer = {.zone = 0};

        memcpy(peer.addr, rig_peer_ip6, sizeof(rig_peer_ip6));
        ip6_addr_assign_zone(&peer, IP6_UNICAST, netif);
        ip_addr_copy_from_ip6(remote, peer);
        ip_addr_copy_from_ip6(local, *netif_ip6_addr(netif, 0));
    } else {
        const ip4_addr_t peer = {PP_HTONL(RIG_PEER_IP)};

        ip_addr_copy_from_ip4(remote, peer);
        ip_addr_copy_from_ip4(local, *netif_ip4_addr(netif));
    }
    t = (struct udp_template){
        .pcb = pcb, .netif = netif, .local = &local, .remote = &remote, .port = TO};
}

static enum udp_sent send(const void *head, uint16_t n, uint16_t rest_bytes)
{
    return udp_template_send(&t, rig.now_ns, head, n, rest, rest_bytes);
}

/* How many datagrams the peer got that nobody looks at. */
static unsigned drop(void)
{
    uint8_t b[1];
    unsigned n = 0;

    rig_pump();
    while (rig_udp_recv(TO, b, sizeof(b)) >= 0)
        n++;
    return n;
}

/* Lets the peer's address be known. */
static void acquaint(void)
{
    send("", 0, 1);
    drop();
}

/* The peer gets just that. */
static void expect(const void *head, uint16_t n, uint16_t rest_bytes)
{
    uint8_t b[9000];

    rig_pump();
    assert_int_equal(rig_udp_recv(TO, b, sizeof(b)), n + rest_bytes);
    assert_memory_equal(b, head, n);
    assert_memory_equal(b + n, rest, rest_bytes);
}

static void arrive(bool v6)
{
    aim(v6);
    acquaint();
    for (unsigned k = 0; k < 300; k++) {
        const uint8_t head[12] = {(uint8_t)k, (uint8_t)(k * 7)};
        const uint16_t n = (uint16_t)(k / 20 * 97); /* others now and then */

        assert_int_equal(send(head, sizeof(head), n), UDP_SENT);
        expect(head, sizeof(head), n);
    }
}

static void datagrams_arrive_as_they_were_sent(void **state)
{
    (void)state;
    arrive(false);
    arrive(true);
}

static void a_device_finishes_their_checksums(void **state)
{
    (void)state;
    rig.tx_csum = true;
    arrive(false);
    arrive(true);
}

static void odd_heads_and_empty_rests_are_sent(void **state)
{
    (void)state;
    aim(false);
    acquaint();
    for (uint16_t n = 0; n < 9; n++) {
        for (unsigned k = 0; k < 3; k++) {
            assert_int_equal(send("abcdefgh", n, n % 2), UDP_SENT);
            expect("abcdefgh", n, n % 2);
        }
    }
}

/* ---- the headers ------------------------------------------------------------------------------
 */

static uint8_t last[2][64];

static bool keep(const uint8_t *frame, uint32_t len)
{
    memcpy(last[0], last[1], sizeof(last[0]));
    memcpy(last[1], frame, len < sizeof(last[1]) ? len : sizeof(last[1]));
    return false;
}

/* All but identification and checksum of IP, which the rig has checked. */
static void headers_are_those_of_the_stack(void **state)
{
    (void)state;
    aim(false);
    pcb->tos = 0x28;
    acquaint();
    rig.filter = keep;
    send("head", 4, 30); /* another size: the stack makes it */
    send("head", 4, 30);
    rig_pump();
    assert_memory_not_equal(last[0] + ETH + 4, last[1] + ETH + 4, 2);
    memcpy(last[0] + ETH + 4, last[1] + ETH + 4, 2);
    memcpy(last[0] + ETH + 10, last[1] + ETH + 10, 2);
    assert_memory_equal(last[0], last[1], ETH + 20 + 8);
    assert_int_equal(last[1][ETH + 1], 0x28);
}

static void identifications_differ_over_all_templates(void **state)
{
    struct udp_template other;
    uint16_t seen[64];

    (void)state;
    aim(false);
    acquaint();
    other = t;
    rig.filter = keep;
    for (unsigned k = 0; k < 64; k++) {
        udp_template_send(k % 2 != 0 ? &t : &other, rig.now_ns, "", 0, rest, 1);
        rig_pump();
        memcpy(&seen[k], last[1] + ETH + 4, 2);
        for (unsigned i = 0; i < k; i++)
            assert_int_not_equal(seen[i], seen[k]);
    }
}

/* The peer has another network card now, and says so. */
static void move_peer(uint8_t mac)
{
    uint8_t arp[42] = {[12] = 8, 6, 0, 1, 8, 0, 6, 4, 0, 1};

    memset(arp, 0xff, 6);
    memcpy(arp + 6, rig_peer_mac, 6);
    arp[11] = mac;
    memcpy(arp + 22, arp + 6, 6);
    for (unsigned k = 0; k < 4; k++)
        arp[28 + k] = arp[38 + k] = (uint8_t)(RIG_PEER_IP >> (24 - 8 * k));
    rig_inject(arp, sizeof(arp));
    rig_pump();
}

static bool keep_and_lose(const uint8_t *frame, uint32_t len)
{
    keep(frame, len);
    return true;
}

static void a_neighbour_that_moved_is_found_again(void **state)
{
    (void)state;
    aim(false);
    acquaint();
    assert_int_equal(send("", 0, 1), UDP_SENT);
    expect("", 0, 1);
    rig.filter = keep_and_lose; /* the peer would not take them */
    move_peer(0x77);
    rig.now_ns += UDP_TEMPLATE_NS;
    send("", 0, 1);
    rig_pump();
    assert_int_equal(last[1][5], 0x77);
    send("", 0, 1);
    rig_pump();
    assert_int_equal(last[1][5], 0x77);
}

static void the_stack_is_asked_anew_in_time(void **state)
{
    const uint64_t end_of_one = UDP_TEMPLATE_NS - 1;

    (void)state;
    aim(false);
    acquaint();
    send("", 0, 1);
    const uint64_t until = t.until_ns;
    rig.now_ns += end_of_one;
    send("", 0, 1);
    assert_int_equal(t.until_ns, until);
    rig.now_ns++;
    send("", 0, 1);
    assert_int_equal(t.until_ns, until + UDP_TEMPLATE_NS);
    assert_int_equal(drop(), 3);
}

/* ---- what cannot be sent ----------------------------------------------------------------------
 */

static void without_the_neighbours_address_it_waits(void **state)
{
    (void)state;
    aim(false);
    rig.arp_silent = true;
    assert_int_equal(send("a", 1, 20), UDP_WAITS);
    assert_int_equal(send("b", 1, 20), UDP_WAITS);
    assert_int_equal(drop(), 0);
    rig.arp_silent = false;
    rig_advance_ms(2000); /* the question comes again */
    expect("b", 1, 20);
    assert_int_equal(drop(), 0);
    assert_int_equal(send("c", 1, 20), UDP_SENT);
    expect("c", 1, 20);
}

static void a_neighbour_that_is_gone_is_waited_for_again(void **state)
{
    (void)state;
    aim(false);
    acquaint();
    assert_int_equal(send("", 0, 1), UDP_SENT);
    etharp_cleanup_netif(t.netif);
    rig.arp_silent = true;
    rig.now_ns += UDP_TEMPLATE_NS;
    assert_int_equal(send("", 0, 1), UDP_WAITS);
    assert_int_equal(send("", 0, 1), UDP_WAITS);
    assert_int_equal(drop(), 1);
}

static void without_room_it_is_refused_and_counted_once(void **state)
{
    unsigned n = 0;

    (void)state;
    aim(false);
    acquaint();
    rig.tx_stuck = true;
    const uint64_t before = lwip_stats.udp.xmit, on_link = lwip_stats.link.xmit;
    while (send("", 0, 1) == UDP_SENT)
        n++;
    assert_int_equal(n, CONFIG_TX_RING - CONFIG_TX_RESERVE);
    assert_int_equal(lwip_stats.udp.xmit - before, n);
    assert_int_equal(lwip_stats.link.xmit - on_link, n);
    rig.tx_stuck = false;
    rig_pump();
    for (unsigned k = 0; k < n; k++)
        expect("", 0, 1);
    assert_int_equal(send("", 0, 1), UDP_SENT);
    expect("", 0, 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(datagrams_arrive_as_they_were_sent),
        TEST(a_device_finishes_their_checksums),
        TEST(odd_heads_and_empty_rests_are_sent),
        TEST(headers_are_those_of_the_stack),
        TEST(identifications_differ_over_all_templates),
        TEST(a_neighbour_that_moved_is_found_again),
        TEST(the_stack_is_asked_anew_in_time),
        TEST(without_the_neighbours_address_it_waits),
        TEST(a_neighbour_that_is_gone_is_waited_for_again),
        TEST(without_room_it_is_refused_and_counted_once),
    };

    return cmocka_run_group_tests_name("udp_template", tests, NULL, NULL);
}
