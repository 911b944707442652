// SPDX-License-Identifier: BSD-3-Clause
/*
 * Local APIC registers, by memory (xAPIC) or, where firmware left it in that mode, by MSR (x2APIC)
 * [Intel SDM 3A, chapter 11]. Register numbers are the memory offsets; the MSR is 0x800 + offset
 * / 16.
 *
 * The timer counts the bus clock divided by 16 and is used one-shot only: the loop arms it before
 * each sleep, so that a sleep is bounded whatever devices do.
 */
#include "lapic.h"
#include <stddef.h>
#include "cpu.h"
#include "mmio.h"
#include "paging.h"
#include "sysreg.h"
#include "time.h"

#define APIC_BASE_X2     (1ull << 10)
#define APIC_BASE_ENABLE (1ull << 11)
#define APIC_BASE_ADDR   0x000ffffffffff000ull
#define APIC_BYTES       0x400

#define REG_ID           0x020
#define REG_VERSION      0x030
#define REG_TPR          0x080
#define REG_EOI          0x0b0
#define REG_SPURIOUS     0x0f0
#define REG_LVT_CMCI     0x2f0
#define REG_LVT_TIMER    0x320
#define REG_LVT_THERMAL  0x330
#define REG_LVT_PERF     0x340
#define REG_LVT_LINT0    0x350
#define REG_LVT_LINT1    0x360
#define REG_LVT_ERROR    0x370
#define REG_TIMER_INIT   0x380
#define REG_TIMER_NOW    0x390
#define REG_TIMER_DIV    0x3e0

#define SPURIOUS_ENABLE  (1u << 8)
#define LVT_MASKED       (1u << 16)
#define LVT_NMI          0x400u
#define LVT_EXTINT       0x700u
#define DIVIDE_BY_16     0x3

static uint8_t *regs; /* NULL in x2APIC mode */
static uint64_t timer_hz;

static uint32_t reg_read(uint32_t reg)
{
    return regs != NULL ? mmio_read32(regs + reg) : (uint32_t)rdmsr(0x800 + reg / 16);
}

static void reg_write(uint32_t reg, uint32_t v)
{
    if (regs != NULL)
        mmio_write32(regs + reg, v);
    else
        wrmsr(0x800 + reg / 16, v);
}

bool lapic_init(void)
{
    uint64_t base;
    uint32_t cpu[4];

    cpu_cpuid(1, cpu);
    if (!(cpu[3] & (1u << 9)))
        return false;
    base = rdmsr(MSR_APIC_BASE);
    if (!(base & APIC_BASE_X2)) {
        regs = mmio_map(base & APIC_BASE_ADDR, APIC_BYTES);
        if (regs == NULL)
            return false;
        wrmsr(MSR_APIC_BASE, base | APIC_BASE_ENABLE);
    }

    reg_write(REG_SPURIOUS, SPURIOUS_ENABLE | LAPIC_VECTOR_SPURIOUS);
    uint32_t max_lvt = reg_read(REG_VERSION) >> 16 & 0xff;
    if (max_lvt >= 6)
        reg_write(REG_LVT_CMCI, LVT_MASKED);
    if (max_lvt >= 5)
        reg_write(REG_LVT_THERMAL, LVT_MASKED);
    if (max_lvt >= 4)
        reg_write(REG_LVT_PERF, LVT_MASKED);
    reg_write(REG_LVT_LINT0, LVT_MASKED);
    reg_write(REG_LVT_LINT1, LVT_NMI); /* QEMU's inject-nmi: where does it hang? */
    reg_write(REG_LVT_ERROR, LVT_MASKED);
    reg_write(REG_LVT_TIMER, LVT_MASKED | LAPIC_VECTOR_TIMER);
    reg_write(REG_TIMER_DIV, DIVIDE_BY_16);
    reg_write(REG_TIMER_INIT, 0);
    reg_write(REG_TPR, 0);
    return true;
}

void lapic_accept_pic(void)
{
    reg_write(REG_LVT_LINT0, LVT_EXTINT);
}

uint32_t lapic_id(void)
{
    return regs != NULL ? reg_read(REG_ID) >> 24 : reg_read(REG_ID);
}

void lapic_eoi(void)
{
    reg_write(REG_EOI, 0);
}

void lapic_timer_measure_start(void)
{
    reg_write(REG_TIMER_INIT, UINT32_MAX);
}

uint32_t lapic_timer_measure_ticks(void)
{
    uint32_t ticks = UINT32_MAX - reg_read(REG_TIMER_NOW);

    reg_write(REG_TIMER_INIT, 0);
    reg_write(REG_LVT_TIMER, LAPIC_VECTOR_TIMER);
    return ticks;
}

void lapic_timer_set_hz(uint64_t hz)
{
    timer_hz = hz;
}

void lapic_timer_arm(uint64_t ns)
{
    uint64_t ticks = (ns < NS_PER_S ? ns : NS_PER_S) * (timer_hz / 1000) / (NS_PER_S / 1000);

    if (ticks > UINT32_MAX)
        ticks = UINT32_MAX;
    reg_write(REG_TIMER_INIT, ticks > 0 ? (uint32_t)ticks : 1);
}
