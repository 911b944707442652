// SPDX-License-Identifier: BSD-3-Clause
/*
 * A NIC of memory: what netrig_nic.c, the rig's side of it, shares with the two files that are
 * drivers/virtio_net.h to the guest.
 */
#ifndef TESTS_SIM_NETRIG_NIC_H
#define TESTS_SIM_NETRIG_NIC_H

#include <stdbool.h>
#include <stdint.h>
#include "virtio_net.h"
#include "netrig.h"

struct node {
    struct netbuf nb; /* first: the driver's user sees this */
    struct node *next;
    bool bulk;
    bool more; /* not the last of those that the device cut one frame into */
};

struct list {
    struct node *head, **tail;
    unsigned n;
};

struct vnet {
    struct list kept; /* buffers with a stamp, that went through */
    uint64_t groups[VNET_TX_GROUPS];
    struct list rx;     /* frames for the guest */
    struct list queued; /* vnet_tx() but not flushed */
    struct list wire;   /* flushed, not yet seen by the peer */
    unsigned tx_device; /* flushed, not yet reclaimed */
    unsigned tx_done;   /* completed by the device, not yet reclaimed */
    unsigned tx_caller; /* handed out by vnet_tx_get() */
    unsigned rx_caller; /* handed out by vnet_rx_poll() */
    unsigned rx_held;   /* by vnet_rx_hold() */
    bool sleeping;
    struct vnet_totals totals;
    uint32_t mtu;
};

/* All but the one that the peer is on are NICs that nobody listens to: what they send is gone. */
extern struct vnet rig_nics[RIG_NICS];

/* First in, first out; nic_pop() of an empty list is NULL. */
void nic_push(struct list *l, struct node *node);
struct node *nic_pop(struct list *l);

/* A buffer with room for a frame of so many bytes, on the heap; and its end. */
struct node *nic_buffer(uint32_t cap);
void nic_free(struct node *node);

#endif
