// SPDX-License-Identifier: BSD-3-Clause
/*
 * Echo [RFC 862]: every byte goes back.
 *
 * TCP: bytes are copied into the connection's ring when they arrive and sent from there by address;
 * a place in the ring is free again when the peer has acknowledged its byte, and only then may the
 * peer send another. So a reader that is slower than its own writing closes its own window, and
 * nobody else notices.
 *
 *        acked            out               in
 *     ---- on the way to peer --- not queued ---- free = the window ----
 *
 * UDP: the datagram itself is turned round.
 */
#include "app.h"
#include "conn.h"
#include "panic.h"
#include "small.h"

static_assert((CONFIG_ECHO_RING & (CONFIG_ECHO_RING - 1)) == 0,
              "free-running counters address the ring across their wrap");
static_assert(CONFIG_ECHO_RING >= CONFIG_MTU_MAX, "a window holds a whole segment");

static void input(struct small_conn *c, const struct pbuf *p)
{
    /* The window is never larger than the room. */
    ASSERT(p->tot_len <= CONFIG_ECHO_RING - (c->in - c->acked));
    conn_fill_ring(c->ring, CONFIG_ECHO_RING, &c->in, p);
}

static bool output(struct small_conn *c)
{
    conn_write_ring(c->pcb, c->ring, CONFIG_ECHO_RING, &c->out, c->in);
    conn_window(c->pcb, &c->edge, c->acked + CONFIG_ECHO_RING);
    return c->eof && c->acked == c->in;
}

static struct small_service echo = {
    .port = 7, .window = CONFIG_ECHO_RING, .input = input, .output = output, .answer = small_reply};

static bool start(void)
{
    return small_start(&echo);
}

static void stats(struct json *j)
{
    small_json(&echo, j);
}

const struct service echo_service = {
    .name = "echo", .bit = SERVICE_ECHO, .start = start, .stats = stats};
