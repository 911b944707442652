// SPDX-License-Identifier: BSD-3-Clause
/*
 * What all ring formats have in common: the private table of descriptors. See virtqueue.h.
 */
#include "virtqueue.h"
#include <stddef.h>
#include "panic.h"

void vq_init(struct vq *vq, void *mem, struct vq_slot *slots, struct vq_table *tables)
{
    *vq = (struct vq){.mem = mem, .slots = slots, .tables = tables};
}

void vq_start(struct vq *vq, const struct vq_ops *ops, uint16_t size, uint64_t features)
{
    ASSERT(size > 0 && size <= VIRTQ_SIZE_MAX);
    ASSERT(vq_outstanding(vq) == 0);
    vq->ops = ops;
    vq->size = size;
    vq->mask = (uint16_t)(size - 1);
    vq->event_idx = features & VIRTIO_F_EVENT_IDX;
    vq->indirect = vq->tables != NULL && (features & VIRTIO_F_INDIRECT_DESC);
    vq->added_idx = vq->published_idx = vq->kick_idx = vq->sure_idx = vq->seen_idx = 0;
    vq->broken = NULL;
    vq->evidence = 0;
    vq->free_n = size;
    vq->free_head = 0;
    for (uint16_t i = 0; i < size; i++)
        vq->slots[i] = (struct vq_slot){.next = (uint16_t)(i + 1)};
    vq->ops->start(vq);
}

static uint32_t writable_bytes(const struct vq_buf *buf)
{
    uint32_t bytes = 0;

    for (unsigned i = buf->out_n; i < (unsigned)buf->out_n + buf->in_n; i++)
        bytes += buf->seg[i].len;
    return bytes;
}

uint16_t vq_claim(struct vq *vq, const struct vq_buf *buf)
{
    unsigned segs = (unsigned)buf->out_n + buf->in_n;
    uint16_t head = vq->free_head;

    const unsigned descs = vq_descs(vq, segs);
    struct vq_slot *slot = &vq->slots[head];

    ASSERT(segs > 0 && segs <= VQ_SEGS && buf->token != NULL);
    if (segs > vq->size || descs > vq->free_n)
        return VQ_NO_HEAD;
    slot->token = buf->token;
    slot->len = writable_bytes(buf);
    slot->descs = (uint16_t)descs;
    for (unsigned i = 0; i < descs; i++)
        vq->free_head = vq->slots[vq->free_head].next;
    vq->free_n = (uint16_t)(vq->free_n - descs);
    vq->outstanding++;
    return head;
}

/* All descriptors of a buffer go back at once, its head to be used next. */
static void release(struct vq *vq, uint16_t head)
{
    uint16_t last = head;

    for (unsigned i = 1; i < vq->slots[head].descs; i++)
        last = vq->slots[last].next;
    vq->slots[last].next = vq->free_head;
    vq->free_head = head;
    vq->free_n = (uint16_t)(vq->free_n + vq->slots[head].descs);
    vq->slots[head].token = NULL;
    vq->outstanding--;
}

bool vq_complete(struct vq *vq, uint32_t id, uint32_t len, struct vq_done *done)
{
    if (id >= vq->size) {
        vq_break(vq, "completion of a descriptor that does not exist", id);
        return false;
    }
    if (vq->slots[id].token == NULL) {
        vq_break(vq, "completion of a descriptor it does not have", id);
        return false;
    }
    if (vq->slots[id].len != 0 && len > vq->slots[id].len) {
        vq_break(vq, "more bytes written than offered", len);
        return false;
    }
    *done = (struct vq_done){vq->slots[id].token, len};
    release(vq, (uint16_t)id);
    vq->seen_idx++;
    return true;
}

void *vq_reclaim(struct vq *vq, unsigned *cursor)
{
    for (; *cursor < vq->size; ++*cursor) {
        void *token = vq->slots[*cursor].token;
        if (token != NULL) {
            release(vq, (uint16_t)*cursor);
            return token;
        }
    }
    return NULL;
}

void vq_forget(struct vq *vq)
{
    vq->outstanding = 0; /* the next start forgets the rest */
}

void vq_break(struct vq *vq, const char *why, uint32_t evidence)
{
    if (vq->broken != NULL)
        return;
    vq->broken = why;
    vq->evidence = evidence;
}
