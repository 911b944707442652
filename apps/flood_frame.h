// SPDX-License-Identifier: BSD-3-Clause
/*
 * The frames of a flood. Made once, for each size: everything but what differs from frame to frame,
 * which is the ports of the flow, the first 18 bytes of the payload, and UDP's checksum.
 *
 * A transmit buffer that had a frame of the same size before has all of that still, and gets what
 * differs; one that had another size gets the headers as well, one that was somebody else's all of
 * it.
 */
#ifndef APPS_FLOOD_FRAME_H
#define APPS_FLOOD_FRAME_H

#include <stdint.h>
#include "flood.h"
#include "netbuf.h"
#include "netraw.h"
#include "testframe.h"

#define FLOOD_HEADERS_MAX (14u + 4u + 40u + 8u) /* Ethernet, VLAN tag, IPv6, UDP */

struct flood_size {
    uint32_t bytes; /* of the frame */
    uint32_t stamp; /* of a buffer that has one */
    uint64_t fill;  /* see testframe_fill() */
    uint32_t sum;   /* of what UDP's checksum covers, but for the ports and the test frame's head */
    uint64_t offered;
    uint64_t sent_before; /* in its group, by floods before */
    uint8_t headers[FLOOD_HEADERS_MAX];
};

struct flood_frames {
    uint32_t header_bytes; /* before the payload */
    uint32_t payload_at;   /* the same in a buffer */
    uint32_t largest;      /* frame, bytes */
    uint16_t run;
    uint16_t port; /* of the target */
    struct flood_size size[FLOOD_MIX];
    unsigned sizes;
    struct flood_size *turn[FLOOD_MIX]; /* the mixture */
    unsigned turns;
};

/* The sizes, the mixture, and the pattern, of which there is one: the flood before is over. */
void flood_frames_init(struct flood_frames *f, const struct flood_params *p);

/* The headers, along this path. `serial`, not 0, makes the stamps differ from those that any buffer
 * may have, of this flood with other headers or of any other. */
void flood_frames_headers(struct flood_frames *f, const struct flood_params *p,
                          const struct netraw_path *path, uint32_t serial);

/* Makes the buffer one of this size. */
void flood_frame_prepare(const struct flood_frames *f, const struct flood_size *size,
                         struct netbuf *nb);

/* Where the generator is. */
struct flood_cursor {
    struct testframe test; /* the next frame */
    uint64_t a, b;         /* its two words */
    uint32_t ports;        /* source << 16 | destination */
    uint32_t sum;          /* of the three, for UDP's checksum */
    uint32_t end;          /* see testframe_end(): without the check */
};

/* Of the frame that cursor.test says. */
static inline void flood_cursor_set(struct flood_cursor *c, const struct flood_frames *f)
{
    const uint32_t flow = c->test.flow, wraps = flow >= FLOOD_PORTS;

    c->ports = (FLOOD_PORT_FIRST + flow - wraps * FLOOD_PORTS) << 16 | (uint16_t)(f->port + wraps);
    c->a = testframe_a(&c->test);
    c->b = testframe_b(&c->test);
    c->sum = testframe_sum(c->a) + testframe_sum(c->b) + (c->ports >> 16) + (uint16_t)c->ports;
    c->end = testframe_end(c->b, 0);
}

/* The next flow's frame. */
static inline void flood_cursor_next(struct flood_cursor *c, const struct flood_frames *f,
                                     uint32_t last_flow)
{
    if (c->test.flow < last_flow) {
        c->test.flow++;
    } else {
        c->test.flow = 0;
        c->test.seq++;
    }
    flood_cursor_set(c, f);
}

/* The same flow's next frame, unless its sequence is a multiple of this: all that differs is the
 * sequence at the top of b. test.seq is left to the caller. */
#define FLOOD_SEQ_SPAN 65536u
static inline void flood_cursor_step(struct flood_cursor *c)
{
    c->b += 1ull << 48;
    c->sum++;
}

/* The checksum field for a sum below 2^25, big-endian. Never 0, which would say that there is none
 * [RFC 768]: of the two zeros of the one's complement it is the other. The two halves are added in
 * both halves of a word, so that the lower ones' carry is the end-around one of the upper; the 1
 * makes it come for 0xffff already, which is 0. */
static inline uint16_t flood_frame_checksum(uint32_t sum)
{
    sum += (sum << 16 | sum >> 16) + 1;
    return __builtin_bswap16((uint16_t)(~sum >> 16));
}

/* What of a size a frame is made with. */
struct flood_kind {
    uint64_t fill;
    uint32_t stamp, sum, payload_at;
};

static inline struct flood_kind flood_kind(const struct flood_frames *f,
                                           const struct flood_size *size)
{
    return (struct flood_kind){size->fill, size->stamp, size->sum, f->payload_at};
}

/* Writes the frame that the cursor is at to a buffer that has this kind's stamp, and the ports of
 * flow 0 or of the frame before. */
static inline void flood_frame_write(const struct flood_kind *k, struct netbuf *nb,
                                     const struct flood_cursor *c)
{
    const uint32_t check = testframe_check(c->a, c->b, k->fill);
    const uint16_t sum = flood_frame_checksum(k->sum + c->sum + check);
    uint8_t *payload = nb->base + k->payload_at;

    __builtin_memcpy(payload - 2, &sum, sizeof(sum));
    testframe_put(payload, c->a, c->b, c->end | check);
}

/* The ports, where there are several flows. */
static inline void flood_frame_write_ports(const struct flood_kind *k, struct netbuf *nb,
                                           const struct flood_cursor *c)
{
    const uint32_t ports = __builtin_bswap32(c->ports);

    __builtin_memcpy(nb->base + k->payload_at - 8, &ports, sizeof(ports));
}

#endif
