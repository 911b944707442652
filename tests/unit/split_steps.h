// SPDX-License-Identifier: BSD-3-Clause
/*
 * The steps of a driver with split rings of SIZE entries. In ring[q]: descriptors at 0, the
 * available ring at 64, the used ring at 128.
 */
#ifndef SPLIT_STEPS_H
#define SPLIT_STEPS_H

#include "sim_steps.h"

#define SIZE   4

#define PLAIN  SIM_F_VERSION_1
#define EVENT  (PLAIN | SIM_F_EVENT_IDX)
#define TABLES (PLAIN | SIM_F_INDIRECT_DESC)

int setup(void **state);
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

/* Sets up a queue; enables it, too; brings everything up. */
void fields(unsigned q, uint16_t size);
void queue(unsigned q);
void up(uint64_t f);

/* One descriptor, wherever it lies; descriptor i of a queue. */
void desc_at(uint8_t *at, const void *p, uint32_t len, uint16_t flags, uint16_t next);
void desc(unsigned q, unsigned i, const void *p, uint32_t len, uint16_t flags);

/* Places in the rings: 0 flags, 1 idx, 2… entries; bytes from the used ring's start. */
uint16_t *avail(unsigned q, unsigned i);
uint16_t *used(unsigned q, unsigned offset);

/* Makes a buffer available as descriptor i; shows the index. posted(): is up, with descriptor 0 of
 * both queues posted by the rules. */
void post(unsigned q, unsigned i);
void show(unsigned q, uint16_t idx);
void posted(uint64_t f);

#endif
