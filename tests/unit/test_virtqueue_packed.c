// SPDX-License-Identifier: BSD-3-Clause
/*
 * What is the packed ring's own: rounds and wrap counters, and how doorbells and interrupts are
 * asked for. Positions count descriptors since the start and never wrap here.
 */
#include <string.h>
#include "vq_rig.h"

enum { AVAIL = 0x80, USED = 0x8000, BOTH = 0x8080 };
enum { ENABLE, DISABLE, DESC };

static int setup(void **state)
{
    (void)state;
    ring_ops = &vq_packed;
    start(8, VIRTIO_F_EVENT_IDX);
    return 0;
}

static uint32_t driver_event(void)
{
    return sim_get32(ring + 16ul * size);
}

static void set_device_event(uint32_t off, uint32_t wrap, uint32_t event_flags)
{
    sim_put32(ring + 16ul * size + 4, off | wrap << 15 | event_flags << 16);
}

/* Moves both sides on by single descriptors. */
static void advance(uint32_t n)
{
    for (; n > 0; n--) {
        add(0);
        vq_publish(&vq);
        complete(get_one(0), 0, 1);
        assert_int_equal(take(NULL), 0);
    }
}

/* ---- layout -----------------------------------------------------------------------------------
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
        assert_int_equal(sim_get32(packed_desc(pos)), 0x20000);
        assert_int_equal(sim_get32(packed_desc(pos) + 4), 0);
        assert_int_equal(sim_get32(packed_desc(pos) + 8), 10);
        assert_int_equal(sim_get16(packed_desc(pos) + 14),
                         (in ? 2 : 0) | (packed_round(pos) ? AVAIL : USED));
        complete(get(1, !in, in, &descs), 0, 1);
        assert_int_equal(take(NULL), 1);
    }
}

static void completions_are_taken_in_batches(void **state)
{
    struct vq_done done[8];
    (void)state;
    for (int i = 0; i < 8; i++)
        add(i);
    vq_publish(&vq);
    for (int i = 0; i < 8; i++)
        complete(get_one(i), (uint32_t)i, 1);
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
                model |= pos % size == off && packed_round(pos) == wrap;
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
            start(VQ_MAX, VIRTIO_F_EVENT_IDX);
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
    for (unsigned t = 0; t < COUNT(table); t++) {
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
                assert_int_equal(driver_event(), at % s | packed_round(at) << 15 | DESC << 16);
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
    (void)state;
    for (uint32_t from = 0; from < 20; from++) {
        start(3, VIRTIO_F_EVENT_IDX);
        advance(from);
        add(0);
        add(1);
        vq_publish(&vq);
        assert_true(vq_irq_on(&vq, 1));
        complete(get_one(0), 0, 1);
        assert_false(vq_irq_on(&vq, 1));
        assert_false(vq_irq_on(&vq, 2)); /* no telling whether the second is there, too */
        assert_int_equal(take(NULL), 0);
        assert_true(vq_irq_on(&vq, 1));
    }
}

/* ---- a device that breaks the rules -----------------------------------------------------------
 */

static void more_completions_than_buffers_are_rejected(void **state)
{
    (void)state;
    complete(0, 0, 1); /* nothing was ever there */
    broken_by("more completions", 0);
    start(8, 0);
    add(0);
    vq_publish(&vq);
    complete(get_one(0), 0, 1);
    complete(0, 0, 1);
    assert_int_equal(take(NULL), 0);
    broken_by("more completions", 1);
}

/* Its wrap counter is not ours: what it completes looks as if it had never been there. */
static void device_in_another_round_is_noticed(void **state)
{
    (void)state;
    for (uint32_t from = 0; from < 16; from++) {
        start(8, 0);
        advance(from);
        assert_int_equal(take(NULL), -1); /* nothing outstanding: the last round's bits are right */
        assert_null(vq.broken);
        add(0);
        vq_publish(&vq);
        complete(get_one(0), 0, 1);
        sim_put16(packed_desc(from) + 14, packed_round(from) ? 0 : BOTH);
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
        id[i] = get((int)i, 2, 0, &descs);
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

#define T(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(ring_is_zeroed_and_interrupts_are_off),
        T(descriptor_says_all_and_its_round),
        T(completions_are_taken_in_batches),
        T(doorbell_follows_the_place_the_device_names),
        T(doorbell_follows_it_in_the_largest_ring),
        T(doorbell_counts_descriptors_and_not_buffers),
        T(doorbell_follows_flags),
        T(interrupt_is_asked_for_at_the_place_behind_so_many),
        T(interrupts_are_flags_without_event_idx),
        T(sleep_is_refused_when_a_completion_is_there),
        T(more_completions_than_buffers_are_rejected),
        T(device_in_another_round_is_noticed),
        T(ring_memory_scribbled_over_is_not_believed),
    };
    return cmocka_run_group_tests_name("virtqueue_packed", tests, NULL, NULL);
}
