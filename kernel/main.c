// SPDX-License-Identifier: BSD-3-Clause
/*
 * The composition root: boot order as a list of calls, then the one loop.
 *
 * Every turn looks at everything, whatever interrupts say, and each part of it is bounded. When a
 * turn finds nothing to do the CPU sleeps until an interrupt, at most until the next deadline.
 */
#include "main.h"

#include "acpi.h"
#include "app.h"
#include "conf.h"
#include "config.h"
#include "console.h"
#include "cpu.h"
#include "fault.h"
#include "format.h"
#include "framebuffer.h"
#include "fw_cfg.h"
#include "irq.h"
#include "job.h"
#include "lapic.h"
#include "netport.h"
#include "paging.h"
#include "panic.h"
#include "provoke.h"
#include "rand.h"
#include "record.h"
#include "serial.h"
#include "time.h"
#include "trap.h"
#include "usage.h"

/* Bytes of log a turn hands to the serial port. Under emulation a byte costs about a microsecond,
 * so this keeps the log's share of a turn below half a millisecond. */
#define DRAIN_BYTES 256

/* A UART at 115200 baud takes 16 more bytes after 1.4 ms: no use in looking sooner. */
#define DRAIN_WAIT_NS (1400 * NS_PER_US)

/* Going to sleep and waking up costs some microseconds: below this, look again instead. */
#define SLEEP_MIN_NS    (20 * NS_PER_US)

#define CHECK_PERIOD_NS NS_PER_S

/* Jobs that are to end because the run does have this time for their last words. */
#define LAST_WORDS_NS (5 * NS_PER_S)

/* And the devices, for the last frames. */
#define SENT_WAIT_NS (100 * NS_PER_MS)

/* Of the command line in the `boot` record: fits a record even if every byte is escaped to six. */
#define CMDLINE_SHOWN 2048
static_assert(6 * CMDLINE_SHOWN + 512 < CONFIG_RECORD_MAX,
              "else `boot` could be too long to be sent");

#ifdef LEAN
#define BUILD_SMALLER ""
#else
#define BUILD_SMALLER ", or build with LEAN=1"
#endif

static struct boot_info boot;
static struct conf conf;

/* ---- boot --------------------------------------------------------------------------------------
 */

static void record_boot(void)
{
    struct json *j = record_begin("boot");
    const char *entry = boot.entry == BOOT_PVH ? "pvh" : "uefi";
    uint64_t usable = 0;
    char cmdline[CMDLINE_SHOWN];

    for (uint32_t i = 0; i < boot.mem_n; i++)
        if (boot.mem[i].usable)
            usable += boot.mem[i].len;
    json_str(j, "version", CONFIG_VERSION);
    json_str(j, "entry", entry);
    json_u64(j, "mem_kb", usable / 1024);
    json_u64(j, "image_kb", paging_file_bytes() / 1024);
    json_u64(j, "static_kb", paging_image_bytes() / 1024);
    format(cmdline, sizeof(cmdline), "%s", boot.cmdline);
    json_str(j, "cmdline", cmdline);
    record_end();
    kprintf("Antifreeze %s, entered by %s, %lu MiB", CONFIG_VERSION, entry, usable >> 20);
    console_drain(CONFIG_CONSOLE_RING); /* out, before anything can go wrong */
}

/* PVH loads the image without asking whether there is memory under all of it. */
static void check_memory(void)
{
    uint64_t start = paging_image_phys(), end = start + paging_image_bytes();
    /* UEFI allocated it; and without a map there is nothing to check against. */
    bool fits = boot.entry != BOOT_PVH || boot.mem_n == 0;

    for (uint32_t i = 0; i < boot.mem_n; i++) {
        const struct boot_mem *m = &boot.mem[i];
        if (m->usable && m->base <= start && m->base + m->len >= end)
            fits = true;
    }
    if (!fits) {
        record_error("not enough memory: the image needs RAM from %lu KiB to %lu KiB; give the "
                     "machine more (-m)%s",
                     start / 1024, end / 1024, BUILD_SMALLER);
        machine_exit(EXIT_FAIL);
    }
}

static void parse_or_stop(const char *source, const char *text, bool truncated)
{
    if (truncated)
        record_error("%s: longer than the %u bytes that are accepted", source, BOOT_TEXT_MAX - 1);
    if (truncated || !conf_parse(&conf, source, text))
        machine_exit(EXIT_FAIL_CONFIG);
}

static void check_job(void)
{
    struct job_refusal why;

    if (job_check(&conf.job, &why))
        return;
    conf_refuse("configuration", why.key, why.value, why.accepted);
    machine_exit(EXIT_FAIL_CONFIG);
}

static void configure(void)
{
    static char text[BOOT_TEXT_MAX]; /* the device writes to it */
    uint32_t len = fw_cfg_read("opt/antifreeze/config", text, sizeof(text) - 1);

    conf_init(&conf);
    parse_or_stop("antifreeze.conf", boot.conf, boot.conf_truncated);
    parse_or_stop("fw_cfg", text, len > sizeof(text) - 1);
    parse_or_stop("cmdline", boot.cmdline, boot.cmdline_truncated);
    if (!conf_check(&conf))
        machine_exit(EXIT_FAIL_CONFIG);
    check_job();
    console_set_level(conf.log);
    fault_init(conf.faults);
    if (conf.panic_kind != CONF_PANIC_NONE) {
        struct json *j = record_begin("fault");
        json_str(j, "fault", "panic");
        json_u64(j, "at_us", conf.panic_at_ns / NS_PER_US);
        record_end();
    }
    if (conf.faults_allowed) {
        fault_allow();
        kprintf("faults may be ordered over HTTP, by everybody who reaches it");
    }
}

static _Noreturn void stop(const char *why)
{
    record_error("%s", why);
    machine_exit(EXIT_FAIL);
}

static void boot_machine(void)
{
    bool apic, clock;

    panic_init();
    serial_init();
    paging_init(boot.phys_base);
    trap_init();
    acpi_init(boot.rsdp);
    apic = irq_init();
    clock = apic && time_init(boot.entry_tsc);
    framebuffer_init(&boot.fb);
    console_write("\n", 1); /* behind the firmware's words, or half a line of ours before a reset */
    record_boot();
    if (!apic)
        stop("this CPU has no local APIC, or has it switched off; please give it one");
    if (!clock)
        stop("no clock of known rate runs here; please switch the ACPI timer, HPET or PIT on");
    check_memory();
}

static void boot_services(void)
{
    rand_init(conf.seed);
    pattern_init(conf.seed);
    if (netport_init(&conf) == 0)
        stop("no virtio network device works; add one, e.g. -device virtio-net-pci,netdev=n0");
    if (!conf_check_nics(&conf, netport_working()))
        machine_exit(EXIT_FAIL_CONFIG);
    if (!apps_start(&conf))
        machine_exit(EXIT_FAIL);
}

/* ---- the loop ----------------------------------------------------------------------------------
 */

static void record_ready(void)
{
    struct json *j = record_begin("ready");

    json_str(j, "ip", netport_ip(0));
    json_str(j, "ip6", netport_ip6(0));
    json_array(j, "services");
    apps_json_services(j);
    json_end_array(j);
    record_end();
    kprintf("ready: ip %s, ip6 %s", netport_ip(0), netport_ip6(0));
}

/* The network has seen the last frames when their statistics are written, unless it is stuck. */
static void wait_until_sent(void)
{
    const uint64_t until_ns = time_ns() + SENT_WAIT_NS;

    netport_flush();
    while (!netport_is_sent() && time_ns() < until_ns)
        cpu_relax();
}

static _Noreturn void finish(void)
{
    bool pass;

    console_flush(); /* the last records must find room */
    wait_until_sent();
    apps_finish();
    apps_stats_record();
    pass = verdict_record();
    machine_exit(pass ? EXIT_PASS : EXIT_FAIL);
}

/* Jobs that somebody has started meanwhile do not end a run that was to serve. */
static bool ends_with_jobs(void)
{
    if (conf.exit_ns != 0 || conf.exit_never)
        return false;
    return conf.exit_done || job_run_is_job(conf.job.run);
}

/* The run is to end: at once, or when the jobs that are left have said their last words. */
static void check_end(uint64_t now, bool power_button)
{
    static uint64_t stopped_ns;

    if (stopped_ns == 0 && (power_button || (conf.exit_ns != 0 && now >= conf.exit_ns))) {
        stopped_ns = now;
        jobs_stop();
    }
    if (stopped_ns != 0 && (!jobs_busy() || now - stopped_ns >= LAST_WORDS_NS))
        finish();
    if (ends_with_jobs() && jobs_done())
        finish();
}

/* What happens once, or once in a while. */
static void check_clock(uint64_t now)
{
    static bool calibrated, ready;
    bool power_button = false;
    static uint64_t next_check_ns = CHECK_PERIOD_NS;

    if (!calibrated && time_calibrate()) {
        calibrated = true;
        kprintf("time: %lu kHz by %s; random numbers: %s", time_tsc_hz() / 1000, time_source(),
                rand_source());
    }
    if (!ready && netport_ready()) {
        ready = true;
        record_ready();
        jobs_ready();
    }
    if (now >= next_check_ns) {
        next_check_ns = now + CHECK_PERIOD_NS;
        power_button = acpi_power_button();
        if (!netport_check() && conf.check_panics)
            panic("a NIC's buffers do not add up: see the statistics of its pools");
        netport_repair();
    }
    if (conf.panic_kind != CONF_PANIC_NONE && now >= conf.panic_at_ns)
        provoke_panic(conf.panic_kind);
    check_end(now, power_button);
}

/* False: there was a reason not to. */
static bool sleep(uint64_t now)
{
    uint64_t due = apps_deadline();
    uint64_t ns = CONFIG_SLEEP_MAX_MS * NS_PER_MS;

    if (console_pending())
        ns = DRAIN_WAIT_NS;
    if (due <= now)
        return false;
    if (due - now < ns)
        ns = due - now;
    if (ns < SLEEP_MIN_NS || time_tsc_hz() == 0) /* the timer is calibrated with the counter */
        return false;
    if (netport_lingers(now) || !netport_may_sleep(&ns))
        return false;
    lapic_timer_arm(ns); /* a device register: the fence that netport_still_idle() needs */
    if (!netport_still_idle())
        return false;
    usage_add(USAGE_IDLE, time_ns());
    irq_begin_sleep();
    do
        cpu_wait_irq();
    while (!irq_ends_sleep());
    netport_awake();
    return true;
}

static _Noreturn void loop(void)
{
    uint64_t now = time_ns();

    usage_begin(now);
    for (;;) {
        enum usage did;
        unsigned done;

        /* One that came too late for the last sleep, or the alarm of a sleep that was not slept,
         * would else be pending until the next: while it is, QEMU's emulator takes the lock that
         * device emulation holds whenever it looks whether there is an interrupt. */
        cpu_take_irqs();
        fault_turn(now);
        done = netport_poll(now);
        done += apps_poll(now);
        netport_flush();
        done += console_drain(DRAIN_BYTES);
        check_clock(now);
        did = done > 0 ? USAGE_BUSY : sleep(now) ? USAGE_ASLEEP : USAGE_IDLE;
        now = time_ns();
        usage_add(did, now);
    }
}

void kernel_main(const struct boot_info *from)
{
    boot = *from;
    boot_machine();
    configure();
    boot_services();
    acpi_power_button_arm();
    loop();
}
