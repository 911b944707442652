// SPDX-License-Identifier: BSD-3-Clause
/*
 * The stats object, the same over HTTP and as a record: put together from what each part says of
 * itself.
 */
#include "app.h"

#include "fault.h"
#include "netport.h"
#include "record.h"
#include "time.h"
#include "usage.h"

void apps_json_stats(struct json *j)
{
    struct netport_totals totals;

    netport_totals(&totals);
    json_u64(j, "uptime_us", time_us());
    json_u64(j, "alloc_failures", netport_alloc_failures());
    json_u64(j, "refusals", apps_refusals());
    json_array(j, "refused");
    apps_json_refusals(j);
    json_end_array(j);
    json_object(j, "gap_max_us");
    json_u64(j, "rx", totals.rx_gap_max_us);
    json_u64(j, "tx", totals.tx_gap_max_us);
    json_u64(j, "late", totals.late_max_us);
    json_end_object(j);
    json_u64(j, "conservation_violations", totals.violations);
    json_u64(j, "device_errors", totals.errors);
    json_u64(j, "stalls", totals.stalls);
    json_u64(j, "stalls_judged", totals.stalls_judged);
    json_u64(j, "recoveries", totals.recoveries);
    json_object(j, "totals");
    json_u64(j, "rx_packets", totals.rx_packets);
    json_u64(j, "rx_bytes", totals.rx_bytes);
    json_u64(j, "tx_packets", totals.tx_packets);
    json_u64(j, "tx_bytes", totals.tx_bytes);
    json_end_object(j);
    json_object(j, "loop");
    usage_json(j);
    json_end_object(j);
    json_u64(j, "records_dropped", record_dropped());
    json_array(j, "faults");
    fault_json(j);
    json_end_array(j);
    netport_json(j);
    json_object(j, "services");
    apps_json_service_stats(j);
    json_end_object(j);
}

void apps_stats_record(void)
{
    apps_json_stats(record_begin("stats"));
    record_end();
}
