// SPDX-License-Identifier: BSD-3-Clause
/*
 * A kind of job that does what the test says, and is the only one there is: run=flood.
 */
#ifndef TESTS_UNIT_FAKE_JOB_H
#define TESTS_UNIT_FAKE_JOB_H

#include "job.h"

struct fake_job {
    const char *cannot; /* start() fails with this */
    const char *wrong;  /* check() does not like this key */
    unsigned started, stopped, turns;
    bool moves; /* traffic begins with the job */
    struct job_totals totals;
    struct figures sum;
    uint64_t due_ns;
    struct job_rate rate;
    bool rate_works;
    bool counts; /* it has some */
};
extern struct fake_job fake;
extern const struct job_kind fake_kind;

/* Set-up of a test, behind the rig's: no job, and a fake one would begin to move at once. */
void fake_job_setup(void);

#endif
