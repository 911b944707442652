// SPDX-License-Identifier: BSD-3-Clause
/*
 * drivers/fw_cfg.c against a small model of the device, with and without DMA.
 */
#define SIM_CPU_H    /* this file is the CPU, */
#define KERNEL_DMA_H /* and memory is at its own address */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

typedef uint64_t dma_addr_t;

static uint8_t cpu_in8(uint16_t port);
static void cpu_out16(uint16_t port, uint16_t v);
static void cpu_out32(uint16_t port, uint32_t v);

static dma_addr_t dma_addr(const volatile void *p)
{
    return (uintptr_t)p;
}

static void cpu_mb(void)
{
}

static void cpu_relax(void)
{
}

#include "fw_cfg.c"

/* ---- the device ------------------------------------------------------------------------------ */

#define FILES      5
#define FIRST_FILE 0x20

static struct {
    bool absent, has_dma, dma_error, file_error, dma_dead;
    uint32_t count; /* as the directory claims; big values lie */
    uint16_t item;
    uint32_t offset;
    uint64_t dma_hi;
    unsigned port_reads, transfers;
} dev;

static char content[FILES][64];
static const char *const names[FILES] = {"bootorder", "etc/e820", "opt/antifreeze/confi",
                                         "opt/antifreeze/config", "etc/zzz"};

static void directory(uint8_t out[4 + FILES * 64])
{
    uint32_t n = __builtin_bswap32(dev.count);

    memset(out, 0, 4 + FILES * 64);
    memcpy(out, &n, 4);
    for (unsigned i = 0; i < FILES; i++) {
        uint32_t size = __builtin_bswap32((uint32_t)strlen(content[i]));
        uint16_t item = __builtin_bswap16((uint16_t)(FIRST_FILE + i));
        memcpy(out + 4 + i * 64, &size, 4);
        memcpy(out + 4 + i * 64 + 4, &item, 2);
        memcpy(out + 4 + i * 64 + 8, names[i], strlen(names[i]));
    }
}

/* Byte `offset` of the selected item; zeros behind its end, as the real one. */
static uint8_t next_byte(void)
{
    uint8_t dir[4 + FILES * 64];
    uint32_t at = dev.offset++;

    if (dev.absent)
        return 0xff;
    if (dev.item == 0)
        return at < 4 ? (uint8_t) "QEMU"[at] : 0;
    if (dev.item == 1)
        return at == 0 ? (dev.has_dma ? 3 : 1) : 0;
    if (dev.item == 0x19) {
        directory(dir);
        return at < sizeof(dir) ? dir[at] : 0;
    }
    if (dev.item >= FIRST_FILE && dev.item < FIRST_FILE + FILES)
        return at < strlen(content[dev.item - FIRST_FILE])
                   ? (uint8_t)content[dev.item - FIRST_FILE][at]
                   : 0;
    return 0;
}

static uint8_t cpu_in8(uint16_t port)
{
    assert_int_equal(port, 0x511);
    dev.port_reads++;
    return next_byte();
}

static void cpu_out16(uint16_t port, uint16_t v)
{
    assert_int_equal(port, 0x510);
    dev.item = v;
    dev.offset = 0;
}

static void cpu_out32(uint16_t port, uint32_t v)
{
    struct dma_access *a;
    uint8_t *to;

    assert_true(dev.has_dma); /* else nobody may touch the port */
    if (port == 0x514) {
        dev.dma_hi = (uint64_t)__builtin_bswap32(v) << 32;
        return;
    }
    assert_int_equal(port, 0x518);
    dev.transfers++;
    if (dev.dma_dead)
        return;
    a = (struct dma_access *)(uintptr_t)(dev.dma_hi | __builtin_bswap32(v));
    if (dev.dma_error || (dev.file_error && dev.item >= FIRST_FILE)) {
        a->control = __builtin_bswap32(1);
        return;
    }
    assert_int_equal(__builtin_bswap32(a->control), 2);
    to = (uint8_t *)(uintptr_t)__builtin_bswap64(a->address);
    for (uint32_t i = 0; i < __builtin_bswap32(a->length); i++)
        to[i] = next_byte();
    a->control = 0;
}

static int fresh(void **state)
{
    (void)state;
    memset(&dev, 0, sizeof(dev));
    memset(content, 0, sizeof(content));
    dev.has_dma = true;
    dev.count = FILES;
    strcpy(content[2], "wrong");
    strcpy(content[3], "ip=dhcp exit=10s");
    return 0;
}

/* ---- tests ----------------------------------------------------------------------------------- */

static char buf[64];

static void fw_cfg_reads_a_file_by_dma(void **state)
{
    (void)state;
    memset(buf, 'x', sizeof(buf));
    assert_int_equal(fw_cfg_read("opt/antifreeze/config", buf, sizeof(buf)), 16);
    assert_memory_equal(buf, "ip=dhcp exit=10sx", 17);
    assert_true(dev.port_reads <= 5); /* signature and features only */
}

static void fw_cfg_reads_a_file_by_port(void **state)
{
    (void)state;
    dev.has_dma = false;
    memset(buf, 'x', sizeof(buf));
    assert_int_equal(fw_cfg_read("opt/antifreeze/config", buf, sizeof(buf)), 16);
    assert_memory_equal(buf, "ip=dhcp exit=10sx", 17);
}

static void fw_cfg_fills_no_more_than_the_buffer_and_says_the_length(void **state)
{
    (void)state;
    for (int dma_on = 0; dma_on < 2; dma_on++) {
        dev.has_dma = dma_on;
        memset(buf, 'x', sizeof(buf));
        assert_int_equal(fw_cfg_read("opt/antifreeze/config", buf, 7), 16);
        assert_memory_equal(buf, "ip=dhcpx", 8);
    }
}

static void fw_cfg_finds_no_other_file(void **state)
{
    (void)state;
    assert_int_equal(fw_cfg_read("opt/antifreeze/confi", buf, sizeof(buf)), 5);
    assert_int_equal(fw_cfg_read("opt/antifreeze/configs", buf, sizeof(buf)), 0);
    assert_int_equal(fw_cfg_read("opt", buf, sizeof(buf)), 0);
}

static void fw_cfg_is_absent_on_other_machines(void **state)
{
    (void)state;
    dev.absent = true;
    dev.has_dma = false; /* no port but the first two may be touched */
    assert_int_equal(fw_cfg_read("opt/antifreeze/config", buf, sizeof(buf)), 0);
    assert_int_equal(dev.port_reads, 4);
}

static void fw_cfg_gives_up_on_a_failed_transfer(void **state)
{
    (void)state;
    dev.dma_error = true;
    assert_int_equal(fw_cfg_read("opt/antifreeze/config", buf, sizeof(buf)), 0);
    dev.dma_error = false;
    dev.file_error = true;
    assert_int_equal(fw_cfg_read("opt/antifreeze/config", buf, sizeof(buf)), 0);
    dev.dma_dead = true;
    assert_int_equal(fw_cfg_read("opt/antifreeze/config", buf, sizeof(buf)), 0);
}

static void fw_cfg_bounds_a_directory_that_claims_to_be_endless(void **state)
{
    (void)state;
    dev.count = UINT32_MAX;
    assert_int_equal(fw_cfg_read("no/such/file", buf, sizeof(buf)), 0);
    assert_true(dev.transfers <= ENTRIES_MAX + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(fw_cfg_reads_a_file_by_dma, fresh),
        cmocka_unit_test_setup(fw_cfg_reads_a_file_by_port, fresh),
        cmocka_unit_test_setup(fw_cfg_fills_no_more_than_the_buffer_and_says_the_length, fresh),
        cmocka_unit_test_setup(fw_cfg_finds_no_other_file, fresh),
        cmocka_unit_test_setup(fw_cfg_is_absent_on_other_machines, fresh),
        cmocka_unit_test_setup(fw_cfg_gives_up_on_a_failed_transfer, fresh),
        cmocka_unit_test_setup(fw_cfg_bounds_a_directory_that_claims_to_be_endless, fresh),
    };

    return cmocka_run_group_tests_name("fw_cfg", tests, NULL, NULL);
}
