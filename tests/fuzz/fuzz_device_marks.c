// SPDX-License-Identifier: BSD-3-Clause
/*
 * The numbers of frames, see fuzz_device.h.
 */
#include <string.h>
#include "fuzz_device.h"

#define MARKS      (sizeof(rx_marks.seen))
#define MARKS_KEPT 1024 /* the last, for the end */
#define MARK_AT    14   /* a frame's number lies behind its Ethernet header */
#define FILL       0x5a

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
    memset(frame, FILL, len);
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

bool marks_whole(const uint8_t *frame, uint32_t len)
{
    for (uint32_t i = MARK_AT + sizeof(uint32_t); i < len; i++)
        if (frame[i] != FILL)
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
