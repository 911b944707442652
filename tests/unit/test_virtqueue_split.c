// SPDX-License-Identifier: BSD-3-Clause
/*
 * What is the split ring's own: its indices and their wrap, its layout, and how doorbells and
 * interrupts are asked for.
 */
#include <string.h>
#include "vq_rig.h"

#define SIZE 8

static int setup(void **state)
{
    (void)state;
    start(SIZE, VIRTIO_F_EVENT_IDX);
    return 0;
}

/* ---- index arithmetic -------------------------------------------------------------------------
 */

static void passed_agrees_with_a_model_at_every_corner(void **state)
{
    static const uint16_t steps[] = {0,   1,    2,     3,     63,    64,   255,
                                     256, 1024, 32767, 32768, 65534, 65535};
    static const uint16_t starts[] = {0, 1, 2, 100, 32766, 32767, 32768, 65530, 65534, 65535};

    (void)state;
    for (unsigned s = 0; s < sizeof(starts) / sizeof(starts[0]); s++)
        for (unsigned t = 0; t < sizeof(steps) / sizeof(steps[0]); t++)
            for (uint32_t event = 0; event < 65536; event++) {
                uint16_t before = starts[s], now = (uint16_t)(before + steps[t]);
                /* In integers without wrap: is there an entry e in [before, before + step) that is
                 * event modulo 65,536? */
                uint32_t e = event < before ? event + 65536 : event;
                bool model = e < (uint32_t)before + steps[t];
                if (vq_passed((uint16_t)event, now, before) != model)
                    fail_msg("event %u before %u now %u", event, before, now);
            }
}

static void indices_wrap_in_odd_steps(void **state)
{
    uint32_t total = 0;

    (void)state;
    for (unsigned n = 1; total < 3 * 65536; n = n % SIZE + 1) {
        for (unsigned i = 0; i < n; i++)
            add((int)i);
        vq_publish(&vq);
        total += n;
        assert_int_equal(split_avail(1), (uint16_t)total);
        for (unsigned i = 0; i < n; i++)
            complete(split_avail(2 + (total - n + i) % SIZE), 0, 1);
        for (unsigned i = 0; i < n; i++)
            assert_int_equal(take(NULL), i);
    }
}

/* ---- layout -----------------------------------------------------------------------------------
 */

static void ring_is_zeroed_and_aligned(void **state)
{
    (void)state;
    assert_int_equal(vq.desc % 16, 0);
    assert_int_equal(vq.driver % 2, 0);
    assert_int_equal(vq.device % 4, 0);
    assert_int_equal(vq.device, (uintptr_t)ring + 4096);
    assert_int_equal(split_avail(1), 0);
    for (unsigned i = 0; i < 6 + 8 * SIZE; i++)
        assert_int_equal(*split_used(i), 0);
}

static void descriptor_says_address_length_direction_and_nothing_else(void **state)
{
    (void)state;
    for (unsigned in = 0; in < 2; in++) {
        const uint8_t *desc;
        start(SIZE, 0);
        assert_true(add_segs(3, !in, in));
        desc = ring + 16 * split_avail(2);
        assert_int_equal(sim_get32(desc), 0x40000);
        assert_int_equal(sim_get32(desc + 4), 0);
        assert_int_equal(sim_get32(desc + 8), 10);
        assert_int_equal(sim_get16(desc + 12), in ? 2 : 0);
        assert_int_equal(sim_get16(desc + 14), 0);
    }
}

static void chain_is_remembered_and_not_read_back(void **state)
{
    uint16_t head;

    (void)state;
    start(SIZE, 0);
    assert_true(add_segs(0, 3, 0));
    vq_publish(&vq);
    head = split_avail(2);
    memset(ring, 0, 16 * SIZE); /* every `next` leads to 0 now */
    complete(head, 0, 1);
    assert_int_equal(take(NULL), 0);
    for (int i = 0; i < SIZE; i++)
        add(i);
    assert_int_equal(vq_room(&vq, 1), 0);
}

/* ---- doorbells and interrupts -----------------------------------------------------------------
 */

static void doorbell_follows_avail_event(void **state)
{
    (void)state;
    add(0);
    assert_true(vq_publish(&vq));  /* avail_event 0: wants to hear of entry 0 */
    assert_false(vq_publish(&vq)); /* nothing new */
    add(1);
    assert_false(vq_publish(&vq)); /* entry 0 has passed */
    sim_put16(split_used(4 + 8 * SIZE), 3);
    add(2);
    assert_false(vq_publish(&vq));
    add(3);
    add(4);
    assert_true(vq_publish(&vq));
}

static void used_flags_mean_nothing_with_event_idx(void **state)
{
    (void)state;
    sim_put16(split_used(0), 1);
    add(0);
    assert_true(vq_publish(&vq));
    assert_int_equal(split_avail(0), 0);
    vq_irq_off(&vq);
    assert_int_equal(split_avail(0), 0);
}

static void doorbell_follows_flags_without_event_idx(void **state)
{
    (void)state;
    start(SIZE, 0);
    sim_put16(split_used(4 + 8 * SIZE), 77); /* avail_event: not there */
    add(0);
    assert_true(vq_publish(&vq));
    sim_put16(split_used(0), 1);
    add(1);
    assert_false(vq_publish(&vq));
    sim_put16(split_used(0), 0xfffe); /* other bits are reserved */
    add(2);
    assert_true(vq_publish(&vq));
}

static void interrupts_are_suppressed_by_flag_without_event_idx(void **state)
{
    (void)state;
    start(SIZE, 0);
    assert_int_equal(split_avail(0), 1);
    assert_true(vq_irq_on(&vq, 5));
    assert_int_equal(split_avail(0), 0);
    vq_irq_off(&vq);
    assert_int_equal(split_avail(0), 1);
    assert_int_equal(split_avail(2 + SIZE), 0); /* used_event: left alone */
    fill();
    complete(split_avail(2), 0, 1);
    assert_false(vq_irq_on(&vq, 5)); /* a flag cannot wait for the fifth */
}

static void interrupt_is_asked_for_after_so_many_completions(void **state)
{
    (void)state;
    fill();
    assert_true(vq_irq_on(&vq, 3));
    assert_int_equal(split_avail(2 + SIZE), 2); /* the third: entry 2 */
    complete(split_avail(2), 0, 1);
    complete(split_avail(3), 0, 1);
    take(NULL);
    assert_true(vq_irq_on(&vq, 3));
    assert_int_equal(split_avail(2 + SIZE), 3);
    vq_irq_off(&vq);
    assert_int_equal(split_avail(2 + SIZE), 0); /* where the device has been */
}

static void sleep_is_refused_when_completions_are_there_already(void **state)
{
    (void)state;
    fill();
    complete(split_avail(2), 0, 1);
    assert_false(vq_irq_on(&vq, 1));
    assert_true(vq_irq_on(&vq, 2));
    complete(split_avail(3), 0, 1);
    assert_false(vq_irq_on(&vq, 2));
    assert_true(vq_pending(&vq));
}

/* ---- a device that breaks the rules -----------------------------------------------------------
 */

static void used_index_jump_is_rejected_whatever_its_size(void **state)
{
    (void)state;
    for (uint32_t jump = 4; jump < 65536; jump++) {
        start(SIZE, VIRTIO_F_EVENT_IDX);
        add(0);
        add(1);
        add(2);
        vq_publish(&vq);
        sim_put16(split_used(2), (uint16_t)jump);
        assert_int_equal(take(NULL), -1);
        assert_non_null(strstr(vq.broken, "more completions"));
        assert_int_equal(vq.evidence, jump);
    }
}

static void ring_memory_scribbled_over_changes_nothing_that_counts(void **state)
{
    uint16_t id[SIZE];

    (void)state;
    fill();
    for (unsigned i = 0; i < SIZE; i++)
        id[i] = split_avail(2 + i);
    memset(ring, 0xff, 4096); /* descriptors and available ring: ours, and never read back */
    for (unsigned i = 0; i < SIZE; i++)
        complete(id[i], 6, 1);
    for (int i = 0; i < SIZE; i++)
        assert_int_equal(take(NULL), i);
    assert_null(vq.broken);
    add(5);
    assert_int_equal(split_avail(1), 0xffff); /* not yet published */
    vq_publish(&vq);
    assert_int_equal(split_avail(1), SIZE + 1);
}

static void ring_sizes_that_no_ring_has_are_bugs(void **state)
{
    (void)state;
    expect_assert_failure(vq_start(&vq, ring_ops, 0, 0));
    expect_assert_failure(vq_start(&vq, ring_ops, 6, 0));
}

#define T(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(passed_agrees_with_a_model_at_every_corner),
        T(indices_wrap_in_odd_steps),
        T(ring_is_zeroed_and_aligned),
        T(descriptor_says_address_length_direction_and_nothing_else),
        T(chain_is_remembered_and_not_read_back),
        T(doorbell_follows_avail_event),
        T(used_flags_mean_nothing_with_event_idx),
        T(doorbell_follows_flags_without_event_idx),
        T(interrupts_are_suppressed_by_flag_without_event_idx),
        T(interrupt_is_asked_for_after_so_many_completions),
        T(sleep_is_refused_when_completions_are_there_already),
        T(used_index_jump_is_rejected_whatever_its_size),
        T(ring_memory_scribbled_over_changes_nothing_that_counts),
        T(ring_sizes_that_no_ring_has_are_bugs),
    };
    return cmocka_run_group_tests_name("virtqueue_split", tests, NULL, NULL);
}
