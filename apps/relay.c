// SPDX-License-Identifier: BSD-3-Clause
/*
 * Relay: a connection to one of our ports is carried to a target, both ways, so that the traffic of
 * any program crosses our stack twice.
 *
 * A relayed connection has two sides, the client's and the target's. What a side sends is copied
 * into its ring when it arrives and sent to the other side from there by address; a place in the
 * ring is free again when the other side has acknowledged its byte, and only then may this side
 * send another. So whoever does not take what comes closes the sender's window, end to end, and
 * nobody else notices.
 *
 *     side's ring:   acked            out               in
 *                 ---- on the way to the other --- not queued ---- free = the side's window ----
 *
 * What is true of one side is made true of the other: behind the last byte before a FIN goes a FIN,
 * while the other way goes on; after a reset, or a silence that the stack gave up, comes a reset.
 * A side is let go when it has sent its FIN, was sent ours and has acknowledged all: then nothing
 * of the rings is referenced by the stack. A client whose target does not answer is reset.
 */
#include "app.h"
#include "conn.h"
#include "panic.h"
#include "time.h"

static_assert((CONFIG_RELAY_RING & (CONFIG_RELAY_RING - 1)) == 0,
              "free-running counters address the ring across their wrap");
static_assert(CONFIG_RELAY_RING >= CONFIG_MTU_MAX, "a window holds a whole segment");

/* As long as the small services wait (apps/small.c). */
#define SILENT_NS (10 * NS_PER_S)

enum { CLIENT, TARGET };

struct side {
    struct pair *pair;
    struct side *other;
    struct tcp_pcb *pcb; /* NULL: it is not there yet, or was let go */
    bool ready;          /* connected */
    bool eof;            /* it has sent its FIN */
    bool fin;            /* it was sent ours */
    uint32_t in;         /* bytes taken from it; free-running, as are the next three */
    uint32_t edge;       /* how far it may send, as `in` counts */
    uint32_t out;        /* of the other's bytes, handed to the stack for it */
    uint32_t acked;      /* of those, acknowledged by it */
    uint8_t *ring;       /* CONFIG_RELAY_RING bytes that belong to this place */
};

struct pair {
    bool taken;
    uint64_t progress_ns; /* last time a side acknowledged, or sent while the other one had
                             acknowledged all; at first, when the client came */
    struct side side[2];
};

static struct pair pairs[CONFIG_RELAY_CONN];
static uint8_t rings[2 * CONFIG_RELAY_CONN][CONFIG_RELAY_RING] __attribute__((section(".noinit")));

static struct {
    uint64_t accepted, unreachable, timed_out, resets;
    uint64_t bytes[2]; /* that each side has acknowledged */
    uint32_t open;
} counters;

/* ---- the end of a pair ---------------------------------------------------------------------- */

static void leave(struct pair *pair)
{
    pair->taken = false;
    counters.open--;
}

/* Resets what is still there of both sides. */
static err_t cut(struct pair *pair)
{
    leave(pair);
    for (unsigned i = 0; i < 2; i++)
        if (pair->side[i].pcb != NULL)
            conn_abort(pair->side[i].pcb);
    return ERR_ABRT;
}

static err_t cut_unreachable(struct pair *pair, const char *reason)
{
    apps_refused("connection", reason);
    counters.unreachable++;
    return cut(pair);
}

/* Lets a side go that has nothing more to do. */
static err_t let_go(struct side *s)
{
    struct tcp_pcb *pcb = s->pcb;

    if (pcb == NULL || !s->eof || !s->fin || s->acked != s->other->in)
        return ERR_OK;
    s->pcb = NULL;
    return conn_close(pcb);
}

/* ---- bytes ---------------------------------------------------------------------------------- */

static void take(struct side *s, const struct pbuf *p)
{
    /* The window is never larger than the room. */
    ASSERT(p->tot_len <= CONFIG_RELAY_RING - (s->in - s->other->acked));
    conn_fill_ring(s->ring, CONFIG_RELAY_RING, &s->in, p);
}

static void give(struct side *to)
{
    const struct side *from = to->other;

    conn_write_ring(to->pcb, from->ring, CONFIG_RELAY_RING, &to->out, from->in);
    if (from->eof && !to->fin && to->out == from->in)
        to->fin = tcp_shutdown(to->pcb, 0, 1) == ERR_OK;
    tcp_output(to->pcb);
}

static void carry(struct side *from)
{
    struct side *to = from->other;

    if (to->pcb != NULL && to->ready)
        give(to);
    if (from->pcb != NULL && !from->eof)
        conn_window(from->pcb, &from->edge, to->acked + CONFIG_RELAY_RING);
}

/* Something changed on this side: it is new, bytes came or were acknowledged, time passed. */
static err_t drive(struct side *own)
{
    carry(own);
    carry(own->other);
    let_go(own->other);
    const err_t err = let_go(own);
    if (own->pcb == NULL && own->other->pcb == NULL)
        leave(own->pair);
    return err;
}

/* ---- the stack's callbacks ------------------------------------------------------------------ */

static err_t on_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
    struct side *s = arg;

    (void)pcb;
    (void)err;
    if (p == NULL) {
        s->eof = true;
        return drive(s);
    }
    ASSERT(s->other->pcb != NULL); /* it is let go behind the FIN of this side */
    if (conn_all_acked(s->other->pcb))
        s->pair->progress_ns = time_ns();
    take(s, p);
    pbuf_free(p);
    return drive(s);
}

static err_t on_sent(void *arg, struct tcp_pcb *pcb, u16_t len)
{
    struct side *s = arg;

    (void)pcb;
    s->pair->progress_ns = time_ns();
    s->acked += len;
    counters.bytes[s - s->pair->side] += len;
    return drive(s);
}

static err_t on_poll(void *arg, struct tcp_pcb *pcb)
{
    struct side *s = arg;
    struct pair *pair = s->pair;
    const uint64_t silent_ns = time_ns() - pair->progress_ns;

    (void)pcb;
    if (!pair->side[TARGET].ready && silent_ns >= CONFIG_RELAY_CONNECT_MS * NS_PER_MS)
        return cut_unreachable(pair, "relay: the target does not answer");
    if (silent_ns < CONFIG_IDLE_MS * NS_PER_MS)
        return drive(s);
    counters.timed_out++;
    return cut(pair);
}

static void on_err(void *arg, err_t err)
{
    struct side *s = arg;

    s->pcb = NULL;
    if (s == &s->pair->side[TARGET] && !s->ready) {
        cut_unreachable(s->pair, err == ERR_RST ? "relay: the target refuses"
                                                : "relay: the target does not answer");
        return;
    }
    counters.resets++;
    cut(s->pair);
}

static void attach(struct side *s, struct tcp_pcb *pcb, uint32_t window)
{
    s->pcb = pcb;
    s->ready = true;
    s->edge = window;
    tcp_arg(pcb, s);
    tcp_recv(pcb, on_recv);
    tcp_sent(pcb, on_sent);
    tcp_poll(pcb, on_poll, 1);
    tcp_err(pcb, on_err);
}

static err_t on_connected(void *arg, struct tcp_pcb *pcb, err_t err)
{
    struct side *s = arg;

    (void)err;
    conn_connected(pcb, CONFIG_RELAY_RING, TCP_PRIO_NORMAL);
    attach(s, pcb, pcb->rcv_wnd);
    s->pair->progress_ns = time_ns();
    return drive(s);
}

/* ---- admission ------------------------------------------------------------------------------ */

/* A free place; where there is none, that of the pair which has been silent longest. */
static struct pair *find_place(void)
{
    struct pair *oldest = &pairs[0];

    for (unsigned i = 0; i < CONFIG_RELAY_CONN; i++) {
        if (!pairs[i].taken)
            return &pairs[i];
        if (pairs[i].progress_ns < oldest->progress_ns)
            oldest = &pairs[i];
    }
    if (time_ns() - oldest->progress_ns < SILENT_NS)
        return NULL;
    apps_refused("connection", "relay: silent, gave way to a new one");
    cut(oldest);
    return oldest;
}

static struct pair *enter(void)
{
    struct pair *pair = find_place();

    if (pair == NULL)
        return NULL;
    *pair = (struct pair){.taken = true, .progress_ns = time_ns()};
    for (unsigned i = 0; i < 2; i++)
        pair->side[i] = (struct side){
            .pair = pair, .other = &pair->side[1 - i], .ring = rings[2 * (pair - pairs) + i]};
    counters.accepted++;
    counters.open++;
    return pair;
}

static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
    const struct conf_relay *relay = &apps_conf->relays[(uintptr_t)arg];
    struct pair *pair = pcb != NULL ? enter() : NULL;
    ip_addr_t to;

    (void)err;
    if (pair == NULL) {
        apps_refused("connection", "relay: all places taken");
        return ERR_MEM; /* the stack resets it */
    }
    conn_address(&to, &relay->target);
    struct side *target = &pair->side[TARGET];
    target->pcb = conn_connect(&to, relay->target_port, on_connected, on_err, target, &err);
    if (target->pcb == NULL) {
        cut_unreachable(pair, "relay: no way to the target");
        return ERR_RTE; /* likewise */
    }
    attach(&pair->side[CLIENT], pcb, conn_accepted(pcb, TCP_PRIO_NORMAL));
    return ERR_OK;
}

/* ---- the service ---------------------------------------------------------------------------- */

static bool start(void)
{
    for (unsigned i = 0; i < apps_conf->n_relays; i++)
        if (!conn_listen(apps_conf->relays[i].port, CONFIG_RELAY_RING, on_accept,
                         (void *)(uintptr_t)i))
            return false;
    return true;
}

static void stats(struct json *j)
{
    json_u64(j, "open", counters.open);
    json_u64(j, "accepted", counters.accepted);
    json_u64(j, "unreachable", counters.unreachable);
    json_u64(j, "timed_out", counters.timed_out);
    json_u64(j, "resets", counters.resets);
    json_u64(j, "to_target_bytes", counters.bytes[TARGET]);
    json_u64(j, "to_client_bytes", counters.bytes[CLIENT]);
}

const struct service relay_service = {
    .name = "relay", .bit = SERVICE_RELAY, .start = start, .stats = stats};
