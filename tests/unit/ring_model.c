// SPDX-License-Identifier: BSD-3-Clause
#include "ring_model.h"

#include <stdlib.h>
#include <string.h>
#include "cpu.h"
#include "panic.h"

#define CHOICES   512 /* in one run */
#define SEEN_BITS 22

#define AVAIL     0x80 /* flags of a packed entry */
#define USED      0x8000

struct variant variant;
struct state s;
unsigned long states_seen, runs_made;
static uint8_t ring[2 * VQ_PAGE] __attribute__((aligned(4096)));

/* ---- the search -------------------------------------------------------------------------------
 */

static struct {
    uint8_t choice[CHOICES], of[CHOICES];
    unsigned known, now; /* choices that are given, that were made */
    jmp_buf end;
    uint64_t *seen;
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
            states_seen++;
            assert_true(states_seen < mask / 2);
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

void fence(void)
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

/* ---- runs -------------------------------------------------------------------------------------
 */

void begin(enum op op)
{
    s.driver.op = op;
    s.driver.read = 0;
}

void sleep_until_interrupt(void)
{
    while (!s.interrupt)
        if (!others(true)) {
            search.lost = true;
            longjmp(search.end, 1);
        }
}

static void run(void (*driver)(void))
{
    memset(&s, 0, sizeof(s));
    s.device.at = ASLEEP;
    s.device.wrap = 1;
    vq_init(&s.vq, ring, s.slots, NULL);
    vq_start(&s.vq, variant.ops, variant.size, variant.event_idx ? VIRTIO_F_EVENT_IDX : 0);
    while (s.stores > 0) /* the device is told of the ring after that */
        drain();
    search.now = 0;
    runs_made++;
    if (setjmp(search.end) == 0)
        driver();
}

bool loses_a_wakeup(struct variant v, void (*driver)(void))
{
    variant = v;
    states_seen = runs_made = 0;
    memset(&search, 0, sizeof(search));
    search.seen = calloc(1ul << SEEN_BITS, sizeof(search.seen[0]));
    assert_non_null(search.seen);
    do
        run(driver);
    while (!search.lost && next_run());
    free(search.seen);
    return search.lost;
}
