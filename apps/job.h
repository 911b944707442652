// SPDX-License-Identifier: BSD-3-Clause
/*
 * Jobs: what the guest does of its own accord, as often and as long as somebody has asked for.
 *
 * This file knows when a job starts, reports and ends, and what it is measured against; what moves
 * the traffic is the job's kind. A kind is a table of functions (apps/job_kinds.c lists them); a
 * running job is a place in a static table, its parameters, and whatever its kind keeps of it.
 *
 *     job_start() -> RUNNING -> (stop) -> job_ended() by its kind -> OVER, until the place is
 * needed
 *
 * Records of a job: `interval` each period, `result` when it is over, with the criteria that it was
 * measured against; the `verdict` at the end of the run repeats these. A job that ended in another
 * way than asked, or missed a criterion, fails the run.
 *
 * Context: main loop. No function here waits.
 */
#ifndef APPS_JOB_H
#define APPS_JOB_H

#include <stdbool.h>
#include <stdint.h>
#include "config.h"
#include "interval.h"
#include "job_params.h"
#include "json.h"
#include "verdict.h"

struct job;

/* Why a job was not started: which key is wrong, what was said of it, and what would be accepted;
 * or, where `key` is NULL, what is in its way. */
struct job_refusal {
    const char *key;
    char value[48];       /* empty: nothing was said */
    const char *accepted; /* a literal */
    const char *reason;   /* without a key; a literal */
    bool full;            /* as many jobs as there may be are running */
};

/* What a job has come to so far. */
struct job_totals {
    struct figures sum;   /* after the warm-up */
    uint64_t duration_us; /* likewise */
    uint64_t gap_max_us;  /* the longest time without progress while progress was due */
    /* What the kind measures beside that, one bit for each enum job_limit, and the values, in the
     * units of those. */
    uint32_t measured;
    uint64_t value[JOB_LIMITS];
};

struct job_kind {
    const char *name;  /* of its jobs: name-1, name-2, … */
    enum job_run run;  /* the value of run= */
    uint32_t measures; /* job_totals.measured as it will be at least: a limit beyond these and
                          what every job has (min_bps, min_pps, max_gap) is refused */

    bool to_own; /* the target may be a NIC of this guest */

    /* Can these parameters be carried, as far as one can tell beforehand? False: why not, but for
     * the value. Asks for nothing and takes nothing; called before the network is up, too. */
    bool (*check)(const struct job_params *p, struct job_refusal *why);

    /* Begins: takes what it needs. False: `why` is a literal for a `refused` record. */
    bool (*start)(struct job *j, uint64_t now, const char **why);

    /* One budgeted turn, and when the next one has to be. Returns work done. */
    unsigned (*turn)(struct job *j, uint64_t now);
    uint64_t (*deadline)(const struct job *j);

    /* To end soon, and to call job_ended() then; called once. */
    void (*stop)(struct job *j);

    /* A new rate, of the guest's sending. False: it cannot have that one. May be NULL. */
    bool (*set_rate)(struct job *j, struct job_rate rate);

    /* All that was moved since the start, warm-up included; the longest gap since the last call;
     * whether this is the warm-up. */
    void (*progress)(struct job *j, uint64_t now, struct figures *sum, uint64_t *gap_us,
                     bool *warm_up);

    void (*totals)(const struct job *j, struct job_totals *t);

    /* More members for an `interval` record, and for whoever asks how it goes. May be NULL. */
    void (*more)(const struct job *j, struct json *out);

    /* More members for its `result` record. May be NULL. */
    void (*result)(const struct job *j, struct json *out);
};

/* Room for what a kind has in `interval` records besides, when a job is over. */
#define JOB_COUNTS 512

enum job_state { JOB_FREE, JOB_WAITING, JOB_RUNNING, JOB_OVER };

struct job {
    enum job_state state; /* WAITING: for the network */
    uint32_t id;          /* counts jobs since boot */
    char name[16];
    const struct job_kind *kind;
    struct job_params params;
    uint64_t started_ns; /* when it was asked for, then when it began */
    bool stopping;       /* somebody has asked it to end */
    const char *end;     /* OVER: "done", or why else, a literal */
    bool passed;         /* OVER: every criterion was met */
    struct interval interval;
    struct job_totals totals; /* OVER: the last ones, */
    char counts[JOB_COUNTS];  /* and what its kind had more: an object, or empty */
    void *own;                /* the kind's */
};

/* apps/job_kinds.c: NULL at the end. */
extern const struct job_kind *const job_kinds[];

/* No job, and the network is not ready. */
void jobs_init(void);

/* Writes that key and what would be accepted to *why; false. */
bool job_refuse(struct job_refusal *why, const char *key, const char *accepted);

/* The same with the first of these keys (NULL behind the last) that was said; true: none was. */
bool job_has_none(const struct job_params *p, const char *const keys[], const char *accepted,
                  struct job_refusal *why);

/* Are these parameters those of a job, or of none, that can be carried? False: why not. */
bool job_check(const struct job_params *p, struct job_refusal *why);

/* A new job, RUNNING, or WAITING if the network is not ready. NULL: refused; either *why says what
 * is wrong with the parameters, or its key is NULL and a `refused` record was written. `p` is of a
 * job and is copied; one that cannot begin at once is not remembered. */
struct job *job_start(const struct job_params *p, struct job_refusal *why);

/* A job that is asked to end is over soon: at once if it never began. */
void job_stop(struct job *j);

/* Another rate while it runs: `p` is its parameters with that, which job_check() accepts, and they
 * are its own from now on. False: it cannot have that one now. */
bool job_set_rate(struct job *j, const struct job_params *p);

/* What it has come to so far, or came to. */
void job_totals_now(const struct job *j, struct job_totals *t);

/* By its kind: traffic begins now, and the time of intervals with it; it is over, and the last
 * interval is cut short. The last is needed only where a job goes on after its traffic. */
void job_moves(struct job *j, uint64_t now);
void job_rests(struct job *j, uint64_t now);

/* By its kind, or if it never began: the job is over, and all that it had is given back. `end` is a
 * literal, "done" if all went as asked. Its `result` is written. */
void job_ended(struct job *j, const char *end);

/* The job of that number, or the k-th there is; NULL: none. */
struct job *job_find(uint32_t id);
struct job *job_at(unsigned k);

/* The traffic can flow from now on: jobs that waited begin. */
void jobs_ready(void);

/* One turn of all; when the next one has to be. */
unsigned jobs_poll(uint64_t turn_ns);
uint64_t jobs_deadline(void);

/* Some wait or run; there have been some, and none does. */
bool jobs_busy(void);
bool jobs_done(void);

/* Stops all. */
void jobs_stop(void);

/* The criteria of every job. */
void jobs_judge(struct verdict *v);

/* The same of one job's totals, for whoever measures traffic without being one. */
void job_judge(struct verdict *v, const char *name, const struct job_params *p,
               const struct job_totals *t);

#endif
