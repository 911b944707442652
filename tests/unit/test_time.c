// SPDX-License-Identifier: BSD-3-Clause
/*
 * kernel/time.c on a machine made here: one true time drives the TSC, the three reference clocks
 * and the APIC timer, and every access takes some of it.
 */
#define KERNEL_CPU_H /* this file is the CPU, */
#define KERNEL_MMIO_H
#define KERNEL_LAPIC_H /* the local APIC, */
#define KERNEL_ACPI_H  /* and the firmware */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define TRUE_HZ 2596123456ull
#define START_S 1.5

static double now_s;        /* true time */
static double access_s;     /* what reading a reference takes */
static unsigned slow_every; /* each such access takes a hundred times as long */
static unsigned accesses, tsc_stopped;
static uint16_t pm_port;
static bool pm_32bit;
static uint64_t hpet_phys;
static uint64_t apic_hz_set;
static double apic_start_s;
static uint32_t pit_latched;
static unsigned pit_reads;

static void spend(void)
{
    now_s += access_s;
    if (slow_every != 0 && ++accesses % slow_every == 0)
        now_s += 100 * access_s;
}

static uint64_t ticks(double hz)
{
    return (uint64_t)(now_s * hz);
}

static uint64_t cpu_tsc(void)
{
    now_s += 10e-9;
    return tsc_stopped ? 5 : 1000000 + ticks((double)TRUE_HZ);
}

static uint32_t cpu_in32(uint16_t port)
{
    assert_int_equal(port, pm_port);
    spend();
    uint32_t v =
        (uint32_t)(ticks(3579545) - (uint64_t)(START_S * 3579545)) + 0xfffff0; /* wraps at once */
    spend();
    return pm_32bit ? v : v & 0xffffff;
}

static uint8_t cpu_in8(uint16_t port)
{
    spend();
    if (port == 0x61)
        return 0x20;
    assert_int_equal(port, 0x42);
    return (uint8_t)(pit_reads++ % 2 == 0 ? pit_latched : pit_latched >> 8);
}

static void cpu_out8(uint16_t port, uint8_t v)
{
    spend();
    if (port == 0x43 && v == 0x80)
        pit_latched = (uint16_t)(0x10000 - ticks(1193182) % 0x10000);
}

static uint32_t mmio_read32(const volatile void *p)
{
    uintptr_t reg = (uintptr_t)p & 0xff;

    spend();
    if (reg == 4)
        return 10000000; /* 10 ns */
    return reg == 0xf0 ? (uint32_t)ticks(100000000) : 0;
}

static void mmio_write32(volatile void *p, uint32_t v)
{
    assert_int_equal((uintptr_t)p & 0xff, 0x10);
    assert_int_equal(v, 1);
}

void *mmio_map(uint64_t phys, uint64_t len)
{
    static uint8_t regs[0x100] __attribute__((aligned(256)));

    assert_int_equal(phys, 0xfed00000);
    assert_int_equal(len, 0x100);
    return regs;
}

static uint16_t acpi_pm_timer_port(void)
{
    return pm_port;
}

static bool acpi_pm_timer_is_32bit(void)
{
    return pm_32bit;
}

static uint64_t acpi_hpet_base(void)
{
    return hpet_phys;
}

static void lapic_timer_measure_start(void)
{
    apic_start_s = now_s;
}

static uint32_t lapic_timer_measure_ticks(void)
{
    return (uint32_t)((now_s - apic_start_s) * 62500000);
}

static void lapic_timer_set_hz(uint64_t hz)
{
    apic_hz_set = hz;
}

#include "time.c"

static int fresh(void **state)
{
    (void)state;
    now_s = START_S;
    access_s = 1e-6;
    slow_every = accesses = tsc_stopped = pit_reads = 0;
    pm_port = 0x608;
    pm_32bit = false;
    hpet_phys = 0xfed00000;
    memset(&ref, 0, sizeof(ref));
    ns_mult = tsc_hz = 0;
    return 0;
}

static void assert_within_ppm(uint64_t value, double wanted, double ppm)
{
    double off = ((double)value - wanted) / wanted * 1e6;

    if (off > ppm || off < -ppm)
        fail_msg("%g ppm off", off);
}

/* Boots: entry, work of work_s seconds, calibration as soon as it is possible. */
static void boot(double work_s)
{
    unsigned tries = 0;

    assert_true(time_init(cpu_tsc()));
    for (double until = now_s + work_s; now_s < until; now_s += 1e-3)
        time_ns();
    while (!time_calibrate())
        assert_true(++tries < 100000);
}

static void time_is_calibrated_within_100_ppm(void **state)
{
    static const char *const names[] = {"acpi_pm", "hpet", "pit"};

    for (unsigned clock = 0; clock < 3; clock++) {
        fresh(state);
        pm_port = clock == 0 ? 0x608 : 0;
        hpet_phys = clock <= 1 ? 0xfed00000 : 0;
        boot(0);
        assert_string_equal(time_source(), names[clock]);
        assert_within_ppm(time_tsc_hz(), (double)TRUE_HZ, 100);
        assert_within_ppm(apic_hz_set, 62500000, 2000); /* sleeps need no more */
    }
}

static void time_ignores_accesses_that_were_delayed(void **state)
{
    (void)state;
    slow_every = 3; /* two readings of three are clean, or nearly */
    boot(0);
    assert_within_ppm(time_tsc_hz(), (double)TRUE_HZ, 100);
}

static void time_goes_on_without_a_jump_back(void **state)
{
    uint64_t last = 0;
    bool calibrated = false;
    double start;

    (void)state;
    start = now_s;
    assert_true(time_init(cpu_tsc()));
    for (unsigned i = 0; i < 2000; i++) {
        uint64_t t = time_ns();
        assert_true(t >= last);
        last = t;
        now_s += 10e-6;
        if (i > 500 && !calibrated)
            calibrated = time_calibrate();
    }
    assert_true(calibrated);
    assert_within_ppm(last, (now_s - start) * 1e9, 2000);
}

/* The firmware ran for a while between entry and time_init(). */
static void time_does_not_jump_when_it_is_calibrated(void **state)
{
    for (unsigned clock = 0; clock < 3; clock++) {
        uint64_t last = 0;
        bool calibrated = false;
        uint64_t entry;
        double start;

        fresh(state);
        pm_port = clock == 0 ? 0x608 : 0;
        hpet_phys = clock <= 1 ? 0xfed00000 : 0;
        start = now_s;
        entry = cpu_tsc();
        now_s += 36e-3;
        assert_true(time_init(entry));
        for (unsigned i = 0; i < 2000; i++) {
            double before = now_s;
            uint64_t t;

            now_s += 10e-6;
            if (i > 500 && !calibrated)
                calibrated = time_calibrate();
            t = time_ns();
            assert_true(t >= last);
            if (i > 0)
                assert_true((double)(t - last) <= (now_s - before) * 1e9 + 2500);
            last = t;
        }
        assert_true(calibrated);
        assert_within_ppm(last, (now_s - start) * 1e9, 20000);
    }
}

static void time_asks_for_a_long_enough_interval(void **state)
{
    (void)state;
    assert_true(time_init(cpu_tsc()));
    assert_false(time_calibrate());
    assert_int_equal(time_tsc_hz(), 0);
    now_s += 7.5e-3;
    assert_false(time_calibrate());
    now_s += 1e-3;
    assert_true(time_calibrate());
}

static void time_survives_a_boot_of_many_seconds(void **state)
{
    (void)state;
    pm_32bit = true;
    boot(30);
    assert_within_ppm(time_tsc_hz(), (double)TRUE_HZ, 1);
    assert_within_ppm(time_ns(), 30e9, 1000);
}

static void time_does_without_a_counter_that_stands_still(void **state)
{
    uint64_t before;

    (void)state;
    tsc_stopped = 1;
    assert_true(time_init(5));
    now_s += 1;
    assert_false(time_calibrate());
    before = time_ns();
    now_s += 0.5;
    assert_within_ppm(time_ns() - before, 0.5e9, 100);
}

static void time_wants_a_clock_that_runs(void **state)
{
    (void)state;
    access_s = 0; /* true time stands still */
    assert_false(time_init(5));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(time_is_calibrated_within_100_ppm, fresh),
        cmocka_unit_test_setup(time_ignores_accesses_that_were_delayed, fresh),
        cmocka_unit_test_setup(time_goes_on_without_a_jump_back, fresh),
        cmocka_unit_test_setup(time_does_not_jump_when_it_is_calibrated, fresh),
        cmocka_unit_test_setup(time_asks_for_a_long_enough_interval, fresh),
        cmocka_unit_test_setup(time_survives_a_boot_of_many_seconds, fresh),
        cmocka_unit_test_setup(time_wants_a_clock_that_runs, fresh),
        cmocka_unit_test_setup(time_does_without_a_counter_that_stands_still, fresh),
    };

    return cmocka_run_group_tests_name("time", tests, NULL, NULL);
}
