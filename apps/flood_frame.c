// SPDX-License-Identifier: BSD-3-Clause
/*
 * The frames of a flood; see flood_frame.h.
 */
#include "flood_frame.h"

#include "lwip/inet_chksum.h"
#include "lwip/prot/ethernet.h"
#include "lwip/prot/ip.h"
#include "string.h"

#define TTL       64
#define DONT_FRAG 0x4000u
#define UDP_BYTES 8u
#define TAG_BYTES 4u

/* A payload of the run, as long as any. */
static uint8_t payload[CONFIG_MTU_MAX];

static void put16(uint8_t *at, uint32_t v)
{
    at[0] = (uint8_t)(v >> 8);
    at[1] = (uint8_t)v;
}

static uint32_t ip_bytes(bool ip6)
{
    return ip6 ? 40 : 20;
}

static uint32_t link_bytes(bool vlan)
{
    return 14 + (vlan ? TAG_BYTES : 0);
}

uint32_t flood_least(bool ip6, bool vlan)
{
    return link_bytes(vlan) + ip_bytes(ip6) + UDP_BYTES + TESTFRAME_BYTES;
}

uint32_t flood_most(uint32_t mtu, bool vlan)
{
    return link_bytes(vlan) + mtu;
}

void flood_imix(struct flood_params *p)
{
    static const uint16_t imix[] = {60, 590, 60, 60, 590, 60, 1514, 60, 590, 60, 60, 590};
    const uint32_t least = flood_least(IP_IS_V6_VAL(p->target), p->vlan != FLOOD_NO_VLAN);

    p->mix_n = sizeof(imix) / sizeof(imix[0]);
    for (uint32_t i = 0; i < p->mix_n; i++)
        p->mix[i] = imix[i] > least ? imix[i] : least;
}

/* ---- sizes -------------------------------------------------------------------------------------
 */

static struct flood_size *size_of(struct flood_frames *f, uint32_t bytes)
{
    unsigned k = 0;

    while (k < f->sizes && f->size[k].bytes != bytes)
        k++;
    if (k == f->sizes)
        f->size[f->sizes++] = (struct flood_size){.bytes = bytes};
    return &f->size[k];
}

void flood_frames_init(struct flood_frames *f, const struct flood_params *p)
{
    const bool ip6 = IP_IS_V6_VAL(p->target), vlan = p->vlan != FLOOD_NO_VLAN;

    *f = (struct flood_frames){.header_bytes = link_bytes(vlan) + ip_bytes(ip6) + UDP_BYTES,
                               .payload_at =
                                   NETBUF_HEADROOM + link_bytes(vlan) + ip_bytes(ip6) + UDP_BYTES,
                               .run = p->run,
                               .port = p->port != 0 ? p->port : TESTFRAME_PORT,
                               .turns = p->mix_n};
    for (unsigned i = 0; i < p->mix_n; i++) {
        f->turn[i] = size_of(f, p->mix[i]);
        if (p->mix[i] > f->largest)
            f->largest = p->mix[i];
    }
    testframe_pattern(payload, f->largest - f->header_bytes, f->run);
    for (unsigned k = 0; k < f->sizes; k++)
        f->size[k].fill = testframe_fill(payload, f->size[k].bytes - f->header_bytes);
}

/* ---- headers -----------------------------------------------------------------------------------
 */

/* Returns where IP begins. */
static uint8_t *put_link(uint8_t *at, const struct flood_params *p, const struct netraw_path *path)
{
    memcpy(at, path->hop_mac, 6);
    memcpy(at + 6, path->source_mac, 6);
    at += 12;
    if (p->vlan != FLOOD_NO_VLAN) {
        put16(at, ETHTYPE_VLAN);
        put16(at + 2, p->vlan);
        at += TAG_BYTES;
    }
    put16(at, IP_IS_V6_VAL(p->target) ? ETHTYPE_IPV6 : ETHTYPE_IP);
    return at + 2;
}

static void put_ip4(uint8_t *ip, const struct flood_params *p, const struct netraw_path *path,
                    uint32_t udp_bytes)
{
    const uint32_t source = ip4_addr_get_u32(ip_2_ip4(&path->source)),
                   target = ip4_addr_get_u32(ip_2_ip4(&p->target));

    memset(ip, 0, 20);
    ip[0] = 0x45;
    ip[1] = (uint8_t)(p->dscp << 2);
    put16(ip + 2, 20 + udp_bytes);
    put16(ip + 6, DONT_FRAG); /* so that the identification means nothing [RFC 6864, 4.1] */
    ip[8] = TTL;
    ip[9] = IP_PROTO_UDP;
    memcpy(ip + 12, &source, sizeof(source));
    memcpy(ip + 16, &target, sizeof(target));
    const uint16_t sum = (uint16_t)~netport_chksum(ip, 20);
    memcpy(ip + 10, &sum, sizeof(sum));
}

static void put_ip6(uint8_t *ip, const struct flood_params *p, const struct netraw_path *path,
                    uint32_t udp_bytes)
{
    memset(ip, 0, 8);
    ip[0] = (uint8_t)(0x60 | p->dscp >> 2);
    ip[1] = (uint8_t)(p->dscp << 6);
    put16(ip + 4, udp_bytes);
    ip[6] = IP_PROTO_UDP;
    ip[7] = TTL;
    memcpy(ip + 8, ip_2_ip6(&path->source)->addr, 16);
    memcpy(ip + 24, ip_2_ip6(&p->target)->addr, 16);
}

/* The sum of big-endian words, of an even start. */
static uint32_t sum_of(const uint8_t *data, uint32_t bytes)
{
    return __builtin_bswap16(netport_chksum(data, (int)bytes));
}

/* What UDP's checksum covers in every frame of this size: the pseudo header, the length once more,
 * the pattern. */
static uint32_t sum_of_all(const uint8_t *addresses, uint32_t address_bytes, uint32_t udp_bytes)
{
    return sum_of(addresses, address_bytes) + IP_PROTO_UDP + udp_bytes + udp_bytes +
           sum_of(payload + TESTFRAME_BYTES, udp_bytes - UDP_BYTES - TESTFRAME_BYTES);
}

void flood_frames_headers(struct flood_frames *f, const struct flood_params *p,
                          const struct netraw_path *path, uint32_t serial)
{
    const bool ip6 = IP_IS_V6_VAL(p->target);
    const uint32_t udp_at = f->header_bytes - UDP_BYTES;

    for (unsigned k = 0; k < f->sizes; k++) {
        struct flood_size *size = &f->size[k];
        const uint32_t udp_bytes = size->bytes - udp_at;
        uint8_t *ip = put_link(size->headers, p, path), *udp = size->headers + udp_at;

        (ip6 ? put_ip6 : put_ip4)(ip, p, path, udp_bytes);
        put16(udp, FLOOD_PORT_FIRST);
        put16(udp + 2, f->port);
        put16(udp + 6, 0);
        put16(udp + 4, udp_bytes);
        size->sum = sum_of_all(ip6 ? ip + 8 : ip + 12, ip6 ? 32 : 8, udp_bytes);
        size->stamp = serial * NETRAW_GROUPS + 1 + k;
    }
}

/* A buffer of this flood has the pattern as far as the largest frame needs it. */
void flood_frame_prepare(const struct flood_frames *f, const struct flood_size *size,
                         struct netbuf *nb)
{
    uint8_t *frame = netbuf_frame(nb);

    if (nb->stamp / NETRAW_GROUPS != size->stamp / NETRAW_GROUPS)
        memcpy(frame + f->header_bytes, payload, f->largest - f->header_bytes);
    netbuf_plain(nb);
    memcpy(frame, size->headers, f->header_bytes);
    nb->len = size->bytes;
    nb->stamp = size->stamp;
}
