// SPDX-License-Identifier: BSD-3-Clause
/*
 * printf-style formatting into memory of the caller.
 *
 * Conversions d i u x X p s c %; flags '-' and '0'; width and precision, also as '*'; modifiers
 * hh h l ll z j t. No floating point. Anything else is copied as it stands, and takes no argument.
 */
#ifndef KERNEL_FORMAT_H
#define KERNEL_FORMAT_H

#include <stdarg.h>
#include <stddef.h>

/* Writes at most cap bytes, a final zero included (nothing at all if cap is 0). Returns the length
 * of the whole text, so a result >= cap says that it was cut. */
size_t format(char *buf, size_t cap, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
size_t format_v(char *buf, size_t cap, const char *fmt, va_list args)
    __attribute__((format(printf, 3, 0)));

#endif
