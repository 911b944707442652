// SPDX-License-Identifier: BSD-3-Clause
/*
 * What the loop spends its time with. See usage.h.
 */
#include "usage.h"

#include "time.h"

static struct {
    uint64_t times;
    uint64_t ns;
} used[USAGE_KINDS];

static uint64_t since_ns;

void usage_begin(uint64_t now_ns)
{
    since_ns = now_ns;
}

void usage_add(enum usage what, uint64_t now_ns)
{
    used[what].times++;
    used[what].ns += now_ns - since_ns;
    since_ns = now_ns;
}

void usage_json(struct json *j)
{
    static const char *const names[USAGE_KINDS][2] = {
        [USAGE_BUSY] = {"busy_turns", "busy_us"},
        [USAGE_IDLE] = {"idle_turns", "idle_us"},
        [USAGE_ASLEEP] = {"sleeps", "asleep_us"},
    };

    for (unsigned k = 0; k < USAGE_KINDS; k++) {
        json_u64(j, names[k][0], used[k].times);
        json_u64(j, names[k][1], used[k].ns / NS_PER_US);
    }
}
