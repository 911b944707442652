// SPDX-License-Identifier: BSD-3-Clause
/*
 * The CPU: port I/O, barriers, time-stamp counter, interrupt flag and `hlt`.
 *
 * All inline assembly that drivers need is here; tests/sim/cpu.h has the same names and routes
 * them to a simulated machine, so a driver never asks which of the two it runs on.
 *
 * Interrupts are off (IF = 0) everywhere except inside cpu_wait_irq(). A handler therefore never
 * interrupts our code, and an interrupt that arrives in between stays pending and ends the next
 * wait.
 */
#ifndef KERNEL_CPU_H
#define KERNEL_CPU_H

#include <stdint.h>

static inline uint8_t cpu_in8(uint16_t port)
{
    uint8_t v;
    __asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port) : "memory");
    return v;
}

static inline uint16_t cpu_in16(uint16_t port)
{
    uint16_t v;
    __asm__ volatile("inw %1, %0" : "=a"(v) : "Nd"(port) : "memory");
    return v;
}

static inline uint32_t cpu_in32(uint16_t port)
{
    uint32_t v;
    __asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(port) : "memory");
    return v;
}

static inline void cpu_out8(uint16_t port, uint8_t v)
{
    __asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port) : "memory");
}

static inline void cpu_out16(uint16_t port, uint16_t v)
{
    __asm__ volatile("outw %0, %1" : : "a"(v), "Nd"(port) : "memory");
}

static inline void cpu_out32(uint16_t port, uint32_t v)
{
    __asm__ volatile("outl %0, %1" : : "a"(v), "Nd"(port) : "memory");
}

/* Full barrier: every earlier load and store, to any memory type, before every later one. QEMU
 * before 8.1 leaves it out where it emulates a machine's only CPU: see vq_weigh_again(). */
static inline void cpu_mb(void)
{
    __asm__ volatile("mfence" : : : "memory");
}

/* Earlier stores before later stores. x86 keeps that order for write-back memory by itself, so only
 * the compiler has to be told. */
static inline void cpu_wmb(void)
{
    __asm__ volatile("" : : : "memory");
}

/* Earlier loads before later loads; the same remark. */
static inline void cpu_rmb(void)
{
    __asm__ volatile("" : : : "memory");
}

static inline void cpu_relax(void)
{
    __asm__ volatile("pause" : : : "memory");
}

static inline uint64_t cpu_tsc(void)
{
    uint32_t lo, hi;
    __asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi) : : "memory");
    return ((uint64_t)hi << 32) | lo;
}

/* What the CPU says about itself under `leaf`, subleaf 0: eax, ebx, ecx, edx. */
static inline void cpu_cpuid(uint32_t leaf, uint32_t out[4])
{
    __asm__ volatile("cpuid"
                     : "=a"(out[0]), "=b"(out[1]), "=c"(out[2]), "=d"(out[3])
                     : "a"(leaf), "c"(0));
}

/* A hardware random number; false if there is none right now. Only where CPUID says it exists. */
static inline int cpu_rdrand(uint64_t *v)
{
    uint8_t ok;
    __asm__ volatile("rdrand %0; setc %1" : "=r"(*v), "=qm"(ok) : : "cc");
    return ok;
}

/* Sleep until an interrupt. `sti` takes effect only after the instruction behind it, so an
 * interrupt that is already pending ends this very `hlt` and cannot be lost between the two. */
static inline void cpu_wait_irq(void)
{
    __asm__ volatile("sti; hlt; cli" : : : "memory");
}

/* Takes the interrupts that are pending. The `nop` is where: `sti` lets one more instruction run
 * first, and that must not be the `cli`. */
static inline void cpu_take_irqs(void)
{
    __asm__ volatile("sti; nop; cli" : : : "memory");
}

#endif
