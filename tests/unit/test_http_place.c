// SPDX-License-Identifier: BSD-3-Clause
/*
 * Places for connections of the HTTP server: who makes way when all are taken, and who does not.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "http_client.h"
#include "netrig.h"

/* ---- those who ask for nothing ------------------------------------------------------------- */

static void idle_connection_makes_way_for_a_new_one(void **state)
{
    struct rig_tcp t[CONFIG_HTTP_CONN];
    uint64_t before = rig_stat(&http_service, "made_way");

    (void)state;
    for (unsigned i = 0; i < CONFIG_HTTP_CONN; i++) {
        assert_true(rig_tcp_connect(&t[i], HTTP));
        rig_advance_ms(1);
    }
    rig_advance_ms(1000);
    http_say(&t[0], "GET /data?bytes=1 HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(http_hear_status(&t[0]), 200);
    struct rig_tcp more;
    assert_true(rig_tcp_connect(&more, HTTP));
    http_say(&more, "GET /data?bytes=1 HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(http_hear_status(&more), 200);
    assert_int_equal(rig_stat(&http_service, "made_way"), before + 1);
    assert_false(t[0].got_fin);
    assert_true(t[1].got_fin); /* the one silent for longest */
    rig_tcp_close(&more);
    for (unsigned i = 0; i < CONFIG_HTTP_CONN; i++)
        rig_tcp_close(&t[i]);
}

/* The first request of a client may be on its way, and nobody comes before it for a second. */
static void new_connection_keeps_its_place_until_its_request_can_be_there(void **state)
{
    static const char request[] = "GET /data?bytes=1 HTTP/1.1\r\n" HOST "\r\n";
    struct rig_tcp t[CONFIG_HTTP_CONN], more;

    (void)state;
    for (unsigned i = 0; i < CONFIG_HTTP_CONN; i++)
        assert_true(rig_tcp_connect(&t[i], HTTP));
    rig_advance_ms(900);
    rig_is_turned_away(HTTP);

    /* The place of one that has had an answer can be had at once. */
    http_say(&t[1], request);
    assert_int_equal(http_hear_status(&t[1]), 200);
    assert_true(rig_tcp_connect(&more, HTTP));
    assert_true(t[1].got_fin);
    for (unsigned i = 0; i < CONFIG_HTTP_CONN; i++) {
        if (i != 1) {
            http_say(&t[i], request);
            assert_int_equal(http_hear_status(&t[i]), 200);
        }
        rig_tcp_close(&t[i]);
    }
    rig_tcp_close(&more);
}

static void connection_that_only_lingers_makes_way_for_a_new_one(void **state)
{
    struct rig_tcp t[CONFIG_HTTP_CONN];

    (void)state;
    for (unsigned i = 0; i < CONFIG_HTTP_CONN; i++) {
        assert_true(rig_tcp_connect(&t[i], HTTP));
        http_say(&t[i], "GET /\x01");
        assert_int_equal(http_hear_status(&t[i]), 400);
    }
    http_one_more_is_served();
    for (unsigned i = 0; i < CONFIG_HTTP_CONN; i++) {
        assert_false(t[i].got_rst);
        rig_tcp_close(&t[i]);
    }
}

/* ---- those who are served ------------------------------------------------------------------ */

static void connection_beyond_busy_ones_is_refused_and_counted(void **state)
{
    struct rig_tcp t[CONFIG_HTTP_CONN];

    (void)state;
    for (unsigned i = 0; i < CONFIG_HTTP_CONN; i++) {
        assert_true(rig_tcp_connect(&t[i], HTTP));
        http_say(&t[i], "PUT /data HTTP/1.1\r\n" HOST "Content-Length: 4\r\n\r\nabc");
    }
    rig_is_turned_away(HTTP);
    for (unsigned i = 0; i < CONFIG_HTTP_CONN; i++) {
        http_say(&t[i], "d");
        http_hear_count(&t[i], 4);
        rig_tcp_close(&t[i]);
    }
    http_good_client_is_served();
}

/* A byte now and then keeps nobody's place: all of them busy for ever would keep everybody else
 * out. */
static void slow_connection_makes_way_for_a_new_one(void **state)
{
    static const char request[] = "PUT /data HTTP/1.1\r\n" HOST "Content-Length: 100000\r\n\r\n";
    static char bytes[2048];
    struct rig_tcp t[CONFIG_HTTP_CONN];
    uint64_t before = apps_refusals();

    (void)state;
    for (unsigned i = 0; i < CONFIG_HTTP_CONN; i++) {
        assert_true(rig_tcp_connect(&t[i], HTTP));
        http_say(&t[i], request);
    }
    for (unsigned s = 0; s < 12; s++) {
        for (unsigned i = 0; i < CONFIG_HTTP_CONN; i++)
            rig_tcp_send(&t[i], bytes, i == 0 ? sizeof(bytes) : 1);
        rig_advance_ms(1000);
    }
    http_one_more_is_served();
    assert_int_equal(apps_refusals(), before + 1);
    assert_non_null(strstr(rig_record("refused"), "http: slow"));
    assert_false(t[0].got_rst);
    assert_true(t[1].got_rst);
    for (unsigned i = 2; i < CONFIG_HTTP_CONN; i++)
        assert_false(t[i].got_rst);
    for (unsigned i = 0; i < CONFIG_HTTP_CONN; i++)
        rig_tcp_abort(&t[i]);
}

/* One that has just begun is not slow, whatever it did before. */
static void connection_that_was_idle_is_not_slow(void **state)
{
    struct rig_tcp t[CONFIG_HTTP_CONN], more;

    (void)state;
    for (unsigned i = 0; i < CONFIG_HTTP_CONN; i++)
        assert_true(rig_tcp_connect(&t[i], HTTP));
    rig_advance_ms(20000);
    for (unsigned i = 0; i < CONFIG_HTTP_CONN; i++)
        http_say(&t[i], "PUT /data HTTP/1.1\r\n" HOST "Content-Length: 4\r\n\r\nabc");
    rig_advance_ms(4000);
    assert_false(rig_tcp_connect(&more, HTTP) && !more.got_rst);
    for (unsigned i = 0; i < CONFIG_HTTP_CONN; i++) {
        http_say(&t[i], "d");
        http_hear_count(&t[i], 4);
        rig_tcp_close(&t[i]);
    }
}

/* ---- all of them --------------------------------------------------------------------------- */

static void thousand_connections_leave_nothing_behind(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        struct rig_tcp t;
        assert_true(rig_tcp_connect(&t, HTTP));
        http_say(&t, "GET /data?bytes=100 HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
        assert_int_equal(http_hear_status(&t), 200);
        rig_tcp_close(&t);
    }
    assert_int_equal(rig_stat(&http_service, "open"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(idle_connection_makes_way_for_a_new_one),
        TEST(new_connection_keeps_its_place_until_its_request_can_be_there),
        TEST(connection_that_only_lingers_makes_way_for_a_new_one),
        TEST(connection_beyond_busy_ones_is_refused_and_counted),
        TEST(slow_connection_makes_way_for_a_new_one),
        TEST(connection_that_was_idle_is_not_slow),
        TEST(thousand_connections_leave_nothing_behind),
    };

    return cmocka_run_group_tests_name("http_place", tests, rig_service_init, NULL);
}
