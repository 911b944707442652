// SPDX-License-Identifier: BSD-3-Clause
/*
 * Interrupt vectors. The 8259 pair is masked and moved out of the exceptions' way; everything real
 * comes as a message to the local APIC.
 */
#include "irq.h"
#include "cpu.h"
#include "fault.h"
#include "lapic.h"
#include "panic.h"

#define PIC1         0x20
#define PIC2         0xa0

#define VECTOR_PIC   0x20 /* 16 vectors: only spurious ones can arrive, which want no EOI */
#define VECTOR_FIRST 0x30
#define VECTOR_LAST  0xef

#define MSI_ADDRESS  0xfee00000ull /* [Intel SDM 3A 11.11] fixed delivery, edge, physical */

static uint64_t counts[256];
static uint8_t vector_next = VECTOR_FIRST;
static volatile bool woken; /* an interrupt came since irq_begin_sleep() */

static void pic_disable(void)
{
    cpu_out8(PIC1, 0x11); /* initialise: four command words follow */
    cpu_out8(PIC2, 0x11);
    cpu_out8(PIC1 + 1, VECTOR_PIC);
    cpu_out8(PIC2 + 1, VECTOR_PIC + 8);
    cpu_out8(PIC1 + 1, 4);
    cpu_out8(PIC2 + 1, 2);
    cpu_out8(PIC1 + 1, 1);
    cpu_out8(PIC2 + 1, 1);
    cpu_out8(PIC1 + 1, 0xff);
    cpu_out8(PIC2 + 1, 0xff);
}

bool irq_init(void)
{
    pic_disable();
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

static bool of_device(uint8_t vector)
{
    return vector >= VECTOR_FIRST && vector < vector_next;
}

void irq_handle(uint8_t vector)
{
    if (!of_device(vector) || !fault_strike(FAULT_DROP_IRQ)) {
        counts[vector]++;
        woken = true;
    }
    if (vector >= VECTOR_FIRST && vector != LAPIC_VECTOR_SPURIOUS)
        lapic_eoi();
}
