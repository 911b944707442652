// SPDX-License-Identifier: BSD-3-Clause
/*
 * Interrupt vectors. What can comes as a message to the local APIC; functions that have only their
 * INTx pin come through the PIC, which hangs on the local APIC's first pin.
 *
 * A level-triggered line interrupts for as long as anybody holds it, and only a driver can make its
 * device let go. So a line is masked when it interrupts, and open again before the next sleep: one
 * that is stuck costs a turn of the loop its sleep and nothing else, and is given up when that goes
 * on for too long.
 */
#include "irq.h"
#include <assert.h>
#include "fault.h"
#include "lapic.h"
#include "panic.h"
#include "pic.h"

#define VECTOR_PIC   0x20 /* PIC_LINES of them */
#define VECTOR_FIRST 0x30
#define VECTOR_LAST  0xef

#define MSI_ADDRESS  0xfee00000ull /* [Intel SDM 3A 11.11] fixed delivery, edge, physical */

/* Interrupts of a line in a row that nobody claims. A device may raise some for what was found
 * without them, never so many without anything in between. */
#define UNCLAIMED_MAX 64

static_assert(VECTOR_PIC + PIC_LINES <= VECTOR_FIRST, "else both would take them");

static uint64_t counts[256];
static uint8_t vector_next = VECTOR_FIRST;
static volatile bool woken; /* an interrupt came since irq_begin_sleep() */

/* A line of the PIC that PCI functions interrupt by. */
static struct line {
    bool open;
    unsigned unclaimed; /* interrupts in a row that nobody claimed */
} lines[PIC_LINES];

bool irq_init(void)
{
    pic_init(VECTOR_PIC);
    return lapic_init();
}

uint8_t irq_vector_alloc(void)
{
    if (vector_next > VECTOR_LAST)
        return 0;
    return vector_next++;
}

void irq_msi_message(uint8_t vector, uint64_t *addr, uint32_t *data)
{
    uint32_t id = lapic_id();

    ASSERT(id <= UINT8_MAX); /* the boot CPU's; larger ones need interrupt remapping */
    *addr = MSI_ADDRESS | (uint64_t)id << 12;
    *data = vector;
}

uint64_t irq_count(uint8_t vector)
{
    return counts[vector];
}

void irq_begin_sleep(void)
{
    woken = false;
}

bool irq_ends_sleep(void)
{
    return woken;
}

uint8_t irq_line_open(uint8_t line)
{
    if (!pic_line_usable(line))
        return 0;
    if (!lines[line].open) {
        lines[line].open = true;
        pic_line_level(line);
        lapic_accept_pic();
    }
    return (uint8_t)(VECTOR_PIC + line);
}

bool irq_line_allow(uint8_t line)
{
    ASSERT(line < PIC_LINES && lines[line].open);
    if (lines[line].unclaimed >= UNCLAIMED_MAX)
        return false;
    pic_mask(line, false);
    return true;
}

void irq_line_retry(uint8_t line)
{
    ASSERT(line < PIC_LINES && lines[line].open);
    lines[line].unclaimed = 0;
}

void irq_line_claim(uint8_t line)
{
    ASSERT(line < PIC_LINES && lines[line].open);
    if (lines[line].unclaimed < UNCLAIMED_MAX)
        lines[line].unclaimed = 0;
}

static bool of_line(uint8_t vector)
{
    return vector >= VECTOR_PIC && vector < VECTOR_PIC + PIC_LINES;
}

static bool of_device(uint8_t vector)
{
    return of_line(vector) || (vector >= VECTOR_FIRST && vector < vector_next);
}

/* False: it was nothing. */
static bool end_line(uint8_t line)
{
    pic_mask(line, true);
    return pic_end(line);
}

void irq_handle(uint8_t vector)
{
    if (of_line(vector) && !end_line((uint8_t)(vector - VECTOR_PIC)))
        return;
    if (!of_device(vector) || !fault_strike(FAULT_DROP_IRQ, fault_vector(vector))) {
        counts[vector]++;
        woken = true;
        if (of_line(vector))
            lines[vector - VECTOR_PIC].unclaimed++;
    }
    if (vector >= VECTOR_FIRST && vector != LAPIC_VECTOR_SPURIOUS)
        lapic_eoi();
}
