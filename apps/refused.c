// SPDX-License-Identifier: BSD-3-Clause
/*
 * Work turned away at the door: exact counts by reason, and records at a bounded rate.
 *
 * The pair (what, reason) is the counter. Pairs come from string literals in our own source, so
 * their number is known; should it ever exceed the table, the rest is counted together and nothing
 * is lost.
 */
#include "app.h"

#include "record.h"
#include "string.h"
#include "time.h"

#define RECORDS_PER_S 10

struct refusal {
    const char *what, *reason;
    uint64_t count;
};

/* The last place is for pairs that found none of their own. */
static struct refusal refusals[CONFIG_REFUSAL_KINDS + 1] = {
    [CONFIG_REFUSAL_KINDS] = {.what = "other", .reason = "other"},
};
static uint64_t total;
static uint64_t window_ns;      /* when the current second of records began */
static unsigned window_records; /* written in it */

static struct refusal *find(const char *what, const char *reason)
{
    for (unsigned i = 0; i < CONFIG_REFUSAL_KINDS; i++) {
        struct refusal *r = &refusals[i];
        if (r->what == NULL) {
            r->what = what;
            r->reason = reason;
            return r;
        }
        if (strcmp(r->what, what) == 0 && strcmp(r->reason, reason) == 0)
            return r;
    }
    return &refusals[CONFIG_REFUSAL_KINDS];
}

static bool may_write_record(void)
{
    uint64_t now = time_ns();

    if (total == 1 || now - window_ns >= NS_PER_S) {
        window_ns = now;
        window_records = 0;
    }
    if (window_records == RECORDS_PER_S)
        return false;
    window_records++;
    return true;
}

void apps_refused(const char *what, const char *reason)
{
    struct refusal *r = find(what, reason);

    r->count++;
    total++;
    if (!may_write_record())
        return;
    struct json *j = record_begin("refused");
    json_str(j, "what", what);
    json_str(j, "reason", reason);
    json_u64(j, "count", r->count);
    record_end();
}

uint64_t apps_refusals(void)
{
    return total;
}

void apps_json_refusals(struct json *j)
{
    for (unsigned i = 0; i <= CONFIG_REFUSAL_KINDS; i++) {
        const struct refusal *r = &refusals[i];
        if (r->count == 0)
            continue;
        json_object(j, NULL);
        json_str(j, "what", r->what);
        json_str(j, "reason", r->reason);
        json_u64(j, "count", r->count);
        json_end_object(j);
    }
}
