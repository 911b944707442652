// SPDX-License-Identifier: BSD-3-Clause
/*
 * Addresses that an interface cannot use, or not alone.
 *
 * Whoever asks why nobody reaches the guest finds it said: a lease that no host can have and an
 * IPv6 address that somebody else has already are `error` records; an IPv4 address that somebody
 * else claims, too, is a line for people, since anybody can claim it. Each once for an interface,
 * and counted. netport_dhcp_lease() (lwip_hooks.h) is the third of them.
 */
#ifndef LWIP_PORT_ADDRESS_H
#define LWIP_PORT_ADDRESS_H

#include "ethif.h"

/* The frame has an Ethernet and an ARP header, in one piece. */
void address_saw_arp(struct ethif *e, const uint8_t *frame);

/* Looks for addresses that failed duplicate detection since the last call. */
void address_check_ip6(struct ethif *e);

#endif
