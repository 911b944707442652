// SPDX-License-Identifier: BSD-3-Clause
/*
 * Random numbers: a small generator seeded once at boot from RDRAND or, without it, from timer
 * jitter (rand_source() says which). For sequence numbers, ports, ids and payload; not for keys.
 */
#ifndef KERNEL_RAND_H
#define KERNEL_RAND_H

#include <stdint.h>

/* seed 0: from the hardware; anything else makes the run repeatable. */
void rand_init(uint64_t seed);
uint32_t rand_u32(void);
uint64_t rand_u64(void);
const char *rand_source(void); /* "rdrand", "jitter", "seed" */

/* 64-bit secret-keyed hash (SipHash-2-4), for the initial sequence number [RFC 6528]. The key is
 * drawn at rand_init(). */
uint64_t rand_hash(const void *data, uint32_t len);

#endif
