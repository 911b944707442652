// SPDX-License-Identifier: BSD-3-Clause
/*
 * A piece of somebody else's text, and what it may say: a word, a list, a number, a time. Readers
 * take all of it or say false, and write nothing then.
 */
#ifndef KERNEL_TEXT_H
#define KERNEL_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A macro's value as a literal. */
#define TEXT_OF2(x) #x
#define TEXT_OF(x)  TEXT_OF2(x)

struct text {
    const char *s; /* no zero at its end; NULL: nothing is there, not even an empty piece */
    size_t n;
};

/* What is left behind the first n bytes; there are that many. */
static inline struct text text_behind(struct text t, size_t n)
{
    return (struct text){t.s + n, t.n - n};
}

/* All of a literal, or of another text with a zero at its end. */
struct text text_from(const char *s);

/* A copy fit to be shown, with a zero at its end, and dots for what is beyond `max` bytes; takes 4
 * more. */
void text_shown(char *out, size_t max, struct text t);

/* The value of a decimal or hexadecimal digit; 16: it is none. */
unsigned text_digit(char c);

bool text_is(struct text t, const char *word);

/* Takes the part up to `separator` off the front of *t, and the separator with it; behind the last
 * part t->s is NULL. False: it was before. */
bool text_next(struct text *t, char separator, struct text *part);

/* A whole number below 2^64 in that base, 10 or 16; no sign, no prefix. */
bool text_number(struct text t, unsigned base, uint64_t *out);

/* A whole number with a unit, ms, s, m or h, at most max_ns; a plain 0 needs none. */
bool text_time(struct text t, uint64_t max_ns, uint64_t *ns);

#endif
