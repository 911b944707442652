// SPDX-License-Identifier: BSD-3-Clause
/*
 * The UEFI application: has a struct boot_info filled with what the firmware knows, puts the kernel
 * into memory, leaves the firmware and jumps.
 *
 * The kernel is an ELF file embedded in this one. Its image goes to pages of the firmware's choice,
 * at the same offset into a 2 MiB block as its link address, and is mapped at KERNEL_BASE beside
 * the firmware's own map, which is still needed for the jump. Everything up to ExitBootServices()
 * can fail and says so on the firmware's console; nothing after it can.
 */
#include <efi.h>
#include <elf.h>
#include "boot_info.h"
#include "uefi.h"

#define PAGE         4096ull
#define BLOCK        0x200000ull
#define PTE_TABLE    3ull    /* present, writable */
#define PTE_BLOCK    0x83ull /* the same, 2 MiB */
#define PTE_ADDR     0x000ffffffffff000ull
#define CR4_LA57     (1ull << 12)
#define EXIT_TRIES   8

#define COM1         0x3f8
#define DEBUG_EXIT   0xf4   /* isa-debug-exit; nothing listens there on a real machine */
#define SERIAL_TRIES 100000 /* reads of a port: a byte takes 100 of them at 115200 baud */

/* GetMemoryMap() is called again after the buffer was allocated, and once more if the map changed
 * under ExitBootServices(): each can have split a few entries. */
#define MAP_SLACK 32

typedef UINT64 table[512];

/* What the kernel still reads when the firmware is gone; allocated once, never freed. */
struct handoff {
    table top, pml4, pdpt, pd; /* pml4 only with five levels; top is then the fifth */
    struct boot_info info;
};

struct memory_map {
    UINT8 *entries;
    UINTN cap, size, entry_size, key;
};

extern const UINT8 kernel_elf[], kernel_elf_end[];

EFI_SYSTEM_TABLE *uefi_st;
EFI_BOOT_SERVICES *uefi_bs;

static EFI_GUID guid_loaded_image = EFI_LOADED_IMAGE_PROTOCOL_GUID;

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *system);

/* ---- small things ---------------------------------------------------------------------------- */

static void out8(UINT16 port, UINT8 v)
{
    __asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port));
}

static UINT8 in8(UINT16 port)
{
    UINT8 v;
    __asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}

/* To COM1, whatever the firmware's console is. */
static void serial(const CHAR16 *text)
{
    for (; *text != 0; text++) {
        for (unsigned n = 0; n < SERIAL_TRIES && !(in8(COM1 + 5) & 0x20); n++)
            ;
        out8(COM1, (UINT8)*text);
    }
}

/* A sentence on the firmware's console, an `error` record on COM1 and, where isa-debug-exit is, the
 * end with FAIL; else the firmware goes on with what it would boot next. */
static EFI_STATUS fail(const CHAR16 *why, EFI_STATUS status)
{
    uefi_st->ConOut->OutputString(uefi_st->ConOut, (CHAR16 *)L"Antifreeze: ");
    uefi_st->ConOut->OutputString(uefi_st->ConOut, (CHAR16 *)why);
    uefi_st->ConOut->OutputString(uefi_st->ConOut, (CHAR16 *)L"\r\n");
    serial(L"\r\n{\"event\":\"error\",\"t_us\":0,\"message\":\"");
    serial(why);
    serial(L"\"}\r\n");
    out8(DEBUG_EXIT, 1);
    return status;
}

/* The same with a number of MiB where the text has a '#'. */
static EFI_STATUS fail_mib(const CHAR16 *why, UINT64 bytes, EFI_STATUS status)
{
    CHAR16 text[128];
    UINT64 mib = (bytes + 0xfffff) >> 20, unit = 1;
    UINTN n = 0;

    while (mib / unit >= 10)
        unit *= 10;
    for (; *why != 0 && n < 100; why++) {
        if (*why != '#') {
            text[n++] = *why;
            continue;
        }
        for (; unit > 0; unit /= 10)
            text[n++] = (CHAR16)('0' + mib / unit % 10);
    }
    text[n] = 0;
    return fail(text, status);
}

void uefi_copy(void *to, const void *from, UINTN n)
{
    uefi_bs->CopyMem(to, (void *)from, n);
}

/* ---- the kernel's image ---------------------------------------------------------------------- */

static BOOLEAN is_part(const Elf64_Phdr *ph)
{
    return ph->p_type == PT_LOAD || ph->p_type == BOOT_PT_EMPTY;
}

/* Allocates the image and copies into it what the file has. Parts without contents are the kernel's
 * to clear. */
static EFI_STATUS load_kernel(struct handoff *h)
{
    const Elf64_Ehdr *eh = (const Elf64_Ehdr *)kernel_elf;
    const Elf64_Phdr *ph = (const Elf64_Phdr *)(kernel_elf + eh->e_phoff);
    UINT64 start = UINT64_MAX, end = 0, shift;
    EFI_PHYSICAL_ADDRESS pages;
    EFI_STATUS status;

    for (unsigned i = 0; i < eh->e_phnum; i++) {
        if (!is_part(&ph[i]))
            continue;
        if (ph[i].p_vaddr < start)
            start = ph[i].p_vaddr;
        if (ph[i].p_vaddr + ph[i].p_memsz > end)
            end = ph[i].p_vaddr + ph[i].p_memsz;
    }
    /* One block more, to find room at the right offset. */
    status = uefi_bs->AllocatePages(AllocateAnyPages, EfiLoaderData,
                                    (end - start + BLOCK) / PAGE + 1, &pages);
    if (EFI_ERROR(status))
        return fail_mib(L"needs # MiB of memory in one piece; please give the machine more",
                        end - start + BLOCK, status);
    shift = (start - pages) % BLOCK; /* from the allocation's start to the image's */
    h->info.phys_base = pages + shift - (start - KERNEL_BASE);
    for (unsigned i = 0; i < eh->e_phnum; i++) {
        void *to = (void *)(ph[i].p_vaddr - KERNEL_BASE + h->info.phys_base);
        if (ph[i].p_type == PT_LOAD)
            uefi_copy(to, kernel_elf + ph[i].p_offset, ph[i].p_filesz);
    }
    for (UINT64 a = start / BLOCK * BLOCK; a < end; a += BLOCK)
        h->pd[a / BLOCK % 512] = (a - KERNEL_BASE + h->info.phys_base) | PTE_BLOCK;
    return EFI_SUCCESS;
}

/* The firmware's own map with the image added at KERNEL_BASE. */
static void build_tables(struct handoff *h)
{
    UINT64 cr3, cr4;

    __asm__ volatile("mov %%cr3, %0" : "=r"(cr3));
    __asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
    uefi_copy(h->top, (const void *)(cr3 & PTE_ADDR), sizeof(table));
    h->pdpt[KERNEL_BASE / 0x40000000 % 512] = (UINT64)h->pd | PTE_TABLE;
    h->pml4[511] = (UINT64)h->pdpt | PTE_TABLE;
    h->top[511] = (UINT64)(cr4 & CR4_LA57 ? h->pml4 : h->pdpt) | PTE_TABLE;
}

/* ---- the way out ----------------------------------------------------------------------------- */

static EFI_STATUS get_memory_map(struct memory_map *map)
{
    UINT32 version;

    map->size = map->cap;
    return uefi_bs->GetMemoryMap(&map->size, (EFI_MEMORY_DESCRIPTOR *)map->entries, &map->key,
                                 &map->entry_size, &version);
}

static EFI_STATUS exit_boot_services(EFI_HANDLE image, struct memory_map *map)
{
    EFI_STATUS status = get_memory_map(map); /* too small: says how large it has to be */

    if (status != EFI_BUFFER_TOO_SMALL)
        return EFI_DEVICE_ERROR;
    map->cap = map->size + MAP_SLACK * map->entry_size;
    status = uefi_bs->AllocatePool(EfiLoaderData, map->cap, (VOID **)&map->entries);
    if (EFI_ERROR(status))
        return status;
    /* A timer event of the firmware may change the map between the two calls: the key is then
     * stale. From the first try on, nothing else of the firmware may be called [UEFI 7.4.6]. */
    for (unsigned i = 0; i < EXIT_TRIES; i++) {
        status = get_memory_map(map);
        if (EFI_ERROR(status))
            return status;
        status = uefi_bs->ExitBootServices(image, map->key);
        if (!EFI_ERROR(status))
            return status;
    }
    return status;
}

static BOOLEAN is_usable(UINT32 type)
{
    return type == EfiConventionalMemory || type == EfiBootServicesCode ||
           type == EfiBootServicesData || type == EfiLoaderCode || type == EfiLoaderData;
}

/* Firmware maps have a hundred entries and more; neighbours of one kind become one. */
static void record_memory(const struct memory_map *map, struct boot_info *info)
{
    for (UINTN at = 0; at + map->entry_size <= map->size; at += map->entry_size) {
        const EFI_MEMORY_DESCRIPTOR *d = (const EFI_MEMORY_DESCRIPTOR *)(map->entries + at);
        struct boot_mem *last = info->mem_n > 0 ? &info->mem[info->mem_n - 1] : NULL;
        UINT32 usable = is_usable(d->Type);

        if (last != NULL && last->usable == usable && last->base + last->len == d->PhysicalStart) {
            last->len += d->NumberOfPages * PAGE;
        } else if (info->mem_n < BOOT_MEM_MAX) {
            struct boot_mem *m = &info->mem[info->mem_n++];
            m->base = d->PhysicalStart;
            m->len = d->NumberOfPages * PAGE;
            m->usable = usable;
        }
    }
}

static void enter_kernel(struct handoff *h)
{
    UINT64 entry = ((const Elf64_Ehdr *)kernel_elf)->e_entry;

    __asm__ volatile("cli\n\t"
                     "mov %0, %%cr3\n\t"
                     "jmp *%1"
                     :
                     : "r"(h->top), "r"(entry), "D"(&h->info)
                     : "memory");
    __builtin_unreachable();
}

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *system)
{
    UINT64 entry_tsc = __builtin_ia32_rdtsc();
    EFI_LOADED_IMAGE *li;
    EFI_PHYSICAL_ADDRESS pages;
    struct handoff *h;
    struct memory_map map = {0};
    EFI_STATUS status;

    uefi_st = system;
    uefi_bs = system->BootServices;
    status = uefi_bs->HandleProtocol(image, &guid_loaded_image, (VOID **)&li);
    if (EFI_ERROR(status))
        return fail(L"the firmware does not say where it was loaded from", status);
    status = uefi_bs->AllocatePages(AllocateAnyPages, EfiLoaderData, sizeof(*h) / PAGE + 1, &pages);
    if (EFI_ERROR(status))
        return fail(L"no memory for the boot information", status);
    h = (struct handoff *)pages;
    uefi_bs->SetMem(h, sizeof(*h), 0);

    h->info.magic = BOOT_MAGIC;
    h->info.entry = BOOT_UEFI;
    h->info.entry_tsc = entry_tsc;
    uefi_find_info(li, &h->info);
    status = load_kernel(h);
    if (EFI_ERROR(status))
        return status;
    build_tables(h);

    status = exit_boot_services(image, &map);
    if (EFI_ERROR(status))
        return status; /* the console may be gone already */
    record_memory(&map, &h->info);
    enter_kernel(h);
    return EFI_SUCCESS;
}
