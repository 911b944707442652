// SPDX-License-Identifier: BSD-3-Clause
/*
 * Interrupts exist to end cpu_wait_irq() and for nothing else: a handler counts and acknowledges.
 * Nobody may rely on one arriving.
 */
#ifndef KERNEL_IRQ_H
#define KERNEL_IRQ_H

#include <stdbool.h>
#include <stdint.h>

/* A free CPU vector, to be used by one device queue for ever; 0 when none is left. */
uint8_t irq_vector_alloc(void);

/* What a device must write, and where, to raise `vector` on this CPU (MSI and MSI-X). */
void irq_msi_message(uint8_t vector, uint64_t *addr, uint32_t *data);

/* The vector by which a function interrupts whose Interrupt Line register says `line`; 0 where that
 * is no line a function can have. Level-triggered, and possibly shared with others. Masked until
 * irq_line_allow(). */
uint8_t irq_line_open(uint8_t line);

/* Before each sleep: the line may interrupt once. False: it was given up, because too many
 * interrupts in a row were nobody's; look without being told from now on. */
bool irq_line_allow(uint8_t line);

/* A line that was given up gets another chance: those responsible may have let go of it. */
void irq_line_retry(uint8_t line);

/* The last interrupt by this line was somebody's, and had a reason. */
void irq_line_claim(uint8_t line);

/* How often `vector` was taken. */
uint64_t irq_count(uint8_t vector);

/* Around cpu_wait_irq(): true once an interrupt was taken that was not dropped on purpose. */
void irq_begin_sleep(void);
bool irq_ends_sleep(void);

/* Masks all lines and takes the local APIC into use. False: no APIC. */
bool irq_init(void);

/* From trap.c: `vector` was taken. */
void irq_handle(uint8_t vector);

#endif
