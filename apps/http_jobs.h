// SPDX-License-Identifier: BSD-3-Clause
/*
 * Jobs over HTTP: /jobs and /jobs/N. Each answer is an object of JSON; see docs/jobs.md.
 */
#ifndef APPS_HTTP_JOBS_H
#define APPS_HTTP_JOBS_H

#include "http_route.h"

/* GET: all jobs. POST: a new one. */
void http_jobs(const struct http_request *r, const char *rest, struct http_reply *reply);

/* GET, PATCH and DELETE of the one whose number is in `rest`. */
void http_job(const struct http_request *r, const char *rest, struct http_reply *reply);

#endif
