// SPDX-License-Identifier: BSD-3-Clause
/*
 * Runs of test frames, and what is counted of each.
 *
 * A run begins with its first frame and is over when none came for CONFIG_SINK_IDLE_MS. Its figures
 * are kept until another run needs the place, and go on if more of its frames come. Where every
 * place has a run that is not over, frames of others are turned away.
 *
 * Each flow has a window (seqwin.h). Its length follows from the number of the flow: one run of few
 * flows has long windows, and one of 65,536 still fits. The first CONFIG_SINK_BLOCK flows of a run
 * have their memory with it; for others it is taken block by block, from a store that all runs
 * share, when the first frame of a block comes.
 *
 *     flow     0 …  15    16 … 255   256 … 65535
 *     window    32,768       2,048           128 frames      (LEAN: 4096, 256, 128)
 */
#ifndef APPS_SINK_RUN_H
#define APPS_SINK_RUN_H

#include <stdbool.h>
#include <stdint.h>
#include "config.h"
#include "hdr.h"
#include "interval.h"
#include "iperf3_count.h"
#include "seqwin.h"
#include "sink.h"
#include "testframe.h"

#define SINK_FLOWS   65536u
#define SINK_BLOCKS  (SINK_FLOWS / CONFIG_SINK_BLOCK) /* that a run can have */
#define SINK_NOWHERE UINT32_MAX

struct sink_run {
    bool used;       /* this place has a run */
    bool over;       /* and nothing came of it for long enough */
    bool same_clock; /* its frames are stamped by this guest's clock */
    bool failed;     /* a criterion, when it was over last */
    uint16_t run;
    uint8_t kind;       /* enum testframe_kind: a run and what a reflector returned of it are two */
    char name[16];      /* in records: sink-4660, sink-4660-back */
    uint64_t first_seq; /* the number of each flow's first frame */
    sink_came came;     /* who sends it and wants to know; or NULL */
    uint64_t start_ns, heard_ns; /* the first frame, the last */
    uint64_t bytes;              /* of all its frames, without FCS */
    uint64_t corrupt;
    uint32_t wrong_at; /* byte of the payload that was wrong in the first of these, or */
    uint32_t flows;    /* SINK_NOWHERE; how many there are, by the greatest */
    struct seqwin_counts n;
    uint64_t transit_ns; /* of the first frame, by the two clocks: all others are next to it */
    uint64_t least_ns;   /* the least transit */
    struct hdr delay;    /* of new and reordered frames; beyond the least if the clocks are two */
    struct iperf3_gap gap;
    struct interval interval;
    struct seqwin near[CONFIG_SINK_BLOCK];
    uint16_t far[SINK_BLOCKS]; /* the store's block of these flows and 1; 0: none */
};

/* A sound frame, as read. */
struct sink_arrival {
    struct testframe f;
    uint32_t bytes;   /* of the whole frame */
    uint64_t now_ns;  /* when it came */
    uint64_t held_ns; /* how long a reflector had it; 0: none did */
};

/* The place of that run; NULL: it has none. */
struct sink_run *sink_run_find(uint8_t kind, uint16_t run);

/* The run heard last; NULL: none has been. */
struct sink_run *sink_run_latest(void);

/* The k-th place, k < CONFIG_SINK_RUNS. */
struct sink_run *sink_run_at(unsigned k);

/* Counts a frame of its run, which begins if this is its first: in a place that is free, or else in
 * that of the run that has been over for longest. NULL; or why there is no memory for it, in words.
 */
const char *sink_run_count(const struct sink_arrival *a);

/* Frames that came and were no test frames of any use: counted, nothing else of them is believed.
 */
void sink_run_corrupt(struct sink_run *r, uint32_t wrong_at);

/* As sink_expect(). */
void sink_run_is_ours(uint16_t run, uint64_t first_seq, sink_came came);

/* Runs that had failed when their places were needed. */
uint64_t sink_run_failed(void);

/* Blocks of the store that are in use. */
unsigned sink_run_blocks_used(void);

/* No run has been. Those that begin have a record each period; 0: none. The first number of those
 * that are not ours. */
void sink_run_start(uint64_t interval_ns, uint64_t first_seq);

#endif
