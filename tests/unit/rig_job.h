// SPDX-License-Identifier: BSD-3-Clause
/*
 * A job on the rig (tests/sim/netrig.h) that is asked for key by key, as on the command line. The
 * test program has the kinds of jobs that there are (job_kinds); all jobs start at once.
 */
#ifndef TESTS_UNIT_RIG_JOB_H
#define TESTS_UNIT_RIG_JOB_H

#include "job.h"

/* What the next job is asked. */
extern struct job_params rig_job;

/* Set-up of a test, behind the rig's: no job is there, and the next one is of this kind and to the
 * peer. */
void rig_job_setup(const char *run);

/* One thing more is asked, which has to be understood. The second: of any job. */
void rig_job_say(const char *key, const char *value);
void rig_job_set(struct job_params *p, const char *key, const char *value);

/* It starts, which has to succeed. */
struct job *rig_job_start(void);

/* It is refused, in words about this key. */
void rig_job_is_refused(const char *key);

/* What is asked now would be good; with any of these n keys and values it is refused, in words
 * about them, and so it is without a target. */
void rig_job_refuses(const char *const (*wrong)[2], unsigned n);

/* With this target it starts, and is over when nobody has answered, as it says in words that have
 * these among them. */
void rig_job_finds_nobody(const char *target, const char *why);

#endif
