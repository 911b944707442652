// SPDX-License-Identifier: BSD-3-Clause
/*
 * The verdict: was every promise that can be measured from inside kept, by the guest and by the
 * devices it was given?
 *
 * Of what others answer for only jobs are judged, and test frames that came where somebody has said
 * how: whoever asked wants to know. A peer that falls silent while the guest serves it, or a test
 * that was refused, is no failure.
 */
#include "verdict.h"

#include "app.h"
#include "job.h"
#include "netport.h"
#include "record.h"
#include "sink.h"
#include "string.h"

/* A frame handed to the device may be late; one that is later than the time within which every
 * stall has to be over was frozen. */
#define TX_GAP_MAX_US 1000000

void verdict_criterion(struct verdict *v, const char *job, const char *name, uint64_t limit,
                       uint64_t value)
{
    bool ok = strncmp(name, "min_", 4) == 0 ? value >= limit : value <= limit;

    v->pass = v->pass && ok;
    if (v->j == NULL)
        return;
    json_object(v->j, NULL);
    if (job != NULL)
        json_str(v->j, "job", job);
    json_str(v->j, "name", name);
    json_u64(v->j, "limit", limit);
    json_u64(v->j, "value", value);
    json_bool(v->j, "ok", ok);
    json_end_object(v->j);
}

static void judge(struct verdict *v)
{
    struct netport_totals totals;

    netport_totals(&totals);
    verdict_criterion(v, NULL, "alloc_failures", 0, netport_alloc_failures());
    verdict_criterion(v, NULL, "conservation_violations", 0,
                      totals.violations + (netport_check() ? 0 : 1));
    verdict_criterion(v, NULL, "tx_gap_max_us", TX_GAP_MAX_US, totals.tx_gap_max_us);
    verdict_criterion(v, NULL, "device_resets", 0, totals.resets);
    verdict_criterion(v, NULL, "device_errors", 0, totals.errors);
    verdict_criterion(v, NULL, "stalls", 0, totals.stalls_judged);
    jobs_judge(v);
    sink_judge(v);
}

bool verdict_record(void)
{
    struct verdict v = {.pass = true};
    struct json *j;

    judge(&v); /* the status comes first */
    j = record_begin("verdict");
    json_str(j, "status", v.pass ? "PASS" : "FAIL");
    json_array(j, "criteria");
    v.j = j;
    judge(&v);
    json_end_array(j);
    record_end();
    return v.pass;
}
