// SPDX-License-Identifier: BSD-3-Clause
/*
 * A load of connections: short ones at a given rate or as fast as they go, each opened, asked one
 * question and closed; or so many that are opened once and held, with a question now and then.
 *
 *     connect_begin(&params, now);
 *     each turn: connect_poll(now)   until connect_phase() is CONNECT_DONE or CONNECT_FAILED
 *
 * A first connection, which is not counted, finds the way: if it cannot be had nothing else is
 * tried. What is intended by the schedule is then started or slipped: a slot that could not be used
 * within 100 ms, because all places were taken or the guest was not run. What is started is
 * completed, with its answer right and closed by both ends, or has failed for one reason, or is
 * open.
 *
 * An echo server's connection is closed by us first and waits in TIME_WAIT here, where the stack
 * takes the place of the oldest when it needs one; an HTTP server closes first. Nobody resets what
 * went well.
 *
 * There is one load at a time.
 */
#ifndef APPS_CONNECT_H
#define APPS_CONNECT_H

#include "config.h"
#include "connect_answer.h"
#include "hdr.h"
#include "lwip/ip_addr.h"

/* The most connections that are open at once: places that iperf3 streams have otherwise. */
#define CONNECT_PLACES CONFIG_IPERF_STREAM

/* As in struct flood_shape. */
#define CONNECT_RATE_MAX 1000000ull

/* run=connect: apps/connect_job.c */
struct job_kind;
extern const struct job_kind connect_job;

struct connect_params {
    ip_addr_t target;
    uint16_t port;
    enum connect_ask ask;
    uint32_t len;     /* see connect_answer.h */
    uint32_t places;  /* 1 ... CONNECT_PLACES: connections that may be open at once */
    uint64_t rate;    /* that begin each second; 0: as soon as there is a place */
    uint64_t time_ns; /* 0 = for ever */
    uint64_t hold_ns; /* not 0: so many as there are places are held, and asked each so often */
};

enum connect_phase {
    CONNECT_IDLE,
    CONNECT_SEEKING,
    CONNECT_RUNNING,
    CONNECT_DRAINING, /* none is started any more, some are open */
    CONNECT_DONE,
    CONNECT_FAILED, /* it never began; see connect_why() */
};

struct connect_figures {
    uint64_t intended, started, completed, slipped;
    uint64_t refused, reset, timed_out, wrong; /* failures */
    uint64_t no_room;                          /* likewise: the stack had none */
    uint64_t open;                             /* now */
    uint64_t asked, answered;                  /* questions; of held connections there are more */
    uint64_t dropped, corrupt;                 /* of the failures: were held before */
    uint64_t tx_bytes, rx_bytes;               /* payload, acknowledged and received */
};

/* Begins; the one before must be over. */
void connect_begin(const struct connect_params *p, uint64_t now_ns);

/* One budgeted turn; returns what was begun or given up. When it has to be called next, ns since
 * boot. */
unsigned connect_poll(uint64_t now_ns);
uint64_t connect_deadline(void);

/* None is started any more; what is open may be completed, in three seconds at most. */
void connect_stop(uint64_t now_ns);

/* Another rate from now on. */
void connect_change_rate(uint64_t rate, uint64_t now_ns);

enum connect_phase connect_phase(void);
const char *connect_why(void); /* a literal */

struct connect_figures connect_figures(void);
uint64_t connect_failures(const struct connect_figures *f);

/* From the start of a connection until it was there, and until its first answer was complete. */
const struct hdr *connect_times(void);
const struct hdr *connect_answer_times(void);

/* When the schedule began and when all was over; 0 = not yet. */
uint64_t connect_start_ns(void);
uint64_t connect_end_ns(void);

#endif
