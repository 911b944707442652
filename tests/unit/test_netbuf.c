// SPDX-License-Identifier: BSD-3-Clause
/*
 * Buffer pools: who owns what, and that nothing else is possible.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "config.h"
#include "netbuf.h"
#include "sim.h"

#define BUFS   4
#define BYTES  2048

#define STRIDE (BYTES + CONFIG_GUARD_BYTES)

static uint8_t arena[CONFIG_GUARD_BYTES + BUFS * STRIDE] __attribute__((aligned(64)));
static struct netbuf bufs[BUFS + 2];
static uint16_t ids[BUFS + 2];
static struct netbuf_pool pool;

static int setup(void **state)
{
    (void)state;
    netbuf_pool_init(&pool, "test", arena, sizeof(arena), BYTES, bufs, ids, BUFS);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    return netbuf_check(&pool) ? 0 : -1;
}

static void pool_is_all_free_and_covers_the_arena_once(void **state)
{
    (void)state;
    assert_int_equal(pool.n, BUFS);
    for (unsigned i = 0; i < BUFS; i++) {
        assert_ptr_equal(bufs[i].base, arena + CONFIG_GUARD_BYTES + i * STRIDE);
        assert_int_equal(bufs[i].dma, (uintptr_t)bufs[i].base);
        assert_int_equal(bufs[i].cap, BYTES);
        assert_ptr_equal(netbuf_frame(&bufs[i]), bufs[i].base + NETBUF_HEADROOM);
    }
    assert_int_equal(pool.count[NETBUF_FREE], BUFS);
}

/* Each guard, from its first byte to its last, and once; what is not its own each buffer's owner
 * may write. */
static void write_beside_a_buffer_is_found_once(void **state)
{
    uint32_t id;

    (void)state;
    assert_false(netbuf_overrun(&pool, &id));
    for (unsigned i = 0; i < BUFS; i++)
        memset(bufs[i].base, 0xff, BYTES);
    assert_false(netbuf_overrun(&pool, &id));
    for (unsigned at = 0; at < sizeof(arena); at++) {
        const unsigned buf = at / STRIDE; /* whose guard in front, then itself, begins there */

        if (at % STRIDE >= CONFIG_GUARD_BYTES)
            continue;
        arena[at] ^= 1;
        assert_true(netbuf_overrun(&pool, &id));
        assert_int_equal(id, buf > 0 ? buf - 1 : 0);
        assert_false(netbuf_overrun(&pool, &id));
    }
}

static void pool_has_no_more_buffers_than_fit_or_are_wanted(void **state)
{
    (void)state;
    netbuf_pool_init(&pool, "test", arena, sizeof(arena), BYTES + 64, bufs, ids, BUFS + 2);
    assert_int_equal(pool.n, BUFS * STRIDE / (STRIDE + 64));
    netbuf_pool_init(&pool, "test", arena, sizeof(arena), BYTES, bufs, ids, 2);
    assert_int_equal(pool.n, 2);
}

static void empty_pool_gives_null_and_counts(void **state)
{
    (void)state;
    for (unsigned i = 0; i < BUFS; i++)
        assert_non_null(netbuf_get(&pool));
    assert_int_equal(pool.failures, 0);
    assert_null(netbuf_get(&pool));
    assert_null(netbuf_get(&pool));
    assert_int_equal(pool.failures, 2);
    assert_int_equal(pool.used_max, BUFS);
}

static void buffer_goes_round_and_owners_always_sum_to_the_pool(void **state)
{
    struct netbuf *nb;

    (void)state;
    for (unsigned turn = 0; turn < 100; turn++) {
        nb = netbuf_get(&pool);
        assert_true(netbuf_check(&pool));
        netbuf_to_device(&pool, nb);
        assert_int_equal(pool.count[NETBUF_DEVICE], 1);
        assert_true(netbuf_check(&pool));
        netbuf_from_device(&pool, nb);
        assert_int_equal(pool.count[NETBUF_STACK], 1);
        netbuf_put(&pool, nb);
        assert_true(netbuf_check(&pool));
    }
    assert_int_equal(pool.used_max, 1);
}

static void held_buffer_comes_back_whatever_happens_meanwhile(void **state)
{
    struct netbuf *held, *other;

    (void)state;
    held = netbuf_get(&pool);
    netbuf_hold(&pool, held);
    assert_int_equal(pool.count[NETBUF_HELD], 1);
    assert_true(netbuf_check(&pool));
    other = netbuf_get(&pool);
    netbuf_to_device(&pool, other);
    netbuf_pool_renew(&pool);
    assert_int_equal(pool.count[NETBUF_HELD], 1);
    assert_int_equal(pool.count[NETBUF_FREE], BUFS - 1);
    assert_true(netbuf_check(&pool));
    for (unsigned i = 0; i < BUFS - 1; i++)
        assert_ptr_not_equal(netbuf_get(&pool), held);
    assert_null(netbuf_get(&pool));
    netbuf_let_go(&pool, held);
    assert_ptr_equal(netbuf_get(&pool), held);
    assert_true(netbuf_check(&pool));
}

static void every_wrong_transition_ends_the_run(void **state)
{
    struct netbuf *nb = netbuf_get(&pool), stranger = *nb;

    (void)state;
    expect_assert_failure(netbuf_from_device(&pool, nb));
    netbuf_to_device(&pool, nb);
    expect_assert_failure(netbuf_to_device(&pool, nb));
    expect_assert_failure(netbuf_put(&pool, nb));
    netbuf_from_device(&pool, nb);
    expect_assert_failure(netbuf_put(&pool, &stranger));
    expect_assert_failure(netbuf_let_go(&pool, nb));
    netbuf_hold(&pool, nb);
    expect_assert_failure(netbuf_put(&pool, nb));
    expect_assert_failure(netbuf_to_device(&pool, nb));
    expect_assert_failure(netbuf_hold(&pool, nb));
    netbuf_let_go(&pool, nb);
    expect_assert_failure(netbuf_let_go(&pool, nb));
    nb = netbuf_get(&pool);
    netbuf_put(&pool, nb);
    expect_assert_failure(netbuf_put(&pool, nb));
    expect_assert_failure(netbuf_to_device(&pool, nb));
}

static void check_sees_a_state_that_does_not_add_up(void **state)
{
    (void)state;
    bufs[1].state = NETBUF_DEVICE;
    assert_false(netbuf_check(&pool));
    bufs[1].state = NETBUF_STATES;
    assert_false(netbuf_check(&pool));
    bufs[1].state = NETBUF_FREE;
    pool.count[NETBUF_STACK]++;
    assert_false(netbuf_check(&pool));
    pool.count[NETBUF_STACK]--;
    pool.free_n--;
    assert_false(netbuf_check(&pool));
    pool.free_n++;
    assert_true(netbuf_check(&pool));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(pool_is_all_free_and_covers_the_arena_once, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(write_beside_a_buffer_is_found_once, setup, teardown),
        cmocka_unit_test_setup_teardown(pool_has_no_more_buffers_than_fit_or_are_wanted, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(empty_pool_gives_null_and_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(buffer_goes_round_and_owners_always_sum_to_the_pool, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(held_buffer_comes_back_whatever_happens_meanwhile, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(every_wrong_transition_ends_the_run, setup, teardown),
        cmocka_unit_test_setup_teardown(check_sees_a_state_that_does_not_add_up, setup, teardown),
    };
    return cmocka_run_group_tests_name("netbuf", tests, NULL, NULL);
}
