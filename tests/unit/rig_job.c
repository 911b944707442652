// SPDX-License-Identifier: BSD-3-Clause
/*
 * See rig_job.h.
 */
#include "rig_job.h"
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "netrig.h"

struct job_params rig_job;

void rig_job_set(struct job_params *p, const char *key, const char *value)
{
    assert_true(job_params_set(p, job_key_find(text_from(key)), text_from(value)));
}

void rig_job_say(const char *key, const char *value)
{
    rig_job_set(&rig_job, key, value);
}

void rig_job_setup(const char *run)
{
    jobs_init();
    jobs_ready();
    rig.poll = jobs_poll;
    job_params_init(&rig_job);
    rig_job_say("run", run);
    rig_job_say("target", "10.0.2.1");
}

struct job *rig_job_start(void)
{
    struct job_refusal why;
    struct job *job = job_start(&rig_job, &why);

    assert_non_null(job);
    return job;
}

/* Said beforehand or when it should start. */
static void check_refusal(const char *key, const char *value)
{
    struct job_refusal why;

    assert_false(job_check(&rig_job, &why));
    assert_string_equal(why.key, key);
    assert_non_null(why.accepted);
    if (value != NULL)
        assert_string_equal(why.value, value);
    assert_null(job_start(&rig_job, &why));
    assert_string_equal(why.key, key);
}

void rig_job_is_refused(const char *key)
{
    check_refusal(key, NULL);
}

void rig_job_refuses(const char *const (*wrong)[2], unsigned n)
{
    const struct job_params good = rig_job;
    struct job_refusal why;

    assert_true(job_check(&rig_job, &why));
    for (unsigned i = 0; i < n; i++) {
        rig_job_say(wrong[i][0], wrong[i][1]);
        check_refusal(wrong[i][0], wrong[i][1]);
        rig_job = good;
    }
    rig_job.target.version = 0;
    check_refusal("target", NULL);
    rig_job = good;
}

void rig_job_finds_nobody(const char *target, const char *why)
{
    rig_job_say("target", target);
    const struct job *job = rig_job_start();

    rig_advance_ms(3100);
    assert_int_equal(job->state, JOB_OVER);
    assert_non_null(strstr(job->end, why));
}
