// SPDX-License-Identifier: BSD-3-Clause
/*
 * lwIP's pools under AddressSanitizer: an element is poisoned while it is free, and so is what lies
 * behind the bytes asked for. The linker routes the calls here (--wrap, see UNIT_NETRIG_LIBS).
 */
#include <sanitizer/asan_interface.h>
#include "lwip/mem.h"
#include "lwip/memp.h"
#include "lwip/netif.h"
#include "lwip/pbuf.h"
#include "lwip/priv/memp_priv.h"
#include "netrig.h"
#include "netrig_priv.h"

void *__real_memp_malloc(memp_t type);
void *__wrap_memp_malloc(memp_t type);
void __real_memp_free(memp_t type, void *mem);
void __wrap_memp_free(memp_t type, void *mem);
void *__real_mem_malloc(mem_size_t size);
void *__wrap_mem_malloc(mem_size_t size);
err_t __real_ethernet_input(struct pbuf *p, struct netif *netif);
err_t __wrap_ethernet_input(struct pbuf *p, struct netif *netif);
err_t __real_ip4_input(struct pbuf *p, struct netif *netif);
err_t __wrap_ip4_input(struct pbuf *p, struct netif *netif);
err_t __real_ip6_input(struct pbuf *p, struct netif *netif);
err_t __wrap_ip6_input(struct pbuf *p, struct netif *netif);

/* A free element begins with the link to the next one. */
#define LINK_BYTES sizeof(struct memp)

static int short_pool = -1; /* has one element less */

void rig_mem_shorten(int pool)
{
    short_pool = pool;
}

void *__wrap_memp_malloc(memp_t type)
{
    void *mem;

    if (type == MEMP_PBUF_POOL && rig.meanwhile != NULL && rig_delivered() != NULL)
        rig.meanwhile(rig_delivered());
    if ((int)type == short_pool && memp_pools[type]->stats->used + 1 >= memp_pools[type]->num) {
        memp_pools[type]->stats->err++;
        return NULL;
    }
    mem = __real_memp_malloc(type);
    if (mem != NULL)
        ASAN_UNPOISON_MEMORY_REGION(mem, memp_pools[type]->size);
    return mem;
}

void __wrap_memp_free(memp_t type, void *mem)
{
    if (mem == NULL)
        return;
    ASAN_UNPOISON_MEMORY_REGION(mem, memp_pools[type]->size);
    __real_memp_free(type, mem);
    ASAN_POISON_MEMORY_REGION((uint8_t *)mem + LINK_BYTES, memp_pools[type]->size - LINK_BYTES);
}

void *__wrap_mem_malloc(mem_size_t size)
{
    uint8_t *mem = __real_mem_malloc(size);

    if (mem != NULL) {
        const uint8_t *helper = mem - LWIP_MEM_ALIGN_SIZE(sizeof(struct memp_malloc_helper));
        const memp_t pool = ((const struct memp_malloc_helper *)(const void *)helper)->poolnr;

        ASAN_POISON_MEMORY_REGION(mem + size,
                                  (size_t)(helper + memp_pools[pool]->size - (mem + size)));
    }
    return mem;
}

/* Whatever way a received packet takes into lwIP: nothing behind its end is there to be read. */
static void guard(const struct pbuf *p)
{
    for (const struct pbuf *q = p; q != NULL; q = q->next) {
        if ((q->flags & PBUF_FLAG_IS_CUSTOM) != 0)
            continue; /* the NIC's buffer has just the frame's size */
        const uint8_t *end = (const uint8_t *)q + memp_pools[MEMP_PBUF_POOL]->size;
        const uint8_t *tail = (const uint8_t *)q->payload + q->len;

        ASAN_POISON_MEMORY_REGION(tail, (size_t)(end - tail));
    }
}

err_t __wrap_ethernet_input(struct pbuf *p, struct netif *netif)
{
    guard(p);
    return __real_ethernet_input(p, netif);
}

err_t __wrap_ip4_input(struct pbuf *p, struct netif *netif)
{
    guard(p);
    return __real_ip4_input(p, netif);
}

err_t __wrap_ip6_input(struct pbuf *p, struct netif *netif)
{
    guard(p);
    return __real_ip6_input(p, netif);
}
