// SPDX-License-Identifier: BSD-3-Clause
/*
 * Descriptor tables, and where exceptions and interrupts arrive.
 */
#ifndef KERNEL_TRAP_H
#define KERNEL_TRAP_H

#include <stdint.h>

#define TRAP_EXCEPTIONS 32 /* vectors below are the CPU's own */

/* What trap.S leaves on the stack. */
struct trap_frame {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax;
    uint64_t vector, error;
    uint64_t rip, cs, rflags, rsp, ss; /* by the CPU */
};

/* Loads our GDT, TSS and IDT. From here on an exception is a panic record. */
void trap_init(void);

/* From trap.S. An exception does not return. */
void trap_handle(const struct trap_frame *f);

#endif
