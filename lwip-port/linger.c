// SPDX-License-Identifier: BSD-3-Clause
#include "linger.h"
#include "config.h"
#include "time.h"

#define LINGER_NS (CONFIG_LINGER_US * NS_PER_US)

bool linger(struct linger *l, uint64_t now_ns, uint64_t frames, uint64_t bytes)
{
    if (frames != l->frames) {
        l->pays = now_ns - l->heard_ns < LINGER_NS && bytes - l->bytes <= CONFIG_LINGER_BYTES;
        l->heard_ns = now_ns;
        l->frames = frames;
        l->bytes = bytes;
    }
    return l->pays && now_ns - l->heard_ns < LINGER_NS;
}
