// SPDX-License-Identifier: BSD-3-Clause
/*
 * Records are built in one static line buffer and queued whole.
 */
#include "record.h"

#include <stdarg.h>
#include "config.h"
#include "console.h"
#include "format.h"
#include "time.h"

#define MESSAGE_MAX   1024
#define ALLOWED_PER_S 10

static char line[CONFIG_RECORD_MAX];
static struct json record;
static uint64_t dropped;

struct json *record_begin(const char *event)
{
    json_init(&record, line, sizeof(line));
    json_object(&record, NULL);
    json_str(&record, "event", event);
    json_u64(&record, "t_us", time_us());
    return &record;
}

void record_end(void)
{
    json_end_object(&record);
    size_t n = json_finish(&record);
    if (n > 0) {
        line[n++] = '\n'; /* in the place of the final zero */
        if (console_write(line, n))
            return;
    }
    dropped++;
}

void record_error(const char *fmt, ...)
{
    char message[MESSAGE_MAX];
    va_list ap;

    va_start(ap, fmt);
    format_v(message, sizeof(message), fmt, ap);
    va_end(ap);
    json_str(record_begin("error"), "message", message);
    record_end();
}

bool record_allowed(struct record_budget *b)
{
    uint64_t now = time_ns();

    if (now - b->since_ns >= NS_PER_S) {
        b->since_ns = now;
        b->written = 0;
    }
    if (b->written == ALLOWED_PER_S)
        return false;
    b->written++;
    return true;
}

uint64_t record_dropped(void)
{
    return dropped;
}
