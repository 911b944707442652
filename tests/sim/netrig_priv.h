// SPDX-License-Identifier: BSD-3-Clause
/* Between the files of the rig. */
#ifndef TESTS_SIM_NETRIG_PRIV_H
#define TESTS_SIM_NETRIG_PRIV_H

#include <stdbool.h>
#include <stdint.h>

/* netrig_frame.c */
static inline uint16_t rig_get16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t rig_get32(const uint8_t *p)
{
    return (uint32_t)rig_get16(p) << 16 | rig_get16(p + 2);
}

static inline void rig_put16(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static inline void rig_put32(uint8_t *p, uint32_t v)
{
    rig_put16(p, v >> 16);
    rig_put16(p + 2, v);
}

/* Of an IP frame: its protocol, what that protocol carries, and how many bytes of it there are. */
bool rig_is_v6(const uint8_t *frame);
uint8_t rig_proto_of(const uint8_t *frame);
uint8_t *rig_l4_of(uint8_t *frame);
uint32_t rig_l4_len(const uint8_t *frame);

/* Sum over the pseudo header and len bytes of l4. */
uint16_t rig_l4_sum(const uint8_t *frame, const uint8_t *l4, uint32_t len);

/* The host that an address of the peer's is; -1 if it is none. */
int rig_host_of(bool v6, const uint8_t *ip);

/* netrig_peer.c: checks a frame from the guest, and answers or keeps it. */
void rig_peer_take(uint8_t *frame, uint32_t len);

/* netrig_tcp.c: true if the frame is of one of its connections. All are forgotten. */
bool rig_tcp_take(uint8_t *frame);
void rig_tcp_reset(void);

/* netrig_vnet.c */
uint8_t *rig_delivered(void); /* the frame that the guest got last and still has, or NULL */

/* netrig_nic.c */
void rig_nic_reset(void);
void rig_nic_receive(const void *frame, uint32_t len);
/* The oldest frame the guest flushed; the caller frees *frame. */
bool rig_nic_sent(uint8_t **frame, uint32_t *len);

/* netrig_kernel.c */
void rig_records_reset(void);

/* netrig_mem.c */
void rig_mem_shorten(int pool); /* -1 = none */

#endif
