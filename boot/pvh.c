// SPDX-License-Identifier: BSD-3-Clause
/*
 * From hvm_start_info to boot_info [Xen, public/arch-x86/hvm/start_info.h].
 *
 * Runs on the transitional page tables of entry.S, which reach the first GiB at address 0. Whatever
 * lies above it, or does not look right, is treated as not given: the kernel then says what it
 * misses.
 */
#include <stddef.h>
#include "boot_info.h"
#include "main.h"

#define START_MAGIC 0x336ec578u
#define REACH       0x40000000ull /* bytes that entry.S maps at 0 */
#define MEMMAP_RAM  1

struct start_info {
    uint32_t magic;
    uint32_t version; /* the memory map exists from 1 on */
    uint32_t flags;
    uint32_t nr_modules;
    uint64_t modlist_paddr;
    uint64_t cmdline_paddr;
    uint64_t rsdp_paddr;
    uint64_t memmap_paddr;
    uint32_t memmap_entries;
    uint32_t reserved;
};

struct memmap_entry {
    uint64_t addr;
    uint64_t size;
    uint32_t type; /* as in E820 */
    uint32_t reserved;
};

static struct boot_info info;

void pvh_main(uint64_t start_paddr, uint64_t entry_tsc);

/* The object at a physical address, if all of it can be read here. */
static const void *reach(uint64_t paddr, uint64_t len)
{
    if (paddr == 0 || paddr >= REACH || len > REACH - paddr)
        return NULL;
    return (const void *)paddr; /* NOLINT(performance-no-int-to-ptr) */
}

static void read_memmap(const struct start_info *start)
{
    const struct memmap_entry *map =
        reach(start->memmap_paddr, (uint64_t)start->memmap_entries * sizeof(*map));

    if (start->version < 1 || map == NULL)
        return;
    for (uint32_t i = 0; i < start->memmap_entries && info.mem_n < BOOT_MEM_MAX; i++) {
        struct boot_mem *m = &info.mem[info.mem_n++];
        m->base = map[i].addr;
        m->len = map[i].size;
        m->usable = map[i].type == MEMMAP_RAM;
    }
}

static void read_cmdline(const struct start_info *start)
{
    const char *s = reach(start->cmdline_paddr, BOOT_TEXT_MAX);
    uint32_t n = 0;

    if (s == NULL)
        return;
    while (n < BOOT_TEXT_MAX - 1 && s[n] != 0) {
        info.cmdline[n] = s[n];
        n++;
    }
    info.cmdline_truncated = s[n] != 0;
}

void pvh_main(uint64_t start_paddr, uint64_t entry_tsc)
{
    const struct start_info *start = reach(start_paddr, sizeof(*start));

    info.magic = BOOT_MAGIC;
    info.entry = BOOT_PVH;
    info.entry_tsc = entry_tsc;
    if (start != NULL && start->magic == START_MAGIC) {
        info.rsdp = start->rsdp_paddr;
        read_memmap(start);
        read_cmdline(start);
    } else {
        /* QEMU's option ROM copies a command line that is larger than its buffer, 4096 bytes, over
         * the start info. Nothing else is known to spoil it. */
        info.cmdline_truncated = 1;
    }
    kernel_main(&info);
}
