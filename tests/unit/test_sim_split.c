// SPDX-License-Identifier: BSD-3-Clause
/*
 * The simulated device's split ring: a correct driver is left alone, and each rule about indices,
 * barriers and suppression is noticed when it is broken.
 */
#include <string.h>
#include "split_steps.h"

static void correct_driver_is_left_alone(void **state)
{
    static const uint64_t sets[] = {PLAIN, EVENT};

    (void)state;
    for (unsigned s = 0; s < 2; s++) {
        posted(sets[s]);
        assert_true(sim_rx(nic, "a frame of some bytes", 21));
        assert_memory_equal(buf[0] + 12, "a frame of some bytes", 21);
        assert_int_equal(buf[0][33], 0xa5); /* it used all it had been offered */
        assert_int_equal(buf[0][LEN - 1], 0xa5);
        assert_int_equal(sim_tx(nic, 5), 1);
        assert_int_equal(nic->tx_last_len, LEN - 12);
        for (unsigned q = 0; q < SIM_QUEUES; q++) {
            assert_int_equal(shm_read16(used(q, 2)), 1);
            cpu_rmb();
            assert_int_equal(shm_read32((uint32_t *)(void *)used(q, 4)), 0);
            assert_int_equal(shm_read32((uint32_t *)(void *)used(q, 8)), q == SIM_RXQ ? 33 : 0);
            post(q, 1);
            show(q, 2);
            cpu_mb();
            if (sets[s] == EVENT)
                shm_read16(used(q, 4 + 8 * SIZE));
            else
                shm_read16(used(q, 0));
            doorbell(q);
        }
        sim_settled(nic);
        reset();
        fine();
        memset(ring, 0, sizeof(ring));
        memset(buf, 0, sizeof(buf));
    }
}

static void device_does_nothing_without_a_doorbell(void **state)
{
    (void)state;
    up(EVENT);
    post(0, 0);
    show(0, 1);
    assert_false(sim_rx(nic, "x", 1));
    doorbell(0);
    assert_true(sim_rx(nic, "x", 1));
    assert_false(sim_rx(nic, "x", 1)); /* empty: it goes to sleep and says how to wake it */
    assert_int_equal(*used(0, 4 + 8 * SIZE), 1);
    fine();
}

static void device_interrupts_only_when_asked(void **state)
{
    (void)state;
    posted(EVENT);
    shm_write16(avail(0, 2 + SIZE), 1); /* after the second */
    cpu_mb();
    post(0, 1);
    show(0, 2);
    assert_true(sim_rx(nic, "x", 1));
    assert_int_equal(nic->q[0].interrupts, 0);
    assert_true(sim_rx(nic, "x", 1));
    assert_int_equal(nic->q[0].interrupts, 1);
    reset();
    memset(ring, 0, sizeof(ring));
    posted(PLAIN);
    shm_write16(avail(0, 0), 1);
    assert_true(sim_rx(nic, "x", 1));
    assert_int_equal(nic->q[0].interrupts, 1);
    shm_write16(avail(1, 0), 0);
    sim_tx(nic, 1);
    assert_int_equal(nic->q[1].interrupts, 1);
    fine();
}

static void reset_takes_as_long_as_it_is_told(void **state)
{
    (void)state;
    posted(PLAIN);
    nic->reset_reads = 3;
    mmio_write8(regs + R_STATUS, 0);
    for (unsigned i = 0; i < 3; i++)
        assert_int_not_equal(mmio_read8(regs + R_STATUS), 0);
    assert_false(sim_rx(nic, "x", 1));
    assert_int_equal(mmio_read8(regs + R_STATUS), 0);
    assert_int_equal(nic->q[0].exposed_n, 0);
    fine();
}

/* ---- rules ------------------------------------------------------------------------------------
 */

static void unaligned_rings_are_noticed(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        up_to_features(PLAIN);
        fields(0, SIZE);
        address(R_QUEUE_DESC, ring[0] + (i == 0 ? 8 : 0));
        address(R_QUEUE_DRIVER, ring[0] + 64 + (i == 1 ? 1 : 0));
        address(R_QUEUE_DEVICE, ring[0] + 128 + (i == 2 ? 2 : 0));
        enable();
        assert_true(sim_breached("2.7.1"));
    }
}

static void rings_that_are_not_zeroed_are_noticed(void **state)
{
    (void)state;
    up_to_features(PLAIN);
    ring[0][128 + 4 + 8 * SIZE + 1] = 1;
    queue(0);
    assert_true(sim_breached("2.7.10.1"));
    ring[1][64 + 2] = 1;
    queue(1);
    assert_true(sim_breached("4.1.5.1.3"));
}

static void missing_barriers_are_noticed(void **state)
{
    (void)state;
    up(EVENT);
    post(0, 0);
    shm_write16(avail(0, 1), 1);
    assert_true(sim_breached("2.7.13.3.1"));
    shm_read16(used(0, 4 + 8 * SIZE));
    assert_true(sim_breached("2.7.13.4.1"));
    doorbell(0);
    sim_rx(nic, "x", 1);
    shm_read16(used(0, 2));
    shm_read32((uint32_t *)(void *)used(0, 4));
    assert_true(sim_breached("2.7.14"));
    shm_write16(avail(0, 2 + SIZE), 1);
    shm_read16(used(0, 2));
    assert_true(sim_breached("2.7.14")); /* asked for interrupts, looked without a fence */
}

static void available_index_that_goes_back_or_too_far_is_noticed(void **state)
{
    (void)state;
    posted(PLAIN);
    show(0, 0);
    assert_true(sim_breached("2.7.6.1"));
    show(0, SIZE + 1);
    assert_true(sim_breached("2.7.6.1"));
}

static void doorbell_that_is_owed_is_noticed(void **state)
{
    static const uint64_t sets[] = {PLAIN, EVENT};

    (void)state;
    for (unsigned s = 0; s < 2; s++) {
        memset(ring, 0, sizeof(ring));
        up(sets[s]);
        post(1, 0);
        show(1, 1);
        cpu_mb();
        shm_read16(used(1, sets[s] == EVENT ? 4 + 8 * SIZE : 0));
        sim_settled(nic);
        assert_true(sim_breached("2.7.10.1"));
        if (sets[s] == EVENT)
            shm_write16(avail(1, 2 + SIZE), 0); /* goes to sleep */
        else
            shm_write16(avail(1, 0), 0);
        assert_true(sim_breached("2.7.10.1"));
        doorbell(1);
        sim_settled(nic);
        cpu_mb();
        fine();
        reset();
    }
}

static void looking_at_the_wrong_suppression_is_noticed(void **state)
{
    (void)state;
    up(EVENT);
    shm_read16(used(0, 0));
    assert_true(sim_breached("2.7.10.1"));
    shm_write16(avail(0, 0), 1);
    assert_true(sim_breached("2.7.7.1"));
    reset();
    memset(ring, 0, sizeof(ring));
    up(PLAIN);
    shm_read16(used(0, 4 + 8 * SIZE));
    assert_true(sim_breached("2.7.10.1"));
    shm_write16(avail(0, 2 + SIZE), 1);
    assert_true(sim_breached("2.7.7.1"));
    shm_write16(avail(0, 0), 2);
    assert_true(sim_breached("2.7.7.1"));
}

static void reading_what_was_not_given_is_noticed(void **state)
{
    (void)state;
    posted(PLAIN);
    shm_read16(avail(0, 1));
    assert_true(sim_breached("private"));
    shm_read64((uint64_t *)(void *)ring[0]);
    assert_true(sim_breached("private"));
    shm_write16(used(0, 2), 0);
    assert_true(sim_breached("2.7.8"));
    shm_read16(used(0, 2));
    cpu_rmb();
    shm_read32((uint32_t *)(void *)used(0, 4)); /* nothing there yet */
    assert_true(sim_breached("2.7.8"));
    sim_rx(nic, "x", 1);
    shm_read16(used(0, 2));
    cpu_rmb();
    shm_read32((uint32_t *)(void *)used(0, 12)); /* the second before the first */
    assert_true(sim_breached("2.7.8"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(correct_driver_is_left_alone),
        T(device_does_nothing_without_a_doorbell),
        T(device_interrupts_only_when_asked),
        T(reset_takes_as_long_as_it_is_told),
        T(unaligned_rings_are_noticed),
        T(rings_that_are_not_zeroed_are_noticed),
        T(missing_barriers_are_noticed),
        T(available_index_that_goes_back_or_too_far_is_noticed),
        T(doorbell_that_is_owed_is_noticed),
        T(looking_at_the_wrong_suppression_is_noticed),
        T(reading_what_was_not_given_is_noticed),
    };
    return cmocka_run_group_tests_name("sim_split", tests, NULL, NULL);
}
