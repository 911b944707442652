// SPDX-License-Identifier: BSD-3-Clause
/*
 * SplitMix64: every seed, zero too, gives a sequence of full period, a word costs three
 * multiplications, and any of them can be had without those before it.
 */
#ifndef APPS_SPLITMIX_H
#define APPS_SPLITMIX_H

#include <stdint.h>

/* The k-th word of the sequence, from 0. */
static inline uint64_t splitmix(uint64_t seed, uint64_t k)
{
    uint64_t z = seed + (k + 1) * 0x9e3779b97f4a7c15ull;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

#endif
