// SPDX-License-Identifier: BSD-3-Clause
/*
 * Jobs as JSON: their parameters as an object with the keys of the configuration, and what there is
 * to say of one.
 */
#ifndef APPS_JOB_JSON_H
#define APPS_JOB_JSON_H

#include "job.h"

/* A key and its value as somebody else wrote them, and what would be accepted, a literal. */
struct job_json_refusal {
    struct text key, value;
    const char *accepted;
};

enum job_json { JOB_JSON_READ, JOB_JSON_NOT, JOB_JSON_REFUSED };

/* Sets what an object says, {"run":"flood","rate":"50kpps","flows":7}: values are strings or
 * numbers, and a key is there once. `only` NULL: any key; else that one alone, a literal, which has
 * to be there. JOB_JSON_NOT: it is no object of JSON. JOB_JSON_REFUSED: *why is about the first key
 * or value that is not accepted, and refers to the text; those before it are set. */
enum job_json job_json_params(const char *text, size_t len, const char *only, struct job_params *p,
                              struct job_json_refusal *why);

/* Writes the members of a job into an open object: what it is, what it was asked for and what it
 * has come to so far. */
void job_json_put(const struct job *j, struct json *out);

/* That of what it was asked for alone. */
void job_json_put_params(const struct job *j, struct json *out);

#endif
