// SPDX-License-Identifier: BSD-3-Clause
/*
 * Faults on demand: `fault=` makes the guest treat itself as a bad host or a bug of ours would, to
 * see that it is noticed, named and repaired. They are compiled in always, so that what is tested
 * is what is shipped, and cost one predictable branch while none is asked for.
 *
 *     if (fault_any() && fault_strike(FAULT_DROP_KICK, vn->index))
 *         return;
 *
 * A fault has a window, the whole run or the time that was asked for. Each is announced by a
 * `fault` record when it was asked for, when it strikes first in its window, and when the window
 * ends.
 */
#ifndef KERNEL_FAULT_H
#define KERNEL_FAULT_H

#include <stdbool.h>
#include <stdint.h>
#include "json.h"

enum fault_kind {
    FAULT_DROP_KICK,    /* every n-th doorbell for new buffers is not rung */
    FAULT_DROP_KICK_RX, /* of the receive queue only */
    FAULT_DROP_KICK_TX, /* of the transmit queue only */
    FAULT_DROP_IRQ,     /* every n-th interrupt of a device is neither counted nor ends sleep */
    FAULT_POOL_LIMIT,   /* the stack has n buffers for received frames */
    FAULT_NO_REAP,      /* completed transmit buffers are not taken back */
    FAULT_BAD_HEAD, /* once or every n ns: the device is given a descriptor that does not exist */
    FAULT_LOSE_BUFFER, /* once or every n ns: a transmit buffer has no owner any more */
    FAULT_RESET,       /* every n ns each device is reset */
    FAULT_RENEGOTIATE, /* the same, with other features; when it is over, with all again */
    FAULT_CLOCK,       /* the stack's clock starts at n ms */
    FAULT_KINDS
};

struct fault {
    bool asked;
    bool windowed;           /* from_ns to to_ns was asked for, else the whole run */
    uint64_t n;              /* see above; 0 where nothing was given */
    uint64_t from_ns, to_ns; /* since kernel entry */
};

/* How one is spelled in `fault=`. */
struct fault_name {
    const char *name;
    enum {
        FAULT_PLAIN,
        FAULT_EVERY,
        FAULT_COUNT,
        FAULT_PERIOD,
        FAULT_ONCE
    } n; /* after the colon;
            ONCE: or a period */
};
extern const struct fault_name fault_names[FAULT_KINDS];

/* A bit for each kind whose window is open. */
extern uint32_t fault_open;

static inline bool fault_any(void)
{
    return __builtin_expect(fault_open != 0, 0);
}

static inline bool fault_is(enum fault_kind kind)
{
    return __builtin_expect((fault_open >> kind & 1) != 0, 0);
}

/* Takes over what was asked for and announces it. Nothing strikes before fault_turn(). */
void fault_init(const struct fault faults[FAULT_KINDS]);

/* From now on, until fault_init(), others may be ordered; that is announced as well. */
void fault_allow(void);
bool fault_allowed(void);

/* Takes over one more, with a window that ends, and announces it. False: one of its kind was asked
 * for and is not over. */
bool fault_order(enum fault_kind kind, const struct fault *f);

/* Once a turn: opens and closes the windows. */
void fault_turn(uint64_t now_ns);

/* Who is struck: a NIC, by its index; by FAULT_DROP_IRQ an interrupt, fault_vector(). */
#define FAULT_WHO 32u

static inline unsigned fault_vector(uint8_t vector)
{
    return vector % FAULT_WHO;
}

/* While its window is open: counts an occasion. True: this one is struck. Every n-th is, each is
 * where n is not a count of occasions. What has a period is due once in each, what happens once is
 * due once, for each `who` apart. */
bool fault_strike(enum fault_kind kind, unsigned who);
bool fault_due(enum fault_kind kind, unsigned who);

/* n as it was asked for; 0 unless the window is open. */
uint64_t fault_n(enum fault_kind kind);

/* True if one of these kinds (bits) has struck this one at `since_ns` or later. */
bool fault_struck(uint32_t kinds, unsigned who, uint64_t since_ns);

/* True while a window that has an end is open: what does not move meanwhile was meant not to. */
bool fault_excuses(void);

/* What the stack's clock is ahead, ms. */
uint32_t fault_clock_ms(void);

/* Elements of an open array: each fault that was asked for and how often it struck. */
void fault_json(struct json *j);

#endif
