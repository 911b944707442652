// SPDX-License-Identifier: BSD-3-Clause
/* Nothing is received: who is asked whether that is wrong, and when nobody is. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>
#include "config.h"
#include "lwip/etharp.h"
#include "lwip/tcp.h"
#include "netport.h"
#include "netport_priv.h"
#include "netrig.h"

#define SECOND 1000u /* in ms */

/* ---- a service that answers what it gets --------------------------------------------------------
 */

static err_t take(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
    (void)arg;
    (void)err;
    if (p == NULL)
        return netport_close(pcb) ? ERR_ABRT : ERR_OK;
    tcp_recved(pcb, p->tot_len);
    pbuf_free(p);
    return tcp_write(pcb, "yes", 3, 0);
}

static err_t welcome(void *arg, struct tcp_pcb *pcb, err_t err)
{
    (void)arg;
    assert_int_equal(err, ERR_OK);
    tcp_recv(pcb, take);
    return ERR_OK;
}

static int serve(void)
{
    struct tcp_pcb *pcb = tcp_new_ip_type(IPADDR_TYPE_ANY);

    assert_int_equal(tcp_bind(pcb, IP_ANY_TYPE, 7), ERR_OK);
    tcp_accept(tcp_listen_with_backlog(pcb, CONFIG_BACKLOG), welcome);
    return 0;
}

static int setup(void **state)
{
    rig_setup(state);
    return serve();
}

static int setup_without_gateway(void **state)
{
    (void)state;
    rig_prepare();
    rig.conf.net[0].gw = 0;
    rig_start();
    rig_advance_ms(2500);
    return serve();
}

/* ---- what is asked ------------------------------------------------------------------------------
 */

/* Whose hardware address the guest asks for in this frame: the peer's last byte, or 0. */
static unsigned asked_in(const struct rig_frame *f, bool v6)
{
    static const uint8_t subnet[] = {10, 0, 2};

    if (v6)
        return f->data[12] == 0x86 && f->data[20] == 58 && f->data[54] == 135 &&
                       f->data[21] == 255 && memcmp(f->data + 62, rig_peer_ip6, 16) == 0 &&
                       f->data[78] == 1 && memcmp(f->data + 80, rig_guest_mac, 6) == 0
                   ? rig_peer_ip6[15]
                   : 0;
    return f->data[12] == 8 && f->data[13] == 6 && f->data[21] == 1 &&
                   memcmp(f->data + 38, subnet, 3) == 0
               ? f->data[41]
               : 0;
}

/* The driver says that it is silent. Returns who is asked, by the last byte of the address; 0:
 * nobody. */
static unsigned asked(bool v6)
{
    struct rig_frame f;
    unsigned who = 0;

    rig_drop_frames();
    rig.watch_questions = rig.silent = true;
    rig.asked = false;
    netport_poll(rig.now_ns);
    assert_false(rig.silent);
    rig_pump();
    rig.watch_questions = false;
    while (rig_next_frame(&f))
        if (who == 0)
            who = asked_in(&f, v6);
    assert_int_equal(rig.asked, who != 0);
    return who;
}

static unsigned peer(bool v6)
{
    return v6 ? rig_peer_ip6[15] : RIG_PEER_IP & 0xff;
}

/* ---- somebody waits -----------------------------------------------------------------------------
 */

static void connect_to(struct rig_tcp *t, bool v6)
{
    assert_true(v6 ? rig_tcp_connect6(t, 7) : rig_tcp_connect(t, 7));
    rig_advance_ms(50);
}

static void peer_that_owes_an_acknowledgement_is_asked(void **state)
{
    (void)state;
    for (unsigned v6 = 0; v6 < 2; v6++) {
        struct rig_tcp t;

        connect_to(&t, v6);
        t.manual_ack = true;
        assert_int_equal(rig_tcp_send(&t, "?", 1), 1);
        assert_int_equal(asked(v6), peer(v6));
        rig_tcp_abort(&t);
        rig_advance_ms(10);
    }
    assert_int_equal(netport_alloc_failures(), 0);
}

/* Who only sends owes nothing, and there need not be a gateway. */
static void peer_whose_data_an_application_waits_for_is_asked(void **state)
{
    (void)state;
    for (unsigned v6 = 0; v6 < 2; v6++) {
        struct rig_tcp t;

        connect_to(&t, v6);
        assert_int_equal(asked(v6), 0); /* open, and idle */
        netport_rx_due(&netport_ethif(0)->netif);
        assert_int_equal(asked(v6), peer(v6));
        rig_tcp_abort(&t);
        rig_advance_ms(10);
    }
}

static void gateway_is_asked_where_no_connection_says_who(void **state)
{
    (void)state;
    assert_int_equal(asked(false), 0);
    netport_rx_due(&netport_ethif(0)->netif);
    assert_int_equal(asked(false), RIG_PEER_IP & 0xff);
}

/* ---- nobody waits -------------------------------------------------------------------------------
 */

static void ping_from(unsigned host)
{
    static const uint8_t echo[] = {8, 0, 0, 0, 0, 1, 0, 1};
    uint8_t frame[RIG_FRAME_MAX];
    uint32_t len = rig_build_ip(frame, false, 1, echo, sizeof(echo));

    rig_set_host(frame, len, host);
    rig_inject(frame, len);
    rig_pump();
}

static void long_silence_is_looked_into_where_a_station_is_known(void **state)
{
    (void)state;
    ping_from(0);
    rig_advance_ms(29 * SECOND);
    assert_int_equal(asked(false), 0);
    rig_advance_ms(SECOND);
    assert_int_equal(asked(false), RIG_PEER_IP & 0xff);
    for (unsigned i = 0; i < 3; i++) { /* it answered: the next one is as far away */
        rig_advance_ms(29 * SECOND);
        assert_int_equal(asked(false), 0);
        rig_advance_ms(SECOND);
        assert_int_equal(asked(false), RIG_PEER_IP & 0xff);
    }
    rig.arp_silent = true;
    rig_advance_ms(30 * SECOND);
    for (unsigned i = 0; i < 100; i++) { /* as long as there is nothing else */
        assert_int_equal(asked(false), RIG_PEER_IP & 0xff);
        rig_advance_ms(SECOND);
    }
    ping_from(0);
    assert_int_equal(asked(false), 0);
}

/* Some have left, and one that answers is found and asked again. */
static void stations_are_asked_in_turn_until_one_answers(void **state)
{
    unsigned seen = 0, one;

    (void)state;
    rig.hosts = 4;
    for (unsigned host = 0; host < 5; host++)
        ping_from(host);
    rig.arp_silent = true;
    rig_advance_ms(30 * SECOND);
    for (unsigned i = 0; i < 10; i++)
        seen |= 1u << (asked(false) - (RIG_PEER_IP & 0xff)) % 32;
    assert_int_equal(__builtin_popcount(seen), 5);
    rig.arp_silent = false;
    one = asked(false);
    rig_advance_ms(30 * SECOND);
    assert_int_equal(asked(false), one);
}

static void nobody_is_asked_where_nobody_is_known(void **state)
{
    (void)state;
    rig_advance_ms(100 * SECOND);
    assert_int_equal(asked(false), 0);
    assert_int_equal(asked(true), 0);
}

static void ipv6_neighbours_are_stations_too(void **state)
{
    struct rig_tcp t;

    (void)state;
    assert_true(rig_tcp_connect6(&t, 7));
    rig_tcp_abort(&t);
    rig_advance_ms(400 * SECOND); /* ARP has forgotten everybody by then */
    rig_advance_ms(31 * SECOND);
    assert_int_equal(asked(true), rig_peer_ip6[15]);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, rig_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(peer_that_owes_an_acknowledgement_is_asked),
        cmocka_unit_test_setup_teardown(peer_whose_data_an_application_waits_for_is_asked,
                                        setup_without_gateway, rig_teardown),
        T(gateway_is_asked_where_no_connection_says_who),
        T(long_silence_is_looked_into_where_a_station_is_known),
        T(stations_are_asked_in_turn_until_one_answers),
        T(nobody_is_asked_where_nobody_is_known),
        T(ipv6_neighbours_are_stations_too),
    };
    return cmocka_run_group_tests_name("silence", tests, NULL, NULL);
}
