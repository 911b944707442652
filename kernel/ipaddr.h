// SPDX-License-Identifier: BSD-3-Clause
/*
 * Internet addresses as text, read strictly: one spelling rule, nothing guessed, nothing behind the
 * end. IPv4 addresses are in host byte order, IPv6 addresses are 16 bytes in network byte order.
 */
#ifndef KERNEL_IPADDR_H
#define KERNEL_IPADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "A.B.C.D", decimal, no leading zeros (elsewhere they mean octal). s has n bytes. */
bool ipaddr_parse4(const char *s, size_t n, uint32_t *ip);

/* RFC 4291 section 2.2, all three forms; no zone. */
bool ipaddr_parse6(const char *s, size_t n, uint8_t ip[16]);

/* "ADDRESS/BITS". */
bool ipaddr_parse4_prefix(const char *s, size_t n, uint32_t *ip, uint8_t *bits);
bool ipaddr_parse6_prefix(const char *s, size_t n, uint8_t ip[16], uint8_t *bits);

/* The netmask of a prefix length, 0 to 32. */
static inline uint32_t ipaddr_mask4(unsigned bits)
{
    return bits == 0 ? 0 : UINT32_MAX << (32 - bits);
}

/* True if one host can have this address on a subnet of that prefix length: unicast, not loopback,
 * not reserved, and neither the subnet's own address nor its broadcast address, which a /31 and a
 * /32 do not have [RFC 3021]. */
bool ipaddr_is_host4(uint32_t ip, unsigned bits);

/* True if an interface can be given it: unicast and neither unspecified, loopback, IPv4-mapped nor
 * link-local (every interface has a link-local address already). */
bool ipaddr_is_host6(const uint8_t ip[16]);

#endif
