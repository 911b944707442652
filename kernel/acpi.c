// SPDX-License-Identifier: BSD-3-Clause
/*
 * A reader of ACPI tables: RSDP -> XSDT or RSDT -> FADT, HPET, and the \_S5 object in the DSDT; the
 * power button and the power switch that they describe.
 *
 * Everything is input from outside: each table is mapped by its own length, bounded, and its
 * checksum tested before a field is used. There is no AML interpreter: \_S5 is found by its
 * encoding, which is constant data in every machine we know; one that computes it will not switch
 * off and stays halted.
 */
#include "acpi.h"
#include <assert.h>
#include <stddef.h>
#include "cpu.h"
#include "mmio.h"
#include "paging.h"
#include "string.h"
#include "time.h"

#define TABLE_MAX             0x100000 /* bytes; the largest DSDTs are about half of this */
#define TABLES_MAX            128      /* entries of the XSDT looked at */

#define HEADER_BYTES          36
#define FADT_FLAG_PWR_BUTTON  (1u << 4) /* the button is something else than the registers' bit */
#define FADT_FLAG_TMR_VAL_EXT (1u << 8)
#define FADT_FLAG_HW_REDUCED  (1u << 20)

#define PM1_PWRBTN            (1u << 8) /* of status and enable register */
#define PM1_SCI_EN            (1u << 0)
#define PM1_SLP_EN            (1u << 13)
#define SLEEP_EN              (1u << 5) /* of the hardware-reduced sleep control register */

enum space { SPACE_MEMORY = 0, SPACE_IO = 1 };

/* Generic address structure [ACPI 5.2.3.2]. */
struct gas {
    uint8_t space, bits, offset, access;
    uint64_t address;
} __attribute__((packed));

static_assert(sizeof(struct gas) == 12, "layout of the specification");

struct table { /* a mapped table whose length and checksum are right; data NULL = none */
    const uint8_t *data;
    uint32_t len;
};

static struct table dsdt;
static uint16_t pm_timer_port;
static bool pm_timer_32bit;
static uint64_t hpet_base;
static uint16_t pm1a_evt, pm1a_cnt, pm1b_cnt, smi_cmd;
static uint8_t pm1_evt_len; /* of status and enable register together; bytes */
static uint8_t acpi_enable;
static struct gas sleep_control; /* hardware-reduced machines only */

static uint16_t get16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static uint32_t get32(const uint8_t *p)
{
    return get16(p) | (uint32_t)get16(p + 2) << 16;
}

static uint64_t get64(const uint8_t *p)
{
    return get32(p) | (uint64_t)get32(p + 4) << 32;
}

static bool checksum_ok(const uint8_t *p, uint32_t len)
{
    uint8_t sum = 0;

    for (uint32_t i = 0; i < len; i++)
        sum = (uint8_t)(sum + p[i]);
    return sum == 0;
}

/* The table at this physical address, if it has this signature (4 letters). */
static struct table table_open(uint64_t phys, const char *signature)
{
    struct table t = {NULL, 0};
    const uint8_t *header = phys ? phys_map(phys, HEADER_BYTES) : NULL;
    const uint8_t *data;
    uint32_t len;

    if (header == NULL || memcmp(header, signature, 4) != 0)
        return t;
    len = get32(header + 4);
    if (len < HEADER_BYTES || len > TABLE_MAX)
        return t;
    data = phys_map(phys, len);
    if (data == NULL || !checksum_ok(data, len))
        return t;
    t.data = data;
    t.len = len;
    return t;
}

/* A field of the FADT, 0 where an older, shorter table ends before it. */
static uint64_t fadt_field(const struct table *fadt, uint32_t offset, unsigned bytes)
{
    if (offset + bytes > fadt->len)
        return 0;
    switch (bytes) {
    case 1:
        return fadt->data[offset];
    case 2:
        return get16(fadt->data + offset);
    case 4:
        return get32(fadt->data + offset);
    default:
        return get64(fadt->data + offset);
    }
}

/* An I/O port given twice: as an old 32-bit field and as a newer generic address [ACPI 5.2.9]. */
static uint16_t fadt_port(const struct table *fadt, uint32_t old_offset, uint32_t gas_offset)
{
    uint64_t port = fadt_field(fadt, old_offset, 4);

    if (port == 0 && fadt_field(fadt, gas_offset, 1) == SPACE_IO)
        port = fadt_field(fadt, gas_offset + 4, 8);
    return port <= UINT16_MAX ? (uint16_t)port : 0;
}

static void read_fadt(const struct table *fadt)
{
    uint32_t flags = (uint32_t)fadt_field(fadt, 112, 4);
    uint64_t dsdt_phys = fadt_field(fadt, 140, 8);

    if (flags & FADT_FLAG_HW_REDUCED) {
        sleep_control.space = (uint8_t)fadt_field(fadt, 244, 1);
        sleep_control.address = fadt_field(fadt, 248, 8);
    } else {
        pm_timer_port = fadt_port(fadt, 76, 208);
        if (!(flags & FADT_FLAG_PWR_BUTTON))
            pm1a_evt = fadt_port(fadt, 56, 148);
        pm1_evt_len = (uint8_t)fadt_field(fadt, 88, 1);
        pm1a_cnt = fadt_port(fadt, 64, 172);
        pm1b_cnt = fadt_port(fadt, 68, 184);
        smi_cmd = (uint16_t)fadt_field(fadt, 48, 4);
        acpi_enable = (uint8_t)fadt_field(fadt, 52, 1);
    }
    pm_timer_32bit = flags & FADT_FLAG_TMR_VAL_EXT;
    if (dsdt_phys == 0)
        dsdt_phys = fadt_field(fadt, 40, 4);
    dsdt = table_open(dsdt_phys, "DSDT");
}

static void read_hpet(const struct table *hpet)
{
    if (hpet->len >= 56 && hpet->data[40] == SPACE_MEMORY)
        hpet_base = get64(hpet->data + 44);
}

void acpi_init(uint64_t rsdp_phys)
{
    const uint8_t *rsdp = rsdp_phys ? phys_map(rsdp_phys, 36) : NULL;
    struct table root = {NULL, 0};
    unsigned width = 8;

    if (rsdp == NULL || memcmp(rsdp, "RSD PTR ", 8) != 0 || !checksum_ok(rsdp, 20))
        return;
    if (rsdp[15] >= 2 && checksum_ok(rsdp, 36))
        root = table_open(get64(rsdp + 24), "XSDT");
    if (root.data == NULL) {
        root = table_open(get32(rsdp + 16), "RSDT");
        width = 4;
    }
    for (uint32_t i = 0; i < TABLES_MAX && HEADER_BYTES + (i + 1) * width <= root.len; i++) {
        const uint8_t *entry = root.data + HEADER_BYTES + i * width;
        uint64_t phys = width == 8 ? get64(entry) : get32(entry);
        struct table t = table_open(phys, "FACP");
        if (t.data != NULL)
            read_fadt(&t);
        t = table_open(phys, "HPET");
        if (t.data != NULL)
            read_hpet(&t);
    }
}

uint16_t acpi_pm_timer_port(void)
{
    return pm_timer_port;
}

bool acpi_pm_timer_is_32bit(void)
{
    return pm_timer_32bit;
}

uint64_t acpi_hpet_base(void)
{
    return hpet_base;
}

/* One integer of an AML package; moves *pos behind it. False: not a constant we can read. */
static bool aml_integer(uint32_t *pos, uint8_t *value)
{
    uint8_t op;

    if (*pos + 2 > dsdt.len)
        return false;
    op = dsdt.data[(*pos)++];
    if (op == 0x0a) /* BytePrefix */
        *value = dsdt.data[(*pos)++];
    else if (op <= 1) /* ZeroOp, OneOp */
        *value = op;
    else
        return false;
    return true;
}

/* Name (_S5, Package () { SLP_TYPa, SLP_TYPb, … }) [ACPI 7.4.2, 20.2]. */
static bool find_s5(uint8_t *typ_a, uint8_t *typ_b)
{
    for (uint32_t i = HEADER_BYTES; i + 7 < dsdt.len; i++) {
        uint32_t pos = i + 4;
        if (memcmp(dsdt.data + i, "_S5_", 4) != 0)
            continue;
        if (dsdt.data[i - 1] != 0x08 && !(dsdt.data[i - 1] == '\\' && dsdt.data[i - 2] == 0x08))
            continue; /* not the operand of NameOp */
        if (dsdt.data[pos++] != 0x12)
            continue;                      /* PackageOp */
        pos += 1u + (dsdt.data[pos] >> 6); /* PkgLength */
        pos++;                             /* NumElements */
        if (aml_integer(&pos, typ_a) && aml_integer(&pos, typ_b))
            return true;
    }
    return false;
}

/* Out of legacy mode, in which the PM1 registers belong to the firmware [ACPI 4.8.2.5]. */
static void enable_acpi_mode(void)
{
    uint64_t give_up = time_ns() + NS_PER_S;

    if (smi_cmd == 0 || acpi_enable == 0 || pm1a_cnt == 0 || (cpu_in16(pm1a_cnt) & PM1_SCI_EN))
        return;
    cpu_out8(smi_cmd, acpi_enable);
    while (!(cpu_in16(pm1a_cnt) & PM1_SCI_EN) && time_ns() < give_up)
        cpu_relax();
}

void acpi_power_button_arm(void)
{
    uint16_t enable = (uint16_t)(pm1a_evt + pm1_evt_len / 2);

    if (pm1a_evt == 0 || pm1_evt_len < 4) {
        pm1a_evt = 0;
        return;
    }
    enable_acpi_mode();
    cpu_out16(pm1a_evt, PM1_PWRBTN); /* a press before our time: writing 1 clears it */
    cpu_out16(enable, (uint16_t)(cpu_in16(enable) | PM1_PWRBTN));
}

bool acpi_power_button(void)
{
    uint16_t status = pm1a_evt != 0 ? cpu_in16(pm1a_evt) : 0;

    return status != 0xffff && (status & PM1_PWRBTN);
}

static void power_off_hw_reduced(uint8_t typ)
{
    uint8_t value = (uint8_t)((unsigned)typ << 2 | SLEEP_EN);

    if (sleep_control.space == SPACE_IO) {
        cpu_out8((uint16_t)sleep_control.address, value);
    } else if (sleep_control.space == SPACE_MEMORY) {
        void *reg = mmio_map(sleep_control.address, 1);
        if (reg != NULL)
            mmio_write8(reg, value);
    }
}

void acpi_power_off(void)
{
    uint8_t typ_a, typ_b;

    if (!find_s5(&typ_a, &typ_b))
        return;
    if (sleep_control.address != 0) {
        power_off_hw_reduced(typ_a);
        return;
    }
    if (pm1a_cnt == 0)
        return;
    enable_acpi_mode();
    cpu_out16(pm1a_cnt, (uint16_t)((typ_a & 7u) << 10 | PM1_SLP_EN));
    if (pm1b_cnt != 0)
        cpu_out16(pm1b_cnt, (uint16_t)((typ_b & 7u) << 10 | PM1_SLP_EN));
}
