// SPDX-License-Identifier: BSD-3-Clause
/*
 * A JSON writer into memory of the caller: no allocation, no recursion, commas and escapes right by
 * construction. Used for the records on the console and for HTTP bodies.
 *
 * Every function takes the key first; inside an array the key is NULL. When the text does not fit,
 * nothing more is written and json_finish() returns 0: a cut-off object never leaves the guest.
 */
#ifndef KERNEL_JSON_H
#define KERNEL_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json {
    char *buf;     /* owned by the caller */
    size_t cap;    /* bytes of buf */
    size_t len;    /* bytes written */
    bool overflow; /* something did not fit */
    bool comma;    /* the next element needs one before it */
    uint8_t depth; /* open objects and arrays */
};

void json_init(struct json *j, char *buf, size_t cap);
void json_object(struct json *j, const char *key);
void json_end_object(struct json *j);
void json_array(struct json *j, const char *key);
void json_end_array(struct json *j);
void json_u64(struct json *j, const char *key, uint64_t v);
void json_i64(struct json *j, const char *key, int64_t v);
void json_bool(struct json *j, const char *key, bool v);
/* Any bytes up to the zero; control characters and bytes that are not ASCII are escaped as \u00XX.
 */
void json_str(struct json *j, const char *key, const char *v);
/* value / 10^decimals, e.g. json_fixed(j, "ms", 1234, 3) writes 1.234 */
void json_fixed(struct json *j, const char *key, int64_t value, unsigned decimals);
/* A value that is JSON already, and complete. */
void json_raw(struct json *j, const char *key, const char *text);
/* Length of the whole text (a zero byte is behind it); 0 if it did not fit or something is open. */
size_t json_finish(struct json *j);

#endif
