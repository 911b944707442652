// SPDX-License-Identifier: BSD-3-Clause
/*
 * The split ring [virtio 2.7]: descriptor table, available ring, used ring.
 *
 * What the device may write starts on a page of its own. That is also where older devices, which
 * are told one address only, look for it [virtio 2.7.2].
 */
#ifndef DRIVERS_VIRTQUEUE_SPLIT_H
#define DRIVERS_VIRTQUEUE_SPLIT_H

#include <stddef.h>
#include "mmio.h"
#include "panic.h"
#include "virtqueue.h"

#define VQ_PAGE         4096u
#define VQ_PAGES(bytes) (((bytes) + VQ_PAGE - 1) / VQ_PAGE * VQ_PAGE)

/* 16 bytes a descriptor; 2 an available entry and 6 around them; 8 a used entry and 6 around them.
 */
#define VQ_SPLIT_USED(size)  VQ_PAGES(16u * (size) + 6 + 2u * (size))
#define VQ_SPLIT_BYTES(size) (VQ_SPLIT_USED(size) + VQ_PAGES(6 + 8u * (size)))

extern const struct vq_ops vq_split;

/* The three parts of the ring. */
static inline volatile uint64_t *vq_split_desc(const struct vq *vq, uint16_t id)
{
    return (volatile uint64_t *)(vq->mem + VIRTQ_DESC_BYTES * id);
}

static inline volatile struct virtq_avail *vq_split_avail(const struct vq *vq)
{
    return vq->area_driver;
}

static inline volatile struct virtq_used *vq_split_used(const struct vq *vq)
{
    return vq->area_device;
}

/* ---- many at once -----------------------------------------------------------------------------
 *
 * For whoever sends or receives a great number of frames, each in a buffer of one segment: what
 * vq_add() and vq_take() do, without what only other buffers need, and compiled into one loop with
 * what is to be done for each buffer. That is a function which is known at compile time and gets
 * `of`.
 */
#define VQ_SPLIT_INLINE static inline __attribute__((always_inline))

struct vq_out {
    dma_addr_t addr;
    uint32_t len;
    void *token;
};

/* Adds n buffers, for each of which there is room. give() says which the next one is. */
VQ_SPLIT_INLINE void vq_split_add_outs(struct vq *vq, unsigned n, struct vq_out (*give)(void *of),
                                       void *of)
{
    volatile uint64_t *descs = vq_split_desc(vq, 0);
    volatile uint16_t *ring = vq_split_avail(vq)->ring;
    struct vq_slot *slots = vq->slots;
    const uint16_t added = vq->added_idx, mask = vq->mask;
    uint32_t head = vq->free_head;

    ASSERT(n <= vq->free_n);
    for (unsigned at = added; at < added + n; at++) {
        const struct vq_out out = give(of);
        struct vq_slot *slot = &slots[head];
        volatile uint64_t *desc = &descs[2 * head];

        slot->token = out.token;
        slot->len = 0;
        slot->descs = 1;
        shm_write64(&desc[0], out.addr);
        shm_write64(&desc[1], out.len); /* neither flags nor a successor */
        shm_write16(&ring[at & mask], (uint16_t)head);
        head = slot->next;
    }
    vq->free_head = (uint16_t)head;
    vq->free_n = (uint16_t)(vq->free_n - n);
    vq->outstanding = (uint16_t)(vq->outstanding + n);
    vq->added_idx = (uint16_t)(added + n);
}

/* Completions that the device says are there. */
unsigned vq_split_completions(struct vq *vq);

/* Of a queue of which the device only writes, all of whose buffers take one descriptor: takes at
 * most max completions, VQ_SPLIT_TURN at most, and then adds another buffer in the place of each,
 * or the same one. turn() gets the token and how much was written, and says which. Ends before a
 * faulty one, as vq_take() does. */
#define VQ_SPLIT_TURN 64u
VQ_SPLIT_INLINE unsigned
vq_split_turn_ins(struct vq *vq, unsigned max,
                  struct vq_out (*turn)(void *of, void *token, uint32_t len), void *of)
{
    const volatile struct virtq_used_elem *used = vq_split_used(vq)->ring;
    volatile uint64_t *descs = vq_split_desc(vq, 0);
    volatile uint16_t *avail = vq_split_avail(vq)->ring;
    struct vq_slot *slots = vq->slots;
    const unsigned pending = vq_split_completions(vq), want = pending < max ? pending : max;
    const unsigned size = vq->size, mask = vq->mask, seen = vq->seen_idx, added = vq->added_idx;
    struct vq_done done[VQ_SPLIT_TURN];
    uint32_t ids[VQ_SPLIT_TURN], id = 0, len = 0;
    unsigned n;

    /* All of them before any is added, so that one that is there twice is found. */
    for (n = 0; n < want; n++) {
        const volatile struct virtq_used_elem *elem = &used[(seen + n) & mask];

        id = shm_read32(&elem->id);
        len = shm_read32(&elem->len);
        if (id >= size || slots[id].token == NULL || len > slots[id].len)
            break;
        ids[n] = id;
        done[n] = (struct vq_done){slots[id].token, len};
        slots[id].token = NULL;
    }
    if (n < want)
        vq_complete(vq, id, len, &done[n]); /* it is not: the queue is broken, and says why */
    for (unsigned i = 0; i < n; i++) {
        const struct vq_out out = turn(of, done[i].token, done[i].len);
        struct vq_slot *slot = &slots[ids[i]];
        volatile uint64_t *desc = &descs[2 * ids[i]];

        slot->token = out.token;
        slot->len = out.len;
        shm_write64(&desc[0], out.addr);
        shm_write64(&desc[1], VIRTQ_DESC(out.len, VIRTQ_DESC_F_WRITE, 0));
        shm_write16(&avail[(added + i) & mask], (uint16_t)ids[i]);
    }
    vq->seen_idx = (uint16_t)(seen + n);
    vq->added_idx = (uint16_t)(added + n);
    return n;
}

/* vq_take() for a queue of which the device only reads: back() gets the token of each. Entries that
 * are not of one descriptor, or not of any, are looked at by vq_complete(). */
VQ_SPLIT_INLINE unsigned vq_split_take_outs(struct vq *vq, unsigned max,
                                            void (*back)(void *of, void *token), void *of)
{
    const volatile struct virtq_used_elem *ring = vq_split_used(vq)->ring;
    struct vq_slot *slots = vq->slots;
    const unsigned pending = vq_split_completions(vq), want = pending < max ? pending : max;
    const unsigned size = vq->size, mask = vq->mask;
    unsigned n = 0;

    while (n < want) {
        const uint16_t seen = vq->seen_idx;
        const unsigned end = seen + (want - n);
        uint16_t free_head = vq->free_head;
        struct vq_done done;
        unsigned at, plain;
        uint32_t id = 0;

        for (at = seen; at < end; at++) {
            id = shm_read32(&ring[at & mask].id);
            if (id >= size || slots[id].token == NULL || slots[id].descs != 1)
                break;
            back(of, slots[id].token);
            slots[id].token = NULL;
            slots[id].next = free_head;
            free_head = (uint16_t)id;
        }
        plain = at - seen;
        vq->free_head = free_head;
        vq->free_n = (uint16_t)(vq->free_n + plain);
        vq->outstanding = (uint16_t)(vq->outstanding - plain);
        vq->seen_idx = (uint16_t)at;
        n += plain;
        if (n == want || !vq_complete(vq, id, 0, &done))
            break;
        back(of, done.token);
        n++;
    }
    return n;
}

#endif
