// SPDX-License-Identifier: BSD-3-Clause
/*
 * The tables that x86 wants before it takes an exception or an interrupt, all static.
 *
 * No exception is ever repaired: each is a bug of ours and ends in panic_trap(). Interrupts go to
 * irq_handle(). Page fault, machine check, double fault and NMI run on stacks of their own.
 */
#include "trap.h"
#include <assert.h>
#include "irq.h"
#include "panic.h"
#include "sysreg.h"

#define VECTORS    256
#define STUB_BYTES 16

#define VECTOR_NMI 2
#define VECTOR_DF  8
#define VECTOR_PF  14
#define VECTOR_MC  18

enum { IST_NONE, IST_DOUBLE, IST_NMI, IST_FAULT };

#define SEL_CODE 0x08
#define SEL_DATA 0x10
#define SEL_TSS  0x18

struct gate {
    uint16_t offset_low, selector;
    uint8_t ist, type;
    uint16_t offset_mid;
    uint32_t offset_high, reserved;
};

struct tss {
    uint32_t reserved0;
    uint64_t rsp[3];
    uint64_t reserved1;
    uint64_t ist[7]; /* [0] is IST 1 */
    uint64_t reserved2;
    uint16_t reserved3, iomap;
} __attribute__((packed));

static_assert(sizeof(struct gate) == 16 && sizeof(struct tss) == 104, "layout of the CPU");

extern char trap_stubs[], stack_double_top[], stack_nmi_top[], stack_fault_top[];

static uint64_t gdt[5] = {0, 0x00af9b000000ffff, 0x00cf93000000ffff};
static struct gate idt[VECTORS];
static struct tss tss;

static void gate_set(unsigned vector, uint8_t ist)
{
    uint64_t handler = (uint64_t)(trap_stubs + vector * STUB_BYTES);

    idt[vector] = (struct gate){
        .offset_low = (uint16_t)handler,
        .selector = SEL_CODE,
        .ist = ist,
        .type = 0x8e, /* present, interrupt gate: IF off inside */
        .offset_mid = (uint16_t)(handler >> 16),
        .offset_high = (uint32_t)(handler >> 32),
    };
}

static void load_tables(void)
{
    struct table_ptr g = {sizeof(gdt) - 1, (uint64_t)gdt};
    struct table_ptr i = {sizeof(idt) - 1, (uint64_t)idt};

    __asm__ volatile("lgdt %0\n\t"
                     "pushq %1\n\t"
                     "leaq 1f(%%rip), %%rax\n\t"
                     "pushq %%rax\n\t"
                     "lretq\n"
                     "1: mov %2, %%ds\n\t"
                     "mov %2, %%es\n\t"
                     "mov %2, %%ss\n\t"
                     "mov %3, %%fs\n\t"
                     "mov %3, %%gs\n\t"
                     "ltr %w4\n\t"
                     "lidt %5"
                     :
                     : "m"(g), "i"(SEL_CODE), "r"(SEL_DATA), "r"(0), "r"(SEL_TSS), "m"(i)
                     : "rax", "memory");
}

void trap_init(void)
{
    uint64_t base = (uint64_t)&tss;

    tss.ist[IST_DOUBLE - 1] = (uint64_t)stack_double_top;
    tss.ist[IST_NMI - 1] = (uint64_t)stack_nmi_top;
    tss.ist[IST_FAULT - 1] = (uint64_t)stack_fault_top;
    tss.iomap = sizeof(tss);
    gdt[SEL_TSS / 8] =
        (sizeof(tss) - 1) | (base & 0xffffff) << 16 | 0x89ull << 40 | (base >> 24 & 0xff) << 56;
    gdt[SEL_TSS / 8 + 1] = base >> 32;

    for (unsigned v = 0; v < VECTORS; v++)
        gate_set(v, IST_NONE);
    gate_set(VECTOR_NMI, IST_NMI);
    gate_set(VECTOR_DF, IST_DOUBLE);
    gate_set(VECTOR_PF, IST_FAULT);
    gate_set(VECTOR_MC, IST_FAULT);
    load_tables();
}

void trap_handle(const struct trap_frame *f)
{
    if (f->vector >= TRAP_EXCEPTIONS)
        irq_handle((uint8_t)f->vector);
    else
        panic_trap(f);
}
