// SPDX-License-Identifier: BSD-3-Clause
/*
 * STAMP, the Simple Two-way Active Measurement Protocol [RFC 8762], unauthenticated: its packets.
 *
 *     what a Session-Sender sends           what a Session-Reflector answers
 *      0  sequence number                    0  sequence number: the reflector's own if it is
 *      4  timestamp                             stateful, else the sender's [4.3]
 *     12  error estimate                     4  timestamp, 12 error estimate: of the answer
 *     14  SSID [RFC 8972 3], else 0         14  SSID, as it came
 *     16  zeros                             16  when the packet came
 *     44                                    24  the sender's sequence number, 28 timestamp,
 *                                           36  error estimate
 *                                           40  TTL or Hop Limit with which the packet came
 *                                           44
 *
 * Numbers are big-endian; what is between is zero. What follows the 44 octets is padding or TLVs,
 * and goes back as it came: so both are of one size, and a TLV keeps the mark by which its sender
 * says that nobody has understood it yet [RFC 8972 4]. Timestamps are in NTP's format. Ours count
 * from boot and are said to be synchronised to nothing, so that only differences mean something.
 */
#ifndef APPS_STAMP_H
#define APPS_STAMP_H

#include <stdbool.h>
#include <stdint.h>

#define STAMP_PORT  862
#define STAMP_BYTES 44 /* of a packet without padding, of either kind */

/* A packet with this TTL has not been routed, so the one it came with tells the routers. */
#define STAMP_TTL 255

/* What a Session-Sender finds in an answer. */
struct stamp_answer {
    uint32_t seq;      /* the sender's own */
    uint32_t seq_back; /* the reflector's; a stateless one repeats the sender's */
    uint64_t trip_ns;  /* there and back, without the time that the reflector had it */
    uint64_t held_ns;  /* that time */
    uint8_t ttl;       /* with which the packet came to the reflector */
};

/* A request of so many octets, at least STAMP_BYTES. */
void stamp_request(uint8_t *packet, uint32_t bytes, uint32_t seq, uint64_t now_ns);

/* Makes of a request its own answer; what is behind STAMP_BYTES stays. */
void stamp_reflect(uint8_t *packet, uint32_t seq, uint8_t ttl, uint64_t received_ns,
                   uint64_t sent_ns);

/* The sequence number of a request, which a stateless reflector repeats; its SSID. */
uint32_t stamp_seq(const uint8_t *packet);
uint16_t stamp_ssid(const uint8_t *packet);

/* Reads an answer to one of ours that came now. False: it is too short, or no answer to a packet
 * that can have been sent by this clock. */
bool stamp_read(const uint8_t *packet, uint32_t bytes, uint64_t now_ns, struct stamp_answer *a);

#endif
