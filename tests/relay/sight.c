// SPDX-License-Identifier: BSD-3-Clause
/*
 * See sight.h.
 */
#include "sight.h"

#define IP4_BYTES 20u
#define IP6_BYTES 40u
#define TCP_BYTES 20u
#define UDP_BYTES 8u

#define FLAG_FIN  1u
#define FLAG_SYN  2u
#define FLAG_RST  4u

static uint16_t load16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t load32(const uint8_t *p)
{
    return (uint32_t)load16(p) << 16 | load16(p + 2);
}

static void look_at_ip(const uint8_t *frame, struct sight *v)
{
    const uint32_t len = v->len;
    const uint16_t type = len < ETH_BYTES ? 0 : load16(frame + 12);
    uint8_t proto;
    uint32_t at, bytes;

    if (type == 0x0806)
        v->kinds |= IS_ARP;
    if (type == 0x0800 && len >= ETH_BYTES + IP4_BYTES) {
        v->kinds |= IS_IP4;
        proto = frame[ETH_BYTES + 9];
        at = ETH_BYTES + 4u * (frame[ETH_BYTES] & 15);
        bytes = ETH_BYTES + load16(frame + ETH_BYTES + 2);
    } else if (type == 0x86dd && len >= ETH_BYTES + IP6_BYTES) {
        v->kinds |= IS_IP6;
        proto = frame[ETH_BYTES + 6];
        at = ETH_BYTES + IP6_BYTES;
        bytes = at + load16(frame + ETH_BYTES + 4);
    } else {
        return;
    }
    v->l4 = at;
    v->l4_end = bytes < len ? bytes : len;
    if (proto == 6 && at + TCP_BYTES <= v->l4_end)
        v->kinds |= IS_TCP;
    else if (proto == 17 && at + UDP_BYTES <= v->l4_end)
        v->kinds |= IS_UDP;
    else if (proto == 1 || proto == 58)
        v->kinds |= IS_ICMP;
}

static void look_at_tcp(const uint8_t *tcp, uint32_t bytes, struct sight *v)
{
    const uint32_t header = 4u * (tcp[12] >> 4);
    const uint8_t flags = tcp[13];

    v->seq = load32(tcp + 4);
    v->payload = bytes > header ? bytes - header : 0;
    if (flags & FLAG_SYN)
        v->kinds |= IS_SYN;
    if (flags & FLAG_FIN)
        v->kinds |= IS_FIN;
    if (v->payload == 0 && (flags & (FLAG_SYN | FLAG_FIN | FLAG_RST)) == 0)
        v->kinds |= IS_ACK;
}

struct sight sight_of(const uint8_t *frame, uint32_t len)
{
    struct sight v = {.len = len, .l4_end = len};

    look_at_ip(frame, &v);
    if (v.kinds & (IS_TCP | IS_UDP)) {
        v.sport = load16(frame + v.l4);
        v.dport = load16(frame + v.l4 + 2);
    }
    if (v.kinds & IS_TCP)
        look_at_tcp(frame + v.l4, v.l4_end - v.l4, &v);
    else if (v.kinds & IS_UDP)
        v.payload = v.l4_end - v.l4 - UDP_BYTES;
    if (v.payload > 0)
        v.kinds |= HAS_PAYLOAD;
    return v;
}
