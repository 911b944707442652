// SPDX-License-Identifier: BSD-3-Clause
/*
 * Checksums and merged segments; see offload.h. Frames are looked at as bytes: their fields lie at
 * odd places, and a received one may say anything.
 */
#include "offload.h"

#include "lwip/opt.h"
#include "lwip/def.h"
#include "lwip/prot/ethernet.h"
#include "lwip/prot/ip.h"
#include "lwip/prot/ip4.h"
#include "lwip/prot/ip6.h"
#include "lwip/prot/tcp.h"
#include "lwip/prot/udp.h"
#include "bytes.h"
#include "string.h"

#define TYPE_AT   12u /* in the Ethernet header */
#define IP_AT     SIZEOF_ETH_HDR
#define IP4_PROTO 9u /* in the IP header */
#define IP4_ADDRS 12u
#define IP6_LEN   4u
#define IP6_NEXT  6u
#define IP6_ADDRS 8u
#define TCP_DOFF  12u /* in TCP's */

struct packet {
    uint32_t l4_at, addrs_at, addrs_bytes; /* in the frame */
    uint8_t proto;
};

/* False: not IP, or not even its fixed header. */
static bool parse(const uint8_t *frame, uint32_t len, struct packet *p)
{
    uint16_t type = len < IP_AT ? 0 : load16(frame + TYPE_AT);

    if (type == PP_HTONS(ETHTYPE_IP) && len >= IP_AT + IP_HLEN) {
        *p = (struct packet){.l4_at = IP_AT + 4u * (frame[IP_AT] & 15),
                             .addrs_at = IP_AT + IP4_ADDRS,
                             .addrs_bytes = 8,
                             .proto = frame[IP_AT + IP4_PROTO]};
        return true;
    }
    if (type == PP_HTONS(ETHTYPE_IPV6) && len >= IP_AT + IP6_HLEN) {
        *p = (struct packet){.l4_at = IP_AT + IP6_HLEN,
                             .addrs_at = IP_AT + IP6_ADDRS,
                             .addrs_bytes = 32,
                             .proto = frame[IP_AT + IP6_NEXT]};
        return true;
    }
    return false;
}

bool offload_is_tcp(const uint8_t *frame, uint32_t len)
{
    struct packet p;

    return parse(frame, len, &p) && p.proto == IP_PROTO_TCP;
}

uint32_t offload_rx_headers(const uint8_t *frame, uint32_t len)
{
    struct packet p;
    uint32_t bytes;

    if (!parse(frame, len, &p) || p.proto != IP_PROTO_TCP || p.l4_at + TCP_HLEN > len)
        return 0;
    bytes = 4u * (frame[p.l4_at + TCP_DOFF] >> 4);
    return bytes >= TCP_HLEN && p.l4_at + bytes <= len ? p.l4_at + bytes : 0;
}

/* One's complement sum of two 16-bit sums. */
static uint16_t add16(uint32_t a, uint32_t b)
{
    uint32_t sum = a + b;

    return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

/* False: it is neither TCP nor UDP with all of its header. */
static bool find_csum(const uint8_t *frame, uint32_t len, struct packet *p, struct offload_csum *c)
{
    if (!parse(frame, len, p))
        return false;
    c->start = (uint16_t)p->l4_at;
    if (p->proto == IP_PROTO_TCP && p->l4_at + TCP_HLEN <= len)
        c->offset = offsetof(struct tcp_hdr, chksum);
    else if (p->proto == IP_PROTO_UDP && p->l4_at + UDP_HLEN <= len)
        c->offset = offsetof(struct udp_hdr, chksum);
    else
        return false;
    return true;
}

bool offload_csum_is_l4(const uint8_t *frame, uint32_t len, const struct offload_csum *c)
{
    struct packet p;
    struct offload_csum own;

    return find_csum(frame, len, &p, &own) && own.start == c->start && own.offset == c->offset;
}

bool offload_csum_begin(uint8_t *frame, uint32_t len, struct offload_csum *c)
{
    struct packet p;
    uint16_t sum;

    if (!find_csum(frame, len, &p, c))
        return false;
    sum = netport_chksum(frame + p.addrs_at, (int)p.addrs_bytes);
    sum = add16(sum, PP_HTONS(p.proto));
    sum = add16(sum, lwip_htons((u16_t)(len - p.l4_at)));
    store16(frame + c->start + c->offset, sum);
    return true;
}

void offload_csum_finish(uint8_t *frame, uint32_t len, const struct offload_csum *c)
{
    uint16_t sum = netport_chksum(frame + c->start, (int)(len - c->start));

    /* 0 would say that a datagram has no checksum; 0xffff is the same number [RFC 768]. */
    store16(frame + c->start + c->offset, sum == 0xffff ? 0xffff : (uint16_t)~sum);
}

/* ---- a large segment in parts ------------------------------------------------------------------
 */

uint32_t offload_tcp_headers(const uint8_t *frame, uint32_t len)
{
    struct packet p = {0};

    parse(frame, len, &p);
    return p.l4_at + 4u * (frame[p.l4_at + TCP_DOFF] >> 4);
}

bool offload_is_ip6(const uint8_t *frame)
{
    return load16(frame + TYPE_AT) == PP_HTONS(ETHTYPE_IPV6);
}

/* Each part is a packet with an identification of its own. */
static void cut_ip4(uint8_t *ip, uint32_t len, uint32_t at)
{
    struct ip_hdr h;

    memcpy(&h, ip, IP_HLEN);
    h._len = lwip_htons((u16_t)len);
    h._id = lwip_htons((u16_t)(lwip_ntohs(h._id) + at));
    h._chksum = 0;
    memcpy(ip, &h, IP_HLEN);
    h._chksum = (u16_t)~netport_chksum(ip, 4 * (ip[0] & 15));
    memcpy(ip, &h, IP_HLEN);
}

void offload_cut(uint8_t *frame, uint32_t headers, uint32_t at, uint32_t bytes, bool last)
{
    struct packet p = {0};
    struct tcp_hdr h;

    parse(frame, headers, &p);
    if (offload_is_ip6(frame))
        store16(frame + IP_AT + IP6_LEN, lwip_htons((u16_t)(headers - p.l4_at + bytes)));
    else
        cut_ip4(frame + IP_AT, headers - IP_AT + bytes, at);
    memcpy(&h, frame + p.l4_at, TCP_HLEN);
    h.seqno = lwip_htonl(lwip_ntohl(h.seqno) + at);
    if (!last)
        TCPH_FLAGS_SET(&h, TCPH_FLAGS(&h) & ~(TCP_FIN | TCP_PSH));
    memcpy(frame + p.l4_at, &h, TCP_HLEN);
}
