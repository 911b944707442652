// SPDX-License-Identifier: BSD-3-Clause
/*
 * Glue around llhttp. Its callbacks only note what they are told; the two that end a stage pause
 * it.
 */
#include "http_parse.h"

#include "panic.h"
#include "string.h"

/* llhttp's way out of states that its generator has proven unreachable. */
_Noreturn void http_parse_unreachable(void);

void http_parse_unreachable(void)
{
    panic("http parser: unreachable state");
}

static struct http_request *of(llhttp_t *parser)
{
    return parser->data;
}

static int refuse(struct http_request *r, uint16_t status)
{
    r->status = status;
    return HPE_USER;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Appends in lower case; what does not fit leaves the buffer full, and no name we look for is that
 * long. */
static uint8_t append(char *to, uint8_t len, size_t cap, const char *at, size_t n)
{
    for (size_t i = 0; i < n && len < cap; i++)
        to[len++] = lower(at[i]);
    return len;
}

static bool is(const char *text, uint8_t len, const char *word)
{
    return strlen(word) == len && memcmp(text, word, len) == 0;
}

static int on_url(llhttp_t *parser, const char *at, size_t n)
{
    struct http_request *r = of(parser);

    if (n > (size_t)(CONFIG_HTTP_TARGET_MAX - r->target_len))
        return refuse(r, 414);
    memcpy(r->target + r->target_len, at, n);
    r->target_len = (uint16_t)(r->target_len + n);
    r->target[r->target_len] = 0;
    return 0;
}

static int on_header_field(llhttp_t *parser, const char *at, size_t n)
{
    struct http_request *r = of(parser);

    if (r->in_body) { /* a trailer: of no interest, but not without a bound */
        if (n > CONFIG_HTTP_HEAD_MAX - r->head_bytes)
            return refuse(r, 431);
        r->head_bytes += (uint32_t)n;
        return 0;
    }
    r->name_len = append(r->name, r->name_len, sizeof(r->name), at, n);
    return 0;
}

static int on_header_value(llhttp_t *parser, const char *at, size_t n)
{
    struct http_request *r = of(parser);

    if (r->in_body)
        return on_header_field(parser, at, n);
    r->value_len = append(r->value, r->value_len, sizeof(r->value), at, n);
    return 0;
}

/* "application/json", with or without parameters behind it. */
static bool is_json(const char *value, uint8_t len)
{
    static const char type[] = "application/json";
    const size_t n = sizeof(type) - 1;

    return len >= n && memcmp(value, type, n) == 0 &&
           (len == n || value[n] == ';' || value[n] == ' ' || value[n] == '\t');
}

static int on_header_value_complete(llhttp_t *parser)
{
    struct http_request *r = of(parser);

    if (r->in_body)
        return 0;
    if (r->name_len == 0)
        return refuse(r, 400);
    if (is(r->name, r->name_len, "host") && r->hosts < 2)
        r->hosts++;
    if (is(r->name, r->name_len, "expect"))
        r->expect =
            is(r->value, r->value_len, "100-continue") ? HTTP_EXPECT_CONTINUE : HTTP_EXPECT_OTHER;
    if (is(r->name, r->name_len, "content-type"))
        r->json = is_json(r->value, r->value_len);
    if (is(r->name, r->name_len, "content-encoding"))
        r->coded = !is(r->value, r->value_len, "identity");
    r->name_len = 0;
    r->value_len = 0;
    return 0;
}

static int on_headers_complete(llhttp_t *parser)
{
    struct http_request *r = of(parser);

    if (parser->http_major != 1)
        return refuse(r, 505);
    r->http10 = parser->http_minor == 0;
    /* [RFC 9112 3.2]: exactly one Host; 1.0 did not have it. [6.1]: nor had 1.0 codings. */
    if (r->hosts > 1 || (r->hosts == 0 && !r->http10))
        return refuse(r, 400);
    if (r->http10 && (parser->flags & F_TRANSFER_ENCODING))
        return refuse(r, 400);
    r->method = parser->method;
    r->keep_alive = llhttp_should_keep_alive(parser);
    r->has_length = (parser->flags & (F_CHUNKED | F_CONTENT_LENGTH)) != 0;
    r->has_body = (parser->flags & F_CHUNKED) || parser->content_length > 0;
    r->in_body = true;
    r->head_bytes = 0;   /* counts the trailer from here on */
    parser->upgrade = 0; /* an offer that we do not take up [RFC 9110 7.8] */
    return HPE_PAUSED;
}

static int on_body(llhttp_t *parser, const char *at, size_t n)
{
    struct http_request *r = of(parser);

    if (r->body != NULL) {
        if (n > CONFIG_HTTP_BODY_MAX - r->body_bytes)
            return refuse(r, 413);
        memcpy(r->body + r->body_bytes, at, n);
    }
    r->body_bytes += n;
    return 0;
}

static int on_message_complete(llhttp_t *parser)
{
    (void)parser;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_url = on_url,
    .on_header_field = on_header_field,
    .on_header_value = on_header_value,
    .on_header_value_complete = on_header_value_complete,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_message_complete = on_message_complete,
};

void http_request_init(struct http_request *r)
{
    memset(r, 0, sizeof(*r));
    llhttp_init(&r->parser, HTTP_REQUEST, &settings);
    r->parser.data = r;
}

void http_request_next(struct http_request *r)
{
    /* The parser's own state is that of a connection between two messages: it goes on from there.
     */
    llhttp_t parser = r->parser;

    memset(r, 0, sizeof(*r));
    r->parser = parser;
}

static uint16_t status_of_error(const struct http_request *r, llhttp_errno_t error)
{
    char first = lower(r->first);

    if (r->status != 0)
        return r->status;
    switch (error) {
    case HPE_INVALID_METHOD: /* a method we have not heard of, or not even a word */
        return first >= 'a' && first <= 'z' ? 501 : 400;
    case HPE_INVALID_VERSION:
    case HPE_PAUSED_H2_UPGRADE:
        return 505;
    default:
        return 400;
    }
}

/* A line that begins with white space continues the field before it. llhttp joins the two; a server
 * may as well refuse, which leaves no doubt about what the field is [RFC 9112 5.2]. */
static bool has_folded_line(struct http_request *r, const char *data, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (r->last == '\n' && (data[i] == ' ' || data[i] == '\t'))
            return true;
        r->last = data[i];
    }
    return false;
}

enum http_event http_parse(struct http_request *r, const char *data, size_t n, size_t *used)
{
    bool in_head = !r->in_body;

    if (in_head && n > CONFIG_HTTP_HEAD_MAX - r->head_bytes)
        n = CONFIG_HTTP_HEAD_MAX - r->head_bytes;
    for (size_t i = 0; i < n && r->first == 0; i++) {
        if (data[i] != '\r' && data[i] != '\n')
            r->first = data[i] != 0 ? data[i] : '?'; /* 0 would be nothing; neither begins a word */
    }

    llhttp_errno_t error = llhttp_execute(&r->parser, data, n);
    *used = error == HPE_OK ? n : (size_t)(llhttp_get_error_pos(&r->parser) - data);

    if (in_head && has_folded_line(r, data, *used)) {
        r->status = 400;
        return HTTP_EVENT_BAD;
    }
    if (error == HPE_PAUSED) {
        llhttp_resume(&r->parser);
        return in_head ? HTTP_EVENT_HEAD : HTTP_EVENT_DONE;
    }
    if (error != HPE_OK) {
        r->status = status_of_error(r, error);
        return HTTP_EVENT_BAD;
    }
    if (in_head) {
        r->head_bytes += (uint32_t)n;
        if (r->head_bytes == CONFIG_HTTP_HEAD_MAX) {
            r->status = 431;
            return HTTP_EVENT_BAD;
        }
    }
    return HTTP_EVENT_MORE;
}

uint64_t http_body_left(const struct http_request *r)
{
    return r->in_body ? r->parser.content_length : 0;
}

bool http_target_begins(const struct http_request *r, const char *path, const char **rest)
{
    const char *t = r->target;
    size_t n = strlen(path);

    if (strncmp(t, "http://", 7) == 0) {
        t = strchr(t + 7, '/');
        if (t == NULL)
            t = "/";
    }
    if (strncmp(t, path, n) != 0)
        return false;
    *rest = t + n;
    return true;
}

bool http_target_is(const struct http_request *r, const char *path, const char **query)
{
    const char *rest;

    if (!http_target_begins(r, path, &rest) || (*rest != 0 && *rest != '?'))
        return false;
    *query = *rest != 0 ? rest + 1 : "";
    return true;
}

static bool parse_u64(const char *s, size_t n, uint64_t *value)
{
    uint64_t v = 0;

    if (n == 0)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (s[i] < '0' || s[i] > '9')
            return false;
        uint64_t digit = (uint64_t)(s[i] - '0');
        if (v > (UINT64_MAX - digit) / 10)
            return false;
        v = v * 10 + digit;
    }
    *value = v;
    return true;
}

bool http_query_u64(const char *query, const char *name, uint64_t *value)
{
    size_t name_len = strlen(name);
    bool found = false;

    while (*query != 0) {
        const char *end = strchr(query, '&');
        size_t n = end != NULL ? (size_t)(end - query) : strlen(query);
        if (n > name_len && query[name_len] == '=' && strncmp(query, name, name_len) == 0) {
            if (found || !parse_u64(query + name_len + 1, n - name_len - 1, value))
                return false;
            found = true;
        }
        query += n + (end != NULL);
    }
    return found;
}
