// SPDX-License-Identifier: BSD-3-Clause
/*
 * The numbers of frames, see fuzz_device.h.
 */
#include <string.h>
#include "fuzz_device.h"

#define MARKS      (sizeof(rx_marks.seen))
#define MARKS_KEPT 1024 /* the last, for the end */
#define MARK_AT    0    /* a frame's number is what it begins with: nobody looks at addresses */

struct marks rx_marks, tx_marks;

static uint32_t input_n; /* modulo 2^16 */
static uint32_t end;     /* where numbers end */

static void start(struct marks *m)
{
    m->next = 1;
    m->fresh = 0;
    memset(m->seen, 0, sizeof(m->seen));
}

void marks_begin(void)
{
    input_n = (input_n + 1) & 0xffff;
    end = MARKS - MARKS_KEPT;
    start(&rx_marks);
    start(&tx_marks);
}

void marks_for_the_end(void)
{
    rx_marks.next = tx_marks.next = MARKS - MARKS_KEPT;
    end = MARKS;
}

static void put_mark(uint8_t *frame, uint32_t mark)
{
    mark |= input_n << 16;
    memcpy(frame + MARK_AT, &mark, sizeof(mark));
}

void marks_make(struct marks *m, uint8_t *frame, uint32_t len)
{
    memset(frame, MARKS_FILL, len);
    put_mark(frame, m->next < end ? m->next++ : 0);
}

bool marks_fit(uint32_t len)
{
    return len >= MARK_AT + sizeof(uint32_t);
}

uint32_t marks_get(const uint8_t *frame)
{
    uint32_t mark;

    memcpy(&mark, frame + MARK_AT, sizeof(mark));
    return mark >> 16 == input_n ? mark & 0xffff : 0;
}

void marks_wipe(uint8_t *frame)
{
    put_mark(frame, 0);
}

static void put16(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

uint32_t marks_make_headers(struct marks *m, uint8_t *frame, bool ip6, uint32_t bytes)
{
    const uint32_t l4 = ip6 ? 54 : 34;

    marks_make(m, frame, l4 + 20);
    put16(frame + 12, ip6 ? 0x86dd : 0x0800);
    frame[14] = ip6 ? 0x60 : 0x45;
    put16(frame + (ip6 ? 18 : 16), bytes + (ip6 ? 20 : 40));
    frame[ip6 ? 20 : 23] = 6;
    frame[l4 + 12] = 5 << 4;
    frame[l4 + 13] = 0x10;
    return l4 + 20;
}

bool marks_whole(const uint8_t *frame, uint32_t begin, uint32_t len)
{
    for (uint32_t i = begin; i < len; i++)
        if (frame[i] != MARKS_FILL)
            return false;
    return true;
}

/* Without a number is what a lying device makes of any buffer. */
bool marks_first(struct marks *m, uint32_t mark)
{
    if (mark == 0 || mark >= m->next || m->seen[mark])
        return false;
    m->seen[mark] = 1;
    m->fresh++;
    return true;
}
