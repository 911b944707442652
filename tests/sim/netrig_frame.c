// SPDX-License-Identifier: BSD-3-Clause
/*
 * Frames of the rig: who is who in them, their parts, checksums, and building them.
 */
#include <stdlib.h>
#include <string.h>
#include "netrig.h"
#include "netrig_priv.h"

const uint8_t rig_guest_mac[6] = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56};
const uint8_t rig_peer_mac[6] = {0x52, 0x55, 0x0a, 0x00, 0x02, 0x01};
const uint8_t rig_peer_ip6[16] = {0xfe, 0x80, [8] = 0x50, 0x55, 0x0a, 0xff, 0xfe, 0x00, 0x02, 0x01};
static const uint8_t guest_ip6[16] = {0xfe, 0x80, [8] = 0x50, 0x54, 0x00,
                                      0xff, 0xfe, 0x12,       0x34, 0x56};

/* ---- parts and checksums ------------------------------------------------------------------- */

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

bool rig_is_v6(const uint8_t *frame)
{
    return rig_get16(frame + 12) == 0x86dd;
}

uint8_t rig_proto_of(const uint8_t *frame)
{
    return rig_is_v6(frame) ? frame[14 + 6] : frame[14 + 9];
}

uint32_t rig_l4_len(const uint8_t *frame)
{
    return rig_is_v6(frame) ? rig_get16(frame + 18)
                            : rig_get16(frame + 16) - (uint32_t)(frame[14] & 15) * 4;
}

uint8_t *rig_l4_of(uint8_t *frame)
{
    return frame + 14 + (rig_is_v6(frame) ? 40 : (uint32_t)(frame[14] & 15) * 4);
}

uint16_t rig_l4_sum(const uint8_t *frame, const uint8_t *l4, uint32_t len)
{
    const uint8_t proto = rig_proto_of(frame);
    uint32_t start = 0;

    if (rig_is_v6(frame))
        start = (uint32_t)rig_sum(frame + 14 + 8, 32, 0) + len + proto;
    else if (proto != 1)
        start = (uint32_t)rig_sum(frame + 14 + 12, 8, 0) + len + proto;
    return rig_sum(l4, len, start);
}

void rig_fix_ip(uint8_t *frame)
{
    rig_put16(frame + 24, 0);
    rig_put16(frame + 24, ~(uint32_t)rig_sum(frame + 14, (uint32_t)(frame[14] & 15) * 4, 0));
}

void rig_fix_l4(uint8_t *frame, uint32_t len)
{
    uint8_t *l4 = frame + rig_ip_payload(rig_is_v6(frame));
    const uint32_t n = len - rig_ip_payload(rig_is_v6(frame));
    uint32_t at;

    switch (rig_proto_of(frame)) {
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
    rig_put16(l4 + at, 0);
    rig_put16(l4 + at, ~(uint32_t)rig_l4_sum(frame, l4, n));
    if (rig_proto_of(frame) == 17 && rig_get16(l4 + at) == 0)
        rig_put16(l4 + at, 0xffff);
}

/* ---- building ------------------------------------------------------------------------------ */

uint32_t rig_build_ip(uint8_t *frame, bool v6, uint8_t proto, const void *payload, uint32_t len)
{
    static uint16_t ident;
    uint8_t *ip = frame + 14;

    memcpy(frame, rig_guest_mac, 6);
    memcpy(frame + 6, rig_peer_mac, 6);
    memmove(frame + rig_ip_payload(v6), payload, len);
    if (v6) {
        rig_put16(frame + 12, 0x86dd);
        rig_put32(ip, 6u << 28);
        rig_put16(ip + 4, len);
        ip[6] = proto;
        ip[7] = 255; /* neighbour discovery asks for it */
        memcpy(ip + 8, rig_peer_ip6, 16);
        memcpy(ip + 24, guest_ip6, 16);
    } else {
        rig_put16(frame + 12, 0x0800);
        rig_put16(ip, 0x4500);
        rig_put16(ip + 2, 20 + len);
        rig_put16(ip + 4, ++ident);
        rig_put16(ip + 6, 0x4000);
        ip[8] = 64;
        ip[9] = proto;
        rig_put32(ip + 12, RIG_PEER_IP);
        rig_put32(ip + 16, RIG_GUEST_IP);
        rig_fix_ip(frame);
    }
    rig_fix_l4(frame, rig_ip_payload(v6) + len);
    return rig_ip_payload(v6) + len;
}

uint32_t rig_build_udp(uint8_t *frame, bool v6, uint16_t sport, uint16_t dport, const void *data,
                       uint32_t len)
{
    uint8_t *udp = malloc(8 + len);

    rig_put16(udp, sport);
    rig_put16(udp + 2, dport);
    rig_put16(udp + 4, 8 + len);
    rig_put16(udp + 6, 0);
    memcpy(udp + 8, data, len);
    const uint32_t n = rig_build_ip(frame, v6, 17, udp, 8 + len);
    free(udp);
    return n;
}

void rig_set_host(uint8_t *frame, uint32_t len, unsigned host)
{
    if (host == 0)
        return;
    if (rig_is_v6(frame)) {
        frame[14 + 8 + 15] = (uint8_t)(rig_peer_ip6[15] + host);
    } else {
        rig_put32(frame + 14 + 12, RIG_GUEST_IP + host);
        rig_fix_ip(frame);
    }
    rig_fix_l4(frame, len);
}

int rig_host_of(bool v6, const uint8_t *ip)
{
    uint32_t host;

    if (v6) {
        if (memcmp(ip, rig_peer_ip6, 15) != 0)
            return -1;
        host = (uint8_t)(ip[15] - rig_peer_ip6[15]);
    } else {
        host = rig_get32(ip) == RIG_PEER_IP ? 0 : rig_get32(ip) - RIG_GUEST_IP;
        if (host == 0 && rig_get32(ip) != RIG_PEER_IP)
            return -1;
    }
    return host <= rig.hosts ? (int)host : -1;
}
