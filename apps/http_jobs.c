// SPDX-License-Identifier: BSD-3-Clause
/*
 * Jobs over HTTP, see the header. What is refused here is refused by the same words as at boot, and
 * counted.
 *
 * Room for the answer is taken before anything is changed: a client that is told to come again has
 * done nothing yet.
 */
#include "http_jobs.h"

#include "app.h"
#include "format.h"
#include "job_json.h"
#include "record.h"
#include "refusal.h"

#define SOURCE       "http"
#define NO_OBJECT    "the body is no object of JSON"
#define NO_RATE      "it cannot have another rate now"
#define ACCEPTED_RUN "a job, which serve and none are not"

/* ---- refusals ------------------------------------------------------------------------------ */

static uint16_t refuse(struct json *out, uint16_t status, const char *reason)
{
    json_str(out, "what", "job");
    json_str(out, "reason", reason);
    return status;
}

static uint16_t refuse_value(struct json *out, struct text key, struct text value,
                             const char *accepted)
{
    refuse(out, 422, APPS_VALUE_REFUSED);
    refusal_put(out, SOURCE, key, value, accepted);
    apps_refused_value("job", SOURCE, key, value, accepted);
    return 422;
}

/* Sets what the body says; 0, or the status with which that is refused. */
static uint16_t read_body(const struct http_request *r, const char *only, struct job_params *p,
                          struct json *out)
{
    struct job_json_refusal wrong;
    struct job_refusal why;

    switch (job_json_params(r->body, (size_t)r->body_bytes, only, p, &wrong)) {
    case JOB_JSON_NOT:
        apps_refused("job", NO_OBJECT);
        return refuse(out, 400, NO_OBJECT);
    case JOB_JSON_REFUSED:
        return refuse_value(out, wrong.key, wrong.value, wrong.accepted);
    case JOB_JSON_READ:
        break;
    }
    const struct text run = job_params_word(p, "run");
    if (!job_run_is_job(p->run))
        return refuse_value(out, text_from("run"), run.s != NULL ? run : text_from(""),
                            ACCEPTED_RUN);
    if (!job_check(p, &why))
        return refuse_value(out, text_from(why.key), text_from(why.value), why.accepted);
    return 0;
}

/* ---- changes ------------------------------------------------------------------------------- */

/* So that the records of a run explain themselves. */
static void record_change(const struct job *j, const char *what)
{
    static struct record_budget budget;
    struct json *out;

    if (!record_allowed(&budget))
        return;
    out = record_begin("job");
    json_str(out, "job", j->name);
    json_str(out, "what", what);
    job_json_put_params(j, out);
    record_end();
}

static uint16_t start(const struct http_request *r, struct json *out, struct http_reply *reply)
{
    struct job_params p;
    struct job_refusal why;
    uint16_t status;

    job_params_init(&p);
    status = read_body(r, NULL, &p, out);
    if (status != 0)
        return status;
    const struct job *j = job_start(&p, &why);
    if (j == NULL)
        return refuse(out, why.full ? 503 : 409, why.reason);
    record_change(j, "start");
    format(reply->location, sizeof(reply->location), "/jobs/%u", j->id);
    job_json_put(j, out);
    return 201;
}

static uint16_t change(const struct http_request *r, struct job *j, struct json *out)
{
    struct job_params p = j->params;
    uint16_t status = read_body(r, "rate", &p, out);

    if (status != 0)
        return status;
    if (!job_set_rate(j, &p)) {
        apps_refused("job", NO_RATE);
        return refuse(out, 409, NO_RATE);
    }
    record_change(j, "rate");
    job_json_put(j, out);
    return 200;
}

static uint16_t stop(struct job *j, struct json *out)
{
    if (j->state != JOB_OVER && !j->stopping)
        record_change(j, "stop");
    job_stop(j);
    job_json_put(j, out);
    return j->state == JOB_OVER ? 200 : 202;
}

/* ---- answers ------------------------------------------------------------------------------- */

static void list(struct json *out)
{
    const struct job *j;

    json_array(out, "jobs");
    for (unsigned k = 0; (j = job_at(k)) != NULL; k++) {
        json_object(out, NULL);
        job_json_put(j, out);
        json_end_object(out);
    }
    json_end_array(out);
}

void http_jobs(const struct http_request *r, const char *rest, struct http_reply *reply)
{
    struct json *out = http_json_begin(reply);
    uint16_t status = 200;

    (void)rest;
    if (out == NULL)
        return;
    if (r->method == HTTP_POST)
        status = start(r, out, reply);
    else
        list(out);
    http_json_end(reply, status);
}

/* The job whose number this is; NULL: none. */
static struct job *find(const char *rest)
{
    struct text text = text_from(rest), number;
    uint64_t id;

    text_next(&text, '?', &number);
    return text_number(number, 10, &id) && id <= UINT32_MAX ? job_find((uint32_t)id) : NULL;
}

void http_job(const struct http_request *r, const char *rest, struct http_reply *reply)
{
    struct job *j = find(rest);
    struct json *out;
    uint16_t status = 200;

    if (j == NULL) {
        http_reply_error(reply, 404);
        return;
    }
    out = http_json_begin(reply);
    if (out == NULL)
        return;
    if (r->method == HTTP_PATCH)
        status = change(r, j, out);
    else if (r->method == HTTP_DELETE)
        status = stop(j, out);
    else
        job_json_put(j, out);
    http_json_end(reply, status);
}
