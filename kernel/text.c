// SPDX-License-Identifier: BSD-3-Clause
/*
 * Pieces of text, see text.h.
 */
#include "text.h"

#include "string.h"
#include "time.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct text text_from(const char *s)
{
    return (struct text){s, strlen(s)};
}

void text_shown(char *out, size_t max, struct text t)
{
    size_t n = t.n < max ? t.n : max;

    memcpy(out, t.s, n);
    strncpy(out + n, t.n > n ? "..." : "", 4);
}

unsigned text_digit(char c)
{
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    if (c >= 'a' && c <= 'f')
        return (unsigned)(c - 'a' + 10);
    if (c >= 'A' && c <= 'F')
        return (unsigned)(c - 'A' + 10);
    return 16;
}

bool text_is(struct text t, const char *word)
{
    return strlen(word) == t.n && memcmp(t.s, word, t.n) == 0;
}

bool text_next(struct text *t, char separator, struct text *part)
{
    if (t->s == NULL)
        return false;
    const char *end = memchr(t->s, separator, t->n);
    *part = *t;
    if (end == NULL) {
        *t = (struct text){NULL, 0};
    } else {
        part->n = (size_t)(end - t->s);
        *t = text_behind(*t, part->n + 1);
    }
    return true;
}

bool text_number(struct text t, unsigned base, uint64_t *out)
{
    uint64_t sum = 0;

    if (t.n == 0)
        return false;
    for (size_t i = 0; i < t.n; i++) {
        unsigned d = text_digit(t.s[i]);
        if (d >= base || sum > (UINT64_MAX - d) / base)
            return false;
        sum = sum * base + d;
    }
    *out = sum;
    return true;
}

bool text_time(struct text t, uint64_t max_ns, uint64_t *ns)
{
    static const struct {
        const char *unit;
        uint64_t ns;
    } units[] = {{"ms", NS_PER_MS}, {"s", NS_PER_S}, {"m", 60 * NS_PER_S}, {"h", 3600 * NS_PER_S}};
    struct text number = t;
    uint64_t count;

    if (text_is(t, "0")) {
        *ns = 0;
        return true;
    }
    while (number.n > 0 && text_digit(number.s[number.n - 1]) > 9)
        number.n--;
    if (!text_number(number, 10, &count))
        return false;
    for (size_t i = 0; i < COUNT(units); i++)
        if (text_is(text_behind(t, number.n), units[i].unit) && count <= max_ns / units[i].ns) {
            *ns = count * units[i].ns;
            return true;
        }
    return false;
}
