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

/* How often `vector` was taken. */
uint64_t irq_count(uint8_t vector);

/* Around cpu_wait_irq(): true once an interrupt was taken that was not dropped on purpose. */
void irq_begin_sleep(void);
bool irq_ends_sleep(void);

/* Silences the legacy interrupt controllers and takes the local APIC into use. False: no APIC. */
bool irq_init(void);

/* From trap.c: `vector` was taken. */
void irq_handle(uint8_t vector);

#endif
