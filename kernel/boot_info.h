// SPDX-License-Identifier: BSD-3-Clause
/*
 * What boot hands to the kernel. The only header that boot/ and kernel/ share; nothing behind it
 * knows whether UEFI or PVH filled it. All addresses are physical.
 *
 * The kernel image is linked at the virtual address KERNEL_BASE and may lie anywhere in physical
 * memory as one block: physical = virtual - KERNEL_BASE + phys_base.
 */
#ifndef KERNEL_BOOT_INFO_H
#define KERNEL_BOOT_INFO_H

#include <stdint.h>

#define KERNEL_BASE  0xffffffff80000000ull /* -mcmodel=kernel: the top 2 GiB */
#define BOOT_MAGIC   0x455a45455246414eull
#define BOOT_MEM_MAX 128
#define BOOT_TEXT_MAX                                                                              \
    4096 /* bytes of a command line or configuration file, the final zero included */

/* Program header type of memory that is part of the image but not of its file (boot/kernel.ld). */
#define BOOT_PT_EMPTY 0x6aff0000

enum boot_entry { BOOT_PVH = 1, BOOT_UEFI = 2 };

struct boot_mem {
    uint64_t base;
    uint64_t len;
    uint32_t usable; /* 1: RAM that nobody needs after boot; 0: anything else */
    uint32_t pad;
};

struct boot_framebuffer { /* 32 bits a pixel; base 0 = none */
    uint64_t base;
    uint32_t width, height; /* pixels */
    uint32_t pitch;         /* bytes from a line to the next */
    uint32_t is_rgb;        /* 1: red in the lowest byte; 0: blue */
};

struct boot_info {
    uint64_t magic;
    uint32_t entry; /* enum boot_entry */
    uint32_t mem_n;
    uint64_t phys_base;
    uint64_t rsdp;      /* 0 = not found */
    uint64_t entry_tsc; /* time-stamp counter at the first instruction of ours */
    struct boot_framebuffer fb;
    struct boot_mem mem[BOOT_MEM_MAX];
    /* Texts end in a zero byte. *_truncated: the source was longer than the field. */
    uint32_t cmdline_truncated, conf_truncated;
    char cmdline[BOOT_TEXT_MAX];
    char conf[BOOT_TEXT_MAX]; /* contents of antifreeze.conf, empty if there was none */
};

#endif
