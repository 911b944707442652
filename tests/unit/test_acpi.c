// SPDX-License-Identifier: BSD-3-Clause
/*
 * kernel/acpi.c against tables made here. phys_map() hands out heap copies of exactly the bytes
 * asked for, so that a read beyond them is found by the address sanitizer.
 */
#define KERNEL_CPU_H /* this file is the CPU: */
#define KERNEL_MMIO_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define NS_PER_S 1000000000ull

static uint16_t out16_port[4], out16_value[4];
static unsigned out16_n;
static uint16_t out8_port;
static uint8_t out8_value, mmio_value;
static uint16_t pm1_status, pm1_enable; /* at ports 0x600 and 0x602 */
static bool sci_en;

static uint16_t cpu_in16(uint16_t port)
{
    return port == 0x600 ? pm1_status : port == 0x602 ? pm1_enable : sci_en;
}

static void cpu_out8(uint16_t port, uint8_t v)
{
    out8_port = port;
    out8_value = v;
    sci_en = true;
}

static void cpu_out16(uint16_t port, uint16_t v)
{
    if (port == 0x600)
        pm1_status &= (uint16_t)~v;
    if (port == 0x602)
        pm1_enable = v;
    if (out16_n < 4) {
        out16_port[out16_n] = port;
        out16_value[out16_n] = v;
    }
    out16_n++;
}

static void cpu_relax(void)
{
}

static void mmio_write8(volatile void *p, uint8_t v)
{
    (void)p;
    mmio_value = v;
}

#include "acpi.c"

/* ---- physical memory ------------------------------------------------------------------------- */

#define MEM_BASE  0xe0000ull
#define MEM_BYTES 0x4000

#define RSDP      MEM_BASE
#define XSDT      (MEM_BASE + 0x100)
#define RSDT      (MEM_BASE + 0x200)
#define FADT      (MEM_BASE + 0x400)
#define HPET      (MEM_BASE + 0x800)
#define AML       (MEM_BASE + 0x1000)

static uint8_t mem[MEM_BYTES];
static void *maps[1024];
static unsigned maps_n;
static uint64_t clock_ns;

const void *phys_map(uint64_t phys, uint64_t len)
{
    void *copy;

    if (phys < MEM_BASE || phys - MEM_BASE > MEM_BYTES || len > MEM_BYTES - (phys - MEM_BASE))
        return NULL;
    assert_true(maps_n < sizeof(maps) / sizeof(maps[0]));
    copy = malloc(len);
    memcpy(copy, mem + (phys - MEM_BASE), len);
    maps[maps_n++] = copy;
    return copy;
}

void *mmio_map(uint64_t phys, uint64_t len)
{
    static uint8_t reg;

    assert_int_equal(phys, 0xfed40000);
    assert_int_equal(len, 1);
    return &reg;
}

uint64_t time_ns(void)
{
    return clock_ns += NS_PER_S / 10;
}

static uint8_t *at(uint64_t phys)
{
    return mem + (phys - MEM_BASE);
}

static void put(uint64_t phys, uint64_t v, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        at(phys)[i] = (uint8_t)(v >> (8 * i));
}

static void fix_sum(uint64_t phys, uint32_t len, unsigned sum_at)
{
    uint8_t sum = 0;

    at(phys)[sum_at] = 0;
    for (uint32_t i = 0; i < len; i++)
        sum = (uint8_t)(sum + at(phys)[i]);
    at(phys)[sum_at] = (uint8_t)-sum;
}

static void header(uint64_t phys, const char *signature, uint32_t len)
{
    memcpy(at(phys), signature, 4);
    put(phys + 4, len, 4);
    fix_sum(phys, len, 9);
}

static const uint8_t s5_object[] = {0x08, '_',  'S',  '5',  '_',  0x12, 0x08,
                                    0x04, 0x0a, 0x05, 0x0a, 0x06, 0x00, 0x00};

static void sum_rsdp(void)
{
    fix_sum(RSDP, 20, 8);
    fix_sum(RSDP, 36, 32);
}

/* A machine like QEMU's: FADT and HPET under XSDT and RSDT, \_S5 at the end of the DSDT. */
static void build(void)
{
    memset(mem, 0, sizeof(mem));
    memcpy(at(RSDP), "RSD PTR ", 8);
    put(RSDP + 15, 2, 1);
    put(RSDP + 16, RSDT, 4);
    put(RSDP + 24, XSDT, 8);
    sum_rsdp();
    put(XSDT + 36, FADT, 8);
    put(XSDT + 44, HPET, 8);
    header(XSDT, "XSDT", 52);
    put(RSDT + 36, FADT, 4);
    header(RSDT, "RSDT", 40);
    put(FADT + 40, AML, 4);
    put(FADT + 48, 0xb2, 4);
    put(FADT + 52, 0xf1, 1);
    put(FADT + 56, 0x600, 4);
    put(FADT + 64, 0x604, 4);
    put(FADT + 76, 0x608, 4);
    put(FADT + 88, 4, 1);
    header(FADT, "FACP", 116);
    put(HPET + 40, SPACE_MEMORY, 1);
    put(HPET + 44, 0xfed00000, 8);
    header(HPET, "HPET", 56);
    memcpy(at(AML + 100), s5_object, sizeof(s5_object));
    header(AML, "DSDT", 100 + sizeof(s5_object));
}

static void forget(void)
{
    while (maps_n > 0)
        free(maps[--maps_n]);
    dsdt = (struct table){NULL, 0};
    pm_timer_port = pm1a_evt = pm1a_cnt = pm1b_cnt = smi_cmd = 0;
    pm1_status = pm1_enable = 0;
    pm_timer_32bit = sci_en = false;
    acpi_enable = pm1_evt_len = 0;
    hpet_base = clock_ns = 0;
    memset(&sleep_control, 0, sizeof(sleep_control));
    out16_n = 0;
    out8_port = 0;
    mmio_value = 0;
}

static int fresh(void **state)
{
    (void)state;
    forget();
    build();
    return 0;
}

static int done(void **state)
{
    (void)state;
    forget();
    return 0;
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void acpi_finds_clocks_and_switches_off(void **state)
{
    (void)state;
    acpi_init(RSDP);
    assert_int_equal(acpi_pm_timer_port(), 0x608);
    assert_false(acpi_pm_timer_is_32bit());
    assert_int_equal(acpi_hpet_base(), 0xfed00000);
    acpi_power_off();
    assert_int_equal(out8_port, 0xb2); /* ACPI mode was off */
    assert_int_equal(out8_value, 0xf1);
    assert_int_equal(out16_n, 1);
    assert_int_equal(out16_port[0], 0x604);
    assert_int_equal(out16_value[0], 5 << 10 | 1 << 13);
}

static void acpi_leaves_acpi_mode_alone_when_it_is_on(void **state)
{
    (void)state;
    sci_en = true;
    acpi_init(RSDP);
    acpi_power_off();
    assert_int_equal(out8_port, 0);
    assert_int_equal(out16_n, 1);
}

static void acpi_writes_the_second_control_block_with_its_own_type(void **state)
{
    (void)state;
    put(FADT + 68, 0x704, 4);
    fix_sum(FADT, 116, 9);
    acpi_init(RSDP);
    acpi_power_off();
    assert_int_equal(out16_n, 2);
    assert_int_equal(out16_port[1], 0x704);
    assert_int_equal(out16_value[1], 6 << 10 | 1 << 13);
}

static void acpi_reads_generic_addresses_of_newer_tables(void **state)
{
    (void)state;
    put(FADT + 76, 0, 4);
    put(FADT + 208, SPACE_IO, 1);
    put(FADT + 212, 0xb008, 8);
    put(FADT + 112, FADT_FLAG_TMR_VAL_EXT, 4);
    put(FADT + 40, 0, 4);
    put(FADT + 140, AML, 8);
    header(FADT, "FACP", 244);
    acpi_init(RSDP);
    assert_int_equal(acpi_pm_timer_port(), 0xb008);
    assert_true(acpi_pm_timer_is_32bit());
    acpi_power_off();
    assert_int_equal(out16_n, 1);
}

static void acpi_falls_back_to_the_rsdt(void **state)
{
    (void)state;
    at(XSDT)[40]++; /* checksum */
    acpi_init(RSDP);
    assert_int_equal(acpi_pm_timer_port(), 0x608);
    assert_int_equal(acpi_hpet_base(), 0); /* only the XSDT lists it */
}

static void acpi_reads_a_version_1_rsdp(void **state)
{
    (void)state;
    put(RSDP + 15, 0, 1);
    memset(at(RSDP + 20), 0xff, 16); /* not part of it */
    fix_sum(RSDP, 20, 8);
    acpi_init(RSDP);
    assert_int_equal(acpi_pm_timer_port(), 0x608);
}

static void acpi_switches_a_hardware_reduced_machine_off(void **state)
{
    (void)state;
    put(FADT + 112, FADT_FLAG_HW_REDUCED, 4);
    put(FADT + 244, SPACE_MEMORY, 1);
    put(FADT + 248, 0xfed40000, 8);
    header(FADT, "FACP", 268);
    acpi_init(RSDP);
    assert_int_equal(acpi_pm_timer_port(), 0);
    acpi_power_off();
    assert_int_equal(mmio_value, 5 << 2 | 1 << 5);
    assert_int_equal(out16_n, 0);
}

static void acpi_notices_the_power_button_from_when_it_was_armed(void **state)
{
    (void)state;
    acpi_init(RSDP);
    pm1_status = 1 << 8 | 1; /* pressed, and the timer's bit */
    pm1_enable = 1 << 5;
    acpi_power_button_arm();
    assert_int_equal(out8_port, 0xb2); /* ACPI mode was off */
    assert_int_equal(pm1_status, 1);
    assert_int_equal(pm1_enable, 1 << 8 | 1 << 5);
    assert_false(acpi_power_button());
    pm1_status |= 1 << 8;
    assert_true(acpi_power_button());
    assert_true(acpi_power_button()); /* still */
    pm1_status = 0xffff;              /* nothing answers */
    assert_false(acpi_power_button());
}

/* The button may be something else, or the registers too short for it. */
static void acpi_knows_when_there_is_no_power_button(void **state)
{
    static const struct {
        unsigned offset, value, bytes;
    } changes[] = {
        {112, FADT_FLAG_PWR_BUTTON, 4}, {112, FADT_FLAG_HW_REDUCED, 4}, {88, 2, 1}, {56, 0, 4}};

    (void)state;
    acpi_power_button_arm(); /* before any table */
    for (unsigned i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        forget();
        build();
        put(FADT + changes[i].offset, changes[i].value, changes[i].bytes);
        fix_sum(FADT, 116, 9);
        acpi_init(RSDP);
        acpi_power_button_arm();
        pm1_status = 1 << 8;
        assert_int_equal(out16_n, 0);
        assert_int_equal(out8_port, 0);
        assert_false(acpi_power_button());
    }
}

static void acpi_without_tables_finds_nothing(void **state)
{
    (void)state;
    acpi_init(0);
    acpi_init(0xdead0000);
    at(RSDP)[8]++;
    acpi_init(RSDP);
    assert_int_equal(acpi_pm_timer_port(), 0);
    acpi_power_off();
    assert_int_equal(out16_n, 0);
}

static void acpi_refuses_lengths_that_cannot_be(void **state)
{
    static const uint32_t lengths[] = {0, 4, 35, MEM_BYTES, TABLE_MAX + 1, UINT32_MAX};

    (void)state;
    for (unsigned i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        forget();
        build();
        put(FADT + 4, lengths[i], 4);
        acpi_init(RSDP);
        assert_int_equal(acpi_pm_timer_port(), 0);
        assert_int_equal(acpi_hpet_base(), 0xfed00000); /* its neighbour is read all the same */
    }
}

static void acpi_takes_fields_beyond_a_short_fadt_for_zero(void **state)
{
    (void)state;
    header(FADT, "FACP", 70);
    acpi_init(RSDP);
    assert_int_equal(acpi_pm_timer_port(), 0);
    acpi_power_off();
    assert_int_equal(out16_port[0], 0x604);
}

static void acpi_refuses_a_short_or_strange_hpet_table(void **state)
{
    (void)state;
    header(HPET, "HPET", 55);
    acpi_init(RSDP);
    assert_int_equal(acpi_hpet_base(), 0);
    put(HPET + 40, SPACE_IO, 1);
    header(HPET, "HPET", 56);
    acpi_init(RSDP);
    assert_int_equal(acpi_hpet_base(), 0);
}

static void acpi_wants_s5_to_be_a_named_package_of_constants(void **state)
{
    static const struct {
        unsigned offset;
        uint8_t value;
    } changes[] = {{0, 0x10}, {2, 'Q'}, {5, 0x13}, {8, 0x0e}, {10, 0x0e}};

    (void)state;
    for (unsigned i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        forget();
        build();
        at(AML + 100)[changes[i].offset] = changes[i].value;
        fix_sum(AML, 100 + sizeof(s5_object), 9);
        acpi_init(RSDP);
        acpi_power_off();
        assert_int_equal(out16_n, 0);
    }
}

static void acpi_finds_s5_behind_something_that_only_looks_like_it(void **state)
{
    (void)state;
    memcpy(at(AML + 60), "_S5_", 4);
    fix_sum(AML, 100 + sizeof(s5_object), 9);
    acpi_init(RSDP);
    acpi_power_off();
    assert_int_equal(out16_n, 1);
}

/* The end of the table may cut the object anywhere: no read goes beyond it. */
static void acpi_stays_within_a_dsdt_cut_anywhere(void **state)
{
    (void)state;
    for (uint32_t len = HEADER_BYTES; len <= 100 + sizeof(s5_object); len++) {
        forget();
        build();
        header(AML, "DSDT", len);
        acpi_init(RSDP);
        acpi_power_off();
    }
    assert_int_equal(out16_n, 1);
}

/* Each byte of each table in turn, several values each, checksums repaired: any result, no bad
 * read. */
static void acpi_survives_any_changed_byte(void **state)
{
    static const uint8_t values[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
    static const struct {
        uint64_t phys;
        uint32_t len;
        unsigned sum_at;
    } tables[] = {{RSDP, 36, 8}, {XSDT, 52, 9}, {FADT, 116, 9}, {HPET, 56, 9}, {AML, 114, 9}};

    (void)state;
    for (unsigned t = 0; t < sizeof(tables) / sizeof(tables[0]); t++)
        for (uint32_t i = 0; i < tables[t].len; i++)
            for (unsigned v = 0; v < sizeof(values); v++) {
                forget();
                build();
                at(tables[t].phys)[i] = values[v];
                fix_sum(tables[t].phys, tables[t].len, tables[t].sum_at);
                if (tables[t].phys == RSDP)
                    sum_rsdp();
                acpi_init(RSDP);
                acpi_power_off();
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(acpi_finds_clocks_and_switches_off, fresh, done),
        cmocka_unit_test_setup_teardown(acpi_leaves_acpi_mode_alone_when_it_is_on, fresh, done),
        cmocka_unit_test_setup_teardown(acpi_writes_the_second_control_block_with_its_own_type,
                                        fresh, done),
        cmocka_unit_test_setup_teardown(acpi_reads_generic_addresses_of_newer_tables, fresh, done),
        cmocka_unit_test_setup_teardown(acpi_falls_back_to_the_rsdt, fresh, done),
        cmocka_unit_test_setup_teardown(acpi_reads_a_version_1_rsdp, fresh, done),
        cmocka_unit_test_setup_teardown(acpi_switches_a_hardware_reduced_machine_off, fresh, done),
        cmocka_unit_test_setup_teardown(acpi_notices_the_power_button_from_when_it_was_armed, fresh,
                                        done),
        cmocka_unit_test_setup_teardown(acpi_knows_when_there_is_no_power_button, fresh, done),
        cmocka_unit_test_setup_teardown(acpi_without_tables_finds_nothing, fresh, done),
        cmocka_unit_test_setup_teardown(acpi_refuses_lengths_that_cannot_be, fresh, done),
        cmocka_unit_test_setup_teardown(acpi_takes_fields_beyond_a_short_fadt_for_zero, fresh,
                                        done),
        cmocka_unit_test_setup_teardown(acpi_refuses_a_short_or_strange_hpet_table, fresh, done),
        cmocka_unit_test_setup_teardown(acpi_wants_s5_to_be_a_named_package_of_constants, fresh,
                                        done),
        cmocka_unit_test_setup_teardown(acpi_finds_s5_behind_something_that_only_looks_like_it,
                                        fresh, done),
        cmocka_unit_test_setup_teardown(acpi_stays_within_a_dsdt_cut_anywhere, fresh, done),
        cmocka_unit_test_setup_teardown(acpi_survives_any_changed_byte, fresh, done),
    };

    return cmocka_run_group_tests_name("acpi", tests, NULL, NULL);
}
