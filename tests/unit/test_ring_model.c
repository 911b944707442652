// SPDX-License-Identifier: BSD-3-Clause
/*
 * The real ring code in every possible order of steps with a small device: can both sides sleep
 * with work pending?
 *
 * The driver is drivers/virtqueue*.c in a loop like the guest's: take, add, publish, ring if told
 * to; then ask for an interrupt, and sleep if that is allowed. Its accesses to shared memory are
 * the points where others may step in: its own store buffer, whose oldest store reaches memory at
 * any time (x86: loads overtake stores, a full fence waits for them), and the device, which here
 * takes, completes, looks at wishes, writes its own wish, and looks again before it sleeps.
 *
 * TOTAL buffers go through a ring of 2 or 4. All schedules are tried: each run follows a list of
 * choices, the last of which is then changed; a run ends early in a state that was seen before. A
 * state from which nobody can step, with buffers missing, is a lost wake-up. None may exist; and
 * with a fence or a look left out, one must be found.
 *
 * All of it is tried again with a CPU on which the fence is none, as QEMU before 8.1 emulates one
 * that is alone: there the second look, behind the access to a device register that sets the timer,
 * has to make up for it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "cpu.h"
#include "mmio.h"
#include "panic.h"
#include "virtqueue_packed.h"
#include "virtqueue_split.h"

#define RING_MAX  4
#define TOTAL     7
#define STORES    16  /* more than any of the driver's operations makes without a fence */
#define CHOICES   512 /* in one run */
#define SEEN_BITS 22

#define AVAIL     0x80 /* flags of a packed entry */
#define USED      0x8000

enum left_out { NOTHING, KICK_FENCE, SLEEP_FENCE, LOOK_AGAIN, DEVICE_LOOK, WEIGH_AGAIN };

static struct variant {
    const struct vq_ops *ops;
    uint16_t size;
    bool event_idx;
    bool fences; /* or none: then there is a second look */
    enum left_out without;
} variant;

/* What the driver is doing; with what it has read during that, this says where in the code it is.
 */
enum op { TAKE, ADD, PUBLISH, ASK, SET_TIMER, WEIGH, LOOK_ONCE_MORE, SLEEP, UNASK };

enum device_at {
    LOOK,
    READ_ID,
    WRITE_ENTRY,
    WRITE_INDEX,
    INTERRUPT,
    WISH,
    SECOND_LOOK,
    ASLEEP,
    UNWISH
};

/* Everything that makes up a state, but for the ring's memory. */
static struct state {
    struct {
        enum op op;
        uint64_t read; /* hash of what it read and did during op */
        unsigned posted, done;
        unsigned back; /* bits: buffers that came back */
    } driver;
    struct vq vq;
    struct vq_slot slots[RING_MAX];
    struct {
        uintptr_t at;
        unsigned width;
        uint64_t v;
    } store[STORES];
    unsigned stores;
    struct {
        enum device_at at;
        uint16_t taken, id, before;
        uint16_t slot, wrap; /* packed */
    } device;
    uint16_t doorbell, interrupt;
} s;

static uint8_t ring[2 * VQ_PAGE] __attribute__((aligned(4096)));

/* ---- the search -------------------------------------------------------------------------------
 */

static struct {
    uint8_t choice[CHOICES], of[CHOICES];
    unsigned known, now; /* choices that are given, that were made */
    jmp_buf end;
    uint64_t *seen;
    unsigned long states, runs;
    bool lost; /* a state in which both sleep */
} search;

void panic(const char *fmt, ...)
{
    fail_msg("panic: %s", fmt);
    abort();
}

dma_addr_t dma_addr(const volatile void *p)
{
    return (dma_addr_t)(uintptr_t)p;
}

static uint64_t mix(uint64_t h, const void *data, size_t n)
{
    const uint8_t *p = data;

    for (; n >= 8; n -= 8, p += 8) {
        uint64_t v;
        memcpy(&v, p, 8);
        h = (h ^ v) * 0x9e3779b97f4a7c15ull;
        h ^= h >> 29;
    }
    for (; n > 0; n--, p++)
        h = (h ^ *p) * 0x100000001b3ull;
    return h;
}

/* True the first time. */
static bool is_new_state(void)
{
    uint64_t mask = (1ull << SEEN_BITS) - 1, h = mix(1, &s, sizeof(s));

    h = mix(h, ring, 256); /* a ring of 4 */
    h = mix(h, ring + VQ_PAGE, 64) | 1;
    for (uint64_t i = h & mask;; i = (i + 1) & mask) {
        if (search.seen[i] == h)
            return false;
        if (search.seen[i] == 0) {
            search.seen[i] = h;
            search.states++;
            assert_true(search.states < mask / 2);
            return true;
        }
    }
}

/* One of n ways to go on. */
static unsigned choose(unsigned n)
{
    unsigned i = search.now++;

    assert_true(i < CHOICES);
    if (i >= search.known) {
        if (!is_new_state())
            longjmp(search.end, 1);
        search.choice[i] = 0;
        search.of[i] = (uint8_t)n;
        search.known++;
    }
    return search.choice[i];
}

/* The next list of choices. False: all have been tried. */
static bool next_run(void)
{
    while (search.known > 0 && search.choice[search.known - 1] + 1 == search.of[search.known - 1])
        search.known--;
    if (search.known == 0)
        return false;
    search.choice[search.known - 1]++;
    return true;
}

/* ---- the device -------------------------------------------------------------------------------
 */

static uint16_t *at16(const void *base, unsigned offset)
{
    return (uint16_t *)(uintptr_t)((const uint8_t *)base + offset);
}

static bool is_packed(void)
{
    return variant.ops == &vq_packed;
}

static uint16_t *packed_flags(void)
{
    return at16(s.vq.mem, 16u * s.device.slot + 14);
}

static bool device_sees_more(void)
{
    if (is_packed()) {
        uint16_t f = *packed_flags();
        return !(f & AVAIL) == !s.device.wrap && !(f & USED) == !!s.device.wrap;
    }
    return *at16(s.vq.area_driver, 2) != s.device.taken;
}

static void packed_step(void)
{
    if (++s.device.slot == s.vq.size) {
        s.device.slot = 0;
        s.device.wrap ^= 1;
    }
}

static bool interrupt_wanted(void)
{
    uint16_t wish, off;

    if (!is_packed() && !variant.event_idx)
        return !(*at16(s.vq.area_driver, 0) & 1);
    if (!is_packed())
        return vq_passed(*at16(s.vq.area_driver, 4 + 2u * s.vq.size), s.device.taken,
                         s.device.before);
    wish = *at16(s.vq.area_driver, 2);
    if (wish != 2)
        return wish == 0;
    /* The entry just completed is the one behind which the device stands now. */
    off = *at16(s.vq.area_driver, 0);
    return (off & 0x7fff) == (s.device.slot + s.vq.size - 1u) % s.vq.size &&
           off >> 15 == (s.device.slot == 0 ? s.device.wrap ^ 1 : s.device.wrap);
}

/* Its wish for a doorbell, or for none. */
static void write_wish(bool doorbell)
{
    if (is_packed())
        *(uint32_t *)s.vq.area_device =
            !doorbell           ? 1u << 16
            : variant.event_idx ? s.device.slot | (uint32_t)s.device.wrap << 15 | 2u << 16
                                : 0;
    else if (!variant.event_idx)
        *at16(s.vq.area_device, 0) = !doorbell;
    else if (doorbell)
        *at16(s.vq.area_device, 4 + 8u * s.vq.size) = s.device.taken;
}

static bool device_can_step(void)
{
    return s.device.at != ASLEEP || s.doorbell;
}

/* One access to memory. */
static void device_step(void)
{
    unsigned slot = is_packed() ? (unsigned)s.device.slot : (unsigned)s.device.taken % s.vq.size;

    switch (s.device.at) {
    case LOOK:
        s.device.at = device_sees_more() ? READ_ID : WISH;
        break;
    case READ_ID:
        s.device.id =
            is_packed() ? *at16(s.vq.mem, 16 * slot + 12) : *at16(s.vq.area_driver, 4 + 2 * slot);
        s.device.at = WRITE_ENTRY;
        break;
    case WRITE_ENTRY:
        if (is_packed())
            *at16(s.vq.mem, 16 * slot + 12) = s.device.id;
        else
            *(uint32_t *)((uint8_t *)s.vq.area_device + 4 + 8 * slot) = s.device.id;
        s.device.at = WRITE_INDEX;
        break;
    case WRITE_INDEX:
        s.device.before = s.device.taken++;
        if (is_packed()) {
            *packed_flags() = s.device.wrap ? AVAIL | USED : 0;
            packed_step();
        } else {
            *at16(s.vq.area_device, 2) = s.device.taken;
        }
        s.device.at = INTERRUPT;
        break;
    case INTERRUPT:
        s.interrupt |= interrupt_wanted();
        s.device.at = LOOK;
        break;
    case WISH:
        write_wish(true);
        s.device.at = SECOND_LOOK;
        break;
    case SECOND_LOOK:
        s.device.at = variant.without != DEVICE_LOOK && device_sees_more() ? UNWISH : ASLEEP;
        break;
    case ASLEEP:
        s.doorbell = 0;
        s.device.at = UNWISH;
        break;
    case UNWISH:
        write_wish(false);
        s.device.at = LOOK;
        break;
    }
}

/* ---- the driver's side of memory --------------------------------------------------------------
 */

static void drain(void)
{
    memcpy((void *)s.store[0].at, &s.store[0].v, s.store[0].width);
    s.stores--;
    memmove(&s.store[0], &s.store[1], s.stores * sizeof(s.store[0]));
    memset(&s.store[s.stores], 0, sizeof(s.store[0]));
}

/* The others have their turns. With `blocked` the driver cannot go on by itself: false if nobody
 * can. */
static bool others(bool blocked)
{
    for (;;) {
        bool can_drain = s.stores > 0, can_step = device_can_step();
        unsigned ways = (unsigned)!blocked + can_drain + can_step, way;

        if (ways == 0)
            return false;
        way = ways == 1 ? 0 : choose(ways);
        if (!blocked && way-- == 0)
            return true;
        if (can_drain && way-- == 0)
            drain();
        else
            device_step();
        if (blocked)
            return true; /* the caller looks whether it still is */
    }
}

static void did(uint64_t what)
{
    s.driver.read = mix(s.driver.read + 1, &what, sizeof(what));
}

uint64_t sim_shm_read(const volatile void *p, unsigned width)
{
    uint8_t bytes[8] = {0};
    uint64_t v;

    others(false);
    memcpy(bytes, (const void *)(uintptr_t)p, width);
    for (unsigned i = 0; i < s.stores; i++) /* one's own stores are seen at once */
        for (unsigned b = 0; b < s.store[i].width; b++) {
            uintptr_t at = s.store[i].at + b - (uintptr_t)p;
            if (at < width)
                bytes[at] = (uint8_t)(s.store[i].v >> 8 * b);
        }
    memcpy(&v, bytes, sizeof(v));
    did(v);
    return v;
}

void sim_shm_write(volatile void *p, unsigned width, uint64_t v)
{
    others(false);
    while (s.stores == STORES)
        others(true);
    s.store[s.stores].at = (uintptr_t)p;
    s.store[s.stores].width = width;
    s.store[s.stores++].v = v;
    did(0);
}

static void fence(void)
{
    while (s.stores > 0)
        others(true);
    did(1);
}

/* Only the full one: x86 keeps the other orders by itself. */
void sim_barrier(enum sim_barrier kind)
{
    if (kind == SIM_MB && variant.fences &&
        !(variant.without == KICK_FENCE && s.driver.op == PUBLISH) &&
        !(variant.without == SLEEP_FENCE && s.driver.op == ASK))
        fence();
}

/* ---- the driver -------------------------------------------------------------------------------
 */

static void begin(enum op op)
{
    s.driver.op = op;
    s.driver.read = 0;
}

static void take(void)
{
    struct vq_done done[RING_MAX];
    unsigned n;

    begin(TAKE);
    n = vq_take(&s.vq, done, RING_MAX);
    if (s.vq.broken != NULL)
        fail_msg("%s", s.vq.broken);
    for (unsigned i = 0; i < n; i++) {
        unsigned bit = 1u << ((uintptr_t)done[i].token - 1);
        assert_false(s.driver.back & bit); /* each comes back once */
        s.driver.back |= bit;
        s.driver.done++;
    }
}

static void post(void)
{
    begin(ADD);
    while (s.driver.posted < TOTAL) {
        struct vq_buf buf = {.seg[0] = {0x1000, 64}, .out_n = 1};
        buf.token = (void *)(uintptr_t)(s.driver.posted + 1);
        if (!vq_add(&s.vq, &buf))
            break;
        s.driver.posted++;
    }
    begin(PUBLISH);
    if (vq_publish(&s.vq))
        sim_shm_write(&s.doorbell, 2, 1);
}

/* As vnet_still_idle(). */
static bool still_idle(uint16_t after)
{
    begin(SET_TIMER);
    fence();
    begin(WEIGH);
    if (variant.without != WEIGH_AGAIN && vq_weigh_again(&s.vq))
        sim_shm_write(&s.doorbell, 2, 1);
    begin(LOOK_ONCE_MORE);
    return variant.without == LOOK_AGAIN || !vq_reached(&s.vq, after);
}

/* As vnet_may_sleep() asks for completions of what was sent: after half of them. */
static void sleep_if_allowed(void)
{
    uint16_t half = (uint16_t)((vq_outstanding(&s.vq) + 1) / 2);
    uint16_t after = half > 0 ? half : 1;
    bool may;

    begin(ASK);
    may = vq_irq_on(&s.vq, after);
    if (variant.without == LOOK_AGAIN)
        may = true;
    if (!variant.fences)
        may = may && still_idle(after);
    begin(SLEEP);
    while (may && !s.interrupt)
        if (!others(true)) {
            search.lost = true;
            longjmp(search.end, 1);
        }
    s.interrupt = 0;
    begin(UNASK);
    vq_irq_off(&s.vq);
}

static void run(void)
{
    memset(&s, 0, sizeof(s));
    s.device.at = ASLEEP;
    s.device.wrap = 1;
    vq_init(&s.vq, ring, s.slots, NULL);
    vq_start(&s.vq, variant.ops, variant.size, variant.event_idx ? VIRTIO_F_EVENT_IDX : 0);
    while (s.stores > 0) /* the device is told of the ring after that */
        drain();
    search.now = 0;
    search.runs++;
    if (setjmp(search.end) != 0)
        return;
    for (;;) {
        take();
        if (s.driver.done == TOTAL)
            return;
        post();
        sleep_if_allowed();
    }
}

/* All schedules; true if one of them ends in silence. */
static bool loses_a_wakeup(const struct vq_ops *ops, uint16_t size, bool event_idx, bool fences,
                           enum left_out without)
{
    variant = (struct variant){ops, size, event_idx, fences, without};
    memset(&search, 0, sizeof(search));
    search.seen = calloc(1ul << SEEN_BITS, sizeof(search.seen[0]));
    assert_non_null(search.seen);
    do
        run();
    while (!search.lost && next_run());
    free(search.seen);
    return search.lost;
}

/* ---- tests ------------------------------------------------------------------------------------
 */

static const struct vq_ops *const formats[] = {&vq_split, &vq_packed};

static void none_is_lost(bool fences)
{
    for (unsigned f = 0; f < 2; f++)
        for (unsigned event = 0; event < 2; event++)
            for (uint16_t size = 2; size <= RING_MAX; size *= 2) {
                if (loses_a_wakeup(formats[f], size, event, fences, NOTHING))
                    fail_msg("%s ring of %u, event_idx %u", formats[f]->name, size, event);
                print_message("%s ring of %u, event_idx %u: %lu states in %lu runs\n",
                              formats[f]->name, size, event, search.states, search.runs);
                assert_true(search.states > 1000); /* it did go around */
            }
}

static void no_wakeup_is_lost_in_any_order_of_steps(void **state)
{
    (void)state;
    none_is_lost(true);
}

static void no_wakeup_is_lost_where_fences_are_none(void **state)
{
    (void)state;
    none_is_lost(false);
}

static void is_found(bool fences, enum left_out without)
{
    for (unsigned f = 0; f < 2; f++)
        for (unsigned event = 0; event < 2; event++)
            if (!loses_a_wakeup(formats[f], 2, event, fences, without) &&
                !loses_a_wakeup(formats[f], 4, event, fences, without))
                fail_msg("not found: %s ring, event_idx %u", formats[f]->name, event);
}

static void missing_fence_before_the_devices_wish_is_found(void **state)
{
    (void)state;
    is_found(true, KICK_FENCE);
}

static void missing_fence_before_the_look_again_is_found(void **state)
{
    (void)state;
    is_found(true, SLEEP_FENCE);
}

static void sleep_without_a_look_again_is_found(void **state)
{
    (void)state;
    is_found(true, LOOK_AGAIN);
    is_found(false, LOOK_AGAIN);
}

static void doorbell_not_weighed_again_is_found(void **state)
{
    (void)state;
    is_found(false, WEIGH_AGAIN);
}

static void device_that_does_not_look_again_is_found(void **state)
{
    (void)state;
    is_found(true, DEVICE_LOOK);
    is_found(false, DEVICE_LOOK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_wakeup_is_lost_in_any_order_of_steps),
        cmocka_unit_test(no_wakeup_is_lost_where_fences_are_none),
        cmocka_unit_test(missing_fence_before_the_devices_wish_is_found),
        cmocka_unit_test(missing_fence_before_the_look_again_is_found),
        cmocka_unit_test(sleep_without_a_look_again_is_found),
        cmocka_unit_test(doorbell_not_weighed_again_is_found),
        cmocka_unit_test(device_that_does_not_look_again_is_found),
    };
    return cmocka_run_group_tests_name("ring_model", tests, NULL, NULL);
}
