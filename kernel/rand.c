// SPDX-License-Identifier: BSD-3-Clause
/*
 * Random numbers: SipHash-2-4 [Aumasson, Bernstein 2012] under a secret key, of a counter for the
 * generator and of the caller's data for rand_hash(), each with a key of its own.
 *
 * The hardware seed is a hash over every sample drawn, so a source that turns out weak only adds
 * less, never removes.
 */
#include "rand.h"

#include <stdbool.h>
#include "cpu.h"

#define CPUID_1_ECX_RDRAND (1u << 30)

/* A working RDRAND fails less than once in 2^20 under full load, and Intel's advice is ten tries.
 */
#define RDRAND_TRIES 10
#define RDRAND_WORDS 8 /* 512 bits for 256 bits of keys */

/* Jitter: each sample is the time that a small piece of work took. Even one bit in four samples
 * gives 256; one sample is well under a microsecond. */
#define JITTER_SAMPLES 1024

struct key {
    uint64_t k0, k1;
};

static struct {
    struct key generator, hash;
    uint64_t counter;
    const char *source;
} rnd = {.source = "none"};

static inline uint64_t rotl(uint64_t x, int n)
{
    return x << n | x >> (64 - n);
}

static inline void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotl(v[1], 13) ^ v[0];
    v[0] = rotl(v[0], 32);
    v[2] += v[3];
    v[3] = rotl(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotl(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotl(v[1], 17) ^ v[2];
    v[2] = rotl(v[2], 32);
}

static inline void sip_word(uint64_t v[4], uint64_t m)
{
    v[3] ^= m;
    sip_round(v);
    sip_round(v);
    v[0] ^= m;
}

static uint64_t siphash(const struct key *key, const uint8_t *data, uint32_t len)
{
    uint64_t v[4] = {
        /* "somepseudorandomlygeneratedbytes" */
        key->k0 ^ 0x736f6d6570736575ull,
        key->k1 ^ 0x646f72616e646f6dull,
        key->k0 ^ 0x6c7967656e657261ull,
        key->k1 ^ 0x7465646279746573ull,
    };
    uint32_t words = len / 8;

    for (uint32_t i = 0; i < words; i++) {
        uint64_t m = 0;
        for (uint32_t b = 0; b < 8; b++)
            m |= (uint64_t)data[i * 8 + b] << (8 * b);
        sip_word(v, m);
    }
    uint64_t last = (uint64_t)len << 56;
    for (uint32_t b = 0; b < len % 8; b++)
        last |= (uint64_t)data[words * 8 + b] << (8 * b);
    sip_word(v, last);
    v[2] ^= 0xff;
    for (int i = 0; i < 4; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* Folds one sample into a state of two words. */
static void stir(struct key *pool, uint64_t sample)
{
    uint64_t word[2] = {sample, pool->k1};

    pool->k1 = siphash(pool, (const uint8_t *)word, sizeof(word));
    pool->k0 ^= rotl(pool->k1, 29);
}

static bool stir_rdrand(struct key *pool)
{
    uint32_t regs[4];
    uint64_t first = 0, differ = 0;

    cpu_cpuid(0, regs);
    if (regs[0] < 1)
        return false;
    cpu_cpuid(1, regs);
    if ((regs[2] & CPUID_1_ECX_RDRAND) == 0)
        return false;
    for (int i = 0; i < RDRAND_WORDS; i++) {
        uint64_t v = 0;
        int tries = RDRAND_TRIES;
        while (!cpu_rdrand(&v))
            if (--tries == 0)
                return false;
        if (i == 0)
            first = v;
        differ |= v ^ first;
        stir(pool, v);
    }
    /* Some CPUs answer with one constant, and success, after a suspend. */
    return differ != 0;
}

static void stir_jitter(struct key *pool)
{
    uint64_t before = cpu_tsc();

    for (int i = 0; i < JITTER_SAMPLES; i++) {
        uint64_t now = cpu_tsc();
        stir(pool, now ^ rotl(now - before, 32));
        before = now;
    }
}

void rand_init(uint64_t seed)
{
    struct key pool = {seed, 0};
    uint64_t words[4];

    if (seed != 0) {
        rnd.source = "seed";
    } else {
        stir(&pool, cpu_tsc());
        rnd.source = "rdrand";
        if (!stir_rdrand(&pool)) {
            rnd.source = "jitter";
            stir_jitter(&pool);
        }
    }
    for (uint64_t i = 0; i < 4; i++)
        words[i] = siphash(&pool, (const uint8_t *)&i, sizeof(i));
    rnd.generator = (struct key){words[0], words[1]};
    rnd.hash = (struct key){words[2], words[3]};
    rnd.counter = 0;
}

uint64_t rand_u64(void)
{
    uint64_t n = rnd.counter++;

    return siphash(&rnd.generator, (const uint8_t *)&n, sizeof(n));
}

uint32_t rand_u32(void)
{
    return (uint32_t)rand_u64();
}

const char *rand_source(void)
{
    return rnd.source;
}

uint64_t rand_hash(const void *data, uint32_t len)
{
    return siphash(&rnd.hash, data, len);
}
