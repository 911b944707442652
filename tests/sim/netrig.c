// SPDX-License-Identifier: BSD-3-Clause
/*
 * The rig itself: bring-up and tear-down of the guest's stack, its pools, and the clock.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>
#include "lwip/dhcp.h"
#include "lwip/etharp.h"
#include "lwip/memp.h"
#include "lwip/netif.h"
#include "lwip/priv/memp_priv.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/stats.h"
#include "lwip/timeouts.h"
#include "lwip/udp.h"
#include "netport.h"
#include "netrig.h"
#include "netrig_priv.h"
#include "record.h"
#include "time.h"

struct rig rig;

/* ---- the pools of the stack ---------------------------------------------------------------- */

static const char *const pool_names[] = {
#define LWIP_MEMPOOL(name, num, size, desc) #name,
#include "lwip/priv/memp_std.h"
    NULL,
};

const char *const *rig_pool_names(void)
{
    return pool_names;
}

static int pool_of(const char *name)
{
    for (int i = 0; i < MEMP_MAX; i++) {
        if (strcmp(pool_names[i], name) == 0)
            return i;
    }
    fail_msg("no pool %s", name);
    return -1;
}

unsigned rig_pool_size(const char *name)
{
    return memp_pools[pool_of(name)]->num;
}

unsigned rig_pool_used(const char *name)
{
    return memp_pools[pool_of(name)]->stats->used;
}

unsigned rig_pool_max(const char *name)
{
    return memp_pools[pool_of(name)]->stats->max;
}

unsigned rig_pool_failures(const char *name)
{
    return (unsigned)memp_pools[pool_of(name)]->stats->err;
}

void rig_pool_shorten(const char *name)
{
    rig_mem_shorten(name != NULL ? pool_of(name) : -1);
}

/* ---- turns --------------------------------------------------------------------------------- */

void rig_inject(const void *frame, uint32_t len)
{
    rig_nic_receive(frame, len);
}

/* Hands the guest's frames to the peer; returns how many there were. */
static unsigned deliver(void)
{
    unsigned n = 0;
    uint8_t *frame;
    uint32_t len;

    while (rig_nic_sent(&frame, &len)) {
        n++;
        rig.guest_frames++;
        rig_peer_take(frame, len);
        free(frame);
    }
    return n;
}

static unsigned turn(void)
{
    unsigned done = netport_poll(rig.now_ns);

    if (rig.poll != NULL)
        done += rig.poll(rig.now_ns);
    netport_flush();
    assert_true(netport_check()); /* nobody keeps a buffer of the NIC from one turn to the next */
    return done + deliver();
}

void rig_pump(void)
{
    for (unsigned i = 0; i < 100000; i++) {
        if (turn() == 0)
            return;
    }
    fail_msg("guest and peer do not come to rest");
}

void rig_advance_ms(uint64_t ms)
{
    const uint64_t end_ns = rig.now_ns + ms * NS_PER_MS;

    rig_pump(); /* what the test itself has queued */
    while (rig.now_ns < end_ns) {
        uint64_t step_ns = end_ns - rig.now_ns;

        /* As the main loop does: nothing happens before the stack's next timer. */
        if (rig.poll == NULL && netport_may_sleep(&step_ns) && netport_still_idle())
            netport_awake();
        else
            step_ns = NS_PER_MS;
        rig.now_ns += step_ns < NS_PER_MS ? NS_PER_MS : step_ns;
        rig_pump();
    }
}

/* ---- bring-up and tear-down ---------------------------------------------------------------- */

void rig_prepare(void)
{
    const uint64_t now_ns = rig.now_ns;

    memset(&rig, 0, sizeof(rig));
    rig.now_ns = now_ns != 0 ? now_ns : NS_PER_S; /* the clock never goes back */
    rig.nics = 1;
    rig.link_up = true;
    rig.peer_wnd = 1 << 20;
    rig.tx_ring = CONFIG_TX_RING;
    rig.rx_keep = CONFIG_RX_HELD;
    rig.conf.net[0].ip_mode = CONF_IP_STATIC;
    rig.conf.net[0].ip = RIG_GUEST_IP;
    rig.conf.net[0].ip_bits = 24;
    rig.conf.net[0].gw = RIG_PEER_IP;
    rig.conf.net[0].ip6_mode = CONF_IP_AUTO;
    rig.conf.services = SERVICE_ALL;
    rig_drop_frames();
    rig_records_reset();
}

void rig_start(void)
{
    rig_nic_reset();
    assert_int_equal(netport_init(&rig.conf), rig.nics);
    rig_pump();
}

int rig_setup(void **state)
{
    (void)state;
    rig_prepare();
    rig_start();
    rig_advance_ms(2500); /* duplicate detection */
    rig_drop_frames();
    return 0;
}

static void end_tcp(void)
{
    rig_tcp_reset();
    while (tcp_active_pcbs != NULL)
        tcp_abort(tcp_active_pcbs);
    while (tcp_tw_pcbs != NULL)
        tcp_abort(tcp_tw_pcbs);
    while (tcp_bound_pcbs != NULL)
        tcp_abort(tcp_bound_pcbs);
    while (tcp_listen_pcbs.pcbs != NULL)
        tcp_close(tcp_listen_pcbs.pcbs);
}

static void dhcp_end(struct netif *netif)
{
    dhcp_stop(netif);
    dhcp_cleanup(netif);
}

int rig_teardown(void **state)
{
    (void)state;
    rig.tx_stuck = rig.second_stuck = false;
    rig.poll = NULL;
    rig.filter = NULL;
    end_tcp();
    rig_advance_ms(600); /* the TCP timer stops by itself */
    for (struct netif *netif = netif_list; netif != NULL; netif = netif->next) {
        if (netif_dhcp_data(netif) != NULL)
            dhcp_end(netif);
    }
    while (udp_pcbs != NULL)
        udp_remove(udp_pcbs);
    while (netif_list != NULL)
        netif_remove(netif_list);
    netport_flush(); /* their last words */
    for (int i = 0; i < lwip_num_cyclic_timers; i++)
        sys_untimeout(lwip_cyclic_timer, (void *)(uintptr_t)&lwip_cyclic_timers[i]);

    for (unsigned i = 0; i < MEMP_MAX; i++) {
        if (memp_pools[i]->stats->used != 0)
            print_error("pool %s: %u in use\n", pool_names[i], memp_pools[i]->stats->used);
        assert_int_equal(memp_pools[i]->stats->used, 0);
        assert_int_equal(memp_pools[i]->stats->err, 0);
        memp_pools[i]->stats->max = 0;
    }
    assert_int_equal(rig_nic_busy(), 0);
    assert_int_equal(record_dropped(), 0); /* each found room in its line */
    rig_nic_reset();
    rig_drop_frames();
    return 0;
}
