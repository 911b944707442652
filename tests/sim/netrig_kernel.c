// SPDX-License-Identifier: BSD-3-Clause
/*
 * The kernel as the rig's guest sees it: a clock that the test moves, random numbers that repeat,
 * records that are kept, and a panic that fails the test.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "console.h"
#include "panic.h"
#include "rand.h"
#include "record.h"
#include "time.h"
#include "netrig.h"
#include "netrig_priv.h"

uint64_t time_ns(void)
{
    return rig.now_ns;
}

const char *time_source(void)
{
    return "rig";
}

uint64_t time_tsc_hz(void)
{
    return NS_PER_S;
}

_Noreturn void panic(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    fputs("panic: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    abort();
}

_Noreturn void machine_exit(enum exit_code code)
{
    fprintf(stderr, "machine_exit(%d)\n", (int)code);
    abort();
}

void kprintf(const char *fmt, ...)
{
    (void)fmt;
}

void kdebug(const char *fmt, ...)
{
    (void)fmt;
}

/* ---- random numbers ----------------------------------------------------------------------------
 */

static uint64_t rand_state = 88172645463325252ull;

void rand_init(uint64_t seed)
{
    rand_state = seed != 0 ? seed : 88172645463325252ull;
}

uint64_t rand_u64(void)
{
    rand_state ^= rand_state << 13;
    rand_state ^= rand_state >> 7;
    rand_state ^= rand_state << 17;
    return rand_state;
}

uint32_t rand_u32(void)
{
    return (uint32_t)(rand_u64() >> 16);
}

const char *rand_source(void)
{
    return "seed";
}

uint64_t rand_hash(const void *data, uint32_t len)
{
    const uint8_t *p = data;
    uint64_t h = 1469598103934665603ull;

    for (uint32_t i = 0; i < len; i++) {
        h ^= p[i];
        h *= 1099511628211ull; /* wraps by design: FNV */
    }
    return h;
}

/* ---- records -----------------------------------------------------------------------------------
 */

#define KINDS 32

static struct {
    char event[32];
    char text[CONFIG_RECORD_MAX];
    unsigned n;
} kinds[KINDS];

void rig_records_reset(void)
{
    memset(kinds, 0, sizeof(kinds));
}

static unsigned kind_of(const char *event)
{
    unsigned i = 0;

    while (i < KINDS - 1 && kinds[i].event[0] != 0 && strcmp(kinds[i].event, event) != 0)
        i++;
    return i;
}

/* Each is one line, which begins with the name of the event. */
bool console_write(const char *s, size_t len)
{
    static const char head[] = "{\"event\":\"";
    const size_t at = sizeof(head) - 1;
    const char *end = len > at && memcmp(s, head, at) == 0 ? memchr(s + at, '"', len - at) : NULL;
    char event[32];

    if (end == NULL || len > CONFIG_RECORD_MAX)
        panic("not a record: %.*s", (int)len, s);
    snprintf(event, sizeof(event), "%.*s", (int)(end - s) - (int)at, s + at);
    const unsigned k = kind_of(event);
    strcpy(kinds[k].event, event);
    memcpy(kinds[k].text, s, len - 1);
    kinds[k].text[len - 1] = 0;
    kinds[k].n++;
    return true;
}

const char *rig_record(const char *event)
{
    return kinds[kind_of(event)].text;
}

unsigned rig_record_count(const char *event)
{
    return kinds[kind_of(event)].n;
}
