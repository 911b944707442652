// SPDX-License-Identifier: BSD-3-Clause
/*
 * Segments that can be merged; see gro.h.
 *
 * A frame that follows differs from the one before in a few fields only. So its headers are
 * compared as words with those that are expected, under a mask, and its checksums are those of the
 * first one but for these fields: the rest was summed once.
 */
#include "gro.h"

#include "lwip/opt.h"
#include "lwip/def.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/prot/ethernet.h"
#include "lwip/prot/ip.h"
#include "lwip/prot/ip4.h"
#include "lwip/prot/ip6.h"
#include "lwip/prot/tcp.h"
#include "bytes.h"
#include "string.h"

/* Places in the frame, */
#define IP_AT        14u
#define IP4_LEN_AT   16u
#define IP4_ID_AT    18u
#define IP4_FRAG_AT  20u
#define IP4_SUM_AT   24u
#define IP4_ADDRS_AT 26u
#define IP6_LEN_AT   18u
#define IP6_ADDRS_AT 22u
/* in TCP's header, */
#define TCP_SEQ_AT     4u
#define TCP_OFFSET_AT  12u
#define TCP_FLAGS_AT   13u
#define TCP_SUM_AT     16u
#define TCP_OPTIONS_AT 20u
/* and bytes. */
#define STAMP_BYTES 12u
#define WORDS       (GRO_HEAD / 8)

/* Which bits are the same in all frames, of headers without options and with a time stamp. Not:
 * length, identification and checksum of IPv4; length of IPv6; PSH and the checksum of TCP. */
#define SAME_IP4(end)                                                                              \
    {                                                                                              \
        [0 ... IP4_LEN_AT - 1] = 0xff, [IP4_FRAG_AT... IP4_SUM_AT - 1] = 0xff,                     \
                            [IP4_ADDRS_AT... 46] = 0xff, [47] = 0xff & ~TCP_PSH,                   \
                            [48 ... 49] = 0xff, [52 ...(end) - 1] = 0xff                           \
    }
#define SAME_IP6(end)                                                                              \
    {                                                                                              \
        [0 ... IP6_LEN_AT - 1] = 0xff, [IP6_LEN_AT + 2 ... 66] = 0xff, [67] = 0xff & ~TCP_PSH,     \
                            [68 ... 69] = 0xff, [72 ...(end) - 1] = 0xff                           \
    }

static const uint8_t same[2][2][GRO_HEAD] = {
    {SAME_IP4(54), SAME_IP4(54 + STAMP_BYTES)},
    {SAME_IP6(74), SAME_IP6(74 + STAMP_BYTES)},
};

static_assert(74 + STAMP_BYTES <= GRO_HEAD && GRO_HEAD % 8 == 0, "all headers, in whole words");

/* One's complement: 1 to 0xffff for any sum but 0. */
static uint32_t fold(uint32_t sum)
{
    sum = (sum & 0xffff) + (sum >> 16);
    return (sum & 0xffff) + (sum >> 16);
}

/* ---- one frame ---------------------------------------------------------------------------------
 */

/* True if the packet has the whole frame, and no part of another. */
static bool is_whole(const struct gro *g, const struct gro_frame *f)
{
    if (g->ip6)
        return lwip_ntohs(load16(f->head + IP6_LEN_AT)) == f->len - IP_AT - IP6_HLEN;
    return lwip_ntohs(load16(f->head + IP4_LEN_AT)) == f->len - IP_AT;
}

static bool ip_is_plain(const struct gro *g, const struct gro_frame *f)
{
    if (g->ip6)
        return f->head[IP_AT] >> 4 == 6;
    return f->head[IP_AT] == 0x45 &&
           (load16(f->head + IP4_FRAG_AT) & PP_HTONS(~IP_DF & 0xffff)) == 0;
}

/* Of TCP's header, so many bytes. */
static bool tcp_is_plain(const uint8_t *tcp, uint32_t bytes)
{
    static const uint8_t stamp[4] = {1, 1, 8, 10}; /* as everybody aligns it [RFC 7323, app. A] */

    if (load16(tcp + TCP_OFFSET_AT) != lwip_htons((u16_t)(bytes << 10 | TCP_ACK)))
        return false;
    return bytes == TCP_HLEN ||
           (bytes == TCP_HLEN + STAMP_BYTES && load32(tcp + TCP_OPTIONS_AT) == load32(stamp));
}

/* Sums of what is not the same in each header; of TCP with the length in the pseudo header. */
static uint32_t ip_rest(const struct gro_frame *f)
{
    return (uint32_t)load16(f->head + IP4_LEN_AT) + load16(f->head + IP4_ID_AT) +
           load16(f->head + IP4_SUM_AT);
}

static uint32_t tcp_rest(const struct gro *g, const struct gro_frame *f)
{
    const uint8_t *tcp = f->head + g->l4_at;

    return (uint32_t)load16(tcp + TCP_SEQ_AT) + load16(tcp + TCP_SEQ_AT + 2) +
           load16(tcp + TCP_OFFSET_AT) + load16(tcp + TCP_SUM_AT) +
           lwip_htons((u16_t)(f->len - g->l4_at));
}

static uint32_t payload_bytes(const struct gro *g, const struct gro_frame *f)
{
    return f->len - g->headers;
}

/* ---- those that are merged ---------------------------------------------------------------------
 */

static void expect_behind(struct gro *g, uint32_t seq)
{
    const uint32_t wire = lwip_htonl(seq);

    __builtin_memcpy((uint8_t *)g->next + g->l4_at + TCP_SEQ_AT, &wire, sizeof(wire));
}

static uint32_t next_seq(const struct gro *g)
{
    return lwip_ntohl(load32((const uint8_t *)g->next + g->l4_at + TCP_SEQ_AT));
}

bool gro_begin(struct gro *g, const struct gro_frame *f, uint32_t headers)
{
    g->ip6 = load16(f->head + SIZEOF_ETH_HDR - 2) == PP_HTONS(ETHTYPE_IPV6);
    g->l4_at = IP_AT + (g->ip6 ? IP6_HLEN : IP_HLEN);
    g->headers = headers;
    if (f->head[0] & 1 || headers < g->l4_at || !ip_is_plain(g, f) || !is_whole(g, f) ||
        !tcp_is_plain(f->head + g->l4_at, headers - g->l4_at))
        return false;
    g->first = *f;
    g->same = same[g->ip6][headers - g->l4_at > TCP_HLEN];
    g->bytes = f->len - IP_AT;
    g->push = false;
    for (unsigned i = 0; i < WORDS; i++)
        g->next[i] = load64(f->head + 8 * i);
    expect_behind(g, next_seq(g) + payload_bytes(g, f));
    return true;
}

bool gro_first_right(struct gro *g)
{
    const struct gro_frame *f = &g->first;
    const uint32_t addrs = g->ip6 ? IP6_ADDRS_AT : IP4_ADDRS_AT;
    uint32_t pseudo, sum;

    if (!g->ip6) {
        sum = netport_chksum(f->head + IP_AT, IP_HLEN);
        if (sum != 0xffff)
            return false;
        g->ip_sum = fold(ip_rest(f));
    }
    pseudo =
        (uint32_t)netport_chksum(f->head + addrs, (int)(g->l4_at - addrs)) + PP_HTONS(IP_PROTO_TCP);
    sum = netport_chksum(f->head + g->l4_at, (int)(g->headers - g->l4_at));
    /* without the rest: its complement is added */
    g->tcp_sum = fold(pseudo + sum + lwip_htons((u16_t)(f->len - g->l4_at)) +
                      (0xffff - fold(tcp_rest(g, f))));
    return gro_right(g, f);
}

/* True if an address of the connection is the one at this place in the frame. */
static bool is_addr(const ip_addr_t *addr, const uint8_t *p, bool ip6)
{
    if (IP_IS_V6(addr) != ip6)
        return false;
    return ip6 ? memcmp(ip_2_ip6(addr)->addr, p, sizeof(ip_2_ip6(addr)->addr)) == 0
               : ip4_addr_get_u32(ip_2_ip4(addr)) == load32(p);
}

bool gro_expected(const struct gro *g)
{
    const uint8_t *tcp = g->first.head + g->l4_at;
    const uint8_t *from = g->first.head + (g->ip6 ? IP6_ADDRS_AT : IP4_ADDRS_AT);
    const uint8_t *to = from + (g->ip6 ? 16 : 4);
    const uint16_t sport = lwip_ntohs(load16(tcp)), dport = lwip_ntohs(load16(tcp + 2));
    const struct tcp_pcb *pcb = tcp_active_pcbs;

    while (pcb != NULL &&
           !(pcb->remote_port == sport && pcb->local_port == dport &&
             is_addr(&pcb->remote_ip, from, g->ip6) && is_addr(&pcb->local_ip, to, g->ip6)))
        pcb = pcb->next;
    return pcb != NULL && pcb->state == ESTABLISHED && pcb->ooseq == NULL &&
           pcb->rcv_nxt == lwip_ntohl(load32(tcp + TCP_SEQ_AT));
}

bool gro_follows(const struct gro *g, const struct gro_frame *f)
{
    uint64_t differs = 0;

#pragma GCC unroll 16
    for (unsigned i = 0; i < WORDS; i++)
        differs |= (load64(f->head + 8 * i) ^ g->next[i]) & load64(g->same + 8 * i);
    return differs == 0 && !g->push && is_whole(g, f) &&
           g->bytes + payload_bytes(g, f) <= UINT16_MAX;
}

bool gro_right(const struct gro *g, const struct gro_frame *f)
{
    if (!g->ip6 && fold(ip_rest(f)) != g->ip_sum)
        return false;
    return f->vouched || fold(g->tcp_sum + tcp_rest(g, f) +
                              netport_chksum(f->payload, (int)payload_bytes(g, f))) == 0xffff;
}

void gro_add(struct gro *g, const struct gro_frame *f)
{
    g->bytes += payload_bytes(g, f);
    g->push = f->head[g->l4_at + TCP_FLAGS_AT] & TCP_PSH;
    expect_behind(g, next_seq(g) + payload_bytes(g, f));
}

void gro_finish(const struct gro *g, uint8_t *head)
{
    if (g->ip6)
        store16(head + IP6_LEN_AT, lwip_htons((u16_t)(g->bytes - IP6_HLEN)));
    else
        store16(head + IP4_LEN_AT, lwip_htons((u16_t)g->bytes));
    if (g->push)
        head[g->l4_at + TCP_FLAGS_AT] |= TCP_PSH;
}
