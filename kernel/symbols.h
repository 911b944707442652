// SPDX-License-Identifier: BSD-3-Clause
/*
 * Names of our functions, for backtraces. The table is made from the linked image and linked into
 * it by a second pass (tools/symbols).
 */
#ifndef KERNEL_SYMBOLS_H
#define KERNEL_SYMBOLS_H

#include <stdint.h>

/* The function that contains the address, and how far into it; NULL if it is none of ours. */
const char *symbol_find(uint64_t addr, uint64_t *offset);

#endif
