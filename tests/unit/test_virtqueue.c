// SPDX-License-Identifier: BSD-3-Clause
/*
 * The split ring by itself: the test writes the used ring as a device would, or as one would not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "sim.h"
#include "virtqueue_split.h"

#define SIZE 8
#define LEN  2048

static uint8_t ring[VQ_SPLIT_BYTES(SIZE)] __attribute__((aligned(4096)));
static struct vq_slot slots[SIZE];
static struct vq_table tables[SIZE] __attribute__((aligned(16)));
static struct vq vq;
static bool writes;      /* direction of what add() adds */
static int tokens[SIZE]; /* what goes round */
static uint16_t used_idx;

/* Places in the ring, computed here and not taken from the driver. */
static uint16_t avail(unsigned i)
{
    return sim_get16(ring + 16 * SIZE + 2 * i); /* 0 flags, 1 idx, 2… ring, then used_event */
}

static uint8_t *used(unsigned offset)
{
    return ring + 4096 + offset;
}

static void restart(uint64_t features)
{
    vq_init(&vq, ring, slots, tables);
    memset(ring, 0x5a, sizeof(ring));
    vq_start(&vq, &vq_split, SIZE, features);
    used_idx = 0;
}

static void start(bool event_idx, bool device_writes)
{
    writes = device_writes;
    restart(event_idx ? VIRTIO_F_EVENT_IDX : 0);
}

static int setup(void **state)
{
    (void)state;
    start(true, true);
    return 0;
}

static void add(int token)
{
    struct vq_buf b = {.seg = {{0x1000 + (unsigned)token, LEN}},
                       .out_n = !writes,
                       .in_n = writes,
                       .token = &tokens[token]};

    assert_true(vq_add(&vq, &b));
}

static void fill(void)
{
    for (int i = 0; i < SIZE; i++)
        add(i);
    vq_publish(&vq);
}

static void complete(uint32_t id, uint32_t len)
{
    sim_put32(used(4 + 8u * (used_idx % SIZE)), id);
    sim_put32(used(4 + 8u * (used_idx % SIZE) + 4), len);
    sim_put16(used(2), ++used_idx);
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

static void full_ring_is_full_at_every_index_through_the_wrap(void **state)
{
    (void)state;
    for (uint32_t round = 0; round < 3 * 65536 / SIZE + 3; round++) {
        struct vq_buf extra = {.seg = {{1, LEN}}, .in_n = 1, .token = tokens};
        fill();
        assert_int_equal(vq_room(&vq, 1), 0);
        assert_false(vq_add(&vq, &extra));
        assert_int_equal(avail(1), (uint16_t)((round + 1) * SIZE));
        for (unsigned i = 0; i < SIZE; i++)
            complete(avail(2 + (round * SIZE + i) % SIZE), 100);
        for (int i = 0; i < SIZE; i++)
            assert_int_equal(take(NULL), i);
        assert_int_equal(take(NULL), -1);
        assert_int_equal(vq_outstanding(&vq), 0);
    }
    assert_null(vq.broken);
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
        assert_int_equal(avail(1), (uint16_t)total);
        for (unsigned i = 0; i < n; i++)
            complete(avail(2 + (total - n + i) % SIZE), 0);
        for (unsigned i = 0; i < n; i++)
            assert_int_equal(take(NULL), i);
    }
}

/* ---- layout and order -------------------------------------------------------------------------
 */

static void ring_is_zeroed_and_aligned(void **state)
{
    (void)state;
    assert_int_equal(vq.desc % 16, 0);
    assert_int_equal(vq.driver % 2, 0);
    assert_int_equal(vq.device % 4, 0);
    assert_int_equal(vq.device, (uintptr_t)ring + 4096);
    assert_int_equal(avail(1), 0);
    for (unsigned i = 0; i < 6 + 8 * SIZE; i++)
        assert_int_equal(*used(i), 0);
}

static void descriptor_says_address_length_direction_and_nothing_else(void **state)
{
    uint16_t id;

    (void)state;
    add(3);
    id = avail(2);
    assert_int_equal(sim_get32(ring + 16 * id), 0x1003);
    assert_int_equal(sim_get32(ring + 16 * id + 4), 0);
    assert_int_equal(sim_get32(ring + 16 * id + 8), LEN);
    assert_int_equal(sim_get16(ring + 16 * id + 12), 2);
    assert_int_equal(sim_get16(ring + 16 * id + 14), 0);
    start(true, false);
    add(3);
    assert_int_equal(sim_get16(ring + 16 * avail(2) + 12), 0);
}

static void nothing_is_visible_before_publish(void **state)
{
    (void)state;
    add(0);
    add(1);
    assert_int_equal(avail(1), 0);
    vq_publish(&vq);
    assert_int_equal(avail(1), 2);
}

static void take_shows_the_device_what_was_added(void **state)
{
    (void)state;
    add(0);
    assert_int_equal(take(NULL), -1);
    assert_int_equal(avail(1), 1);
    assert_true(vq_publish(&vq)); /* and the doorbell is still weighed */
}

/* ---- buffers of several segments --------------------------------------------------------------
 */

/* A buffer of which each segment can be told from all others by its address and length. */
static bool add_segs(int token, unsigned out_n, unsigned in_n)
{
    struct vq_buf b = {.out_n = (uint16_t)out_n, .in_n = (uint16_t)in_n, .token = &tokens[token]};

    for (unsigned i = 0; i < out_n + in_n; i++)
        b.seg[i] = (struct vq_seg){0x10000u * (unsigned)(token + 1) + 0x100 * i, 10 + i};
    return vq_add(&vq, &b);
}

/* Reads descriptors as the device does: from `id` on in this table, along `next`. Fails unless they
 * are those of add_segs(); marks each in *seen. */
static void follow(const uint8_t *table, uint16_t id, int token, unsigned out_n, unsigned in_n,
                   uint32_t *seen)
{
    for (unsigned i = 0; i < out_n + in_n; i++) {
        const uint8_t *d = table + 16u * id;
        uint16_t flags = sim_get16(d + 12);
        assert_int_equal(sim_get32(d), 0x10000u * (unsigned)(token + 1) + 0x100 * i);
        assert_int_equal(sim_get32(d + 4), 0);
        assert_int_equal(sim_get32(d + 8), 10 + i);
        assert_int_equal(flags, (i + 1 < out_n + in_n ? 1 : 0) | (i < out_n ? 0 : 2));
        assert_false(*seen & 1u << id);
        *seen |= 1u << id;
        id = sim_get16(d + 14);
    }
    assert_int_equal(id, 0); /* the last one's field means nothing and is 0 */
}

static void segments_are_chained_readable_ones_first(void **state)
{
    uint32_t seen = 0;

    (void)state;
    restart(0);
    assert_int_equal(vq_capacity(&vq, 3), 2);
    assert_true(add_segs(0, 1, 2));
    assert_true(add_segs(1, 4, 0));
    assert_int_equal(vq_room(&vq, 1), 1);
    assert_int_equal(vq_room(&vq, 2), 0);
    assert_false(add_segs(2, 1, 1));
    assert_true(add_segs(3, 0, 1));
    vq_publish(&vq);
    assert_int_equal(avail(1), 3);
    follow(ring, avail(2), 0, 1, 2, &seen);
    follow(ring, avail(3), 1, 4, 0, &seen);
    follow(ring, avail(4), 3, 0, 1, &seen);
    assert_int_equal(seen, 0xff);
    assert_int_equal(vq_outstanding(&vq), 3);
}

static void chain_comes_back_whole_and_in_any_order(void **state)
{
    (void)state;
    restart(0);
    for (unsigned round = 0; round < 3 * 65536 / 3; round++) {
        uint16_t head[3];
        uint32_t seen = 0, len;

        assert_true(add_segs(0, 2, 1));
        assert_true(add_segs(1, 1, 0));
        assert_true(add_segs(2, 1, 3));
        assert_int_equal(vq_room(&vq, 1), 0);
        vq_publish(&vq);
        for (unsigned i = 0; i < 3; i++)
            head[i] = avail(2 + (3 * round + i) % SIZE);
        follow(ring, head[0], 0, 2, 1, &seen);
        follow(ring, head[1], 1, 1, 0, &seen);
        follow(ring, head[2], 2, 1, 3, &seen);
        for (unsigned i = 0; i < 3; i++) {
            unsigned k = (i * (1 + round % 2) + round) % 3;
            complete(head[k], k == 1 ? 0xffffffff : k == 0 ? 12 : 11 + 12 + 13);
            assert_int_equal(take(&len), k);
        }
        assert_int_equal(vq_room(&vq, 1), SIZE);
        assert_int_equal(vq_outstanding(&vq), 0);
    }
    assert_null(vq.broken);
}

static void only_the_head_of_a_chain_comes_back(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        uint16_t id;
        restart(0);
        assert_true(add_segs(0, 1, 3));
        vq_publish(&vq);
        id = avail(2);
        for (unsigned k = 0; k <= i; k++)
            id = sim_get16(ring + 16u * id + 14);
        complete(id, 0);
        assert_int_equal(take(NULL), -1);
        assert_non_null(strstr(vq.broken, "does not have"));
    }
}

static void length_of_a_chain_is_that_of_its_writable_part(void **state)
{
    uint32_t len;

    (void)state;
    restart(0);
    assert_true(add_segs(0, 2, 2)); /* 12 + 13 bytes may be written */
    vq_publish(&vq);
    complete(avail(2), 25);
    assert_int_equal(take(&len), 0);
    assert_int_equal(len, 25);
    assert_true(add_segs(0, 2, 2));
    vq_publish(&vq);
    complete(avail(3), 26);
    assert_int_equal(take(NULL), -1);
    assert_non_null(strstr(vq.broken, "more bytes"));
}

static void chain_is_remembered_and_not_read_back(void **state)
{
    uint16_t head;

    (void)state;
    restart(0);
    assert_true(add_segs(0, 3, 0));
    vq_publish(&vq);
    head = avail(2);
    memset(ring, 0, 16 * SIZE); /* every `next` leads to 0 now */
    complete(head, 0);
    assert_int_equal(take(NULL), 0);
    for (int i = 0; i < SIZE; i++)
        add(i);
    assert_int_equal(vq_room(&vq, 1), 0);
}

static void segments_go_through_a_table_where_that_was_agreed(void **state)
{
    uint32_t ids = 0;

    (void)state;
    restart(VIRTIO_F_INDIRECT_DESC);
    assert_int_equal(vq_capacity(&vq, 4), SIZE);
    for (int i = 0; i < SIZE; i++)
        assert_true(add_segs(i, (unsigned)i % 3 + 1, (unsigned)i % 2));
    assert_false(add_segs(0, 1, 0));
    vq_publish(&vq);
    for (int i = 0; i < SIZE; i++) {
        uint16_t id = avail(2 + (unsigned)i);
        const uint8_t *d = ring + 16u * id;
        uint32_t seen = 0;
        unsigned segs = (unsigned)i % 3 + 1 + (unsigned)i % 2;

        ids |= 1u << id;
        if (segs == 1) { /* needs none */
            follow(ring, id, i, (unsigned)i % 3 + 1, (unsigned)i % 2, &seen);
            continue;
        }
        assert_int_equal(sim_get16(d + 12), 4);
        assert_int_equal(sim_get16(d + 14), 0);
        assert_int_equal(sim_get32(d + 8), 16 * segs);
        assert_ptr_equal((uintptr_t)(sim_get32(d) | (uint64_t)sim_get32(d + 4) << 32), &tables[id]);
        follow((const uint8_t *)&tables[id], 0, i, (unsigned)i % 3 + 1, (unsigned)i % 2, &seen);
        assert_int_equal(seen, (1u << segs) - 1);
    }
    assert_int_equal(ids, 0xff);
    for (unsigned i = 0; i < SIZE; i++) {
        complete(avail(2 + i), 0);
        assert_int_equal(take(NULL), i);
    }
    assert_int_equal(vq_room(&vq, 4), SIZE);
}

static void no_buffer_has_more_segments_than_the_ring_entries(void **state)
{
    (void)state;
    for (unsigned indirect = 0; indirect < 2; indirect++)
        for (uint16_t size = 1; size < 4; size = (uint16_t)(size * 2)) {
            vq_init(&vq, ring, slots, tables);
            vq_start(&vq, &vq_split, size, indirect ? VIRTIO_F_INDIRECT_DESC : 0);
            assert_int_equal(vq_capacity(&vq, size), indirect ? size : 1);
            assert_int_equal(vq_capacity(&vq, size + 1u), 0);
            assert_int_equal(vq_room(&vq, size + 1u), 0);
            assert_false(add_segs(0, size, 1));
            assert_true(add_segs(0, size, 0));
        }
}

static void table_needs_the_feature_and_memory(void **state)
{
    (void)state;
    restart(0);
    assert_int_equal(vq_capacity(&vq, 2), SIZE / 2);
    vq_init(&vq, ring, slots, NULL);
    vq_start(&vq, &vq_split, SIZE, VIRTIO_F_INDIRECT_DESC);
    assert_int_equal(vq_capacity(&vq, 2), SIZE / 2);
}

static void buffers_that_no_ring_takes_are_bugs(void **state)
{
    struct vq_buf none = {.token = tokens};
    struct vq_buf many = {.out_n = VQ_SEGS, .in_n = 1, .token = tokens};
    struct vq_buf nobody = {.seg = {{1, 1}}, .out_n = 1};

    (void)state;
    expect_assert_failure(vq_add(&vq, &none));
    expect_assert_failure(vq_add(&vq, &many));
    expect_assert_failure(vq_add(&vq, &nobody));
}

static void reclaim_returns_chains_whole(void **state)
{
    unsigned cursor = 0;

    (void)state;
    restart(0);
    assert_true(add_segs(0, 3, 0));
    assert_true(add_segs(1, 1, 3));
    vq_publish(&vq);
    complete(avail(2), 0);
    assert_int_equal(take(NULL), 0);
    assert_ptr_equal(vq_reclaim(&vq, &cursor), &tokens[1]);
    assert_null(vq_reclaim(&vq, &cursor));
    assert_int_equal(vq_room(&vq, 1), SIZE);
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
    sim_put16(used(4 + 8 * SIZE), 3);
    add(2);
    assert_false(vq_publish(&vq));
    add(3);
    add(4);
    assert_true(vq_publish(&vq));
}

static void used_flags_mean_nothing_with_event_idx(void **state)
{
    (void)state;
    sim_put16(used(0), 1);
    add(0);
    assert_true(vq_publish(&vq));
    assert_int_equal(avail(0), 0);
    vq_irq_off(&vq);
    assert_int_equal(avail(0), 0);
}

static void doorbell_follows_flags_without_event_idx(void **state)
{
    (void)state;
    start(false, true);
    sim_put16(used(4 + 8 * SIZE), 77); /* avail_event: not there */
    add(0);
    assert_true(vq_publish(&vq));
    sim_put16(used(0), 1);
    add(1);
    assert_false(vq_publish(&vq));
    sim_put16(used(0), 0xfffe); /* other bits are reserved */
    add(2);
    assert_true(vq_publish(&vq));
}

static void interrupts_are_suppressed_by_flag_without_event_idx(void **state)
{
    (void)state;
    start(false, true);
    assert_int_equal(avail(0), 1);
    assert_true(vq_irq_on(&vq, 5));
    assert_int_equal(avail(0), 0);
    vq_irq_off(&vq);
    assert_int_equal(avail(0), 1);
    assert_int_equal(avail(2 + SIZE), 0); /* used_event: left alone */
    fill();
    complete(avail(2), 0);
    assert_false(vq_irq_on(&vq, 5)); /* a flag cannot wait for the fifth */
}

static void interrupt_is_asked_for_after_so_many_completions(void **state)
{
    (void)state;
    fill();
    assert_true(vq_irq_on(&vq, 3));
    assert_int_equal(avail(2 + SIZE), 2); /* the third: entry 2 */
    complete(avail(2), 0);
    complete(avail(3), 0);
    take(NULL);
    assert_true(vq_irq_on(&vq, 3));
    assert_int_equal(avail(2 + SIZE), 3);
    vq_irq_off(&vq);
    assert_int_equal(avail(2 + SIZE), 0); /* where the device has been */
}

static void sleep_is_refused_when_completions_are_there_already(void **state)
{
    (void)state;
    fill();
    complete(avail(2), 0);
    assert_false(vq_irq_on(&vq, 1));
    assert_true(vq_irq_on(&vq, 2));
    complete(avail(3), 0);
    assert_false(vq_irq_on(&vq, 2));
    assert_true(vq_pending(&vq));
}

/* ---- a device that breaks the rules -----------------------------------------------------------
 */

static void completion_is_by_id_and_not_by_position(void **state)
{
    uint16_t id[SIZE];
    uint32_t len;

    (void)state;
    fill();
    for (unsigned i = 0; i < SIZE; i++)
        id[i] = avail(2 + i);
    for (unsigned i = 0; i < SIZE; i++)
        complete(id[SIZE - 1 - i], 10 + i);
    for (int i = 0; i < SIZE; i++) {
        assert_int_equal(take(&len), SIZE - 1 - i);
        assert_int_equal(len, 10 + i);
    }
}

static void broken_by(const char *why, uint32_t evidence)
{
    uint32_t before = vq_outstanding(&vq);

    assert_int_equal(take(NULL), -1);
    assert_non_null(vq.broken);
    assert_non_null(strstr(vq.broken, why));
    assert_int_equal(vq.evidence, evidence);
    /* Inert from here on, and the first reason stays. */
    complete(0, 0);
    assert_int_equal(take(NULL), -1);
    assert_non_null(strstr(vq.broken, why));
    assert_int_equal(vq_outstanding(&vq), before);
}

static void used_id_out_of_range_is_rejected(void **state)
{
    static const uint32_t ids[] = {SIZE, SIZE + 1, 65535, 65536, 0x80000000, 0xffffffff};

    (void)state;
    for (unsigned i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        start(true, true);
        fill();
        complete(ids[i], 100);
        broken_by("does not exist", ids[i]);
    }
}

static void used_id_of_a_descriptor_it_does_not_have_is_rejected(void **state)
{
    (void)state;
    add(0);
    vq_publish(&vq);
    complete(avail(2) ^ 1u, 100);
    broken_by("does not have", avail(2) ^ 1u);
}

static void used_id_given_twice_is_rejected(void **state)
{
    (void)state;
    fill();
    complete(avail(2), 100);
    complete(avail(2), 100);
    assert_int_equal(take(NULL), 0);
    broken_by("does not have", avail(2));
}

static void length_beyond_the_buffer_is_rejected_where_the_device_writes(void **state)
{
    static const uint32_t lens[] = {LEN + 1, 65536 + 12, 0x7fffffff, 0xffffffff};
    uint32_t len;

    (void)state;
    for (unsigned i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
        start(true, true);
        fill();
        complete(avail(2), lens[i]);
        broken_by("more bytes", lens[i]);
    }
    start(true, true);
    fill();
    complete(avail(2), LEN);
    assert_int_equal(take(&len), 0);
    assert_int_equal(len, LEN);
    start(true, false); /* it only reads: whatever it says about the length */
    fill();
    complete(avail(2), 0xffffffff);
    assert_int_equal(take(NULL), 0);
}

static void used_index_jump_is_rejected_whatever_its_size(void **state)
{
    (void)state;
    for (uint32_t jump = 4; jump < 65536; jump++) {
        start(true, true);
        add(0);
        add(1);
        add(2);
        vq_publish(&vq);
        sim_put16(used(2), (uint16_t)jump);
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
        id[i] = avail(2 + i);
    memset(ring, 0xff, 4096); /* descriptors and available ring: ours, and never read back */
    for (unsigned i = 0; i < SIZE; i++)
        complete(id[i], 60);
    for (int i = 0; i < SIZE; i++)
        assert_int_equal(take(NULL), i);
    assert_null(vq.broken);
    add(5);
    assert_int_equal(avail(1), 0xffff); /* not yet published */
    vq_publish(&vq);
    assert_int_equal(avail(1), SIZE + 1);
}

static void good_completions_before_a_bad_one_are_returned(void **state)
{
    struct vq_done done[SIZE];

    (void)state;
    fill();
    complete(avail(2), 1);
    complete(avail(3), 2);
    complete(99, 3);
    assert_int_equal(vq_take(&vq, done, SIZE), 2);
    assert_int_equal(done[1].len, 2);
    assert_non_null(vq.broken);
}

static void reclaim_returns_every_buffer_once_whatever_the_ring_says(void **state)
{
    unsigned cursor = 0, seen = 0;
    void *token;

    (void)state;
    fill();
    complete(avail(2), 0);
    assert_int_equal(take(NULL), 0);
    memset(ring, 0xff, sizeof(ring));
    while ((token = vq_reclaim(&vq, &cursor)) != NULL)
        seen |= 1u << ((int *)token - tokens);
    assert_int_equal(seen, 0xfe);
    assert_int_equal(vq_outstanding(&vq), 0);
    vq_start(&vq, &vq_split, SIZE, VIRTIO_F_EVENT_IDX);
    fill();
}

static void start_with_buffers_outstanding_is_a_bug(void **state)
{
    (void)state;
    add(0);
    expect_assert_failure(vq_start(&vq, &vq_split, SIZE, 0));
    assert_int_equal(vq_outstanding(&vq), 1);
}

static void ring_sizes_that_no_ring_has_are_bugs(void **state)
{
    (void)state;
    expect_assert_failure(vq_start(&vq, &vq_split, 0, 0));
    expect_assert_failure(vq_start(&vq, &vq_split, 6, 0));
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
        T(passed_agrees_with_a_model_at_every_corner),
        T(full_ring_is_full_at_every_index_through_the_wrap),
        T(indices_wrap_in_odd_steps),
        T(ring_is_zeroed_and_aligned),
        T(descriptor_says_address_length_direction_and_nothing_else),
        T(nothing_is_visible_before_publish),
        T(take_shows_the_device_what_was_added),
        T(segments_are_chained_readable_ones_first),
        T(chain_comes_back_whole_and_in_any_order),
        T(only_the_head_of_a_chain_comes_back),
        T(length_of_a_chain_is_that_of_its_writable_part),
        T(chain_is_remembered_and_not_read_back),
        T(segments_go_through_a_table_where_that_was_agreed),
        T(no_buffer_has_more_segments_than_the_ring_entries),
        T(table_needs_the_feature_and_memory),
        T(buffers_that_no_ring_takes_are_bugs),
        T(reclaim_returns_chains_whole),
        T(doorbell_follows_avail_event),
        T(used_flags_mean_nothing_with_event_idx),
        T(doorbell_follows_flags_without_event_idx),
        T(interrupts_are_suppressed_by_flag_without_event_idx),
        T(interrupt_is_asked_for_after_so_many_completions),
        T(sleep_is_refused_when_completions_are_there_already),
        T(completion_is_by_id_and_not_by_position),
        T(used_id_out_of_range_is_rejected),
        T(used_id_of_a_descriptor_it_does_not_have_is_rejected),
        T(used_id_given_twice_is_rejected),
        T(length_beyond_the_buffer_is_rejected_where_the_device_writes),
        T(used_index_jump_is_rejected_whatever_its_size),
        T(ring_memory_scribbled_over_changes_nothing_that_counts),
        T(first_reason_sticks),
        T(good_completions_before_a_bad_one_are_returned),
        T(reclaim_returns_every_buffer_once_whatever_the_ring_says),
        T(start_with_buffers_outstanding_is_a_bug),
        T(ring_sizes_that_no_ring_has_are_bugs),
    };
    return cmocka_run_group_tests_name("virtqueue", tests, NULL, NULL);
}
