// SPDX-License-Identifier: BSD-3-Clause
/*
 * The log ring and its way out.
 *
 * Lines go in whole, bytes come out as the serial port takes them. Lines for people leave room for
 * one record of the largest size, so that chatter never costs a record. The framebuffer gets what
 * the serial port got, records left out: they are not for people.
 */
#include "console.h"

#include <stdarg.h>
#include "config.h"
#include "cpu.h"
#include "format.h"
#include "framebuffer.h"
#include "serial.h"
#include "string.h"
#include "time.h"

#define RING_MASK (CONFIG_CONSOLE_RING - 1)
#define LINE_MAX  512 /* bytes of a line for people, its newline included */

/* How long console_flush() waits for a port that takes nothing. A UART at 115200 baud needs 1.4 ms
 * for its FIFO, but an emulated one waits for its reader, who may be late by seconds on a busy
 * host. */
#define FLUSH_NS (5 * NS_PER_S)

/* The same where no clock runs (a panic before there is one): the counter's ticks alone, at a rate
 * that nobody knows. Never sooner than FLUSH_NS: 5.7 s at 6 GHz; half a minute at 1 GHz. */
#define FLUSH_TICKS (1ull << 35)

static_assert((CONFIG_CONSOLE_RING & RING_MASK) == 0, "the ring's indices are masked");

static char ring[CONFIG_CONSOLE_RING];

static struct {
    uint32_t head, tail; /* free-running; written at head, drained at tail */
    uint64_t dropped;
    enum log_level level;
    bool mid_line;  /* the last byte drained was not a newline */
    bool in_record; /* it belongs to a record */
} con = {.level = LOG_INFO};

static bool enqueue(const char *s, size_t len, size_t leave)
{
    size_t room = CONFIG_CONSOLE_RING - (con.head - con.tail);

    if (len + leave > room) {
        con.dropped++;
        return false;
    }
    uint32_t slot = con.head & RING_MASK;
    size_t first = CONFIG_CONSOLE_RING - slot;
    if (first > len)
        first = len;
    memcpy(ring + slot, s, first);
    memcpy(ring, s + first, len - first);
    con.head += (uint32_t)len;
    return true;
}

/* Shows drained bytes on the framebuffer, without those of records. */
static void show(const char *s, unsigned n)
{
    while (n > 0) {
        if (!con.mid_line)
            con.in_record = *s == '{';
        const char *end = memchr(s, '\n', n);
        unsigned part = end != NULL ? (unsigned)(end - s) + 1 : n;
        if (!con.in_record)
            framebuffer_put(s, part);
        con.mid_line = end == NULL;
        s += part;
        n -= part;
    }
}

unsigned console_drain(unsigned budget)
{
    unsigned done = 0;

    while (done < budget && con.tail != con.head) {
        uint32_t slot = con.tail & RING_MASK;
        unsigned n = con.head - con.tail;
        if (n > CONFIG_CONSOLE_RING - slot)
            n = CONFIG_CONSOLE_RING - slot;
        if (n > budget - done)
            n = budget - done;
        unsigned taken = serial_put(ring + slot, n);
        show(ring + slot, taken);
        con.tail += taken;
        done += taken;
        if (taken < n)
            break;
    }
    return done;
}

void console_flush(void)
{
    uint64_t ns = time_ns(), tsc = cpu_tsc();

    for (;;) {
        bool out, stuck;

        if (console_drain(CONFIG_CONSOLE_RING) > 0) {
            ns = time_ns();
            tsc = cpu_tsc();
        }
        out = !console_pending() && serial_idle();
        stuck = time_ns() - ns >= FLUSH_NS || cpu_tsc() - tsc >= FLUSH_TICKS;
        if (out || stuck)
            return;
        cpu_relax();
    }
}

bool console_pending(void)
{
    return con.tail != con.head;
}

uint64_t console_dropped(void)
{
    return con.dropped;
}

void console_set_level(enum log_level level)
{
    con.level = level;
}

bool console_write(const char *s, size_t len)
{
    return enqueue(s, len, 0);
}

static void log_line(enum log_level level, const char *fmt, va_list ap)
{
    char line[LINE_MAX];
    uint64_t us = time_us();

    if (level > con.level)
        return;
    size_t start = format(line, sizeof(line), "[%5lu.%06lu] ", us / 1000000, us % 1000000);
    size_t len = start + format_v(line + start, sizeof(line) - start, fmt, ap);
    if (len > sizeof(line) - 1) {
        len = sizeof(line) - 1;
        memcpy(line + len - 3, "...", 3);
    }
    /* One call is one line: control characters would let a text begin a line of its own. */
    for (size_t i = start; i < len; i++)
        if ((uint8_t)line[i] < ' ' || line[i] == 0x7f)
            line[i] = '?';
    line[len++] = '\n';
    enqueue(line, len, CONFIG_RECORD_MAX);
}

void kprintf(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    log_line(LOG_INFO, fmt, ap);
    va_end(ap);
}

void kdebug(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    log_line(LOG_DEBUG, fmt, ap);
    va_end(ap);
}
