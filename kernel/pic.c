// SPDX-License-Identifier: BSD-3-Clause
/*
 * See pic.h. Registers as in the data sheet of the 8259A; the edge/level control registers are
 * those of the PCI chipsets that contain the pair.
 */
#include "pic.h"
#include "cpu.h"

#define PIC1            0x20
#define PIC2            0xa0
#define ELCR            0x4d0

#define INIT_FOUR_WORDS 0x11
#define INIT_8086       0x01
#define CASCADE         2 /* the line of the first that the second one hangs on */
#define EOI_SPECIFIC    0x60
#define READ_IN_SERVICE 0x0b

/* Timer, keyboard, cascade, clock and coprocessor stay edge-triggered whatever one writes. */
#define LINES_USABLE 0xdef8u

static uint16_t masks = 0xffff;

static void write_masks(void)
{
    cpu_out8(PIC1 + 1, (uint8_t)masks);
    cpu_out8(PIC2 + 1, (uint8_t)(masks >> 8));
}

void pic_init(uint8_t vector)
{
    cpu_out8(PIC1, INIT_FOUR_WORDS);
    cpu_out8(PIC2, INIT_FOUR_WORDS);
    cpu_out8(PIC1 + 1, vector);
    cpu_out8(PIC2 + 1, (uint8_t)(vector + 8));
    cpu_out8(PIC1 + 1, 1u << CASCADE);
    cpu_out8(PIC2 + 1, CASCADE);
    cpu_out8(PIC1 + 1, INIT_8086);
    cpu_out8(PIC2 + 1, INIT_8086);
    masks = 0xffff;
    write_masks();
}

bool pic_line_usable(uint8_t line)
{
    return line < PIC_LINES && (LINES_USABLE >> line & 1);
}

void pic_line_level(uint8_t line)
{
    uint16_t port = (uint16_t)(ELCR + line / 8);

    cpu_out8(port, (uint8_t)(cpu_in8(port) | 1u << line % 8));
}

void pic_mask(uint8_t line, bool masked)
{
    masks = (uint16_t)(masked ? masks | 1u << line : masks & ~(1u << line));
    if ((masks & 0xff00) != 0xff00)
        masks = (uint16_t)(masks & ~(1u << CASCADE));
    else
        masks |= 1u << CASCADE;
    write_masks();
}

/* A line that falls before the CPU has asked who called leaves a call by line 7 or 15 and nothing
 * in service. The first controller does not know that of a call by the second one. */
bool pic_end(uint8_t line)
{
    uint16_t port = line < 8 ? PIC1 : PIC2;
    bool real;

    cpu_out8(port, READ_IN_SERVICE);
    real = cpu_in8(port) >> line % 8 & 1;
    if (real)
        cpu_out8(port, (uint8_t)(EOI_SPECIFIC | line % 8));
    if (line >= 8)
        cpu_out8(PIC1, EOI_SPECIFIC | CASCADE);
    return real;
}
