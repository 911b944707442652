// SPDX-License-Identifier: BSD-3-Clause
/* What netport.c shows to netport_stats.c. */
#ifndef LWIP_PORT_NETPORT_PRIV_H
#define LWIP_PORT_NETPORT_PRIV_H

#include "ethif.h"

struct tcp_pcb;

unsigned netport_nics(void);
struct ethif *netport_ethif(unsigned k);

/* True if the connection's packets leave by this interface. */
bool netport_leaves_by(const struct tcp_pcb *pcb, const struct netif *netif);

/* silence.c: if somebody waits for frames from this interface, or none have come for long, asks its
 * network something that has to be answered, and returns true. */
bool netport_probe(struct ethif *e, uint64_t now_ns);

#endif
