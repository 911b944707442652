// SPDX-License-Identifier: BSD-3-Clause
/*
 * System registers and descriptor tables: what only the kernel's own machine code touches, beside
 * cpu.h, which is for everybody.
 */
#ifndef KERNEL_SYSREG_H
#define KERNEL_SYSREG_H

#include <stdint.h>

#define MSR_APIC_BASE 0x1b
#define MSR_EFER      0xc0000080
#define EFER_NXE      (1ull << 11)
#define CR0_WP        (1ull << 16)
#define CR4_PGE       (1ull << 7)
#define CR4_LA57      (1ull << 12)
#define CR4_UMIP      (1ull << 11)
#define CR4_SMEP      (1ull << 20)

static inline uint64_t rdmsr(uint32_t msr)
{
    uint32_t lo, hi;
    __asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr) : "memory");
    return ((uint64_t)hi << 32) | lo;
}

static inline void wrmsr(uint32_t msr, uint64_t v)
{
    __asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)) : "memory");
}

static inline uint64_t read_cr0(void)
{
    uint64_t v;
    __asm__ volatile("mov %%cr0, %0" : "=r"(v));
    return v;
}

static inline void write_cr0(uint64_t v)
{
    __asm__ volatile("mov %0, %%cr0" : : "r"(v) : "memory");
}

static inline uint64_t read_cr2(void)
{
    uint64_t v;
    __asm__ volatile("mov %%cr2, %0" : "=r"(v));
    return v;
}

static inline void write_cr3(uint64_t v)
{
    __asm__ volatile("mov %0, %%cr3" : : "r"(v) : "memory");
}

static inline uint64_t read_cr4(void)
{
    uint64_t v;
    __asm__ volatile("mov %%cr4, %0" : "=r"(v));
    return v;
}

static inline void write_cr4(uint64_t v)
{
    __asm__ volatile("mov %0, %%cr4" : : "r"(v) : "memory");
}

struct table_ptr { /* operand of lgdt and lidt */
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));

#endif
