// SPDX-License-Identifier: BSD-3-Clause
/*
 * Addresses as a device sees them. A distinct type, so that a pointer never reaches a descriptor by
 * accident. All memory a device may touch is static memory of the image: one subtraction
 * translates.
 */
#ifndef KERNEL_DMA_H
#define KERNEL_DMA_H

#include <stdint.h>

typedef uint64_t dma_addr_t;

/* The device's address of p. p must point into the image's static memory. */
dma_addr_t dma_addr(const volatile void *p);

#endif
