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

static struct json writer;
static char line[CONFIG_RECORD_MAX];
static unsigned current;

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

struct json *record_begin(const char *event)
{
    current = kind_of(event);
    snprintf(kinds[current].event, sizeof(kinds[current].event), "%s", event);
    json_init(&writer, line, sizeof(line));
    json_object(&writer, NULL);
    json_str(&writer, "event", event);
    json_u64(&writer, "t_us", time_us());
    return &writer;
}

void record_end(void)
{
    json_end_object(&writer);
    if (json_finish(&writer) == 0)
        panic("record %s does not fit", kinds[current].event);
    memcpy(kinds[current].text, line, sizeof(line));
    kinds[current].n++;
}

void record_error(const char *fmt, ...)
{
    char text[512];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    json_str(record_begin("error"), "message", text);
    record_end();
}

uint64_t record_dropped(void)
{
    return 0;
}

const char *rig_record(const char *event)
{
    return kinds[kind_of(event)].text;
}

unsigned rig_record_count(const char *event)
{
    return kinds[kind_of(event)].n;
}
