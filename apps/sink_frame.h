// SPDX-License-Identifier: BSD-3-Clause
/*
 * Test frames among received ones: by their headers, and turned round.
 */
#ifndef APPS_SINK_FRAME_H
#define APPS_SINK_FRAME_H

#include <stdbool.h>
#include <stdint.h>
#include "bytes.h"
#include "sink.h"

/* Ethernet, IPv4 and UDP: no test frame is shorter. */
#define SINK_FRAME_MIN (14 + 20 + 8)

enum sink_port {
    SINK_COUNT,  /* to the analyser, or back from a reflector */
    SINK_REFLECT /* to the reflector */
};

struct sink_frame {
    enum sink_port port;
    bool v6;
    bool sound;       /* the checksum of an IPv4 header is right */
    uint32_t ip;      /* where the IP header is, */
    uint32_t payload; /* and UDP's payload, */
    uint32_t bytes;   /* and how long that is: within the frame */
};

/* Whether it is that port, which is even, or the one behind it. */
static inline bool sink_is_port(uint16_t port, uint16_t even)
{
    return (port & ~1u) == even;
}

/* False if it is certainly not for them: in few instructions, since every frame that is received is
 * looked at. */
static inline bool sink_frame_may_be(const uint8_t *frame, uint32_t len)
{
    if (len < SINK_FRAME_MIN)
        return false;

    const uint16_t type = load16(frame + 12);
    const uint16_t from = load16(frame + 34), to = load16(frame + 36);

    if (type != __builtin_bswap16(0x0800))
        return type == __builtin_bswap16(0x86dd) || type == __builtin_bswap16(0x8100);
    return sink_is_port(__builtin_bswap16(to), TESTFRAME_PORT) ||
           sink_is_port(__builtin_bswap16(to), SINK_REFLECT_PORT) ||
           sink_is_port(__builtin_bswap16(from), SINK_REFLECT_PORT);
}

/* True if the frame is for an analyser or a reflector. Its memory may change meanwhile: what is
 * said of it was read once. */
bool sink_frame_find(const uint8_t *frame, uint32_t len, struct sink_frame *f);

/* True if UDP's checksum of a found frame is right, or there is none, which over IPv4 may be. */
bool sink_frame_udp_sound(const uint8_t *frame, const struct sink_frame *f);

/* The usual frame: the smallest over IPv4 without options or a tag, to the analyser, sound. Bytes:
 */
#define SINK_USUAL_PAYLOAD SINK_FRAME_MIN
#define SINK_USUAL         (SINK_USUAL_PAYLOAD + TESTFRAME_BYTES)

/* What eight bytes add to the sum of a checksum, in the machine's order [RFC 1071]; four add their
 * load32(). */
static inline uint64_t sink_frame_sum8(const uint8_t *p)
{
    const uint64_t v = load64(p);

    return (v >> 32) + (uint32_t)v;
}

/* True if sink_frame_find() would find it, with both checksums right, UDP's unless it is vouched
 * for: in few instructions. False says nothing. */
static inline bool sink_frame_usual(const uint8_t *frame, uint32_t len, bool vouched)
{
    /* Bytes 12 to 19, 20 to 23 and 36 to 39 as they are in memory: type, version, length; fragment,
     * protocol; port, length. */
    const uint64_t link = 0x00002e0000450008, link_mask = 0x0000ffff00ffffff;
    const uint32_t ip = 0x11000000, ip_mask = 0xff00ff3f;
    const uint32_t udp = 0x1a000000 | __builtin_bswap16(TESTFRAME_PORT), udp_mask = 0xfffffeff;
    uint64_t sum;

    static_assert(TESTFRAME_BYTES == 18 && TESTFRAME_PORT % 2 == 0, "the lengths and the mask");
    if (len < SINK_USUAL)
        return false;
    if ((load64(frame + 12) & link_mask) != link || (load32(frame + 20) & ip_mask) != ip ||
        (load32(frame + 36) & udp_mask) != udp)
        return false;
    sum = sink_frame_sum8(frame + 14) + sink_frame_sum8(frame + 22) + load32(frame + 30);
    if (sum % 0xffff != 0)
        return false;
    if (vouched)
        return true;
    if (frame[40] == 0 && frame[41] == 0)
        return false;
    sum = (17 << 8) + (26 << 8) + sink_frame_sum8(frame + 26) + sink_frame_sum8(frame + 34) +
          sink_frame_sum8(frame + 42) + sink_frame_sum8(frame + 50) +
          (uint64_t)(frame[58] | frame[59] << 8);
    return sum % 0xffff == 0;
}

/* Turns the headers of a found frame round, which begins with them, so that it goes back to where
 * it came from: stations, addresses, ports; with a fresh TTL. UDP's checksum is whoever sends it's.
 */
void sink_frame_turn(uint8_t *frame, const struct sink_frame *f, const uint8_t *mac);

#endif
