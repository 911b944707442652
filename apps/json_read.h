// SPDX-License-Identifier: BSD-3-Clause
/*
 * A JSON reader: one object, complete in memory of the caller, is cut into a static table of tokens
 * by jsmn. No allocation, no recursion, and only one text is read at a time: tokens are those of
 * the last json_read(), and the text has to stay as long as they are asked for.
 *
 * The text may come from anybody. Whatever it holds, nothing outside of it is touched.
 *
 *     if (json_read(text, len))
 *         for (int t = 1, end = json_read_behind(0); t < end; t = json_read_behind(t + 1))
 *             ... json_read_text(t) is a key, t + 1 its value ...
 */
#ifndef APPS_JSON_READ_H
#define APPS_JSON_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "text.h"

enum json_kind { JSON_OBJECT, JSON_ARRAY, JSON_STRING, JSON_WORD }; /* number, true, false, null */

/* False: not an object and nothing but it; blanks and zero bytes may follow. Else it is token 0. */
bool json_read(const char *text, size_t len);

/* The first token behind the value t. */
int json_read_behind(int t);

/* The value of a key of that object, the first if there are several, without regard to case; -1:
 * none. */
int json_read_find(int object, const char *key);

enum json_kind json_read_kind(int t);

/* As it stands there: of a string what is between its quotes, escapes and all. */
struct text json_read_text(int t);

/* Whether that is the word, without regard to case. */
bool json_read_is(int t, const char *word);

/* Its value times 10^decimals, as below. False: no number. */
bool json_read_number(int t, unsigned decimals, int64_t *value);

/* The number in s[0..n) times 10^decimals, cut off behind the point. What does not fit 63 bits is
 * -1 (iperf3 up to 3.13 writes negative numbers as 64 bits without sign) or INT64_MIN. False: no
 * number. */
bool json_read_digits(const char *s, size_t n, unsigned decimals, int64_t *value);

#endif
