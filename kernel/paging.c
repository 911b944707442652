// SPDX-License-Identifier: BSD-3-Clause
/*
 * Page tables, all in static memory, built once.
 *
 *     KERNEL_BASE           the image: text r-x, constants r--, data rw-; guard pages not mapped
 *     KERNEL_BASE + 1 GiB   the window: device registers (uncached) and firmware tables (read-only)
 *
 * Everything else, the null page above all, is not mapped. Each range is mapped with 4 KiB pages,
 * but for its whole 2 MiB blocks, which the loaders' placement (a multiple of 2 MiB) allows: the
 * large arenas then cost no tables and few TLB entries.
 */
#include "paging.h"
#include <stdbool.h>
#include <stddef.h>
#include "boot_info.h"
#include "cpu.h"
#include "panic.h"
#include "sysreg.h"

#define PAGE      4096ull
#define BLOCK     0x200000ull
#define WINDOW    (KERNEL_BASE + 0x40000000ull)

#define PTE_P     (1ull << 0)
#define PTE_W     (1ull << 1)
#define PTE_PWT   (1ull << 3)
#define PTE_PCD   (1ull << 4)
#define PTE_LARGE (1ull << 7)
#define PTE_NX    (1ull << 63)
#define PTE_ADDR  0x000ffffffffff000ull

/* A range needs a table for its first and last partial block; neighbours share. The image has five
 * ranges; the window gets the rest: 4 KiB mappings of 24 blocks, 48 MiB. */
#define TABLES 32

enum { EAX, EBX, ECX, EDX };

typedef uint64_t table[512] __attribute__((aligned(4096)));

extern char image_start[], text_end[], rodata_end[], data_end[], stacks_start[];
extern char stacks_end[], image_end[];
extern char stack_main_guard[], stack_fault_guard[], stack_double_guard[], stack_nmi_guard[];

static table pml5, pml4, pdpt, pd_image, pd_window;
static table pool[TABLES];
static unsigned pool_n;          /* tables of pool in use */
static uint64_t image_phys_base; /* physical = virtual - KERNEL_BASE + this */
static uint64_t nx;              /* PTE_NX where the CPU knows it */
static uint64_t window_next;     /* first address of the window not in use */
static uint64_t phys_limit;      /* first physical address that the CPU does not have */

uint64_t paging_phys(uintptr_t addr)
{
    ASSERT(addr >= (uintptr_t)image_start && addr < (uintptr_t)image_end);
    return addr - KERNEL_BASE + image_phys_base;
}

uint64_t paging_image_phys(void)
{
    return paging_phys((uintptr_t)image_start);
}

uint64_t paging_file_bytes(void)
{
    return (uint64_t)(data_end - image_start);
}

uint64_t paging_image_bytes(void)
{
    return (uint64_t)(image_end - image_start);
}

static uint64_t *directory_entry(uint64_t virt)
{
    uint64_t *pd = virt < WINDOW ? pd_image : pd_window;

    return &pd[virt / BLOCK % 512];
}

/* The entry for one 4 KiB page; NULL if the pool of tables is empty. */
static uint64_t *page_entry(uint64_t virt)
{
    uint64_t *pde = directory_entry(virt);
    uint64_t *pt;

    if (*pde == 0) {
        if (pool_n == TABLES)
            return NULL;
        *pde = paging_phys((uintptr_t)pool[pool_n++]) | PTE_P | PTE_W;
    }
    /* Tables lie in the image, so the way back from physical is the same subtraction. */
    pt = (uint64_t *)((*pde & PTE_ADDR) - image_phys_base + KERNEL_BASE);
    return &pt[virt / PAGE % 512];
}

static bool map(uint64_t virt, uint64_t phys, uint64_t len, uint64_t flags)
{
    uint64_t end = virt + len;

    while (virt < end) {
        uint64_t step = PAGE;
        if ((virt | phys) % BLOCK == 0 && end - virt >= BLOCK && *directory_entry(virt) == 0) {
            *directory_entry(virt) = phys | flags | PTE_P | PTE_LARGE;
            step = BLOCK;
        } else {
            uint64_t *pte = page_entry(virt);
            if (pte == NULL)
                return false;
            *pte = phys | flags | PTE_P;
        }
        virt += step;
        phys += step;
    }
    return true;
}

static void map_image(const char *from, const char *to, uint64_t flags)
{
    uint64_t virt = (uint64_t)from;

    ASSERT(map(virt, virt - KERNEL_BASE + image_phys_base, (uint64_t)(to - from), flags));
}

static void unmap(const char *guard)
{
    uint64_t *pte = page_entry((uint64_t)guard);

    ASSERT(pte != NULL);
    *pte = 0;
}

/* One of the four words that the CPU says about itself; 0 for a leaf that it does not have. */
static uint32_t cpu_word(uint32_t leaf, unsigned word)
{
    uint32_t v[4];

    cpu_cpuid(leaf & 0x80000000, v);
    if (v[0] < leaf)
        return 0;
    cpu_cpuid(leaf, v);
    return v[word];
}

static void protect(void)
{
    uint64_t cr4 = read_cr4();

    if (cpu_word(7, EBX) & (1u << 7))
        cr4 |= CR4_SMEP;
    if (cpu_word(7, ECX) & (1u << 2))
        cr4 |= CR4_UMIP;
    write_cr4(cr4);
    write_cr0(read_cr0() | CR0_WP);
}

void paging_init(uint64_t phys_base)
{
    const char *data_page = (const char *)(((uint64_t)data_end + PAGE - 1) / PAGE * PAGE);
    uint32_t phys_bits = cpu_word(0x80000008, EAX) & 0xff;

    image_phys_base = phys_base;
    window_next = WINDOW;
    phys_limit = 1ull << (phys_bits ? phys_bits : 36);
    if (cpu_word(0x80000001, EDX) & (1u << 20)) {
        nx = PTE_NX;
        wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_NXE);
    }

    map_image(image_start, text_end, 0);
    map_image(text_end, rodata_end, nx);
    map_image(rodata_end, data_page, PTE_W | nx);
    map_image(stacks_start, stacks_end, PTE_W | nx);
    map_image(stacks_end, image_end, PTE_W | nx);
    unmap(stack_main_guard);
    unmap(stack_fault_guard);
    unmap(stack_double_guard);
    unmap(stack_nmi_guard);

    pdpt[KERNEL_BASE / 0x40000000 % 512] = paging_phys((uintptr_t)pd_image) | PTE_P | PTE_W;
    pdpt[WINDOW / 0x40000000 % 512] = paging_phys((uintptr_t)pd_window) | PTE_P | PTE_W;
    pml4[KERNEL_BASE / 0x8000000000 % 512] = paging_phys((uintptr_t)pdpt) | PTE_P | PTE_W;
    pml5[511] = paging_phys((uintptr_t)pml4) | PTE_P | PTE_W;
    /* The number of levels cannot be changed in long mode: the firmware's choice stays. Its global
     * pages would survive the switch; without PGE they do not. */
    write_cr4(read_cr4() & ~CR4_PGE);
    write_cr3(paging_phys((uintptr_t)(read_cr4() & CR4_LA57 ? pml5 : pml4)));
    protect();
}

/* Large objects start at the same offset into a 2 MiB block as in physical memory, small ones into
 * a page. */
static void *window_map(uint64_t phys, uint64_t len, uint64_t flags)
{
    uint64_t unit = len >= BLOCK ? BLOCK : PAGE;
    uint64_t first = phys / unit * unit;
    uint64_t virt = (window_next + unit - 1) / unit * unit;
    uint64_t bytes;

    if (len == 0 || phys >= phys_limit || len > phys_limit - phys)
        return NULL;
    bytes = (phys + len - first + unit - 1) / unit * unit;
    if (bytes > UINT64_MAX - PAGE + 1 - virt) /* the window ends where addresses do */
        return NULL;
    if (!map(virt, first, bytes, flags | nx))
        return NULL;
    window_next = virt + bytes;
    return (void *)(virt + phys - first); /* NOLINT(performance-no-int-to-ptr) */
}

void *mmio_map(uint64_t phys, uint64_t len)
{
    return window_map(phys, len, PTE_W | PTE_PCD | PTE_PWT);
}

const void *phys_map(uint64_t phys, uint64_t len)
{
    return window_map(phys, len, 0);
}
