// SPDX-License-Identifier: BSD-3-Clause
/*
 * The watchdog of one NIC: what it remembers, and what the driver tells it.
 *
 * Nothing here waits or is called more than once a turn, but for the two calls around sleep.
 */
#ifndef DRIVERS_VIRTIO_NET_WATCH_H
#define DRIVERS_VIRTIO_NET_WATCH_H

#include <stdbool.h>
#include <stdint.h>
#include "virtio_net.h"

struct vnet_queue;

/* A stall that goes on. */
struct vnet_stall {
    bool open;
    bool said;     /* its record was written, so the end gets one as well */
    bool injected; /* a fault that was asked for explains it */
    enum vnet_cause cause;
    uint64_t since_ns; /* last progress before */
};

struct vnet_watch_queue {
    uint64_t mark;       /* completions at the last turn */
    uint64_t moved_ns;   /* last turn with new ones, or in which none was due; what the host did not
                            let us run since is added */
    uint64_t put_off_ns; /* so much; */
    uint64_t ask_ns;     /* since then: when the device was asked whether it is at work; 0: not, */
    uint64_t ask_mark;   /* answers by then, */
    uint64_t answer_ns;  /* when the next one was there; 0: it is not; */
    uint64_t kick_ns;    /* when the doorbell was first repeated, */
    bool unheard;        /* it had, as far as can be known, not heard the one before; */
    unsigned kicks;      /* how often, */
    unsigned resets;     /* how often the device was reset for it, */
    uint64_t up_ns;      /* and when it was up again; 0 = never */
    uint64_t repair_ns;  /* since when reception is to be repaired; 0: it is not */
    bool untaken;        /* completions were there at the last turn, and are still; */
    uint64_t look_ns;    /* last turn that saw none although they were due */
    bool wanted;         /* the device wanted a doorbell, and gave back none of what it was for: */
    uint16_t wanted_idx; /* buffers before those */
    uint32_t wish;       /* how it said so */
    struct vnet_stall stall;

    /* Of receive: frames at the last turn, and questions to the network since they came. */
    uint64_t frames;
    uint64_t sound;       /* deliveries that a device may make, at the last turn */
    uint64_t rubbish;     /* deliveries that no device may make at the last turn; */
    uint64_t rubbish_ns;  /* the first of those since anything else came; 0: there is none */
    unsigned probes;      /* since the last reset or report */
    uint64_t probe_ns;    /* not before this comes the next */
    uint64_t probe_pause; /* from one to the next, ns */

    /* The interrupt asked for before the last sleep. */
    uint16_t asked;      /* after so many completions; 0 = for none */
    uint64_t asked_ns;   /* when */
    uint64_t irq_mark;   /* interrupts taken by then */
    bool suspect;        /* the completions were there after sleep, but no interrupt */
    uint16_t there;      /* so many of them, … */
    uint64_t looked_ns;  /* … found then */
    unsigned sleeps;     /* since then */
    uint64_t suspect_ns; /* since when the interrupt could have come all the same */
};

struct vnet_watch {
    struct vnet_stall device, link;
    uint64_t stalls[VNET_CAUSES], recoveries[VNET_ACTIONS];
    uint64_t judged[VNET_CAUSES]; /* stalls that are over and count against the run */
    uint64_t late_ns;             /* time that the loop was not run, in all */
    uint64_t late_max_ns;         /* longest time that the loop was not run */
    uint64_t woke_ns;             /* last end of a sleep */
    bool turned;                  /* there was a turn before this one */
    bool spoiled; /* since it was last up, the device was given a bad head on demand */
    unsigned records[VNET_CAUSES];    /* written lately of each cause, */
    uint64_t records_ns[VNET_CAUSES]; /* and when one of them was last forgotten */
};

/* Nothing due came for so long: a stall, known within 250 ms together with what else it takes. */
#define VNET_STALL_NS (200 * NS_PER_MS)

/* A new turn begins; vn->now_ns is still the last one's. Returns the time between them if that is
 * so long that the loop was not run, else 0. */
uint64_t vnet_watch_late(struct vnet *vn, uint64_t now_ns);

/* Once a turn: looks for progress, repeats, resets, reports. */
void vnet_watch_turn(struct vnet *vn);

/* The device wants the doorbell for buffers behind `before`, an index of the queue. */
void vnet_watch_wanted(struct vnet_queue *q, uint16_t before);

/* True while it matters how soon something moves. */
bool vnet_watch_times(const struct vnet_queue *q);

/* The heartbeat of a queue that did not move since the last one although the device has buffers of
 * it: rings its doorbell again, if that is of use by now. */
void vnet_watch_beat(struct vnet *vn, struct vnet_queue *q, uint16_t index);

/* The device broke a rule and is being reset (true: because it was made to); it is up again. */
bool vnet_watch_broke(struct vnet *vn, const char *why, uint32_t evidence);
void vnet_watch_up(struct vnet *vn);

/* Before sleep: false if an interrupt asked for earlier is still in doubt, so that the wish has to
 * stay as it is and the sleep short; else one is going to be asked for after so many completions.
 */
bool vnet_watch_may_ask(const struct vnet_queue *q);
void vnet_watch_asked(struct vnet_queue *q, uint16_t after, uint64_t now_ns);

/* After sleep: true if the queue's interrupt may be switched off, so none is in doubt. */
bool vnet_watch_woke(struct vnet_queue *q, uint64_t now_ns);

/* ---- between the files of the watchdog --------------------------------------------------------
 */

/* No repair of this queue was tried, and none is under way. */
void vnet_watch_forget(struct vnet_watch_queue *w);

/* What moves now does so because the doorbell was repeated, the one before was lost: it did between
 * this look and the last. */
bool vnet_watch_kick_helped(const struct vnet_watch_queue *w);

/* Completions were taken: is that for which the doorbell was wanted among them? */
void vnet_watch_heard(struct vnet_queue *q);

/* Once a turn: reception; the interrupt of a queue. */
void vnet_watch_rx(struct vnet *vn);
void vnet_watch_irq(struct vnet *vn, struct vnet_queue *q);

/* ---- virtio_net_stall.c -----------------------------------------------------------------------
 */

/* A stall of this queue (NULL: of the NIC) began at since_ns, and is noticed now. */
void vnet_stall(struct vnet *vn, const struct vnet_queue *q, struct vnet_stall *s,
                enum vnet_cause cause, uint64_t since_ns);
void vnet_stall_late(struct vnet *vn, uint64_t since_ns, uint64_t asleep_ns); /* and is over */
void vnet_stall_irq(struct vnet *vn, const struct vnet_queue *q);             /* was, long since */
void vnet_stall_kick(struct vnet *vn, const struct vnet_queue *q);            /* is over */
void vnet_stall_why(struct vnet *vn, struct vnet_stall *s, const char *why, uint32_t evidence);

/* It is over, and this did it. */
void vnet_stall_end(struct vnet *vn, const struct vnet_queue *q, struct vnet_stall *s,
                    enum vnet_action action);

/* Stalls of each cause that count against the run, those that go on included. */
void vnet_stalls_judged(const struct vnet *vn, uint64_t judged[VNET_CAUSES]);

/* What faults on demand do to a device that is up; once a turn. */
void vnet_faults(struct vnet *vn);

#endif
