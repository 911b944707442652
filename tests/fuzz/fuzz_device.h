// SPDX-License-Identifier: BSD-3-Clause
/*
 * Between the files of the target `device`: the device, the driver's user, and the numbers by which
 * both know frames again.
 */
#ifndef FUZZ_DEVICE_H
#define FUZZ_DEVICE_H

#include "fuzz.h"
#include "sim.h"

#define MS 1000000ull

extern struct sim_nic *nic; /* the device, and its driver */
extern struct vnet *vn;

/* ---- fuzz_device_marks.c: each frame has a number of its own ---- */

struct marks {
    uint32_t next;  /* the number of the next frame; they begin at 1 */
    uint32_t fresh; /* frames that came for the first time */
    uint8_t seen[8192];
};
extern struct marks rx_marks, tx_marks;

/* A new input: frames of earlier ones, which buffers still hold, have no number any more. */
void marks_begin(void);

/* The numbers that are kept for the end of an input; a script may use up all others. */
void marks_for_the_end(void);

/* Fills a frame and gives it the next number, or none if all are used up. */
void marks_make(struct marks *m, uint8_t *frame, uint32_t len);

/* The same of a TCP segment's headers; the payload of so many bytes, all MARKS_FILL, is elsewhere.
 * Returns their length. */
#define MARKS_FILL 0x5a
uint32_t marks_make_headers(struct marks *m, uint8_t *frame, bool ip6, uint32_t bytes);

/* The number of a frame that is long enough for one; 0: it has none. */
bool marks_fit(uint32_t len);
uint32_t marks_get(const uint8_t *frame);
void marks_wipe(uint8_t *frame);

/* Every byte from there on is as marks_make() leaves what is not the number. */
#define MARKS_BYTES 4u
bool marks_whole(const uint8_t *frame, uint32_t begin, uint32_t len);

/* Counts a frame; true the first time. */
bool marks_first(struct marks *m, uint32_t mark);

/* ---- fuzz_device_nic.c: what the device does, and does wrong ---- */

extern uint64_t nic_reads; /* accesses to ring memory, this turn */

/* The device as the input wants it, switched on. */
void nic_set_up(struct input *in, bool *mergeable);

/* The driver had a turn. */
void nic_turned(void);

/* Everything it does wrong it does right from now on; what it has lost stays lost. */
void nic_behave(void);

/* The queue is live, and the device minds it. */
bool nic_works(unsigned q);

/* A frame arrives, in a buffer the driver exposed; cut to what the smallest of buffers takes. */
void nic_rx(uint32_t len);

/* Frames leave, at most so many. */
void nic_tx(unsigned max);

/* Takes a buffer and keeps it; completes one of those it kept, or any id. */
void nic_keep(unsigned q);
void nic_give(uint8_t which, uint8_t how);
void nic_raw(uint8_t which, uint8_t id);

/* Everything it has completed comes again, whatever the entries say, or is taken back. */
void nic_jump(uint16_t by);

/* Writes where it says what is completed. */
void nic_scribble(uint16_t where, uint8_t v);

/* The driver's n-th read of ring memory from now on has these bits the other way round; 0: none. */
void nic_flicker(unsigned n, uint32_t bits);

void nic_wish(unsigned q, uint16_t v);
void nic_status(uint8_t v);
void nic_offer(uint8_t which, uint8_t v);
void nic_config(uint8_t bits);
void nic_knobs(uint8_t bits);

/* ---- fuzz_device_user.c: the main loop and the stack ---- */

/* The driver of a new input is there. */
void user_begin(void);

/* The main loop's turn, `ns` after the last one; all that must hold after each. */
void user_turn(uint64_t ns);

void user_sends(unsigned n, uint32_t len);

/* Segments that the device cuts, of so many bytes; none where it does not. */
void user_sends_large(unsigned n, uint32_t bytes);

/* The next n frames are kept; all that is kept is given back. */
void user_holds(unsigned n);
void user_lets_go(void);

void user_asks_for_statistics(void);

/* A driver that broke a rule without having been lied to is wrong. */
void user_judges(void);

#endif
