// SPDX-License-Identifier: BSD-3-Clause
/*
 * The one place that joins the driver and lwIP. Applications use lwIP's raw API for traffic and
 * this header for what lwIP does not have: bring-up, polling, room, counters.
 */
#ifndef LWIP_PORT_NETPORT_H
#define LWIP_PORT_NETPORT_H

#include <stdbool.h>
#include <stdint.h>
#include "conf.h"
#include "json.h"

struct netif;
struct tcp_pcb;

/* Brings up NICs, lwIP and the interfaces as configured. Returns the number of interfaces. */
unsigned netport_init(const struct conf *c);

/* Which NICs on the bus they are: bit N for netN. */
uint32_t netport_working(void);

/* One turn: receive (at most CONFIG_RX_BATCH frames a NIC), reclaim, lwIP's timers, wake blocked
 * senders, flush transmit. Returns how much was done; 0 = nothing. */
unsigned netport_poll(uint64_t now_ns);

/* Publishes frames that applications queued after netport_poll(). */
void netport_flush(void);

/* At the end, without further turns: true = the devices have sent everything that was published. */
bool netport_is_sent(void);

/* Before sleep: true = look again rather, somebody waits for one answer after the other. */
bool netport_lingers(uint64_t now_ns);

/* Before sleep: false = there is work. *sleep_ns is lowered to the time until the next timer is
 * due. */
bool netport_may_sleep(uint64_t *sleep_ns);
void netport_awake(void);

/* After netport_may_sleep() was true and the timer was set: looks once more. False: there is work,
 * do not sleep, nor call netport_awake(). What it is for: vq_weigh_again(). */
bool netport_still_idle(void);

/* These bytes never change, for as long as the guest runs. What is written to a connection from
 * among them goes out by address; there is one such place. */
void netport_constant(const void *bytes, uint32_t n);

/* Payload bytes of the segments that these bytes, to be written to the connection now, are best cut
 * into: its MSS, or where they are constant a multiple of it. No more than half of what the peer
 * can take or the network is believed to, so that one is under way while the next is written; and
 * where the device does not cut, than a quarter of its ring. */
uint16_t netport_cut(const struct tcp_pcb *pcb, const void *bytes, uint32_t n);

/* True once traffic can flow: an interface is up and every address asked for statically is set, or
 * DHCP has an answer, or IPv6 is all there is and its address is past duplicate detection. */
bool netport_ready(void);

/* "A.B.C.D/N" or "" ; "addr/N" or "" of interface k, for the `ready` record. Valid until the next
 * call. */
const char *netport_ip(unsigned k);
const char *netport_ip6(unsigned k);

/* Looks at received frames, those of a turn (CONFIG_RX_BATCH at most), before the stack does, where
 * the device put them, which may change them meanwhile; nothing was checked yet. Moves those that
 * it is done with, none of several buffers, behind the others, which stay in their order, and
 * returns how many these are: the stack gets them. There is one such function; it is called within
 * netport_poll(). */
struct netbuf;
typedef unsigned netport_rx_take_fn(struct netif *netif, struct netbuf **nb, unsigned n);
void netport_rx_first(netport_rx_take_fn *take);

/* True if what checksum of TCP or UDP a received frame has need not be looked at. */
bool netport_csum_vouched(const struct netbuf *nb);

/* Frames that bulk senders may still queue towards this interface. UDP senders ask before each
 * batch. */
unsigned netport_tx_room(const struct netif *netif);

/* Frames are due on this interface until the next turn: time without any counts as a gap. For
 * whoever receives from a peer that is meant to send; to be said again every turn while it lasts.
 */
void netport_rx_due(const struct netif *netif);

/* A time without all that in which the main loop was not run until now. */
uint64_t netport_run_ns(uint64_t ns);

/* Close with the connection's fate left to the stack: its priority becomes the lowest, so that a
 * new connection can have its place, and no callback is called again. Never fails: when even a FIN
 * cannot be queued it aborts. Returns true if it aborted (the caller in a callback then returns
 * ERR_ABRT). */
bool netport_close(struct tcp_pcb *pcb);

/* Failures summed over every pool of the driver and of lwIP: the promise is 0. */
uint64_t netport_alloc_failures(void);

/* Conservation over all NICs, between two turns: no buffer is lost. netport_repair() counts and
 * resets each NIC of which that is not true. */
bool netport_check(void);
void netport_repair(void);

/* Sums over all NICs since boot; bytes are frame bytes without FCS. */
struct netport_totals {
    uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes;
    uint64_t rx_gap_max_us, tx_gap_max_us;
    uint64_t resets; /* of devices, after something that they did wrong unasked */
    uint64_t errors; /* of devices, that are no reason for a reset */
    uint64_t stalls, recoveries;
    uint64_t stalls_judged; /* long ones for which the guest or a device answers */
    uint64_t violations;    /* of conservation, that were repaired */
    uint64_t late_max_us;   /* the longest time that the loop was not run */
};
void netport_totals(struct netport_totals *t);

/* Members `stalls_by_cause`, `stalls_judged_by_cause`, `recoveries_by_action`, `pools`, `queues`,
 * `buffers`, `lwip` of the stats object that is open in j. */
void netport_json(struct json *j);

#endif
