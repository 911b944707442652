// SPDX-License-Identifier: BSD-3-Clause
/*
 * See connect_answer.h.
 */
#include "connect_answer.h"

#include "app.h"
#include "format.h"
#include "string.h"

static_assert(CONNECT_LEN_MAX <= CONFIG_PATTERN_BYTES - CONFIG_PATTERN_PERIOD,
              "a body is in one piece wherever it begins");

/* The minor version may be any. */
static const char status_line[] = "HTTP/1.? 200";
#define STATUS_LINE (sizeof(status_line) - 1)

void connect_question(struct connect_question *q, enum connect_ask ask, uint32_t len,
                      const char *host)
{
    *q = (struct connect_question){.ask = ask, .len = len};
    q->body_len = ask == CONNECT_GET ? 0 : len;
    if (ask == CONNECT_GET)
        q->head_len = (uint32_t)format(
            q->head, sizeof(q->head),
            "GET /data?bytes=%u HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", len, host);
    if (ask == CONNECT_POST)
        q->head_len = (uint32_t)format(q->head, sizeof(q->head),
                                       "POST /data HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n"
                                       "Content-Type: application/octet-stream\r\n"
                                       "Content-Length: %u\r\n\r\n",
                                       host, len);
}

static enum connect_state echo(struct connect_answer *a, const struct connect_question *q,
                               const uint8_t *bytes, size_t n)
{
    if (n > q->len - a->in || memcmp(bytes, pattern + a->place + a->in, n) != 0)
        return CONNECT_WRONG;
    a->in += (uint32_t)n;
    return a->in == q->len ? CONNECT_RIGHT : CONNECT_MORE;
}

/* One byte of a reply's head; false: that is no reply, or none that we want. */
static bool head_byte(struct connect_answer *a, char c)
{
    static const char end[] = "\r\n\r\n";

    if (a->line < STATUS_LINE) {
        const char want = status_line[a->line++];
        return want == '?' ? c >= '0' && c <= '9' : c == want;
    }
    if (c == end[a->ends])
        a->ends++;
    else
        a->ends = c == '\r';
    a->in_body = a->ends == sizeof(end) - 1;
    return true;
}

static enum connect_state progress(const struct connect_answer *a, const struct connect_question *q)
{
    if (!a->in_body)
        return CONNECT_MORE;
    if (q->ask == CONNECT_POST) /* whatever it says to that */
        return CONNECT_MORE;
    if (a->in > q->len)
        return CONNECT_WRONG;
    return a->in == q->len ? CONNECT_RIGHT : CONNECT_MORE;
}

static enum connect_state reply(struct connect_answer *a, const struct connect_question *q,
                                const uint8_t *bytes, size_t n)
{
    size_t i = 0;

    for (; i < n && !a->in_body; i++)
        if (!head_byte(a, (char)bytes[i]))
            return CONNECT_WRONG;
    if (n - i > CONNECT_LEN_MAX + 1u - a->in)
        return CONNECT_WRONG;
    a->in += (uint32_t)(n - i);
    return progress(a, q);
}

enum connect_state connect_answer(struct connect_answer *a, const struct connect_question *q,
                                  const uint8_t *bytes, size_t n)
{
    return q->ask == CONNECT_ECHO ? echo(a, q, bytes, n) : reply(a, q, bytes, n);
}

enum connect_state connect_answer_end(const struct connect_answer *a,
                                      const struct connect_question *q)
{
    if (q->ask == CONNECT_POST && a->in_body)
        return CONNECT_RIGHT;
    return progress(a, q) == CONNECT_RIGHT && q->ask != CONNECT_ECHO ? CONNECT_RIGHT
                                                                     : CONNECT_WRONG;
}
