// SPDX-License-Identifier: BSD-3-Clause
/*
 * Frames from the driver to lwIP.
 */
#ifndef LWIP_PORT_ETHIF_RX_H
#define LWIP_PORT_ETHIF_RX_H

#include <stdbool.h>
#include <stdint.h>

struct ethif;
struct netbuf;

/* Takes a received frame: the stack gets it, or it is dropped and counted. One that may be merged
 * with the next is kept until that comes, at the latest until ethif_rx_end(), which is called
 * before frames of another interface come, and before the loop does anything else. */
void ethif_rx(struct ethif *e, struct netbuf *nb);
void ethif_rx_end(struct ethif *e);

/* True if the checksum of TCP or UDP need not be looked at, in a received frame that begins like
 * that. One that nobody has finished cannot be wrong, but it has to be that of TCP or UDP, where
 * lwIP looks for it. */
bool ethif_csum_vouched(const struct netbuf *nb, const uint8_t *frame);

/* Has lwIP do with checksums what it does unless a frame calls for something else: all of what is
 * received are verified, those of TCP and UDP in what is sent are left to ethif_tx(). */
void ethif_rx_verify_all(struct ethif *e);

#endif
