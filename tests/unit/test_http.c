// SPDX-License-Identifier: BSD-3-Clause
/*
 * The HTTP server over the real stack: requests however they come, and the good client after a bad
 * one. rig_teardown() checks after each test that every pool is idle.
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

static void connection_is_kept_for_many_requests(void **state)
{
    struct rig_tcp t;

    (void)state;
    assert_true(rig_tcp_connect(&t, HTTP));
    for (unsigned i = 0; i < 50; i++) {
        http_say(&t, i % 2 ? "GET /stats HTTP/1.1\r\n" HOST "\r\n"
                           : "GET /nope HTTP/1.1\r\n" HOST "\r\n");
        assert_int_equal(http_hear_status(&t), i % 2 ? 200 : 404);
    }
    rig_tcp_close(&t);
}

static void close_is_honoured(void **state)
{
    struct rig_tcp t;
    struct reply r;

    (void)state;
    const char *requests[] = {"GET /stats HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n",
                              "GET /stats HTTP/1.0\r\n\r\n"};
    for (unsigned i = 0; i < 2; i++) {
        assert_true(rig_tcp_connect(&t, HTTP));
        http_say(&t, requests[i]);
        http_hear(&t, &r, true);
        assert_true(r.close);
        free(r.body);
        rig_advance_ms(10);
        assert_true(t.got_fin);
        rig_tcp_close(&t);
    }
    assert_true(rig_tcp_connect(&t, HTTP));
    http_say(&t, "GET /stats HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    http_hear(&t, &r, true);
    assert_false(r.close);
    free(r.body);
    rig_tcp_close(&t);
}

static void window_opens_for_a_body_and_is_the_room_for_input_else(void **state)
{
    struct rig_tcp t;

    (void)state;
    assert_true(rig_tcp_connect(&t, HTTP));
    assert_int_equal(t.guest_wnd, CONFIG_HTTP_INPUT);
    http_say(&t, "PUT /data HTTP/1.1\r\n" HOST "Content-Length: 10000000\r\n\r\n");
    rig_advance_ms(10);
    assert_true(t.guest_wnd > CONFIG_TCP_WND - 5000);
    rig_tcp_abort(&t);
}

static void client_that_expects_to_be_told_is_told_to_go_on(void **state)
{
    struct rig_tcp t;

    (void)state;
    assert_true(rig_tcp_connect(&t, HTTP));
    http_say(&t, "PUT /data HTTP/1.1\r\n" HOST "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    assert_int_equal(http_hear_status(&t), 100);
    http_say(&t, "abcde");
    http_hear_count(&t, 5);
    /* Refused before it sends: no 100. */
    http_say(&t,
             "PUT /stats HTTP/1.1\r\n" HOST "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    assert_int_equal(http_hear_status(&t), 405);
    rig_tcp_close(&t);
}

static void requests_in_single_bytes_are_understood(void **state)
{
    static const char text[] = "PUT /data HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
                               "3\r\nabc\r\n0\r\n\r\n"
                               "GET /data?bytes=10 HTTP/1.1\r\n" HOST "\r\n";
    struct rig_tcp t;
    struct reply r;

    (void)state;
    assert_true(rig_tcp_connect(&t, HTTP));
    for (size_t i = 0; i < sizeof(text) - 1; i++)
        assert_int_equal(rig_tcp_send(&t, text + i, 1), 1);
    http_hear_count(&t, 3);
    http_hear(&t, &r, true);
    assert_int_equal(r.length, 10);
    free(r.body);
    rig_tcp_close(&t);
}

static void half_closed_client_gets_its_answer(void **state)
{
    struct rig_tcp t;
    struct reply r;

    (void)state;
    assert_true(rig_tcp_connect(&t, HTTP));
    http_say(&t, "GET /data?bytes=500000 HTTP/1.1\r\n" HOST "\r\n");
    rig_tcp_fin(&t);
    http_hear(&t, &r, true);
    assert_int_equal(r.length, 500000);
    free(r.body);
    rig_advance_ms(10);
    assert_true(t.got_fin);
    rig_tcp_close(&t);
    assert_int_equal(rig_stat(&http_service, "open"), 0);
}

/* ---- pipelined requests -------------------------------------------------------------------- */

static void pipelined_requests_are_answered_in_order(void **state)
{
    struct rig_tcp t;
    struct reply r;

    (void)state;
    assert_true(rig_tcp_connect(&t, HTTP));
    http_say(&t, "GET /data?bytes=5 HTTP/1.1\r\n" HOST "\r\n"
                 "PUT /data HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc"
                 "HEAD /data?bytes=9 HTTP/1.1\r\n" HOST "\r\n"
                 "GET /nope HTTP/1.1\r\n" HOST "\r\n"
                 "GET /data?bytes=200000 HTTP/1.1\r\n" HOST "\r\n"
                 "GET /stats HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n"
                 "GET /data?bytes=7 HTTP/1.1\r\n" HOST "\r\n");
    http_hear(&t, &r, true);
    assert_int_equal(r.length, 5);
    free(r.body);
    http_hear_count(&t, 3);
    http_hear(&t, &r, false);
    assert_int_equal(r.length, 9);
    assert_int_equal(http_hear_status(&t), 404);
    http_hear(&t, &r, true);
    assert_int_equal(r.length, 200000);
    free(r.body);
    http_hear(&t, &r, true);
    assert_int_equal(r.status, 200);
    assert_true(r.close);
    free(r.body);
    rig_advance_ms(10);
    assert_int_equal(t.rx_len, 0); /* nothing after the last one */
    assert_true(t.got_fin);
    rig_tcp_close(&t);
}

static void more_pipelined_requests_than_there_is_room_for_are_all_answered(void **state)
{
    static const char request[] = "PUT /data HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc";
    const unsigned n = 2 * CONFIG_HTTP_INPUT / (sizeof(request) - 1);
    char *all = malloc(n * (sizeof(request) - 1) + 1);
    struct rig_tcp t;

    (void)state;
    assert_non_null(all);
    for (unsigned i = 0; i < n; i++)
        memcpy(all + i * (sizeof(request) - 1), request, sizeof(request));
    assert_true(rig_tcp_connect(&t, HTTP));
    t.manual_ack = true; /* so the first answer is not through while the rest arrives */
    size_t sent = rig_tcp_send(&t, all, n * (sizeof(request) - 1));
    assert_in_range(sent, CONFIG_HTTP_INPUT - 8, CONFIG_HTTP_INPUT + sizeof(request));
    t.manual_ack = false;
    rig_tcp_segment(&t, RIG_ACK, t.snd_nxt, t.rcv_nxt, NULL, 0);
    rig_pump();
    assert_int_equal(rig_tcp_send(&t, all + sent, n * (sizeof(request) - 1) - sent),
                     n * (sizeof(request) - 1) - sent);
    for (unsigned i = 0; i < n; i++)
        http_hear_count(&t, 3);
    rig_tcp_close(&t);
    free(all);
}

static void request_with_an_acknowledgement_does_not_open_the_window_twice(void **state)
{
    char text[1460];
    struct rig_tcp t;
    struct reply r;

    (void)state;
    assert_true(rig_tcp_connect(&t, HTTP));
    t.manual_ack = true;
    http_say(&t, "GET /data?bytes=1 HTTP/1.1\r\n" HOST "\r\n");
    http_hear(&t, &r, true);
    free(r.body);
    /* One segment ends the first reply, asks for another, and brings more that has to be kept. */
    memset(text, '\n', sizeof(text));
    const char *request = "GET /data?bytes=100000 HTTP/1.1\r\n" HOST "\r\n";
    memcpy(text, request, strlen(request));
    t.snd_nxt += sizeof(text);
    rig_tcp_segment(&t, RIG_ACK, t.snd_nxt - (uint32_t)sizeof(text), t.rcv_nxt, text, sizeof(text));
    rig_pump();
    assert_true(t.rx_len > 0); /* it is being answered */
    assert_true(t.guest_wnd <= CONFIG_HTTP_INPUT - (sizeof(text) - strlen(request)));
    rig_tcp_abort(&t);
}

/* ---- bad requests -------------------------------------------------------------------------- */

static void malformed_requests_are_refused_and_the_next_client_is_served(void **state)
{
    (void)state;
    http_is_refused("\x16\x03\x01", 400);
    http_is_refused("BREW / HTTP/1.1\r\n" HOST "\r\n", 501);
    http_is_refused("GET / HTTP/9.9\r\n" HOST "\r\n", 505);
    http_is_refused("GET /stats HTTP/1.1\r\n\r\n", 400);
    http_is_refused("PUT /data HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\n", 400);
    http_is_refused("PUT /data HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999\r\n\r\n",
                    400);
    http_is_refused("PUT /data HTTP/1.1\r\n" HOST
                    "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                    400);
    http_is_refused("PUT /data HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nxyz\r\n", 400);
    http_good_client_is_served();
}

static void body_that_nobody_wants_is_answered_at_once(void **state)
{
    (void)state;
    http_is_refused("PUT /nope HTTP/1.1\r\n" HOST "Content-Length: 1000000\r\n\r\nabc", 404);
    http_is_refused("POST /stats HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n5\r\nab",
                    405);
}

static void head_of_a_mebibyte_is_refused_and_the_answer_arrives(void **state)
{
    const size_t n = 1 << 20;
    char *head = malloc(n);
    static const char start[] = "GET /stats HTTP/1.1\r\n" HOST "X: ";
    struct rig_tcp t;
    struct reply r;

    (void)state;
    assert_non_null(head);
    memset(head, 'x', n);
    memcpy(head, start, sizeof(start) - 1);
    assert_true(rig_tcp_connect(&t, HTTP));
    /* The server reads on while the client is still sending, else the client would not read. */
    assert_int_equal(rig_tcp_send(&t, head, n), n);
    http_hear(&t, &r, true);
    assert_int_equal(r.status, 431);
    free(r.body);
    assert_true(t.got_fin);
    assert_false(t.got_rst);
    rig_tcp_close(&t);
    free(head);
    http_good_client_is_served();
}

static void client_that_sends_for_ever_is_not_listened_to_for_ever(void **state)
{
    char junk[1000];
    struct rig_tcp t;

    (void)state;
    memset(junk, 'x', sizeof(junk));
    assert_true(rig_tcp_connect(&t, HTTP));
    http_say(&t, "GET /\x01");
    for (unsigned i = 0; i < 40 && !t.got_rst; i++) {
        rig_tcp_segment(&t, RIG_ACK, t.snd_nxt, t.rcv_nxt, junk, sizeof(junk));
        t.snd_nxt += sizeof(junk);
        rig_advance_ms(100);
    }
    assert_true(t.got_rst);
    rig_tcp_forget(&t);
    assert_int_equal(rig_stat(&http_service, "open"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(connection_is_kept_for_many_requests),
        TEST(close_is_honoured),
        TEST(window_opens_for_a_body_and_is_the_room_for_input_else),
        TEST(client_that_expects_to_be_told_is_told_to_go_on),
        TEST(requests_in_single_bytes_are_understood),
        TEST(half_closed_client_gets_its_answer),
        TEST(pipelined_requests_are_answered_in_order),
        TEST(more_pipelined_requests_than_there_is_room_for_are_all_answered),
        TEST(request_with_an_acknowledgement_does_not_open_the_window_twice),
        TEST(malformed_requests_are_refused_and_the_next_client_is_served),
        TEST(body_that_nobody_wants_is_answered_at_once),
        TEST(head_of_a_mebibyte_is_refused_and_the_answer_arrives),
        TEST(client_that_sends_for_ever_is_not_listened_to_for_ever),
    };

    return cmocka_run_group_tests_name("http", tests, rig_service_init, NULL);
}
