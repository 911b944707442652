// SPDX-License-Identifier: BSD-3-Clause
/*
 * Pbufs over a receive buffer; see ethif_held.h. Each is freed by itself, in either order: the
 * buffer goes back with the last.
 */
#include "ethif_held.h"

#include <stddef.h>
#include "config.h"
#include "panic.h"

/* One for every buffer that the drivers let go of at once. */
struct held {
    struct pbuf_custom head, payload;
    struct vnet *vn;
    struct netbuf *nb;
    struct held *next;                /* unused */
    unsigned parts;                   /* that the stack has */
    uint8_t bytes[ETHIF_HEADERS_MAX]; /* head's */
};

static struct held all[CONFIG_NICS * CONFIG_RX_HELD];
static struct held *unused;
static unsigned begun;  /* of all: used once */
static unsigned in_use; /* pbufs */

static void freed(struct held *h)
{
    in_use--;
    if (--h->parts > 0)
        return;
    vnet_rx_let_go(h->vn, h->nb);
    h->next = unused;
    unused = h;
}

static void head_freed(struct pbuf *p)
{
    freed((void *)((uint8_t *)p - offsetof(struct held, head)));
}

static void payload_freed(struct pbuf *p)
{
    freed((void *)((uint8_t *)p - offsetof(struct held, payload)));
}

/* The one that is used next; NULL: all are in use. */
static struct held *next_held(void)
{
    if (unused != NULL)
        return unused;
    if (begun == CONFIG_NICS * CONFIG_RX_HELD)
        return NULL;
    unused = &all[begun++];
    unused->head.custom_free_function = head_freed;
    unused->payload.custom_free_function = payload_freed;
    return unused;
}

uint8_t *ethif_held_room(void)
{
    static uint8_t room[ETHIF_HEADERS_MAX] __attribute__((aligned(8)));
    struct held *h = next_held();

    return h != NULL ? h->bytes : room;
}

/* One that has this buffer now, in so many parts; NULL: the driver cannot spare it. */
static struct held *hold(struct vnet *vn, struct netbuf *nb, unsigned parts)
{
    struct held *h = next_held();

    if (!vnet_rx_hold(vn, nb))
        return NULL;
    ASSERT(h != NULL); /* the drivers hold no more than there are */
    unused = h->next;
    in_use += parts;
    h->vn = vn;
    h->nb = nb;
    h->parts = parts;
    return h;
}

static struct pbuf *payload_of(struct held *h, uint32_t headers)
{
    const u16_t len = (u16_t)(h->nb->len - headers);

    return pbuf_alloced_custom(PBUF_RAW, len, PBUF_REF, &h->payload, netbuf_frame(h->nb) + headers,
                               len);
}

struct pbuf *ethif_hold(struct vnet *vn, struct netbuf *nb, uint32_t headers, uint32_t skip)
{
    const u16_t head_len = (u16_t)(headers - skip);
    struct held *h = hold(vn, nb, 2);
    struct pbuf *p;

    if (h == NULL)
        return NULL;
    p = pbuf_alloced_custom(PBUF_RAW, head_len, PBUF_REF, &h->head, h->bytes + skip, head_len);
    p->next = payload_of(h, headers);
    p->tot_len = (u16_t)(head_len + p->next->len);
    return p;
}

struct pbuf *ethif_hold_payload(struct vnet *vn, struct netbuf *nb, uint32_t headers)
{
    struct held *h = hold(vn, nb, 1);

    return h != NULL ? payload_of(h, headers) : NULL;
}

unsigned ethif_held_pbufs(void)
{
    return in_use;
}
