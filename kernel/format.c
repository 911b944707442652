// SPDX-License-Identifier: BSD-3-Clause
/*
 * The printf formatter: one pass over the format, one struct for the text made so far.
 */
#include "format.h"

#include <stdbool.h>
#include <stdint.h>
#include "string.h"

#define WIDTH_MAX 4096 /* widths and numbers of digits are clipped to this */

struct out {
    char *buf;
    size_t cap;
    size_t len; /* of the whole text, also what did not fit */
};

struct spec {
    bool left, zero;
    int width;
    int precision; /* -1 = not given */
    char size;     /* 'H' hh, 'h', 0 int, 'l' (also ll z j t: all 64 bits) */
};

static void put(struct out *o, char c)
{
    if (o->len < o->cap)
        o->buf[o->len] = c;
    o->len++;
}

static void put_many(struct out *o, char c, int n)
{
    for (; n > 0; n--)
        put(o, c);
}

static void put_text(struct out *o, const struct spec *s, const char *text, int len)
{
    if (!s->left)
        put_many(o, ' ', s->width - len);
    for (int i = 0; i < len; i++)
        put(o, text[i]);
    if (s->left)
        put_many(o, ' ', s->width - len);
}

static void put_number(struct out *o, const struct spec *s, uint64_t v, unsigned base,
                       const char *prefix, const char *digits)
{
    char text[20]; /* 2^64 - 1 has 20 digits */
    int n = 0, prefix_len = (int)strlen(prefix);

    while (v != 0) {
        text[n++] = digits[v % base];
        v /= base;
    }
    int zeros = (s->precision < 0 ? 1 : s->precision > WIDTH_MAX ? WIDTH_MAX : s->precision) - n;
    if (zeros < 0)
        zeros = 0;
    /* A precision or left adjustment overrides the flag '0' [C11 7.21.6.1]. */
    int pad = s->width - prefix_len - zeros - n;
    if (s->zero && !s->left && s->precision < 0 && pad > 0) {
        zeros += pad;
        pad = 0;
    }
    if (!s->left)
        put_many(o, ' ', pad);
    for (int i = 0; i < prefix_len; i++)
        put(o, prefix[i]);
    put_many(o, '0', zeros);
    while (n > 0)
        put(o, text[--n]);
    if (s->left)
        put_many(o, ' ', pad);
}

static int parse_number(const char **p)
{
    int v = 0;

    for (; **p >= '0' && **p <= '9'; (*p)++)
        if (v < WIDTH_MAX)
            v = v * 10 + (**p - '0');
    return v < WIDTH_MAX ? v : WIDTH_MAX;
}

static char parse_size(const char **p)
{
    switch (**p) {
    case 'h':
        (*p)++;
        if (**p != 'h')
            return 'h';
        (*p)++;
        return 'H';
    case 'l':
        (*p)++;
        if (**p == 'l')
            (*p)++;
        return 'l';
    case 'z':
    case 'j':
    case 't':
        (*p)++;
        return 'l';
    default:
        return 0;
    }
}

/* Everything between '%' and the conversion letter. */
static void parse_spec(struct spec *s, const char **p, va_list *ap)
{
    *s = (struct spec){.precision = -1};
    for (; **p == '-' || **p == '0'; (*p)++) {
        s->left |= **p == '-';
        s->zero |= **p == '0';
    }
    if (**p == '*') {
        (*p)++;
        int w = va_arg(*ap, int);
        s->left |= w < 0;
        s->width = w < -WIDTH_MAX || w > WIDTH_MAX ? WIDTH_MAX : w < 0 ? -w : w;
    } else {
        s->width = parse_number(p);
    }
    if (**p == '.') {
        (*p)++;
        if (**p == '*') {
            (*p)++;
            int n = va_arg(*ap, int);
            s->precision = n < 0 ? -1 : n;
        } else {
            s->precision = parse_number(p);
        }
    }
    s->size = parse_size(p);
}

static int64_t narrow_signed(int64_t v, char size)
{
    return size == 'H' ? (signed char)v : size == 'h' ? (short)v : v;
}

static uint64_t narrow_unsigned(uint64_t v, char size)
{
    return size == 'H' ? (unsigned char)v : size == 'h' ? (unsigned short)v : v;
}

size_t format_v(char *buf, size_t cap, const char *fmt, va_list args)
{
    struct out o = {.buf = buf, .cap = cap};
    va_list ap;

    _Static_assert(sizeof(long) == 8 && sizeof(size_t) == 8, "size 'l' stands for all of them");
    va_copy(ap, args);
    while (*fmt != '\0') {
        const char *start = fmt;
        struct spec s;

        if (*fmt++ != '%') {
            put(&o, *start);
            continue;
        }
        parse_spec(&s, &fmt, &ap);
        switch (*fmt) {
        case 'd':
        case 'i': {
            int64_t v = s.size == 'l' ? va_arg(ap, long) : va_arg(ap, int);
            v = narrow_signed(v, s.size);
            put_number(&o, &s, v < 0 ? 0 - (uint64_t)v : (uint64_t)v, 10, v < 0 ? "-" : "",
                       "0123456789");
            break;
        }
        case 'u':
        case 'x':
        case 'X': {
            uint64_t v = s.size == 'l' ? va_arg(ap, unsigned long) : va_arg(ap, unsigned);
            put_number(&o, &s, narrow_unsigned(v, s.size), *fmt == 'u' ? 10 : 16, "",
                       *fmt == 'X' ? "0123456789ABCDEF" : "0123456789abcdef");
            break;
        }
        case 'p':
            put_number(&o, &s, (uintptr_t)va_arg(ap, void *), 16, "0x", "0123456789abcdef");
            break;
        case 's': {
            const char *text = va_arg(ap, const char *);
            if (text == NULL)
                text = "(null)";
            put_text(&o, &s, text,
                     (int)strnlen(text, s.precision < 0 ? INT32_MAX : (size_t)s.precision));
            break;
        }
        case 'c': {
            char c = (char)va_arg(ap, int);
            put_text(&o, &s, &c, 1);
            break;
        }
        case '%':
            put(&o, '%');
            break;
        default: /* not ours: show it, and go on behind it */
            for (; start < fmt; start++)
                put(&o, *start);
            if (*fmt == '\0')
                fmt--;
            else
                put(&o, *fmt);
            break;
        }
        fmt++;
    }
    va_end(ap);
    if (cap > 0)
        buf[o.len < cap ? o.len : cap - 1] = '\0';
    return o.len;
}

size_t format(char *buf, size_t cap, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    size_t n = format_v(buf, cap, fmt, ap);
    va_end(ap);
    return n;
}
