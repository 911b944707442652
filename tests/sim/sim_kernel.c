// SPDX-License-Identifier: BSD-3-Clause
/*
 * The kernel as drivers under test see it: a clock that moves when it is looked at, records that
 * are kept, vectors that are counted, addresses that are their own DMA addresses.
 */
#include "sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "config.h"
#include "console.h"
#include "dma.h"
#include "irq.h"
#include "panic.h"
#include "rand.h"

#define RECORDS      64
#define RECORD_BYTES CONFIG_RECORD_MAX
#define FIRST_VECTOR 0x40

static struct {
    char text[RECORD_BYTES];
} records[RECORDS];
static unsigned record_n;
static uint8_t next_vector;
static unsigned lines_open; /* bits */

/* kernel/time.h, not included here: the name is libc's as well. */
uint64_t time_ns(void);

uint64_t time_ns(void)
{
    return sim_now_ns += 100;
}

void sim_relax(void)
{
    sim_now_ns += 1000;
}

void panic(const char *fmt, ...)
{
    char text[256];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    mock_assert(0, text, "panic", 0);
    abort();
}

void kprintf(const char *fmt, ...)
{
    (void)fmt;
}

dma_addr_t dma_addr(const volatile void *p)
{
    return (dma_addr_t)(uintptr_t)p;
}

uint64_t rand_u64(void)
{
    return 0xfedcba9876543210ull;
}

uint8_t irq_vector_alloc(void)
{
    if (sim_vectors_left == 0)
        return 0;
    sim_vectors_left--;
    return next_vector++;
}

void irq_msi_message(uint8_t vector, uint64_t *addr, uint32_t *data)
{
    *addr = 0xfee00000;
    *data = vector;
}

uint8_t irq_line_open(uint8_t line)
{
    return line >= 3 && line < 16 ? (uint8_t)(SIM_LINE_VECTOR + line) : 0;
}

bool irq_line_allow(uint8_t line)
{
    if (sim_line_given_up)
        return false;
    lines_open |= 1u << line;
    sim_lines_settle();
    return true;
}

void irq_line_retry(uint8_t line)
{
    (void)line;
    sim_line_retries++;
}

void irq_line_claim(uint8_t line)
{
    (void)line;
    sim_line_claims++;
}

void sim_lines_settle(void)
{
    for (uint8_t line = 0; line < 16; line++)
        if (lines_open >> line & 1 && sim_line_high(line)) {
            lines_open &= ~(1u << line);
            sim_irqs[SIM_LINE_VECTOR + line]++;
        }
}

uint64_t irq_count(uint8_t vector)
{
    return sim_irqs[vector];
}

void sim_forget_records(void)
{
    record_n = 0;
    next_vector = FIRST_VECTOR;
    lines_open = 0;
}

/* Where kernel/record.c leaves its lines. */
bool console_write(const char *text, size_t len)
{
    assert_true(len <= RECORD_BYTES);
    memcpy(records[record_n % RECORDS].text, text, len);
    records[record_n % RECORDS].text[len - 1] = '\0'; /* in the place of the newline */
    record_n++;
    return true;
}

static bool is_event(unsigned i, const char *event)
{
    char head[64];

    snprintf(head, sizeof(head), "{\"event\":\"%s\"", event);
    return strncmp(records[i % RECORDS].text, head, strlen(head)) == 0;
}

const char *sim_record(const char *event)
{
    for (unsigned i = record_n; i > 0 && i + RECORDS > record_n; i--)
        if (is_event(i - 1, event))
            return records[(i - 1) % RECORDS].text;
    return NULL;
}

unsigned sim_records(const char *event)
{
    unsigned n = 0;

    for (unsigned i = record_n > RECORDS ? record_n - RECORDS : 0; i < record_n; i++)
        n += is_event(i, event);
    return n;
}
