// SPDX-License-Identifier: BSD-3-Clause
/*
 * Frames that wait; see line.h. What is due at some time lies in a heap, equal times in the order
 * of coming. What has to be passed by others lies apart until it was, and then goes into the heap
 * with the time of the one that passed it last, so just behind it.
 */
#include "line.h"

#include <stdlib.h>
#include <string.h>

#define NS_PER_MS 1000000ull

void line_init(struct line *l, uint32_t front_bytes, uint32_t frames_max, uint64_t bytes_max)
{
    *l = (struct line){.front_bytes = front_bytes,
                       .frames_max = frames_max,
                       .bytes_max = bytes_max,
                       .patience_ns = PATIENCE_NS};
    l->heap = calloc(frames_max, sizeof(*l->heap));
    l->apart = calloc(frames_max, sizeof(*l->apart));
    if (l->heap == NULL || l->apart == NULL)
        abort();
}

void line_free(struct line *l)
{
    for (uint32_t i = 0; i < l->heap_n; i++)
        free(l->heap[i].bytes);
    for (uint32_t i = 0; i < l->apart_n; i++)
        free(l->apart[i].bytes);
    free(l->heap);
    free(l->apart);
    free(l->leaving);
}

/* ---- the heap -----------------------------------------------------------------------------------
 */

static bool before(const struct line_frame *a, const struct line_frame *b)
{
    return a->due_ns != b->due_ns ? a->due_ns < b->due_ns : a->number < b->number;
}

static void heap_put(struct line *l, struct line_frame f)
{
    uint32_t i = l->heap_n++;

    while (i > 0 && before(&f, &l->heap[(i - 1) / 2])) {
        l->heap[i] = l->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    l->heap[i] = f;
}

static struct line_frame heap_get(struct line *l)
{
    const struct line_frame first = l->heap[0], last = l->heap[--l->heap_n];
    uint32_t i = 0;

    for (;;) {
        uint32_t child = 2 * i + 1;

        if (child + 1 < l->heap_n && before(&l->heap[child + 1], &l->heap[child]))
            child++;
        if (child >= l->heap_n || !before(&l->heap[child], &last))
            break;
        l->heap[i] = l->heap[child];
        i = child;
    }
    l->heap[i] = last;
    return first;
}

/* ---- in -----------------------------------------------------------------------------------------
 */

/* False: there is no room. */
static bool copy(struct line *l, const uint8_t *frame, uint32_t len, uint64_t in_ns,
                 struct line_frame *f)
{
    if (l->counts.waiting == l->frames_max || l->bytes + len > l->bytes_max) {
        l->counts.overrun++;
        return false;
    }
    *f = (struct line_frame){
        .number = l->number++, .in_ns = in_ns, .len = len, .bytes = malloc(len)};
    if (f->bytes == NULL)
        abort();
    memcpy(f->bytes, frame, len);
    l->bytes += len;
    if (++l->counts.waiting > l->counts.waiting_max)
        l->counts.waiting_max = l->counts.waiting;
    return true;
}

/* From the ones apart into the heap. */
static void let_go(struct line *l, uint32_t i, uint64_t due_ns)
{
    struct line_frame f = l->apart[i];

    f.due_ns = due_ns;
    f.number = l->number++;
    l->apart_n--;
    memmove(&l->apart[i], &l->apart[i + 1], (l->apart_n - i) * sizeof(f));
    heap_put(l, f);
}

/* So much was passed on: whoever has seen enough pass goes behind it. */
static void pass_those_apart(struct line *l, uint64_t due_ns)
{
    for (uint32_t i = 0; i < l->apart_n;) {
        if (--l->apart[i].behind == 0)
            let_go(l, i, due_ns);
        else
            i++;
    }
}

static void pass_on(struct line *l, const uint8_t *frame, uint32_t len, uint64_t in_ns,
                    uint64_t due_ns)
{
    struct line_frame f;

    if (!copy(l, frame, len, in_ns, &f))
        return;
    f.due_ns = due_ns;
    heap_put(l, f);
    pass_those_apart(l, due_ns);
}

static void set_apart(struct line *l, const uint8_t *frame, uint32_t len, uint32_t behind,
                      uint64_t in_ns, uint64_t due_ns)
{
    struct line_frame f;

    if (!copy(l, frame, len, in_ns, &f))
        return;
    f.due_ns = due_ns;
    f.behind = behind;
    l->apart[l->apart_n++] = f;
}

void line_put(struct line *l, uint8_t *frame, uint32_t len, uint64_t now_ns)
{
    uint8_t *const eth = frame + l->front_bytes;
    const uint32_t eth_len = len - l->front_bytes;
    const struct verdict v = script_judge(&l->script, eth, eth_len);
    const uint64_t due_ns = now_ns + l->latency_ns;

    l->counts.in++;
    l->counts.in_bytes += eth_len;
    if (l->counts.longest < eth_len)
        l->counts.longest = eth_len;
    l->counts.fate[v.action]++;
    switch (v.action) {
    case DROP:
        return;
    case DELAY:
        pass_on(l, frame, len, now_ns, due_ns + v.amount * NS_PER_MS);
        return;
    case REORDER:
        set_apart(l, frame, len, v.amount, now_ns, due_ns + l->patience_ns);
        return;
    case CORRUPT:
        script_corrupt(eth, eth_len, v.amount, v.random);
        break;
    case TRUNCATE:
        if (eth_len > v.amount)
            len = l->front_bytes + v.amount;
        break;
    default:
        break;
    }
    pass_on(l, frame, len, now_ns, due_ns);
    if (v.action == DUP)
        for (uint32_t i = 0; i < v.amount; i++) {
            l->counts.copies++;
            pass_on(l, frame, len, now_ns, due_ns);
        }
}

/* ---- out ----------------------------------------------------------------------------------------
 */

/* The first of those apart has waited longest, as long as latency and patience do not change. */
const uint8_t *line_get(struct line *l, uint64_t now_ns, uint32_t *len)
{
    while (l->apart_n > 0 && l->apart[0].due_ns <= now_ns) {
        l->counts.expired++;
        let_go(l, 0, l->apart[0].due_ns);
    }
    if (l->heap_n == 0 || l->heap[0].due_ns > now_ns)
        return NULL;
    const struct line_frame f = heap_get(l);

    free(l->leaving);
    l->leaving = f.bytes;
    l->left_in_ns = f.in_ns;
    l->bytes -= f.len;
    l->counts.waiting--;
    l->counts.out++;
    l->counts.out_bytes += f.len - l->front_bytes;
    *len = f.len;
    return f.bytes;
}

uint64_t line_due_ns(const struct line *l)
{
    const uint64_t apart = l->apart_n > 0 ? l->apart[0].due_ns : UINT64_MAX;
    const uint64_t heap = l->heap_n > 0 ? l->heap[0].due_ns : UINT64_MAX;

    return apart < heap ? apart : heap;
}
