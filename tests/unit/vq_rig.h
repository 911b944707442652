// SPDX-License-Identifier: BSD-3-Clause
/*
 * What tests of both formats of a ring share: a ring, the driver's side of it in short words, and a
 * device that reads and writes the ring's memory itself, as a device would, or as one would not.
 * Places in the ring are computed here and not taken from the driver.
 */
#ifndef VQ_RIG_H
#define VQ_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "sim.h"
#include "virtqueue_packed.h"
#include "virtqueue_split.h"

#define VQ_MAX       32768
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

extern const struct vq_ops *ring_ops; /* the format: &vq_split unless a test sets another */
extern uint8_t ring[VQ_PACKED_BYTES(VQ_MAX)];
extern struct vq_slot slots[VQ_MAX];
extern struct vq_table tables[VQ_MAX];
extern int tokens[VQ_MAX]; /* of buffers, by number */
extern struct vq vq;
extern unsigned size;

/* Entries that the device has taken, and completed: of a split ring buffers, of a packed ring
 * descriptors. They never wrap here. */
extern uint32_t avail_pos, used_pos;

/* An empty ring, in memory that held junk. */
void start(unsigned entries, uint64_t features);

/* ---- the driver's side --------------------------------------------------------------------------
 */

/* Adds a buffer of which each segment can be told from all others by its address and length: the
 * i-th is of 10 + i bytes. add() is one that the device writes, of one segment. fill(): as many as
 * there is room for, published. */
bool add_segs(int token, unsigned out_n, unsigned in_n);
void add(int token);
void fill(void);

/* The token of the next completion, -1: there is none. */
int take(uint32_t *len);

/* Takes nothing, because of this, and again nothing. */
void broken_by(const char *why, uint32_t evidence);

/* ---- the device's -------------------------------------------------------------------------------
 */

/* There is a buffer to take. */
bool available(void);

/* Takes it; its id, and in *descs how many descriptors it has. Fails unless it is that of
 * add_segs(), each segment where and as it should be. */
uint16_t get(int token, unsigned out_n, unsigned in_n, unsigned *descs);
uint16_t get_one(int token); /* of add() */

/* Completes any id, and skips so many descriptors of a packed ring. */
void complete(uint32_t id, uint32_t len, unsigned descs);

/* One descriptor of the packed ring, by position; the wrap counter of its round. */
uint8_t *packed_desc(uint32_t pos);
unsigned packed_round(uint32_t pos);

/* The split ring's areas: 0 flags, 1 idx, 2… ring, then used_event; bytes of the used ring. */
uint16_t split_avail(unsigned i);
uint8_t *split_used(unsigned offset);

#endif
