// SPDX-License-Identifier: BSD-3-Clause
/*
 * The console: COM1 and, where there is one, the framebuffer.
 *
 * Text goes into a static ring and leaves it from the main loop, a bounded number of bytes a turn:
 * a slow serial line costs log text, never packets. Writes are whole lines: one that does not fit
 * is dropped and counted, none is ever split.
 */
#ifndef KERNEL_CONSOLE_H
#define KERNEL_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_QUIET, LOG_INFO, LOG_DEBUG };

/* Lines above this level are not logged. LOG_INFO at boot. Records are not affected. */
void console_set_level(enum log_level level);

/* One line for people, "[    0.123456] " in front, newline added. printf formats d i u x X p s c %,
 * width, zero padding, left adjustment, precision for strings, and h hh l ll z j modifiers. */
void kprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void kdebug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* `len` bytes, whole or not at all (false, counted). For record.c. */
bool console_write(const char *s, size_t len);

/* Hand at most `budget` bytes to the serial port without waiting for it. Returns how many went. */
unsigned console_drain(unsigned budget);

/* Drain everything, waiting for the port until the last byte is out; gives up on one that takes
 * nothing for five seconds (where no clock runs yet: for up to half a minute).
 * Only for the end of a run and for what must not be lost: it stops the main loop. */
void console_flush(void);

/* True if text still waits to be drained. */
bool console_pending(void);

/* Lines that did not fit into the ring since boot. */
uint64_t console_dropped(void);

#endif
