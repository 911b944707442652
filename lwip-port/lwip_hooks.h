// SPDX-License-Identifier: BSD-3-Clause
/*
 * Functions of ours that lwIP calls; lwipopts.h says where.
 */
#ifndef LWIP_PORT_LWIP_HOOKS_H
#define LWIP_PORT_LWIP_HOOKS_H

#include "lwip/arch.h"
#include "lwip/err.h"
#include "lwip/ip_addr.h"

/* Initial sequence number [RFC 6528]: a clock of 4 us ticks plus a keyed hash of the 4-tuple. */
u32_t netport_tcp_isn(const ip_addr_t *local_ip, u16_t local_port, const ip_addr_t *remote_ip,
                      u16_t remote_port);

/* A segment came for this connection, p is its data. ERR_OK: it is to be processed. */
struct pbuf;
struct tcp_pcb;
err_t netport_tcp_in(struct tcp_pcb *pcb, const struct pbuf *p);

/* A segment goes out, p from its TCP header on; pcb is NULL for one of no connection. */
struct tcp_hdr;
void netport_tcp_out(const struct tcp_pcb *pcb, struct pbuf *p, struct tcp_hdr *hdr);

/* A DHCP server offers or grants the address, both in host order; mask 0: it did not say. 1: one
 * host can have it; 0: it is counted, and the first one of a NIC reported (address.c). */
struct netif;
int netport_dhcp_lease(const struct netif *netif, u32_t ip, u32_t mask);

#endif
