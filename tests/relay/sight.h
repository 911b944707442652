// SPDX-License-Identifier: BSD-3-Clause
/*
 * What the relay sees of a frame: which protocols are in it, between which ports, how much it
 * carries, and where a segment of TCP stands by its own numbers.
 *
 * Frames may be anything: what is too short for a header does not have it, and a packet that says
 * it is longer than its frame ends where the frame does. Only the first header behind IPv6's is
 * looked at, and a fragment is taken for a packet. Nothing is remembered: what a frame means to a
 * stream (IS_NEW, IN_STREAM) is found out by the script, which follows it.
 */
#ifndef RELAY_SIGHT_H
#define RELAY_SIGHT_H

#include <stdint.h>

#define ETH_BYTES 14u

enum kind {
    IS_ARP = 1,
    IS_IP4 = 2,
    IS_IP6 = 4,
    IS_TCP = 8,
    IS_UDP = 16,
    IS_ICMP = 32,
    HAS_PAYLOAD = 64,
    IS_ACK = 128,
    IS_SYN = 256,
    IS_FIN = 512,
    IS_NEW = 1024, /* bytes of the stream that never came */
    IN_STREAM = 2048,
};

struct sight {
    uint32_t kinds; /* enum kind, all that it is */
    uint16_t sport, dport;
    uint32_t len, payload;
    uint32_t l4, l4_end;      /* what IP carries lies between; 0 and len: it is no IP */
    uint32_t seq, begin, end; /* in the stream, where it is in it */
};

struct sight sight_of(const uint8_t *frame, uint32_t len);

#endif
