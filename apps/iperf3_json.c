// SPDX-License-Identifier: BSD-3-Clause
/*
 * Parameters and results, see the header.
 *
 * jsmn says where each value begins and ends and which token is its parent; it lets some faults
 * pass (a key without a value, two values for one key, `tru`), which well_formed() finds
 * afterwards.
 */
#include "iperf3_json.h"

#define JSMN_STATIC
#define JSMN_STRICT
#define JSMN_PARENT_LINKS
#include <jsmn.h>

#include "config.h"
#include "string.h"

/* A stream has ten keys in the results of today's clients: 21 tokens. Room for one key more, and
 * for the frame around them. */
#define TOKENS (128 + 24 * CONFIG_IPERF_STREAM)

/* Closing a bracket costs jsmn a step for each level above the last token. */
#define DEPTH_MAX 32

static jsmntok_t tokens[TOKENS] __attribute__((section(".noinit")));
static int n_tokens;
static const char *js;

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

bool iperf3_json_number(const char *s, size_t n, unsigned decimals, int64_t *value)
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
    size_t n = strlen(word);

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
           iperf3_json_number(js + t->start, (size_t)(t->end - t->start), decimals, value);
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

static bool too_deep(const char *text, size_t len)
{
    unsigned depth = 0;
    bool quoted = false;

    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (quoted && c == '\\')
            i++;
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted && (c == '{' || c == '['))
            depth++;
        else if (!quoted && (c == '}' || c == ']') && depth > 0)
            depth--;
        if (depth > DEPTH_MAX)
            return true;
    }
    return false;
}

/* Cuts one object into tokens[]; blanks and zero bytes may follow it. */
static bool parse(const char *text, size_t len)
{
    jsmn_parser parser;

    if (too_deep(text, len))
        return false;
    js = text;
    jsmn_init(&parser);
    n_tokens = jsmn_parse(&parser, text, len, tokens, TOKENS);
    if (n_tokens < 1 || tokens[0].type != JSMN_OBJECT)
        return false;
    for (size_t i = (size_t)tokens[0].end; i < len; i++) {
        char c = text[i];
        if (c != ' ' && c != '\t' && c != '\r' && c != '\n' && c != '\0')
            return false;
    }
    return well_formed();
}

/* First token behind the value t. */
static int behind(int t)
{
    int end = tokens[t].end;

    do {
        t++;
    } while (t < n_tokens && tokens[t].start < end);
    return t;
}

/* The value of a key of the object, or NULL. */
static const jsmntok_t *find(int object, const char *key)
{
    int end = behind(object);

    for (int t = object + 1; t < end; t = behind(t + 1)) {
        if (token_is(&tokens[t], key))
            return &tokens[t + 1];
    }
    return NULL;
}

/* Absent: *value stays. False: there, but not a number. */
static bool find_number(int object, const char *key, unsigned decimals, int64_t *value)
{
    const jsmntok_t *t = find(object, key);

    return t == NULL || token_number(t, decimals, value);
}

/* true, or a number other than 0: clients write some switches this way and some that way. */
static bool find_switch(int object, const char *key)
{
    const jsmntok_t *t = find(object, key);
    int64_t v;

    return t != NULL && t->type == JSMN_PRIMITIVE &&
           (token_is(t, "true") || (token_number(t, 0, &v) && v != 0));
}

/* ---- parameters ---------------------------------------------------------------------------- */

/* "3.12", "3.17.1+", … as major * 1000 + minor */
static uint32_t read_version(const jsmntok_t *t)
{
    uint32_t part[2] = {0, 0};
    unsigned k = 0;

    if (t == NULL || t->type != JSMN_STRING)
        return 0;
    for (int i = t->start; i < t->end && k < 2; i++) {
        if (is_digit(js[i]) && part[k] < 100)
            part[k] = part[k] * 10 + (uint32_t)(js[i] - '0');
        else
            k = js[i] == '.' ? k + 1 : 2;
    }
    return part[0] * 1000 + part[1];
}

struct number {
    const char *key;
    int64_t min, max;
    enum iperf3_error error; /* beyond min or max */
};

enum { N_OMIT, N_TIME, N_PARALLEL, N_LEN, N_RATE, N_FQRATE, N_TOS, N_NUM, N_BLOCKS, NUMBERS };

static const struct number numbers[NUMBERS] = {
    [N_OMIT] = {"omit", 0, IPERF3_TIME_MAX, IPERF3_E_OMIT},
    [N_TIME] = {"time", 0, IPERF3_TIME_MAX, IPERF3_E_DURATION},
    [N_PARALLEL] = {"parallel", 1, IPERF3_STREAMS_MAX, IPERF3_E_STREAMS},
    [N_LEN] = {"len", 1, INT32_MAX, IPERF3_E_BLOCK},
    [N_RATE] = {"bandwidth", 0, INT64_MAX, IPERF3_E_PARAMS},
    [N_FQRATE] = {"fqrate", 0, INT64_MAX, IPERF3_E_PARAMS},
    [N_TOS] = {"TOS", 0, 255, IPERF3_E_PARAMS},
    /* The client ends the test when it has counted these; here they only have to make sense. */
    [N_NUM] = {"num", 0, INT64_MAX, IPERF3_E_PARAMS},
    [N_BLOCKS] = {"blockcount", 0, INT64_MAX, IPERF3_E_PARAMS},
};

static enum iperf3_error read_numbers(int64_t v[NUMBERS])
{
    for (unsigned k = 0; k < NUMBERS; k++) {
        const struct number *n = &numbers[k];
        if (find(0, n->key) == NULL)
            continue;
        if (!find_number(0, n->key, 0, &v[k]))
            return IPERF3_E_PARAMS;
        if (v[k] < n->min || v[k] > n->max)
            return n->error;
    }
    return IPERF3_OK;
}

/* A block rate is kept by the original's sender, a packet rate by the kernel below it: where both
 * are given the lower one tells. */
static uint64_t lower_rate(uint64_t a, uint64_t b)
{
    if (a == 0 || b == 0)
        return a | b;
    return a < b ? a : b;
}

enum iperf3_error iperf3_json_params(const char *text, size_t len, struct iperf3_params *p)
{
    int64_t v[NUMBERS] = {[N_TIME] = 10, [N_PARALLEL] = 1};

    memset(p, 0, sizeof *p);
    if (!parse(text, len))
        return IPERF3_E_PARAMS;
    if (find_switch(0, "sctp"))
        return IPERF3_E_SCTP;
    enum iperf3_error error = read_numbers(v);
    if (error != IPERF3_OK)
        return error;

    p->udp = find_switch(0, "udp");
    p->reverse = find_switch(0, "reverse");
    p->bidir = find_switch(0, "bidirectional");
    p->nodelay = find_switch(0, "nodelay");
    p->wide_counters = find_switch(0, "udp_counters_64bit");
    p->server_output = find_switch(0, "get_server_output");
    p->version = read_version(find(0, "client_version"));
    p->tos = (uint8_t)v[N_TOS];
    p->omit_s = (uint32_t)v[N_OMIT];
    p->time_s = (uint32_t)v[N_TIME];
    p->parallel = (uint32_t)v[N_PARALLEL];
    p->len = (uint32_t)v[N_LEN];
    p->rate = lower_rate((uint64_t)v[N_RATE], (uint64_t)v[N_FQRATE]);
    if (p->udp && p->len != 0 && (p->len < IPERF3_UDP_BLOCK_MIN || p->len > IPERF3_UDP_BLOCK_MAX))
        return IPERF3_E_UDP_BLOCK;
    return IPERF3_OK;
}

/* ---- results ------------------------------------------------------------------------------- */

static bool read_row(int object, struct iperf3_row *r)
{
    int64_t id = 0, bytes = 0, jitter_ns = 0, time_us = 0;

    memset(r, 0, sizeof *r);
    r->retransmits = -1;
    if (!find_number(object, "id", 0, &id) || !find_number(object, "bytes", 0, &bytes) ||
        !find_number(object, "retransmits", 0, &r->retransmits) ||
        !find_number(object, "jitter", 9, &jitter_ns) ||
        !find_number(object, "errors", 0, &r->lost) ||
        !find_number(object, "packets", 0, &r->packets) ||
        !find_number(object, "omitted_errors", 0, &r->omitted_lost) ||
        !find_number(object, "omitted_packets", 0, &r->omitted_packets) ||
        !find_number(object, "end_time", 6, &time_us))
        return false;
    if (id < 0 || id > INT32_MAX || bytes < 0)
        return false;
    r->id = (uint32_t)id;
    r->bytes = (uint64_t)bytes;
    r->jitter_ns = jitter_ns > 0 ? (uint64_t)jitter_ns : 0;
    r->time_us = time_us > 0 ? (uint64_t)time_us : 0;
    return true;
}

bool iperf3_json_results(const char *text, size_t len,
                         void (*row)(void *ctx, const struct iperf3_row *r), void *ctx)
{
    if (!parse(text, len))
        return false;
    const jsmntok_t *streams = find(0, "streams");
    if (streams == NULL || streams->type != JSMN_ARRAY)
        return false;

    int first = (int)(streams - tokens) + 1, end = behind(first - 1);
    for (int t = first; t < end; t = behind(t)) {
        struct iperf3_row r;
        if (tokens[t].type != JSMN_OBJECT || !read_row(t, &r))
            return false;
        row(ctx, &r);
    }
    return true;
}
