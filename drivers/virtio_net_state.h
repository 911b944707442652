// SPDX-License-Identifier: BSD-3-Clause
/*
 * The state of one NIC, shared by the files of the driver: virtio_net.c (data path),
 * virtio_net_hdr.c (the header of each frame), virtio_net_many.c (many frames at once),
 * virtio_net_merge.c (frames in several buffers),
 * virtio_net_bufs.c (memory behind the rings), virtio_net_up.c (probe, bring-up, recovery),
 * virtio_net_features.c (what is accepted), virtio_net_stats.c (what it says about itself).
 */
#ifndef DRIVERS_VIRTIO_NET_STATE_H
#define DRIVERS_VIRTIO_NET_STATE_H

#include <stdbool.h>
#include <stdint.h>
#include "config.h"
#include "virtio_net.h"
#include "virtio_net_watch.h"
#include "virtio_pci.h"
#include "virtqueue.h"

/* Frames taken from or given to a ring in one go; bounds the arrays on the stack. */
#define VNET_BATCH CONFIG_RX_BATCH

/* Bytes: no frame is shorter. */
#define VNET_ETH_HEADER 14u
#define VLAN_TAG        4u

#define VNET_RX_BUFS    (CONFIG_RX_RING + CONFIG_RX_BATCH)

enum vnet_up {
    VNET_DOWN,      /* not brought up yet, or given up: reset */
    VNET_UP,        /* DRIVER_OK */
    VNET_RESETTING, /* the device did something wrong; waiting for its reset, then for the next try
                     */
};

/* CPU vectors of a NIC at most: receive, transmit, configuration. */
#define VNET_VECTORS 3

/* Whether the device wants to have this station announced. */
enum vnet_announce {
    VNET_ANNOUNCE_NO,
    VNET_ANNOUNCE_DUE,  /* it does */
    VNET_ANNOUNCE_TOLD, /* it was done; the device is being told so */
};

/* A network may deliver what is too short for an Ethernet header (RUNT). Of what follows it, no
 * device may deliver any: less than its own header (CUT), one that says what cannot be (HEADER), or
 * buffers that are no whole frame (MERGE). */
enum vnet_rx_drop {
    VNET_RX_NO_BUFFER,
    VNET_RX_RUNT,
    VNET_RX_CUT,
    VNET_RX_HEADER,
    VNET_RX_MERGE,
    VNET_RX_DROPS
};
enum vnet_tx_drop { VNET_TX_FULL, VNET_TX_DOWN, VNET_TX_RESET, VNET_TX_DROPS };

struct vnet_queue {
    struct vq vq;
    uint8_t vector;       /* CPU vector, 0 = none; set at probe */
    uint16_t posted_min;  /* fewest descriptors the device ever had in a ring of this size */
    uint64_t packets;     /* received and handed up; sent and completed */
    uint64_t bytes;       /* of these, frame bytes without FCS */
    uint64_t kicks;       /* doorbells rung */
    uint64_t restarts;    /* resets of this queue alone */
    uint64_t completions; /* taken from the ring, dropped frames included */
    uint64_t beat_mark;   /* completions at the last heartbeat */
    uint64_t gap_mark;    /* completions at the last turn */
    uint64_t progress_ns; /* last turn that saw completions, or in which none was due */
    uint64_t gap_max_ns;
    struct vnet_watch_queue watch;
};

struct vnet {
    struct vpci vpci;
    enum vnet_up up;
    struct vnet_queue rx, tx, ctrl;
    struct netbuf_pool rx_pool, tx_pool;
    uint16_t rx_batch;    /* frames of one batch: the ring never gets emptier than by these */
    uint16_t rx_spares;   /* beyond the buffers in the ring: the most that are taken off at once, */
    uint16_t rx_held_max; /* and the most of them that may be held meanwhile */
    uint16_t rx_pieces;   /* buffers that a frame takes at most; 0: they are not mergeable */
    uint16_t tx_reserve;  /* buffers that bulk frames leave alone */
    uint16_t tx_most;     /* buffers that bulk frames can take */

    struct vnet_options opt;
    unsigned index; /* in bus order */
    unsigned nics;  /* that share the receive arena, this one included */
    char name[8];
    bool speaks; /* of what concerns the guest as a whole; one of the NICs does */
    bool known;  /* what follows was read from the device, at the first bring-up, and stays */
    uint8_t mac[6];
    uint16_t mtu;
    uint16_t rx_ring, tx_ring; /* buffers; a later bring-up does with fewer, never with more */
    uint16_t rx_target;        /* of rx_ring: as many as this ring has entries for */
    uint16_t hdr_bytes;        /* the device's header, in front of each frame */
    uint16_t segs;             /* of a buffer: 2 where the header has to be apart, else 1 */
    uint16_t tx_segs;          /* of a frame to be sent at most: more where the device cuts */

    enum vnet_irq irq;      /* how it interrupts; never AUTO once it is up */
    uint16_t ctrl_index;    /* of the control queue, as the device counts */
    bool ctrl_up;           /* it may be used */
    bool ctrl_busy;         /* a command is with the device */
    uint64_t ctrl_ns;       /* when it was sent */
    uint64_t ctrl_kick_ns;  /* its last doorbell */
    uint64_t ctrl_timeouts; /* commands never answered, though it was not made to */
    enum vnet_announce announce;
    uint64_t announced_ns; /* when the last one was made; 0: none was */

    uint16_t vectors;      /* CPU vectors of its own in use, or 1 = the line; 0 = polling */
    uint8_t config_vector; /* CPU vector of configuration changes alone, 0 = none */
    uint64_t config_mark;  /* its count when the configuration was last read */
    bool config_changed;   /* as the interrupt status said */
    uint8_t msix_vector[VNET_VECTORS]; /* CPU vectors of MSI-X table entries, allocated at probe */
    uint16_t msix_n;                   /* of these: what the device takes */
    uint8_t line;                      /* of the PIC, where irq is INTX */
    bool line_lost;                    /* it was given up, */
    uint64_t line_lost_ns;             /* last then, */
    uint64_t line_pause_ns;            /* for so long; 0: it never was */
    uint64_t line_mark;                /* its count when the interrupt status was last read */
    uint64_t line_done;                /* what had been done by then */
    uint64_t link_changes;
    bool link;           /* as the device last said */
    bool rx_due;         /* see vnet_rx_due() */
    uint64_t now_ns;     /* start of this turn */
    uint64_t beat_ns;    /* last heartbeat */
    uint64_t guard_ns;   /* last look at the guards */
    uint64_t up_ns;      /* last bring-up */
    uint64_t reset_ns;   /* last reset asked for */
    uint64_t retry_ns;   /* not before this comes the next bring-up */
    uint64_t error_ns;   /* last `error` record */
    bool repair;         /* the bookkeeping is not to be trusted: it begins anew */
    uint64_t violations; /* how often that was so */
    bool reclaimed;      /* while RESETTING: the reset is complete, all buffers are ours again */
    const char *away;    /* likewise: why it is not up again yet; NULL: nothing is known */
    uint64_t resets;     /* since boot, the first one not counted */
    uint64_t resets_injected; /* of these: because the device was made to */
    uint64_t features_told;   /* those of the last `nic` record */
    uint64_t features_shed;   /* not accepted for now, on demand, */
    unsigned shed_n;          /* and how often that was something else */
    struct vnet_watch watch;
    const char *first_why; /* the first of their reasons */
    uint32_t first_evidence;

    uint64_t tx_groups[VNET_TX_GROUPS]; /* frames sent and given back, by group */
    uint64_t tx_cut;                    /* frames sent for the device to cut */
    uint64_t rx_drops[VNET_RX_DROPS];
    uint64_t tx_drops[VNET_TX_DROPS];

    struct vq_slot rx_slots[CONFIG_RING_MAX], tx_slots[CONFIG_RING_MAX];
    struct vq_slot ctrl_slots[CONFIG_CTRL_RING];
    struct netbuf rx_bufs[VNET_RX_BUFS], tx_bufs[CONFIG_TX_BUFS];
    uint16_t rx_buf_ids[VNET_RX_BUFS], tx_buf_ids[CONFIG_TX_BUFS];
};

/* ---- virtio_net_features.c ---- */

/* What to accept of an offer. */
uint64_t vnet_choose(const struct vnet *vn, uint64_t offered);

/* Member `features`: their names. */
void vnet_json_features(uint64_t features, struct json *j);

/* ---- virtio_net_bufs.c ---- */

/* Bytes of the largest frame, with its header, that receive buffers can be made to hold where these
 * features are accepted and our MTU is this; once there are buffers: that they do hold. */
uint32_t vnet_frame_room(const struct vnet *vn, uint64_t features, uint16_t mtu);

/* Makes the pools for the accepted features and vn->mtu, and chooses ring sizes. Once: the stack
 * relies on the MTU. */
void vnet_carve(struct vnet *vn);

/* ---- virtio_net_hdr.c ---- */

/* Reads the header of a frame of so many bytes, the rest of which lies behind it, and sets
 * nb->offload. False: what it says cannot be, the frame is to be dropped. */
bool vnet_hdr_rx(const struct vnet *vn, struct netbuf *nb, uint32_t frame_bytes);

/* Writes the header of a frame to be sent; tso: it is to be cut, nb has its headers only. */
void vnet_hdr_tx(const struct vnet *vn, struct netbuf *nb, const struct vnet_tso *tso);

/* ---- virtio_net_ctrl.c ---- */

/* Once: its memory. */
void vnet_ctrl_init(struct vnet *vn);

/* True once if somebody wrote beside that memory. */
bool vnet_ctrl_overrun(const struct vnet *vn);

/* At bring-up, after the features were accepted: the control queue of a device with so many queue
 * pairs. Where there is none that works the NIC does without. */
void vnet_ctrl_start(struct vnet *vn, uint16_t pairs);

/* Each turn while up: answers, time-outs. */
void vnet_ctrl_turn(struct vnet *vn);

/* Asks the device for any answer, which counts as one more of vn->ctrl.completions. False: there is
 * no way to ask. */
bool vnet_ctrl_ask(struct vnet *vn);

/* What the device's configuration says under `status`. */
void vnet_ctrl_status(struct vnet *vn, uint16_t status);

/* ---- virtio_net_queue.c ---- */

/* Gives both queues their memory. */
void vnet_queues_init(struct vnet *vn);

/* Now and then while up: breaks a device beside whose buffers or rings somebody wrote. */
void vnet_guards(struct vnet *vn);

/* Start a queue and hand it to the device; with it goes what depends on its length. NULL, or why
 * that cannot be. */
const char *vnet_start_rx(struct vnet *vn);
const char *vnet_start_tx(struct vnet *vn);

/* After a reset: the buffers that the device had of this queue are free; frames to be sent are lost
 * and counted. */
void vnet_queue_reclaim(struct vnet *vn, struct vnet_queue *q);

/* Resets this queue alone and starts it anew, at once: its buffers are ours for a moment, and the
 * other queue keeps its own. Waits for the device for at most 1 ms. False: it cannot, should not or
 * did not do that, and has to be reset as a whole; it should not while it has frames to send. */
bool vnet_queue_restart(struct vnet *vn, struct vnet_queue *q);

/* ---- virtio_net_merge.c ---- */

/* vnet_rx_poll() where buffers are mergeable, but for the doorbell. */
unsigned vnet_merge_poll(struct vnet *vn, struct netbuf **out, unsigned max);

/* ---- virtio_net.c, virtio_net_up.c, virtio_net_stats.c ---- */

/* Why a delivery of so many bytes in one buffer is dropped whatever is in it; VNET_RX_DROPS: it is
 * not. */
enum vnet_rx_drop vnet_rx_too_short(const struct vnet *vn, uint32_t bytes);

/* Deliveries that no device may make. */
uint64_t vnet_rx_rubbish(const struct vnet *vn);

/* Members of a record: a ring's size, where either side stands, what the device has. */
void vnet_json_ring(const struct vnet *vn, const struct vnet_queue *q, struct json *j);

/* The most buffers that can be taken off the receive ring at once: spares that nobody holds. */
static inline unsigned vnet_rx_spares(const struct vnet *vn)
{
    return (unsigned)vn->rx_spares - vn->rx_pool.count[NETBUF_HELD];
}

/* Gives the device buffers until the receive ring is full. */
void vnet_rx_fill(struct vnet *vn);

/* Puts a buffer of ours on the receive ring, in which there is room for it. */
void vnet_rx_post(struct vnet *vn, struct netbuf *nb);

/* Counts completions that were just taken off the receive ring, in which so many buffers were left.
 */
void vnet_rx_taken(struct vnet *vn, unsigned n, unsigned posted);

/* Takes at most `max` completions off the receive ring and puts as many buffers back, where it has
 * a form for which that can be done in one loop; *n counts the frames that are added to out[].
 * Returns completions; 0: none is there, or it is to be done one by one. */
unsigned vnet_rx_turn_many(struct vnet *vn, struct netbuf **out, unsigned *n, unsigned max);

/* Rings a doorbell. vnet_notify(): one that the device wants for buffers behind `before`, an index
 * of the queue, unless it shall be lost on demand. */
void vnet_kick(struct vnet *vn, struct vnet_queue *q, uint16_t index);
void vnet_notify(struct vnet *vn, struct vnet_queue *q, uint16_t index, uint16_t before);

/* Resets the device and lets vnet_recover() bring it up again. */
void vnet_reset(struct vnet *vn);

/* The device did something wrong: stops it, keeps and reports why, lets vnet_recover() do the rest.
 */
void vnet_break(struct vnet *vn, const char *why, uint32_t evidence);

/* One step of the way back up; for each turn while RESETTING. */
void vnet_recover(struct vnet *vn);

/* Reads what can change at any time: status, link. Breaks the device if it asks for that. */
void vnet_refresh(struct vnet *vn);

/* Once, at probe: CPU vectors and the MSI-X table. */
void vnet_irq_prepare(struct vnet *vn);

/* At each bring-up, with features settled: takes the best way to interrupt that both sides have. A
 * sentence: what was asked for is not there. */
const char *vnet_irq_assign(struct vnet *vn);

/* A queue that was reset alone has lost its vector: assigns it again. False: the device refuses. */
bool vnet_irq_again(struct vnet *vn, uint16_t index);

/* Before sleep: lets the line interrupt, where that is the way. False: it was given up just now,
 * look again. */
bool vnet_irq_allow(struct vnet *vn);

/* Now and then: a line that was given up is tried again. */
void vnet_irq_retry(struct vnet *vn);

/* After sleep: if the line interrupted, asks the device whether it was it, which makes it let go.
 */
void vnet_irq_seen(struct vnet *vn);

/* True once after each interrupt that said that the configuration has changed. */
bool vnet_irq_config(struct vnet *vn);

/* As in `irq=` and in the `nic` record. */
extern const char *const vnet_irq_names[];

/* Emits the `nic` record. */
void vnet_record(const struct vnet *vn);

#endif
