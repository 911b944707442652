// SPDX-License-Identifier: BSD-3-Clause
/*
 * What all ring formats have in common: the private table of descriptors. See virtqueue.h.
 */
#include "virtqueue.h"
#include <stddef.h>
#include "panic.h"

void vq_init(struct vq *vq, const struct vq_ops *ops, void *mem, struct vq_slot *slots,
             uint16_t *free, bool device_writes)
{
    *vq = (struct vq){
        .ops = ops, .mem = mem, .slots = slots, .free = free, .device_writes = device_writes};
}

void vq_start(struct vq *vq, uint16_t size, bool event_idx)
{
    ASSERT(size > 0 && size <= VIRTQ_SIZE_MAX && (size & (size - 1)) == 0);
    ASSERT(vq_outstanding(vq) == 0);
    vq->size = size;
    vq->mask = (uint16_t)(size - 1);
    vq->event_idx = event_idx;
    vq->added_idx = vq->published_idx = vq->kick_idx = vq->seen_idx = 0;
    vq->broken = NULL;
    vq->evidence = 0;
    vq->free_n = size;
    for (uint16_t i = 0; i < size; i++) {
        vq->slots[i] = (struct vq_slot){0};
        vq->free[i] = (uint16_t)(size - 1 - i); /* id 0 is the first to be used */
    }
    vq->ops->start(vq);
}

void *vq_reclaim(struct vq *vq, unsigned *cursor)
{
    while (*cursor < vq->size) {
        struct vq_slot *slot = &vq->slots[*cursor];
        void *token = slot->token;
        if (token != NULL) {
            slot->token = NULL;
            vq->free[vq->free_n++] = (uint16_t)*cursor;
            return token;
        }
        ++*cursor;
    }
    return NULL;
}

void vq_break(struct vq *vq, const char *why, uint32_t evidence)
{
    if (vq->broken != NULL)
        return;
    vq->broken = why;
    vq->evidence = evidence;
}
