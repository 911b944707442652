// SPDX-License-Identifier: BSD-3-Clause
/*
 * What applications share: the list of services, refusals, and the constant payload.
 */
#ifndef APPS_APP_H
#define APPS_APP_H

#include <stdbool.h>
#include <stdint.h>
#include "config.h"
#include "conf.h"
#include "json.h"
#include "text.h"

struct service {
    const char *name;
    uint32_t bit;        /* enum conf_service */
    bool (*start)(void); /* listeners; false: it said why in an `error` record */
    unsigned (*poll)(
        uint64_t now); /* one budgeted turn, ns since boot; returns work done. May be NULL */
    uint64_t (*deadline)(
        void); /* when poll must be called next, ns since boot; UINT64_MAX = no need. May be NULL */
    void (*stats)(struct json *j); /* members of its object in the stats record. May be NULL */
    void (*finish)(void);          /* the guest's run ends: its last records. May be NULL */
};

extern const struct service iperf3_service, echo_service, discard_service, chargen_service,
    http_service, sink_service, stamp_service, relay_service;

/* The configuration in force: what apps_start() was given, set before any service starts. */
extern const struct conf *apps_conf;

/* services.c: starts what the configuration asks for, with its job, which job_check() accepts;
 * polls; next deadline. */
bool apps_start(const struct conf *c);
unsigned apps_poll(uint64_t now);
uint64_t apps_deadline(void);

/* The guest's run ends: services that were started write their last records. */
void apps_finish(void);

/* "iperf3 echo …" as started, for the `ready` record: writes the elements of an open array. */
void apps_json_services(struct json *j);

/* Counts work turned away at the door and writes a `refused` record (at most 10 a second; the count
 * is always exact). `what` and `reason` are string literals; the pair is the counter. */
void apps_refused(const char *what, const char *reason);
/* The same because of a key's value, with the members of refusal_put() in the record. */
#define APPS_VALUE_REFUSED "a value is not accepted"
void apps_refused_value(const char *what, const char *source, struct text key, struct text value,
                        const char *accepted);

uint64_t apps_refusals(void);

/* Those counts by reason: writes the elements of an open array. */
void apps_json_refusals(struct json *j);

/* One member for each started service: its own statistics. */
void apps_json_service_stats(struct json *j);

/* The whole stats object (uptime_us, alloc_failures, refusals, …) into an open object; the same as
 * a `stats` record. */
void apps_json_stats(struct json *j);
void apps_stats_record(void);

/* Writes the `verdict` record. True: every criterion was met. */
bool verdict_record(void);

/* Immutable payload: seeded pseudo-random bytes that may be given to the stack by address for ever.
 * They repeat after PATTERN_BYTES. Filled once by pattern_init(). */
#define PATTERN_BYTES CONFIG_PATTERN_PERIOD
extern const uint8_t *const pattern;
void pattern_init(uint64_t seed);

/* Bytes that lie one behind the other from this place of the period on: enough for any segment. */
static inline uint32_t pattern_ahead(uint32_t place)
{
    return CONFIG_PATTERN_BYTES - place;
}

#endif
