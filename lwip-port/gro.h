// SPDX-License-Identifier: BSD-3-Clause
/*
 * Which TCP segments, received one behind the other, are as good as one large segment.
 *
 * The stack's price is per segment, and a host that does not merge sends forty of a connection in a
 * row. Those that say the same but for the next bytes go to the stack as one: same stations,
 * addresses, ports, acknowledgement, window, hops, type of service and options, of which there is
 * none but a time stamp; no flag but ACK, and PSH on the last; no fragment, no option of IP; each
 * with its checksums right. What the stack does then is what it would have done for each, and what
 * a device that merges segments has it do.
 *
 * Here is what headers say, and no memory: who has the frames is ethif_rx.c's business.
 */
#ifndef LWIP_PORT_GRO_H
#define LWIP_PORT_GRO_H

#include <stdbool.h>
#include <stdint.h>

/* So many bytes of each frame are looked at: all headers that a segment can have which is merged,
 * in whole words. */
#define GRO_HEAD 88u

struct gro_frame {
    const uint8_t *head;    /* GRO_HEAD bytes from its beginning on; nobody else writes to them */
    const uint8_t *payload; /* behind all headers */
    uint32_t len;           /* of the frame, more than GRO_HEAD */
    bool vouched;           /* TCP's checksum need not be verified */
};

/* A segment, and those that were merged with it. */
struct gro {
    struct gro_frame first;
    uint64_t next[GRO_HEAD / 8]; /* headers that continue it, … */
    const uint8_t *same;         /* … bit by bit where there is 1 here */
    uint32_t headers, l4_at;     /* bytes of all headers, of those before TCP's */
    uint32_t bytes;              /* of the IP packet that they all make */
    uint32_t ip_sum, tcp_sum;    /* of what is the same in each */
    bool ip6, push;
};

/* Begins with a frame whose headers, so many bytes of Ethernet, IP and TCP, are all there. False:
 * nothing is ever merged with it. */
bool gro_begin(struct gro *g, const struct gro_frame *f, uint32_t headers);

/* True if the first one's checksums are right. Before any of the others. */
bool gro_first_right(struct gro *g);

/* True if the stack expects the first one's bytes next, has all before them, and nothing behind. */
bool gro_expected(const struct gro *g);

/* True if the frame is to be merged but for its checksums; if these are right, too. */
bool gro_follows(const struct gro *g, const struct gro_frame *f);
bool gro_right(const struct gro *g, const struct gro_frame *f);

/* Merges it. After one with PSH nothing follows. */
void gro_add(struct gro *g, const struct gro_frame *f);

/* Makes of the first one's headers those of the whole; checksums stay as they were. */
void gro_finish(const struct gro *g, uint8_t *head);

#endif
