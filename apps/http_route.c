// SPDX-License-Identifier: BSD-3-Clause
/*
 * Routes and replies. To add a resource: one line in the table, one function that fills a reply.
 */
#include "http_route.h"

#include "app.h"
#include "format.h"
#include "http_jobs.h"
#include "panic.h"
#include "string.h"
#include "time.h"

#define METHOD(m) (1u << (m))

struct http_route {
    const char *path;
    uint32_t methods;  /* METHOD(HTTP_GET) | … */
    const char *allow; /* the same in words */
    bool numbered;     /* a number is behind the path */
    bool reads;        /* bodies */
    void (*answer)(const struct http_request *r, const char *rest, struct http_reply *reply);
};

static char text_bytes[CONFIG_HTTP_TEXTS][CONFIG_HTTP_TEXT_BYTES]
    __attribute__((section(".noinit")));
static struct http_text texts[CONFIG_HTTP_TEXTS];

static struct http_text *text_take(void)
{
    for (unsigned i = 0; i < CONFIG_HTTP_TEXTS; i++) {
        if (!texts[i].taken) {
            texts[i].taken = true;
            texts[i].bytes = text_bytes[i];
            return &texts[i];
        }
    }
    return NULL;
}

void http_text_release(struct http_text *text)
{
    text->taken = false;
}

static const char *reason_of(uint16_t status)
{
    switch (status) {
    case 200:
        return "OK";
    case 201:
        return "Created";
    case 202:
        return "Accepted";
    case 400:
        return "Bad Request";
    case 403:
        return "Forbidden";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 408:
        return "Request Timeout";
    case 409:
        return "Conflict";
    case 411:
        return "Length Required";
    case 413:
        return "Content Too Large";
    case 414:
        return "URI Too Long";
    case 415:
        return "Unsupported Media Type";
    case 417:
        return "Expectation Failed";
    case 422:
        return "Unprocessable Content";
    case 431:
        return "Request Header Fields Too Large";
    case 500:
        return "Internal Server Error";
    case 501:
        return "Not Implemented";
    case 503:
        return "Service Unavailable";
    case 505:
        return "HTTP Version Not Supported";
    default:
        return "Unknown";
    }
}

void http_reply_error(struct http_reply *reply, uint16_t status)
{
    *reply = (struct http_reply){.status = status, .type = "text/plain"};
    reply->length = format(reply->note, sizeof(reply->note), "%u %s\n", status, reason_of(status));
}

size_t http_reply_head(const struct http_reply *reply, bool keep_alive, bool with_body,
                       char head[HTTP_REPLY_HEAD_MAX])
{
    size_t n = format(head, HTTP_REPLY_HEAD_MAX,
                      "HTTP/1.1 %u %s\r\nServer: Antifreeze/" CONFIG_VERSION "\r\n"
                      "Content-Type: %s\r\nContent-Length: %llu\r\nCache-Control: no-store\r\n"
                      "%s%s%s%s%s%s%s%sConnection: %s\r\n\r\n%s",
                      reply->status, reason_of(reply->status), reply->type,
                      (unsigned long long)reply->length, reply->allow != NULL ? "Allow: " : "",
                      reply->allow != NULL ? reply->allow : "", reply->allow != NULL ? "\r\n" : "",
                      reply->location[0] != 0 ? "Location: " : "", reply->location,
                      reply->location[0] != 0 ? "\r\n" : "",
                      reply->status == 415 ? "Accept: application/json\r\n" : "",
                      reply->status == 503 ? "Retry-After: 1\r\n" : "",
                      keep_alive ? "keep-alive" : "close", with_body ? reply->note : "");

    ASSERT(n < HTTP_REPLY_HEAD_MAX);
    return n;
}

static struct json answer_json; /* the one that is being written */

#define NO_TEXT 503 /* as what begins a job may say, too; that is a text */

bool http_has_no_text(const struct http_reply *reply)
{
    return reply->status == NO_TEXT && reply->text == NULL;
}

struct json *http_json_begin(struct http_reply *reply)
{
    struct http_text *text = text_take();

    if (text == NULL) {
        http_reply_error(reply, NO_TEXT);
        return NULL;
    }
    *reply = (struct http_reply){.type = "application/json", .text = text};
    json_init(&answer_json, text->bytes, CONFIG_HTTP_TEXT_BYTES);
    json_object(&answer_json, NULL);
    return &answer_json;
}

void http_json_end(struct http_reply *reply, uint16_t status)
{
    json_end_object(&answer_json);
    reply->status = status;
    reply->length = json_finish(&answer_json);
    if (reply->length != 0)
        return;
    http_text_release(reply->text);
    http_reply_error(reply, 500);
}

static void stats(const struct http_request *r, const char *rest, struct http_reply *reply)
{
    struct json *j = http_json_begin(reply);

    (void)r;
    (void)rest;
    if (j == NULL)
        return;
    apps_json_stats(j);
    http_json_end(reply, 200);
}

static void data_send(const char *query, struct http_reply *reply)
{
    uint64_t n;

    if (!http_query_u64(query, "bytes", &n)) {
        http_reply_error(reply, 400);
        return;
    }
    *reply = (struct http_reply){
        .status = 200, .type = "application/octet-stream", .length = n, .pattern = true};
}

static void data_absorbed(const struct http_request *r, struct http_reply *reply)
{
    *reply = (struct http_reply){.status = 200, .type = "application/json"};
    reply->length = format(reply->note, sizeof(reply->note), "{\"bytes\":%llu}",
                           (unsigned long long)r->body_bytes);
}

static void data(const struct http_request *r, const char *query, struct http_reply *reply)
{
    if (r->method == HTTP_GET || r->method == HTTP_HEAD)
        data_send(query, reply);
    else
        data_absorbed(r, reply);
}

static void fault(const struct http_request *r, const char *query, struct http_reply *reply)
{
    static const uint16_t answers[] = {[CONF_ORDER_TAKEN] = 200,
                                       [CONF_ORDER_BAD] = 400,
                                       [CONF_ORDER_FORBIDDEN] = 403,
                                       [CONF_ORDER_BUSY] = 409};

    (void)r;
    http_reply_error(reply, answers[conf_order_fault(query, time_ns())]);
}

#define READ (METHOD(HTTP_GET) | METHOD(HTTP_HEAD))

static const struct http_route routes[] = {
    {"/stats", READ, "GET, HEAD", false, false, stats},
    {"/data", READ | METHOD(HTTP_PUT) | METHOD(HTTP_POST), "GET, HEAD, PUT, POST", false, false,
     data},
    {"/fault", METHOD(HTTP_POST), "POST", false, false, fault},
    {"/jobs", READ | METHOD(HTTP_POST), "GET, HEAD, POST", false, true, http_jobs},
    {"/jobs/", READ | METHOD(HTTP_DELETE) | METHOD(HTTP_PATCH), "GET, HEAD, DELETE, PATCH", true,
     true, http_job},
};
#define ROUTES (sizeof(routes) / sizeof(routes[0]))

/* Methods of HTTP itself [RFC 9110 9, RFC 5789]; those of its extensions are not implemented. */
static bool is_http_method(uint8_t method)
{
    return method <= HTTP_TRACE || method == HTTP_PATCH;
}

static bool sends(uint8_t method)
{
    return method == HTTP_PUT || method == HTTP_POST || method == HTTP_PATCH;
}

/* *rest is what is behind the path: the query, or the number and the query. */
static bool is_for(const struct http_route *route, const struct http_request *r, const char **rest)
{
    return route->numbered ? http_target_begins(r, route->path, rest)
                           : http_target_is(r, route->path, rest);
}

const struct http_route *http_route_find(const struct http_request *r, struct http_reply *reply)
{
    const struct http_route *route = NULL;
    const char *rest;
    uint16_t status = 0;

    for (unsigned i = 0; i < ROUTES && route == NULL; i++)
        if (is_for(&routes[i], r, &rest))
            route = &routes[i];
    if (!is_http_method(r->method))
        status = 501;
    else if (route == NULL)
        status = 404;
    else if (!(route->methods & METHOD(r->method)))
        status = 405;
    else if (sends(r->method) && !r->has_length)
        status = 411;
    else if (route->reads && r->has_body && http_body_left(r) > CONFIG_HTTP_BODY_MAX)
        status = 413;
    else if (route->reads && sends(r->method) && (!r->json || r->coded))
        status = 415;
    else if (r->expect == HTTP_EXPECT_OTHER)
        status = 417;
    if (status == 0)
        return route;
    http_reply_error(reply, status);
    if (status == 405)
        reply->allow = route->allow;
    return NULL;
}

bool http_route_reads(const struct http_route *route)
{
    return route->reads;
}

void http_route_answer(const struct http_route *route, const struct http_request *r,
                       struct http_reply *reply)
{
    const char *rest;
    bool found = is_for(route, r, &rest);

    ASSERT(found);
    route->answer(r, rest, reply);
}
