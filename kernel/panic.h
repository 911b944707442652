// SPDX-License-Identifier: BSD-3-Clause
/*
 * The end of a run: asserts, panic, exit statuses.
 *
 * QEMU's isa-debug-exit turns a value v into the process status 2v + 1. Without that device the
 * machine is powered off through ACPI, whatever the status.
 */
#ifndef KERNEL_PANIC_H
#define KERNEL_PANIC_H

enum exit_code {
    EXIT_PASS = 0,        /* ACPI power-off: status 0 */
    EXIT_FAIL = 1,        /* status 3 */
    EXIT_FAIL_CONFIG = 2, /* status 5 */
    EXIT_PANIC = 3,       /* status 7 */
};

/* Drains the console completely, then ends the machine. */
_Noreturn void machine_exit(enum exit_code code);

/* A `panic` record with registers and a backtrace, then machine_exit(EXIT_PANIC). For bugs of ours
 * only: nothing that a peer or a device does may lead here. */
_Noreturn void panic(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

struct trap_frame;

/* The same for an exception that the CPU took, with its registers. */
_Noreturn void panic_trap(const struct trap_frame *f);

/* Draws the stack protector's guard value. Before the first function that could be attacked. */
void panic_init(void);

/* Always compiled in. The condition must have no side effects. */
#define ASSERT(cond)                                                                               \
    do {                                                                                           \
        if (__builtin_expect(!(cond), 0))                                                          \
            panic("assertion failed: %s (%s:%d)", #cond, __FILE__, __LINE__);                      \
    } while (0)

#endif
