// SPDX-License-Identifier: BSD-3-Clause
/*
 * Clients of the HTTP server that are slow, silent or gone, and how long each is borne with.
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

/* ---- slow to ask --------------------------------------------------------------------------- */

static void head_that_trickles_in_ends_with_408(void **state)
{
    struct rig_tcp t;
    struct reply r;

    (void)state;
    assert_true(rig_tcp_connect(&t, HTTP));
    http_say(&t, "GET /stats HTTP/1.1\r\n" HOST "X: ");
    for (unsigned i = 0; i < CONFIG_HTTP_HEAD_MS / 1000 - 1; i++) {
        rig_advance_ms(1000);
        http_say(&t, "x");
        assert_int_equal(t.rx_len, 0);
    }
    rig_advance_ms(2000);
    http_hear(&t, &r, true);
    assert_int_equal(r.status, 408);
    free(r.body);
    assert_true(t.got_fin);
    rig_tcp_close(&t);
    http_good_client_is_served();
}

static void silent_connection_is_closed_in_the_end(void **state)
{
    struct rig_tcp t;

    (void)state;
    assert_true(rig_tcp_connect(&t, HTTP));
    rig_advance_ms(CONFIG_IDLE_MS - 1000);
    assert_false(t.got_fin);
    rig_advance_ms(2000);
    assert_true(t.got_fin);
    assert_false(t.got_rst);
    rig_tcp_close(&t);
    assert_int_equal(rig_stat(&http_service, "open"), 0);
}

static void body_that_stops_is_given_up(void **state)
{
    struct rig_tcp t;

    (void)state;
    assert_true(rig_tcp_connect(&t, HTTP));
    http_say(&t, "PUT /data HTTP/1.1\r\n" HOST "Content-Length: 100\r\n\r\nabc");
    rig_advance_ms(CONFIG_IDLE_MS + 1000);
    assert_true(t.got_rst);
    rig_tcp_forget(&t);
    assert_int_equal(rig_stat(&http_service, "open"), 0);
}

/* ---- slow to read -------------------------------------------------------------------------- */

/* A new connection asks, and has room for so many bytes of the answer until it reads. */
static void ask_with_room(struct rig_tcp *t, uint32_t bytes, const char *request)
{
    assert_true(rig_tcp_connect(t, HTTP));
    t->wnd = bytes;
    rig_tcp_send(t, request, strlen(request));
}

static void answer_that_nobody_reads_is_given_up(void **state)
{
    struct rig_tcp t;

    (void)state;
    ask_with_room(&t, 0, "GET /data?bytes=100000 HTTP/1.1\r\n" HOST "\r\n");
    rig_advance_ms(CONFIG_IDLE_MS + 2000);
    assert_true(t.got_rst);
    rig_tcp_forget(&t);
    assert_int_equal(rig_stat(&http_service, "open"), 0);
}

/* What it asks next, byte by byte, does not hide that. */
static void answer_that_nobody_reads_is_given_up_for_all_that_is_said(void **state)
{
    struct rig_tcp t;

    (void)state;
    ask_with_room(&t, 0, "GET /data?bytes=100000 HTTP/1.1\r\n" HOST "\r\n");
    for (unsigned ms = 0; ms < CONFIG_IDLE_MS - 10000; ms += 10000) {
        rig_advance_ms(10000);
        assert_int_equal(rig_tcp_send(&t, "G", 1), 1);
    }
    assert_false(t.got_rst);
    rig_advance_ms(12000);
    assert_true(t.got_rst);
    rig_tcp_forget(&t);
    assert_int_equal(rig_stat(&http_service, "open"), 0);
}

/* A byte here and there is progress, and still not good enough for a buffer that others need. */
static void text_that_trickles_out_is_given_up(void **state)
{
    uint64_t before = apps_refusals();
    struct rig_tcp t;
    char bytes[256];

    (void)state;
    ask_with_room(&t, sizeof(bytes), "GET /stats HTTP/1.1\r\n" HOST "\r\n");
    for (unsigned ms = 0; ms < CONFIG_HTTP_TEXT_MS - 1000; ms += 1000) {
        rig_advance_ms(1000);
        assert_false(t.got_rst);
        rig_tcp_recv(&t, bytes, sizeof(bytes), 0);
    }
    rig_advance_ms(1999);
    assert_true(t.got_rst);
    rig_tcp_forget(&t);
    assert_int_equal(rig_stat(&http_service, "open"), 0);
    assert_int_equal(apps_refusals(), before + 1);
    assert_non_null(strstr(rig_record("refused"), "http: not read in time"));
}

/* What is not held in a buffer that others need may take as long as it moves. */
static void data_may_be_read_slowly(void **state)
{
    struct rig_tcp t;
    char bytes[1000];

    (void)state;
    ask_with_room(&t, sizeof(bytes), "GET /data?bytes=1000000 HTTP/1.1\r\n" HOST "\r\n");
    for (unsigned ms = 0; ms < 2 * CONFIG_HTTP_TEXT_MS; ms += 1000) {
        rig_advance_ms(1000);
        rig_tcp_recv(&t, bytes, sizeof(bytes), 0);
    }
    assert_false(t.got_rst);
    rig_tcp_abort(&t);
}

/* ---- gone ---------------------------------------------------------------------------------- */

static void client_that_resets_in_the_middle_leaves_nothing_behind(void **state)
{
    const char *requests[] = {
        "GET /stats HTTP/1.1\r\n" HOST "\r\n",
        "GET /data?bytes=1000000 HTTP/1.1\r\n" HOST "\r\n",
        "PUT /data HTTP/1.1\r\n" HOST "Content-Length: 1000\r\n\r\nabc",
        "GET /st",
    };

    (void)state;
    for (unsigned i = 0; i < 4 * 10; i++) {
        struct rig_tcp t;
        assert_true(rig_tcp_connect(&t, HTTP));
        t.manual_ack = true;
        http_say(&t, requests[i % 4]);
        rig_tcp_abort(&t);
        rig_pump();
        assert_int_equal(rig_stat(&http_service, "open"), 0);
    }
    http_good_client_is_served();
}

static void client_that_closes_in_the_middle_of_its_request_is_forgotten(void **state)
{
    struct rig_tcp t;

    (void)state;
    assert_true(rig_tcp_connect(&t, HTTP));
    http_say(&t, "PUT /data HTTP/1.1\r\n" HOST "Content-Length: 1000\r\n\r\nabc");
    rig_tcp_close(&t);
    assert_true(rig_tcp_connect(&t, HTTP));
    http_say(&t, "GET /st");
    rig_tcp_close(&t);
    assert_int_equal(rig_stat(&http_service, "open"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(head_that_trickles_in_ends_with_408),
        TEST(silent_connection_is_closed_in_the_end),
        TEST(body_that_stops_is_given_up),
        TEST(answer_that_nobody_reads_is_given_up),
        TEST(answer_that_nobody_reads_is_given_up_for_all_that_is_said),
        TEST(text_that_trickles_out_is_given_up),
        TEST(data_may_be_read_slowly),
        TEST(client_that_resets_in_the_middle_leaves_nothing_behind),
        TEST(client_that_closes_in_the_middle_of_its_request_is_forgotten),
    };

    return cmocka_run_group_tests_name("http_slow", tests, rig_service_init, NULL);
}
