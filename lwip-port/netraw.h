// SPDX-License-Identifier: BSD-3-Clause
/*
 * Whole frames from an application, past the stack but not past its ledger: they use the same
 * buffers and ring as everybody's, leave a share of both to the stack, and go where the stack's own
 * packets to the same address would go.
 */
#ifndef LWIP_PORT_NETRAW_H
#define LWIP_PORT_NETRAW_H

#include <stdbool.h>
#include <stdint.h>
#include "lwip/ip_addr.h"
#include "netbuf.h"

/* The most that netraw_get() gives at once. */
#define NETRAW_BATCH 64u

/* A way to an address. */
struct netraw_path {
    unsigned nic; /* counted as in netport.h */
    uint32_t mtu; /* of its interface */
    ip_addr_t source;
    uint8_t source_mac[6];
    uint8_t hop_mac[6]; /* the next station's */
};

/* Instead of the number of a NIC on the bus: whichever a route names, or net0. */
#define NETRAW_ANY_NIC 0xff

enum netraw_way {
    NETRAW_FOUND,
    NETRAW_UNKNOWN,   /* the next station's hardware address is not known yet */
    NETRAW_NO_SOURCE, /* no interface towards it has an address of its own, or no link */
    NETRAW_NO_ROUTE,
    NETRAW_SELF,      /* the target is this guest, and nothing says by which NIC to leave */
    NETRAW_NO_TARGET, /* netraw_own() did not find it */
};

/* The address of that version by which netN, a NIC of ours, is to be reached from the one numbered
 * `from`. False: it has none. */
bool netraw_own(unsigned number, bool v6, unsigned from, ip_addr_t *address);

/* Looks for the way to `target` that leaves by the NIC of that number on the bus, or by any. With
 * `mac` (6 bytes) that is the next station, whoever it is, and net0 the interface where no route
 * says another; else, where its address is not known, it is asked if `ask`. *path is whole if
 * NETRAW_FOUND, else undefined. */
enum netraw_way netraw_find(const ip_addr_t *target, unsigned from, const uint8_t *mac, bool ask,
                            struct netraw_path *path);

/* Frames that netraw_get() would give now: NETRAW_BATCH at most. */
unsigned netraw_room(unsigned nic);

/* n buffers (<= netraw_room(), asked for in the same turn) of the caller's, who fills them, sets
 * `len` and `stamp`, and gives all of them to netraw_send() before he does anything else. What
 * stamps are for is written at vnet_tx_get_many(). */
void netraw_get(unsigned nic, struct netbuf **nb, unsigned n);
void netraw_send(unsigned nic, struct netbuf *const *nb, unsigned n);

/* Frames whose stamp is of this group (stamp % NETRAW_GROUPS, not 0) that the NIC has sent and
 * given back since boot. */
#define NETRAW_GROUPS 32u
uint64_t netraw_sent(unsigned nic, unsigned group);

#endif
