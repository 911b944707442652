// SPDX-License-Identifier: BSD-3-Clause
/*
 * Network buffers: static memory with exactly one owner at every moment.
 *
 *     rx pool:  FREE -> (post) -> DEVICE -> (poll) -> STACK -> (release) -> FREE
 *                                                     STACK -> (hold) -> HELD -> (let go) -> FREE
 *     tx pool:  FREE -> (get)  -> STACK  -> (tx)   -> DEVICE -> (reclaim) -> FREE
 *
 * A pool is a stack of free buffers over one arena. The bookkeeping is kept apart from the arena,
 * so a device that writes where it should not cannot change it. Pools never mix; every transition
 * checks the state it comes from, in release builds too.
 */
#ifndef DRIVERS_NETBUF_H
#define DRIVERS_NETBUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "dma.h"
#include "panic.h"

enum netbuf_state {
    NETBUF_FREE,
    NETBUF_STACK, /* in hand, for this turn */
    NETBUF_DEVICE,
    NETBUF_HELD, /* of the stack for as long as it wants */
    NETBUF_STATES
};

/* Bytes in front of the frame for the device's header; the largest of any transport's. */
#define NETBUF_HEADROOM 12

struct netbuf {
    uint8_t *base;   /* start of the buffer: the device's header, then the frame; never changes */
    dma_addr_t dma;  /* the same, as the device sees it */
    uint32_t cap;    /* bytes at base */
    uint32_t offset; /* where the frame starts: the length of the device's header */
    uint32_t len;    /* bytes of the frame; valid while STACK or HELD */
    uint16_t id;     /* position in the pool */
    uint8_t state;   /* enum netbuf_state; written by netbuf.c only */
    uint8_t offload; /* NETBUF_*; valid like len */
    struct netbuf *next; /* received: the rest of a frame that did not fit in this one; else NULL */
    uint16_t csum_start, csum_offset; /* with NETBUF_CSUM_PARTIAL */
    uint32_t stamp; /* to be sent: who filled it last, see vnet_tx_get_many(); 0: whoever */
};

/* Received: the checksum of TCP or UDP is not to be verified, the device vouches for it. */
#define NETBUF_CSUM_VALID 0x01
/* Received: the device merged TCP segments into this frame, which may exceed the MTU. */
#define NETBUF_MERGED 0x02
/* The field at csum_start + csum_offset, which lies inside the frame, holds the sum over the pseudo
 * header. What lies from csum_start to the frame's end is yet to be added: to a frame to be sent by
 * the device [virtio 5.1.6.2], to a received one by whoever wants it, as it cannot be wrong. */
#define NETBUF_CSUM_PARTIAL 0x04

/* The frame: destination MAC first, no FCS. */
static inline uint8_t *netbuf_frame(const struct netbuf *nb)
{
    return nb->base + nb->offset;
}

/* Nothing is asked of the device: its header is all zeros [virtio 5.1.6.2]. */
static inline void netbuf_plain(struct netbuf *nb)
{
    nb->offload = 0;
    __builtin_memset(nb->base, 0, NETBUF_HEADROOM);
}

/* Bytes of a received frame in all its buffers. */
static inline uint32_t netbuf_frame_bytes(const struct netbuf *nb)
{
    uint32_t bytes = 0;

    for (; nb != NULL; nb = nb->next)
        bytes += nb->len;
    return bytes;
}

struct netbuf_pool {
    const char *name;
    struct netbuf *bufs; /* the caller's array of at least n */
    uint16_t *free;      /* stack of ids, likewise */
    uint16_t n;          /* buffers */
    uint16_t free_n;     /* entries on the stack */
    uint16_t used_max;   /* most that were ever not FREE */
    uint16_t count[NETBUF_STATES];
    uint64_t failures; /* netbuf_get() on an empty pool */
};

/* Carves `arena` into n = min(max, (arena_bytes - CONFIG_GUARD_BYTES) / (buf_bytes +
 * CONFIG_GUARD_BYTES)) buffers, all FREE, with a guard behind each and one in front of the first.
 * `bufs` and `ids` have room for max. Also used to start over after a device reset, when nobody
 * owns any of them. */
void netbuf_pool_init(struct netbuf_pool *p, const char *name, void *arena, uint32_t arena_bytes,
                      uint32_t buf_bytes, struct netbuf *bufs, uint16_t *ids, uint16_t max);

/* FREE -> STACK. NULL if none is free (counted). */
struct netbuf *netbuf_get(struct netbuf_pool *p);

/* STACK -> FREE. */
void netbuf_put(struct netbuf_pool *p, struct netbuf *nb);

/* STACK -> DEVICE and back; the virtio-net driver only. */
void netbuf_to_device(struct netbuf_pool *p, struct netbuf *nb);
void netbuf_from_device(struct netbuf_pool *p, struct netbuf *nb);

/* STACK -> HELD -> FREE. */
void netbuf_hold(struct netbuf_pool *p, struct netbuf *nb);
void netbuf_let_go(struct netbuf_pool *p, struct netbuf *nb);

/* ---- many at once: for the driver, one call a buffer and, when all are through, one a batch ----
 */

static inline void netbuf_change(struct netbuf *nb, enum netbuf_state from, enum netbuf_state to)
{
    ASSERT(nb->state == from);
    nb->state = (uint8_t)to;
}

static inline void netbuf_count(struct netbuf_pool *p, enum netbuf_state from, enum netbuf_state to,
                                unsigned n)
{
    p->count[from] = (uint16_t)(p->count[from] - n);
    p->count[to] = (uint16_t)(p->count[to] + n);
}

/* FREE -> STACK: n buffers, of which there must be so many. */
void netbuf_get_many(struct netbuf_pool *p, struct netbuf **nb, unsigned n);

/* STACK -> FREE: so many. */
void netbuf_put_many(struct netbuf_pool *p, struct netbuf *const *nb, unsigned n);

/* DEVICE -> STACK, and one that was FREE goes to the DEVICE in its place, which is returned; there
 * must be one. Then how many they were. */
static inline struct netbuf *netbuf_swap(struct netbuf_pool *p, struct netbuf *nb)
{
    struct netbuf *spare = &p->bufs[p->free[--p->free_n]];

    netbuf_change(nb, NETBUF_DEVICE, NETBUF_STACK);
    netbuf_change(spare, NETBUF_FREE, NETBUF_DEVICE);
    return spare;
}

static inline void netbuf_swap_count(struct netbuf_pool *p, unsigned n)
{
    const uint16_t used = (uint16_t)(p->n - p->free_n);

    netbuf_count(p, NETBUF_FREE, NETBUF_STACK, n);
    if (used > p->used_max)
        p->used_max = used;
}

/* DEVICE -> FREE: one that the device has done with, to the place behind the stack of free ones
 * that the one before left, p->free + p->free_n for the first; then how many they were. */
static inline uint16_t *netbuf_done(struct netbuf *nb, uint16_t *free)
{
    netbuf_change(nb, NETBUF_DEVICE, NETBUF_FREE);
    *free = nb->id;
    return free + 1;
}

static inline void netbuf_done_count(struct netbuf_pool *p, unsigned n)
{
    p->free_n = (uint16_t)(p->free_n + n);
    netbuf_count(p, NETBUF_DEVICE, NETBUF_FREE, n);
}

/* Every buffer is FREE, whoever believes to have one, but for those HELD, which come back yet. */
void netbuf_pool_renew(struct netbuf_pool *p);

/* Sets *id to a buffer behind which somebody wrote since this was last asked; false: there is none.
 * O(n). */
bool netbuf_overrun(const struct netbuf_pool *p, uint32_t *id);

/* True if the owners sum to the pool and agree with the states, buffer by buffer. O(n). */
bool netbuf_check(const struct netbuf_pool *p);

#endif
