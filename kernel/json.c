// SPDX-License-Identifier: BSD-3-Clause
/*
 * The JSON writer. Bytes are only ever appended; the first that does not fit sets `overflow`, and
 * from then on nothing is written.
 */
#include "json.h"

#include "format.h"
#include "string.h"

#define DEPTH_MAX UINT8_MAX

static void put(struct json *j, const char *s, size_t n)
{
    if (j->overflow || n >= j->cap - j->len) { /* one byte stays for the final zero */
        j->overflow = true;
        return;
    }
    memcpy(j->buf + j->len, s, n);
    j->len += n;
}

static void put_string(struct json *j, const char *s)
{
    static const char hex[] = "0123456789abcdef";

    put(j, "\"", 1);
    while (*s != '\0' && !j->overflow) {
        size_t n = 0; /* as many as need no escape; a char that is not ASCII is negative */
        while (s[n] >= ' ' && s[n] != 0x7f && s[n] != '"' && s[n] != '\\')
            n++;
        put(j, s, n);
        s += n;
        if (*s == '\0')
            break;
        uint8_t c = (uint8_t)*s++;
        if (c == '"' || c == '\\') {
            put(j, (const char[]){'\\', (char)c}, 2);
        } else {
            put(j, (const char[]){'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]}, 6);
        }
    }
    put(j, "\"", 1);
}

/* What is in front of every value. */
static void element(struct json *j, const char *key)
{
    if (j->comma)
        put(j, ",", 1);
    j->comma = true;
    if (key != NULL) {
        put_string(j, key);
        put(j, ":", 1);
    }
}

static void begin(struct json *j, const char *key, const char *bracket)
{
    element(j, key);
    if (j->depth == DEPTH_MAX) {
        j->overflow = true;
        return;
    }
    put(j, bracket, 1);
    j->depth++;
    j->comma = false;
}

static void end(struct json *j, const char *bracket)
{
    if (j->depth == 0) {
        j->overflow = true; /* one too many: the text must not leave */
        return;
    }
    put(j, bracket, 1);
    j->depth--;
    j->comma = true;
}

void json_init(struct json *j, char *buf, size_t cap)
{
    *j = (struct json){.buf = buf, .cap = cap, .overflow = cap == 0};
}

void json_object(struct json *j, const char *key)
{
    begin(j, key, "{");
}

void json_end_object(struct json *j)
{
    end(j, "}");
}

void json_array(struct json *j, const char *key)
{
    begin(j, key, "[");
}

void json_end_array(struct json *j)
{
    end(j, "]");
}

void json_u64(struct json *j, const char *key, uint64_t v)
{
    char text[24];

    element(j, key);
    put(j, text, format(text, sizeof(text), "%lu", v));
}

void json_i64(struct json *j, const char *key, int64_t v)
{
    char text[24];

    element(j, key);
    put(j, text, format(text, sizeof(text), "%ld", v));
}

void json_bool(struct json *j, const char *key, bool v)
{
    element(j, key);
    put(j, v ? "true" : "false", v ? 4 : 5);
}

void json_str(struct json *j, const char *key, const char *v)
{
    element(j, key);
    put_string(j, v);
}

void json_raw(struct json *j, const char *key, const char *text)
{
    element(j, key);
    put(j, text, strlen(text));
}

void json_fixed(struct json *j, const char *key, int64_t value, unsigned decimals)
{
    char text[48];
    uint64_t v = value < 0 ? 0 - (uint64_t)value : (uint64_t)value, scale = 1;

    if (decimals > 18) /* 10^18 is the largest power of ten that an int64_t can reach */
        decimals = 18;
    for (unsigned i = 0; i < decimals; i++)
        scale *= 10;
    size_t n = format(text, sizeof(text), "%s%lu", value < 0 ? "-" : "", v / scale);
    if (decimals > 0)
        n += format(text + n, sizeof(text) - n, ".%0*lu", (int)decimals, v % scale);
    element(j, key);
    put(j, text, n);
}

size_t json_finish(struct json *j)
{
    if (j->overflow || j->depth != 0)
        return 0;
    j->buf[j->len] = '\0';
    return j->len;
}
