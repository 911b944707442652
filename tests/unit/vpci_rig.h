// SPDX-License-Identifier: BSD-3-Clause
/*
 * What tests of the transport share: one device, which is probed, negotiated with and given queues
 * over the interface under test, without a driver for networks above.
 */
#ifndef VPCI_RIG_H
#define VPCI_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "sim.h"
#include "virtio_pci.h"
#include "virtqueue_split.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

extern struct sim_nic *nic;
extern struct vpci vp;
extern struct vq vq;
extern uint8_t ring[VQ_SPLIT_BYTES(1024)];
extern struct vq_slot slots[1024];

/* cmocka's: a modern device that announces nothing yet, one with everything in order, one with the
 * legacy interface alone, one with both. */
int setup_bare(void **state);
int setup_modern(void **state);
int setup_legacy(void **state);
int setup_transitional(void **state);
int teardown(void **state);
#define BARE(f)         cmocka_unit_test_setup_teardown(f, setup_bare, teardown)
#define MODERN(f)       cmocka_unit_test_setup_teardown(f, setup_modern, teardown)
#define LEGACY(f)       cmocka_unit_test_setup_teardown(f, setup_legacy, teardown)
#define TRANSITIONAL(f) cmocka_unit_test_setup_teardown(f, setup_transitional, teardown)

/* The same in the middle of a test, which begins anew. */
void again(int (*setup)(void **state));

/* What vpci_probe() says; it cannot be used, because of this. */
const char *probe(bool legacy);
void fails(const char *what);

/* Probed and reset, and all it offers is seen; features were agreed on besides. */
void reset(void);
void works(void);
void negotiated(uint64_t features);

/* A queue of at most 256 entries; why not. */
void prepare_queue(uint16_t index);
const char *set_queue(uint16_t index);

#endif
