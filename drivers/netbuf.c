// SPDX-License-Identifier: BSD-3-Clause
/*
 * Pools and owners. See netbuf.h. A wrong transition is a bug of ours and ends the run.
 */
#include "netbuf.h"
#include <stddef.h>
#include "guard.h"
#include "panic.h"

static void move(struct netbuf_pool *p, struct netbuf *nb, enum netbuf_state from,
                 enum netbuf_state to)
{
    ASSERT(nb->id < p->n && nb == &p->bufs[nb->id]);
    netbuf_change(nb, from, to);
    netbuf_count(p, from, to, 1);
}

void netbuf_pool_init(struct netbuf_pool *p, const char *name, void *arena, uint32_t arena_bytes,
                      uint32_t buf_bytes, struct netbuf *bufs, uint16_t *ids, uint16_t max)
{
    const uint32_t stride = buf_bytes + CONFIG_GUARD_BYTES;
    const uint32_t fit = (arena_bytes - CONFIG_GUARD_BYTES) / stride;

    *p = (struct netbuf_pool){.name = name, .bufs = bufs, .free = ids};
    p->n = fit < max ? (uint16_t)fit : max;
    p->free_n = p->n;
    p->count[NETBUF_FREE] = p->n;
    for (uint16_t i = 0; i < p->n; i++) {
        uint8_t *base = (uint8_t *)arena + CONFIG_GUARD_BYTES + (size_t)i * stride;
        bufs[i] = (struct netbuf){.base = base,
                                  .dma = dma_addr(base),
                                  .cap = buf_bytes,
                                  .offset = NETBUF_HEADROOM,
                                  .id = i,
                                  .state = NETBUF_FREE};
        ids[i] = (uint16_t)(p->n - 1 - i);
        guard_set_around(base, buf_bytes);
    }
}

void netbuf_pool_renew(struct netbuf_pool *p)
{
    for (unsigned s = 0; s < NETBUF_STATES; s++)
        p->count[s] = 0;
    p->free_n = 0;
    for (uint16_t i = p->n; i-- > 0;) {
        struct netbuf *nb = &p->bufs[i];

        nb->id = i;
        nb->stamp = 0;
        if (nb->state != NETBUF_HELD) {
            nb->state = NETBUF_FREE;
            p->free[p->free_n++] = i;
        }
        p->count[nb->state]++;
    }
}

void netbuf_get_many(struct netbuf_pool *p, struct netbuf **nb, unsigned n)
{
    const uint16_t *ids = p->free + p->free_n;
    struct netbuf *bufs = p->bufs;
    uint16_t used;

    ASSERT(n <= p->free_n);
    for (unsigned i = 0; i < n; i++) {
        nb[i] = &bufs[*--ids];
        netbuf_change(nb[i], NETBUF_FREE, NETBUF_STACK);
    }
    p->free_n = (uint16_t)(p->free_n - n);
    netbuf_count(p, NETBUF_FREE, NETBUF_STACK, n);
    used = (uint16_t)(p->n - p->free_n);
    if (used > p->used_max)
        p->used_max = used;
}

struct netbuf *netbuf_get(struct netbuf_pool *p)
{
    struct netbuf *nb;

    if (p->free_n == 0) {
        p->failures++;
        return NULL;
    }
    netbuf_get_many(p, &nb, 1);
    return nb;
}

static void put_from(struct netbuf_pool *p, struct netbuf *nb, enum netbuf_state from)
{
    move(p, nb, from, NETBUF_FREE);
    p->free[p->free_n++] = nb->id;
}

void netbuf_put(struct netbuf_pool *p, struct netbuf *nb)
{
    put_from(p, nb, NETBUF_STACK);
}

void netbuf_put_many(struct netbuf_pool *p, struct netbuf *const *nb, unsigned n)
{
    uint16_t *free = p->free + p->free_n;

    for (unsigned i = 0; i < n; i++) {
        netbuf_change(nb[i], NETBUF_STACK, NETBUF_FREE);
        free[i] = nb[i]->id;
    }
    p->free_n = (uint16_t)(p->free_n + n);
    netbuf_count(p, NETBUF_STACK, NETBUF_FREE, n);
}

void netbuf_to_device(struct netbuf_pool *p, struct netbuf *nb)
{
    move(p, nb, NETBUF_STACK, NETBUF_DEVICE);
}

void netbuf_from_device(struct netbuf_pool *p, struct netbuf *nb)
{
    move(p, nb, NETBUF_DEVICE, NETBUF_STACK);
}

void netbuf_hold(struct netbuf_pool *p, struct netbuf *nb)
{
    move(p, nb, NETBUF_STACK, NETBUF_HELD);
}

void netbuf_let_go(struct netbuf_pool *p, struct netbuf *nb)
{
    put_from(p, nb, NETBUF_HELD);
}

bool netbuf_overrun(const struct netbuf_pool *p, uint32_t *id)
{
    *id = 0;
    if (p->n > 0 && guard_broken(p->bufs[0].base - CONFIG_GUARD_BYTES))
        return true;
    for (; *id < p->n; ++*id)
        if (guard_broken(p->bufs[*id].base + p->bufs[*id].cap))
            return true;
    return false;
}

bool netbuf_check(const struct netbuf_pool *p)
{
    uint16_t count[NETBUF_STATES] = {0};

    for (uint16_t i = 0; i < p->n; i++) {
        if (p->bufs[i].id != i || p->bufs[i].state >= NETBUF_STATES)
            return false;
        count[p->bufs[i].state]++;
    }
    for (uint16_t i = 0; i < p->free_n; i++)
        if (p->free[i] >= p->n || p->bufs[p->free[i]].state != NETBUF_FREE)
            return false;
    for (unsigned s = 0; s < NETBUF_STATES; s++)
        if (count[s] != p->count[s])
            return false;
    return count[NETBUF_FREE] == p->free_n; /* every one was counted: they sum to the pool */
}
