// SPDX-License-Identifier: BSD-3-Clause
/*
 * A binary search in the table of function addresses. Used when something is broken already: it
 * reads constants only, and any address may be asked for.
 */
#include "symbols.h"

#include <stddef.h>

struct symbol {
    uint32_t text; /* offset of the function from image_start */
    uint32_t name; /* offset of its name from symbol_names */
};

extern const char image_start[], text_end[];
extern const uint32_t symbol_count;        /* from tools/symbols, as are the two below: */
extern const struct symbol symbol_table[]; /* by rising address */
extern const char symbol_names[];

const char *symbol_find(uint64_t addr, uint64_t *offset)
{
    uint64_t at = addr - (uint64_t)image_start;
    uint32_t n = 0; /* symbols at or before the address */

    if (addr < (uint64_t)image_start || addr >= (uint64_t)text_end)
        return NULL;
    for (uint32_t step = 1u << 31; step > 0; step /= 2)
        if (step <= symbol_count - n && symbol_table[n + step - 1].text <= at)
            n += step;
    if (n == 0)
        return NULL;
    *offset = at - symbol_table[n - 1].text;
    return symbol_names + symbol_table[n - 1].name;
}
