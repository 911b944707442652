// SPDX-License-Identifier: BSD-3-Clause
/*
 * The HTTP server's connections.
 *
 * One request at a time: READ it, bodies vanishing as they arrive; then REPLY until the peer has
 * acknowledged the last byte, since all that is sent is sent by address; then READ the next one.
 * What arrives meanwhile, the next requests of a client that does not wait, is kept as bytes in
 * `input`. To have room for it in any case, the receive window is never larger than that room and
 * what is still to come of the body being absorbed.
 *
 *     READ --message complete--> REPLY --acknowledged--> READ
 *       \--error--> REPLY, then FIN --> LINGER --peer's FIN or time--> closed
 *
 * A connection that has to end does so in LINGER, reading on and forgetting: were it closed while
 * the client is still sending, the client would get a reset and might never see the answer.
 */
#include "app.h"
#include "conn.h"
#include "http_place.h"
#include "panic.h"
#include "string.h"
#include "time.h"

#define PORT      80
#define LINGER_NS (2 * NS_PER_S)

static_assert(CONFIG_HTTP_INPUT >= CONFIG_MTU_MAX, "a window holds a whole segment");

static struct {
    uint64_t accepted, timed_out;
    uint64_t requests, replies_2xx, replies_4xx, replies_5xx;
    uint64_t rx_body_bytes, tx_bytes; /* absorbed; acknowledged, heads included */
} n;

/* ---- replying -----------------------------------------------------------------------------------
 */

static void count_reply(uint16_t status)
{
    n.requests++;
    if (status < 300)
        n.replies_2xx++;
    else if (status < 500)
        n.replies_4xx++;
    else
        n.replies_5xx++;
}

/* c->reply is filled; send it. */
static void reply_start(struct http_conn *c)
{
    bool with_body = c->request.method != HTTP_HEAD;
    bool has_payload = c->reply.text != NULL || c->reply.pattern;

    count_reply(c->reply.status);
    n.rx_body_bytes += c->request.body_bytes;
    c->head_len = http_reply_head(&c->reply, !c->close, with_body, c->head);
    c->body_len = with_body && has_payload ? c->reply.length : 0;
    c->head_out = 0;
    c->body_out = 0;
    c->reply_ns = time_ns();
    c->answered = true;
    c->phase = REPLY;
}

/* The request is complete. */
static void answer(struct http_conn *c)
{
    const struct http_request *r = &c->request;

    if (c->route == NULL)
        return; /* c->reply is the answer already */
    http_route_answer(c->route, r, &c->reply);
    if (http_has_no_text(&c->reply) && http_free_a_text(time_ns()))
        http_route_answer(c->route, r, &c->reply);
    if (http_has_no_text(&c->reply))
        apps_refused("request", "http: all answers are under way");
}

static void reply_error(struct http_conn *c, uint16_t status)
{
    c->close = true;
    http_reply_error(&c->reply, status);
    reply_start(c);
}

/* What to send next: bytes adjacent in memory, and the counter that they go to. */
static const void *reply_bytes(struct http_conn *c, uint64_t *len, uint64_t **out)
{
    if (c->head_out < c->head_len) {
        *len = c->head_len - c->head_out;
        *out = &c->head_out;
        return c->head + c->head_out;
    }
    *len = c->body_len - c->body_out;
    *out = &c->body_out;
    if (c->reply.text != NULL)
        return c->reply.text->bytes + c->body_out;
    uint32_t place = c->body_out % PATTERN_BYTES;
    if (*len > pattern_ahead(place))
        *len = pattern_ahead(place);
    return pattern + place;
}

static void reply_continue(struct http_conn *c)
{
    for (;;) {
        uint64_t len, *out;
        const void *bytes = reply_bytes(c, &len, &out);
        uint32_t written = conn_write(c->pcb, bytes, (uint32_t)len);
        *out += written;
        c->queued += written;
        if (written < len || len == 0)
            break;
    }
}

static bool reply_is_through(const struct http_conn *c)
{
    return c->head_out == c->head_len && c->body_out == c->body_len && c->acked == c->queued;
}

/* Leaves REPLY: for the next request, or for good. */
static void reply_end(struct http_conn *c)
{
    if (c->reply.text != NULL)
        http_text_release(c->reply.text);
    c->reply.text = NULL;
    c->progress_ns = time_ns();
    if (!c->close) {
        http_request_next(&c->request);
        c->phase = READ;
        return;
    }
    c->phase = LINGER;
    tcp_shutdown(c->pcb, 0, 1);
}

/* ---- reading ------------------------------------------------------------------------------------
 */

/* The head is complete. */
static void begin_request(struct http_conn *c)
{
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
    const struct http_request *r = &c->request;

    c->close = !r->keep_alive;
    c->route = http_route_find(r, &c->reply);
    if (c->route == NULL) {
        /* With a body on its way that nobody wants, the answer is not delayed for it, and the
         * connection has to end: where the next request begins cannot be waited for. */
        if (r->has_body) {
            c->close = true;
            reply_start(c);
        }
        return;
    }
    if (http_route_reads(c->route))
        c->request.body = c->body;
    if (r->expect == HTTP_EXPECT_CONTINUE && r->has_body && !r->http10)
        c->queued += conn_write(c->pcb, go_on, sizeof(go_on) - 1);
}

/* Reads on until the bytes are used up or there is something to answer; returns how many were used.
 */
static size_t read_bytes(struct http_conn *c, const char *data, size_t len)
{
    struct http_request *r = &c->request;
    size_t done = 0;

    while (c->phase == READ) {
        size_t used;
        bool first = r->first == 0;
        enum http_event event = http_parse(r, data + done, len - done, &used);
        done += used;
        if (first && r->first != 0)
            c->head_ns = time_ns();
        switch (event) {
        case HTTP_EVENT_MORE:
            if (done == len)
                return done;
            break;
        case HTTP_EVENT_HEAD:
            begin_request(c);
            break;
        case HTTP_EVENT_DONE:
            answer(c);
            reply_start(c);
            break;
        case HTTP_EVENT_BAD:
            reply_error(c, r->status);
            break;
        }
    }
    return done;
}

/* Keeps what cannot be read yet; where nothing will be read any more, forgets it. */
static void keep_bytes(struct http_conn *c, const char *data, size_t len)
{
    if (len == 0 || c->close)
        return;
    ASSERT(len <= CONFIG_HTTP_INPUT - c->input_len); /* the window is never larger */
    memcpy(c->input + c->input_len, data, len);
    c->input_len += (uint32_t)len;
}

/* Takes what was received. A head is read from a copy: the device may write to received bytes at
 * any time, and the parser looks at those of a head more than once. */
static void take_bytes(struct http_conn *c, const char *data, size_t len)
{
    char copy[512];

    while (len > 0) {
        const bool head = c->phase == READ && !c->request.in_body;
        const size_t part = head && len > sizeof(copy) ? sizeof(copy) : len;
        const char *from = head ? memcpy(copy, data, part) : data;
        const size_t used = read_bytes(c, from, part);

        keep_bytes(c, from + used, part - used);
        data += part;
        len -= part;
    }
}

/* Goes on with what was kept. */
static void read_kept(struct http_conn *c)
{
    size_t used = read_bytes(c, c->input, c->input_len);

    c->input_len = c->close && c->phase != READ ? 0 : c->input_len - (uint32_t)used;
    memmove(c->input, c->input + used, c->input_len);
}

/* ---- turns --------------------------------------------------------------------------------------
 */

/* What the peer may send on top of what was taken: what there is room for, and what will be
 * absorbed without needing any. */
static uint32_t room_of(const struct http_conn *c)
{
    uint64_t absorbed = c->phase == READ ? http_body_left(&c->request) : 0;

    return CONFIG_HTTP_INPUT - c->input_len + (uint32_t)(absorbed < TCP_WND ? absorbed : TCP_WND);
}

/* Everything that can be done now. */
static err_t drive(struct http_conn *c)
{
    while (c->phase == REPLY) {
        reply_continue(c);
        if (!reply_is_through(c))
            break;
        reply_end(c);
        if (c->phase == READ)
            read_kept(c);
    }
    if (c->eof && c->phase != REPLY)
        return http_place_close(c);
    conn_window(c->pcb, &c->edge, c->in + room_of(c));
    tcp_output(c->pcb);
    return ERR_OK;
}

static err_t on_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
    struct http_conn *c = arg;

    (void)err;
    if (p == NULL) {
        c->eof = true;
        return drive(c);
    }
    /* Nobody can make us linger on, nor wait for who does not read our answer. */
    if (c->phase != LINGER && conn_all_acked(pcb))
        c->progress_ns = time_ns();
    c->in += p->tot_len;
    c->pace_bytes += p->tot_len;
    for (const struct pbuf *q = p; q != NULL; q = q->next)
        take_bytes(c, q->payload, q->len);
    pbuf_free(p);
    return drive(c);
}

static err_t on_sent(void *arg, struct tcp_pcb *pcb, u16_t len)
{
    struct http_conn *c = arg;

    (void)pcb;
    c->progress_ns = time_ns();
    c->acked += len;
    c->pace_bytes += len;
    n.tx_bytes += len;
    return drive(c);
}

static err_t on_poll(void *arg, struct tcp_pcb *pcb)
{
    struct http_conn *c = arg;
    uint64_t now = time_ns();
    uint64_t silent_ns = now - c->progress_ns;

    (void)pcb;
    http_judge_pace(c, now);
    if (c->phase == LINGER && silent_ns >= LINGER_NS)
        return http_place_close(c);
    if (silent_ns >= CONFIG_IDLE_MS * NS_PER_MS) {
        n.timed_out++;
        return http_between_requests(c) ? http_place_close(c) : http_place_abort(c);
    }
    if (c->reply.text != NULL && now - c->reply_ns >= CONFIG_HTTP_TEXT_MS * NS_PER_MS) {
        apps_refused("reply", "http: not read in time");
        return http_place_abort(c);
    }
    if (c->phase == READ && c->request.first != 0 && !c->request.in_body &&
        now - c->head_ns >= CONFIG_HTTP_HEAD_MS * NS_PER_MS) {
        n.timed_out++;
        reply_error(c, 408);
    }
    return drive(c);
}

static void on_err(void *arg, err_t err)
{
    (void)err;
    http_place_drop(arg);
}

static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
    struct http_conn *c = pcb != NULL ? http_place_take(pcb) : NULL;

    (void)arg;
    (void)err;
    if (c == NULL) {
        apps_refused("connection", "http: all places taken");
        return ERR_MEM; /* the stack resets it */
    }
    c->progress_ns = c->pace_ns = time_ns();
    http_request_init(&c->request);
    n.accepted++;
    /* It answers for the guest's state when everything else is busy. */
    c->edge = conn_accepted(pcb, TCP_PRIO_MAX);
    tcp_arg(pcb, c);
    tcp_recv(pcb, on_recv);
    tcp_sent(pcb, on_sent);
    tcp_poll(pcb, on_poll, 1);
    tcp_err(pcb, on_err);
    return ERR_OK;
}

static bool start(void)
{
    return conn_listen(PORT, CONFIG_HTTP_INPUT, on_accept, NULL);
}

static void stats(struct json *j)
{
    json_u64(j, "open", http_places_open());
    json_u64(j, "accepted", n.accepted);
    json_u64(j, "timed_out", n.timed_out);
    json_u64(j, "made_way", http_places_made_way());
    json_u64(j, "requests", n.requests);
    json_u64(j, "replies_2xx", n.replies_2xx);
    json_u64(j, "replies_4xx", n.replies_4xx);
    json_u64(j, "replies_5xx", n.replies_5xx);
    json_u64(j, "rx_body_bytes", n.rx_body_bytes);
    json_u64(j, "tx_bytes", n.tx_bytes);
}

const struct service http_service = {
    .name = "http", .bit = SERVICE_HTTP, .start = start, .stats = stats};
