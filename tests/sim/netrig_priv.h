// SPDX-License-Identifier: BSD-3-Clause
/* Between the files of the rig. */
#ifndef TESTS_SIM_NETRIG_PRIV_H
#define TESTS_SIM_NETRIG_PRIV_H

#include <stdbool.h>
#include <stdint.h>

/* netrig_vnet.c */
void rig_nic_reset(void);
void rig_nic_receive(const void *frame, uint32_t len);
/* The oldest frame the guest flushed; the caller frees *frame. */
bool rig_nic_sent(uint8_t **frame, uint32_t *len);

/* netrig_kernel.c */
void rig_records_reset(void);

/* netrig_mem.c */
struct netif;
void rig_guard_input(struct netif *netif);
void rig_mem_shorten(int pool); /* -1 = none */

#endif
