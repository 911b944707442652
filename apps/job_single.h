// SPDX-License-Identifier: BSD-3-Clause
/*
 * Jobs of a kind of which one runs at a time, because one engine moves their traffic: connect.h,
 * flood.h, stamp_sender.h. They share how the engine is run, how the gaps in its progress are
 * measured, and what is made of its times and figures.
 *
 * A kind has one struct job_single, filled with its engine's functions, and in its own
 *
 *     start:  job_single_taken(), then job_single_begin() and the engine's start
 *     turn:   job_single_poll(), job_single_watch() while traffic flows, and once it is over
 *             job_single_over() or job_single_failed()
 *     totals: job_single_totals(), and what it measures besides
 *
 * Its table has the other functions for job.h from here. Context: main loop.
 */
#ifndef APPS_JOB_SINGLE_H
#define APPS_JOB_SINGLE_H

#include "iperf3_count.h"
#include "job.h"

struct job_single {
    /* The engine's, and never change. */
    unsigned (*poll)(uint64_t now_ns); /* one budgeted turn; returns work done */
    uint64_t (*deadline)(void);        /* when the next one has to be */
    void (*stop)(uint64_t now_ns);
    uint64_t (*start_ns)(void);                     /* of the traffic; 0 = not yet */
    uint64_t (*end_ns)(void);                       /* likewise */
    struct figures (*figures)(const struct job *j); /* since then */

    /* The job's. */
    struct job *job;       /* whose traffic it is; NULL: nobody's */
    struct iperf3_gap gap; /* in its progress, while some is due */
    uint64_t mark;         /* what had moved by the last turn */
};

/* The engine is another job's. */
static inline bool job_single_taken(const struct job_single *s)
{
    return s->job != NULL;
}

/* From now on it is j's, until it is over. */
void job_single_begin(struct job_single *s, struct job *j);

/* Runs the engine, and begins the job's intervals with its traffic. Returns work done. */
unsigned job_single_poll(struct job *j, uint64_t now);

/* Once a turn: `moved` is what counts as progress, in total; where none is due there is no gap. */
void job_single_watch(struct job_single *s, uint64_t moved, bool due, uint64_t now);

/* job_ended(), and the engine is nobody's. It failed: an `error` record says so, too. */
void job_single_over(struct job *j, const char *end);
void job_single_failed(struct job *j, const char *why);

/* The totals that every job has. */
void job_single_totals(const struct job *j, struct job_totals *t);

/* As in struct job_kind. */
uint64_t job_single_deadline(const struct job *j);
void job_single_stop(struct job *j);
void job_single_progress(struct job *j, uint64_t now, struct figures *sum, uint64_t *gap_us,
                         bool *warm_up);

#endif
