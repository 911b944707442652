// SPDX-License-Identifier: BSD-3-Clause
/*
 * Counters of driver and stack, as sums and as JSON.
 */
#include "netport.h"

#include "lwip/memp.h"
#include "lwip/priv/memp_priv.h"
#include "lwip/stats.h"
#include "netport_priv.h"
#include "string.h"
#include "time.h"

static_assert(sizeof(lwip_stats.tcp.xmit) == 8, "the statistics record promises 64 bits");

static const char *const pool_names[MEMP_MAX] = {
#define LWIP_MEMPOOL(name, num, size, desc) "lwip." desc,
#include "lwip/priv/memp_std.h"
};

uint64_t netport_alloc_failures(void)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < MEMP_MAX; i++)
        sum += memp_pools[i]->stats->err;
    for (unsigned k = 0; k < netport_nics(); k++)
        sum += vnet_alloc_failures(netport_ethif(k)->vn);
    return sum;
}

bool netport_check(void)
{
    bool good = true;

    for (unsigned k = 0; k < netport_nics(); k++)
        good = vnet_audit(netport_ethif(k)->vn) && good;
    return good;
}

void netport_repair(void)
{
    for (unsigned k = 0; k < netport_nics(); k++)
        if (!vnet_audit(netport_ethif(k)->vn))
            vnet_repair(netport_ethif(k)->vn);
}

void netport_totals(struct netport_totals *t)
{
    memset(t, 0, sizeof(*t));
    for (unsigned k = 0; k < netport_nics(); k++) {
        const struct vnet *vn = netport_ethif(k)->vn;
        const uint64_t rx_gap_us = vnet_gap_max_ns(vn, false) / NS_PER_US;
        const uint64_t tx_gap_us = vnet_gap_max_ns(vn, true) / NS_PER_US;
        struct vnet_totals v;

        vnet_totals(vn, &v);
        t->rx_packets += v.rx_packets;
        t->rx_bytes += v.rx_bytes;
        t->tx_packets += v.tx_packets;
        t->tx_bytes += v.tx_bytes;
        t->resets += v.resets;
        t->errors += v.errors;
        t->violations += v.violations;
        if (t->late_max_us < v.late_max_ns / NS_PER_US)
            t->late_max_us = v.late_max_ns / NS_PER_US;
        for (unsigned i = 0; i < VNET_CAUSES; i++) {
            t->stalls += v.stalls[i];
            t->stalls_judged += v.judged[i];
        }
        for (unsigned i = 0; i < VNET_ACTIONS; i++)
            t->recoveries += v.recoveries[i];
        if (t->rx_gap_max_us < rx_gap_us)
            t->rx_gap_max_us = rx_gap_us;
        if (t->tx_gap_max_us < tx_gap_us)
            t->tx_gap_max_us = tx_gap_us;
    }
}

static void json_proto(struct json *j, const char *name, const struct stats_proto *s)
{
    json_object(j, name);
    json_u64(j, "xmit", s->xmit);
    json_u64(j, "recv", s->recv);
    json_u64(j, "drop", s->drop);
    json_u64(j, "chkerr", s->chkerr);
    json_u64(j, "lenerr", s->lenerr);
    json_u64(j, "memerr", s->memerr);
    json_u64(j, "rterr", s->rterr);
    json_u64(j, "proterr", s->proterr);
    json_u64(j, "opterr", s->opterr);
    json_u64(j, "err", s->err);
    json_end_object(j);
}

static void json_interface(struct json *j, const struct ethif *e)
{
    json_object(j, NULL);
    json_str(j, "nic", vnet_name(e->vn));
    json_u64(j, "rx_runt", e->rx_runt);
    json_u64(j, "rx_oversized", e->rx_oversized);
    json_u64(j, "rx_source", e->rx_source);
    json_u64(j, "rx_foreign", e->rx_foreign);
    json_u64(j, "rx_merged", e->rx_merged);
    json_u64(j, "rx_no_pbuf", e->rx_no_pbuf);
    json_u64(j, "tx_busy", e->tx_busy);
    json_u64(j, "tx_oversized", e->tx_oversized);
    json_u64(j, "dhcp_unusable", e->dhcp_unusable);
    json_u64(j, "ip_claimed", e->ip_claimed);
    json_end_object(j);
}

static void json_lwip(struct json *j)
{
    json_object(j, "lwip");
    json_proto(j, "link", &lwip_stats.link);
    json_proto(j, "etharp", &lwip_stats.etharp);
    json_proto(j, "ip", &lwip_stats.ip);
    json_proto(j, "icmp", &lwip_stats.icmp);
    json_proto(j, "ip6", &lwip_stats.ip6);
    json_proto(j, "icmp6", &lwip_stats.icmp6);
    json_proto(j, "nd6", &lwip_stats.nd6);
    json_proto(j, "udp", &lwip_stats.udp);
    json_proto(j, "tcp", &lwip_stats.tcp);
    json_u64(j, "tcp_retransmits", lwip_stats.mib2.tcpretranssegs);
    json_u64(j, "tcp_resets_sent", lwip_stats.mib2.tcpoutrsts);
    json_array(j, "interfaces");
    for (unsigned k = 0; k < netport_nics(); k++)
        json_interface(j, netport_ethif(k));
    json_end_array(j);
    json_end_object(j);
}

static void json_causes(struct json *j, const char *name, const uint64_t stalls[VNET_CAUSES])
{
    json_object(j, name);
    for (unsigned i = 0; i < VNET_CAUSES; i++)
        json_u64(j, vnet_cause_name((enum vnet_cause)i), stalls[i]);
    json_end_object(j);
}

/* Sums over all NICs. */
static void json_stalls(struct json *j)
{
    struct vnet_totals v, sum = {0};

    for (unsigned k = 0; k < netport_nics(); k++) {
        vnet_totals(netport_ethif(k)->vn, &v);
        for (unsigned i = 0; i < VNET_CAUSES; i++) {
            sum.stalls[i] += v.stalls[i];
            sum.judged[i] += v.judged[i];
        }
        for (unsigned i = 0; i < VNET_ACTIONS; i++)
            sum.recoveries[i] += v.recoveries[i];
    }
    json_causes(j, "stalls_by_cause", sum.stalls);
    json_causes(j, "stalls_judged_by_cause", sum.judged);
    json_object(j, "recoveries_by_action");
    for (unsigned i = 0; i < VNET_ACTIONS; i++)
        json_u64(j, vnet_action_name((enum vnet_action)i), sum.recoveries[i]);
    json_end_object(j);
}

void netport_json(struct json *j)
{
    json_stalls(j);
    json_array(j, "pools");
    for (unsigned k = 0; k < netport_nics(); k++)
        vnet_json_pools(netport_ethif(k)->vn, j);
    for (unsigned i = 0; i < MEMP_MAX; i++) {
        const struct stats_mem *s = memp_pools[i]->stats;

        json_object(j, NULL);
        json_str(j, "name", pool_names[i]);
        json_u64(j, "size", memp_pools[i]->num);
        json_u64(j, "used", s->used);
        json_u64(j, "max", s->max);
        json_u64(j, "failures", s->err);
        json_end_object(j);
    }
    json_end_array(j);

    json_array(j, "queues");
    for (unsigned k = 0; k < netport_nics(); k++)
        vnet_json_queues(netport_ethif(k)->vn, j);
    json_end_array(j);

    json_object(j, "buffers");
    for (unsigned k = 0; k < netport_nics(); k++)
        vnet_json_buffers(netport_ethif(k)->vn, j);
    json_end_object(j);

    json_lwip(j);
}
