// SPDX-License-Identifier: BSD-3-Clause
/*
 * Questions of a load of connections and their answers (apps/connect_answer.c), whole and in
 * pieces.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>
#include "app.h"
#include "connect_answer.h"

static uint8_t arena[CONFIG_PATTERN_BYTES];
const uint8_t *const pattern = arena;

static int setup(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof(arena); i++)
        arena[i] = (uint8_t)(i * 7 + i / 256);
    return 0;
}

/* What n bytes come to in pieces; behind them the server closes if `end`. */
static enum connect_state come(const struct connect_question *q, const void *bytes, size_t n,
                               size_t piece, bool end)
{
    struct connect_answer a = {.place = 60000};
    enum connect_state state = CONNECT_MORE;

    for (size_t at = 0; at < n && state != CONNECT_WRONG; at += piece) {
        const size_t have = n - at < piece ? n - at : piece;
        uint8_t *exact = malloc(have); /* reading beyond a piece is found */
        memcpy(exact, (const uint8_t *)bytes + at, have);
        state = connect_answer(&a, q, exact, have);
        free(exact);
    }
    return end && state == CONNECT_MORE ? connect_answer_end(&a, q) : state;
}

static void check(const struct connect_question *q, const void *bytes, size_t n, bool end,
                  enum connect_state want)
{
    for (size_t piece = 1; piece <= n + 1; piece += piece < 20 ? 1 : n)
        assert_int_equal(come(q, bytes, n, piece, end), want);
}

static void check_text(const struct connect_question *q, const char *text, bool end,
                       enum connect_state want)
{
    check(q, text, strlen(text), end, want);
}

static void echo_is_right_if_every_byte_is(void **state)
{
    struct connect_question q;
    uint8_t bytes[101];

    (void)state;
    connect_question(&q, CONNECT_ECHO, 100, "10.0.0.1");
    assert_int_equal(q.head_len, 0);
    assert_int_equal(q.body_len, 100);
    memcpy(bytes, pattern + 60000, sizeof(bytes));
    check(&q, bytes, 100, false, CONNECT_RIGHT);
    check(&q, bytes, 99, false, CONNECT_MORE);
    check(&q, bytes, 99, true, CONNECT_WRONG);
    assert_int_equal(come(&q, bytes, 101, 101, false), CONNECT_WRONG);
    bytes[99] ^= 1;
    check(&q, bytes, 100, false, CONNECT_WRONG);
}

static void reply_to_get_has_so_many_bytes(void **state)
{
    struct connect_question q;

    (void)state;
    connect_question(&q, CONNECT_GET, 5, "10.0.0.1");
    assert_string_equal(q.head, "GET /data?bytes=5 HTTP/1.1\r\nHost: 10.0.0.1\r\n"
                                "Connection: close\r\n\r\n");
    assert_int_equal(q.head_len, strlen(q.head));
    assert_int_equal(q.body_len, 0);
    check_text(&q, "HTTP/1.1 200 OK\r\nA: b\r\n\r\nabcde", false, CONNECT_RIGHT);
    check_text(&q, "HTTP/1.0 200 OK\r\n\r\nabcde", true, CONNECT_RIGHT);
    check_text(&q, "HTTP/1.1 200 OK\r\n\r\nabcd", false, CONNECT_MORE);
    check_text(&q, "HTTP/1.1 200 OK\r\n\r\nabcd", true, CONNECT_WRONG);
    check_text(&q, "HTTP/1.1 200 OK\r\n\r", true, CONNECT_WRONG);
    check_text(&q, "HTTP/1.1 200 OK\r\n\r\r\n\r\nabcde", false, CONNECT_RIGHT);
    check_text(&q, "HTTP/1.1 404 Not Found\r\n\r\nabcde", false, CONNECT_WRONG);
    check_text(&q, "HTTP/2.1 200 OK\r\n\r\nabcde", false, CONNECT_WRONG);
    check_text(&q, "nonsense", false, CONNECT_WRONG);
    assert_int_equal(come(&q, "HTTP/1.1 200 OK\r\n\r\nabcdef", 25, 99, false), CONNECT_WRONG);
    connect_question(&q, CONNECT_GET, 0, "10.0.0.1");
    check_text(&q, "HTTP/1.1 200 OK\r\n\r\n", false, CONNECT_RIGHT);
}

static void reply_to_post_says_anything_and_ends(void **state)
{
    struct connect_question q;

    (void)state;
    connect_question(&q, CONNECT_POST, CONNECT_LEN_MAX, "fd77:1234:5678:9abc:def0:1234:5678:9abc");
    assert_non_null(strstr(q.head, "POST /data HTTP/1.1\r\n"));
    assert_non_null(strstr(q.head, "Content-Length: 16384\r\n\r\n"));
    assert_int_equal(q.body_len, CONNECT_LEN_MAX);
    check_text(&q, "HTTP/1.1 200 OK\r\n\r\n{\"bytes\":5}", false, CONNECT_MORE);
    check_text(&q, "HTTP/1.1 200 OK\r\n\r\n{\"bytes\":5}", true, CONNECT_RIGHT);
    check_text(&q, "HTTP/1.1 200 OK\r\n\r\n", true, CONNECT_RIGHT);
    check_text(&q, "HTTP/1.1 200 OK\r\n", true, CONNECT_WRONG);
    check_text(&q, "", true, CONNECT_WRONG);
}

/* However long a reply is, it is read without end only if somebody has asked for that. */
static void reply_is_bounded(void **state)
{
    static char text[CONNECT_LEN_MAX + 64] = "HTTP/1.1 200 OK\r\n\r\n";
    struct connect_question q;

    (void)state;
    connect_question(&q, CONNECT_POST, 1, "10.0.0.1");
    assert_int_equal(come(&q, text, sizeof(text), sizeof(text), true), CONNECT_WRONG);
    assert_int_equal(come(&q, text, sizeof(text), 1000, true), CONNECT_WRONG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(echo_is_right_if_every_byte_is),
        cmocka_unit_test(reply_to_get_has_so_many_bytes),
        cmocka_unit_test(reply_to_post_says_anything_and_ends),
        cmocka_unit_test(reply_is_bounded),
    };

    return cmocka_run_group_tests_name("connect_answer", tests, setup, NULL);
}
