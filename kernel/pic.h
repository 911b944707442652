// SPDX-License-Identifier: BSD-3-Clause
/*
 * The pair of 8259 interrupt controllers: sixteen lines, to which firmware routes the INTx pins of
 * PCI functions, and whose numbers it leaves in their Interrupt Line registers.
 *
 * They are used for such lines, and not the I/O APIC, because that register is about them: which
 * pin of an I/O APIC a function's INTx leads to is said by ACPI only, in a language that needs an
 * interpreter. PC and Q35, SeaBIOS and OVMF all fill it in.
 */
#ifndef KERNEL_PIC_H
#define KERNEL_PIC_H

#include <stdbool.h>
#include <stdint.h>

#define PIC_LINES 16

/* Both out of the exceptions' way, every line masked: line n is to raise `vector` + n. */
void pic_init(uint8_t vector);

/* True for the lines that can be made level-triggered, and are not the PC's own. */
bool pic_line_usable(uint8_t line);

/* Level-triggered, as PCI needs it; still masked. */
void pic_line_level(uint8_t line);

void pic_mask(uint8_t line, bool masked);

/* An interrupt by this line was taken: ends it and returns true, or finds that it was spurious. */
bool pic_end(uint8_t line);

#endif
