// SPDX-License-Identifier: BSD-3-Clause
/*
 * What the HTTP server answers to which request, and how many answers it holds at once.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "fault.h"
#include "http_client.h"
#include "netrig.h"
#include "time.h"

static void stats_are_json_with_their_length(void **state)
{
    (void)state;
    http_good_client_is_served();
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
        http_say(&t, request);
        http_hear(&t, &r, true);
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
    http_say(&t, "HEAD /data?bytes=18446744073709551615 HTTP/1.1\r\n" HOST "\r\n");
    http_hear(&t, &r, false);
    assert_int_equal(r.status, 200);
    assert_true(r.length == UINT64_MAX);
    http_say(&t, "HEAD /stats HTTP/1.1\r\n" HOST "\r\n");
    http_hear(&t, &r, false);
    assert_int_equal(r.status, 200);
    assert_true(r.length > 1000);
    http_say(&t, "HEAD /nope HTTP/1.1\r\n" HOST "\r\n");
    http_hear(&t, &r, false);
    assert_int_equal(r.status, 404);
    http_say(&t, "GET /data?bytes=3 HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(http_hear_status(&t), 200);
    rig_tcp_close(&t);
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
    http_say(&t, head);
    assert_int_equal(rig_tcp_send(&t, body, n), n);
    http_hear_count(&t, n);

    http_say(&t, "POST /data HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n");
    http_hear_count(&t, 0);

    http_say(&t, "POST /data HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n10000\r\n");
    assert_int_equal(rig_tcp_send(&t, body, 0x10000), 0x10000);
    http_say(&t, "\r\n5\r\nabcde\r\n0\r\n\r\n");
    http_hear_count(&t, 0x10000 + 5);
    rig_tcp_close(&t);
    free(body);
}

static void routes_say_what_they_take(void **state)
{
    struct rig_tcp t;
    struct reply r;

    (void)state;
    assert_true(rig_tcp_connect(&t, HTTP));
    http_say(&t, "DELETE /data HTTP/1.1\r\n" HOST "\r\n");
    http_hear(&t, &r, true);
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
        http_say(&t, cases[i].request);
        assert_int_equal(http_hear_status(&t), cases[i].status);
    }
    rig_tcp_close(&t);
}

static void faults_are_ordered_where_that_was_allowed(void **state)
{
    static const struct fault none[FAULT_KINDS];
    const struct {
        const char *request;
        unsigned before, after; /* it was allowed */
    } cases[] = {
        {"GET /fault HTTP/1.1\r\n" HOST "\r\n", 405, 405},
        {"POST /fault HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n", 403, 400},
        {"POST /fault?clock:1@0s+1s HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n", 403, 400},
        {"POST /fault?drop_irq:3@0s+1s HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n", 403, 200},
        {"POST /fault?drop_irq:5@1s+1s HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n", 403, 409},
    };
    struct rig_tcp t;

    (void)state;
    assert_true(rig_tcp_connect(&t, HTTP));
    for (unsigned allowed = 0; allowed < 2; allowed++) {
        fault_init(none);
        if (allowed)
            fault_allow();
        for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
            http_say(&t, cases[i].request);
            assert_int_equal(http_hear_status(&t), allowed ? cases[i].after : cases[i].before);
        }
    }
    fault_turn(time_ns());
    assert_true(fault_is(FAULT_DROP_IRQ));
    assert_int_equal(fault_n(FAULT_DROP_IRQ), 3);
    fault_init(none);
    rig_tcp_close(&t);
}

/* ---- answers that are held ----------------------------------------------------------------- */

static void answers_beyond_their_buffers_are_503(void **state)
{
    struct rig_tcp t[CONFIG_HTTP_TEXTS], more;
    struct reply r;

    (void)state;
    for (unsigned i = 0; i < CONFIG_HTTP_TEXTS; i++) {
        assert_true(rig_tcp_connect(&t[i], HTTP));
        t[i].manual_ack = true;
        http_say(&t[i], "GET /stats HTTP/1.1\r\n" HOST "\r\n");
    }
    assert_true(rig_tcp_connect(&more, HTTP));
    http_say(&more, "GET /stats HTTP/1.1\r\n" HOST "\r\n");
    http_hear(&more, &r, true);
    assert_int_equal(r.status, 503);
    assert_non_null(strstr(r.head, "\r\nRetry-After: 1\r\n"));
    assert_false(r.close);
    free(r.body);

    rig_tcp_abort(&t[0]);
    rig_pump();
    http_say(&more, "GET /stats HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(http_hear_status(&more), 200);
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
    http_say(&more, request);
    assert_int_equal(http_hear_status(&more), 503);
    assert_int_equal(apps_refusals(), before + 1);
    rig_advance_ms(1000);
    http_say(&more, request);
    assert_int_equal(http_hear_status(&more), 200);
    assert_int_equal(apps_refusals(), before + 2);
    assert_non_null(strstr(rig_record("refused"), "\"what\":\"reply\""));
    assert_true(t[0].got_rst); /* the one that took longest */
    assert_false(t[1].got_rst);
    rig_tcp_close(&more);
    rig_tcp_forget(&t[0]);
    for (unsigned i = 1; i < CONFIG_HTTP_TEXTS; i++)
        rig_tcp_abort(&t[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(stats_are_json_with_their_length),
        TEST(data_is_the_pattern_over_and_over),
        TEST(head_is_get_without_the_body),
        TEST(put_and_post_are_counted),
        TEST(routes_say_what_they_take),
        TEST(faults_are_ordered_where_that_was_allowed),
        TEST(answers_beyond_their_buffers_are_503),
        TEST(slow_readers_keep_nobody_from_an_answer_for_long),
    };

    return cmocka_run_group_tests_name("http_route", tests, rig_service_init, NULL);
}
