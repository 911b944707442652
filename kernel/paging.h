// SPDX-License-Identifier: BSD-3-Clause
/*
 * The kernel's own page tables: what may be executed, read, written, and what is not there at all.
 */
#ifndef KERNEL_PAGING_H
#define KERNEL_PAGING_H

#include <stdint.h>

/* Takes the image's place in physical memory, builds the final tables in static memory and switches
 * to them. Nothing outside the image is mapped afterwards. */
void paging_init(uint64_t phys_base);

/* Physical address of an address inside the image. */
uint64_t paging_phys(uintptr_t addr);

/* Where the image starts in physical memory. */
uint64_t paging_image_phys(void);

/* Bytes of the image: file contents, and everything with the static memory behind it. */
uint64_t paging_file_bytes(void);
uint64_t paging_image_bytes(void);

/* Maps device registers: uncached, read-write. NULL if there is no room or no such address. The
 * mapping stays for ever. */
void *mmio_map(uint64_t phys, uint64_t len);

/* Maps memory that firmware left behind, read-only. NULL and lifetime as above. */
const void *phys_map(uint64_t phys, uint64_t len);

#endif
