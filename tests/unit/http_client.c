// SPDX-License-Identifier: BSD-3-Clause
/*
 * See http_client.h.
 */
#include "http_client.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "json.h"

int http_setup(void **state)
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

void http_say(struct rig_tcp *t, const char *text)
{
    assert_int_equal(rig_tcp_send(t, text, strlen(text)), strlen(text));
}

void http_hear(struct rig_tcp *t, struct reply *r, bool with_body)
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

unsigned http_hear_status(struct rig_tcp *t)
{
    struct reply r;

    http_hear(t, &r, true);
    free(r.body);
    return r.status;
}

void http_hear_count(struct rig_tcp *t, uint64_t n)
{
    struct reply r;
    char want[64];

    http_hear(t, &r, true);
    assert_int_equal(r.status, 200);
    snprintf(want, sizeof(want), "{\"bytes\":%llu}", (unsigned long long)n);
    assert_string_equal(r.body, want);
    free(r.body);
}

/* ---- whole clients ------------------------------------------------------------------------- */

void http_one_more_is_served(void)
{
    struct rig_tcp t;

    assert_true(rig_tcp_connect(&t, HTTP));
    http_say(&t, "GET /stats HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(http_hear_status(&t), 200);
    rig_tcp_close(&t);
}

void http_good_client_is_served(void)
{
    struct rig_tcp t;
    struct reply r;

    assert_true(rig_tcp_connect(&t, HTTP));
    http_say(&t, "GET /stats HTTP/1.1\r\n" HOST "\r\n");
    http_hear(&t, &r, true);
    assert_int_equal(r.status, 200);
    assert_int_equal(r.body[0], '{');
    assert_int_equal(r.body[r.length - 1], '}');
    free(r.body);
    rig_tcp_close(&t);
    assert_int_equal(rig_stat(&http_service, "open"), 0);
}

void http_is_refused(const char *text, unsigned status)
{
    struct rig_tcp t;
    struct reply r;

    assert_true(rig_tcp_connect(&t, HTTP));
    rig_tcp_send(&t, text, strlen(text));
    http_hear(&t, &r, true);
    assert_int_equal(r.status, status);
    assert_true(r.close);
    free(r.body);
    rig_advance_ms(10);
    assert_true(t.got_fin);
    assert_false(t.got_rst);
    rig_tcp_close(&t);
    assert_int_equal(rig_stat(&http_service, "open"), 0);
}
