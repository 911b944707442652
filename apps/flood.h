// SPDX-License-Identifier: BSD-3-Clause
/*
 * The flood: test frames (testframe.h) over UDP, without a connection and without answers, at a
 * given rate or as fast as the NIC takes them.
 *
 *     flood_start(&params, now);
 *     each turn: flood_poll(now)   until flood_state() is FLOOD_DONE or FLOOD_FAILED
 *
 * Three numbers, all exact: `intended` are the frames that the schedule had so far, `offered` those
 * that were given to the device, `sent` those that it gave back as sent. What is intended is
 * offered or slipped: a slot that could not be used in time, because the ring was full or the guest
 * was not run. What is offered is sent, or still with the device, or lost in a reset of it. At no
 * rate there is no schedule, and what is intended is what is offered.
 *
 * There is one flood at a time.
 */
#ifndef APPS_FLOOD_H
#define APPS_FLOOD_H

#include <stdbool.h>
#include <stdint.h>
#include "flood_pace.h"
#include "lwip/ip_addr.h"

/* Frames of a mixture, which is gone through again and again; IMIX has twelve. */
#define FLOOD_MIX 16u

/* Flows: the first so many differ in their source port, from FLOOD_PORT_FIRST up; those behind go
 * to the port above the target's. */
#define FLOOD_FLOWS_MAX  65536u
#define FLOOD_PORT_FIRST 1024u
#define FLOOD_PORTS      (65536u - FLOOD_PORT_FIRST)

#define FLOOD_NO_VLAN    0xffffu

/* run=flood: apps/flood_job.c */
struct job_kind;
extern const struct job_kind flood_job;

struct flood_params {
    ip_addr_t target;
    uint8_t own;   /* the target is whatever address of its type this NIC of ours has, or */
    uint8_t from;  /* NETRAW_ANY_NIC; the NIC that sends: with `own` it has to be said */
    uint16_t port; /* 0 = TESTFRAME_PORT */
    bool has_mac;  /* the next station is this one, nobody is asked: */
    uint8_t mac[6];
    uint32_t mix[FLOOD_MIX]; /* frame bytes without FCS, in turn */
    uint32_t mix_n;          /* at least 1 */
    uint32_t flows;          /* 1 ... FLOOD_FLOWS_MAX */
    uint16_t vlan;           /* tag control information: 12 bits of id; FLOOD_NO_VLAN */
    uint8_t dscp;            /* 0 ... 63 */
    struct flood_shape shape;
    uint64_t time_ns;   /* 0 = for ever */
    uint64_t bytes;     /* ends it as well, with the frame that reaches so many; 0 = off */
    uint16_t run;       /* number of the run, see testframe.h */
    uint64_t first_seq; /* of each flow; 0, but for tests of what follows very many */
};

enum flood_state {
    FLOOD_IDLE,
    FLOOD_SEEKING, /* the next station's address */
    FLOOD_RUNNING,
    FLOOD_DRAINING, /* all is offered, the device has some of it yet */
    FLOOD_DONE,
    FLOOD_FAILED, /* it never began; see flood_why() */
};

/* The smallest and the largest frame of such a flood on an interface with this MTU. */
uint32_t flood_least(bool ip6, bool vlan);
uint32_t flood_most(uint32_t mtu, bool vlan);

/* Fills `mix` with twelve frames: seven of 60 bytes (or the least there is), four of 590, one of
 * 1514. */
void flood_imix(struct flood_params *p);

/* Begins; the one before must not be under way. */
void flood_start(const struct flood_params *p, uint64_t now_ns);

/* One budgeted turn; returns frames offered. */
unsigned flood_poll(uint64_t now_ns);

/* When it must be called next, ns since boot; UINT64_MAX = no need. */
uint64_t flood_deadline(void);

enum flood_state flood_state(void);

/* In words, where it failed. */
const char *flood_why(void);

/* Ends it early: no more is offered. */
void flood_stop(uint64_t now_ns);

/* Another rate from now on, as in struct flood_shape. */
void flood_change_rate(uint64_t rate, bool packets, uint64_t now_ns);

struct flood_figures {
    uint64_t intended, offered, sent, slipped;
    uint64_t unsent;     /* lost in a reset of the device, or not given back within two seconds of
                            the end; 0 until then */
    uint64_t sent_bytes; /* of frames, without FCS */
};
struct flood_figures flood_figures(void);

/* The same for each size of the mixture, in the order of first appearance. */
struct flood_size_figures {
    uint32_t bytes; /* of a frame */
    uint64_t offered, sent;
};
unsigned flood_sizes(struct flood_size_figures out[FLOOD_MIX]);

/* The number of its run. */
uint16_t flood_run(void);

/* When it began and when the last frame was back; 0 = not yet. */
uint64_t flood_start_ns(void);
uint64_t flood_end_ns(void);

#endif
