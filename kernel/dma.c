// SPDX-License-Identifier: BSD-3-Clause
/*
 * Virtual to physical: the image is one block, so one subtraction does it. Filled once by
 * paging_init(), before any device is known.
 */
#include "dma.h"
#include "paging.h"

dma_addr_t dma_addr(const volatile void *p)
{
    return paging_phys((uintptr_t)p);
}
