// SPDX-License-Identifier: BSD-3-Clause
/*
 * Requests, good and bad, in one piece and byte by byte: the events are the same.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "http_parse.h"

_Noreturn void panic(const char *fmt, ...);

void panic(const char *fmt, ...)
{
    (void)fmt;
    abort();
}

static struct http_request r;

/* Feeds text in pieces of `step` bytes, each in memory of its own so that a read past its end is
 * noticed. Returns the first event that is not MORE; *rest is what was not consumed. */
static enum http_event feed(const char *text, size_t len, size_t step, size_t *rest)
{
    enum http_event event = HTTP_EVENT_MORE;
    size_t pos = 0;

    do {
        size_t n = len - pos < step ? len - pos : step;
        char *piece = malloc(n > 0 ? n : 1);
        size_t used;
        assert_non_null(piece);
        memcpy(piece, text + pos, n);
        event = http_parse(&r, piece, n, &used);
        free(piece);
        assert_true(event == HTTP_EVENT_BAD || used <= n);
        pos += used;
    } while (event == HTTP_EVENT_MORE && pos < len);
    *rest = len - pos;
    return event;
}

static const size_t steps[] = {SIZE_MAX, 1, 7};
#define FOR_STEPS(step)                                                                            \
    for (size_t step, k_ = 0; k_ < sizeof(steps) / sizeof(steps[0]) && (step = steps[k_], true);   \
         k_++)

/* One request that must be complete and must be followed by nothing. */
static void good(const char *text, size_t step)
{
    size_t len = strlen(text), rest;

    http_request_init(&r);
    assert_int_equal(feed(text, len, step, &rest), HTTP_EVENT_HEAD);
    assert_int_equal(feed(text + len - rest, rest, step, &rest), HTTP_EVENT_DONE);
    assert_int_equal(rest, 0);
}

static void bad_bytes(const char *text, size_t len, unsigned status)
{
    FOR_STEPS(step)
    {
        size_t rest = len;
        enum http_event event;
        http_request_init(&r);
        do {
            event = feed(text + len - rest, rest, step, &rest);
        } while (event == HTTP_EVENT_HEAD);
        assert_int_equal(event, HTTP_EVENT_BAD);
        assert_int_equal(r.status, status);
    }
}

static void bad(const char *text, unsigned status)
{
    bad_bytes(text, strlen(text), status);
}

static void get_is_complete_without_a_body(void **state)
{
    (void)state;
    FOR_STEPS(step)
    {
        good("GET /stats?x=1 HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n\r\n", step);
        assert_int_equal(r.method, HTTP_GET);
        assert_string_equal(r.target, "/stats?x=1");
        assert_true(r.keep_alive);
        assert_false(r.has_length);
        assert_false(r.http10);
        assert_int_equal(r.expect, HTTP_EXPECT_NONE);
    }
}

static void body_with_length_is_counted(void **state)
{
    (void)state;
    FOR_STEPS(step)
    {
        good("PUT /data HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabcde", step);
        assert_true(r.has_body);
        assert_int_equal(r.body_bytes, 5);
    }
}

static void chunked_body_is_counted_without_its_framing(void **state)
{
    (void)state;
    FOR_STEPS(step)
    {
        good("POST /data HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
             "5;ext=1\r\nabcde\r\nA\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n",
             step);
        assert_true(r.has_body);
        assert_int_equal(r.body_bytes, 15);
    }
}

static void body_left_is_never_more_than_what_must_come(void **state)
{
    const char *head = "PUT /data HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n";
    size_t rest;

    (void)state;
    http_request_init(&r);
    assert_int_equal(http_body_left(&r), 0);
    assert_int_equal(feed(head, strlen(head), SIZE_MAX, &rest), HTTP_EVENT_HEAD);
    assert_int_equal(http_body_left(&r), 5);
    assert_int_equal(feed("ab", 2, SIZE_MAX, &rest), HTTP_EVENT_MORE);
    assert_int_equal(http_body_left(&r), 3);
    assert_int_equal(feed("cdeGET", 6, SIZE_MAX, &rest), HTTP_EVENT_DONE);
    assert_int_equal(rest, 3);
    assert_int_equal(http_body_left(&r), 0);
}

static void pipelined_requests_come_one_by_one(void **state)
{
    const char *text = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
                       "PUT /b HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi"
                       "\r\nGET /c HTTP/1.1\r\nHost: x\r\n\r\n";
    const char *targets[] = {"/a", "/b", "/c"};

    (void)state;
    FOR_STEPS(step)
    {
        size_t len = strlen(text), rest = len;
        http_request_init(&r);
        for (unsigned i = 0; i < 3; i++) {
            assert_int_equal(feed(text + len - rest, rest, step, &rest), HTTP_EVENT_HEAD);
            assert_string_equal(r.target, targets[i]);
            assert_int_equal(feed(text + len - rest, rest, step, &rest), HTTP_EVENT_DONE);
            assert_int_equal(r.body_bytes, i == 1 ? 2 : 0);
            http_request_next(&r);
        }
        assert_int_equal(rest, 0);
        assert_int_equal(r.first, 0);
    }
}

static void keep_alive_follows_version_and_field(void **state)
{
    (void)state;
    good("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", SIZE_MAX);
    assert_false(r.keep_alive);
    good("GET / HTTP/1.0\r\n\r\n", SIZE_MAX);
    assert_true(r.http10);
    assert_false(r.keep_alive);
    good("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", SIZE_MAX);
    assert_true(r.keep_alive);
}

static void expect_is_recognised_in_any_case(void **state)
{
    (void)state;
    FOR_STEPS(step)
    {
        good("PUT / HTTP/1.1\r\nHost: a\r\nEXPECT: 100-Continue\r\nContent-Length: 0\r\n\r\n",
             step);
        assert_int_equal(r.expect, HTTP_EXPECT_CONTINUE);
        assert_false(r.has_body);
        good("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue-and-a-pony\r\n\r\n", step);
        assert_int_equal(r.expect, HTTP_EXPECT_OTHER);
        good("GET / HTTP/1.1\r\nHost: a\r\nExpected: 1\r\nX-Expect-Long-Name: 100-continue\r\n\r\n",
             step);
        assert_int_equal(r.expect, HTTP_EXPECT_NONE);
    }
}

static void offer_to_upgrade_is_ignored(void **state)
{
    (void)state;
    good("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
         "HTTP2-Settings: AAMAAABk\r\n\r\n",
         SIZE_MAX);
    good("CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", SIZE_MAX);
    assert_int_equal(r.method, HTTP_CONNECT);
}

static void unknown_method_is_501_and_noise_is_400(void **state)
{
    (void)state;
    bad("BREW /pot HTTP/1.1\r\nHost: a\r\n\r\n", 501);
    bad("get / HTTP/1.1\r\nHost: a\r\n\r\n", 501);
    bad("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", 501);
    bad("\x16\x03\x01\x02\x01", 400);
    bad(" GET / HTTP/1.1\r\n", 400);
    bad("\r\n\r\n\x7f", 400);
    bad_bytes("\0\0\0\0", 4, 400);
    bad_bytes("GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n", 29, 400);
}

static void bad_version_is_refused(void **state)
{
    (void)state;
    bad("GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505);
    bad("GET / HTTP/3.7\r\nHost: a\r\n\r\n", 505);
    bad("GET / HTTP/a.b\r\nHost: a\r\n\r\n", 505);
    bad("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505);
    bad("GET /\r\n\r\n", 505);
    bad("GET / HTTQ/1.1\r\nHost: a\r\n\r\n", 400);
    bad("GET / extra HTTP/1.1\r\nHost: a\r\n\r\n", 400);
    bad("GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 505);
}

static void content_length_must_be_one_number_of_64_bits(void **state)
{
    (void)state;
#define WITH(length) "PUT /data HTTP/1.1\r\nHost: a\r\nContent-Length: " length "\r\n\r\n"
    bad(WITH("-1"), 400);
    bad(WITH("+1"), 400);
    bad(WITH(""), 400);
    bad(WITH("0x10"), 400);
    bad(WITH("1 2"), 400);
    bad(WITH("3, 3"), 400);
    bad(WITH("18446744073709551616"), 400);
    bad(WITH("99999999999999999999999"), 400);
    bad(WITH("3\r\nContent-Length: 3"), 400);
    bad(WITH("3\r\nContent-Length: 4"), 400);

    size_t rest;
    const char *most = WITH("18446744073709551615");
    http_request_init(&r);
    assert_int_equal(feed(most, strlen(most), SIZE_MAX, &rest), HTTP_EVENT_HEAD);
    assert_true(http_body_left(&r) == UINT64_MAX);
#undef WITH
}

static void two_framings_of_one_body_are_refused(void **state)
{
    (void)state;
#define WITH(fields) "POST /data HTTP/1.1\r\nHost: a\r\n" fields "\r\n\r\n0\r\n\r\n"
    bad(WITH("Content-Length: 5\r\nTransfer-Encoding: chunked"), 400);
    bad(WITH("Transfer-Encoding: chunked\r\nContent-Length: 5"), 400);
    bad(WITH("Transfer-Encoding: chunked, identity"), 400);
    bad(WITH("Transfer-Encoding: identity"), 400);
    bad(WITH("Transfer-Encoding: xchunked"), 400);
    bad(WITH("Transfer-Encoding : chunked"), 400);
    bad(WITH(" Transfer-Encoding: chunked"), 400);
    bad(WITH("X: y\r\n Transfer-Encoding: chunked"), 400);
    bad(WITH("X-Abc:\rxTransfer-Encoding: chunked"), 400);
    bad(WITH("X: y\nTransfer-Encoding: chunked"), 400);
    bad("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400);
#undef WITH
}

static void bad_chunks_are_refused(void **state)
{
    (void)state;
#define CHUNKED "POST /data HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    bad(CHUNKED "-5\r\nabcde\r\n", 400);
    bad(CHUNKED "g\r\n", 400);
    bad(CHUNKED "\r\n", 400);
    bad(CHUNKED "5\nabcde\r\n0\r\n\r\n", 400);
    bad(CHUNKED "5\r\nabcdef\r\n0\r\n\r\n", 400);
    bad(CHUNKED "5\r\nabcde0\r\n\r\n", 400);
    bad(CHUNKED "10000000000000000\r\n", 400);
#undef CHUNKED
}

static void host_must_be_there_once(void **state)
{
    (void)state;
    bad("GET / HTTP/1.1\r\n\r\n", 400);
    bad("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400);
    bad("GET / HTTP/1.1\r\nHosts: a\r\nXHost: b\r\n\r\n", 400);
}

static void bad_fields_are_refused(void **state)
{
    (void)state;
#define FIELD(f) "GET / HTTP/1.1\r\nHost: a\r\n" f "\r\n\r\n"
    bad(FIELD("no colon"), 400);
    bad(FIELD(": no name"), 400);
    bad(FIELD("a b: c"), 400);
    bad(FIELD("a: \x01"), 400);
    bad(FIELD("a\rb: c"), 400);
#undef FIELD
}

static char *text_of(const char *front, char fill, size_t n, const char *back)
{
    char *s = malloc(strlen(front) + n + strlen(back) + 1);

    assert_non_null(s);
    strcpy(s, front);
    memset(s + strlen(front), fill, n);
    strcpy(s + strlen(front) + n, back);
    return s;
}

static void head_has_a_bound(void **state)
{
    (void)state;
    char *s = text_of("GET / HTTP/1.1\r\nHost: a\r\nX: ", 'x', 1 << 20, "\r\n\r\n");
    bad(s, 431);
    free(s);
    s = text_of("GET / HTTP/1.1\r\nHost: a\r\n", 'n', 1 << 20, ": v\r\n\r\n");
    bad(s, 431);
    free(s);
    s = text_of("", '\n', 1 << 20, "");
    bad(s, 431);
    free(s);

    /* The largest that fits, and one byte more. */
    const char *front = "GET / HTTP/1.1\r\nHost: a\r\nX: ", *back = "\r\n\r\n";
    size_t fill = CONFIG_HTTP_HEAD_MAX - strlen(front) - strlen(back);
    FOR_STEPS(step)
    {
        s = text_of(front, 'x', fill, back);
        good(s, step);
        free(s);
    }
    s = text_of(front, 'x', fill + 1, back);
    bad(s, 431);
    free(s);
}

static void trailer_has_a_bound(void **state)
{
    (void)state;
    char *s =
        text_of("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ", 'x',
                1 << 20, "\r\n\r\n");
    bad(s, 431);
    free(s);
}

static void target_has_a_bound(void **state)
{
    (void)state;
    char *s = text_of("GET /", 'x', CONFIG_HTTP_TARGET_MAX - 1, " HTTP/1.1\r\nHost: a\r\n\r\n");
    good(s, SIZE_MAX);
    assert_int_equal(strlen(r.target), CONFIG_HTTP_TARGET_MAX);
    good(s, 1);
    free(s);
    s = text_of("GET /", 'x', CONFIG_HTTP_TARGET_MAX, " HTTP/1.1\r\nHost: a\r\n\r\n");
    bad(s, 414);
    free(s);
}

static void set_target(const char *target)
{
    http_request_init(&r);
    strcpy(r.target, target);
}

static void path_is_compared_whole(void **state)
{
    const char *query = NULL;

    (void)state;
    set_target("/data?bytes=5");
    assert_true(http_target_is(&r, "/data", &query));
    assert_string_equal(query, "bytes=5");
    set_target("/data");
    assert_true(http_target_is(&r, "/data", &query));
    assert_string_equal(query, "");
    set_target("http://10.0.2.15:80/data?a");
    assert_true(http_target_is(&r, "/data", &query));
    assert_string_equal(query, "a");
    set_target("http://host");
    assert_true(http_target_is(&r, "/", &query));
    set_target("/database");
    assert_false(http_target_is(&r, "/data", &query));
    set_target("/dat");
    assert_false(http_target_is(&r, "/data", &query));
    set_target("/data/");
    assert_false(http_target_is(&r, "/data", &query));
    set_target("*");
    assert_false(http_target_is(&r, "/", &query));
}

static void query_number_is_strict(void **state)
{
    uint64_t v = 0;

    (void)state;
    assert_true(http_query_u64("bytes=0", "bytes", &v) && v == 0);
    assert_true(http_query_u64("a=b&bytes=18446744073709551615&c", "bytes", &v) && v == UINT64_MAX);
    assert_false(http_query_u64("bytes=18446744073709551616", "bytes", &v));
    assert_false(http_query_u64("bytes=99999999999999999999", "bytes", &v));
    assert_false(http_query_u64("bytes=-1", "bytes", &v));
    assert_false(http_query_u64("bytes=+1", "bytes", &v));
    assert_false(http_query_u64("bytes=1e3", "bytes", &v));
    assert_false(http_query_u64("bytes=0x1", "bytes", &v));
    assert_false(http_query_u64("bytes= 1", "bytes", &v));
    assert_false(http_query_u64("bytes=1k", "bytes", &v));
    assert_false(http_query_u64("bytes=", "bytes", &v));
    assert_false(http_query_u64("bytes", "bytes", &v));
    assert_false(http_query_u64("", "bytes", &v));
    assert_false(http_query_u64("xbytes=1", "bytes", &v));
    assert_false(http_query_u64("bytes=1&bytes=1", "bytes", &v));
}

/* The requests in `text` up to its end or the first bad one, as text: whatever a peer sends, how it
 * is cut into segments must not matter. */
static void summarize(const char *text, size_t len, size_t step, char *to, size_t cap)
{
    size_t rest = len, n = 0;
    enum http_event event;

    to[0] = 0;
    http_request_init(&r);
    do {
        event = feed(text + len - rest, rest, step, &rest);
        if (event == HTTP_EVENT_HEAD)
            n += (size_t)snprintf(to + n, cap - n, "%u %s %d;", r.method, r.target, r.expect);
        if (event == HTTP_EVENT_DONE) {
            n += (size_t)snprintf(to + n, cap - n, "%llu;", (unsigned long long)r.body_bytes);
            if (!r.keep_alive)
                return;
            http_request_next(&r);
        }
    } while (event != HTTP_EVENT_BAD && (rest > 0 || event == HTTP_EVENT_HEAD));
    if (event == HTTP_EVENT_BAD)
        snprintf(to + n, cap - n, "bad %u", r.status);
}

static void changed_requests_mean_the_same_however_they_are_cut(void **state)
{
    static const char good_text[] =
        "GET /data?bytes=10 HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n\r\n"
        "PUT /data HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nabcde"
        "POST /data HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        "5;ext=1\r\nabcde\r\nA\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n"
        "HEAD http://host/stats HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
    static const char alphabet[] = "\r\n\t \0:;,/?=0123456789-+ACDEGHPTaceghnt\x7f\xff";
    char text[sizeof(good_text)], whole[1024], cut[1024];
    unsigned different = 0;

    (void)state;
    srandom(1);
    for (unsigned i = 0; i < 20000; i++) {
        memcpy(text, good_text, sizeof(text));
        for (long changes = 1 + random() % 3; changes > 0; changes--)
            text[(size_t)random() % (sizeof(text) - 1)] =
                alphabet[(size_t)random() % (sizeof(alphabet) - 1)];
        size_t len = (size_t)random() % sizeof(text);
        summarize(text, len, SIZE_MAX, whole, sizeof(whole));
        summarize(text, len, 1 + (size_t)random() % 9, cut, sizeof(cut));
        assert_string_equal(whole, cut);
        different += strstr(whole, "bad") != NULL;
    }
    assert_in_range(different, 5000, 19999); /* it does reach both */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(get_is_complete_without_a_body),
        cmocka_unit_test(body_with_length_is_counted),
        cmocka_unit_test(chunked_body_is_counted_without_its_framing),
        cmocka_unit_test(body_left_is_never_more_than_what_must_come),
        cmocka_unit_test(pipelined_requests_come_one_by_one),
        cmocka_unit_test(keep_alive_follows_version_and_field),
        cmocka_unit_test(expect_is_recognised_in_any_case),
        cmocka_unit_test(offer_to_upgrade_is_ignored),
        cmocka_unit_test(unknown_method_is_501_and_noise_is_400),
        cmocka_unit_test(bad_version_is_refused),
        cmocka_unit_test(content_length_must_be_one_number_of_64_bits),
        cmocka_unit_test(two_framings_of_one_body_are_refused),
        cmocka_unit_test(bad_chunks_are_refused),
        cmocka_unit_test(host_must_be_there_once),
        cmocka_unit_test(bad_fields_are_refused),
        cmocka_unit_test(head_has_a_bound),
        cmocka_unit_test(trailer_has_a_bound),
        cmocka_unit_test(target_has_a_bound),
        cmocka_unit_test(path_is_compared_whole),
        cmocka_unit_test(query_number_is_strict),
        cmocka_unit_test(changed_requests_mean_the_same_however_they_are_cut),
    };
    return cmocka_run_group_tests_name("http_parse", tests, NULL, NULL);
}
