// SPDX-License-Identifier: BSD-3-Clause
/*
 * Test frames among received ones: by their headers, and turned round.
 */
#ifndef APPS_SINK_FRAME_H
#define APPS_SINK_FRAME_H

#include <stdbool.h>
#include <stdint.h>
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
    uint16_t type, from, to;

    if (len < SINK_FRAME_MIN)
        return false;
    __builtin_memcpy(&type, frame + 12, sizeof(type));
    __builtin_memcpy(&from, frame + 34, sizeof(from));
    __builtin_memcpy(&to, frame + 36, sizeof(to));
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

/* Turns the headers of a found frame round, which begins with them, so that it goes back to where
 * it came from: stations, addresses, ports; with a fresh TTL. UDP's checksum is whoever sends it's.
 */
void sink_frame_turn(uint8_t *frame, const struct sink_frame *f, const uint8_t *mac);

#endif
