// SPDX-License-Identifier: BSD-3-Clause
/*
 * kernel/rand.c on a CPU made here: with, without and with a broken RDRAND, and a counter that the
 * test turns.
 */
#define KERNEL_CPU_H /* this file is the CPU */

#include <stdbool.h>
#include <stdint.h>

static uint32_t max_leaf, leaf1_ecx;
static unsigned rdrand_calls, rdrand_fails; /* fails: that many calls, then success */
static bool rdrand_stuck;
static uint64_t rdrand_state, tsc, tsc_step;

static void cpu_cpuid(uint32_t leaf, uint32_t out[4])
{
    out[0] = leaf == 0 ? max_leaf : 0;
    out[1] = out[3] = 0;
    out[2] = leaf == 1 ? leaf1_ecx : 0;
}

static int cpu_rdrand(uint64_t *v)
{
    rdrand_calls++;
    if (rdrand_fails > 0) {
        rdrand_fails--;
        return 0;
    }
    rdrand_state = rdrand_state * 6364136223846793005u + 1442695040888963407u;
    *v = rdrand_stuck ? UINT64_MAX : rdrand_state;
    return 1;
}

static uint64_t cpu_tsc(void)
{
    return tsc += tsc_step;
}

#include "rand.c"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static int good_cpu(void **state)
{
    (void)state;
    max_leaf = 13;
    leaf1_ecx = CPUID_1_ECX_RDRAND;
    rdrand_calls = rdrand_fails = 0;
    rdrand_stuck = false;
    rdrand_state = 1;
    tsc = 1000;
    tsc_step = 0;
    return 0;
}

/* Key 00 01 … 0f, messages of 0 to 15 bytes 00 01 …: the reference implementation's first vectors;
 * the last one is also the example in the paper's appendix A. */
static void siphash_gives_the_published_vectors(void **state)
{
    static const uint8_t expect[16][8] = {
        {0x31, 0x0e, 0x0e, 0xdd, 0x47, 0xdb, 0x6f, 0x72},
        {0xfd, 0x67, 0xdc, 0x93, 0xc5, 0x39, 0xf8, 0x74},
        {0x5a, 0x4f, 0xa9, 0xd9, 0x09, 0x80, 0x6c, 0x0d},
        {0x2d, 0x7e, 0xfb, 0xd7, 0x96, 0x66, 0x67, 0x85},
        {0xb7, 0x87, 0x71, 0x27, 0xe0, 0x94, 0x27, 0xcf},
        {0x8d, 0xa6, 0x99, 0xcd, 0x64, 0x55, 0x76, 0x18},
        {0xce, 0xe3, 0xfe, 0x58, 0x6e, 0x46, 0xc9, 0xcb},
        {0x37, 0xd1, 0x01, 0x8b, 0xf5, 0x00, 0x02, 0xab},
        {0x62, 0x24, 0x93, 0x9a, 0x79, 0xf5, 0xf5, 0x93},
        {0xb0, 0xe4, 0xa9, 0x0b, 0xdf, 0x82, 0x00, 0x9e},
        {0xf3, 0xb9, 0xdd, 0x94, 0xc5, 0xbb, 0x5d, 0x7a},
        {0xa7, 0xad, 0x6b, 0x22, 0x46, 0x2f, 0xb3, 0xf4},
        {0xfb, 0xe5, 0x0e, 0x86, 0xbc, 0x8f, 0x1e, 0x75},
        {0x90, 0x3d, 0x84, 0xc0, 0x27, 0x56, 0xea, 0x14},
        {0xee, 0xf2, 0x7a, 0x8e, 0x90, 0xca, 0x23, 0xf7},
        {0xe5, 0x45, 0xbe, 0x49, 0x61, 0xca, 0x29, 0xa1},
    };
    const struct key key = {0x0706050403020100ull, 0x0f0e0d0c0b0a0908ull};

    (void)state;
    for (uint32_t n = 0; n < 16; n++) {
        uint8_t *message = malloc(n), got[8];
        for (uint32_t i = 0; i < n; i++)
            message[i] = (uint8_t)i;
        uint64_t h = siphash(&key, message, n);
        for (int b = 0; b < 8; b++)
            got[b] = (uint8_t)(h >> (8 * b));
        assert_memory_equal(got, expect[n], 8);
        free(message);
    }
}

static void the_same_seed_gives_the_same_run(void **state)
{
    uint64_t first[8], hash;

    (void)state;
    rand_init(42);
    assert_string_equal(rand_source(), "seed");
    assert_int_equal(rdrand_calls, 0);
    for (int i = 0; i < 8; i++)
        first[i] = rand_u64();
    hash = rand_hash("abc", 3);
    tsc = 77;
    rand_init(42);
    for (int i = 0; i < 8; i++)
        assert_int_equal(rand_u64(), first[i]);
    assert_int_equal(rand_hash("abc", 3), hash);
    rand_init(43);
    assert_int_not_equal(rand_u64(), first[0]);
    assert_int_not_equal(rand_hash("abc", 3), hash);
}

static void the_hash_does_not_give_away_the_generator(void **state)
{
    uint64_t n = 0;

    (void)state;
    rand_init(42);
    assert_int_not_equal(rand_u64(), rand_hash(&n, sizeof(n)));
}

static void rdrand_is_used_and_asked_again_when_it_is_out(void **state)
{
    (void)state;
    rdrand_fails = RDRAND_TRIES - 1;
    rand_init(0);
    assert_string_equal(rand_source(), "rdrand");
    assert_int_equal(rdrand_calls, RDRAND_TRIES - 1 + RDRAND_WORDS);
    uint64_t before = rand_u64();
    good_cpu(NULL);
    rdrand_state = 2;
    rand_init(0);
    assert_int_not_equal(rand_u64(), before); /* what it says matters */
}

static void without_a_working_rdrand_the_timer_is_asked(void **state)
{
    (void)state;
    tsc_step = 3;
    leaf1_ecx = 0;
    rand_init(0);
    assert_string_equal(rand_source(), "jitter");
    assert_int_equal(rdrand_calls, 0);

    good_cpu(NULL);
    max_leaf = 0;
    rand_init(0);
    assert_string_equal(rand_source(), "jitter");

    good_cpu(NULL);
    rdrand_fails = 1000000;
    rand_init(0);
    assert_string_equal(rand_source(), "jitter");
    assert_int_equal(rdrand_calls, RDRAND_TRIES);

    good_cpu(NULL);
    rdrand_stuck = true;
    rand_init(0);
    assert_string_equal(rand_source(), "jitter");
}

static void one_tick_of_jitter_changes_everything(void **state)
{
    (void)state;
    leaf1_ecx = 0;
    tsc_step = 3;
    rand_init(0);
    uint64_t a = rand_u64(), h = rand_hash("", 0);
    tsc = 1001;
    rand_init(0);
    assert_int_not_equal(rand_u64(), a);
    assert_int_not_equal(rand_hash("", 0), h);
}

static void bits_are_balanced(void **state)
{
    int ones[64] = {0};

    (void)state;
    rand_init(7);
    for (int i = 0; i < 10000; i++) {
        uint64_t v = rand_u64();
        for (int b = 0; b < 64; b++)
            ones[b] += (int)(v >> b & 1);
    }
    for (int b = 0; b < 64;
         b++) /* 5000 with a standard deviation of 50: eight of them either way */
        assert_in_range(ones[b], 4600, 5400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(siphash_gives_the_published_vectors, good_cpu),
        cmocka_unit_test_setup(the_same_seed_gives_the_same_run, good_cpu),
        cmocka_unit_test_setup(the_hash_does_not_give_away_the_generator, good_cpu),
        cmocka_unit_test_setup(rdrand_is_used_and_asked_again_when_it_is_out, good_cpu),
        cmocka_unit_test_setup(without_a_working_rdrand_the_timer_is_asked, good_cpu),
        cmocka_unit_test_setup(one_tick_of_jitter_changes_everything, good_cpu),
        cmocka_unit_test_setup(bits_are_balanced, good_cpu),
    };
    return cmocka_run_group_tests_name("rand", tests, NULL, NULL);
}
