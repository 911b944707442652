// SPDX-License-Identifier: BSD-3-Clause
/*
 * What tests of the driver share: the simulated device at one end, the driver's own functions at
 * the other, and words for what happens in between. A test reads
 *
 *     up();
 *     assert_true(sim_rx(nic, frame, 60));
 *     assert_int_equal(receive(), 1);
 *     sim_needs_reset(nic);
 *     after_the_reset_traffic_flows(1);
 *
 * setup() makes a machine with one NIC, which up() brings up; whatever is special about the device
 * or asked of the driver is changed in between. Names have no prefix: they are the language of the
 * tests, and no driver sees them.
 */
#ifndef VNET_RIG_H
#define VNET_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "config.h"
#include "sim.h"
#include "virtio_net.h"

#define MS           1000000ull
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define FRAME_MAX    (14 + 40 + 65535) /* the largest merged segment */

#define TSO          (SIM_F_GUEST_TSO4 | SIM_F_GUEST_TSO6)
#define HOST_TSO     (SIM_F_HOST_TSO4 | SIM_F_HOST_TSO6)
#define OFFLOADS     (SIM_F_CSUM | SIM_F_GUEST_CSUM | TSO | SIM_F_GUEST_ECN)

/* The header before a frame [5.1.6]: flags, types, and where its fields are. */
enum { NEEDS_CSUM = 1, DATA_VALID = 2 };
enum { TCPV4 = 1, UDP = 3, TCPV6 = 4, ECN = 0x80 };
enum { HDR_FLAGS, HDR_GSO_TYPE, HDR_CSUM_START = 6, HDR_CSUM_OFFSET = 8 };

/* What setup() makes. All but RIG_LEGACY have the modern interface. */
enum rig_kind { RIG_SPLIT, RIG_PACKED, RIG_LEGACY };

extern enum rig_kind rig_kind;
extern struct sim_nic *nic;                   /* the device; NULL: none yet */
extern struct vnet *vn;                       /* its driver; NULL: not up */
extern struct vnet_options opt[CONFIG_NICS];  /* what up() asks of it: nothing */
extern struct netbuf *frames[CONFIG_RX_RING]; /* for what is received */
extern uint8_t frame[FRAME_MAX + 64];         /* the content of frames both ways */

/* cmocka's: a machine with one NIC. teardown() fails the test if a doorbell is owed or a buffer is
 * lost. setup_empty() is a machine without a NIC. */
int setup(void **state);
int setup_empty(void **state);
int teardown(void **state);

/* The same in the middle of a test, which begins anew. again_bare(): with a NIC of the modern kind
 * that announces nothing about itself yet. */
void again(void);
void again_empty(void);
void again_bare(void);

/* Brings up the one NIC there is. up_with(): it offers more, before; again_up_without(): begins
 * anew with one that offers less. */
void up(void);
void up_with(uint64_t more);
void again_up_event_idx(bool offered);

/* The device's status once it is up. */
uint8_t status_up(void);

/* Time passes, and the driver's heartbeat comes; n times. */
void turn(uint64_t ns);
void turns(unsigned n, uint64_t ns);

/* Queues one frame for sending; false: no room. send_frames() queues as many as there is room for,
 * n at most, and flushes; returns how many. */
bool send_frame(uint32_t len);
unsigned send_frames(unsigned n, uint32_t len);

/* Receives everything there is, gives it back and returns how many frames. Each must be `frame`, as
 * far as it is long; with drain() anything will do. */
unsigned receive(void);
unsigned drain(struct vnet *v);

/* Receives one frame of so many bytes behind this header; returns what the driver says of it
 * (NETBUF_*), -1: dropped. */
int receive_behind(uint8_t flags, uint8_t gso_type, uint16_t start, uint16_t offset, uint32_t len);

/* n frames each way, one after the other, of all lengths from 60 to 1459 bytes. */
void traffic_flows(unsigned n);

/* As many frames at once as the receive ring takes, so many times. None may be lost. */
void bursts_flow(unsigned rounds);

/* The device asks for a reset; until it is up again. */
void recover(void);

/* Turns until the device was reset so many times and is up again, then the same. */
void after_the_reset_traffic_flows(unsigned resets);

/* The last record of this event: it has this in it; a number in it. */
void said(const char *event, const char *text);
uint64_t number(const char *event, const char *key);

/* A number of the statistics: of "rx", "tx" or "ctrl"; how many buffers of a pool ("rx", "tx") an
 * owner has. */
uint64_t stat_of(const char *queue, const char *key);
uint64_t owned(const char *pool, const char *owner);

/* The driver refuses the device, says why, and leaves it without access to memory. */
void refused(const char *why);

/* For main(): the tests as a group of this name, once with each kind of device; with those that
 * have the modern interface. The number of failures. */
#define RUN_ALL(name, tests)    run_kinds(name, RIG_LEGACY, tests, COUNT(tests))
#define RUN_MODERN(name, tests) run_kinds(name, RIG_PACKED, tests, COUNT(tests))
int run_kinds(const char *name, enum rig_kind last, const struct CMUnitTest *tests, size_t n);

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
