// SPDX-License-Identifier: BSD-3-Clause
/*
 * The door of the iperf3 server: connections until their cookie is read.
 *
 * The first 37 bytes of every connection are a cookie. One that a session knows makes it that
 * session's next data connection, any other opens a session. Strangers have CONFIG_IPERF_PENDING
 * places to be slow in, and the listener's backlog; the oldest gives way to the next.
 *
 * A session whose streams are awaited widens the door by their number, since they may all come at
 * once: a client that connects through a proxy, as QEMU's user network is one, does not wait for
 * the last handshake before it starts the next. Such a connection is half-open, waiting here, or a
 * stream, never two of these, and its place among the stack's connections is the stream's.
 */
#include "iperf3.h"

#include "app.h"
#include "conn.h"
#include "lwip/priv/tcp_priv.h"

/* A client sends its cookie with its first segment. */
#define COOKIE_NS (5 * NS_PER_S)

struct pending {
    struct tcp_pcb *pcb; /* NULL = free */
    uint64_t deadline_ns;
    uint32_t have; /* bytes of the cookie */
    char cookie[IPERF3_COOKIE_BYTES];
};

static struct pending pending[CONFIG_IPERF_PENDING + CONFIG_IPERF_STREAM];
static unsigned n_pending;
static struct tcp_pcb_listen *listener; /* ours, as the first connection names it */

static const uint8_t denied[] = {(uint8_t)IPERF3_ACCESS_DENIED};

/* Streams that clients have been asked to open over TCP, and have not. */
static unsigned awaited(void)
{
    unsigned n = 0;

    for (unsigned i = 0; i < CONFIG_IPERF_SESSION; i++) {
        const struct iperf3_session *s = &iperf3_sessions[i];
        if (s->state == IPERF3_CREATE && !s->params.udp)
            n += s->n_unopened;
    }
    return n;
}

void iperf3_door_widen(void)
{
    unsigned streams = awaited();
    unsigned here = n_pending > CONFIG_IPERF_PENDING ? n_pending - CONFIG_IPERF_PENDING : 0;
    unsigned backlog = CONFIG_BACKLOG + (streams > here ? streams - here : 0);

    if (listener != NULL)
        listener->backlog = (u8_t)(backlog < UINT8_MAX ? backlog : UINT8_MAX);
}

static void leave(struct pending *c)
{
    c->pcb = NULL;
    n_pending--;
}

/* The cookie is complete: the connection gets its place, or 0xFF and FIN. */
static bool admit(struct tcp_pcb *pcb, const char *cookie)
{
    struct iperf3_session *s = iperf3_session_find(cookie);

    if (s != NULL && iperf3_server_open_stream(s, pcb))
        return true;
    if (s == NULL && iperf3_server_open_session(pcb, cookie))
        return true;
    apps_refused("iperf3 connection", s != NULL ? "not expected" : "all sessions in use");
    conn_write(pcb, denied, sizeof(denied));
    return false;
}

static err_t pending_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
    struct pending *c = arg;

    (void)err;
    if (p == NULL) {
        leave(c);
        return conn_close(pcb);
    }
    u16_t n = pbuf_copy_partial(p, c->cookie + c->have, (u16_t)(sizeof(c->cookie) - c->have), 0);
    c->have += n;
    tcp_recved(pcb, n);
    p = pbuf_free_header(p, n);
    if (c->have < sizeof(c->cookie))
        return ERR_OK;

    leave(c);
    if (!admit(pcb, c->cookie)) {
        if (p != NULL)
            pbuf_free(p);
        return conn_close(pcb);
    }
    return p != NULL ? pcb->recv(pcb->callback_arg, pcb, p, ERR_OK) : ERR_OK;
}

static void pending_err(void *arg, err_t err)
{
    struct pending *c = arg;

    (void)err;
    leave(c);
}

/* A free place, or that of the oldest when there are as many as may be. */
static struct pending *place(void)
{
    struct pending *free = NULL, *oldest = NULL;

    for (unsigned i = 0; i < sizeof(pending) / sizeof(pending[0]); i++) {
        struct pending *c = &pending[i];
        if (c->pcb == NULL)
            free = c;
        else if (oldest == NULL || c->deadline_ns < oldest->deadline_ns)
            oldest = c;
    }
    if (free != NULL && n_pending < CONFIG_IPERF_PENDING + awaited())
        return free;
    apps_refused("iperf3 connection", "no cookie yet, and another one waits");
    conn_abort(oldest->pcb);
    leave(oldest);
    return oldest;
}

static err_t accepted(void *arg, struct tcp_pcb *pcb, err_t err)
{
    (void)arg;
    if (err != ERR_OK || pcb == NULL)
        return ERR_VAL;
    listener = pcb->listener;
    struct pending *c = place();
    c->pcb = pcb;
    c->have = 0;
    c->deadline_ns = time_ns() + COOKIE_NS;
    n_pending++;
    conn_accepted(pcb, TCP_PRIO_MIN + 2); /* above half-open ones, below tests */
    tcp_arg(pcb, c);
    tcp_recv(pcb, pending_recv);
    tcp_err(pcb, pending_err);
    return ERR_OK;
}

unsigned iperf3_door_poll(uint64_t now)
{
    unsigned done = 0;

    iperf3_door_widen();
    for (unsigned i = 0; i < sizeof(pending) / sizeof(pending[0]) && n_pending > 0; i++) {
        struct pending *c = &pending[i];
        if (c->pcb == NULL || now < c->deadline_ns)
            continue;
        apps_refused("iperf3 connection", "no cookie");
        conn_abort(c->pcb);
        leave(c);
        done++;
    }
    return done;
}

uint64_t iperf3_door_deadline(void)
{
    uint64_t first = UINT64_MAX;

    for (unsigned i = 0; i < sizeof(pending) / sizeof(pending[0]) && n_pending > 0; i++) {
        if (pending[i].pcb != NULL && pending[i].deadline_ns < first)
            first = pending[i].deadline_ns;
    }
    return first;
}

unsigned iperf3_door_waiting(void)
{
    return n_pending;
}

bool iperf3_door_start(void)
{
    listener = NULL;
    return conn_listen(IPERF3_PORT, IPERF3_WINDOW, accepted, NULL);
}
