// SPDX-License-Identifier: BSD-3-Clause
/*
 * Data over UDP.
 *
 * One socket for all streams: a stream is found by the client's address and port in a hash table. A
 * datagram of four bytes is a client's hello, from a new port for each stream: it opens the next
 * stream of the session of that address which is waiting for some. Hellos are not repeated by real
 * clients, but may be doubled by a network: each from a known port is answered again. Whatever else
 * arrives belongs to a known stream or is counted and dropped.
 */
#include "iperf3.h"

#include "app.h"
#include "lwip/ip.h"
#include "lwip/udp.h"
#include "record.h"
#include "string.h"

#define HASH_SIZE 512
static_assert(HASH_SIZE >= CONFIG_IPERF_STREAM, "about one stream in a chain");
static_assert((HASH_SIZE & (HASH_SIZE - 1)) == 0, "the hash is masked");

/* How long a sender waits after the stack refused a datagram, or kept it. */
#define RETRY_NS (1 * NS_PER_MS)

static struct udp_pcb *socket;
static struct iperf3_stream *table[HASH_SIZE];
static uint64_t stray, unresolved;

/* ---- who is it ----------------------------------------------------------------------------- */

/* The client chooses its ports, but only sessions admitted put them here: a chain is never longer
 * than there are streams. */
static unsigned hash(const ip_addr_t *addr, uint16_t port)
{
    uint32_t h = port;

    if (IP_IS_V6(addr)) {
        const ip6_addr_t *a = ip_2_ip6(addr);
        h ^= a->addr[0] ^ a->addr[1] ^ a->addr[2] ^ a->addr[3];
    } else {
        h ^= ip4_addr_get_u32(ip_2_ip4(addr));
    }
    h *= 0x9e3779b1u; /* 2^32 divided by the golden ratio */
    return (h >> 16) & (HASH_SIZE - 1);
}

static struct iperf3_stream *find(const ip_addr_t *addr, uint16_t port)
{
    struct iperf3_stream *st = table[hash(addr, port)];

    while (st != NULL && (st->port != port || !ip_addr_eq(&st->remote, addr)))
        st = st->chain;
    return st;
}

static struct iperf3_session *waiting_for(const ip_addr_t *addr)
{
    for (unsigned i = 0; i < CONFIG_IPERF_SESSION; i++) {
        struct iperf3_session *s = &iperf3_sessions[i];
        if (s->state == IPERF3_CREATE && s->params.udp && ip_addr_eq(&s->peer, addr))
            return s;
    }
    return NULL;
}

void iperf3_udp_release(struct iperf3_stream *st)
{
    if (st->udp != socket && st->udp != NULL)
        udp_remove(st->udp);
    if (st->udp != socket) {
        st->udp = NULL;
        return;
    }
    struct iperf3_stream **link = &table[hash(&st->remote, st->port)];
    while (*link != st)
        link = &(*link)->chain;
    *link = st->chain;
    st->udp = NULL;
}

uint64_t iperf3_udp_stray(void)
{
    return stray;
}

uint64_t iperf3_udp_unresolved(void)
{
    return unresolved;
}

/* ---- receiving ----------------------------------------------------------------------------- */

static bool reply(const ip_addr_t *addr, uint16_t port)
{
    struct pbuf *p = pbuf_alloc(PBUF_TRANSPORT, IPERF3_UDP_HELLO_BYTES, PBUF_RAM);

    if (p == NULL)
        return false;
    memcpy(p->payload, IPERF3_UDP_REPLY, IPERF3_UDP_HELLO_BYTES);
    err_t err =
        udp_sendto_if_src(socket, p, addr, port, ip_current_netif(), ip_current_dest_addr());
    pbuf_free(p);
    return err == ERR_OK;
}

void iperf3_udp_open(struct iperf3_stream *st, struct udp_pcb *pcb, const ip_addr_t *addr,
                     uint16_t port)
{
    ip_addr_copy(st->remote, *addr);
    st->port = port;
    st->udp = pcb;
    st->out = (struct udp_template){.pcb = pcb,
                                    .netif = st->session->netif,
                                    .local = &st->local,
                                    .remote = &st->remote,
                                    .port = port};
}

static void hello(const ip_addr_t *addr, uint16_t port)
{
    struct iperf3_session *s = waiting_for(addr);

    if (s == NULL || ip_addr_ismulticast(ip_current_dest_addr()) ||
        ip_addr_isbroadcast(ip_current_dest_addr(), ip_current_netif()) || !reply(addr, port)) {
        stray++;
        return;
    }
    struct iperf3_stream *st = s->unopened;
    unsigned h = hash(addr, port);
    ip_addr_copy(st->local, *ip_current_dest_addr());
    iperf3_udp_open(st, socket, addr, port);
    st->chain = table[h];
    table[h] = st;
    s->unopened = st->next;
    if (s->unopened == NULL)
        iperf3_server_streams_ready(s);
}

static uint32_t get_be32(const uint8_t *b)
{
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

void iperf3_udp_count(struct iperf3_stream *st, const struct pbuf *p)
{
    struct iperf3_session *s = st->session;
    bool wide = s->params.wide_counters;
    uint8_t h[IPERF3_UDP_HEADER_WIDE];
    u16_t len = wide ? IPERF3_UDP_HEADER_WIDE : IPERF3_UDP_HEADER;

    if (st->sends || !iperf3_stream_counts(st))
        return; /* the rest of a test that is over */
    if (pbuf_copy_partial(p, h, len, 0) != len) {
        stray++;
        return;
    }
    uint64_t number = get_be32(h + 8);
    if (wide)
        number = number << 32 | get_be32(h + 12);
    uint64_t sent_ns = get_be32(h) * NS_PER_S + get_be32(h + 4) * NS_PER_US;
    iperf3_order_count(&st->order, number, wide, sent_ns, time_ns());
    st->sum.rx_bytes += p->tot_len;
    st->sum.rx_packets++;
    s->rx_gap.progress = true;
}

static void datagram(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *addr,
                     u16_t port)
{
    struct iperf3_stream *st = find(addr, port);

    (void)arg, (void)pcb;
    if (st != NULL && p->tot_len == IPERF3_UDP_HELLO_BYTES)
        reply(addr, port);
    else if (st != NULL)
        iperf3_udp_count(st, p);
    else if (p->tot_len == IPERF3_UDP_HELLO_BYTES && port != 0)
        hello(addr, port);
    else
        stray++;
    pbuf_free(p);
}

/* ---- sending ------------------------------------------------------------------------------- */

static void put_be32(uint8_t *b, uint32_t v)
{
    b[0] = (uint8_t)(v >> 24);
    b[1] = (uint8_t)(v >> 16);
    b[2] = (uint8_t)(v >> 8);
    b[3] = (uint8_t)v;
}

/* Time and number, the rest from the pattern. */
static enum udp_sent send_one(struct iperf3_stream *st)
{
    const uint64_t now = time_ns(), number = st->sum.tx_packets + 1;
    const struct iperf3_params *params = &st->session->params;
    const uint16_t len = params->wide_counters ? IPERF3_UDP_HEADER_WIDE : IPERF3_UDP_HEADER;
    uint8_t h[IPERF3_UDP_HEADER_WIDE];

    put_be32(h, (uint32_t)(now / NS_PER_S));
    put_be32(h + 4, (uint32_t)(now % NS_PER_S / NS_PER_US));
    if (params->wide_counters)
        put_be32(h + 8, (uint32_t)(number >> 32));
    put_be32(h + len - 4, (uint32_t)number);
    return udp_template_send(&st->out, now, h, len, pattern, (uint16_t)(params->len - len));
}

/* One that waits for the neighbour's address counts as sent, but the next one would take its place:
 * it is given time. */
unsigned iperf3_udp_send(struct iperf3_stream *st, uint64_t now, unsigned room)
{
    const uint64_t len = st->session->params.len, left = st->session->send_left / len;
    enum udp_sent sent = UDP_SENT;
    unsigned n = 0;

    if (left < room)
        room = (unsigned)left;

    st->udp->tos = st->session->params.tos;
    while (n < room && sent == UDP_SENT && pace_due(&st->pace, now)) {
        sent = send_one(st);
        if (sent == UDP_REFUSED)
            break;
        pace_sent(&st->pace, now);
        st->sum.tx_packets++;
        n++;
    }
    if (sent != UDP_SENT)
        st->pace.next_ns = now + RETRY_NS;
    unresolved += sent == UDP_WAITS;
    st->udp->tos = 0;
    st->sum.tx_bytes += n * len;
    st->sum.acked_bytes += n * len;
    if (st->session->send_left != UINT64_MAX)
        st->session->send_left -= n * len;
    if (n > 0)
        st->session->tx_gap.progress = true;
    return n;
}

uint32_t iperf3_udp_len_max(const struct iperf3_session *s)
{
    if (IP_IS_V6_VAL(s->peer))
        return netif_mtu6(s->netif) - (uint32_t)(IP6_HLEN + UDP_HLEN);
    return s->netif->mtu - (uint32_t)(IP_HLEN + UDP_HLEN);
}

bool iperf3_udp_start(void)
{
    socket = udp_new_ip_type(IPADDR_TYPE_ANY);
    if (socket == NULL || udp_bind(socket, IP_ANY_TYPE, IPERF3_PORT) != ERR_OK) {
        record_error("udp port %u cannot be bound", IPERF3_PORT);
        return false;
    }
    udp_recv(socket, datagram, NULL);
    return true;
}
