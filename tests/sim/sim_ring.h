// SPDX-License-Identifier: BSD-3-Clause
/*
 * Between sim_ring.c, which knows buffers and their owners, and the formats of a ring, which know
 * how buffers are written into it: sim_split.c and sim_packed.c.
 */
#ifndef SIM_RING_H
#define SIM_RING_H

#include "sim.h"

/* Areas of a ring [2.6] */
enum sim_area { SIM_NOWHERE, SIM_DESC_AREA, SIM_DRIVER_AREA, SIM_DEVICE_AREA };

struct sim_place {
    struct sim_nic *n;
    unsigned qi;
    enum sim_area area;
    unsigned offset; /* in the area */
};

struct sim_format {
    uint64_t (*bytes)(const struct sim_queue *q, enum sim_area area);
    bool (*aligned)(const struct sim_queue *q);

    /* The queue is enabled: the driver's part of the ring has to be as it must be at the start. */
    void (*enable)(struct sim_nic *n, unsigned qi);

    /* The driver accessed the ring; a write has been carried out. */
    void (*read)(const struct sim_place *at, uint64_t v, unsigned width);
    void (*written)(const struct sim_place *at, uint64_t v, unsigned width);

    /* The device's next buffer. False: none. */
    bool (*next)(struct sim_nic *n, unsigned qi, uint16_t *id);

    /* The device wants a doorbell for the next buffer, or none at all. */
    void (*wish)(struct sim_nic *n, unsigned qi, bool doorbell);

    /* Writes a completion; whether the driver wants an interrupt for what was completed since it
     * was last asked. */
    void (*complete)(struct sim_nic *n, unsigned qi, uint32_t id, uint32_t len);
    bool (*interrupt_wanted)(struct sim_nic *n, unsigned qi);

    /* What a correct device does not do: see sim_used_jump() and sim_garbage_wish(). */
    void (*jump)(struct sim_nic *n, unsigned qi, uint16_t idx);
    void (*garbage)(struct sim_nic *n, unsigned qi, uint16_t v);
};

extern const struct sim_format sim_split, sim_packed;

/* The one that was accepted. */
const struct sim_format *sim_format(const struct sim_nic *n);

/* A buffer becomes the device's: checks it and poisons its memory. */
void sim_expose(struct sim_nic *n, unsigned qi, uint16_t id, const struct sim_entry *e);

/* Whether the device has this id; takes a buffer from it. */
bool sim_has(const struct sim_queue *q, uint32_t id);
void sim_give_back(struct sim_queue *q, unsigned id);

/* The bytes of a buffer that have this direction, and moves `len` of them from or to it, from byte
 * `at` on. */
uint32_t sim_bytes(const struct sim_entry *e, bool writes);
void sim_transfer(const struct sim_entry *e, bool writes, uint32_t at, void *data, uint32_t len);

/* Appends a segment to an entry. */
void sim_add_seg(struct sim_entry *e, uint64_t addr, uint32_t len, bool writes);

/* Flags and address of a descriptor [2.7.5, 2.8.5]. */
uint64_t sim_desc_addr(const uint8_t *desc);
#define SIM_DESC_NEXT     1
#define SIM_DESC_WRITE    2
#define SIM_DESC_INDIRECT 4

/* Checks what a descriptor says about a table and notes it in the entry; returns the number of its
 * entries, 0 if there is no such table. */
unsigned sim_table(struct sim_nic *n, struct sim_entry *e, uint64_t addr, uint32_t len,
                   unsigned flags, const char *clause);

/* Does the step from `before` to `now` cover the wish `event`? Both sides have this rule
 * [2.7.7, 2.7.10]. */
bool sim_covers(uint32_t event, uint32_t before, uint32_t now);

bool sim_event_idx(const struct sim_nic *n);

/* The driver read this id as completed, whether or not it was. */
void sim_believed(struct sim_nic *n, unsigned qi, uint32_t id);

/* The driver looked, and the device's wish asks for a doorbell. */
void sim_kick_due(struct sim_nic *n, unsigned qi);

/* The driver asks for interrupts, and may then sleep: it owes no doorbell. */
void sim_owed(const struct sim_nic *n, unsigned qi);

#endif
