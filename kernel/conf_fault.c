// SPDX-License-Identifier: BSD-3-Clause
/*
 * One element of `fault=`: KIND, KIND:N, each with @START or @START+LENGTH behind it; at boot, or
 * while the guest runs.
 */
#include "conf_keys.h"

#include "string.h"

#define PERIOD_MIN_NS (10 * NS_PER_MS)

/* START or START+LENGTH */
static bool read_window(struct fault *f, struct text window)
{
    struct text start;
    uint64_t length_ns;

    if (!text_next(&window, '+', &start) || !text_time(start, CONF_TIME_MAX_NS, &f->from_ns))
        return false;
    f->windowed = true;
    if (window.s == NULL)
        return true;
    if (!text_time(window, CONF_TIME_MAX_NS, &length_ns) || length_ns == 0)
        return false;
    f->to_ns = f->from_ns + length_ns;
    return true;
}

/* What follows the colon, if anything does. */
static bool read_n(struct fault *f, struct text arg, const struct fault_name *name)
{
    bool there = arg.s != NULL;

    switch (name->n) {
    case FAULT_PLAIN:
        return !there;
    case FAULT_EVERY:
        return there && text_number(arg, 10, &f->n) && f->n > 0;
    case FAULT_COUNT:
        return there && text_number(arg, 10, &f->n) && f->n <= UINT32_MAX;
    case FAULT_ONCE:
        if (!there)
            return true;
        /* fall through */
    case FAULT_PERIOD:
        return there && text_time(arg, CONF_TIME_MAX_NS, &f->n) && f->n >= PERIOD_MIN_NS;
    }
    return false;
}

bool conf_fault(struct text t, struct fault faults[FAULT_KINDS])
{
    struct fault f = {.asked = true, .to_ns = UINT64_MAX};
    struct text what, kind; /* KIND:N, and KIND of it; t and `what` keep what is behind */

    if (!text_next(&t, '@', &what) || !text_next(&what, ':', &kind))
        return false;
    for (unsigned k = 0; k < FAULT_KINDS; k++) {
        const struct fault_name *name = &fault_names[k];

        if (!text_is(kind, name->name))
            continue;
        if (faults[k].asked || !read_n(&f, what, name) ||
            (t.s != NULL && (k == FAULT_CLOCK || !read_window(&f, t))))
            return false;
        faults[k] = f;
        return true;
    }
    return false;
}

/* It ends by itself, whatever becomes of who ordered it. */
static bool ends_soon(const struct fault *f)
{
    return f->asked && f->to_ns <= CONFIG_FAULT_ORDER_MS * NS_PER_MS;
}

enum conf_order conf_order_fault(const char *words, uint64_t now_ns)
{
    struct fault faults[FAULT_KINDS] = {0};

    if (!fault_allowed())
        return CONF_ORDER_FORBIDDEN;
    if (!conf_fault((struct text){words, strlen(words)}, faults))
        return CONF_ORDER_BAD;
    for (unsigned k = 0; k < FAULT_KINDS; k++) {
        struct fault *f = &faults[k];

        if (!ends_soon(f))
            continue;
        f->from_ns += now_ns;
        f->to_ns += now_ns;
        return fault_order((enum fault_kind)k, f) ? CONF_ORDER_TAKEN : CONF_ORDER_BUSY;
    }
    return CONF_ORDER_BAD;
}
