// SPDX-License-Identifier: BSD-3-Clause
/*
 * What was said of a job, key by key; the keys themselves are in job_keys.c.
 */
#include "job_params.h"

#include "job_keys.h"
#include "string.h"
#include "time.h"

void job_params_init(struct job_params *p)
{
    *p = (struct job_params){.target = {.nic = JOB_NO_NIC},
                             .from = JOB_NO_NIC,
                             .streams = 1,
                             .flows = 1,
                             .vlan = JOB_NO_VLAN,
                             .time_ns = 10 * NS_PER_S,
                             .interval_ns = NS_PER_S};
}

const struct job_key *job_key_find(struct text name)
{
    for (unsigned k = 0; k < job_keys_n; k++)
        if (text_is(name, job_keys[k].name))
            return &job_keys[k];
    return NULL;
}

struct text job_params_words(const struct job_params *p)
{
    return (struct text){p->words, p->words_n};
}

bool job_params_next(struct text *words, struct text *key, struct text *value)
{
    struct text word;

    return text_next(words, ' ', &word) && text_next(&word, '=', key) &&
           text_next(&word, ' ', value);
}

struct text job_params_word(const struct job_params *p, const char *key)
{
    struct text words = job_params_words(p), name, value;

    while (job_params_next(&words, &name, &value))
        if (text_is(name, key))
            return value;
    return (struct text){NULL, 0};
}

/* No value that is accepted has a space in it, but a text may. */
static bool is_word(struct text value)
{
    return value.n == 0 || memchr(value.s, ' ', value.n) == NULL;
}

/* The bytes of a word: its name, its value, and what is behind each of them. */
static size_t word_bytes(const char *name, struct text value)
{
    return value.s == NULL ? 0 : strlen(name) + 1 + value.n + 1;
}

/* The new word comes behind all others, and the one before it for the same key is cut out. */
static void replace_word(struct job_params *p, const char *name, struct text value)
{
    const struct text old = job_params_word(p, name);
    const size_t name_n = strlen(name), old_n = word_bytes(name, old);

    if (old.s != NULL) {
        char *from = p->words + (old.s - p->words) - (name_n + 1);
        memmove(from, from + old_n, (size_t)(p->words + p->words_n - from) - old_n);
        p->words_n -= (uint32_t)old_n;
    }
    char *to = p->words + p->words_n;
    memcpy(to, name, name_n);
    to[name_n] = '=';
    memcpy(to + name_n + 1, value.s, value.n);
    to[name_n + 1 + value.n] = ' ';
    p->words_n += (uint32_t)word_bytes(name, value);
}

bool job_params_set(struct job_params *p, const struct job_key *key, struct text value)
{
    const size_t others = p->words_n - word_bytes(key->name, job_params_word(p, key->name));

    if (!is_word(value) || word_bytes(key->name, value) > JOB_WORDS - others ||
        !key->set(p, value, key->limit))
        return false;
    replace_word(p, key->name, value);
    p->said |= 1ull << (key - job_keys);
    return true;
}

bool job_params_said(const struct job_params *p, const char *key)
{
    const struct job_key *k = job_key_find(text_from(key));

    return k != NULL && (p->said >> (k - job_keys) & 1) != 0;
}

static bool means(const struct job_key *key, enum job_run run)
{
    if (run == JOB_RUN_SERVE && (key->of_serving || key->limit != JOB_NO_LIMIT))
        return true;
    return key->of_all || (job_run_is_job(run) && (key->only == JOB_RUN_SERVE || key->only == run));
}

const char *job_params_needless(const struct job_params *p)
{
    for (unsigned k = 0; k < job_keys_n; k++)
        if ((p->said >> k & 1) != 0 && !means(&job_keys[k], p->run))
            return job_keys[k].name;
    return NULL;
}

const char *job_limit_name(enum job_limit limit)
{
    for (unsigned k = 0; k < job_keys_n; k++)
        if (job_keys[k].limit == limit)
            return job_keys[k].name;
    return NULL;
}

bool job_params_limited(const struct job_params *p, enum job_limit limit)
{
    return job_params_said(p, job_limit_name(limit));
}

bool job_params_limits(const struct job_params *p)
{
    for (unsigned k = 0; k < job_keys_n; k++)
        if ((p->said >> k & 1) != 0 && job_keys[k].limit != JOB_NO_LIMIT)
            return true;
    return false;
}
