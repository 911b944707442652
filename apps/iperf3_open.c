// SPDX-License-Identifier: BSD-3-Clause
/*
 * The streams of an iperf3 client: one after the other, since a server numbers them as they come.
 *
 * Over TCP each is a connection whose first bytes are the cookie. Over UDP each has a port of its
 * own, from which it sends a hello, and is open when an answer came. A hello is never repeated: a
 * server whose answer was lost would take the second one for data.
 */
#include "iperf3.h"

#include "conn.h"
#include "lwip/udp.h"
#include "string.h"

/* ---- TCP ----------------------------------------------------------------------------------- */

static void opened(struct iperf3_stream *st)
{
    struct iperf3_session *s = st->session;

    s->unopened = st->next;
    s->n_unopened--;
    iperf3_open_next(s);
}

static err_t connected(void *arg, struct tcp_pcb *pcb, err_t err)
{
    struct iperf3_stream *st = arg;
    struct iperf3_session *s = st->session;

    (void)err;
    conn_connected(pcb, IPERF3_WINDOW, TCP_PRIO_NORMAL);
    iperf3_tcp_attach(st, pcb);
    st->preface = IPERF3_COOKIE_BYTES;
    if (conn_write(pcb, s->cookie, IPERF3_COOKIE_BYTES) != IPERF3_COOKIE_BYTES)
        iperf3_session_end(s, "stream_refused");
    else if (s->state == IPERF3_OPEN)
        opened(st);
    return ERR_OK;
}

static void failed(void *arg, err_t err)
{
    struct iperf3_stream *st = arg;

    (void)err;
    st->pcb = NULL;
    iperf3_session_end(st->session, "stream_refused");
}

static void open_tcp(struct iperf3_stream *st)
{
    struct iperf3_session *s = st->session;
    err_t err;

    st->pcb = conn_connect(&s->peer, s->port, connected, failed, st, &err);
    if (st->pcb == NULL)
        iperf3_session_end(s, "stream_refused");
}

/* ---- UDP ----------------------------------------------------------------------------------- */

/* Servers before 3.12 answer with other bytes. */
static void datagram(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *addr,
                     u16_t port)
{
    struct iperf3_stream *st = arg;
    struct iperf3_session *s = st->session;

    (void)pcb;
    if (ip_addr_eq(addr, &s->peer) && port == s->port) {
        if (p->tot_len != IPERF3_UDP_HELLO_BYTES)
            iperf3_udp_count(st, p);
        else if (s->state == IPERF3_OPEN && st == s->unopened)
            opened(st);
    }
    pbuf_free(p);
}

static bool say_hello(struct iperf3_stream *st)
{
    struct pbuf *p = pbuf_alloc(PBUF_TRANSPORT, IPERF3_UDP_HELLO_BYTES, PBUF_RAM);

    if (p == NULL)
        return false;
    memcpy(p->payload, IPERF3_UDP_HELLO, IPERF3_UDP_HELLO_BYTES);
    err_t err =
        udp_sendto_if_src(st->udp, p, &st->remote, st->port, st->session->netif, &st->local);
    pbuf_free(p);
    return err == ERR_OK;
}

static void open_udp(struct iperf3_stream *st)
{
    struct iperf3_session *s = st->session;

    ip_addr_copy(st->local, s->control->local_ip);
    iperf3_udp_open(st, udp_new_ip_type(IP_GET_TYPE(&s->peer)), &s->peer, s->port);
    if (st->udp == NULL || udp_bind(st->udp, &st->local, 0) != ERR_OK || !say_hello(st)) {
        iperf3_session_end(s, "stream_refused");
        return;
    }
    udp_recv(st->udp, datagram, st);
}

bool iperf3_open_all_heard(struct iperf3_session *s)
{
    if (!s->params.udp || s->n_unopened != 1)
        return false;
    opened(s->unopened);
    return true;
}

void iperf3_open_next(struct iperf3_session *s)
{
    if (s->unopened == NULL)
        iperf3_client_streams_ready(s);
    else if (s->params.udp)
        open_udp(s->unopened);
    else
        open_tcp(s->unopened);
}
