// SPDX-License-Identifier: BSD-3-Clause
/*
 * See fake_job.h.
 */
#include "fake_job.h"

#include <string.h>
#include "app.h"
#include "netrig.h"

const struct conf *apps_conf = &rig.conf;
struct fake_job fake;

static bool fake_check(const struct job_params *p, struct job_refusal *why)
{
    (void)p;
    *why = (struct job_refusal){.key = fake.wrong, .accepted = "something else"};
    return fake.wrong == NULL;
}

static bool fake_start(struct job *j, uint64_t now, const char **why)
{
    *why = fake.cannot;
    fake.started++;
    if (fake.moves)
        job_moves(j, now);
    return fake.cannot == NULL;
}

static unsigned fake_turn(struct job *j, uint64_t now)
{
    (void)j, (void)now;
    fake.turns++;
    return 0;
}

static uint64_t fake_deadline(const struct job *j)
{
    (void)j;
    return fake.due_ns;
}

static void fake_stop(struct job *j)
{
    (void)j;
    fake.stopped++;
}

static bool fake_rate(struct job *j, struct job_rate rate)
{
    (void)j;
    fake.rate = rate;
    return fake.rate_works;
}

static void fake_progress(struct job *j, uint64_t now, struct figures *sum, uint64_t *gap_us,
                          bool *warm_up)
{
    (void)j, (void)now;
    *sum = fake.sum;
    *gap_us = 5;
    *warm_up = false;
}

static void fake_totals(const struct job *j, struct job_totals *t)
{
    (void)j;
    *t = fake.totals;
}

static void fake_result(const struct job *j, struct json *out)
{
    (void)j;
    json_u64(out, "of_its_own", 1);
}

static void fake_more(const struct job *j, struct json *out)
{
    (void)j;
    if (fake.counts)
        json_u64(out, "counted", 7);
}

const struct job_kind fake_kind = {
    .name = "fake",
    .run = JOB_RUN_FLOOD,
    .measures = 1u << JOB_MAX_LOSS | 1u << JOB_MAX_P99,
    .check = fake_check,
    .start = fake_start,
    .turn = fake_turn,
    .deadline = fake_deadline,
    .stop = fake_stop,
    .set_rate = fake_rate,
    .progress = fake_progress,
    .totals = fake_totals,
    .more = fake_more,
    .result = fake_result,
};
const struct job_kind *const job_kinds[] = {&fake_kind, NULL};

void fake_job_setup(void)
{
    jobs_init();
    memset(&fake, 0, sizeof(fake));
    fake.moves = true;
    fake.due_ns = UINT64_MAX;
    rig.poll = jobs_poll;
}
