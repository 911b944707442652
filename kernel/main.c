// SPDX-License-Identifier: BSD-3-Clause
/*
 * Boot order, then the loop.
 */
#include "main.h"

#include "acpi.h"
#include "config.h"
#include "console.h"
#include "irq.h"
#include "paging.h"
#include "panic.h"
#include "record.h"
#include "serial.h"
#include "time.h"
#include "trap.h"

static struct boot_info boot;

static void record_boot(void)
{
    struct json *j = record_begin("boot");
    uint64_t usable = 0;

    for (uint32_t i = 0; i < boot.mem_n; i++)
        if (boot.mem[i].usable)
            usable += boot.mem[i].len;
    json_str(j, "version", CONFIG_VERSION);
    json_str(j, "entry", boot.entry == BOOT_PVH ? "pvh" : "uefi");
    json_u64(j, "mem_kb", usable / 1024);
    json_u64(j, "image_kb", paging_file_bytes() / 1024);
    json_u64(j, "static_kb", paging_image_bytes() / 1024);
    json_str(j, "cmdline", boot.cmdline);
    record_end();
}

__attribute__((optimize("no-stack-protector"))) void kernel_main(const struct boot_info *from)
{
    boot = *from;
    panic_init();
    serial_init();
    paging_init(boot.phys_base);
    trap_init();
    acpi_init(boot.rsdp);
    if (!irq_init())
        panic("no local APIC");
    time_init(boot.entry_tsc);
    record_boot();
    time_calibrate();
    kprintf("tsc %lu Hz by %s", time_tsc_hz(), time_source());
    machine_exit(EXIT_PASS);
}
