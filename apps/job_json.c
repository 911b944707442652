// SPDX-License-Identifier: BSD-3-Clause
/*
 * See job_json.h.
 */
#include "job_json.h"

#include "json_read.h"
#include "string.h"

#define ACCEPTED_KEY   JOB_KEYS_KNOWN
#define ACCEPTED_VALUE "a string, or a number"
#define ACCEPTED_ONCE  "each key once"

static bool is_value(int t)
{
    return json_read_kind(t) == JSON_STRING ||
           (json_read_kind(t) == JSON_WORD && text_digit(json_read_text(t).s[0]) <= 9);
}

/* Whether an earlier member of the object has the same key. */
static bool is_repeated(int t)
{
    const struct text key = json_read_text(t);

    for (int u = 1; u < t; u = json_read_behind(u + 1)) {
        const struct text other = json_read_text(u);

        if (other.n == key.n && memcmp(other.s, key.s, key.n) == 0)
            return true;
    }
    return false;
}

/* NULL: it is set; else what would be accepted. */
static const char *set(struct job_params *p, const char *only, struct text name, int value)
{
    const struct job_key *key = job_key_find(name);

    if (only != NULL && !text_is(name, only))
        return only;
    if (key == NULL)
        return ACCEPTED_KEY;
    if (!is_value(value))
        return ACCEPTED_VALUE;
    return job_params_set(p, key, json_read_text(value)) ? NULL : key->accepted;
}

enum job_json job_json_params(const char *text, size_t len, const char *only, struct job_params *p,
                              struct job_json_refusal *why)
{
    if (!json_read(text, len))
        return JOB_JSON_NOT;
    const int end = json_read_behind(0);
    for (int t = 1; t < end; t = json_read_behind(t + 1)) {
        *why = (struct job_json_refusal){.key = json_read_text(t), .value = json_read_text(t + 1)};
        why->accepted = is_repeated(t) ? ACCEPTED_ONCE : set(p, only, why->key, t + 1);
        if (why->accepted != NULL)
            return JOB_JSON_REFUSED;
    }
    if (only != NULL && end == 1) {
        *why = (struct job_json_refusal){text_from(only), text_from(""),
                                         job_key_find(text_from(only))->accepted};
        return JOB_JSON_REFUSED;
    }
    return JOB_JSON_READ;
}

/* ---- what there is to say ------------------------------------------------------------------ */

static const char *state_of(const struct job *j)
{
    if (j->state == JOB_OVER)
        return "over";
    if (j->state == JOB_WAITING)
        return "waiting";
    return j->stopping ? "stopping" : "running";
}

void job_json_put_params(const struct job *j, struct json *out)
{
    struct text words = job_params_words(&j->params), key, value;
    char name[32], said[JOB_WORDS];

    json_object(out, "parameters");
    while (job_params_next(&words, &key, &value)) {
        text_shown(name, sizeof(name) - 4, key);
        text_shown(said, sizeof(said) - 4, value);
        json_str(out, name, said);
    }
    json_end_object(out);
}

static void put_counts(const struct job *j, struct json *out)
{
    if (j->state == JOB_OVER && j->counts[0] != '\0') {
        json_raw(out, "counts", j->counts);
    } else if (j->state == JOB_RUNNING && j->kind->more != NULL) {
        json_object(out, "counts");
        j->kind->more(j, out);
        json_end_object(out);
    }
}

void job_json_put(const struct job *j, struct json *out)
{
    struct job_totals t;

    job_totals_now(j, &t);
    json_u64(out, "id", j->id);
    json_str(out, "job", j->name);
    json_str(out, "kind", j->kind->name);
    json_str(out, "state", state_of(j));
    if (j->state == JOB_OVER) {
        json_str(out, "end", j->end);
        json_str(out, "status", j->passed ? "PASS" : "FAIL");
    }
    job_json_put_params(j, out);
    json_u64(out, "duration_us", t.duration_us);
    figures_put(out, &t.sum, t.duration_us);
    json_u64(out, "gap_max_us", t.gap_max_us);
    put_counts(j, out);
}
