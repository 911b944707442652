// SPDX-License-Identifier: BSD-3-Clause
/*
 * The list of services: which exist, which were started, their turns in the main loop.
 */
#include "app.h"

#include "conn.h"

const struct conf *apps_conf;

static const struct service *const services[] = {
    &iperf3_service, &echo_service, &discard_service, &chargen_service, &http_service,
};
#define SERVICES (sizeof(services) / sizeof(services[0]))

static bool started[SERVICES];

bool apps_start(const struct conf *c)
{
    apps_conf = c;
    conn_init();
    for (unsigned i = 0; i < SERVICES; i++) {
        if (!(c->services & services[i]->bit))
            continue;
        if (!services[i]->start())
            return false;
        started[i] = true;
    }
    return true;
}

unsigned apps_poll(uint64_t now)
{
    unsigned done = 0;

    for (unsigned i = 0; i < SERVICES; i++) {
        if (started[i] && services[i]->poll != NULL)
            done += services[i]->poll(now);
    }
    return done;
}

uint64_t apps_deadline(void)
{
    uint64_t first = UINT64_MAX;

    for (unsigned i = 0; i < SERVICES; i++) {
        if (!started[i] || services[i]->deadline == NULL)
            continue;
        uint64_t t = services[i]->deadline();
        if (t < first)
            first = t;
    }
    return first;
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
