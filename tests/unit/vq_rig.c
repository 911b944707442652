// SPDX-License-Identifier: BSD-3-Clause
#include "vq_rig.h"

#include <string.h>

enum { NEXT = 1, WRITE = 2, INDIRECT = 4, AVAIL = 0x80, USED = 0x8000 };

const struct vq_ops *ring_ops = &vq_split;
uint8_t ring[VQ_PACKED_BYTES(VQ_MAX)] __attribute__((aligned(4096)));
struct vq_slot slots[VQ_MAX];
struct vq_table tables[VQ_MAX] __attribute__((aligned(16)));
int tokens[VQ_MAX];
struct vq vq;
unsigned size;
uint32_t avail_pos, used_pos;

static bool is_packed(void)
{
    return ring_ops == &vq_packed;
}

void start(unsigned entries, uint64_t features)
{
    size = entries;
    avail_pos = used_pos = 0;
    vq_init(&vq, ring, slots, tables);
    memset(ring, 0x5a, is_packed() ? VQ_PACKED_BYTES(size) : VQ_SPLIT_BYTES(size));
    vq_start(&vq, ring_ops, (uint16_t)size, features);
}

/* ---- the driver's side --------------------------------------------------------------------------
 */

static uint64_t addr_of(int token, unsigned i)
{
    return 0x10000u * (unsigned)(token + 1) + 0x100 * i;
}

bool add_segs(int token, unsigned out_n, unsigned in_n)
{
    struct vq_buf b = {.out_n = (uint16_t)out_n, .in_n = (uint16_t)in_n, .token = &tokens[token]};

    for (unsigned i = 0; i < out_n + in_n; i++)
        b.seg[i] = (struct vq_seg){addr_of(token, i), 10 + i};
    return vq_add(&vq, &b);
}

void add(int token)
{
    assert_true(add_segs(token, 0, 1));
}

void fill(void)
{
    for (int i = 0; i < (int)size; i++)
        add(i);
    assert_int_equal(vq_room(&vq, 1), 0);
    vq_publish(&vq);
}

int take(uint32_t *len)
{
    struct vq_done d;

    if (vq_take(&vq, &d, 1) == 0)
        return -1;
    if (len != NULL)
        *len = d.len;
    return (int)((int *)d.token - tokens);
}

void broken_by(const char *why, uint32_t evidence)
{
    unsigned before = vq_outstanding(&vq);

    for (unsigned i = 0; i < 2; i++) { /* inert from then on, and the first reason stays */
        assert_int_equal(take(NULL), -1);
        assert_non_null(vq.broken);
        assert_non_null(strstr(vq.broken, why));
        assert_int_equal(vq.evidence, evidence);
        assert_int_equal(vq_outstanding(&vq), before);
        complete(0, 0, 1);
    }
}

/* ---- the device's -------------------------------------------------------------------------------
 */

uint16_t split_avail(unsigned i)
{
    return sim_get16(ring + 16ul * size + 2 * i);
}

uint8_t *split_used(unsigned offset)
{
    return ring + VQ_SPLIT_USED(size) + offset;
}

uint8_t *packed_desc(uint32_t pos)
{
    return ring + 16ul * (pos % size);
}

unsigned packed_round(uint32_t pos)
{
    return pos / size % 2 == 0;
}

bool available(void)
{
    if (is_packed())
        return (sim_get16(packed_desc(avail_pos) + 14) & (AVAIL | USED)) ==
               (packed_round(avail_pos) ? AVAIL : USED);
    return split_avail(1) != (uint16_t)avail_pos;
}

/* All of them, but for those that say whose an entry of a packed ring is. */
static unsigned flags_of(const uint8_t *desc, bool in_ring)
{
    unsigned flags = sim_get16(desc + (is_packed() ? 14 : 12));

    return in_ring && is_packed() ? flags & ~(unsigned)(AVAIL | USED) : flags;
}

static uint64_t where(const uint8_t *desc)
{
    return sim_get32(desc) | (uint64_t)sim_get32(desc + 4) << 32;
}

/* Segment i of so many. It says that it has a successor, but for tables of a packed ring. */
static void check_segment(const uint8_t *desc, int token, unsigned i, unsigned out_n, unsigned segs,
                          bool in_ring)
{
    bool linked = i + 1 < segs && (in_ring || !is_packed());

    assert_int_equal(where(desc), addr_of(token, i));
    assert_int_equal(sim_get32(desc + 8), 10 + i);
    assert_int_equal(flags_of(desc, in_ring), (i < out_n ? 0 : WRITE) | (linked ? NEXT : 0));
}

/* In the table of this descriptor. */
static void check_table(const uint8_t *desc, uint16_t id, int token, unsigned out_n, unsigned segs)
{
    const uint8_t *table = (const uint8_t *)&tables[id];

    assert_int_equal(flags_of(desc, true), INDIRECT);
    assert_int_equal(sim_get32(desc + 8), 16 * segs);
    assert_int_equal(where(desc), (uintptr_t)table);
    for (unsigned i = 0; i < segs; i++) {
        check_segment(table + 16 * i, token, i, out_n, segs, false);
        if (!is_packed())
            assert_int_equal(sim_get16(table + 16 * i + 14), i + 1 < segs ? i + 1 : 0);
    }
}

/* From this descriptor on, along `next`, which means nothing in the last one and is 0. */
static void check_chain(uint16_t id, int token, unsigned out_n, unsigned segs)
{
    for (unsigned i = 0; i < segs; i++) {
        const uint8_t *desc = ring + 16ul * id;

        check_segment(desc, token, i, out_n, segs, true);
        id = sim_get16(desc + 14);
    }
    assert_int_equal(id, 0);
}

static uint16_t get_packed(int token, unsigned out_n, unsigned segs)
{
    uint16_t id = 0;

    for (unsigned i = 0; i < segs; i++) {
        const uint8_t *desc = packed_desc(avail_pos);

        assert_true(available());
        id = sim_get16(desc + 12); /* the last one's counts */
        avail_pos++;
        if (vq.indirect && segs > 1) {
            check_table(desc, id, token, out_n, segs);
            break;
        }
        check_segment(desc, token, i, out_n, segs, true);
    }
    return id;
}

static uint16_t get_split(int token, unsigned out_n, unsigned segs)
{
    uint16_t id = split_avail(2 + avail_pos++ % size);

    if (vq.indirect && segs > 1)
        check_table(ring + 16ul * id, id, token, out_n, segs);
    else
        check_chain(id, token, out_n, segs);
    return id;
}

uint16_t get(int token, unsigned out_n, unsigned in_n, unsigned *descs)
{
    unsigned segs = out_n + in_n;

    assert_true(available());
    *descs = vq_descs(&vq, segs);
    return is_packed() ? get_packed(token, out_n, segs) : get_split(token, out_n, segs);
}

uint16_t get_one(int token)
{
    unsigned descs;

    return get(token, 0, 1, &descs);
}

void complete(uint32_t id, uint32_t len, unsigned descs)
{
    if (is_packed()) {
        uint8_t *desc = packed_desc(used_pos);

        sim_put32(desc + 8, len);
        sim_put16(desc + 12, (uint16_t)id);
        sim_put16(desc + 14, packed_round(used_pos) ? AVAIL | USED : 0);
        used_pos += descs;
    } else {
        sim_put32(split_used(4 + 8 * (used_pos % size)), id);
        sim_put32(split_used(4 + 8 * (used_pos % size) + 4), len);
        sim_put16(split_used(2), (uint16_t)++used_pos);
    }
}
