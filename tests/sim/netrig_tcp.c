// SPDX-License-Identifier: BSD-3-Clause
/*
 * The TCP of the rig's peer: a well-behaved endpoint, unless the test sends segments of its own.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>
#include "netrig.h"
#include "netrig_priv.h"

#define TCP_WAIT_MS 5000
#define PEER_SCALE  7

static struct rig_tcp *connections;
static uint16_t next_port = 20000;

static struct {
    uint16_t port; /* 0 = nobody listens */
    struct rig_tcp *pool;
    unsigned n, used;
} listener;

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

    rig_put16(tcp, t->lport);
    rig_put16(tcp + 2, t->rport);
    rig_put32(tcp + 4, seq);
    rig_put32(tcp + 8, (flags & RIG_ACK) != 0 ? ack : 0);
    tcp[13] = flags;
    rig_put16(tcp + 14, announce(t, syn, ack));
    if (syn && !rig.peer_is_plain) {
        const uint32_t mtu = rig.mtu != 0 ? rig.mtu : 1500;

        rig_put16(tcp + 20, 0x0204);
        rig_put16(tcp + 22, rig.peer_mss != 0 ? rig.peer_mss : mtu - (t->v6 ? 60 : 40));
        rig_put32(tcp + 24, 0x01030300 | PEER_SCALE);
        rig_put32(tcp + 28, 0x01010402); /* SACK permitted */
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
            t->mss = rig_get16(tcp + i + 2);
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

void rig_tcp_listen(uint16_t port, struct rig_tcp *pool, unsigned n)
{
    listener.port = port;
    listener.pool = pool;
    listener.n = n;
    listener.used = 0;
}

static void send_syn_ack(struct rig_tcp *t)
{
    rig_tcp_segment(t, RIG_SYN | RIG_ACK, t->snd_una, t->rcv_nxt, NULL, 0);
}

/* A SYN from the guest. False: it is none, or nobody listens there. */
static bool accept_syn(const uint8_t *frame, const uint8_t *tcp)
{
    const bool full = listener.used == listener.n;
    struct rig_tcp refused, *t = full ? &refused : &listener.pool[listener.used];

    if ((tcp[13] & (RIG_SYN | RIG_ACK)) != RIG_SYN || listener.port != rig_get16(tcp + 2))
        return false;
    if (!full)
        forget(t); /* a structure may be used again */
    memset(t, 0, sizeof(*t));
    t->v6 = rig_is_v6(frame);
    t->host = (uint8_t)rig_host_of(t->v6, frame + (t->v6 ? 38 : 30));
    t->lport = listener.port;
    t->rport = rig_get16(tcp);
    t->rcv_nxt = rig_get32(tcp + 4) + 1;
    if (full) {
        rig_tcp_segment(t, RIG_RST | RIG_ACK, 0, t->rcv_nxt, NULL, 0);
        return true;
    }
    listener.used++;
    t->accepted = true;
    t->snd_una = (uint32_t)t->rport << 16;
    t->snd_nxt = t->snd_una + 1;
    t->wnd = rig.peer_wnd;
    t->mss = 536;
    syn_options(t, tcp);
    if (rig.peer_is_plain)
        t->guest_scale = 0;
    t->next = connections;
    connections = t;
    send_syn_ack(t);
    return true;
}

bool rig_tcp_take(uint8_t *frame)
{
    if ((rig_get16(frame + 12) != 0x0800 && !rig_is_v6(frame)) || rig_proto_of(frame) != 6)
        return false;
    const uint8_t *tcp = rig_l4_of(frame);
    const uint32_t hlen = (uint32_t)(tcp[12] >> 4) * 4, len = rig_l4_len(frame) - hlen;
    struct rig_tcp *t = connections;

    while (t != NULL && (t->lport != rig_get16(tcp + 2) || t->rport != rig_get16(tcp)))
        t = t->next;
    if (t == NULL)
        return accept_syn(frame, tcp);
    const uint8_t flags = tcp[13];

    if ((flags & RIG_RST) != 0) {
        t->got_rst = true;
        return true;
    }
    if ((flags & RIG_ACK) != 0 && (int32_t)(rig_get32(tcp + 8) - t->snd_una) >= 0) {
        if (rig.impersonated && (int32_t)(rig_get32(tcp + 8) - t->snd_nxt) > 0)
            t->snd_nxt = rig_get32(tcp + 8);
        assert_true((int32_t)(rig_get32(tcp + 8) - t->snd_nxt) <=
                    0); /* nothing acknowledged unsent */
        t->snd_una = rig_get32(tcp + 8);
        t->guest_wnd = (uint32_t)rig_get16(tcp + 14)
                       << ((flags & RIG_SYN) != 0 ? 0 : t->guest_scale);
    }
    if (t->accepted && (flags & RIG_SYN) != 0) {
        send_syn_ack(t);
        return true;
    }
    t->established |= t->accepted && t->snd_una == t->snd_nxt;
    if ((flags & RIG_SYN) != 0) {
        if (!t->established) {
            syn_options(t, tcp);
            t->rcv_nxt = rig_get32(tcp + 4) + 1;
            t->rcv_edge += t->rcv_nxt; /* the SYN granted it without knowing where we begin */
            t->established = true;
        }
        send_ack(t);
        return true;
    }
    take_payload(t, rig_get32(tcp + 4), tcp + hlen, len, (flags & RIG_FIN) != 0);
    return true;
}

void rig_tcp_from_port(uint16_t port)
{
    next_port = port;
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

void rig_tcp_reset(void)
{
    connections = NULL;
    listener.port = 0;
    for (unsigned i = 0; i < sizeof(buffers) / sizeof(buffers[0]); i++) {
        if (buffers[i].owner != NULL)
            buffer_free(buffers[i].owner);
    }
}
