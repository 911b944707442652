// SPDX-License-Identifier: BSD-3-Clause
/*
 * A strict JSON reader for tests, written apart from kernel/json.c: RFC 8259 and nothing more
 * lenient.
 */
#ifndef TESTS_UNIT_JSON_CHECK_H
#define TESTS_UNIT_JSON_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *json_value(const char *p);

/* A string; its bytes go to out (may be NULL, needs no more room than the text). NULL = wrong. */
static const char *json_string(const char *p, char *out)
{
    if (*p++ != '"')
        return NULL;
    while (*p != '"') {
        unsigned char c = (unsigned char)*p++;
        if (c < 0x20 || c > 0x7e)
            return NULL;
        if (c == '\\') {
            unsigned code;
            int used = 0;
            c = (unsigned char)*p++;
            if (c == 'u') {
                for (int i = 0; i < 4; i++)
                    if (strchr("0123456789abcdefABCDEF", p[i]) == NULL || p[i] == '\0')
                        return NULL;
                if (sscanf(p, "%4x%n", &code, &used) != 1 || used != 4)
                    return NULL;
                p += 4;
                c = (unsigned char)code;
            } else if (c != '"' && c != '\\') {
                return NULL;
            }
        }
        if (out != NULL)
            *out++ = (char)c;
    }
    if (out != NULL)
        *out = '\0';
    return p + 1;
}

static const char *json_digits(const char *p)
{
    if (*p < '0' || *p > '9')
        return NULL;
    while (*p >= '0' && *p <= '9')
        p++;
    return p;
}

static const char *json_number(const char *p)
{
    if (*p == '-')
        p++;
    if (*p == '0' && p[1] >= '0' && p[1] <= '9')
        return NULL;
    p = json_digits(p);
    if (p != NULL && *p == '.')
        p = json_digits(p + 1);
    return p;
}

static const char *json_members(const char *p, char end, bool keys)
{
    if (*p == end)
        return p + 1;
    for (;;) {
        if (keys) {
            p = json_string(p, NULL);
            if (p == NULL || *p++ != ':')
                return NULL;
        }
        p = json_value(p);
        if (p == NULL)
            return NULL;
        if (*p == end)
            return p + 1;
        if (*p++ != ',')
            return NULL;
    }
}

static const char *json_value(const char *p)
{
    if (*p == '{')
        return json_members(p + 1, '}', true);
    if (*p == '[')
        return json_members(p + 1, ']', false);
    if (*p == '"')
        return json_string(p, NULL);
    if (strncmp(p, "true", 4) == 0)
        return p + 4;
    if (strncmp(p, "false", 5) == 0)
        return p + 5;
    return json_number(p);
}

/* True if the text is one JSON value and nothing else. */
static inline bool json_is_valid(const char *text)
{
    const char *end = json_value(text);

    return end != NULL && *end == '\0';
}

/* The value of member `key` of the object `text`, not deeper; strings decoded, else as written.
 * Static memory, valid until the next call; NULL = there is none, or the text is not an object. */
static inline const char *json_member(const char *text, const char *key)
{
    static char out[65536], name[65536];

    if (!json_is_valid(text) || strlen(text) >= sizeof(out) || *text != '{')
        return NULL;
    for (const char *p = text + 1; *p != '}';) {
        p = json_string(p, name) + 1;
        const char *end = json_value(p);
        if (strcmp(name, key) == 0) {
            if (*p == '"')
                json_string(p, out);
            else
                snprintf(out, sizeof(out), "%.*s", (int)(end - p), p);
            return out;
        }
        p = *end == ',' ? end + 1 : end;
    }
    return NULL;
}

#endif
