// SPDX-License-Identifier: BSD-3-Clause
/*
 * See stamp.h.
 */
#include "stamp.h"

#include "string.h"
#include "time.h"

/* Places of fields; with a prefix those of an answer only. */
enum {
    SEQ = 0,
    TIME = 4,
    ERROR = 12,
    SSID = 14,
    BACK_CAME = 16,
    BACK_SEQ = 24,
    BACK_TIME = 28,
    BACK_ERROR = 36,
    BACK_ZERO = 38,
    BACK_TTL = 40,
};

/* Not synchronised to UTC, NTP's format; off by 1 * 2^-32 * 2^12 s at most, a microsecond [RFC 4656
 * 4.1.2]. */
#define OUR_ERROR 0x0c01

/* Nothing is on its way for longer: a timestamp that says so is not ours. */
#define TRIP_MAX_NS (3600 * NS_PER_S)

static uint64_t read_be(const uint8_t *p, unsigned bytes)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < bytes; i++)
        v = v << 8 | p[i];
    return v;
}

static void write_be(uint8_t *p, unsigned bytes, uint64_t v)
{
    for (unsigned i = bytes; i-- > 0; v >>= 8)
        p[i] = (uint8_t)v;
}

/* Seconds, and a fraction in 2^-32 s: that nanosecond or up to one before it, and back again. */
static uint64_t to_ntp(uint64_t ns)
{
    return ns / NS_PER_S << 32 | ((ns % NS_PER_S << 32) / NS_PER_S);
}

/* The difference of two times, which wraps as their seconds do. */
static uint64_t ntp_between(uint64_t from, uint64_t to)
{
    const uint64_t d = to - from;

    return (d >> 32) * NS_PER_S + ((d & 0xffffffff) * NS_PER_S >> 32);
}

void stamp_request(uint8_t *packet, uint32_t bytes, uint32_t seq, uint64_t now_ns)
{
    memset(packet, 0, bytes);
    write_be(packet + SEQ, 4, seq);
    write_be(packet + TIME, 8, to_ntp(now_ns));
    write_be(packet + ERROR, 2, OUR_ERROR);
}

void stamp_reflect(uint8_t *packet, uint32_t seq, uint8_t ttl, uint64_t received_ns,
                   uint64_t sent_ns)
{
    memcpy(packet + BACK_SEQ, packet + SEQ, 4 + 8 + 2); /* behind each other in both */
    memset(packet + BACK_ZERO, 0, STAMP_BYTES - BACK_ZERO);
    packet[BACK_TTL] = ttl;
    write_be(packet + SEQ, 4, seq);
    write_be(packet + TIME, 8, to_ntp(sent_ns));
    write_be(packet + ERROR, 2, OUR_ERROR);
    write_be(packet + BACK_CAME, 8, to_ntp(received_ns));
}

uint32_t stamp_seq(const uint8_t *packet)
{
    return (uint32_t)read_be(packet + SEQ, 4);
}

uint16_t stamp_ssid(const uint8_t *packet)
{
    return (uint16_t)read_be(packet + SSID, 2);
}

bool stamp_read(const uint8_t *packet, uint32_t bytes, uint64_t now_ns, struct stamp_answer *a)
{
    uint64_t trip;

    if (bytes < STAMP_BYTES)
        return false;
    trip = ntp_between(read_be(packet + BACK_TIME, 8), to_ntp(now_ns));
    a->held_ns = ntp_between(read_be(packet + BACK_CAME, 8), read_be(packet + TIME, 8));
    if (trip > TRIP_MAX_NS || a->held_ns > trip)
        return false;
    a->trip_ns = trip - a->held_ns;
    a->seq = (uint32_t)read_be(packet + BACK_SEQ, 4);
    a->seq_back = stamp_seq(packet);
    a->ttl = packet[BACK_TTL];
    return true;
}
