// SPDX-License-Identifier: BSD-3-Clause
/*
 * The rig itself: bring-up and tear-down of the guest's stack, the clock, and the peer with its
 * ARP, neighbour discovery, UDP and TCP.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>
#include "lwip/dhcp.h"
#include "lwip/etharp.h"
#include "lwip/memp.h"
#include "lwip/netif.h"
#include "lwip/priv/memp_priv.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/stats.h"
#include "lwip/timeouts.h"
#include "lwip/udp.h"
#include "netport.h"
#include "netrig.h"
#include "netrig_priv.h"
#include "time.h"

#define TCP_WAIT_MS 5000

struct rig rig;
const uint8_t rig_guest_mac[6] = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56};
const uint8_t rig_peer_mac[6] = {0x52, 0x55, 0x0a, 0x00, 0x02, 0x01};
const uint8_t rig_peer_ip6[16] = {0xfe, 0x80, [8] = 0x50, 0x55, 0x0a, 0xff, 0xfe, 0x00, 0x02, 0x01};
static const uint8_t guest_ip6[16] = {0xfe, 0x80, [8] = 0x50, 0x54, 0x00,
                                      0xff, 0xfe, 0x12,       0x34, 0x56};

struct packet {
    struct packet *next;
    uint32_t len;
    uint8_t data[];
};

static struct packet *others, **others_tail;       /* whole frames */
static struct packet *datagrams, **datagrams_tail; /* [port][data] */
static struct rig_tcp *connections;
static uint16_t next_port;

/* ---- bytes --------------------------------------------------------------------------------------
 */

static uint16_t get16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static void put16(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
    put16(p, v >> 16);
    put16(p + 2, v);
}

static struct packet *packet_new(const void *data, uint32_t len)
{
    struct packet *k = malloc(sizeof(*k) + len);

    k->next = NULL;
    k->len = len;
    memcpy(k->data, data, len);
    return k;
}

static void push(struct packet ***tail, struct packet *k)
{
    **tail = k;
    *tail = &k->next;
}

static void clear(struct packet **head, struct packet ***tail)
{
    while (*head != NULL) {
        struct packet *k = *head;

        *head = k->next;
        free(k);
    }
    *tail = head;
}

/* ---- checksums ----------------------------------------------------------------------------------
 */

uint16_t rig_sum(const void *data, uint32_t len, uint32_t start)
{
    const uint8_t *p = data;
    uint32_t sum = start;

    for (uint32_t i = 0; i < len; i++)
        sum += (uint32_t)p[i] << (i % 2 == 0 ? 8 : 0);
    while (sum > 0xffff)
        sum = (sum >> 16) + (sum & 0xffff);
    return (uint16_t)sum;
}

static bool is_v6(const uint8_t *frame)
{
    return get16(frame + 12) == 0x86dd;
}

static uint8_t proto_of(const uint8_t *frame)
{
    return is_v6(frame) ? frame[14 + 6] : frame[14 + 9];
}

static uint32_t l4_len(const uint8_t *frame)
{
    return is_v6(frame) ? get16(frame + 18) : get16(frame + 16) - (uint32_t)(frame[14] & 15) * 4;
}

static uint8_t *l4_of(uint8_t *frame)
{
    return frame + 14 + (is_v6(frame) ? 40 : (uint32_t)(frame[14] & 15) * 4);
}

/* Sum over the pseudo header and len bytes of l4. */
static uint16_t l4_sum(const uint8_t *frame, const uint8_t *l4, uint32_t len)
{
    const uint8_t proto = proto_of(frame);
    uint32_t start = 0;

    if (is_v6(frame))
        start = (uint32_t)rig_sum(frame + 14 + 8, 32, 0) + len + proto;
    else if (proto != 1)
        start = (uint32_t)rig_sum(frame + 14 + 12, 8, 0) + len + proto;
    return rig_sum(l4, len, start);
}

void rig_fix_ip(uint8_t *frame)
{
    put16(frame + 24, 0);
    put16(frame + 24, ~(uint32_t)rig_sum(frame + 14, (uint32_t)(frame[14] & 15) * 4, 0));
}

void rig_fix_l4(uint8_t *frame, uint32_t len)
{
    uint8_t *l4 = frame + rig_ip_payload(is_v6(frame));
    const uint32_t n = len - rig_ip_payload(is_v6(frame));
    uint32_t at;

    switch (proto_of(frame)) {
    case 1:
    case 58:
        at = 2;
        break;
    case 6:
        at = 16;
        break;
    case 17:
        at = 6;
        break;
    default:
        return;
    }
    if (n < at + 2)
        return;
    put16(l4 + at, 0);
    put16(l4 + at, ~(uint32_t)l4_sum(frame, l4, n));
    if (proto_of(frame) == 17 && get16(l4 + at) == 0)
        put16(l4 + at, 0xffff);
}

/* ---- building -----------------------------------------------------------------------------------
 */

uint32_t rig_build_ip(uint8_t *frame, bool v6, uint8_t proto, const void *payload, uint32_t len)
{
    static uint16_t ident;
    uint8_t *ip = frame + 14;

    memcpy(frame, rig_guest_mac, 6);
    memcpy(frame + 6, rig_peer_mac, 6);
    memmove(frame + rig_ip_payload(v6), payload, len);
    if (v6) {
        put16(frame + 12, 0x86dd);
        put32(ip, 6u << 28);
        put16(ip + 4, len);
        ip[6] = proto;
        ip[7] = 255; /* neighbour discovery asks for it */
        memcpy(ip + 8, rig_peer_ip6, 16);
        memcpy(ip + 24, guest_ip6, 16);
    } else {
        put16(frame + 12, 0x0800);
        put16(ip, 0x4500);
        put16(ip + 2, 20 + len);
        put16(ip + 4, ++ident);
        put16(ip + 6, 0x4000);
        ip[8] = 64;
        ip[9] = proto;
        put32(ip + 12, RIG_PEER_IP);
        put32(ip + 16, RIG_GUEST_IP);
        rig_fix_ip(frame);
    }
    rig_fix_l4(frame, rig_ip_payload(v6) + len);
    return rig_ip_payload(v6) + len;
}

uint32_t rig_build_udp(uint8_t *frame, bool v6, uint16_t sport, uint16_t dport, const void *data,
                       uint32_t len)
{
    uint8_t *udp = malloc(8 + len);

    put16(udp, sport);
    put16(udp + 2, dport);
    put16(udp + 4, 8 + len);
    put16(udp + 6, 0);
    memcpy(udp + 8, data, len);
    const uint32_t n = rig_build_ip(frame, v6, 17, udp, 8 + len);
    free(udp);
    return n;
}

void rig_udp_send(bool v6, uint16_t sport, uint16_t dport, const void *data, uint32_t len)
{
    uint8_t frame[RIG_FRAME_MAX];

    rig_inject(frame, rig_build_udp(frame, v6, sport, dport, data, len));
}

void rig_set_host(uint8_t *frame, uint32_t len, unsigned host)
{
    if (host == 0)
        return;
    if (is_v6(frame)) {
        frame[14 + 8 + 15] = (uint8_t)(rig_peer_ip6[15] + host);
    } else {
        put32(frame + 14 + 12, RIG_GUEST_IP + host);
        rig_fix_ip(frame);
    }
    rig_fix_l4(frame, len);
}

/* The host that an address of the peer's is; -1 if it is none. */
static int host_of(bool v6, const uint8_t *ip)
{
    uint32_t host;

    if (v6) {
        if (memcmp(ip, rig_peer_ip6, 15) != 0)
            return -1;
        host = (uint8_t)(ip[15] - rig_peer_ip6[15]);
    } else {
        host = get32(ip) == RIG_PEER_IP ? 0 : get32(ip) - RIG_GUEST_IP;
        if (host == 0 && get32(ip) != RIG_PEER_IP)
            return -1;
    }
    return host <= rig.hosts ? (int)host : -1;
}

/* ---- what comes from the guest ------------------------------------------------------------------
 */

static void check_frame(const uint8_t *frame, uint32_t len)
{
    assert_true(len >= 60);
    assert_memory_equal(frame + 6, rig_guest_mac, 6);
    if (get16(frame + 12) == 0x0800) {
        assert_int_equal(frame[14], 0x45);
        assert_int_equal(rig_sum(frame + 14, 20, 0), 0xffff);
        assert_true(14 + get16(frame + 16) <= (int)len);
        assert_true(len == 60 || 14 + get16(frame + 16) == (int)len);
    } else if (is_v6(frame)) {
        assert_int_equal(frame[14] >> 4, 6);
        assert_true(14 + 40 + get16(frame + 18) <= (int)len);
    } else {
        assert_int_equal(get16(frame + 12), 0x0806);
        return;
    }
    const uint8_t proto = proto_of(frame);
    const uint8_t *l4 = l4_of((uint8_t *)(uintptr_t)frame);

    if (proto == 6 || proto == 1 || proto == 58 || (proto == 17 && get16(l4 + 6) != 0))
        assert_int_equal(l4_sum(frame, l4, l4_len(frame)), 0xffff);
}

static bool answer_arp(const uint8_t *frame)
{
    uint8_t reply[60] = {0};

    if (get16(frame + 12) != 0x0806 || get16(frame + 20) != 1 || host_of(false, frame + 38) < 0)
        return false;
    if (rig.arp_silent)
        return true;
    memcpy(reply, frame + 6, 6);
    memcpy(reply + 6, rig_peer_mac, 6);
    memcpy(reply + 12, frame + 12, 8);
    put16(reply + 20, 2);
    memcpy(reply + 22, rig_peer_mac, 6);
    memcpy(reply + 28, frame + 38, 4);
    memcpy(reply + 32, frame + 22, 10);
    rig_inject(reply, sizeof(reply));
    return true;
}

static bool answer_solicitation(const uint8_t *frame)
{
    uint8_t out[RIG_FRAME_MAX], na[32] = {136, 0, 0, 0, 0x60};
    const uint8_t *icmp = frame + 54;

    if (!is_v6(frame) || frame[20] != 58 || icmp[0] != 135 || host_of(true, icmp + 8) < 0)
        return false;
    if (rig.arp_silent)
        return true;
    memcpy(na + 8, icmp + 8, 16);
    na[24] = 2;
    na[25] = 1;
    memcpy(na + 26, rig_peer_mac, 6);
    rig_inject(out, rig_build_ip(out, true, 58, na, sizeof(na)));
    return true;
}

static bool take_udp(uint8_t *frame)
{
    if ((get16(frame + 12) != 0x0800 && !is_v6(frame)) || proto_of(frame) != 17)
        return false;
    const uint8_t *udp = l4_of(frame);
    const uint32_t n = get16(udp + 4);

    assert_int_equal(n, l4_len(frame));
    if (get16(udp + 2) < 1024)
        return false; /* DHCP and the like: the test's own business */
    struct packet *k = packet_new(udp, n);
    push(&datagrams_tail, k);
    return true;
}

int rig_udp_recv(uint16_t port, void *data, uint32_t cap)
{
    for (struct packet **at = &datagrams; *at != NULL; at = &(*at)->next) {
        struct packet *k = *at;

        if (get16(k->data + 2) != port)
            continue;
        const uint32_t n = k->len - 8;

        memcpy(data, k->data + 8, n < cap ? n : cap);
        *at = k->next;
        if (k->next == NULL)
            datagrams_tail = at;
        free(k);
        return (int)n;
    }
    return -1;
}

/* ---- the peer's TCP -----------------------------------------------------------------------------
 */

#define PEER_SCALE 7

/* The window field, and the right edge that it grants. */
static uint16_t announce(struct rig_tcp *t, bool syn, uint32_t ack)
{
    const uint32_t room = t->wnd > t->rx_len ? t->wnd - (uint32_t)t->rx_len : 0;
    const unsigned scale = syn || rig.peer_is_plain ? 0 : PEER_SCALE;
    const uint16_t field = (uint16_t)(room >> scale > 0xffff ? 0xffff : room >> scale);
    const uint32_t edge = ack + ((uint32_t)field << scale);

    if (syn || (int32_t)(edge - t->rcv_edge) > 0)
        t->rcv_edge = edge;
    return field;
}

void rig_tcp_segment(struct rig_tcp *t, uint8_t flags, uint32_t seq, uint32_t ack, const void *data,
                     uint32_t len)
{
    uint8_t *frame = malloc(14 + 40 + 32 + len), *tcp = calloc(1, 32 + len);
    const bool syn = (flags & RIG_SYN) != 0;
    uint32_t hlen = 20;

    put16(tcp, t->lport);
    put16(tcp + 2, t->rport);
    put32(tcp + 4, seq);
    put32(tcp + 8, (flags & RIG_ACK) != 0 ? ack : 0);
    tcp[13] = flags;
    put16(tcp + 14, announce(t, syn, ack));
    if (syn && !rig.peer_is_plain) {
        const uint32_t mtu = rig.mtu != 0 ? rig.mtu : 1500;

        put16(tcp + 20, 0x0204);
        put16(tcp + 22, mtu - (t->v6 ? 60 : 40));
        put32(tcp + 24, 0x01030300 | PEER_SCALE);
        put32(tcp + 28, 0x01010402); /* SACK permitted */
        hlen = 32;
    }
    tcp[12] = (uint8_t)(hlen / 4 << 4);
    if (len > 0)
        memcpy(tcp + hlen, data, len);
    const uint32_t n = rig_build_ip(frame, t->v6, 6, tcp, hlen + len);

    rig_set_host(frame, n, t->host);
    rig_inject(frame, n);
    free(frame);
    free(tcp);
}

static void send_ack(struct rig_tcp *t)
{
    rig_tcp_segment(t, RIG_ACK, t->snd_nxt, t->rcv_nxt, NULL, 0);
}

static void syn_options(struct rig_tcp *t, const uint8_t *tcp)
{
    const uint32_t end = (uint32_t)(tcp[12] >> 4) * 4;

    for (uint32_t i = 20; i < end && tcp[i] != 0; i += tcp[i] == 1 ? 1 : tcp[i + 1]) {
        if (tcp[i] == 2)
            t->mss = get16(tcp + i + 2);
        if (tcp[i] == 3)
            t->guest_scale = tcp[i + 2];
    }
}

/* What connections have received. Kept here too, because a test that failed leaves connections on a
 * stack that is gone. */
static struct buffer {
    const struct rig_tcp *owner;
    uint8_t *bytes;
} buffers[1024];

static struct buffer *buffer_of(const struct rig_tcp *owner)
{
    for (unsigned i = 0; i < sizeof(buffers) / sizeof(buffers[0]); i++) {
        if (buffers[i].owner == owner)
            return &buffers[i];
    }
    return NULL;
}

static uint8_t *buffer_resize(const struct rig_tcp *t, size_t bytes)
{
    struct buffer *b = buffer_of(t);

    if (b == NULL)
        b = buffer_of(NULL);
    assert_non_null(b);
    b->owner = t;
    b->bytes = realloc(b->bytes, bytes);
    return b->bytes;
}

static void buffer_free(const struct rig_tcp *t)
{
    struct buffer *b = buffer_of(t);

    if (b != NULL) {
        free(b->bytes);
        b->bytes = NULL;
        b->owner = NULL;
    }
}

static void take_payload(struct rig_tcp *t, uint32_t seq, const uint8_t *data, uint32_t len,
                         bool fin)
{
    const uint32_t known = t->rcv_nxt - seq;

    if (known > 0 && known < len) { /* it begins before what is known, as after an accepted probe */
        seq += known;
        data += known;
        len -= known;
    }
    if (seq != t->rcv_nxt) { /* a retransmission, a keep-alive, or something was lost before it */
        if ((len > 0 || fin || known == 1) && !t->manual_ack)
            send_ack(t);
        return;
    }
    if (len > (t->wnd > t->rx_len ? t->wnd - t->rx_len : 0)) {
        /* No room. Beyond what was ever granted only a probe may go, which is one byte. */
        assert_true(len == 1 || rig.impersonated || (int32_t)(seq + len - t->rcv_edge) <= 0);
        if (!t->manual_ack)
            send_ack(t);
        return;
    }
    if (len > 0) {
        if (t->rx_len + len > t->rx_cap) {
            t->rx_cap = (t->rx_len + len) * 2;
            t->rx = buffer_resize(t, t->rx_cap);
        }
        memcpy(t->rx + t->rx_len, data, len);
        t->rx_len += len;
        t->rcv_nxt += len;
    }
    if (fin) {
        t->rcv_nxt++;
        t->got_fin = true;
    }
    if ((len > 0 || fin) && !t->manual_ack)
        send_ack(t);
}

static bool take_tcp(uint8_t *frame)
{
    if ((get16(frame + 12) != 0x0800 && !is_v6(frame)) || proto_of(frame) != 6)
        return false;
    const uint8_t *tcp = l4_of(frame);
    const uint32_t hlen = (uint32_t)(tcp[12] >> 4) * 4, len = l4_len(frame) - hlen;
    struct rig_tcp *t = connections;

    while (t != NULL && (t->lport != get16(tcp + 2) || t->rport != get16(tcp)))
        t = t->next;
    if (t == NULL)
        return false;
    const uint8_t flags = tcp[13];

    if ((flags & RIG_RST) != 0) {
        t->got_rst = true;
        return true;
    }
    if ((flags & RIG_ACK) != 0 && (int32_t)(get32(tcp + 8) - t->snd_una) >= 0) {
        if (rig.impersonated && (int32_t)(get32(tcp + 8) - t->snd_nxt) > 0)
            t->snd_nxt = get32(tcp + 8);
        assert_true((int32_t)(get32(tcp + 8) - t->snd_nxt) <= 0); /* nothing acknowledged unsent */
        t->snd_una = get32(tcp + 8);
        t->guest_wnd = (uint32_t)get16(tcp + 14) << ((flags & RIG_SYN) != 0 ? 0 : t->guest_scale);
    }
    if ((flags & RIG_SYN) != 0) {
        if (!t->established) {
            syn_options(t, tcp);
            t->rcv_nxt = get32(tcp + 4) + 1;
            t->rcv_edge += t->rcv_nxt; /* the SYN granted it without knowing where we begin */
            t->established = true;
        }
        send_ack(t);
        return true;
    }
    take_payload(t, get32(tcp + 4), tcp + hlen, len, (flags & RIG_FIN) != 0);
    return true;
}

static void forget(struct rig_tcp *t)
{
    for (struct rig_tcp **at = &connections; *at != NULL; at = &(*at)->next) {
        if (*at == t) {
            *at = t->next;
            break;
        }
    }
    buffer_free(t);
    t->rx = NULL;
    t->rx_len = t->rx_cap = 0;
}

void rig_tcp_syn(struct rig_tcp *t, bool v6, uint16_t port)
{
    rig_tcp_syn_from(t, 0, v6, port);
}

void rig_tcp_syn_from(struct rig_tcp *t, unsigned host, bool v6, uint16_t port)
{
    forget(t); /* a structure may be used again */
    memset(t, 0, sizeof(*t));
    t->v6 = v6;
    t->host = (uint8_t)host;
    t->lport = next_port++;
    if (next_port < 20000)
        next_port = 20000;
    t->rport = port;
    t->snd_una = (uint32_t)t->lport << 16;
    t->snd_nxt = t->snd_una + 1;
    t->wnd = rig.peer_wnd;
    t->mss = 536;
    t->next = connections;
    connections = t;
    rig_tcp_segment(t, RIG_SYN, t->snd_una, 0, NULL, 0);
}

static bool connect_to(struct rig_tcp *t, bool v6, uint16_t port)
{
    rig_tcp_syn(t, v6, port);
    rig_pump();
    for (unsigned ms = 0; !t->established && !t->got_rst && ms < TCP_WAIT_MS; ms++)
        rig_advance_ms(1);
    if (!t->established)
        forget(t);
    return t->established;
}

bool rig_tcp_connect(struct rig_tcp *t, uint16_t port)
{
    return connect_to(t, false, port);
}

bool rig_tcp_connect6(struct rig_tcp *t, uint16_t port)
{
    return connect_to(t, true, port);
}

size_t rig_tcp_send(struct rig_tcp *t, const void *data, size_t len)
{
    const uint32_t first = t->snd_una;
    unsigned idle_ms = 0;

    assert_int_equal(t->snd_una, t->snd_nxt);
    while (t->snd_una - first < len && !t->got_rst && idle_ms < TCP_WAIT_MS) {
        const uint32_t before = t->snd_una;
        uint32_t at = before - first; /* go back to what is not acknowledged */

        while (at < len && at < before - first + t->guest_wnd) {
            uint32_t n = (uint32_t)(len - at);

            if (n > t->mss)
                n = t->mss;
            if (n > before - first + t->guest_wnd - at)
                n = before - first + t->guest_wnd - at;
            if (t->snd_nxt - first < at + n)
                t->snd_nxt = first + at + n;
            rig_tcp_segment(t, RIG_ACK | RIG_PSH, first + at, t->rcv_nxt,
                            (const uint8_t *)data + at, n);
            at += n;
        }
        rig_pump();
        if (t->snd_una != before) {
            idle_ms = 0;
        } else {
            rig_advance_ms(10);
            idle_ms += 10;
        }
    }
    return t->snd_una - first;
}

size_t rig_tcp_recv(struct rig_tcp *t, void *data, size_t len, uint64_t timeout_ms)
{
    rig_pump();
    while (t->rx_len < len && !t->got_fin && !t->got_rst && timeout_ms-- > 0)
        rig_advance_ms(1);
    if (len > t->rx_len)
        len = t->rx_len;
    if (len > 0) {
        memcpy(data, t->rx, len);
        t->rx_len -= len;
        memmove(t->rx, t->rx + len, t->rx_len);
        if (!t->manual_ack && !t->got_rst && !t->got_fin)
            send_ack(t); /* the window is larger again */
    }
    return len;
}

void rig_tcp_fin(struct rig_tcp *t)
{
    rig_tcp_segment(t, RIG_FIN | RIG_ACK, t->snd_nxt, t->rcv_nxt, NULL, 0);
    t->snd_nxt++;
    t->sent_fin = true;
    rig_pump();
}

void rig_tcp_close(struct rig_tcp *t)
{
    if (!t->sent_fin)
        rig_tcp_fin(t);
    for (unsigned ms = 0;
         !(t->got_fin && t->snd_una == t->snd_nxt) && !t->got_rst && ms < TCP_WAIT_MS; ms++)
        rig_advance_ms(1);
    forget(t);
}

void rig_tcp_abort(struct rig_tcp *t)
{
    rig_tcp_segment(t, RIG_RST | RIG_ACK, t->snd_nxt, t->rcv_nxt, NULL, 0);
    rig_pump();
    forget(t);
}

void rig_tcp_forget(struct rig_tcp *t)
{
    forget(t);
}

/* ---- turns --------------------------------------------------------------------------------------
 */

void rig_inject(const void *frame, uint32_t len)
{
    rig_nic_receive(frame, len);
}

/* Hands the guest's frames to the peer; returns how many there were. */
static unsigned deliver(void)
{
    unsigned n = 0;
    uint8_t *frame;
    uint32_t len;

    while (rig_nic_sent(&frame, &len)) {
        n++;
        rig.guest_frames++;
        check_frame(frame, len);
        if (!(rig.filter != NULL && rig.filter(frame, len)) &&
            (!(answer_arp(frame) || answer_solicitation(frame)) || rig.watch_questions) &&
            !take_tcp(frame) && !take_udp(frame))
            push(&others_tail, packet_new(frame, len));
        free(frame);
    }
    return n;
}

static unsigned turn(void)
{
    unsigned done = netport_poll(rig.now_ns);

    if (rig.poll != NULL)
        done += rig.poll(rig.now_ns);
    netport_flush();
    assert_true(netport_check()); /* nobody keeps a buffer of the NIC from one turn to the next */
    return done + deliver();
}

void rig_pump(void)
{
    for (unsigned i = 0; i < 100000; i++) {
        if (turn() == 0)
            return;
    }
    fail_msg("guest and peer do not come to rest");
}

void rig_advance_ms(uint64_t ms)
{
    const uint64_t end_ns = rig.now_ns + ms * NS_PER_MS;

    rig_pump(); /* what the test itself has queued */
    while (rig.now_ns < end_ns) {
        uint64_t step_ns = end_ns - rig.now_ns;

        /* As the main loop does: nothing happens before the stack's next timer. */
        if (rig.poll == NULL && netport_may_sleep(&step_ns))
            netport_awake();
        else
            step_ns = NS_PER_MS;
        rig.now_ns += step_ns < NS_PER_MS ? NS_PER_MS : step_ns;
        rig_pump();
    }
}

bool rig_next_frame(struct rig_frame *f)
{
    struct packet *k = others;

    if (k == NULL)
        return false;
    f->len = k->len;
    memcpy(f->data, k->data, k->len);
    others = k->next;
    if (others == NULL)
        others_tail = &others;
    free(k);
    return true;
}

void rig_drop_frames(void)
{
    clear(&others, &others_tail);
    clear(&datagrams, &datagrams_tail);
}

/* ---- bring-up and tear-down ---------------------------------------------------------------------
 */

void rig_prepare(void)
{
    const uint64_t now_ns = rig.now_ns;

    memset(&rig, 0, sizeof(rig));
    rig.now_ns = now_ns != 0 ? now_ns : NS_PER_S; /* the clock never goes back */
    rig.nics = 1;
    rig.link_up = true;
    rig.peer_wnd = 1 << 20;
    rig.tx_ring = CONFIG_TX_RING;
    rig.conf.net[0].ip_mode = CONF_IP_STATIC;
    rig.conf.net[0].ip = RIG_GUEST_IP;
    rig.conf.net[0].ip_bits = 24;
    rig.conf.net[0].gw = RIG_PEER_IP;
    rig.conf.net[0].ip6_mode = CONF_IP_AUTO;
    rig.conf.services = SERVICE_ALL;
    clear(&others, &others_tail);
    clear(&datagrams, &datagrams_tail);
    rig_records_reset();
    if (next_port == 0)
        next_port = 20000;
}

void rig_start(void)
{
    rig_nic_reset();
    assert_int_equal(netport_init(&rig.conf), rig.nics);
    for (struct netif *netif = netif_list; netif != NULL; netif = netif->next)
        rig_guard_input(netif);
    rig_pump();
}

int rig_setup(void **state)
{
    (void)state;
    rig_prepare();
    rig_start();
    rig_advance_ms(2500); /* duplicate detection */
    rig_drop_frames();
    return 0;
}

static const char *const pool_names[] = {
#define LWIP_MEMPOOL(name, num, size, desc) #name,
#include "lwip/priv/memp_std.h"
    NULL,
};

const char *const *rig_pool_names(void)
{
    return pool_names;
}

static int pool_of(const char *name)
{
    for (int i = 0; i < MEMP_MAX; i++) {
        if (strcmp(pool_names[i], name) == 0)
            return i;
    }
    fail_msg("no pool %s", name);
    return -1;
}

unsigned rig_pool_size(const char *name)
{
    return memp_pools[pool_of(name)]->num;
}

unsigned rig_pool_used(const char *name)
{
    return memp_pools[pool_of(name)]->stats->used;
}

unsigned rig_pool_max(const char *name)
{
    return memp_pools[pool_of(name)]->stats->max;
}

unsigned rig_pool_failures(const char *name)
{
    return (unsigned)memp_pools[pool_of(name)]->stats->err;
}

void rig_pool_shorten(const char *name)
{
    rig_mem_shorten(name != NULL ? pool_of(name) : -1);
}

static void end_tcp(void)
{
    connections = NULL;
    for (unsigned i = 0; i < sizeof(buffers) / sizeof(buffers[0]); i++) {
        if (buffers[i].owner != NULL)
            buffer_free(buffers[i].owner);
    }
    while (tcp_active_pcbs != NULL)
        tcp_abort(tcp_active_pcbs);
    while (tcp_tw_pcbs != NULL)
        tcp_abort(tcp_tw_pcbs);
    while (tcp_bound_pcbs != NULL)
        tcp_abort(tcp_bound_pcbs);
    while (tcp_listen_pcbs.pcbs != NULL)
        tcp_close(tcp_listen_pcbs.pcbs);
}

static void dhcp_end(struct netif *netif)
{
    dhcp_stop(netif);
    dhcp_cleanup(netif);
}

int rig_teardown(void **state)
{
    (void)state;
    rig.tx_stuck = rig.second_stuck = false;
    rig.poll = NULL;
    rig.filter = NULL;
    end_tcp();
    rig_advance_ms(600); /* the TCP timer stops by itself */
    for (struct netif *netif = netif_list; netif != NULL; netif = netif->next) {
        if (netif_dhcp_data(netif) != NULL)
            dhcp_end(netif);
    }
    while (udp_pcbs != NULL)
        udp_remove(udp_pcbs);
    while (netif_list != NULL)
        netif_remove(netif_list);
    netport_flush(); /* their last words */
    for (int i = 0; i < lwip_num_cyclic_timers; i++)
        sys_untimeout(lwip_cyclic_timer, (void *)(uintptr_t)&lwip_cyclic_timers[i]);

    for (unsigned i = 0; i < MEMP_MAX; i++) {
        if (memp_pools[i]->stats->used != 0)
            print_error("pool %s: %u in use\n", pool_names[i], memp_pools[i]->stats->used);
        assert_int_equal(memp_pools[i]->stats->used, 0);
        assert_int_equal(memp_pools[i]->stats->err, 0);
        memp_pools[i]->stats->max = 0;
    }
    assert_int_equal(rig_nic_busy(), 0);
    rig_nic_reset();
    rig_drop_frames();
    return 0;
}
