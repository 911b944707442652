// SPDX-License-Identifier: BSD-3-Clause
/*
 * The packed ring by itself: the test reads and writes the ring as a device would, or as one would
 * not. Positions count descriptors since the start and never wrap here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "sim.h"
#include "virtqueue_packed.h"

#define MAX 32768

enum { AVAIL = 0x80, USED = 0x8000, BOTH = 0x8080 };
enum { ENABLE, DISABLE, DESC };

static uint8_t ring[VQ_PACKED_BYTES(MAX)] __attribute__((aligned(4096)));
static struct vq_slot slots[MAX];
static struct vq_table tables[MAX] __attribute__((aligned(16)));
static struct vq vq;
static int tokens[MAX];

static unsigned size;
static uint32_t avail_pos, used_pos; /* the device's: next to be taken, next to be written */

static void start(unsigned entries, uint64_t features)
{
    size = entries;
    avail_pos = used_pos = 0;
    vq_init(&vq, ring, slots, tables);
    memset(ring, 0x5a, VQ_PACKED_BYTES(size));
    vq_start(&vq, &vq_packed, (uint16_t)size, features);
}

static int setup(void **state)
{
    (void)state;
    start(8, VIRTIO_F_EVENT_IDX);
    return 0;
}

/* ---- the device's view ------------------------------------------------------------------------
 */

static uint8_t *desc(uint32_t pos)
{
    return ring + 16ul * (pos % size);
}

static unsigned round_of(uint32_t pos)
{
    return pos / size % 2 == 0;
}

static bool available(uint32_t pos)
{
    return (sim_get16(desc(pos) + 14) & BOTH) == (round_of(pos) ? AVAIL : USED);
}

static unsigned flags(uint32_t pos)
{
    return sim_get16(desc(pos) + 14) & ~(unsigned)BOTH;
}

static uint32_t driver_event(void)
{
    return sim_get32(ring + 16ul * size);
}

static void set_device_event(uint32_t off, uint32_t wrap, uint32_t event_flags)
{
    sim_put32(ring + 16ul * size + 4, off | wrap << 15 | event_flags << 16);
}

/* Takes the next list; returns its id, and how many descriptors it has. */
static uint16_t get(unsigned *descs)
{
    uint16_t id;

    *descs = 0;
    do {
        assert_true(available(avail_pos));
        id = sim_get16(desc(avail_pos) + 12);
        ++*descs;
    } while (flags(avail_pos++) & 1);
    return id;
}

/* Writes a completion and skips that many. */
static void complete(uint32_t id, uint32_t len, unsigned descs)
{
    sim_put32(desc(used_pos) + 8, len);
    sim_put16(desc(used_pos) + 12, (uint16_t)id);
    sim_put16(desc(used_pos) + 14, round_of(used_pos) ? BOTH : 0);
    used_pos += descs;
}

/* ---- the driver's -----------------------------------------------------------------------------
 */

/* A buffer of which each segment can be told from all others by its address and length. */
static bool add_segs(int token, unsigned out_n, unsigned in_n)
{
    struct vq_buf b = {.out_n = (uint16_t)out_n, .in_n = (uint16_t)in_n, .token = &tokens[token]};

    for (unsigned i = 0; i < out_n + in_n; i++)
        b.seg[i] = (struct vq_seg){0x10000u * (unsigned)(token + 1) + 0x100 * i, 10 + i};
    return vq_add(&vq, &b);
}

static void add(int token)
{
    assert_true(add_segs(token, 0, 1));
}

static int take(uint32_t *len)
{
    struct vq_done d;

    if (vq_take(&vq, &d, 1) == 0)
        return -1;
    if (len != NULL)
        *len = d.len;
    return (int)((int *)d.token - tokens);
}

/* Moves both sides on by single descriptors. */
static void advance(uint32_t n)
{
    unsigned descs;

    for (; n > 0; n--) {
        add(0);
        vq_publish(&vq);
        complete(get(&descs), 0, 1);
        assert_int_equal(take(NULL), 0);
    }
}

/* ---- layout and order -------------------------------------------------------------------------
 */

static void ring_is_zeroed_and_interrupts_are_off(void **state)
{
    (void)state;
    for (unsigned n = 1; n < 300; n += 13) {
        start(n, 0);
        assert_int_equal(vq.desc, (uintptr_t)ring);
        assert_int_equal(vq.driver, (uintptr_t)ring + 16 * n);
        assert_int_equal(vq.device, (uintptr_t)ring + 16 * n + 4);
        for (unsigned i = 0; i < 16 * n; i++)
            assert_int_equal(ring[i], 0);
        assert_int_equal(driver_event(), DISABLE << 16);
        assert_int_equal(sim_get32(ring + 16 * n + 4), 0);
    }
}

static void descriptor_says_all_and_its_round(void **state)
{
    unsigned descs;

    (void)state;
    start(3, 0);
    for (uint32_t pos = 0; pos < 12; pos++) {
        unsigned in = pos % 2;
        assert_true(add_segs(1, !in, in));
        vq_publish(&vq);
        assert_int_equal(sim_get32(desc(pos)), 0x20000);
        assert_int_equal(sim_get32(desc(pos) + 4), 0);
        assert_int_equal(sim_get32(desc(pos) + 8), 10);
        assert_int_equal(sim_get16(desc(pos) + 14), (in ? 2 : 0) | (round_of(pos) ? AVAIL : USED));
        complete(get(&descs), 0, 1);
        assert_int_equal(take(NULL), 1);
    }
}

static void nothing_is_visible_before_publish(void **state)
{
    (void)state;
    add(0);
    assert_true(add_segs(1, 2, 1));
    add(2);
    assert_false(available(0)); /* where the device waits */
    vq_publish(&vq);
    for (uint32_t pos = 0; pos < 5; pos++)
        assert_true(available(pos));
    assert_false(available(5));
}

static void take_shows_the_device_what_was_added(void **state)
{
    (void)state;
    add(0);
    assert_int_equal(take(NULL), -1);
    assert_true(available(0));
    set_device_event(0, 0, ENABLE);
    assert_true(vq_publish(&vq)); /* and the doorbell is still weighed */
}

static void list_is_written_in_a_row_readable_ones_first(void **state)
{
    unsigned descs;

    (void)state;
    start(7, 0);
    advance(5); /* it wraps within */
    assert_true(add_segs(3, 1, 3));
    vq_publish(&vq);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(sim_get32(desc(5 + i)), 0x40000 + 0x100 * i);
        assert_int_equal(sim_get32(desc(5 + i) + 8), 10 + i);
        assert_int_equal(flags(5 + i), (i < 3 ? 1 : 0) | (i < 1 ? 0 : 2));
    }
    get(&descs);
    assert_int_equal(descs, 4);
    assert_int_equal(vq_room(&vq, 1), 3);
}

static void table_is_one_descriptor(void **state)
{
    unsigned descs;
    uint16_t id;

    (void)state;
    start(5, VIRTIO_F_INDIRECT_DESC);
    assert_int_equal(vq_capacity(&vq, 4), 5);
    assert_int_equal(vq_capacity(&vq, 6), 0);
    advance(4);
    assert_true(add_segs(2, 2, 1));
    vq_publish(&vq);
    assert_int_equal(flags(4), 4);
    assert_int_equal(sim_get32(desc(4) + 8), 48);
    id = get(&descs);
    assert_int_equal(descs, 1);
    assert_ptr_equal((uintptr_t)(sim_get32(desc(4)) | (uint64_t)sim_get32(desc(4) + 4) << 32),
                     &tables[id]);
    for (unsigned i = 0; i < 3; i++) {
        const uint8_t *t = (const uint8_t *)&tables[id] + 16 * i;
        assert_int_equal(sim_get32(t), 0x30000 + 0x100 * i);
        assert_int_equal(sim_get32(t + 8), 10 + i);
        assert_int_equal(sim_get32(t + 12) >> 16, i < 2 ? 0 : 2);
    }
    complete(id, 12, 1);
    assert_int_equal(take(NULL), 2);
    assert_int_equal(vq_room(&vq, 4), 5);
}

static void full_ring_of_any_size_is_full_in_every_round(void **state)
{
    static const unsigned sizes[] = {1, 2, 3, 4, 5, 7, 8, 250};

    (void)state;
    for (unsigned s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
        start(sizes[s], VIRTIO_F_EVENT_IDX);
        for (uint32_t total = 0; total < 3 * 65536 + size; total += size) {
            unsigned descs;
            for (unsigned i = 0; i < size; i++)
                add((int)i);
            assert_int_equal(vq_room(&vq, 1), 0);
            assert_false(add_segs(0, 1, 0));
            vq_publish(&vq);
            assert_int_equal(vq.published_idx, (uint16_t)(total + size));
            for (unsigned i = 0; i < size; i++)
                complete(get(&descs), 10, 1);
            for (unsigned i = 0; i < size; i++)
                assert_int_equal(take(NULL), i);
            assert_int_equal(take(NULL), -1);
            assert_int_equal(vq.seen_idx, (uint16_t)(total + size));
        }
        assert_null(vq.broken);
    }
}

/* Lists of all lengths, completed in any order, at every position. */
static void lists_come_back_whole_and_in_any_order(void **state)
{
    static const unsigned sizes[] = {4, 5, 7, 13, 32};
    uint32_t seed = 99;

    (void)state;
    for (unsigned s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
        struct {
            uint16_t id;
            unsigned descs;
            int token;
        } held[32];
        unsigned held_n = 0;
        bool busy[32] = {false};
        start(sizes[s], 0);
        while (used_pos < 3 * 65536) {
            unsigned segs, k, room = vq_room(&vq, 1);
            seed = seed * 1664525 + 1013904223;
            segs = (seed >> 16) % 4 + 1;
            if (seed >> 31 && held_n < size) {
                int token = 0;
                while (busy[token])
                    token++;
                busy[token] = add_segs(token, segs, 0);
                assert_int_equal(busy[token], segs <= room);
                assert_int_equal(vq_room(&vq, 1), busy[token] ? room - segs : room);
                if (!busy[token])
                    continue;
                vq_publish(&vq);
                held[held_n].id = get(&held[held_n].descs);
                assert_int_equal(held[held_n].descs, segs);
                held[held_n++].token = token;
            } else if (held_n > 0) {
                k = (seed >> 8) % held_n;
                complete(held[k].id, seed, held[k].descs);
                assert_true(vq_pending(&vq));
                assert_int_equal(take(NULL), held[k].token);
                assert_false(vq_pending(&vq));
                assert_int_equal(vq_room(&vq, 1), room + held[k].descs);
                busy[held[k].token] = false;
                held[k] = held[--held_n];
            }
        }
        assert_null(vq.broken);
        assert_int_equal(vq_outstanding(&vq), held_n);
    }
}

static void completions_are_taken_in_batches(void **state)
{
    struct vq_done done[8];
    unsigned descs;

    (void)state;
    for (int i = 0; i < 8; i++)
        add(i);
    vq_publish(&vq);
    for (int i = 0; i < 8; i++)
        complete(get(&descs), (uint32_t)i, 1);
    assert_int_equal(vq.ops->used_idx(&vq), 1); /* one more than taken: the device tells no more */
    assert_int_equal(vq_take(&vq, done, 3), 3);
    assert_int_equal(vq_take(&vq, done + 3, 8), 5);
    for (int i = 0; i < 8; i++) {
        assert_ptr_equal(done[i].token, &tokens[i]);
        assert_int_equal(done[i].len, i);
    }
    assert_int_equal(vq.ops->used_idx(&vq), 8);
}

/* ---- doorbells and interrupts -----------------------------------------------------------------
 */

/* Adds n descriptors from position `from` on, and compares the decision for every wish with a model
 * that counts. */
static void check_every_wish(uint32_t from, unsigned n, unsigned step)
{
    for (unsigned off = 0; off < size; off += step)
        for (unsigned wrap = 0; wrap < 2; wrap++) {
            struct vq saved = vq;
            bool model = false;
            for (uint32_t pos = from; pos != from + n; pos++)
                model |= pos % size == off && round_of(pos) == wrap;
            set_device_event(off, wrap, DESC);
            if (vq_publish(&vq) != model)
                fail_msg("size %u, %u from %u, wish %u/%u", size, n, from, off, wrap);
            vq = saved;
        }
}

static void doorbell_follows_the_place_the_device_names(void **state)
{
    (void)state;
    for (unsigned s = 1; s < 10; s++)
        for (uint32_t from = 0; from < 4 * s; from++)
            for (unsigned n = 1; n <= s; n++) {
                start(s, VIRTIO_F_EVENT_IDX);
                advance(from);
                for (unsigned i = 0; i < n; i++)
                    add((int)i);
                check_every_wish(from, n, 1);
            }
}

static void doorbell_follows_it_in_the_largest_ring(void **state)
{
    static const uint32_t froms[] = {0, 1, 32767, 32768, 65535, 65536};
    static const unsigned ns[] = {1, 2, 32767, 32768};

    (void)state;
    for (unsigned f = 0; f < 6; f++)
        for (unsigned k = 0; k < 4; k++) {
            start(MAX, VIRTIO_F_EVENT_IDX);
            advance(froms[f]);
            for (unsigned i = 0; i < ns[k]; i++)
                add((int)i);
            check_every_wish(froms[f], ns[k], 32767); /* the first and the last place */
        }
}

static void doorbell_counts_descriptors_and_not_buffers(void **state)
{
    (void)state;
    start(8, VIRTIO_F_EVENT_IDX);
    assert_true(add_segs(0, 3, 0));
    assert_true(add_segs(1, 3, 0));
    check_every_wish(0, 6, 1);
}

static void doorbell_follows_flags(void **state)
{
    static const struct {
        uint32_t flags;
        bool event_idx, rings;
    } table[] = {{ENABLE, true, true},  {DISABLE, true, false},         {3, true, true},
                 {ENABLE, false, true}, {DISABLE, false, false},        {3, false, true},
                 {DESC, false, true},   {DISABLE | 0xfffc, true, false}};

    (void)state;
    for (unsigned t = 0; t < sizeof(table) / sizeof(table[0]); t++) {
        start(8, table[t].event_idx ? VIRTIO_F_EVENT_IDX : 0);
        set_device_event(5, 0, table[t].flags);
        assert_false(vq_publish(&vq)); /* nothing new */
        add(0);
        assert_int_equal(vq_publish(&vq), table[t].rings);
        assert_false(vq_publish(&vq));
    }
}

static void interrupt_is_asked_for_at_the_place_behind_so_many(void **state)
{
    (void)state;
    for (unsigned s = 1; s < 6; s++)
        for (uint32_t from = 0; from < 4 * s; from++)
            for (uint16_t after = 1; after < s + 3; after++) {
                uint32_t at = from + (after < s ? after : s) - 1;
                start(s, VIRTIO_F_EVENT_IDX);
                advance(from);
                assert_true(vq_irq_on(&vq, after));
                assert_int_equal(driver_event(), at % s | round_of(at) << 15 | DESC << 16);
                vq_irq_off(&vq);
                assert_int_equal(driver_event() >> 16, DISABLE);
            }
}

static void interrupts_are_flags_without_event_idx(void **state)
{
    (void)state;
    start(8, 0);
    assert_int_equal(driver_event() >> 16, DISABLE);
    assert_true(vq_irq_on(&vq, 5));
    assert_int_equal(driver_event(), ENABLE << 16);
}

static void sleep_is_refused_when_a_completion_is_there(void **state)
{
    unsigned descs;

    (void)state;
    for (uint32_t from = 0; from < 20; from++) {
        start(3, VIRTIO_F_EVENT_IDX);
        advance(from);
        add(0);
        add(1);
        vq_publish(&vq);
        assert_true(vq_irq_on(&vq, 1));
        complete(get(&descs), 0, 1);
        assert_false(vq_irq_on(&vq, 1));
        assert_false(vq_irq_on(&vq, 2)); /* no telling whether the second is there, too */
        assert_int_equal(take(NULL), 0);
        assert_true(vq_irq_on(&vq, 1));
    }
}

/* ---- a device that breaks the rules -----------------------------------------------------------
 */

static void broken_by(const char *why, uint32_t evidence)
{
    assert_int_equal(take(NULL), -1);
    assert_non_null(vq.broken);
    assert_non_null(strstr(vq.broken, why));
    assert_int_equal(vq.evidence, evidence);
    assert_int_equal(take(NULL), -1);
}

static void ids_it_does_not_have_are_rejected(void **state)
{
    static const uint16_t ids[] = {8, 9, 255, 32767, 32768, 65535};
    unsigned descs;
    uint16_t id;

    (void)state;
    for (unsigned i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        start(8, 0);
        add(0);
        vq_publish(&vq);
        complete(ids[i], 0, 1);
        broken_by("does not exist", ids[i]);
    }
    start(8, 0);
    add(0);
    vq_publish(&vq);
    id = get(&descs);
    complete(id ^ 1u, 0, 1);
    broken_by("does not have", id ^ 1u);
    start(8, 0);
    add(0);
    add(1);
    vq_publish(&vq);
    id = get(&descs);
    complete(id, 0, 1);
    complete(id, 0, 1); /* twice */
    assert_int_equal(take(NULL), 0);
    broken_by("does not have", id);
    start(8, 0);
    assert_true(add_segs(0, 3, 0));
    vq_publish(&vq);
    id = get(&descs);
    complete(slots[id].next, 0, 1); /* of the same buffer, but not its head */
    broken_by("does not have", slots[id].next);
}

static void lengths_beyond_the_buffer_are_rejected(void **state)
{
    unsigned descs;
    uint32_t len;

    (void)state;
    assert_true(add_segs(0, 1, 2)); /* 11 + 12 bytes may be written */
    assert_true(add_segs(1, 1, 2));
    assert_true(add_segs(2, 1, 0)); /* it only reads: whatever it says */
    vq_publish(&vq);
    complete(get(&descs), 23, 3);
    assert_int_equal(take(&len), 0);
    assert_int_equal(len, 23);
    (void)get(&descs);
    complete(get(&descs), 0xffffffff, 1);
    assert_int_equal(take(NULL), 2);
    complete(1, 24, 3);
    assert_int_equal(take(NULL), -1);
    assert_non_null(vq.broken);
}

static void more_completions_than_buffers_are_rejected(void **state)
{
    unsigned descs;

    (void)state;
    complete(0, 0, 1); /* nothing was ever there */
    broken_by("more completions", 0);
    start(8, 0);
    add(0);
    vq_publish(&vq);
    complete(get(&descs), 0, 1);
    complete(0, 0, 1);
    assert_int_equal(take(NULL), 0);
    broken_by("more completions", 1);
}

/* Its wrap counter is not ours: what it completes looks as if it had never been there. */
static void device_in_another_round_is_noticed(void **state)
{
    unsigned descs;

    (void)state;
    for (uint32_t from = 0; from < 16; from++) {
        start(8, 0);
        advance(from);
        assert_int_equal(take(NULL), -1); /* nothing outstanding: the last round's bits are right */
        assert_null(vq.broken);
        add(0);
        vq_publish(&vq);
        complete(get(&descs), 0, 1);
        sim_put16(desc(from) + 14, round_of(from) ? 0 : BOTH);
        broken_by("taken back", from % 8);
    }
}

static void ring_memory_scribbled_over_is_not_believed(void **state)
{
    uint16_t id[8];
    unsigned descs;

    (void)state;
    for (int i = 0; i < 4; i++)
        assert_true(add_segs(i, 2, 0));
    vq_publish(&vq);
    for (unsigned i = 0; i < 4; i++)
        id[i] = get(&descs);
    memset(ring, 0, 16 * 8); /* addresses, lengths and NEXT of what it has */
    for (unsigned i = 0; i < 4; i++)
        complete(id[3 - i], 0, 2);
    for (int i = 0; i < 4; i++)
        assert_int_equal(take(NULL), 3 - i);
    assert_null(vq.broken);
    memset(ring, 0xff, 16 * 8);
    start(8, 0);
    add(0);
    vq_publish(&vq);
    memset(ring, 0xff, 16 * 8 + 8); /* looks like a completion of this round */
    broken_by("does not exist", 0xffff);
}

static void reclaim_returns_every_buffer_once(void **state)
{
    unsigned cursor = 0, seen = 0, descs;
    void *token;

    (void)state;
    start(8, 0);
    assert_true(add_segs(0, 3, 0));
    assert_true(add_segs(1, 1, 3));
    assert_true(add_segs(2, 1, 0));
    vq_publish(&vq);
    complete(get(&descs), 0, descs);
    assert_int_equal(take(NULL), 0);
    memset(ring, 0xff, 16 * 8);
    while ((token = vq_reclaim(&vq, &cursor)) != NULL)
        seen |= 1u << ((int *)token - tokens);
    assert_int_equal(seen, 6);
    assert_int_equal(vq_room(&vq, 1), 8);
    vq_start(&vq, &vq_packed, 8, 0);
    avail_pos = used_pos = 0;
    advance(20);
}

#define T(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(ring_is_zeroed_and_interrupts_are_off),
        T(descriptor_says_all_and_its_round),
        T(nothing_is_visible_before_publish),
        T(take_shows_the_device_what_was_added),
        T(list_is_written_in_a_row_readable_ones_first),
        T(table_is_one_descriptor),
        T(full_ring_of_any_size_is_full_in_every_round),
        T(lists_come_back_whole_and_in_any_order),
        T(completions_are_taken_in_batches),
        T(doorbell_follows_the_place_the_device_names),
        T(doorbell_follows_it_in_the_largest_ring),
        T(doorbell_counts_descriptors_and_not_buffers),
        T(doorbell_follows_flags),
        T(interrupt_is_asked_for_at_the_place_behind_so_many),
        T(interrupts_are_flags_without_event_idx),
        T(sleep_is_refused_when_a_completion_is_there),
        T(ids_it_does_not_have_are_rejected),
        T(lengths_beyond_the_buffer_are_rejected),
        T(more_completions_than_buffers_are_rejected),
        T(device_in_another_round_is_noticed),
        T(ring_memory_scribbled_over_is_not_believed),
        T(reclaim_returns_every_buffer_once),
    };
    return cmocka_run_group_tests_name("virtqueue_packed", tests, NULL, NULL);
}
