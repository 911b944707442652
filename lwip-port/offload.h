// SPDX-License-Identifier: BSD-3-Clause
/*
 * Checksums of TCP and UDP in frames that the port sends, and what it has to know of frames in
 * which a device merged segments.
 *
 * lwIP leaves these checksums to the port, which has the frame in one piece: it adds the pseudo
 * header, and either the device adds the rest or the port does.
 */
#ifndef LWIP_PORT_OFFLOAD_H
#define LWIP_PORT_OFFLOAD_H

#include <stdbool.h>
#include <stdint.h>

/* Where a frame's checksum is: the bytes that it covers, besides the pseudo header, begin at start
 * and end with the packet; its field is at start + offset. */
struct offload_csum {
    uint16_t start, offset;
};

/* If the frame, one of our own making, carries TCP or UDP directly in IP: puts the sum over the
 * pseudo header into the checksum's field, not inverted, says where that is, and returns true. */
bool offload_csum_begin(uint8_t *frame, uint32_t len, struct offload_csum *c);

/* Completes the checksum of that frame. */
void offload_csum_finish(uint8_t *frame, uint32_t len, const struct offload_csum *c);

/* True if that is where a received frame, directly in IP, has the checksum of TCP or UDP. */
bool offload_csum_is_l4(const uint8_t *frame, uint32_t len, const struct offload_csum *c);

/* Of a TCP segment of our own making, whose headers are all in the first len bytes: how many bytes
 * they are, and whether it is IPv6. */
uint32_t offload_tcp_headers(const uint8_t *frame, uint32_t len);
bool offload_is_ip6(const uint8_t *frame);

/* Makes of the headers of such a segment those of a part of it: so many bytes of its payload, from
 * `at` on, and behind them nothing more if it is the last. The checksum of TCP is left to the
 * others above. */
void offload_cut(uint8_t *frame, uint32_t headers, uint32_t at, uint32_t bytes, bool last);

/* True if a received frame is TCP directly in IP; only such frames are ever merged. */
bool offload_is_tcp(const uint8_t *frame, uint32_t len);

/* Bytes of the headers of a received frame that begins with these; 0 unless it is TCP directly in
 * IP, and all of its headers are here. */
uint32_t offload_rx_headers(const uint8_t *frame, uint32_t len);

#endif
