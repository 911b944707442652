// SPDX-License-Identifier: BSD-3-Clause
/*
 * Our options, for lwIP's own unit tests: sizes, pools, hooks and behaviour as in the guest. What
 * the tests cannot be compiled without is added; it stands beside what is tested and changes none
 * of it.
 */
#ifndef TESTS_LWIP_LWIPOPTS_H
#define TESTS_LWIP_LWIPOPTS_H

#include "../../lwip-port/lwipopts.h"

/* Interfaces of lwIP that tests look through. */
#define LWIP_NETIF_EXT_STATUS_CALLBACK 1
#define ETHARP_SUPPORT_STATIC_ENTRIES  1
#undef MEM_STATS
#define MEM_STATS 1

/* Whole files are about these beside other things. Their own tests are in exceptions.h. */
#undef LWIP_NETIF_LOOPBACK
#define LWIP_NETIF_LOOPBACK 1
#undef LWIP_HAVE_LOOPIF
#define LWIP_HAVE_LOOPIF 1
#undef IP_REASSEMBLY
#define IP_REASSEMBLY 1
#undef IP_FRAG
#define IP_FRAG 1
#undef LWIP_IPV6_FRAG
#define LWIP_IPV6_FRAG 1
#undef LWIP_IPV6_REASS
#define LWIP_IPV6_REASS 1

/* The TCP tests want to send more than they have room to receive, and count a window in 16 bits. */
#undef TCP_WND
#define TCP_WND (7 * TCP_MSS)

/* The TCP tests choose sequence numbers through lwIP's counter. */
#undef LWIP_HOOK_TCP_ISN

/* Timers of the tests' own. */
#define MEMP_NUM_SYS_TIMEOUT (LWIP_NUM_SYS_TIMEOUT_INTERNAL + 8)

/* Who would judge leases is not part of these tests: all are good. */
#undef LWIP_HOOK_DHCP_LEASE
#define LWIP_HOOK_DHCP_LEASE(netif, ip, mask) 1

/* The DHCP tests look at leases once a minute. */
#undef DHCP_COARSE_TIMER_SECS
#define DHCP_COARSE_TIMER_SECS 60

#endif
