// SPDX-License-Identifier: BSD-3-Clause
/*
 * The virtio network device [virtio 5.1].
 *
 * Poll-driven: the rings are looked at on every turn, whatever interrupts say. All calls come from
 * the main loop, none blocks, none allocates.
 *
 *     receive:   n = vnet_rx_poll(vn, frames, max);  … use …  vnet_rx_release(vn, frames[i]);
 *                or, to use it for longer:  vnet_rx_hold(vn, frames[i])  …  vnet_rx_let_go(vn, nb);
 *     transmit:  nb = vnet_tx_get(vn, bulk);  … fill …  vnet_tx(vn, nb);  …  vnet_tx_flush(vn);
 *
 * Receive is swap-or-recycle: a buffer leaves the ring only with its replacement in hand, else its
 * frame is dropped and counted and the same buffer goes back. So the ring never runs dry, whoever
 * holds buffers.
 */
#ifndef DRIVERS_VIRTIO_NET_H
#define DRIVERS_VIRTIO_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "config.h"
#include "json.h"
#include "netbuf.h"

struct vnet; /* one NIC; all of its state is static */

/* Why nothing moves, and what was done about it; as `stall` and `recovered` records name them. */
enum vnet_cause {
    VNET_LOST_KICK,
    VNET_LOST_IRQ,
    VNET_BACKEND_BLOCKED,
    VNET_DEVICE_BROKEN,
    VNET_LINK_DOWN,
    VNET_PEER_SILENT,
    VNET_GUEST_LATE,
    VNET_CAUSES
};

enum vnet_action { VNET_DID_NOTHING, VNET_DID_KICK, VNET_DID_POLL, VNET_DID_RESET, VNET_ACTIONS };

static inline const char *vnet_cause_name(enum vnet_cause cause)
{
    static const char *const names[VNET_CAUSES] = {"lost_kick",     "lost_irq",  "backend_blocked",
                                                   "device_broken", "link_down", "peer_silent",
                                                   "guest_late"};

    return cause < VNET_CAUSES ? names[cause] : NULL;
}

static inline const char *vnet_action_name(enum vnet_action action)
{
    static const char *const names[VNET_ACTIONS] = {"none", "kick", "poll", "reset"};

    return action < VNET_ACTIONS ? names[action] : NULL;
}

enum vnet_irq {
    VNET_IRQ_AUTO, /* the best there is */
    VNET_IRQ_MSIX,
    VNET_IRQ_INTX,
    VNET_IRQ_POLL,
};

struct vnet_options {
    uint64_t features_off; /* virtio feature bits not to accept; VERSION_1: the legacy interface */
    enum vnet_irq irq;     /* a NIC that has not what this asks for is not used */
    bool mergeable;        /* receive buffers that share a frame, where the device offers it */
    uint32_t mtu_max;      /* 0 = what the device offers, within CONFIG_MTU_MAX */
    uint16_t rx_ring,
        tx_ring; /* most frames in the rings; 0 = as many as device and memory allow */
};

/* Finds, resets and brings up every virtio-net function on the bus, at most CONFIG_NICS; the k-th
 * in bus order gets opt[k]. Returns how many work. One that does not is reported with a sentence
 * that says why and is left reset. Emits one `nic` record for each. */
unsigned vnet_probe(const struct vnet_options opt[CONFIG_NICS]);

/* The k-th NIC of vnet_probe(). */
struct vnet *vnet_get(unsigned index);

/* Which of the NICs on the bus this is, counted from 0: the index of its options. Differs from that
 * of vnet_get() where an earlier one does not work. */
unsigned vnet_index(const struct vnet *vn);

/* "net" and vnet_index(); the MAC address (6 bytes); the largest IP packet in bytes. */
const char *vnet_name(const struct vnet *vn);
const uint8_t *vnet_mac(const struct vnet *vn);
uint32_t vnet_mtu(const struct vnet *vn);

/* True if the device completes the checksums of frames that are sent: NETBUF_CSUM_PARTIAL may be
 * used. A recovery may change it. */
bool vnet_tx_csum(const struct vnet *vn);

/* A large TCP segment: what the device cuts into segments of at most mss bytes of payload. All of
 * its headers are in the transmit buffer, all of its payload is constant memory elsewhere, at most
 * 65535 bytes together. */
#define VNET_TSO_PIECES 2
struct vnet_tso {
    const void *piece[VNET_TSO_PIECES]; /* never changes; part of the image's static memory */
    uint16_t piece_bytes[VNET_TSO_PIECES];
    uint16_t pieces; /* 1 ... VNET_TSO_PIECES */
    uint16_t mss;
    bool ip6;
};

/* True if the device cuts segments over IPv4 or over IPv6. A recovery may change it. */
bool vnet_tx_cuts(const struct vnet *vn, bool ip6);

/* True if the device asks to have the station's addresses announced on the network. Whoever did so
 * says vnet_announced(), and the device is told. */
bool vnet_announce_due(const struct vnet *vn);
void vnet_announced(struct vnet *vn);

/* As the device last said; true where it cannot say [virtio 5.1.4.2]. */
bool vnet_link_up(const struct vnet *vn);

/* Takes up to max received frames (CONFIG_RX_BATCH at most) off the ring; the caller owns them
 * (STACK) until vnet_rx_release(). Where buffers are mergeable a frame may be several, linked by
 * `next`; the first has at least the Ethernet header. The ring is full again on return. Frames that
 * the device describes wrongly are dropped and counted. */
unsigned vnet_rx_poll(struct vnet *vn, struct netbuf **out, unsigned max);
void vnet_rx_release(struct vnet *vn, struct netbuf *nb);

/* The same of n frames of one buffer each. */
void vnet_rx_release_many(struct vnet *vn, struct netbuf *const *nb, unsigned n);

/* Instead of vnet_rx_release(): the caller keeps a frame of one buffer (HELD) until
 * vnet_rx_let_go(), whatever becomes of the device meanwhile. What is held comes out of the spares
 * of a batch, so that the ring stays full; false: no more of them can be spared, the frame is the
 * caller's as before. */
bool vnet_rx_hold(struct vnet *vn, struct netbuf *nb);
void vnet_rx_let_go(struct vnet *vn, struct netbuf *nb);

/* A transmit buffer with room for vnet_mtu() + 18 bytes, owned by the caller, who fills
 * netbuf_frame(), len and, where it is to be used, offload; NULL when there is none (counted). Bulk
 * frames leave the last CONFIG_TX_RESERVE buffers to others, of a small ring a quarter. Reclaims
 * completed buffers first when they are low. While the device is up, vnet_tx() has a place for
 * every buffer given out. */
struct netbuf *vnet_tx_get(struct vnet *vn, bool bulk);

/* For a generator of frames: n buffers at once, at most CONFIG_RX_BATCH and what vnet_tx_room(vn,
 * true) has. The caller owns them, and gives all of them to vnet_tx_many() before anything else is
 * done with this NIC. What is written to a buffer, and a stamp put on it, stays there as long as
 * generators use it: the stamp is 0 once others did, or if nobody has yet. Before its first stamp
 * it has to be netbuf_plain(). The low bits of a stamp, `% VNET_TX_GROUPS`, are the group that its
 * frame is counted in. */
#define VNET_TX_GROUPS 32u
void vnet_tx_get_many(struct vnet *vn, struct netbuf **out, unsigned n);

/* Puts these frames on the ring, for which stamp and len are set. */
void vnet_tx_many(struct vnet *vn, struct netbuf *const *nb, unsigned n);

/* Frames of this group that the device has sent and given back since boot; group 0 is nobody's. */
uint64_t vnet_tx_group(const struct vnet *vn, unsigned group);

/* Puts the frame on the ring; it goes out with the next flush at the latest. True: the device owns
 * nb. False: the ring is full or the device is down, the caller still owns nb and may netbuf-put it
 * with vnet_tx_put(). */
bool vnet_tx(struct vnet *vn, struct netbuf *nb);
void vnet_tx_put(struct vnet *vn, struct netbuf *nb);

/* The same for a large TCP segment of which nb has the headers, and with NETBUF_CSUM_PARTIAL its
 * checksum, of all of it; only where vnet_tx_cuts(). The device reads the payload where it is. */
bool vnet_tx_tso(struct vnet *vn, struct netbuf *nb, const struct vnet_tso *tso);

/* Publishes what vnet_tx() queued, with at most one doorbell. */
void vnet_tx_flush(struct vnet *vn);

/* Takes completed frames back; returns how many. */
unsigned vnet_tx_reclaim(struct vnet *vn);

/* Reclaims. True: the device has nothing of ours left to send, or is down and will not. */
bool vnet_tx_is_done(struct vnet *vn);

/* Frames that can still be sent: buffers that vnet_tx_get(vn, bulk) can give; 0 while the device is
 * down. */
unsigned vnet_tx_room(const struct vnet *vn, bool bulk);

/* The most that vnet_tx_room(vn, true) can ever be with the ring there is; at least 1. */
unsigned vnet_tx_most(const struct vnet *vn);

/* Watches for stalls. Rings both doorbells if descriptors have been outstanding since the last
 * heartbeat; re-reads link and status after a configuration interrupt. Called every turn; acts
 * every CONFIG_HEARTBEAT_MS. */
void vnet_heartbeat(struct vnet *vn, uint64_t now_ns);

/* Before sleep: asks for interrupts, fences, and looks again. False: there is work, do not sleep.
 * vnet_awake() suppresses them again. [virtio 2.7.10, 2.7.7.2] */
bool vnet_may_sleep(struct vnet *vn);
void vnet_awake(struct vnet *vn);

/* After that, and after an access to any device register: looks once more, and rings a doorbell
 * that was missed; see vq_weigh_again(). False: do not sleep, call vnet_stay_awake(). */
bool vnet_still_idle(struct vnet *vn);

/* Instead of vnet_awake() where no sleep came of it. */
void vnet_stay_awake(struct vnet *vn);

/* The longest time the loop may sleep without looking, in ns: bounded when the NIC has no
 * interrupt. */
uint64_t vnet_sleep_max_ns(const struct vnet *vn);

/* True if every buffer has one owner and the ring is as full as promised. */
bool vnet_check(const struct vnet *vn);

/* The same where the caller has no frame in hand, as between two turns: a buffer that somebody kept
 * is lost. */
bool vnet_audit(const struct vnet *vn);

/* After vnet_audit() was false: counts and reports it, resets the device and begins anew with every
 * buffer free that is not held. Nobody may use another that he still has. */
void vnet_repair(struct vnet *vn);

/* Sum of failures over the NIC's pools that would break the promise. */
uint64_t vnet_alloc_failures(const struct vnet *vn);

/* Largest time without a received / a completed sent frame while traffic was due, ns. Completions
 * are due while the device has frames to send; whether reception is, only the caller can know:
 * vnet_rx_due(). */
uint64_t vnet_gap_max_ns(const struct vnet *vn, bool tx);
void vnet_rx_due(struct vnet *vn, bool due);

/* Time in which the loop was not run, ns: the sum over all pauses of 50 ms and more between turns.
 */
uint64_t vnet_late_ns(const struct vnet *vn);

/* True from time to time while nothing is received: then the caller finds out whether somebody
 * waits for frames of this NIC, and if so asks its network something that has to be answered.
 * Either way he calls vnet_rx_probed(). Where answers fail to come, the receive queue is reset,
 * then the device, then the peer is reported to be silent. */
bool vnet_rx_silent(const struct vnet *vn);
void vnet_rx_probed(struct vnet *vn, bool asked);

/* Totals since boot. */
struct vnet_totals {
    uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes; /* frame bytes without FCS */
    uint64_t resets; /* of the device, after something that it did wrong unasked */
    uint64_t stalls[VNET_CAUSES], recoveries[VNET_ACTIONS];
    uint64_t judged[VNET_CAUSES]; /* stalls of a second or more that neither a fault that was asked
                                     for nor somebody beyond the device explains */
    uint64_t errors; /* what no device may do and is no reason for a reset: deliveries that cannot
                        be, commands it never answers */
    uint64_t violations;  /* failed audits that were repaired */
    uint64_t late_max_ns; /* longest time between two turns; 0 below 50 ms */
};
void vnet_totals(const struct vnet *vn, struct vnet_totals *t);

/* One element each of `queues` (two, and one for a control queue), `pools` and `buffers` of the
 * stats record; inside open arrays/objects. */
void vnet_json_queues(const struct vnet *vn, struct json *j);
void vnet_json_pools(const struct vnet *vn, struct json *j);
void vnet_json_buffers(const struct vnet *vn, struct json *j);

#endif
