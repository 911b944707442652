// SPDX-License-Identifier: BSD-3-Clause
/*
 * What the fuzz targets share: a reader of the input, and how one says that a promise is broken.
 *
 * A target is one function, LLVMFuzzerTestOneInput(), that reads its input as a script and leaves
 * nothing behind: the same bytes always do the same. libFuzzer makes the bytes up; a violation of
 * memory is found by the sanitizers, everything else by MUST().
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A promise that holds whatever the input is; ends the program with where and what. */
#define MUST(cond)                                                                                 \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            fprintf(stderr, "%s:%d: %s: broken: %s\n", __FILE__, __LINE__, __func__, #cond);       \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

struct input {
    const uint8_t *p;
    size_t left;
};

/* The next byte, or value of two bytes, low one first; zeros behind the end. */
static inline uint8_t in_u8(struct input *in)
{
    if (in->left == 0)
        return 0;
    in->left--;
    return *in->p++;
}

static inline uint16_t in_u16(struct input *in)
{
    uint8_t low = in_u8(in);

    return (uint16_t)(low | in_u8(in) << 8);
}

/* The next n bytes where they lie; *n becomes what is left if that is less. */
static inline const uint8_t *in_bytes(struct input *in, size_t *n)
{
    const uint8_t *p = in->p;

    if (*n > in->left)
        *n = in->left;
    in->p += *n;
    in->left -= *n;
    return p;
}

/* What the simulations assert through cmocka ends the program, too. */
static inline void fuzz_init(void)
{
    setenv("CMOCKA_TEST_ABORT", "1", 1);
}

#endif
