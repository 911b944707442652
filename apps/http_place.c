// SPDX-License-Identifier: BSD-3-Clause
/*
 * Places of the HTTP server, see the header.
 */
#include "http_place.h"

#include "app.h"
#include "conn.h"
#include "string.h"
#include "time.h"

/* What a client may expect of us before another one's need comes first: that its first request has
 * time to arrive, or that it may read an answer at its own pace. Both take a round trip or a few;
 * and a client that is told to come again (Retry-After: 1) finds room then. */
#define GRACE_NS (1 * NS_PER_S)

/* A connection on which less moves than this, either way, in this time is slow: 1 KiB/s. In that
 * time a segment that was lost twice in a row has been sent again. */
#define PACE_NS    (5 * NS_PER_S)
#define PACE_BYTES 5120

static struct http_conn conns[CONFIG_HTTP_CONN];
static char bodies[CONFIG_HTTP_CONN][CONFIG_HTTP_BODY_MAX] __attribute__((section(".noinit")));
static char inputs[CONFIG_HTTP_CONN][CONFIG_HTTP_INPUT] __attribute__((section(".noinit")));

static uint32_t open;
static uint64_t made_way;

void http_place_drop(struct http_conn *c)
{
    if (c->reply.text != NULL)
        http_text_release(c->reply.text);
    c->pcb = NULL;
    open--;
}

err_t http_place_close(struct http_conn *c)
{
    struct tcp_pcb *pcb = c->pcb;

    http_place_drop(c);
    return conn_close(pcb);
}

err_t http_place_abort(struct http_conn *c)
{
    struct tcp_pcb *pcb = c->pcb;

    http_place_drop(c);
    return conn_abort(pcb);
}

bool http_between_requests(const struct http_conn *c)
{
    return c->phase == READ && c->request.first == 0;
}

/* Between requests nothing has to move. */
void http_judge_pace(struct http_conn *c, uint64_t now)
{
    bool idle = http_between_requests(c);

    if (!idle && now - c->pace_ns < PACE_NS)
        return;
    c->slow = !idle && c->pace_bytes < PACE_BYTES;
    c->pace_ns = now;
    c->pace_bytes = 0;
}

/* How readily a place is given to a new connection. */
enum claim { AT_WORK, SLOW, IDLE, FREE };

/* Closing a connection between two requests is what both sides have to expect at any time [RFC 9112
 * 9.5]; before the first one it is not, for as long as that may be on its way. One that lingers has
 * nothing to hear any more. */
static enum claim claim_of(const struct http_conn *c, uint64_t now)
{
    if (c->pcb == NULL)
        return FREE;
    if (c->phase == LINGER)
        return IDLE;
    if (http_between_requests(c) && (c->answered || now - c->progress_ns >= GRACE_NS))
        return IDLE;
    return c->slow ? SLOW : AT_WORK;
}

struct http_conn *http_place_take(struct tcp_pcb *pcb)
{
    struct http_conn *best = NULL;
    enum claim claim = AT_WORK;
    uint64_t now = time_ns();

    for (unsigned i = 0; i < CONFIG_HTTP_CONN && claim != FREE; i++) {
        struct http_conn *c = &conns[i];
        enum claim its = claim_of(c, now);
        if (its < claim || its == AT_WORK || (its == claim && c->progress_ns >= best->progress_ns))
            continue;
        best = c;
        claim = its;
    }
    if (best == NULL)
        return NULL;
    if (claim != FREE) {
        made_way++;
        apps_refused("connection", claim == SLOW ? "http: slow, gave way to a new one"
                                                 : "http: gave way to a new one");
    }
    if (claim == IDLE)
        http_place_close(best);
    if (claim == SLOW)
        http_place_abort(best);
    memset(best, 0, sizeof(*best));
    best->pcb = pcb;
    best->input = inputs[best - conns];
    best->body = bodies[best - conns];
    open++;
    return best;
}

bool http_free_a_text(uint64_t now)
{
    struct http_conn *slowest = NULL;

    for (unsigned i = 0; i < CONFIG_HTTP_CONN; i++) {
        struct http_conn *c = &conns[i];
        if (c->pcb != NULL && c->reply.text != NULL && now - c->reply_ns >= GRACE_NS &&
            (slowest == NULL || c->reply_ns < slowest->reply_ns))
            slowest = c;
    }
    if (slowest == NULL)
        return false;
    apps_refused("reply", "http: read slowly, and another client waits");
    http_place_abort(slowest);
    return true;
}

uint32_t http_places_open(void)
{
    return open;
}

uint64_t http_places_made_way(void)
{
    return made_way;
}
