// SPDX-License-Identifier: BSD-3-Clause
/*
 * The door of the iperf3 server: connections that have not said yet whose they are, who is let in,
 * and who is turned away.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>
#include "iperf3_client.h"

/* ---- streams ------------------------------------------------------------------------------- */

/* As through a proxy: every handshake begins before the first one ends, every cookie comes after
 * the last one. */
static void streams_may_be_opened_all_at_once(void **state)
{
    static struct rig_tcp data[128];
    struct client c;
    char params[100];
    const unsigned n = CONFIG_IPERF_STREAM < 128 ? CONFIG_IPERF_STREAM : 128;

    (void)state;
    snprintf(params, sizeof(params), "{\"parallel\":%u}", n);
    client_ask(&c, "a", params);
    for (unsigned k = 0; k < n; k++)
        rig_tcp_syn(&data[k], false, PORT);
    rig_advance_ms(10);
    for (unsigned k = 0; k < n; k++) {
        assert_true(data[k].established);
        assert_int_equal(rig_tcp_send(&data[k], c.cookie, IPERF3_COOKIE_BYTES),
                         IPERF3_COOKIE_BYTES);
    }
    client_hear_start(&c);
    client_say(&c, IPERF3_DONE);
    rig_advance_ms(20);
    for (unsigned k = 0; k < n; k++) {
        assert_true(data[k].got_rst);
        rig_tcp_forget(&data[k]);
    }
    client_close(&c);
    assert_int_equal(rig_record_count("refused"), 0);
}

static void streams_that_nobody_waits_for_are_denied(void **state)
{
    struct client c;
    uint8_t b;

    (void)state;
    client_begin_tcp(&c, "a", "{}", 1);
    client_open_tcp(&c, 1);
    assert_int_equal(rig_tcp_recv(&c.data[1], &b, 1, 100), 1);
    assert_int_equal(b, 0xff);
    rig_tcp_close(&c.data[1]);
    c.data[1].established = false;
    assert_int_equal(rig_number(client_results(&c, EMPTY), "bytes", 0), 0);
    client_finish(&c);
}

static bool lose(const uint8_t *frame, uint32_t len)
{
    (void)frame, (void)len;
    return true;
}

static void half_open_connections_are_few_unless_streams_are_awaited(void **state)
{
    static struct rig_tcp t[CONFIG_BACKLOG + 8];
    struct client c;

    (void)state;
    client_ask(&c, "a", "{\"parallel\":5}");
    for (unsigned round = 0; round < 2; round++) {
        unsigned before = rig_pool_used("TCP_PCB");
        rig.filter = lose;
        for (unsigned k = 0; k < CONFIG_BACKLOG + 8; k++)
            rig_tcp_syn(&t[k], false, PORT);
        rig_advance_ms(1);
        assert_int_equal(rig_pool_used("TCP_PCB") - before, CONFIG_BACKLOG + (round == 0 ? 5 : 0));
        for (unsigned k = 0; k < CONFIG_BACKLOG + 8; k++)
            rig_tcp_forget(&t[k]);
        rig_advance_ms(30000); /* the stack gives them up */
        rig.filter = NULL;
        if (round == 0)
            rig_tcp_forget(&c.control); /* its 30 s are over, too */
        rig_advance_ms(20000);
    }
}

/* ---- clients ------------------------------------------------------------------------------- */

static void clients_beyond_the_sessions_are_denied(void **state)
{
    struct client c[CONFIG_IPERF_SESSION], more;

    (void)state;
    for (unsigned k = 0; k < CONFIG_IPERF_SESSION; k++)
        client_begin_tcp(&c[k], (const char[]){(char)('a' + k), 0}, "{}", 1);
    rig_advance_ms(2000);
    client_connect(&more, "z");
    assert_int_equal(client_hear(&more), 0xff);
    rig_advance_ms(1);
    assert_true(more.control.got_fin);
    rig_tcp_close(&more.control);
    for (unsigned k = 0; k < CONFIG_IPERF_SESSION; k++) {
        client_leave(&c[k]);
    }
}

static void connection_without_a_cookie_lasts_5_s(void **state)
{
    struct rig_tcp t;

    (void)state;
    assert_true(rig_tcp_connect(&t, PORT));
    rig_advance_ms(4000);
    assert_int_equal(rig_tcp_send(&t, "abc", 3), 3); /* does not buy time */
    rig_advance_ms(900);
    assert_false(t.got_rst);
    rig_advance_ms(110);
    assert_true(t.got_rst);
    rig_tcp_forget(&t);
}

static void more_silent_connections_than_places_cost_the_oldest(void **state)
{
    static struct rig_tcp t[CONFIG_IPERF_PENDING + 1];
    struct client c;

    (void)state;
    for (unsigned k = 0; k <= CONFIG_IPERF_PENDING; k++) {
        assert_true(rig_tcp_connect(&t[k], PORT));
        rig_advance_ms(1);
    }
    assert_true(t[0].got_rst);
    assert_false(t[1].got_rst);
    client_begin_tcp(&c, "a", "{}", 1);
    client_leave(&c);
    for (unsigned k = 0; k <= CONFIG_IPERF_PENDING; k++) {
        if (t[k].got_rst)
            rig_tcp_forget(&t[k]);
        else
            rig_tcp_abort(&t[k]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(streams_may_be_opened_all_at_once),
        TEST(streams_that_nobody_waits_for_are_denied),
        TEST(half_open_connections_are_few_unless_streams_are_awaited),
        TEST(clients_beyond_the_sessions_are_denied),
        TEST(connection_without_a_cookie_lasts_5_s),
        TEST(more_silent_connections_than_places_cost_the_oldest),
    };

    return cmocka_run_group_tests_name("iperf3_door", tests, rig_service_init, NULL);
}
