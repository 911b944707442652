// SPDX-License-Identifier: BSD-3-Clause
/*
 * Requests of HTTP/1.1 and 1.0 [RFC 9110, 9112], taken apart as they arrive, in pieces of any size.
 *
 * Syntax is llhttp's, Node.js's parser, in its strict mode: a generated state machine without
 * allocation. Around it: bounds on what a head may take, the few fields that the server looks at,
 * and a pull interface that stops behind the head and behind the message, so that nothing is
 * decided inside a callback. Bodies are counted, and kept where somebody wants them.
 */
#ifndef APPS_HTTP_PARSE_H
#define APPS_HTTP_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <llhttp.h>
#include "config.h"

enum http_event {
    HTTP_EVENT_MORE, /* everything was consumed, the request is not complete */
    HTTP_EVENT_HEAD, /* the head is complete; go on for the body */
    HTTP_EVENT_DONE, /* the message is complete; what follows belongs to the next request */
    HTTP_EVENT_BAD,  /* no request; `status` is the answer, and the connection cannot be used any
                        more */
};

enum http_expect { HTTP_EXPECT_NONE, HTTP_EXPECT_CONTINUE, HTTP_EXPECT_OTHER };

struct http_request {
    llhttp_t parser;
    uint16_t status; /* after HTTP_EVENT_BAD: 400, 413, 414, 431, 501 or 505 */
    char first;      /* the request's first byte, blank lines aside; 0 = nothing has arrived */
    bool in_body;    /* past the head */

    /* Valid from HTTP_EVENT_HEAD on. */
    uint8_t method;  /* llhttp_method_t */
    bool http10;     /* HTTP/1.0 */
    bool keep_alive; /* the client can send another request on this connection */
    bool has_length; /* Content-Length or chunked was given */
    bool has_body;   /* and it is, or may be, more than 0 bytes */
    enum http_expect expect;
    bool json;                               /* the body says that it is JSON, */
    bool coded;                              /* and that it is compressed or the like */
    char target[CONFIG_HTTP_TARGET_MAX + 1]; /* as sent, with a zero byte behind it */
    uint64_t body_bytes;                     /* of the body so far, chunk framing not counted */

    /* Set by the caller at HTTP_EVENT_HEAD: where the body is to be kept, CONFIG_HTTP_BODY_MAX
     * bytes; a longer one is HTTP_EVENT_BAD. NULL: it is not. */
    char *body;

    /* For http_parse.c. */
    uint32_t head_bytes; /* of request line and fields; then of trailer fields */
    uint16_t target_len;
    char last;     /* the head's last byte so far */
    uint8_t hosts; /* Host fields seen, at most 2 */
    uint8_t name_len, value_len;
    char name[17];  /* the field name's beginning, in lower case */
    char value[24]; /* the field value's */
};

/* Ready for a connection's first request. */
void http_request_init(struct http_request *r);

/* Behind HTTP_EVENT_DONE: ready for the connection's next one. */
void http_request_next(struct http_request *r);

/* Consumes at most n bytes, up to the next event; *used says how many. To be called again after
 * HTTP_EVENT_HEAD even with n == 0: a request without body is then HTTP_EVENT_DONE. */
enum http_event http_parse(struct http_request *r, const char *data, size_t n, size_t *used);

/* Bytes that are sure to come and to belong to this body: what is left of it, or of its chunk. */
uint64_t http_body_left(const struct http_request *r);

/* True if the target's path, without query, is `path`; *query is then what follows the '?', or "".
 * The absolute form counts by its path. */
bool http_target_is(const struct http_request *r, const char *path, const char **query);

/* True if it begins with `path`; *rest is what follows. */
bool http_target_begins(const struct http_request *r, const char *path, const char **rest);

/* The decimal value of query parameter `name`. False: missing, empty, given twice, not decimal, or
 * beyond 64 bits. */
bool http_query_u64(const char *query, const char *name, uint64_t *value);

#endif
