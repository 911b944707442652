// SPDX-License-Identifier: BSD-3-Clause
/*
 * The simulated device's packed ring: that a correct driver is left alone, and that each rule is
 * noticed when it is broken. The driver here does one step at a time, right or wrong; the rules
 * that have nothing to do with the format are in test_sim_regs.c.
 */
#include <string.h>
#include "sim_steps.h"

#define ENTRIES 5 /* no power of two */

#define PLAIN   (SIM_F_VERSION_1 | SIM_F_RING_PACKED)
#define EVENT   (PLAIN | SIM_F_EVENT_IDX)
#define TABLE   (PLAIN | SIM_F_INDIRECT_DESC)

enum { AVAIL = 0x80, USED = 0x8000 };
enum { ENABLE, DISABLE, DESC };

/* In ring[q]: descriptors at 0, the driver's event suppression at 128, the device's at 192. */
static uint8_t table[64] __attribute__((aligned(16)));

static int setup_packed(void **state)
{
    (void)state;
    power_on(ENTRIES, SIM_F_RING_PACKED | SIM_F_INDIRECT_DESC);
    return 0;
}

/* ---- a driver, step by step -------------------------------------------------------------------
 */

static void packed_queue(unsigned q, unsigned driver)
{
    fields_at(q, ENTRIES, driver, 192);
    enable();
}

static void up(uint64_t f)
{
    up_to_features(f);
    memset(ring, 0, sizeof(ring));
    packed_queue(0, 128);
    packed_queue(1, 128);
    set_status(SIM_DRIVER_OK);
    fine();
}

static uint64_t *half(unsigned q, unsigned slot, unsigned i)
{
    return (uint64_t *)(void *)(ring[q] + 16 * slot + 8 * i);
}

/* The second half of a descriptor, with the flags. */
static void show(unsigned q, unsigned slot, uint32_t len, unsigned id, unsigned flags)
{
    shm_write64(half(q, slot, 1), len | (uint64_t)id << 32 | (uint64_t)flags << 48);
}

static void point(unsigned q, unsigned slot, const void *p)
{
    shm_write64(half(q, slot, 0), (uintptr_t)p);
}

/* A whole descriptor, by the rules. */
static void post(unsigned q, unsigned slot, const void *p, uint32_t len, unsigned id,
                 unsigned flags)
{
    point(q, slot, p);
    cpu_wmb();
    show(q, slot, len, id, flags);
}

static uint16_t *flags_of(unsigned q, unsigned slot)
{
    return (uint16_t *)(void *)(ring[q] + 16 * slot + 14);
}

static uint32_t *wish(unsigned q, unsigned at)
{
    return (uint32_t *)(void *)(ring[q] + at);
}

static void taken(unsigned q, unsigned slot, unsigned id)
{
    shm_read16(flags_of(q, slot));
    cpu_rmb();
    assert_int_equal(shm_read64(half(q, slot, 1)) >> 32 & 0xffff, id);
}

/* ---- a correct driver -------------------------------------------------------------------------
 */

static void correct_packed_driver_is_left_alone(void **state)
{
    static const uint64_t sets[] = {PLAIN, EVENT};

    (void)state;
    for (unsigned s = 0; s < 2; s++) {
        up(sets[s]);
        for (unsigned round = 0; round < 40; round++) {
            unsigned slot = round % ENTRIES, mine = round / ENTRIES % 2 == 0 ? AVAIL : USED;
            post(0, slot, buf[0], LEN, 4 - slot, mine | WRITE);
            cpu_mb();
            shm_read32(wish(0, 192));
            doorbell(0);
            assert_true(sim_rx(nic, "a frame of some bytes", 21));
            taken(0, slot, 4 - slot);
            assert_memory_equal(buf[0] + 12, "a frame of some bytes", 21);
            memset(buf[4], 0, 12);
            post(1, slot, buf[4], 100, slot, mine);
            cpu_mb();
            shm_read32(wish(1, 192));
            doorbell(1);
            assert_int_equal(sim_tx(nic, 5), 1);
            assert_int_equal(nic->tx_last_len, 88);
            taken(1, slot, slot);
        }
        sim_settled(nic);
        fine();
    }
}

static void lists_and_tables_are_followed(void **state)
{
    (void)state;
    for (unsigned indirect = 0; indirect < 2; indirect++) {
        up(TABLE);
        memcpy(buf[5], "pieces", 6);
        if (indirect) {
            uint64_t *t = (uint64_t *)(void *)table;
            const void *p[] = {buf[4], buf[5], buf[5] + 3};
            for (unsigned i = 0; i < 3; i++) {
                shm_write64(&t[2 * i], (uintptr_t)p[i]);
                shm_write64(&t[2 * i + 1], i == 0 ? 12 : 3);
            }
            post(1, 0, table, 48, 2, AVAIL | INDIRECT);
        } else {
            point(1, 0, buf[4]);
            point(1, 1, buf[5]);
            point(1, 2, buf[5] + 3);
            show(1, 1, 3, 2, AVAIL | NEXT);
            show(1, 2, 3, 2, AVAIL);
            cpu_wmb();
            show(1, 0, 12, 2, AVAIL | NEXT);
        }
        doorbell(1);
        assert_int_equal(sim_tx(nic, 1), 1);
        assert_int_equal(nic->tx_last_len, 6);
        assert_memory_equal(nic->tx_last, "pieces", 6);
        assert_int_equal(nic->q[1].used_pos, indirect ? 1 : 3);
        taken(1, 0, 2);
        fine();
    }
}

static void packed_interrupts_come_when_asked_for(void **state)
{
    (void)state;
    up(EVENT);
    for (unsigned i = 0; i < 4; i++)
        post(0, i, buf[i], LEN, i, AVAIL | WRITE);
    doorbell(0);
    shm_write32(wish(0, 128), DISABLE << 16);
    sim_rx(nic, "x", 1);
    assert_int_equal(nic->q[0].interrupts, 0);
    shm_write32(wish(0, 128), 2 | 1 << 15 | DESC << 16);
    cpu_mb();
    sim_rx(nic, "x", 1);
    assert_int_equal(nic->q[0].interrupts, 0);
    sim_rx(nic, "x", 1); /* at entry 2, in the first round */
    assert_int_equal(nic->q[0].interrupts, 1);
    sim_rx(nic, "x", 1);
    assert_int_equal(nic->q[0].interrupts, 1);
    fine();
}

/* ---- rules ------------------------------------------------------------------------------------
 */

static void missing_packed_barriers_are_noticed(void **state)
{
    (void)state;
    up(EVENT);
    point(0, 0, buf[0]);
    show(0, 0, LEN, 0, AVAIL | WRITE);
    assert_true(sim_breached("2.8.21.1.1"));
    shm_read32(wish(0, 192));
    assert_true(sim_breached("2.8.21.3.1"));
    doorbell(0);
    sim_rx(nic, "x", 1);
    shm_read16(flags_of(0, 0));
    shm_read64(half(0, 0, 1));
    assert_true(sim_breached("2.8.22"));
    shm_write32(wish(0, 128), ENABLE << 16);
    shm_read16(flags_of(0, 1));
    assert_true(sim_breached("2.8.22")); /* asked for interrupts, looked without a fence */
}

static void changing_packed_descriptors_is_noticed(void **state)
{
    (void)state;
    up(PLAIN);
    post(0, 0, buf[0], LEN, 0, AVAIL | WRITE);
    fine();
    point(0, 0, buf[1]);
    assert_true(sim_breached("2.8.16"));
    doorbell(0);
    sim_rx(nic, "x", 1);
    point(0, 0, buf[1]); /* it is used, but we have not looked */
    assert_true(sim_breached("2.8.16"));
    taken(0, 0, 0);
    point(0, 0, buf[1]);
    fine();
}

static void wrong_packed_lists_are_noticed(void **state)
{
    static const struct {
        const char *clause;
        uint32_t len[3];
        unsigned flags[3], id;
    } wrong[] = {
        {"2.8.17", {12, 9, 9}, {AVAIL | NEXT, AVAIL | NEXT, 0}, 2},    /* not yet written */
        {"2.8.17", {12, 9, 9}, {AVAIL | NEXT, AVAIL | NEXT, USED}, 2}, /* of another round */
        {"2.7.4.2", {12, 9, 9}, {AVAIL | NEXT | WRITE, AVAIL | NEXT, AVAIL}, 2},
        {"2.7.5.2", {12, 0, 9}, {AVAIL | NEXT, AVAIL | NEXT, AVAIL}, 2},    /* of no bytes */
        {"2.8.13", {12, 9, 9}, {AVAIL | NEXT, AVAIL | NEXT, AVAIL | 8}, 2}, /* a reserved flag */
        {"2.8.13",
         {12, 9, 9},
         {AVAIL | NEXT, AVAIL | NEXT, AVAIL},
         ENTRIES},                                                      /* an id that is none */
        {"2.8.13", {12, 9, 9}, {AVAIL | NEXT, AVAIL | NEXT, AVAIL}, 4}, /* one that it has */
        {"2.8.19", {12, 9, 16}, {AVAIL | NEXT, AVAIL | NEXT, AVAIL | INDIRECT}, 2},
    };

    (void)state;
    for (unsigned t = 0; t < sizeof(wrong) / sizeof(wrong[0]); t++) {
        up(TABLE);
        post(1, 0, buf[3], 12, 4, AVAIL);
        for (unsigned i = 3; i > 0; i--)
            post(1, i, buf[3 + i], wrong[t].len[i - 1], wrong[t].id, wrong[t].flags[i - 1]);
        if (!sim_breached(wrong[t].clause))
            fail_msg("%u: %s", t, sim_violation);
    }
    up(PLAIN);
    for (unsigned i = 0; i < ENTRIES - 1; i++)
        post(1, i, buf[i], 12, i, AVAIL);
    show(1, 0, 12, 0, USED); /* goes into the next round, where the first is still with it */
    sim_violation[0] = '\0';
    post(1, ENTRIES - 1, buf[5], 12, 4, AVAIL | NEXT);
    assert_true(sim_breached("2.8.17"));
}

static void wrong_packed_tables_are_noticed(void **state)
{
    static const struct {
        uint64_t features;
        uint32_t len;
        unsigned flags, inner;
    } wrong[] = {
        {PLAIN, 16, INDIRECT, 0},     {TABLE, 0, INDIRECT, 0},
        {TABLE, 17, INDIRECT, 0},     {TABLE, 16, INDIRECT | NEXT, 0},
        {TABLE, 16, INDIRECT, NEXT},  {TABLE, 16, INDIRECT, INDIRECT},
        {TABLE, 16, INDIRECT, AVAIL}, {TABLE, 16, INDIRECT | WRITE, 0},
    };
    uint64_t *t = (uint64_t *)(void *)table;

    (void)state;
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        up(wrong[i].features);
        shm_write64(&t[0], (uintptr_t)buf[4]);
        shm_write64(&t[1], 100 | (uint64_t)wrong[i].inner << 48);
        post(1, 0, table, wrong[i].len, 0, AVAIL | wrong[i].flags);
        if (!sim_breached("2.8.19"))
            fail_msg("%u: %s", i, sim_violation);
    }
    up(TABLE);
    point(1, 0, table);
    cpu_wmb();
    shm_write64(&t[1], 100); /* behind the barrier */
    show(1, 0, 16, 0, AVAIL | INDIRECT);
    assert_true(sim_breached("2.8.21.1.1"));
}

static void packed_rings_that_are_not_zeroed_or_aligned_are_noticed(void **state)
{
    (void)state;
    up_to_features(PLAIN);
    memset(ring, 0, sizeof(ring));
    ring[0][17] = 1;
    packed_queue(0, 128);
    assert_true(sim_breached("2.8.13"));
    ring[1][192] = 1;
    packed_queue(1, 128);
    assert_true(sim_breached("4.1.5.1.3"));
    up_to_features(PLAIN);
    memset(ring, 0, sizeof(ring));
    packed_queue(0, 130);
    assert_true(sim_breached("2.7.1"));
}

static void packed_doorbell_that_is_owed_is_noticed(void **state)
{
    static const uint64_t sets[] = {PLAIN, EVENT};

    (void)state;
    for (unsigned s = 0; s < 2; s++) {
        up(sets[s]);
        doorbell(1);
        sim_tx(nic, 1); /* it looks, finds nothing, and says what it wants */
        post(1, 0, buf[4], 100, 0, AVAIL);
        cpu_mb();
        shm_read32(wish(1, 192));
        sim_settled(nic);
        assert_true(sim_breached("2.7.10.1"));
        shm_write32(wish(1, 128), ENABLE << 16); /* goes to sleep */
        assert_true(sim_breached("2.7.10.1"));
        doorbell(1);
        sim_settled(nic);
        fine();
    }
}

static void wrong_packed_suppression_is_noticed(void **state)
{
    (void)state;
    up(PLAIN);
    shm_write32(wish(0, 128), DESC << 16);
    assert_true(sim_breached("2.8.14")); /* without the feature */
    up(EVENT);
    shm_write32(wish(0, 128), 3 << 16);
    assert_true(sim_breached("2.8.14"));
    shm_write32(wish(0, 128), ENTRIES | DESC << 16);
    assert_true(sim_breached("2.8.14"));
    shm_write16((uint16_t *)(void *)wish(0, 128), 1);
    assert_true(sim_breached("2.8.14"));
    shm_read16((uint16_t *)(void *)wish(0, 192));
    assert_true(sim_breached("2.8.14"));
    shm_write32(wish(0, 192), 0);
    assert_true(sim_breached("2.8.10"));
}

static void reading_packed_descriptors_back_is_noticed(void **state)
{
    (void)state;
    up(PLAIN);
    post(0, 0, buf[0], LEN, 0, AVAIL | WRITE);
    shm_read64(half(0, 0, 0));
    assert_true(sim_breached("private"));
    shm_read16(flags_of(0, 1)); /* the next completion is in entry 0 */
    assert_true(sim_breached("private"));
    shm_read16(flags_of(0, 0));
    cpu_rmb();
    shm_read64(half(0, 0, 1)); /* not used */
    assert_true(sim_breached("private"));
    shm_read32(wish(0, 128));
    assert_true(sim_breached("private"));
}

#define P(f) cmocka_unit_test_setup_teardown(f, setup_packed, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        P(correct_packed_driver_is_left_alone),
        P(lists_and_tables_are_followed),
        P(packed_interrupts_come_when_asked_for),
        P(missing_packed_barriers_are_noticed),
        P(changing_packed_descriptors_is_noticed),
        P(wrong_packed_lists_are_noticed),
        P(wrong_packed_tables_are_noticed),
        P(packed_rings_that_are_not_zeroed_or_aligned_are_noticed),
        P(packed_doorbell_that_is_owed_is_noticed),
        P(wrong_packed_suppression_is_noticed),
        P(reading_packed_descriptors_back_is_noticed),
    };
    return cmocka_run_group_tests_name("sim_packed", tests, NULL, NULL);
}
