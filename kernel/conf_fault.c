// SPDX-License-Identifier: BSD-3-Clause
/*
 * One element of `fault=`: KIND, KIND:N, each with @START or @START+LENGTH behind it.
 */
#include "conf.h"

#include "string.h"
#include "time.h"

#define START_MAX_NS  (8760ull * 3600 * NS_PER_S)
#define PERIOD_MIN_NS (10 * NS_PER_MS)

/* Cuts [s, s + n) at `separator`: what is behind it, or NULL where there is none. */
static const char *cut(const char *s, size_t *n, char separator, size_t *rest_n)
{
    const char *at = memchr(s, separator, *n);

    if (at == NULL)
        return NULL;
    *rest_n = *n - (size_t)(at - s) - 1;
    *n = (size_t)(at - s);
    return at + 1;
}

static bool read_window(struct fault *f, const char *s, size_t n)
{
    size_t length_n = 0;
    uint64_t length_ns;
    const char *length = cut(s, &n, '+', &length_n);

    if (!conf_read_time(s, n, START_MAX_NS, &f->from_ns))
        return false;
    f->windowed = true;
    if (length == NULL)
        return true;
    if (!conf_read_time(length, length_n, START_MAX_NS, &length_ns) || length_ns == 0)
        return false;
    f->to_ns = f->from_ns + length_ns;
    return true;
}

/* What follows the colon; NULL: nothing does. */
static bool read_n(struct fault *f, const char *s, size_t n, const struct fault_name *name)
{
    switch (name->n) {
    case FAULT_PLAIN:
        return s == NULL;
    case FAULT_EVERY:
        return s != NULL && conf_read_number(s, n, &f->n) && f->n > 0;
    case FAULT_COUNT:
        return s != NULL && conf_read_number(s, n, &f->n) && f->n <= UINT32_MAX;
    case FAULT_ONCE:
        if (s == NULL)
            return true;
        /* fall through */
    case FAULT_PERIOD:
        return s != NULL && conf_read_time(s, n, START_MAX_NS, &f->n) && f->n >= PERIOD_MIN_NS;
    }
    return false;
}

bool conf_read_fault(const char *s, size_t n, struct fault faults[FAULT_KINDS])
{
    struct fault f = {.asked = true, .to_ns = UINT64_MAX};
    size_t window_n = 0, arg_n = 0;
    const char *window = cut(s, &n, '@', &window_n);
    const char *arg = cut(s, &n, ':', &arg_n);

    for (unsigned k = 0; k < FAULT_KINDS; k++) {
        const struct fault_name *name = &fault_names[k];

        if (strlen(name->name) != n || memcmp(name->name, s, n) != 0)
            continue;
        if (faults[k].asked || !read_n(&f, arg, arg_n, name) ||
            (window != NULL && (k == FAULT_CLOCK || !read_window(&f, window, window_n))))
            return false;
        faults[k] = f;
        return true;
    }
    return false;
}
