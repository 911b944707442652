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
#include "refusal.h"
#include "string.h"

struct refusal {
    const char *what, *reason;
    uint64_t count;
};

/* The last place is for pairs that found none of their own. */
static struct refusal refusals[CONFIG_REFUSAL_KINDS + 1] = {
    [CONFIG_REFUSAL_KINDS] = {.what = "other", .reason = "other"},
};
static uint64_t total;
static struct record_budget budget;

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

/* Its record, to which more may be added; NULL: there is none. */
static struct json *refuse(const char *what, const char *reason)
{
    struct refusal *r = find(what, reason);

    r->count++;
    total++;
    if (!record_allowed(&budget))
        return NULL;
    struct json *j = record_begin("refused");
    json_str(j, "what", what);
    json_str(j, "reason", reason);
    json_u64(j, "count", r->count);
    return j;
}

void apps_refused(const char *what, const char *reason)
{
    if (refuse(what, reason) != NULL)
        record_end();
}

void apps_refused_value(const char *what, const char *source, struct text key, struct text value,
                        const char *accepted)
{
    struct json *j = refuse(what, APPS_VALUE_REFUSED);

    if (j == NULL)
        return;
    refusal_put(j, source, key, value, accepted);
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
