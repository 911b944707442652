// SPDX-License-Identifier: BSD-3-Clause
/*
 * One NIC as an lwIP interface.
 *
 * Receive: a frame that could be for us is copied into PBUF_POOL and the driver's buffer is
 * released at once; the payload of a larger TCP segment stays in it while the driver can spare it
 * (ethif_held.h). So the ring never depends on what the stack holds. Transmit: the frame is
 * copied into a driver buffer, but for constant payload that the device reads where it is
 * (ethif_tx.h), so lwIP never waits for a pbuf that the device holds. No buffer means
 * back-pressure: lwIP keeps the segment, and is called again as soon as the driver has room.
 */
#ifndef LWIP_PORT_ETHIF_H
#define LWIP_PORT_ETHIF_H

#include <stdbool.h>
#include <stdint.h>
#include "lwip/netif.h"
#include "virtio_net.h"

struct udp_template;

struct ethif {
    struct netif netif;
    struct vnet *vn;
    uint32_t tx_wanted;  /* room for as many frames was not found since the last wake-up */
    const void *tx_turn; /* the connection that wakes first; only compared, it may be gone */
    struct udp_template *learner; /* whom the frame that is being sent is shown to; or NULL */
    bool rx_due;                  /* an application said so since the last turn */
    uint64_t tx_room_ns;          /* when there was last room for a frame */
    unsigned full_turns;          /* in a row, with as many frames received as a turn takes */
    uint64_t heard_ns;            /* when a frame was last received */
    /* silence.c's. */
    unsigned station; /* whom it asked last, when nobody waited, */
    bool unanswered;  /* and nothing has been received since */
    /* Frames dropped here, by reason. */
    uint64_t rx_runt;      /* shorter than its Ethernet, ARP or IP header */
    uint64_t rx_oversized; /* longer than the MTU allows */
    uint64_t rx_source;    /* from a group address, or from our own */
    uint64_t rx_foreign;   /* to another station */
    uint64_t rx_merged;    /* said to be of merged TCP segments, but no TCP */
    uint64_t rx_no_pbuf;   /* the pool was empty, which its size rules out */
    uint64_t tx_busy;      /* no buffer or no ring slot: refused, not lost */
    uint64_t tx_oversized;
    /* address.c's. */
    uint64_t dhcp_unusable; /* leases offered that no host can have */
    uint64_t ip_claimed;    /* ARP messages of others that have our address as their own */
    uint8_t ip6_duplicate;  /* a bit for each IPv6 address that was reported */
};

/* Adds the interface of vn to lwIP, without addresses and down. */
void ethif_init(struct ethif *e, struct vnet *vn);

/* Who looks at frames before the stack does: netport_rx_first(). */
typedef unsigned ethif_rx_take_fn(struct netif *netif, struct netbuf **nb, unsigned n);
void ethif_rx_first(ethif_rx_take_fn *take);

/* Tells lwIP if the link went up or down. Up announces the addresses by ARP and neighbour
 * advertisement, and takes DHCP and router solicitation up again. */
void ethif_follow_link(struct ethif *e);

/* Receives at most CONFIG_RX_BATCH frames, fewer while there is little room for their answers;
 * follows the link's state. Returns the number of frames. */
unsigned ethif_poll(struct ethif *e, uint64_t now_ns);

#endif
