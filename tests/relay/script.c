// SPDX-License-Identifier: BSD-3-Clause
/*
 * Reads rules and weighs frames; see script.h. What there is to weigh in a frame is sight.c's.
 */
#include "script.h"
#include "sight.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX  24
#define MS_MAX     60000
#define COPIES_MAX 100

const char *const action_names[ACTIONS] = {
    [PASS] = "pass",       [DROP] = "drop",       [DUP] = "dup",           [DELAY] = "delay",
    [REORDER] = "reorder", [CORRUPT] = "corrupt", [TRUNCATE] = "truncate",
};

/* What an action's amount may be; least == most: there is none to be named. */
static const struct {
    uint32_t least, most;
} amounts[ACTIONS] = {[DUP] = {1, COPIES_MAX},
                      [DELAY] = {0, MS_MAX},
                      [REORDER] = {1, 1000},
                      [CORRUPT] = {1, 1000},
                      [TRUNCATE] = {ETH_BYTES, 65535}};

static const struct {
    const char *name;
    uint32_t kinds;
} kind_names[] = {{"arp", IS_ARP},
                  {"ip4", IS_IP4},
                  {"ip6", IS_IP6},
                  {"tcp", IS_TCP},
                  {"udp", IS_UDP},
                  {"icmp", IS_ICMP},
                  {"payload", HAS_PAYLOAD},
                  {"ack", IS_ACK},
                  {"syn", IS_SYN},
                  {"fin", IS_FIN},
                  {"new", IS_NEW | IN_STREAM}};

/* ---- rules --------------------------------------------------------------------------------------
 */

/* SplitMix64: every state is a good one to begin with. */
static uint64_t throw_die(uint64_t *die)
{
    uint64_t z = *die += 0x9e3779b97f4a7c15ull;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

/* Digits only. */
static bool read_number(const char *text, uint64_t most, uint64_t *value)
{
    char *end;

    if (text == NULL || text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    *value = strtoull(text, &end, 10);
    return errno == 0 && *end == '\0' && *value <= most;
}

/* "N", "N-M" or "N-". */
static bool read_range(char *text, struct rule *r)
{
    char *dash = text == NULL ? NULL : strchr(text, '-');

    if (dash != NULL)
        *dash = '\0';
    if (!read_number(text, UINT64_MAX, &r->first) || r->first == 0)
        return false;
    if (dash == NULL)
        r->last = r->first;
    else if (dash[1] == '\0')
        r->last = UINT64_MAX;
    else if (!read_number(dash + 1, UINT64_MAX, &r->last))
        return false;
    return r->last >= r->first;
}

static bool read_chance(const char *text, struct rule *r)
{
    char *end;

    if (text == NULL || text[0] < '0' || text[0] > '9')
        return false;
    const double p = strtod(text, &end);

    r->below = (uint64_t)(p * 4294967296.0);
    return *end == '\0' && p > 0 && p <= 1;
}

static bool read_kind(const char *word, struct rule *r)
{
    for (unsigned i = 0; i < sizeof(kind_names) / sizeof(kind_names[0]); i++)
        if (strcmp(word, kind_names[i].name) == 0) {
            r->kinds |= kind_names[i].kinds;
            return true;
        }
    return false;
}

/* A word that a number follows. False: it is none. */
static bool read_limit(const char *word, const char *next, struct rule *r, bool *good)
{
    static const char *const words[] = {"sport",   "dport", "port",  "longer",
                                        "shorter", "from",  "until", "every"};
    uint64_t n = 0;
    unsigned i = 0;

    while (i < 8 && strcmp(word, words[i]) != 0)
        i++;
    if (i == 8)
        return false;
    *good = read_number(next, i < 3 ? UINT16_MAX : UINT32_MAX, &n) && (n > 0 || i == 5);
    switch (i) {
    case 0:
        r->sport = (uint16_t)n;
        break;
    case 1:
        r->dport = (uint16_t)n;
        break;
    case 2:
        r->port = (uint16_t)n;
        break;
    case 3:
        r->longer = (uint32_t)n;
        break;
    case 4:
        r->shorter = (uint32_t)n;
        break;
    case 5:
        r->from = (uint32_t)n;
        break;
    case 6:
        r->until = (uint32_t)n;
        break;
    default:
        r->every = n;
        break;
    }
    if (i == 5 || i == 6)
        r->kinds |= IN_STREAM;
    return true;
}

/* The action and what is behind it. */
static const char *read_action(char **words, unsigned n, struct rule *r)
{
    uint64_t amount = 0;
    unsigned a = 0;

    while (a < ACTIONS && (n == 0 || strcmp(words[0], action_names[a]) != 0))
        a++;
    if (a == ACTIONS)
        return "no action, or a word that means nothing";
    r->action = (enum action)a;
    if (amounts[a].least == amounts[a].most)
        return n == 1 ? NULL : "words behind the action";
    if (n != 2 || !read_number(words[1], amounts[a].most, &amount) || amount < amounts[a].least)
        return "the action's number is missing or out of range";
    r->amount = (uint32_t)amount;
    return NULL;
}

static const char *read_rule(char **words, unsigned n, struct rule *r)
{
    unsigned i = 0;

    while (i < n) {
        bool good = true;
        char *next = i + 1 < n ? words[i + 1] : NULL;

        if (read_kind(words[i], r)) {
            i++;
            continue;
        }
        if (strcmp(words[i], "frames") == 0)
            good = read_range(next, r);
        else if (strcmp(words[i], "chance") == 0)
            good = read_chance(next, r);
        else if (!read_limit(words[i], next, r, &good))
            break;
        if (!good)
            return "a number is missing or out of range";
        i += 2;
    }
    if ((r->last != 0) + (r->every != 0) + (r->below != 0) > 1)
        return "more than one of frames, every, chance";
    return read_action(words + i, n - i, r);
}

const char *script_add(struct script *s, const char *text)
{
    struct rule r = {.until = UINT32_MAX};
    char copy[RULE_CHARS], *words[WORDS_MAX], *rest = NULL;
    unsigned n = 0;

    if (s->n == RULES_MAX)
        return "too many rules";
    if (strlen(text) >= sizeof(copy))
        return "a rule is too long";
    strcpy(copy, text);
    strcpy(r.text, text);
    for (char *w = strtok_r(copy, " ", &rest); w != NULL; w = strtok_r(NULL, " ", &rest)) {
        if (n == WORDS_MAX)
            return "a rule has too many words";
        words[n++] = w;
    }
    const char *wrong = read_rule(words, n, &r);
    if (wrong != NULL)
        return wrong;
    r.die = s->seed + s->n;
    (void)throw_die(&r.die); /* so that neighbours do not throw alike */
    s->rules[s->n++] = r;
    return NULL;
}

bool script_changes(const struct rule *r)
{
    return r->action == CORRUPT || r->action == TRUNCATE;
}

void script_clear(struct script *s)
{
    s->n = 0;
}

/* ---- frames -------------------------------------------------------------------------------------
 */

/* Where it is in the stream, which it may begin. */
static void follow(struct stream *st, struct sight *v)
{
    if ((v->kinds & IS_TCP) == 0)
        return;
    if (v->kinds & IS_SYN)
        *st = (struct stream){.sport = v->sport, .dport = v->dport, .begin = v->seq + 1};
    if (v->payload == 0 || v->sport != st->sport || v->dport != st->dport)
        return;
    v->kinds |= IN_STREAM;
    v->begin = v->seq - st->begin;
    v->end = v->begin + v->payload;
    if (v->end > st->end) {
        v->kinds |= IS_NEW;
        st->end = v->end;
    }
}

static bool matches(const struct rule *r, const struct sight *v)
{
    return (v->kinds & r->kinds) == r->kinds && (r->sport == 0 || v->sport == r->sport) &&
           (r->dport == 0 || v->dport == r->dport) &&
           (r->port == 0 || v->sport == r->port || v->dport == r->port) &&
           (r->longer == 0 || v->len > r->longer) && (r->shorter == 0 || v->len < r->shorter) &&
           ((r->kinds & IN_STREAM) == 0 || (v->end > r->from && v->begin < r->until));
}

/* Of a frame that matches, r->matched counts it already. */
static bool is_due(struct rule *r)
{
    if (r->last != 0)
        return r->matched >= r->first && r->matched <= r->last;
    if (r->every != 0)
        return r->matched % r->every == 0;
    return r->below == 0 || (throw_die(&r->die) >> 32) < r->below;
}

struct verdict script_judge(struct script *s, const uint8_t *frame, uint32_t len)
{
    struct sight v = sight_of(frame, len);

    follow(&s->stream, &v);
    for (unsigned i = 0; i < s->n; i++) {
        struct rule *r = &s->rules[i];

        if (!matches(r, &v))
            continue;
        r->matched++;
        if (is_due(r)) {
            r->fired++;
            return (struct verdict){r->action, r->amount, throw_die(&r->die)};
        }
    }
    return (struct verdict){PASS, 0, 0};
}

void script_corrupt(uint8_t *frame, uint32_t len, uint32_t n, uint64_t random)
{
    const uint64_t place = random;
    const struct sight v = sight_of(frame, len);
    const uint32_t at = v.l4 == 0 || v.l4 >= v.l4_end ? ETH_BYTES : v.l4, end = v.l4_end;

    for (uint32_t i = 0; i < n && at + i < end; i++) {
        /* neighbours, so that no byte is met twice; never the value that is there */
        uint8_t *byte = &frame[at + (uint32_t)((place + i) % (end - at))];

        *byte ^= (uint8_t)(1 + throw_die(&random) % 255);
    }
}
