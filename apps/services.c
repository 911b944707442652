// SPDX-License-Identifier: BSD-3-Clause
/*
 * The list of services: which exist, which were started, their turns in the main loop; and the job
 * that the configuration asks for.
 */
#include "app.h"

#include "conn.h"
#include "job.h"

const struct conf *apps_conf;

static const struct service *const services[] = {
    &iperf3_service, &echo_service, &discard_service, &chargen_service,
    &http_service,   &sink_service, &stamp_service,   &relay_service,
};
#define SERVICES (sizeof(services) / sizeof(services[0]))

static bool started[SERVICES];

static bool start_job(const struct job_params *p)
{
    struct job_refusal why;

    return !job_run_is_job(p->run) || job_start(p, &why) != NULL;
}

bool apps_start(const struct conf *c)
{
    apps_conf = c;
    conn_init();
    jobs_init();
    for (unsigned i = 0; i < SERVICES; i++) {
        if (!(c->services & services[i]->bit))
            continue;
        if (!services[i]->start())
            return false;
        started[i] = true;
    }
    return start_job(&c->job);
}

unsigned apps_poll(uint64_t now)
{
    unsigned done = jobs_poll(now);

    for (unsigned i = 0; i < SERVICES; i++) {
        if (started[i] && services[i]->poll != NULL)
            done += services[i]->poll(now);
    }
    return done;
}

uint64_t apps_deadline(void)
{
    uint64_t first = jobs_deadline();

    for (unsigned i = 0; i < SERVICES; i++) {
        if (!started[i] || services[i]->deadline == NULL)
            continue;
        uint64_t t = services[i]->deadline();
        if (t < first)
            first = t;
    }
    return first;
}

void apps_finish(void)
{
    for (unsigned i = 0; i < SERVICES; i++)
        if (started[i] && services[i]->finish != NULL)
            services[i]->finish();
}

void apps_json_services(struct json *j)
{
    for (unsigned i = 0; i < SERVICES; i++) {
        if (started[i])
            json_str(j, NULL, services[i]->name);
    }
}

void apps_json_service_stats(struct json *j)
{
    for (unsigned i = 0; i < SERVICES; i++) {
        if (!started[i] || services[i]->stats == NULL)
            continue;
        json_object(j, services[i]->name);
        services[i]->stats(j);
        json_end_object(j);
    }
}
