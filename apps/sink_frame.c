// SPDX-License-Identifier: BSD-3-Clause
/*
 * See sink_frame.h.
 */
#include "sink_frame.h"

#include "lwip/opt.h"
#include "string.h"
#include "testframe.h"

#define ETH_BYTES 14
#define TAG_BYTES 4
#define IP4_BYTES 20
#define IP6_BYTES 40
#define UDP_BYTES 8
#define PROTO_UDP 17
#define FRESH_TTL 64

static uint16_t read16(const uint8_t *p)
{
    return __builtin_bswap16(load16(p));
}

/* The sum of a header's 16-bit words, in the machine's order: a multiple of 0xffff if its checksum
 * is right, whatever the order [RFC 1071]. */
static uint64_t sum_ip4(const uint8_t *ip)
{
    return sink_frame_sum8(ip) + sink_frame_sum8(ip + 8) + load32(ip + 16);
}

/* Where an IPv4 packet has its UDP header, and *end; 0: it has none, or is a fragment. */
static uint32_t in_ip4(const uint8_t *frame, uint32_t len, struct sink_frame *f, uint32_t *end)
{
    const uint8_t *ip = frame + f->ip;

    if (len < f->ip + IP4_BYTES + UDP_BYTES || ip[0] != 0x45 || ip[9] != PROTO_UDP ||
        (ip[6] & 0x3f) != 0 || ip[7] != 0)
        return 0;
    *end = f->ip + read16(ip + 2);
    f->v6 = false;
    f->sound = sum_ip4(ip) % 0xffff == 0;
    return f->ip + IP4_BYTES;
}

/* The same of IPv6. */
static uint32_t in_ip6(const uint8_t *frame, uint32_t len, struct sink_frame *f, uint32_t *end)
{
    const uint8_t *ip = frame + f->ip;

    if (len < f->ip + IP6_BYTES + UDP_BYTES || ip[0] >> 4 != 6 || ip[6] != PROTO_UDP)
        return 0;
    *end = f->ip + IP6_BYTES + read16(ip + 4);
    f->v6 = true;
    f->sound = true;
    return f->ip + IP6_BYTES;
}

/* The UDP header at `at`, in a packet that ends at `end`. */
static bool in_udp(const uint8_t *frame, uint32_t at, uint32_t end, struct sink_frame *f)
{
    const uint16_t to = read16(frame + at + 2);
    const uint32_t bytes = read16(frame + at + 4);

    f->port = SINK_COUNT;
    if (sink_is_port(to, SINK_REFLECT_PORT))
        f->port = SINK_REFLECT;
    else if (!sink_is_port(to, TESTFRAME_PORT) &&
             !sink_is_port(read16(frame + at), SINK_REFLECT_PORT))
        return false;
    f->payload = at + UDP_BYTES;
    f->bytes = bytes - UDP_BYTES;
    return bytes >= UDP_BYTES && at + bytes <= end;
}

bool sink_frame_find(const uint8_t *frame, uint32_t len, struct sink_frame *f)
{
    uint32_t at, end;
    uint16_t type;

    if (len < SINK_FRAME_MIN)
        return false;
    f->ip = ETH_BYTES;
    type = read16(frame + ETH_BYTES - 2);
    if (type == 0x8100) {
        f->ip += TAG_BYTES;
        type = read16(frame + ETH_BYTES + TAG_BYTES - 2);
    }
    if (type == 0x0800)
        at = in_ip4(frame, len, f, &end);
    else if (type == 0x86dd)
        at = in_ip6(frame, len, f, &end);
    else
        return false;
    return at != 0 && end <= len && in_udp(frame, at, end, f);
}

bool sink_frame_udp_sound(const uint8_t *frame, const struct sink_frame *f)
{
    const uint32_t udp = f->payload - UDP_BYTES, bytes = UDP_BYTES + f->bytes;
    const uint32_t addresses = f->v6 ? 32 : 8;
    uint64_t sum;

    if (read16(frame + udp + 6) == 0)
        return !f->v6;
    sum = netport_chksum(frame + udp - addresses, (int)(addresses + bytes));
    sum += __builtin_bswap16((uint16_t)bytes) + (PROTO_UDP << 8);
    return sum % 0xffff == 0;
}

static void swap(uint8_t *a, uint8_t *b, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        const uint8_t byte = a[i];

        a[i] = b[i];
        b[i] = byte;
    }
}

void sink_frame_turn(uint8_t *frame, const struct sink_frame *f, const uint8_t *mac)
{
    uint8_t *ip = frame + f->ip, *udp = frame + f->payload - UDP_BYTES;
    uint16_t sum;

    memcpy(frame, frame + 6, 6);
    memcpy(frame + 6, mac, 6);
    swap(udp, udp + 2, 2);
    if (f->v6) {
        swap(ip + 8, ip + 24, 16);
        ip[7] = FRESH_TTL;
        return;
    }
    swap(ip + 12, ip + 16, 4);
    ip[8] = FRESH_TTL;
    memset(ip + 10, 0, 2);
    sum = (uint16_t)(0xffff - sum_ip4(ip) % 0xffff);
    memcpy(ip + 10, &sum, sizeof(sum));
}
