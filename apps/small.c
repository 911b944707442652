// SPDX-License-Identifier: BSD-3-Clause
/*
 * Connections and datagrams of the small services.
 *
 * A place in the table is taken by the accept callback and given back when the connection is
 * closed, aborted or lost, always through drop(). A connection on which nothing moves for
 * CONFIG_IDLE_MS, or whose peer takes nothing, is reset: the peer is gone, or might as well be.
 * Where no place is free, the one that has been silent longest gives way to a new one after
 * SILENT_NS.
 *
 * A datagram is never answered to a broadcast or multicast address, nor to a well-known port:
 * behind such a port is a server, and two servers that answer each other never stop. [RFC 862, 864
 * have no such rule; CERT CA-1996-01 is why it is needed]
 */
#include "small.h"

#include "app.h"
#include "conn.h"
#include "netport.h"
#include "record.h"
#include "time.h"

#define PORT_CLIENT_MIN 1024

/* A peer that has something to say and loses it three times in a row has said it again (after 1, 2
 * and 4 s). */
#define SILENT_NS (10 * NS_PER_S)

static struct small_conn conns[CONFIG_ECHO_CONN];
static uint8_t rings[CONFIG_ECHO_CONN][CONFIG_ECHO_RING] __attribute__((section(".noinit")));

static void drop(struct small_conn *c)
{
    c->pcb = NULL;
    c->service->n.open--;
}

static err_t drop_abort(struct small_conn *c)
{
    struct tcp_pcb *pcb = c->pcb;

    drop(c);
    return conn_abort(pcb);
}

static struct small_conn *take(void)
{
    struct small_conn *c = NULL;

    for (unsigned i = 0; i < CONFIG_ECHO_CONN && (c == NULL || c->pcb != NULL); i++) {
        if (conns[i].pcb == NULL || c == NULL || conns[i].progress_ns < c->progress_ns)
            c = &conns[i];
    }
    if (c->pcb != NULL) {
        if (time_ns() - c->progress_ns < SILENT_NS)
            return NULL;
        apps_refused("connection", "small services: silent, gave way to a new one");
        drop_abort(c);
    }
    *c = (struct small_conn){.ring = rings[c - conns]};
    return c;
}

/* Lets the service write, and closes when it has said everything. */
static err_t drive(struct small_conn *c)
{
    struct tcp_pcb *pcb = c->pcb;

    if (c->service->output(c)) {
        drop(c);
        return conn_close(pcb);
    }
    tcp_output(pcb);
    return ERR_OK;
}

static err_t on_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
    struct small_conn *c = arg;

    (void)err;
    if (p == NULL) {
        c->eof = true;
        return drive(c);
    }
    if (conn_all_acked(pcb))
        c->progress_ns = time_ns();
    c->service->n.rx_bytes += p->tot_len;
    c->service->input(c, p);
    pbuf_free(p);
    return drive(c);
}

static err_t on_sent(void *arg, struct tcp_pcb *pcb, u16_t len)
{
    struct small_conn *c = arg;

    (void)pcb;
    c->progress_ns = time_ns();
    c->acked += len;
    c->service->n.tx_bytes += len;
    return drive(c);
}

static err_t on_poll(void *arg, struct tcp_pcb *pcb)
{
    struct small_conn *c = arg;

    (void)pcb;
    if (time_ns() - c->progress_ns < CONFIG_IDLE_MS * NS_PER_MS)
        return drive(c);
    c->service->n.timed_out++;
    return drop_abort(c);
}

static void on_err(void *arg, err_t err)
{
    (void)err;
    drop(arg);
}

static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
    struct small_service *service = arg;
    struct small_conn *c = pcb != NULL ? take() : NULL;

    (void)err;
    if (c == NULL) {
        apps_refused("connection", "small services: all places taken");
        return ERR_MEM; /* the stack resets it */
    }
    c->pcb = pcb;
    c->service = service;
    c->progress_ns = time_ns();
    service->n.accepted++;
    service->n.open++;
    c->edge = conn_accepted(pcb, TCP_PRIO_NORMAL);
    tcp_arg(pcb, c);
    tcp_recv(pcb, on_recv);
    tcp_sent(pcb, on_sent);
    tcp_poll(pcb, on_poll, 1);
    tcp_err(pcb, on_err);
    return drive(c);
}

const char *small_silence(const ip_addr_t *addr, u16_t port)
{
    const ip_addr_t *to = ip_current_dest_addr();
    struct netif *netif = ip_current_input_netif();

    if (ip_addr_ismulticast(to) || ip_addr_isbroadcast(to, netif))
        return "sent to many";
    if (ip_addr_isany(addr) || ip_addr_ismulticast(addr) || ip_addr_isbroadcast(addr, netif))
        return "sender is no host";
    if (port < PORT_CLIENT_MIN)
        return "sender is a server";
    return NULL;
}

static void on_datagram(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *addr,
                        u16_t port)
{
    struct small_service *service = arg;

    service->n.rx_datagrams++;
    if (service->answer != NULL) {
        const char *reason = small_silence(addr, port);
        if (reason != NULL)
            apps_refused("datagram", reason);
        else if (service->answer(pcb, p, addr, port))
            service->n.tx_datagrams++;
    }
    pbuf_free(p);
}

bool small_reply(struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *addr, u16_t port)
{
    return udp_sendto_if_src(pcb, p, addr, port, ip_current_input_netif(),
                             ip_current_dest_addr()) == ERR_OK;
}

bool small_start(struct small_service *service)
{
    struct udp_pcb *udp = udp_new_ip_type(IPADDR_TYPE_ANY);

    if (udp == NULL || udp_bind(udp, IP_ANY_TYPE, service->port) != ERR_OK) {
        record_error("udp port %u cannot be bound", service->port);
        return false;
    }
    udp_recv(udp, on_datagram, service);
    return conn_listen(service->port, service->window, on_accept, service);
}

void small_json(const struct small_service *service, struct json *j)
{
    const struct small_counters *n = &service->n;

    json_u64(j, "open", n->open);
    json_u64(j, "accepted", n->accepted);
    json_u64(j, "timed_out", n->timed_out);
    json_u64(j, "rx_bytes", n->rx_bytes);
    json_u64(j, "tx_bytes", n->tx_bytes);
    json_u64(j, "rx_datagrams", n->rx_datagrams);
    json_u64(j, "tx_datagrams", n->tx_datagrams);
}
