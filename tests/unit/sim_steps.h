// SPDX-License-Identifier: BSD-3-Clause
/*
 * What tests of the simulated device share: a driver that does one step at a time, right or wrong,
 * whatever the ring's format is. The device keeps the first breach of a rule, for sim_breached().
 */
#ifndef SIM_STEPS_H
#define SIM_STEPS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "mmio.h"
#include "sim.h"

#define LEN 2048 /* of a buffer */

/* The registers' places that these tests know. */
enum { R_STATUS = 0x14, R_QUEUE_SELECT = 0x16, R_QUEUE_SIZE = 0x18, R_QUEUE_ENABLE = 0x1c };
enum { R_QUEUE_DESC = 0x20, R_QUEUE_DRIVER = 0x28, R_QUEUE_DEVICE = 0x30 };

/* Flags of a descriptor. */
enum { NEXT = 1, WRITE = 2, INDIRECT = 4 };

extern struct sim_nic *nic;
extern volatile uint8_t *regs;
extern uint8_t ring[SIM_QUEUES][256];
extern uint8_t buf[8][LEN];

/* For a set-up: queues of this size, and `more` on offer. cmocka's tear-down. */
void power_on(uint16_t queue_size, uint64_t more);
int teardown(void **state);

/* Resets; adds a bit to the status; accepts features. up_to_features() does these in order, so that
 * FEATURES_OK is read back. */
void reset(void);
void set_status(uint8_t bit);
void accept_features(uint64_t f);
void up_to_features(uint64_t f);

/* An address of the selected queue; all fields of a queue, with the driver's and the device's area
 * this far into ring[q]; enables it. */
void address(unsigned at, const void *p);
void fields_at(unsigned q, uint16_t size, unsigned driver, unsigned device);
void enable(void);

void doorbell(unsigned q);

/* No rule was broken. */
void fine(void);

#endif
