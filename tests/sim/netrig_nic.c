// SPDX-License-Identifier: BSD-3-Clause
/*
 * The NICs of memory behind netrig_vnet.c and netrig_vnet_tx.c, as the rig has them: frames come in
 * by rig_nic_receive(), and what the guest flushed goes out by rig_nic_sent(), which is also when
 * the device is done with it.
 *
 * Each frame lies in an allocation of exactly its size, so that reading past it is an
 * AddressSanitizer report. A buffer is in one list at a time, or with the guest and in a counter.
 */
#include <stdlib.h>
#include <string.h>
#include "netrig.h"
#include "netrig_nic.h"
#include "netrig_priv.h"

struct vnet rig_nics[RIG_NICS];

/* ---- buffers and lists -------------------------------------------------------------------------
 */

static void list_init(struct list *l)
{
    l->head = NULL;
    l->tail = &l->head;
    l->n = 0;
}

void nic_push(struct list *l, struct node *node)
{
    node->next = NULL;
    *l->tail = node;
    l->tail = &node->next;
    l->n++;
}

struct node *nic_pop(struct list *l)
{
    struct node *node = l->head;

    if (node == NULL)
        return NULL;
    l->head = node->next;
    if (l->head == NULL)
        l->tail = &l->head;
    l->n--;
    return node;
}

struct node *nic_buffer(uint32_t cap)
{
    struct node *node = calloc(1, sizeof(*node));

    node->nb.base = malloc(NETBUF_HEADROOM + cap);
    node->nb.cap = NETBUF_HEADROOM + cap;
    node->nb.offset = NETBUF_HEADROOM;
    node->nb.state = NETBUF_STACK;
    return node;
}

void nic_free(struct node *node)
{
    free(node->nb.base);
    free(node);
}

static void list_clear(struct list *l)
{
    struct node *node;

    while (l->tail != NULL && (node = nic_pop(l)) != NULL)
        nic_free(node);
    list_init(l);
}

/* ---- the rig's side ----------------------------------------------------------------------------
 */

void rig_nic_reset(void)
{
    for (struct vnet *vn = rig_nics; vn < rig_nics + RIG_NICS; vn++) {
        list_clear(&vn->kept);
        list_clear(&vn->rx);
        list_clear(&vn->queued);
        list_clear(&vn->wire);
        struct vnet fresh = {.mtu = rig.mtu != 0 ? rig.mtu : 1500};
        *vn = fresh;
        list_init(&vn->kept);
        list_init(&vn->rx);
        list_init(&vn->queued);
        list_init(&vn->wire);
    }
}

/* A frame in one buffer or, as rig.rx_piece says, in several of so many bytes. */
void rig_nic_receive(const void *frame, uint32_t len)
{
    const uint32_t piece = rig.rx_piece != 0 ? rig.rx_piece : len;
    const uint8_t *bytes = frame;
    struct netbuf **link = NULL;

    do {
        const uint32_t n = len < piece ? len : piece;
        struct node *node = nic_buffer(n);

        memcpy(netbuf_frame(&node->nb), bytes, n);
        node->nb.len = n;
        node->nb.offload = rig.rx_offload;
        node->nb.csum_start = rig.rx_csum_start;
        node->nb.csum_offset = rig.rx_csum_offset;
        if (link == NULL)
            nic_push(&rig_nics[rig.nic].rx, node);
        else
            *link = &node->nb;
        link = &node->nb.next;
        bytes += n;
        len -= n;
    } while (len > 0);
}

/* A buffer that went through: one with a stamp will be used again as it is. */
static void tx_done(struct vnet *vn, struct node *node)
{
    vn->tx_done += !node->more;
    vn->groups[node->nb.stamp % VNET_TX_GROUPS]++;
    if (node->nb.stamp != 0)
        nic_push(&vn->kept, node);
    else
        nic_free(node);
}

bool rig_nic_sent(uint8_t **frame, uint32_t *len)
{
    struct node *node;

    for (unsigned k = 0; k < RIG_NICS; k++) { /* nobody is on the others */
        while (k != rig.nic && !(k == 1 && rig.second_stuck) &&
               (node = nic_pop(&rig_nics[k].wire)) != NULL)
            tx_done(&rig_nics[k], node);
    }
    node = rig.tx_stuck ? NULL : nic_pop(&rig_nics[rig.nic].wire);
    if (node == NULL)
        return false;
    *len = node->nb.len;
    *frame = malloc(*len);
    memcpy(*frame, netbuf_frame(&node->nb), *len);
    tx_done(&rig_nics[rig.nic], node);
    return true;
}

unsigned rig_nic_busy(void)
{
    unsigned n = 0;

    for (const struct vnet *vn = rig_nics; vn < rig_nics + RIG_NICS; vn++)
        n += vn->tx_caller + vn->rx_caller + vn->rx_held + vn->queued.n;
    return n;
}

unsigned rig_nic_held(void)
{
    return rig_nics[rig.nic].rx_held;
}
