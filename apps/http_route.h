// SPDX-License-Identifier: BSD-3-Clause
/*
 * What the HTTP server has to offer, and how an answer looks: the route table and the head of a
 * reply. Knows requests and replies, no connections.
 */
#ifndef APPS_HTTP_ROUTE_H
#define APPS_HTTP_ROUTE_H

#include "http_parse.h"
#include "json.h"

/* Room for an answer that is written as text; taken by a route, given back by the connection when
 * the peer has acknowledged all of it. */
struct http_text {
    bool taken;
    char *bytes; /* CONFIG_HTTP_TEXT_BYTES */
};

struct http_reply {
    uint16_t status;
    const char *type;       /* Content-Type */
    const char *allow;      /* methods, with 405; else NULL */
    char location[24];      /* of what was made, with 201 */
    uint64_t length;        /* Content-Length */
    struct http_text *text; /* the body, or NULL: the body is `note`, or the pattern */
    bool pattern;           /* the body is `length` bytes of the pattern, over and over */
    char note[64];          /* a short body */
};

struct http_route; /* one resource */

/* The resource that the request is for, once its head is complete. NULL: the request is in error
 * and *reply is the answer, even before the body. */
const struct http_route *http_route_find(const struct http_request *r, struct http_reply *reply);

/* The answer, once the message is complete. */
void http_route_answer(const struct http_route *route, const struct http_request *r,
                       struct http_reply *reply);

/* True if it would have been a text, and no room for one was free: nothing was done then, and it
 * may be asked for again. */
bool http_has_no_text(const struct http_reply *reply);

/* Whether it reads the bodies of its requests, which are JSON. */
bool http_route_reads(const struct http_route *route);

/* An answer that is an object of JSON: its members go between the two. NULL: no room is free, and
 * *reply is the answer; whoever changes something asks for the room first. */
struct json *http_json_begin(struct http_reply *reply);
void http_json_end(struct http_reply *reply, uint16_t status);

/* An answer that says only what went wrong. */
void http_reply_error(struct http_reply *reply, uint16_t status);

/* Writes status line and fields, and the note behind them if there is one and with_body is set.
 * Returns the length. */
#define HTTP_REPLY_HEAD_MAX 384
size_t http_reply_head(const struct http_reply *reply, bool keep_alive, bool with_body,
                       char head[HTTP_REPLY_HEAD_MAX]);

void http_text_release(struct http_text *text);

#endif
