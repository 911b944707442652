// SPDX-License-Identifier: BSD-3-Clause
/*
 * The verdict: was every promise that can be measured from inside kept, by the guest and by the
 * devices it was given?
 *
 * A criterion is a number and the most it may be. What others answer for is not judged: a peer that
 * falls silent, or a job that was refused, is no failure of the machine.
 */
#include "app.h"

#include "netport.h"
#include "record.h"

/* A frame handed to the device may be late; one that is later than the time within which every
 * stall has to be over was frozen. */
#define TX_GAP_MAX_US 1000000

struct criterion {
    const char *name;
    uint64_t limit, value;
};

bool verdict_record(void)
{
    struct netport_totals totals;

    netport_totals(&totals);
    const struct criterion criteria[] = {
        {"alloc_failures", 0, netport_alloc_failures()},
        {"conservation_violations", 0, totals.violations + (netport_check() ? 0 : 1)},
        {"tx_gap_max_us", TX_GAP_MAX_US, totals.tx_gap_max_us},
        {"device_resets", 0, totals.resets},
        {"device_errors", 0, totals.errors},
        {"stalls", 0, totals.stalls_judged},
    };
    const unsigned n = sizeof(criteria) / sizeof(criteria[0]);
    bool pass = true;

    for (unsigned i = 0; i < n; i++)
        pass = pass && criteria[i].value <= criteria[i].limit;

    struct json *j = record_begin("verdict");
    json_str(j, "status", pass ? "PASS" : "FAIL");
    json_array(j, "criteria");
    for (unsigned i = 0; i < n; i++) {
        json_object(j, NULL);
        json_str(j, "name", criteria[i].name);
        json_u64(j, "limit", criteria[i].limit);
        json_u64(j, "value", criteria[i].value);
        json_bool(j, "ok", criteria[i].value <= criteria[i].limit);
        json_end_object(j);
    }
    json_end_array(j);
    record_end();
    return pass;
}
