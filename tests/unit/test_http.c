// SPDX-License-Identifier: BSD-3-Clause
/*
 * The HTTP server over the real stack: good clients, bad clients, and the good client after a bad
 * one. rig_teardown() checks after each test that every pool is idle.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "app.h"
#include "conn.h"
#include "netrig.h"
#include "time.h"

#define HTTP 80
#define HOST "Host: guest\r\n"

static int init_once(void **state)
{
    (void)state;
    conn_init();
    pattern_init(1);
    return 0;
}

static int setup(void **state)
{
    int r = rig_setup(state);

    assert_true(http_service.start());
    return r;
}

/* The statistics are long enough to need several segments. */
void apps_json_stats(struct json *j)
{
    json_u64(j, "alloc_failures", 0);
    json_array(j, "filler");
    for (unsigned i = 0; i < 2000; i++)
        json_u64(j, NULL, i);
    json_end_array(j);
}

static uint64_t stat_of(const char *key)
{
    char text[1024], quoted[64];
    struct json j;

    json_init(&j, text, sizeof(text));
    json_object(&j, NULL);
    http_service.stats(&j);
    json_end_object(&j);
    assert_true(json_finish(&j) > 0);
    snprintf(quoted, sizeof(quoted), "\"%s\":", key);
    const char *at = strstr(text, quoted);
    assert_non_null(at);
    return strtoull(at + strlen(quoted), NULL, 10);
}

static void say(struct rig_tcp *t, const char *text)
{
    assert_int_equal(rig_tcp_send(t, text, strlen(text)), strlen(text));
}

/* One reply as it came. */
struct reply {
    unsigned status;
    char head[1024];
    bool close;
    uint64_t length;
    char *body; /* `length` bytes and a zero; to be freed */
};

/* Reads a reply; with_body = false after HEAD. */
static void hear(struct rig_tcp *t, struct reply *r, bool with_body)
{
    size_t n = 0;

    do {
        assert_true(n + 1 < sizeof(r->head));
        assert_int_equal(rig_tcp_recv(t, r->head + n, 1, 1000), 1);
        r->head[++n] = 0;
    } while (n < 4 || memcmp(r->head + n - 4, "\r\n\r\n", 4) != 0);
    assert_int_equal(sscanf(r->head, "HTTP/1.1 %u ", &r->status), 1);
    r->length = 0;
    r->body = NULL;
    r->close = strstr(r->head, "\r\nConnection: close\r\n") != NULL;
    if (r->status == 100)
        return;
    const char *length = strstr(r->head, "\r\nContent-Length: ");
    assert_non_null(length);
    r->length = strtoull(length + 18, NULL, 10);
    assert_true(r->close || strstr(r->head, "\r\nConnection: keep-alive\r\n") != NULL);
    if (with_body) {
        r->body = calloc(1, r->length + 1);
        assert_non_null(r->body);
        assert_int_equal(rig_tcp_recv(t, r->body, r->length, 60000), r->length);
    }
}

static unsigned hear_status(struct rig_tcp *t)
{
    struct reply r;

    hear(t, &r, true);
    free(r.body);
    return r.status;
}

static void good_client_is_served(void)
{
    struct rig_tcp t;
    struct reply r;

    assert_true(rig_tcp_connect(&t, HTTP));
    say(&t, "GET /stats HTTP/1.1\r\n" HOST "\r\n");
    hear(&t, &r, true);
    assert_int_equal(r.status, 200);
    assert_int_equal(r.body[0], '{');
    assert_int_equal(r.body[r.length - 1], '}');
    free(r.body);
    rig_tcp_close(&t);
    assert_int_equal(stat_of("open"), 0);
}

/* The same while others are there. */
static void one_more_client_is_served(void)
{
    struct rig_tcp t;

    assert_true(rig_tcp_connect(&t, HTTP));
    say(&t, "GET /stats HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(hear_status(&t), 200);
    rig_tcp_close(&t);
}

/* A new connection says `text`, gets `status` and is closed, not reset. */
static void is_refused(const char *text, unsigned status)
{
    struct rig_tcp t;
    struct reply r;

    assert_true(rig_tcp_connect(&t, HTTP));
    rig_tcp_send(&t, text, strlen(text));
    hear(&t, &r, true);
    assert_int_equal(r.status, status);
    assert_true(r.close);
    free(r.body);
    rig_advance_ms(10);
    assert_true(t.got_fin);
    assert_false(t.got_rst);
    rig_tcp_close(&t);
    assert_int_equal(stat_of("open"), 0);
}

/* ---- good clients -------------------------------------------------------------------------------
 */

static void stats_are_json_with_their_length(void **state)
{
    (void)state;
    good_client_is_served();
}

static void connection_is_kept_for_many_requests(void **state)
{
    struct rig_tcp t;

    (void)state;
    assert_true(rig_tcp_connect(&t, HTTP));
    for (unsigned i = 0; i < 50; i++) {
        say(&t,
            i % 2 ? "GET /stats HTTP/1.1\r\n" HOST "\r\n" : "GET /nope HTTP/1.1\r\n" HOST "\r\n");
        assert_int_equal(hear_status(&t), i % 2 ? 200 : 404);
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
        say(&t, requests[i]);
        hear(&t, &r, true);
        assert_true(r.close);
        free(r.body);
        rig_advance_ms(10);
        assert_true(t.got_fin);
        rig_tcp_close(&t);
    }
    assert_true(rig_tcp_connect(&t, HTTP));
    say(&t, "GET /stats HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    hear(&t, &r, true);
    assert_false(r.close);
    free(r.body);
    rig_tcp_close(&t);
}

static void data_is_the_pattern_over_and_over(void **state)
{
    const uint64_t sizes[] = {0, 1, 1460, PATTERN_BYTES, 1000000};
    struct rig_tcp t;
    struct reply r;
    char request[128];

    (void)state;
    assert_true(rig_tcp_connect(&t, HTTP));
    for (unsigned i = 0; i < 5; i++) {
        snprintf(request, sizeof(request), "GET /data?bytes=%llu HTTP/1.1\r\n" HOST "\r\n",
                 (unsigned long long)sizes[i]);
        say(&t, request);
        hear(&t, &r, true);
        assert_int_equal(r.status, 200);
        assert_int_equal(r.length, sizes[i]);
        for (uint64_t k = 0; k < r.length; k += PATTERN_BYTES) {
            uint64_t n = r.length - k < PATTERN_BYTES ? r.length - k : PATTERN_BYTES;
            assert_memory_equal(r.body + k, pattern, n);
        }
        free(r.body);
    }
    rig_tcp_close(&t);
}

static void head_is_get_without_the_body(void **state)
{
    struct rig_tcp t;
    struct reply r;

    (void)state;
    assert_true(rig_tcp_connect(&t, HTTP));
    say(&t, "HEAD /data?bytes=18446744073709551615 HTTP/1.1\r\n" HOST "\r\n");
    hear(&t, &r, false);
    assert_int_equal(r.status, 200);
    assert_true(r.length == UINT64_MAX);
    say(&t, "HEAD /stats HTTP/1.1\r\n" HOST "\r\n");
    hear(&t, &r, false);
    assert_int_equal(r.status, 200);
    assert_true(r.length > 1000);
    say(&t, "HEAD /nope HTTP/1.1\r\n" HOST "\r\n");
    hear(&t, &r, false);
    assert_int_equal(r.status, 404);
    say(&t, "GET /data?bytes=3 HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(hear_status(&t), 200);
    rig_tcp_close(&t);
}

static void expect_count(struct rig_tcp *t, uint64_t n)
{
    struct reply r;
    char want[64];

    hear(t, &r, true);
    assert_int_equal(r.status, 200);
    snprintf(want, sizeof(want), "{\"bytes\":%llu}", (unsigned long long)n);
    assert_string_equal(r.body, want);
    free(r.body);
}

static void put_and_post_are_counted(void **state)
{
    const size_t n = 1 << 20;
    char *body = calloc(1, n), head[128];
    struct rig_tcp t;

    (void)state;
    assert_non_null(body);
    assert_true(rig_tcp_connect(&t, HTTP));
    snprintf(head, sizeof(head), "PUT /data HTTP/1.1\r\n" HOST "Content-Length: %zu\r\n\r\n", n);
    say(&t, head);
    assert_int_equal(rig_tcp_send(&t, body, n), n);
    expect_count(&t, n);

    say(&t, "POST /data HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n");
    expect_count(&t, 0);

    say(&t, "POST /data HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n10000\r\n");
    assert_int_equal(rig_tcp_send(&t, body, 0x10000), 0x10000);
    say(&t, "\r\n5\r\nabcde\r\n0\r\n\r\n");
    expect_count(&t, 0x10000 + 5);
    rig_tcp_close(&t);
    free(body);
}

static void window_opens_for_a_body_and_is_the_room_for_input_else(void **state)
{
    struct rig_tcp t;

    (void)state;
    assert_true(rig_tcp_connect(&t, HTTP));
    assert_int_equal(t.guest_wnd, CONFIG_HTTP_INPUT);
    say(&t, "PUT /data HTTP/1.1\r\n" HOST "Content-Length: 10000000\r\n\r\n");
    rig_advance_ms(10);
    assert_true(t.guest_wnd > CONFIG_TCP_WND - 5000);
    rig_tcp_abort(&t);
}

static void client_that_expects_to_be_told_is_told_to_go_on(void **state)
{
    struct rig_tcp t;

    (void)state;
    assert_true(rig_tcp_connect(&t, HTTP));
    say(&t, "PUT /data HTTP/1.1\r\n" HOST "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    assert_int_equal(hear_status(&t), 100);
    say(&t, "abcde");
    expect_count(&t, 5);
    /* Refused before it sends: no 100. */
    say(&t, "PUT /stats HTTP/1.1\r\n" HOST "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    assert_int_equal(hear_status(&t), 405);
    rig_tcp_close(&t);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
    struct rig_tcp t;
    struct reply r;

    (void)state;
    assert_true(rig_tcp_connect(&t, HTTP));
    say(&t, "GET /data?bytes=5 HTTP/1.1\r\n" HOST "\r\n"
            "PUT /data HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc"
            "HEAD /data?bytes=9 HTTP/1.1\r\n" HOST "\r\n"
            "GET /nope HTTP/1.1\r\n" HOST "\r\n"
            "GET /data?bytes=200000 HTTP/1.1\r\n" HOST "\r\n"
            "GET /stats HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n"
            "GET /data?bytes=7 HTTP/1.1\r\n" HOST "\r\n");
    hear(&t, &r, true);
    assert_int_equal(r.length, 5);
    free(r.body);
    expect_count(&t, 3);
    hear(&t, &r, false);
    assert_int_equal(r.length, 9);
    assert_int_equal(hear_status(&t), 404);
    hear(&t, &r, true);
    assert_int_equal(r.length, 200000);
    free(r.body);
    hear(&t, &r, true);
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
        expect_count(&t, 3);
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
    say(&t, "GET /data?bytes=1 HTTP/1.1\r\n" HOST "\r\n");
    hear(&t, &r, true);
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
    expect_count(&t, 3);
    hear(&t, &r, true);
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
    say(&t, "GET /data?bytes=500000 HTTP/1.1\r\n" HOST "\r\n");
    rig_tcp_fin(&t);
    hear(&t, &r, true);
    assert_int_equal(r.length, 500000);
    free(r.body);
    rig_advance_ms(10);
    assert_true(t.got_fin);
    rig_tcp_close(&t);
    assert_int_equal(stat_of("open"), 0);
}

/* ---- bad requests -------------------------------------------------------------------------------
 */

static void routes_say_what_they_take(void **state)
{
    struct rig_tcp t;
    struct reply r;

    (void)state;
    assert_true(rig_tcp_connect(&t, HTTP));
    say(&t, "DELETE /data HTTP/1.1\r\n" HOST "\r\n");
    hear(&t, &r, true);
    assert_int_equal(r.status, 405);
    assert_non_null(strstr(r.head, "\r\nAllow: GET, HEAD, PUT, POST\r\n"));
    assert_false(r.close);
    free(r.body);
    const struct {
        const char *request;
        unsigned status;
    } cases[] = {
        {"OPTIONS * HTTP/1.1\r\n" HOST "\r\n", 404},
        {"GET / HTTP/1.1\r\n" HOST "\r\n", 404},
        {"PROPFIND /data HTTP/1.1\r\n" HOST "\r\n", 501},
        {"CONNECT a:1 HTTP/1.1\r\n" HOST "\r\n", 404},
        {"GET /data HTTP/1.1\r\n" HOST "\r\n", 400},
        {"GET /data?bytes=junk HTTP/1.1\r\n" HOST "\r\n", 400},
        {"GET /data?bytes=-1 HTTP/1.1\r\n" HOST "\r\n", 400},
        {"GET /data?bytes=18446744073709551616 HTTP/1.1\r\n" HOST "\r\n", 400},
        {"PUT /data HTTP/1.1\r\n" HOST "\r\n", 411},
        {"GET /stats HTTP/1.1\r\n" HOST "Expect: a pony\r\n\r\n", 417},
        {"GET /stats HTTP/1.1\r\n" HOST "\r\n", 200},
    };
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        say(&t, cases[i].request);
        assert_int_equal(hear_status(&t), cases[i].status);
    }
    rig_tcp_close(&t);
}

static void malformed_requests_are_refused_and_the_next_client_is_served(void **state)
{
    (void)state;
    is_refused("\x16\x03\x01", 400);
    is_refused("BREW / HTTP/1.1\r\n" HOST "\r\n", 501);
    is_refused("GET / HTTP/9.9\r\n" HOST "\r\n", 505);
    is_refused("GET /stats HTTP/1.1\r\n\r\n", 400);
    is_refused("PUT /data HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\n", 400);
    is_refused("PUT /data HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999\r\n\r\n", 400);
    is_refused("PUT /data HTTP/1.1\r\n" HOST
               "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
               400);
    is_refused("PUT /data HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nxyz\r\n", 400);
    good_client_is_served();
}

static void body_that_nobody_wants_is_answered_at_once(void **state)
{
    (void)state;
    is_refused("PUT /nope HTTP/1.1\r\n" HOST "Content-Length: 1000000\r\n\r\nabc", 404);
    is_refused("POST /stats HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n5\r\nab", 405);
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
    hear(&t, &r, true);
    assert_int_equal(r.status, 431);
    free(r.body);
    assert_true(t.got_fin);
    assert_false(t.got_rst);
    rig_tcp_close(&t);
    free(head);
    good_client_is_served();
}

static void client_that_sends_for_ever_is_not_listened_to_for_ever(void **state)
{
    char junk[1000];
    struct rig_tcp t;

    (void)state;
    memset(junk, 'x', sizeof(junk));
    assert_true(rig_tcp_connect(&t, HTTP));
    say(&t, "GET /\x01");
    for (unsigned i = 0; i < 40 && !t.got_rst; i++) {
        rig_tcp_segment(&t, RIG_ACK, t.snd_nxt, t.rcv_nxt, junk, sizeof(junk));
        t.snd_nxt += sizeof(junk);
        rig_advance_ms(100);
    }
    assert_true(t.got_rst);
    rig_tcp_forget(&t);
    assert_int_equal(stat_of("open"), 0);
}

/* ---- slow and vanished clients ------------------------------------------------------------------
 */

static void head_that_trickles_in_ends_with_408(void **state)
{
    struct rig_tcp t;
    struct reply r;

    (void)state;
    assert_true(rig_tcp_connect(&t, HTTP));
    say(&t, "GET /stats HTTP/1.1\r\n" HOST "X: ");
    for (unsigned i = 0; i < CONFIG_HTTP_HEAD_MS / 1000 - 1; i++) {
        rig_advance_ms(1000);
        say(&t, "x");
        assert_int_equal(t.rx_len, 0);
    }
    rig_advance_ms(2000);
    hear(&t, &r, true);
    assert_int_equal(r.status, 408);
    free(r.body);
    assert_true(t.got_fin);
    rig_tcp_close(&t);
    good_client_is_served();
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
    assert_int_equal(stat_of("open"), 0);
}

static void body_that_stops_is_given_up(void **state)
{
    struct rig_tcp t;

    (void)state;
    assert_true(rig_tcp_connect(&t, HTTP));
    say(&t, "PUT /data HTTP/1.1\r\n" HOST "Content-Length: 100\r\n\r\nabc");
    rig_advance_ms(CONFIG_IDLE_MS + 1000);
    assert_true(t.got_rst);
    rig_tcp_forget(&t);
    assert_int_equal(stat_of("open"), 0);
}

static void answer_that_nobody_reads_is_given_up(void **state)
{
    struct rig_tcp t;

    (void)state;
    assert_true(rig_tcp_connect(&t, HTTP));
    t.wnd = 0;
    rig_tcp_send(&t, "GET /data?bytes=100000 HTTP/1.1\r\n", 33);
    rig_tcp_send(&t, HOST "\r\n", 15);
    rig_advance_ms(CONFIG_IDLE_MS + 2000);
    assert_true(t.got_rst);
    rig_tcp_forget(&t);
    assert_int_equal(stat_of("open"), 0);
}

/* A byte here and there is progress, and still not good enough for a buffer that others need. */
static void text_that_trickles_out_is_given_up(void **state)
{
    uint64_t before = apps_refusals();
    struct rig_tcp t;
    char bytes[256];

    (void)state;
    assert_true(rig_tcp_connect(&t, HTTP));
    t.wnd = sizeof(bytes);
    rig_tcp_send(&t, "GET /stats HTTP/1.1\r\n", 21);
    rig_tcp_send(&t, HOST "\r\n", 15);
    for (unsigned ms = 0; ms < CONFIG_HTTP_TEXT_MS - 1000; ms += 1000) {
        rig_advance_ms(1000);
        assert_false(t.got_rst);
        rig_tcp_recv(&t, bytes, sizeof(bytes), 0);
    }
    rig_advance_ms(1999);
    assert_true(t.got_rst);
    rig_tcp_forget(&t);
    assert_int_equal(stat_of("open"), 0);
    assert_int_equal(apps_refusals(), before + 1);
    assert_non_null(strstr(rig_record("refused"), "http: not read in time"));
}

/* What is not held in a buffer that others need may take as long as it moves. */
static void data_may_be_read_slowly(void **state)
{
    struct rig_tcp t;
    char bytes[1000];

    (void)state;
    assert_true(rig_tcp_connect(&t, HTTP));
    t.wnd = sizeof(bytes);
    rig_tcp_send(&t, "GET /data?bytes=1000000 HTTP/1.1\r\n", 34);
    rig_tcp_send(&t, HOST "\r\n", 15);
    for (unsigned ms = 0; ms < 2 * CONFIG_HTTP_TEXT_MS; ms += 1000) {
        rig_advance_ms(1000);
        rig_tcp_recv(&t, bytes, sizeof(bytes), 0);
    }
    assert_false(t.got_rst);
    rig_tcp_abort(&t);
}

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
        say(&t, requests[i % 4]);
        rig_tcp_abort(&t);
        rig_pump();
        assert_int_equal(stat_of("open"), 0);
    }
    good_client_is_served();
}

static void client_that_closes_in_the_middle_of_its_request_is_forgotten(void **state)
{
    struct rig_tcp t;

    (void)state;
    assert_true(rig_tcp_connect(&t, HTTP));
    say(&t, "PUT /data HTTP/1.1\r\n" HOST "Content-Length: 1000\r\n\r\nabc");
    rig_tcp_close(&t);
    assert_true(rig_tcp_connect(&t, HTTP));
    say(&t, "GET /st");
    rig_tcp_close(&t);
    assert_int_equal(stat_of("open"), 0);
}

/* ---- limits -------------------------------------------------------------------------------------
 */

static void answers_beyond_their_buffers_are_503(void **state)
{
    struct rig_tcp t[CONFIG_HTTP_TEXTS], more;
    struct reply r;

    (void)state;
    for (unsigned i = 0; i < CONFIG_HTTP_TEXTS; i++) {
        assert_true(rig_tcp_connect(&t[i], HTTP));
        t[i].manual_ack = true;
        say(&t[i], "GET /stats HTTP/1.1\r\n" HOST "\r\n");
    }
    assert_true(rig_tcp_connect(&more, HTTP));
    say(&more, "GET /stats HTTP/1.1\r\n" HOST "\r\n");
    hear(&more, &r, true);
    assert_int_equal(r.status, 503);
    assert_non_null(strstr(r.head, "\r\nRetry-After: 1\r\n"));
    assert_false(r.close);
    free(r.body);

    rig_tcp_abort(&t[0]);
    rig_pump();
    say(&more, "GET /stats HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(hear_status(&more), 200);
    rig_tcp_close(&more);
    for (unsigned i = 1; i < CONFIG_HTTP_TEXTS; i++)
        rig_tcp_abort(&t[i]);
}

/* As many as there are buffers, each asking again and again and reading nothing: a client that
 * comes again after the second that the 503 speaks of has its answer. */
static void slow_readers_keep_nobody_from_an_answer_for_long(void **state)
{
    static const char request[] = "GET /stats HTTP/1.1\r\n" HOST "\r\n";
    struct rig_tcp t[CONFIG_HTTP_TEXTS], more;
    uint64_t before;

    (void)state;
    for (unsigned i = 0; i < CONFIG_HTTP_TEXTS; i++) {
        assert_true(rig_tcp_connect(&t[i], HTTP));
        t[i].wnd = 0;
        for (unsigned k = 0; k < 10; k++)
            rig_tcp_send(&t[i], request, sizeof(request) - 1);
        rig_advance_ms(1);
    }
    before = apps_refusals();
    assert_true(rig_tcp_connect(&more, HTTP));
    say(&more, request);
    assert_int_equal(hear_status(&more), 503);
    assert_int_equal(apps_refusals(), before + 1);
    rig_advance_ms(1000);
    say(&more, request);
    assert_int_equal(hear_status(&more), 200);
    assert_int_equal(apps_refusals(), before + 2);
    assert_non_null(strstr(rig_record("refused"), "\"what\":\"reply\""));
    assert_true(t[0].got_rst); /* the one that took longest */
    assert_false(t[1].got_rst);
    rig_tcp_close(&more);
    rig_tcp_forget(&t[0]);
    for (unsigned i = 1; i < CONFIG_HTTP_TEXTS; i++)
        rig_tcp_abort(&t[i]);
}

static void idle_connection_makes_way_for_a_new_one(void **state)
{
    struct rig_tcp t[CONFIG_HTTP_CONN];
    uint64_t before = stat_of("made_way");

    (void)state;
    for (unsigned i = 0; i < CONFIG_HTTP_CONN; i++) {
        assert_true(rig_tcp_connect(&t[i], HTTP));
        rig_advance_ms(1);
    }
    rig_advance_ms(1000);
    say(&t[0], "GET /data?bytes=1 HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(hear_status(&t[0]), 200);
    struct rig_tcp more;
    assert_true(rig_tcp_connect(&more, HTTP));
    say(&more, "GET /data?bytes=1 HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(hear_status(&more), 200);
    assert_int_equal(stat_of("made_way"), before + 1);
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
    uint64_t before = apps_refusals();

    (void)state;
    for (unsigned i = 0; i < CONFIG_HTTP_CONN; i++)
        assert_true(rig_tcp_connect(&t[i], HTTP));
    rig_advance_ms(900);
    rig_tcp_connect(&more, HTTP);
    rig_pump();
    assert_true(more.got_rst);
    rig_tcp_forget(&more);
    assert_int_equal(apps_refusals(), before + 1);

    /* The place of one that has had an answer can be had at once. */
    say(&t[1], request);
    assert_int_equal(hear_status(&t[1]), 200);
    assert_true(rig_tcp_connect(&more, HTTP));
    assert_true(t[1].got_fin);
    for (unsigned i = 0; i < CONFIG_HTTP_CONN; i++) {
        if (i != 1) {
            say(&t[i], request);
            assert_int_equal(hear_status(&t[i]), 200);
        }
        rig_tcp_close(&t[i]);
    }
    rig_tcp_close(&more);
}

static void connection_beyond_busy_ones_is_refused_and_counted(void **state)
{
    struct rig_tcp t[CONFIG_HTTP_CONN], more;
    uint64_t before = apps_refusals();

    (void)state;
    for (unsigned i = 0; i < CONFIG_HTTP_CONN; i++) {
        assert_true(rig_tcp_connect(&t[i], HTTP));
        say(&t[i], "PUT /data HTTP/1.1\r\n" HOST "Content-Length: 4\r\n\r\nabc");
    }
    rig_tcp_connect(&more, HTTP);
    rig_pump();
    assert_true(more.got_rst);
    rig_tcp_forget(&more);
    assert_int_equal(apps_refusals(), before + 1);
    for (unsigned i = 0; i < CONFIG_HTTP_CONN; i++) {
        say(&t[i], "d");
        expect_count(&t[i], 4);
        rig_tcp_close(&t[i]);
    }
    good_client_is_served();
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
        say(&t[i], request);
    }
    for (unsigned s = 0; s < 12; s++) {
        for (unsigned i = 0; i < CONFIG_HTTP_CONN; i++)
            rig_tcp_send(&t[i], bytes, i == 0 ? sizeof(bytes) : 1);
        rig_advance_ms(1000);
    }
    one_more_client_is_served();
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
        say(&t[i], "PUT /data HTTP/1.1\r\n" HOST "Content-Length: 4\r\n\r\nabc");
    rig_advance_ms(4000);
    assert_false(rig_tcp_connect(&more, HTTP) && !more.got_rst);
    for (unsigned i = 0; i < CONFIG_HTTP_CONN; i++) {
        say(&t[i], "d");
        expect_count(&t[i], 4);
        rig_tcp_close(&t[i]);
    }
}

static void connection_that_only_lingers_makes_way_for_a_new_one(void **state)
{
    struct rig_tcp t[CONFIG_HTTP_CONN];

    (void)state;
    for (unsigned i = 0; i < CONFIG_HTTP_CONN; i++) {
        assert_true(rig_tcp_connect(&t[i], HTTP));
        say(&t[i], "GET /\x01");
        assert_int_equal(hear_status(&t[i]), 400);
    }
    one_more_client_is_served();
    for (unsigned i = 0; i < CONFIG_HTTP_CONN; i++) {
        assert_false(t[i].got_rst);
        rig_tcp_close(&t[i]);
    }
}

static void thousand_connections_leave_nothing_behind(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        struct rig_tcp t;
        assert_true(rig_tcp_connect(&t, HTTP));
        say(&t, "GET /data?bytes=100 HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
        assert_int_equal(hear_status(&t), 200);
        rig_tcp_close(&t);
    }
    assert_int_equal(stat_of("open"), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, rig_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(stats_are_json_with_their_length),
        TEST(connection_is_kept_for_many_requests),
        TEST(close_is_honoured),
        TEST(data_is_the_pattern_over_and_over),
        TEST(head_is_get_without_the_body),
        TEST(put_and_post_are_counted),
        TEST(window_opens_for_a_body_and_is_the_room_for_input_else),
        TEST(client_that_expects_to_be_told_is_told_to_go_on),
        TEST(pipelined_requests_are_answered_in_order),
        TEST(more_pipelined_requests_than_there_is_room_for_are_all_answered),
        TEST(request_with_an_acknowledgement_does_not_open_the_window_twice),
        TEST(requests_in_single_bytes_are_understood),
        TEST(half_closed_client_gets_its_answer),
        TEST(routes_say_what_they_take),
        TEST(malformed_requests_are_refused_and_the_next_client_is_served),
        TEST(body_that_nobody_wants_is_answered_at_once),
        TEST(head_of_a_mebibyte_is_refused_and_the_answer_arrives),
        TEST(client_that_sends_for_ever_is_not_listened_to_for_ever),
        TEST(head_that_trickles_in_ends_with_408),
        TEST(silent_connection_is_closed_in_the_end),
        TEST(body_that_stops_is_given_up),
        TEST(answer_that_nobody_reads_is_given_up),
        TEST(text_that_trickles_out_is_given_up),
        TEST(data_may_be_read_slowly),
        TEST(client_that_resets_in_the_middle_leaves_nothing_behind),
        TEST(client_that_closes_in_the_middle_of_its_request_is_forgotten),
        TEST(answers_beyond_their_buffers_are_503),
        TEST(slow_readers_keep_nobody_from_an_answer_for_long),
        TEST(idle_connection_makes_way_for_a_new_one),
        TEST(new_connection_keeps_its_place_until_its_request_can_be_there),
        TEST(connection_beyond_busy_ones_is_refused_and_counted),
        TEST(slow_connection_makes_way_for_a_new_one),
        TEST(connection_that_was_idle_is_not_slow),
        TEST(connection_that_only_lingers_makes_way_for_a_new_one),
        TEST(thousand_connections_leave_nothing_behind),
    };
    return cmocka_run_group_tests_name("http", tests, init_once, NULL);
}
