// SPDX-License-Identifier: BSD-3-Clause
/*
 * What a ring promises whatever its format: each test runs on a split ring and on a packed one.
 * What only one of them has, its layout, doorbells and interrupts, is in test_virtqueue_split.c and
 * test_virtqueue_packed.c.
 */
#include <string.h>
#include "vq_rig.h"

static int setup(void **state)
{
    (void)state;
    start(8, VIRTIO_F_EVENT_IDX);
    return 0;
}

/* ---- adding and completing ----------------------------------------------------------------------
 */

static void nothing_is_visible_before_publish(void **state)
{
    unsigned descs;

    (void)state;
    add(0);
    assert_true(add_segs(1, 2, 1));
    add(2);
    assert_false(available());
    vq_publish(&vq);
    get_one(0);
    get(1, 2, 1, &descs);
    get_one(2);
    assert_false(available());
}

static void take_shows_the_device_what_was_added(void **state)
{
    (void)state;
    add(0);
    assert_int_equal(take(NULL), -1);
    assert_true(available());
    assert_true(vq_publish(&vq)); /* and the doorbell is still weighed */
}

static void full_ring_of_any_size_is_full_in_every_round(void **state)
{
    static const unsigned sizes[] = {1, 2, 4, 8, 256, 3, 5, 7, 250};

    (void)state;
    for (unsigned s = 0; s < COUNT(sizes); s++) {
        if (ring_ops == &vq_split && (sizes[s] & (sizes[s] - 1)) != 0)
            continue;
        start(sizes[s], VIRTIO_F_EVENT_IDX);
        for (uint32_t total = 0; total < 3 * 65536 + size; total += size) {
            fill();
            assert_false(add_segs(0, 1, 0));
            assert_int_equal(vq.published_idx, (uint16_t)(total + size));
            for (int i = 0; i < (int)size; i++)
                complete(get_one(i), 10, 1);
            for (int i = 0; i < (int)size; i++)
                assert_int_equal(take(NULL), i);
            assert_int_equal(take(NULL), -1);
            assert_int_equal(vq.seen_idx, (uint16_t)(total + size));
            assert_int_equal(vq_outstanding(&vq), 0);
        }
        assert_null(vq.broken);
    }
}

static void completion_is_by_id_and_not_by_position(void **state)
{
    uint16_t id[8];
    uint32_t len;

    (void)state;
    fill();
    for (int i = 0; i < 8; i++)
        id[i] = get_one(i);
    for (uint32_t i = 0; i < 8; i++)
        complete(id[7 - i], i, 1);
    for (int i = 0; i < 8; i++) {
        assert_int_equal(take(&len), 7 - i);
        assert_int_equal(len, i);
    }
}

/* ---- buffers of several segments ----------------------------------------------------------------
 */

static void segments_follow_each_other_readable_ones_first(void **state)
{
    unsigned descs;

    (void)state;
    start(8, 0);
    assert_int_equal(vq_capacity(&vq, 3), 2);
    assert_true(add_segs(0, 1, 2));
    assert_true(add_segs(1, 4, 0));
    assert_int_equal(vq_room(&vq, 1), 1);
    assert_int_equal(vq_room(&vq, 2), 0);
    assert_false(add_segs(2, 1, 1));
    assert_true(add_segs(3, 0, 1));
    vq_publish(&vq);
    get(0, 1, 2, &descs);
    get(1, 4, 0, &descs);
    get(3, 0, 1, &descs);
    assert_int_equal(vq_outstanding(&vq), 3);
}

/* Lists of all lengths, completed in any order, at every position. */
static void lists_come_back_whole_and_in_any_order(void **state)
{
    static const unsigned sizes[] = {4, 8, 32, 5, 7, 13};
    uint32_t seed = 99;

    (void)state;
    for (unsigned s = 0; s < COUNT(sizes); s++) {
        struct {
            uint16_t id;
            unsigned descs;
            int token;
        } held[32];
        unsigned held_n = 0;
        bool busy[32] = {false};
        if (ring_ops == &vq_split && (sizes[s] & (sizes[s] - 1)) != 0)
            continue;
        start(sizes[s], 0);
        while (used_pos < 3 * 65536) {
            unsigned segs, k, room = vq_room(&vq, 1);
            seed = seed * 1664525 + 1013904223;
            segs = (seed >> 16) % 4 + 1;
            if (seed >> 31 && held_n < size) {
                unsigned out_n = (seed >> 24) % (segs + 1);
                int token = 0;
                while (busy[token])
                    token++;
                busy[token] = add_segs(token, out_n, segs - out_n);
                assert_int_equal(busy[token], segs <= room);
                assert_int_equal(vq_room(&vq, 1), busy[token] ? room - segs : room);
                if (!busy[token])
                    continue;
                vq_publish(&vq);
                held[held_n].id = get(token, out_n, segs - out_n, &held[held_n].descs);
                held[held_n++].token = token;
            } else if (held_n > 0) {
                k = (seed >> 8) % held_n;
                complete(held[k].id, 0, held[k].descs);
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

static void segments_go_through_a_table_where_that_was_agreed(void **state)
{
    (void)state;
    start(8, VIRTIO_F_INDIRECT_DESC);
    assert_int_equal(vq_capacity(&vq, 4), 8);
    for (unsigned round = 0; round < 3; round++) {
        uint16_t id[8];
        for (unsigned i = 0; i < 8; i++) /* those of one segment need none */
            assert_true(add_segs((int)i, i % 3 + 1, i % 2));
        assert_false(add_segs(0, 1, 0));
        vq_publish(&vq);
        for (unsigned i = 0; i < 8; i++) {
            unsigned descs;
            id[i] = get((int)i, i % 3 + 1, i % 2, &descs);
            assert_int_equal(descs, 1);
        }
        for (unsigned i = 0; i < 8; i++) {
            complete(id[i], 0, 1);
            assert_int_equal(take(NULL), i);
        }
        assert_int_equal(vq_room(&vq, 4), 8);
    }
}

static void no_buffer_has_more_segments_than_the_ring_entries(void **state)
{
    (void)state;
    for (unsigned indirect = 0; indirect < 2; indirect++)
        for (unsigned entries = 1; entries < 4; entries *= 2) {
            start(entries, indirect ? VIRTIO_F_INDIRECT_DESC : 0);
            assert_int_equal(vq_capacity(&vq, entries), indirect ? entries : 1);
            assert_int_equal(vq_capacity(&vq, entries + 1), 0);
            assert_int_equal(vq_room(&vq, entries + 1), 0);
            assert_false(add_segs(0, entries, 1));
            assert_true(add_segs(0, entries, 0));
        }
}

static void table_needs_the_feature_and_memory(void **state)
{
    (void)state;
    start(8, 0);
    assert_int_equal(vq_capacity(&vq, 2), 4);
    vq_init(&vq, ring, slots, NULL);
    vq_start(&vq, ring_ops, 8, VIRTIO_F_INDIRECT_DESC);
    assert_int_equal(vq_capacity(&vq, 2), 4);
}

static void buffers_that_no_ring_takes_are_bugs(void **state)
{
    struct vq_buf none = {.token = &vq};
    struct vq_buf many = {.out_n = VQ_SEGS, .in_n = 1, .token = &vq};
    struct vq_buf nobody = {.seg = {{1, 1}}, .out_n = 1};

    (void)state;
    expect_assert_failure(vq_add(&vq, &none));
    expect_assert_failure(vq_add(&vq, &many));
    expect_assert_failure(vq_add(&vq, &nobody));
}

/* ---- a device that breaks the rules -------------------------------------------------------------
 */

static void used_id_out_of_range_is_rejected(void **state)
{
    static const uint32_t ids[] = {8, 9, 255, 32767, 32768, 65535, 65536, 0x80000000, 0xffffffff};

    (void)state;
    for (unsigned i = 0; i < COUNT(ids); i++) {
        if (ring_ops == &vq_packed && ids[i] > 0xffff)
            continue; /* there it has 16 bits */
        start(8, 0);
        fill();
        complete(ids[i], 0, 1);
        broken_by("does not exist", ids[i]);
    }
}

static void used_id_of_a_descriptor_it_does_not_have_is_rejected(void **state)
{
    uint16_t id;

    (void)state;
    add(0);
    vq_publish(&vq);
    id = get_one(0) ^ 1u;
    complete(id, 0, 1);
    broken_by("does not have", id);
}

static void used_id_given_twice_is_rejected(void **state)
{
    uint16_t id;

    (void)state;
    fill();
    id = get_one(0);
    complete(id, 0, 1);
    complete(id, 0, 1);
    assert_int_equal(take(NULL), 0);
    broken_by("does not have", id);
}

static void only_the_head_of_a_list_comes_back(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        unsigned descs;
        uint16_t id;
        start(8, 0);
        assert_true(add_segs(0, 1, 3));
        vq_publish(&vq);
        id = get(0, 1, 3, &descs);
        for (unsigned k = 0; k <= i; k++)
            id = slots[id].next;
        complete(id, 0, 1);
        broken_by("does not have", id);
    }
}

static void length_beyond_the_buffer_is_rejected_where_the_device_writes(void **state)
{
    static const uint32_t lens[] = {24, 65536 + 12, 0x7fffffff, 0xffffffff};
    unsigned descs;
    uint32_t len;
    uint16_t id;

    (void)state;
    for (unsigned i = 0; i < COUNT(lens); i++) {
        start(8, 0);
        assert_true(add_segs(0, 1, 2)); /* 11 + 12 bytes may be written */
        assert_true(add_segs(1, 1, 2));
        vq_publish(&vq);
        id = get(0, 1, 2, &descs);
        complete(id, 23, descs);
        assert_int_equal(take(&len), 0);
        assert_int_equal(len, 23);
        id = get(1, 1, 2, &descs);
        complete(id, lens[i], descs);
        broken_by("more bytes", lens[i]);
    }
    start(8, 0);
    assert_true(add_segs(2, 1, 0)); /* it only reads: whatever it says about the length */
    vq_publish(&vq);
    id = get(2, 1, 0, &descs);
    complete(id, 0xffffffff, descs);
    assert_int_equal(take(NULL), 2);
}

static void good_completions_before_a_bad_one_are_returned(void **state)
{
    struct vq_done done[8];

    (void)state;
    fill();
    complete(get_one(0), 1, 1);
    complete(get_one(1), 2, 1);
    complete(99, 3, 1);
    assert_int_equal(vq_take(&vq, done, 8), 2);
    assert_int_equal(done[1].len, 2);
    assert_non_null(vq.broken);
}

static void reclaim_returns_every_buffer_once_whatever_the_ring_says(void **state)
{
    unsigned cursor = 0, n = 0, descs;
    uint16_t id;

    (void)state;
    start(8, 0);
    assert_true(add_segs(0, 3, 0));
    assert_true(add_segs(1, 1, 3));
    assert_true(add_segs(2, 1, 0));
    vq_publish(&vq);
    id = get(0, 3, 0, &descs);
    complete(id, 0, descs);
    assert_int_equal(take(NULL), 0);
    memset(ring, 0xff, sizeof(ring));
    while (vq_reclaim(&vq, &cursor) != NULL)
        n++;
    assert_int_equal(n, 2);
    assert_int_equal(vq_room(&vq, 1), 8);
    assert_int_equal(vq_outstanding(&vq), 0);
    start(8, VIRTIO_F_EVENT_IDX);
    fill();
}

static void start_with_buffers_outstanding_is_a_bug(void **state)
{
    (void)state;
    add(0);
    expect_assert_failure(vq_start(&vq, ring_ops, 8, 0));
    assert_int_equal(vq_outstanding(&vq), 1);
}

static void first_reason_sticks(void **state)
{
    (void)state;
    vq_break(&vq, "one", 1);
    vq_break(&vq, "two", 2);
    assert_string_equal(vq.broken, "one");
    assert_int_equal(vq.evidence, 1);
}

#define T(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(nothing_is_visible_before_publish),
        T(take_shows_the_device_what_was_added),
        T(full_ring_of_any_size_is_full_in_every_round),
        T(completion_is_by_id_and_not_by_position),
        T(segments_follow_each_other_readable_ones_first),
        T(lists_come_back_whole_and_in_any_order),
        T(segments_go_through_a_table_where_that_was_agreed),
        T(no_buffer_has_more_segments_than_the_ring_entries),
        T(table_needs_the_feature_and_memory),
        T(buffers_that_no_ring_takes_are_bugs),
        T(used_id_out_of_range_is_rejected),
        T(used_id_of_a_descriptor_it_does_not_have_is_rejected),
        T(used_id_given_twice_is_rejected),
        T(only_the_head_of_a_list_comes_back),
        T(length_beyond_the_buffer_is_rejected_where_the_device_writes),
        T(good_completions_before_a_bad_one_are_returned),
        T(reclaim_returns_every_buffer_once_whatever_the_ring_says),
        T(start_with_buffers_outstanding_is_a_bug),
        T(first_reason_sticks),
    };
    if (cmocka_run_group_tests_name("virtqueue_on_split", tests, NULL, NULL) != 0)
        return 1;
    ring_ops = &vq_packed;
    return cmocka_run_group_tests_name("virtqueue_on_packed", tests, NULL, NULL);
}
