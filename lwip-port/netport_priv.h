// SPDX-License-Identifier: BSD-3-Clause
/* What the files behind netport.h show each other. */
#ifndef LWIP_PORT_NETPORT_PRIV_H
#define LWIP_PORT_NETPORT_PRIV_H

#include "ethif.h"

struct conf_net;
struct tcp_pcb;

unsigned netport_nics(void);
struct ethif *netport_ethif(unsigned k);

/* netport_ip.c: interface k, which is up, gets its addresses or asks for them; *c stays. */
void netport_ip_start(unsigned k, const struct conf_net *c);

/* True if the connection's packets leave by this interface. */
bool netport_leaves_by(const struct tcp_pcb *pcb, const struct netif *netif);

/* silence.c: if somebody waits for frames from this interface, or none have come for long, asks its
 * network something that has to be answered, and returns true. */
bool netport_probe(struct ethif *e, uint64_t now_ns);

#endif
