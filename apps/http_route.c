// SPDX-License-Identifier: BSD-3-Clause
/*
 * Routes and replies. To add a resource: one line in the table, one function that fills a reply.
 */
#include "http_route.h"

#include "app.h"
#include "format.h"
#include "panic.h"
#include "string.h"
#include "time.h"

#define METHOD(m) (1u << (m))

struct http_route {
    const char *path;
    uint32_t methods;  /* METHOD(HTTP_GET) | … */
    const char *allow; /* the same in words */
    void (*answer)(const struct http_request *r, const char *query, struct http_reply *reply);
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
    case 414:
        return "URI Too Long";
    case 417:
        return "Expectation Failed";
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
                      "%s%s%s%sConnection: %s\r\n\r\n%s",
                      reply->status, reason_of(reply->status), reply->type,
                      (unsigned long long)reply->length, reply->allow != NULL ? "Allow: " : "",
                      reply->allow != NULL ? reply->allow : "", reply->allow != NULL ? "\r\n" : "",
                      reply->status == 503 ? "Retry-After: 1\r\n" : "",
                      keep_alive ? "keep-alive" : "close", with_body ? reply->note : "");

    ASSERT(n < HTTP_REPLY_HEAD_MAX);
    return n;
}

static void stats(const struct http_request *r, const char *query, struct http_reply *reply)
{
    struct http_text *text = text_take();
    struct json j;

    (void)r;
    (void)query;
    if (text == NULL) {
        http_reply_error(reply, HTTP_NO_TEXT);
        return;
    }
    json_init(&j, text->bytes, CONFIG_HTTP_TEXT_BYTES);
    json_object(&j, NULL);
    apps_json_stats(&j);
    json_end_object(&j);
    size_t n = json_finish(&j);
    if (n == 0) {
        http_text_release(text);
        http_reply_error(reply, 500);
        return;
    }
    *reply =
        (struct http_reply){.status = 200, .type = "application/json", .length = n, .text = text};
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

static const struct http_route routes[] = {
    {"/stats", METHOD(HTTP_GET) | METHOD(HTTP_HEAD), "GET, HEAD", stats},
    {"/data", METHOD(HTTP_GET) | METHOD(HTTP_HEAD) | METHOD(HTTP_PUT) | METHOD(HTTP_POST),
     "GET, HEAD, PUT, POST", data},
    {"/fault", METHOD(HTTP_POST), "POST", fault},
};
#define ROUTES (sizeof(routes) / sizeof(routes[0]))

/* Methods of HTTP itself [RFC 9110 9, RFC 5789]; those of its extensions are not implemented. */
static bool is_http_method(uint8_t method)
{
    return method <= HTTP_TRACE || method == HTTP_PATCH;
}

const struct http_route *http_route_find(const struct http_request *r, struct http_reply *reply)
{
    const struct http_route *route = NULL;
    const char *query;
    uint16_t status = 0;

    for (unsigned i = 0; i < ROUTES && route == NULL; i++) {
        if (http_target_is(r, routes[i].path, &query))
            route = &routes[i];
    }
    if (!is_http_method(r->method))
        status = 501;
    else if (route == NULL)
        status = 404;
    else if (!(route->methods & METHOD(r->method)))
        status = 405;
    else if ((r->method == HTTP_PUT || r->method == HTTP_POST) && !r->has_length)
        status = 411;
    else if (r->expect == HTTP_EXPECT_OTHER)
        status = 417;
    if (status == 0)
        return route;
    http_reply_error(reply, status);
    if (status == 405)
        reply->allow = route->allow;
    return NULL;
}

void http_route_answer(const struct http_route *route, const struct http_request *r,
                       struct http_reply *reply)
{
    const char *query;
    bool found = http_target_is(r, route->path, &query);

    ASSERT(found);
    route->answer(r, query, reply);
}
