// SPDX-License-Identifier: BSD-3-Clause
/*
 * See json_read.h.
 *
 * jsmn says where each value begins and ends and which token is its parent; it lets some faults
 * pass (a key without a value, two values for one key, `tru`), which well_formed() finds
 * afterwards.
 */
#include "json_read.h"

#define JSMN_STATIC
#define JSMN_STRICT
#define JSMN_PARENT_LINKS
#include <jsmn.h>

#include "config.h"
#include "string.h"

/* The largest text is the results of iperf3: a stream has ten keys in those of today's clients, 21
 * tokens. Room for one key more, and for the frame around them. */
#define TOKENS (128 + 24 * CONFIG_IPERF_STREAM)

/* Closing a bracket costs jsmn a step for each level above the last token. */
#define DEPTH_MAX 32

static jsmntok_t tokens[TOKENS] __attribute__((section(".noinit")));
static int n_tokens;
static const char *js;

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\0';
}

/* ---- numbers ------------------------------------------------------------------------------- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Digits from *i on; those beyond 64 bits are counted in *dropped instead. */
static unsigned read_digits(const char *s, size_t n, size_t *i, uint64_t *m, int *dropped)
{
    unsigned digits = 0;

    for (; *i < n && is_digit(s[*i]); (*i)++, digits++) {
        unsigned d = (unsigned)(s[*i] - '0');
        if (*dropped == 0 && *m <= (UINT64_MAX - d) / 10)
            *m = *m * 10 + d;
        else
            ++*dropped;
    }
    return digits;
}

static bool read_exponent(const char *s, size_t n, size_t *i, int *exponent)
{
    bool negative = false;
    int e = 0;

    if (*i < n && (s[*i] == '+' || s[*i] == '-'))
        negative = s[(*i)++] == '-';
    if (*i == n)
        return false;
    for (; *i < n && is_digit(s[*i]); (*i)++)
        e = e < 10000 ? e * 10 + (s[*i] - '0') : e;
    *exponent = negative ? -e : e;
    return true;
}

bool json_read_digits(const char *s, size_t n, unsigned decimals, int64_t *value)
{
    size_t i = n > 0 && s[0] == '-';
    bool negative = i == 1;
    uint64_t m = 0;
    int dropped = 0, exponent = 0, fraction = 0;

    if (read_digits(s, n, &i, &m, &dropped) == 0)
        return false;
    exponent = dropped;
    if (i < n && s[i] == '.') {
        i++;
        dropped = exponent > 0; /* once the 64 bits are full nothing more goes in */
        int before = dropped;
        fraction = (int)read_digits(s, n, &i, &m, &dropped);
        if (fraction == 0)
            return false;
        fraction -= dropped - before;
    }
    int e = 0;
    if (i < n && (s[i] == 'e' || s[i] == 'E')) {
        i++;
        if (!read_exponent(s, n, &i, &e))
            return false;
    }
    if (i != n)
        return false;

    exponent += e + (int)decimals - fraction;
    for (; exponent > 0 && m != 0; exponent--) {
        if (m > UINT64_MAX / 10) {
            m = UINT64_MAX;
            break;
        }
        m *= 10;
    }
    for (; exponent < 0 && m != 0; exponent++)
        m /= 10;

    if (m > INT64_MAX)
        *value = negative ? INT64_MIN : -1;
    else
        *value = negative ? -(int64_t)m : (int64_t)m;
    return true;
}

/* ---- tokens -------------------------------------------------------------------------------- */

static bool token_is(const jsmntok_t *t, const char *word)
{
    const size_t n = strlen(word);

    if ((size_t)(t->end - t->start) != n)
        return false;
    for (size_t i = 0; i < n; i++) {
        char a = js[t->start + (int)i], b = word[i];
        a = a >= 'A' && a <= 'Z' ? (char)(a + 'a' - 'A') : a;
        b = b >= 'A' && b <= 'Z' ? (char)(b + 'a' - 'A') : b;
        if (a != b)
            return false;
    }
    return true;
}

static bool token_number(const jsmntok_t *t, unsigned decimals, int64_t *value)
{
    return t->type == JSMN_PRIMITIVE &&
           json_read_digits(js + t->start, (size_t)(t->end - t->start), decimals, value);
}

static bool well_formed(void)
{
    for (int i = 0; i < n_tokens; i++) {
        const jsmntok_t *t = &tokens[i];
        int64_t ignored;
        bool key = t->parent >= 0 && tokens[t->parent].type == JSMN_OBJECT;

        if (key && (t->type != JSMN_STRING || t->size != 1))
            return false;
        if (!key && t->type == JSMN_STRING && t->size != 0)
            return false;
        if (t->type == JSMN_PRIMITIVE && !token_is(t, "true") && !token_is(t, "false") &&
            !token_is(t, "null") && !token_number(t, 0, &ignored))
            return false;
    }
    return true;
}

/* The next character at or behind *i, of which it is the place then, that is in no string; of a
 * string there is the quote at its end. False: there is none. */
static bool next_outside(const char *text, size_t len, size_t *i)
{
    bool quoted = false;

    for (; *i < len; ++*i) {
        if (quoted && text[*i] == '\\')
            ++*i;
        else if (text[*i] == '"')
            quoted = !quoted;
        if (!quoted)
            return true;
    }
    return false;
}

/* jsmn takes commas for blanks: is each between two values? */
static bool commas_fit(const char *text, size_t len)
{
    char before = '{';

    for (size_t i = 0; next_outside(text, len, &i); i++) {
        const char c = text[i];
        if (is_blank(c))
            continue;
        if (c == ',' && strchr("{[:,", before) != NULL)
            return false;
        if (before == ',' && (c == '}' || c == ']'))
            return false;
        before = c;
    }
    return true;
}

static bool too_deep(const char *text, size_t len)
{
    unsigned depth = 0;

    for (size_t i = 0; next_outside(text, len, &i); i++) {
        const char c = text[i];
        if (c == '{' || c == '[')
            depth++;
        else if ((c == '}' || c == ']') && depth > 0)
            depth--;
        if (depth > DEPTH_MAX)
            return true;
    }
    return false;
}

bool json_read(const char *text, size_t len)
{
    jsmn_parser parser;

    if (too_deep(text, len) || !commas_fit(text, len))
        return false;
    js = text;
    jsmn_init(&parser);
    n_tokens = jsmn_parse(&parser, text, len, tokens, TOKENS);
    if (n_tokens < 1 || tokens[0].type != JSMN_OBJECT)
        return false;
    for (size_t i = (size_t)tokens[0].end; i < len; i++)
        if (!is_blank(text[i]))
            return false;
    return well_formed();
}

int json_read_behind(int t)
{
    int end = tokens[t].end;

    do {
        t++;
    } while (t < n_tokens && tokens[t].start < end);
    return t;
}

int json_read_find(int object, const char *key)
{
    int end = json_read_behind(object);

    for (int t = object + 1; t < end; t = json_read_behind(t + 1))
        if (token_is(&tokens[t], key))
            return t + 1;
    return -1;
}

enum json_kind json_read_kind(int t)
{
    switch (tokens[t].type) {
    case JSMN_OBJECT:
        return JSON_OBJECT;
    case JSMN_ARRAY:
        return JSON_ARRAY;
    case JSMN_STRING:
        return JSON_STRING;
    default:
        return JSON_WORD;
    }
}

struct text json_read_text(int t)
{
    return (struct text){js + tokens[t].start, (size_t)(tokens[t].end - tokens[t].start)};
}

bool json_read_is(int t, const char *word)
{
    return token_is(&tokens[t], word);
}

bool json_read_number(int t, unsigned decimals, int64_t *value)
{
    return token_number(&tokens[t], decimals, value);
}
