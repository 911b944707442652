// SPDX-License-Identifier: BSD-3-Clause
/*
 * The end of a run.
 *
 * A panic writes one record: message, registers where the CPU gave them, and the chain of return
 * addresses with the names of our functions. It trusts little: frame pointers are followed only
 * inside our own stacks, and a panic inside a panic goes straight to the serial port and ends
 * there.
 */
#include "panic.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "acpi.h"
#include "console.h"
#include "cpu.h"
#include "format.h"
#include "record.h"
#include "serial.h"
#include "string.h"
#include "symbols.h"
#include "sysreg.h"
#include "trap.h"

#define DEBUG_EXIT_PORT 0xf4

/* A read of the old diagnostics port takes about a microsecond everywhere: this is a second. */
#define DELAY_PORT      0x80
#define POWER_OFF_READS 1000000

#define BACKTRACE_MAX   32

#define VECTOR_PF       14

extern char stack_main_guard[], stack_main_top[], stack_fault_guard[], stack_fault_top[];
extern char stack_double_guard[], stack_double_top[], stack_nmi_guard[], stack_nmi_top[];

uintptr_t __stack_chk_guard = 0x595e9fbd94fda766; /* until panic_init() */
_Noreturn void __stack_chk_fail(void);

static bool panicking;

/* Not protected itself: it changes the guard that it would compare with. */
__attribute__((optimize("no-stack-protector"))) void panic_init(void)
{
    uint64_t guard = cpu_tsc() * 0x9e3779b97f4a7c15; /* without RDRAND: better than a constant */
    uint64_t drawn;
    uint32_t cpu[4];

    cpu_cpuid(1, cpu);
    if ((cpu[2] & (1u << 30)) && cpu_rdrand(&drawn))
        guard ^= drawn;
    __stack_chk_guard = guard & ~0xffull; /* a zero byte stops string overruns */
}

void __stack_chk_fail(void)
{
    panic("stack smashed: a function wrote beyond its local variables");
}

_Noreturn void machine_exit(enum exit_code code)
{
    console_flush();
    if (code != EXIT_PASS)
        cpu_out8(DEBUG_EXIT_PORT, (uint8_t)code);
    acpi_power_off();
    for (unsigned i = 0; i < POWER_OFF_READS; i++)
        cpu_in8(DELAY_PORT); /* it may take a moment */
    kprintf("this machine has no power switch that we know of: halted");
    console_flush();
    for (;;)
        __asm__ volatile("cli; hlt");
}

static bool in_stack(uint64_t p, const char *guard, const char *top)
{
    return p >= (uint64_t)guard + 4096 && p <= (uint64_t)top - 16;
}

/* True if a frame's two words, the caller's frame pointer and the return address, can be read at p.
 */
static bool frame_readable(uint64_t p)
{
    return p % 8 == 0 && (in_stack(p, stack_main_guard, stack_main_top) ||
                          in_stack(p, stack_fault_guard, stack_fault_top) ||
                          in_stack(p, stack_double_guard, stack_double_top) ||
                          in_stack(p, stack_nmi_guard, stack_nmi_top));
}

static void json_hex(struct json *j, const char *key, uint64_t v)
{
    char text[24];

    format(text, sizeof(text), "0x%lx", v);
    json_str(j, key, text);
}

static void json_place(struct json *j, uint64_t addr)
{
    char text[128];
    uint64_t offset;
    const char *name = symbol_find(addr, &offset);

    if (name != NULL)
        format(text, sizeof(text), "%s+0x%lx", name, offset);
    else
        format(text, sizeof(text), "0x%lx", addr);
    json_str(j, NULL, text);
}

static void json_backtrace(struct json *j, uint64_t rip, uint64_t rbp)
{
    json_array(j, "backtrace");
    json_place(j, rip);
    for (unsigned n = 1; n < BACKTRACE_MAX && frame_readable(rbp); n++) {
        const uint64_t *frame = (const uint64_t *)rbp; /* NOLINT(performance-no-int-to-ptr) */
        if (frame[1] == 0)
            break;
        json_place(j, frame[1] - 1); /* inside the call, not behind it */
        if (frame[0] <= rbp)
            break; /* callers lie higher */
        rbp = frame[0];
    }
    json_end_array(j);
}

static void json_registers(struct json *j, const struct trap_frame *f)
{
    static const char names[15][4] = {"r15", "r14", "r13", "r12", "r11", "r10", "r9", "r8",
                                      "rdi", "rsi", "rbp", "rbx", "rdx", "rcx", "rax"};
    const uint64_t *values = &f->r15;

    json_object(j, "registers");
    json_hex(j, "rip", f->rip);
    json_hex(j, "rsp", f->rsp);
    json_hex(j, "rflags", f->rflags);
    json_hex(j, "cr2", read_cr2());
    for (unsigned i = sizeof(names) / sizeof(names[0]); i-- > 0;)
        json_hex(j, names[i], values[i]);
    json_hex(j, "vector", f->vector);
    json_hex(j, "error", f->error);
    json_end_object(j);
}

/* No console, no records, no names: they may be what failed. */
static _Noreturn void panic_again(const char *message)
{
    static const char said[] = "\npanic inside a panic: ";

    serial_put(said, sizeof(said) - 1);
    serial_put(message, (unsigned)strlen(message));
    serial_put("\n", 1);
    cpu_out8(DEBUG_EXIT_PORT, EXIT_PANIC);
    for (;;)
        __asm__ volatile("cli; hlt");
}

static _Noreturn void report(const char *message, const struct trap_frame *f, uint64_t rip,
                             uint64_t rbp)
{
    struct json *j;

    if (panicking)
        panic_again(message);
    panicking = true;
    console_flush(); /* makes room for the record */
    kprintf("panic: %s", message);
    j = record_begin("panic");
    json_str(j, "message", message);
    if (f != NULL)
        json_registers(j, f);
    json_backtrace(j, rip, rbp);
    record_end();
    machine_exit(EXIT_PANIC);
}

_Noreturn void panic(const char *fmt, ...)
{
    char message[256];
    va_list ap;
    const uint64_t *frame = __builtin_frame_address(0);

    va_start(ap, fmt);
    format_v(message, sizeof(message), fmt, ap);
    va_end(ap);
    report(message, NULL, frame[1] - 1, frame[0]);
}

_Noreturn void panic_trap(const struct trap_frame *f)
{
    static const char *const names[TRAP_EXCEPTIONS] = {
        [0] = "divide error",        [1] = "debug",          [2] = "NMI",
        [3] = "breakpoint",          [4] = "overflow",       [5] = "bound range",
        [6] = "invalid opcode",      [7] = "no coprocessor", [8] = "double fault",
        [10] = "invalid TSS",        [11] = "no segment",    [12] = "stack segment",
        [13] = "general protection", [14] = "page fault",    [16] = "x87 error",
        [17] = "alignment check",    [18] = "machine check", [19] = "SIMD error",
    };
    const char *name = names[f->vector] != NULL ? names[f->vector] : "exception";
    uint64_t addr = read_cr2();
    char message[128];

    if (f->vector != VECTOR_PF) {
        format(message, sizeof(message), "%s", name);
    } else if (addr >= (uint64_t)stack_main_guard && addr < (uint64_t)stack_main_guard + 4096) {
        format(message, sizeof(message), "stack overflow");
    } else {
        const char *what = f->error & 16 ? "execution of" : f->error & 2 ? "write to" : "read of";
        format(message, sizeof(message), "%s: %s 0x%lx, which is %s", name, what, addr,
               f->error & 1 ? "protected" : "not mapped");
    }
    report(message, f, f->rip, f->rbp);
}
