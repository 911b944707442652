// SPDX-License-Identifier: BSD-3-Clause
/*
 * The life of a job; the contract is in the header.
 */
#include "job.h"

#include "app.h"
#include "format.h"
#include "record.h"
#include "string.h"
#include "time.h"

/* How long a job waits for the network. */
#define WAIT_NS (60 * NS_PER_S)

/* The longest gap, unless max_gap= says otherwise: as long as a stall of the device may be. */
#define GAP_MAX_NS NS_PER_S

/* What a frame carries where nobody has said: of a full one. */
#define LEN_USUAL  1460

#define NO_NETWORK "the network was not ready within a minute"

static struct job jobs[CONFIG_JOBS];
static struct job before; /* in the place that one that begins takes */
static uint32_t n_jobs;   /* since boot */
static uint64_t n_failed; /* of those whose places were needed again */
static bool network_is_up;

/* ---- what is asked ------------------------------------------------------------------------- */

static const struct job_kind *kind_of(const struct job_params *p)
{
    for (unsigned k = 0; job_kinds[k] != NULL; k++)
        if (job_kinds[k]->run == p->run)
            return job_kinds[k];
    return NULL;
}

bool job_refuse(struct job_refusal *why, const char *key, const char *accepted)
{
    *why = (struct job_refusal){.key = key, .accepted = accepted};
    return false;
}

bool job_has_none(const struct job_params *p, const char *const keys[], const char *accepted,
                  struct job_refusal *why)
{
    for (; *keys != NULL; keys++)
        if (job_params_said(p, *keys))
            return job_refuse(why, *keys, accepted);
    return true;
}

#define EVERY_JOB_MEASURES (1u << JOB_MIN_BPS | 1u << JOB_MIN_PPS | 1u << JOB_MAX_GAP)

/* With run=serve, of test frames that come; their delay by one clock is known to who sends them. */
#define SERVING_MEASURES                                                                           \
    (EVERY_JOB_MEASURES | 1u << JOB_MAX_LOSS | 1u << JOB_MAX_LOST | 1u << JOB_MAX_LATE |           \
     1u << JOB_MAX_REORDERED | 1u << JOB_MAX_DUPLICATE | 1u << JOB_MAX_CORRUPT)

static bool check_limits(const struct job_params *p, uint32_t measures, struct job_refusal *why)
{
    for (enum job_limit l = JOB_NO_LIMIT + 1; l < JOB_LIMITS; l++)
        if (job_params_limited(p, l) && !(measures >> l & 1))
            return job_refuse(why, job_limit_name(l), "nothing: this job does not measure it");
    return true;
}

static bool check(const struct job_params *p, struct job_refusal *why)
{
    const struct job_kind *kind = kind_of(p);
    const char *needless = job_params_needless(p);

    if (needless != NULL)
        return job_refuse(why, needless,
                          kind == NULL ? "nothing, unless run= is a job that it is for"
                                       : "nothing: this job does not have it");
    if (kind == NULL)
        return check_limits(p, SERVING_MEASURES, why);
    if (p->target.nic != JOB_NO_NIC && !kind->to_own)
        return job_refuse(why, "target", "another host's address, with this job");
    return check_limits(p, kind->measures | EVERY_JOB_MEASURES, why) && kind->check(p, why);
}

bool job_check(const struct job_params *p, struct job_refusal *why)
{
    struct text said;

    if (check(p, why))
        return true;
    said = job_params_word(p, why->key);
    if (said.s != NULL)
        text_shown(why->value, sizeof(why->value) - 4, said);
    return false;
}

/* ---- what it is measured against ----------------------------------------------------------- */

/* A gap is to be expected between two packets of a slow job, or of one that was slow: without a
 * limit that somebody has set, its place has what the rates before were given. */
static uint64_t gap_limit_ns(const struct job_params *p)
{
    const bool whole = p->rate.packets || p->run == JOB_RUN_CONNECT;
    uint64_t units = whole ? 1 : (p->n_lens != 0 ? p->lens[0] : LEN_USUAL) * 8u;

    if (job_params_limited(p, JOB_MAX_GAP))
        return p->limit[JOB_MAX_GAP];
    uint64_t ns = GAP_MAX_NS + (p->rate.per_s != 0 ? 2 * units * NS_PER_S / p->rate.per_s : 0);
    return ns > p->limit[JOB_MAX_GAP] ? ns : p->limit[JOB_MAX_GAP];
}

static uint64_t in_dir(const struct job_params *p, uint64_t tx, uint64_t rx)
{
    if (p->dir == JOB_BOTH)
        return tx < rx ? tx : rx;
    return p->dir == JOB_TX ? tx : rx;
}

/* Times are µs in records. */
static void judge_one(struct verdict *v, const char *job, enum job_limit l, uint64_t limit,
                      uint64_t value)
{
    const char *unit = l >= JOB_MAX_GAP ? "_us" : l == JOB_MAX_LOSS ? "_ppb" : "";
    const uint64_t scale = l >= JOB_MAX_GAP ? NS_PER_US : 1;
    char name[24];

    format(name, sizeof(name), "%s%s", job_limit_name(l), unit);
    verdict_criterion(v, job, name, limit / scale, value / scale);
}

void job_judge(struct verdict *v, const char *name, const struct job_params *p,
               const struct job_totals *t)
{
    const uint64_t us = t->duration_us;

    for (enum job_limit l = JOB_NO_LIMIT + 1; l < JOB_LIMITS; l++) {
        uint64_t limit = l == JOB_MAX_GAP ? gap_limit_ns(p) : p->limit[l], value = t->value[l];
        if (l != JOB_MAX_GAP && !job_params_limited(p, l))
            continue;
        if (l == JOB_MIN_BPS)
            value = in_dir(p, figures_bps(t->sum.tx_bytes, us), figures_bps(t->sum.rx_bytes, us));
        else if (l == JOB_MIN_PPS)
            value = in_dir(p, figures_per_s(t->sum.tx_packets, us),
                           figures_per_s(t->sum.rx_packets, us));
        else if (l == JOB_MAX_GAP)
            value = t->gap_max_us * NS_PER_US;
        else if (!(t->measured >> l & 1)) /* it never came to that */
            value = UINT64_MAX;
        judge_one(v, name, l, limit, value);
    }
}

static void judge(struct verdict *v, const struct job *j)
{
    bool done = j->state == JOB_OVER && strcmp(j->end, "done") == 0;

    verdict_criterion(v, j->name, "unfinished", 0, !done);
    job_judge(v, j->name, &j->params, &j->totals);
}

static bool passed(const struct job *j)
{
    struct verdict v = {.pass = true};

    judge(&v, j);
    return v.pass;
}

void jobs_judge(struct verdict *v)
{
    if (n_failed != 0)
        verdict_criterion(v, NULL, "forgotten_jobs_failed", 0, n_failed);
    for (unsigned i = 0; i < CONFIG_JOBS; i++)
        if (jobs[i].state != JOB_FREE)
            judge(v, &jobs[i]);
}

/* ---- its life ------------------------------------------------------------------------------ */

void jobs_init(void)
{
    memset(jobs, 0, sizeof(jobs));
    n_jobs = 0;
    n_failed = 0;
    network_is_up = false;
}

/* A free place, or that of the job that has been over for longest: the lowest number. */
static struct job *place(void)
{
    struct job *oldest = NULL;

    for (unsigned i = 0; i < CONFIG_JOBS; i++) {
        struct job *j = &jobs[i];
        if (j->state == JOB_FREE)
            return j;
        if (j->state == JOB_OVER && (oldest == NULL || j->id < oldest->id))
            oldest = j;
    }
    return oldest;
}

/* NULL, or why it cannot, of which a record was written. */
static const char *begin(struct job *j)
{
    const char *why = NULL;
    uint64_t now = time_ns();

    j->started_ns = now;
    j->state = JOB_RUNNING;
    if (j->kind->start(j, now, &why))
        return NULL;
    apps_refused(j->kind->name, why);
    return why;
}

struct job *job_start(const struct job_params *p, struct job_refusal *why)
{
    if (!job_check(p, why))
        return NULL;
    *why = (struct job_refusal){0};
    struct job *j = place();
    if (j == NULL) {
        *why = (struct job_refusal){.reason = "as many as there may be are running", .full = true};
        apps_refused("job", why->reason);
        return NULL;
    }
    before = *j;
    memset(j, 0, sizeof(*j));
    j->kind = kind_of(p);
    j->params = *p;
    j->id = ++n_jobs;
    format(j->name, sizeof(j->name), "%s-%u", j->kind->name, j->id);
    j->interval = (struct interval){.job = j->name,
                                    .sends = p->dir != JOB_RX,
                                    .receives = p->dir != JOB_TX,
                                    .more = j->kind->more,
                                    .of = j,
                                    .next_ns = UINT64_MAX};
    j->state = JOB_WAITING;
    j->started_ns = time_ns();
    if (network_is_up)
        why->reason = begin(j);
    if (why->reason != NULL) {
        *j = before;
        n_jobs--;
        return NULL;
    }
    if (before.state == JOB_OVER && !before.passed)
        n_failed++; /* remembered as that only */
    return j;
}

void job_moves(struct job *j, uint64_t now)
{
    interval_begin(&j->interval, j->params.interval_ns, now);
}

static void report(struct job *j, uint64_t now)
{
    struct figures sum;
    uint64_t gap_us;
    bool warm_up;

    j->kind->progress(j, now, &sum, &gap_us, &warm_up);
    interval_record(&j->interval, &sum, gap_us, warm_up, now);
}

void job_rests(struct job *j, uint64_t now)
{
    if (j->interval.next_ns == UINT64_MAX)
        return;
    report(j, now);
    j->interval.next_ns = UINT64_MAX;
}

void job_stop(struct job *j)
{
    if (j->state == JOB_WAITING)
        job_ended(j, "stopped");
    if (j->state != JOB_RUNNING || j->stopping)
        return;
    j->stopping = true;
    j->kind->stop(j);
}

bool job_set_rate(struct job *j, const struct job_params *p)
{
    uint64_t gap_ns = gap_limit_ns(&j->params);

    if (j->state != JOB_RUNNING || j->stopping || j->kind->set_rate == NULL ||
        !j->kind->set_rate(j, p->rate))
        return false;
    j->params = *p;
    j->params.limit[JOB_MAX_GAP] = gap_ns;
    return true;
}

void job_totals_now(const struct job *j, struct job_totals *t)
{
    *t = j->totals;
    if (j->state == JOB_RUNNING)
        j->kind->totals(j, t);
}

/* What its kind knows besides is asked for as long as it does. */
static void keep_counts(struct job *j)
{
    struct json out;

    if (j->kind->more == NULL)
        return;
    json_init(&out, j->counts, sizeof(j->counts));
    json_object(&out, NULL);
    j->kind->more(j, &out);
    json_end_object(&out);
    if (json_finish(&out) == 0)
        j->counts[0] = '\0';
}

/* One that was to run for ever has done that when it is stopped. */
static const char *end_of(const struct job *j, const char *end)
{
    bool endless = j->params.time_ns == 0 && j->params.bytes == 0;

    return j->stopping && !endless && strcmp(end, "done") == 0 ? "stopped" : end;
}

void job_ended(struct job *j, const char *end)
{
    struct json *out;
    struct verdict v = {.pass = true};

    if (j->state == JOB_RUNNING) {
        job_rests(j, time_ns());
        j->kind->totals(j, &j->totals);
        keep_counts(j);
    }
    j->state = JOB_OVER;
    j->end = end = end_of(j, end);
    j->passed = passed(j);

    out = record_begin("result");
    json_str(out, "job", j->name);
    json_str(out, "end", end);
    json_str(out, "status", j->passed ? "PASS" : "FAIL");
    json_u64(out, "duration_us", j->totals.duration_us);
    figures_put(out, &j->totals.sum, j->totals.duration_us);
    json_u64(out, "gap_max_us", j->totals.gap_max_us);
    json_array(out, "criteria");
    v.j = out;
    judge(&v, j);
    json_end_array(out);
    if (j->kind->result != NULL)
        j->kind->result(j, out);
    record_end();
    interval_end(&j->interval, &j->totals.sum, j->totals.duration_us);
}

/* ---- all of them --------------------------------------------------------------------------- */

struct job *job_find(uint32_t id)
{
    for (unsigned i = 0; i < CONFIG_JOBS; i++)
        if (jobs[i].state != JOB_FREE && jobs[i].id == id)
            return &jobs[i];
    return NULL;
}

struct job *job_at(unsigned k)
{
    for (unsigned i = 0; i < CONFIG_JOBS; i++)
        if (jobs[i].state != JOB_FREE && k-- == 0)
            return &jobs[i];
    return NULL;
}

bool jobs_busy(void)
{
    for (unsigned i = 0; i < CONFIG_JOBS; i++)
        if (jobs[i].state == JOB_WAITING || jobs[i].state == JOB_RUNNING)
            return true;
    return false;
}

bool jobs_done(void)
{
    return !jobs_busy() && job_at(0) != NULL;
}

void jobs_stop(void)
{
    for (unsigned i = 0; i < CONFIG_JOBS; i++)
        job_stop(&jobs[i]);
}

/* One that was promised and cannot be is a failure. */
static void begin_or_end(struct job *j)
{
    const char *why = begin(j);

    if (why != NULL)
        job_ended(j, why);
}

void jobs_ready(void)
{
    network_is_up = true;
    for (unsigned i = 0; i < CONFIG_JOBS; i++)
        if (jobs[i].state == JOB_WAITING)
            begin_or_end(&jobs[i]);
}

static unsigned turn(struct job *j, uint64_t now)
{
    unsigned done;

    if (j->state == JOB_WAITING && now - j->started_ns >= WAIT_NS) {
        apps_refused(j->kind->name, NO_NETWORK);
        job_ended(j, NO_NETWORK);
    }
    if (j->state != JOB_RUNNING)
        return 0;
    done = j->kind->turn(j, now);
    if (interval_due(&j->interval, now))
        report(j, now);
    return done;
}

/* As in apps/iperf3_server.c, jobs look at the clock anew: what callbacks noted since the turn
 * began is not ahead of it. */
unsigned jobs_poll(uint64_t turn_ns)
{
    uint64_t now = time_ns();
    unsigned done = 0;

    (void)turn_ns;
    for (unsigned i = 0; i < CONFIG_JOBS; i++)
        done += turn(&jobs[i], now);
    return done;
}

uint64_t jobs_deadline(void)
{
    uint64_t first = UINT64_MAX;

    for (unsigned i = 0; i < CONFIG_JOBS; i++) {
        const struct job *j = &jobs[i];
        uint64_t t = UINT64_MAX;
        if (j->state == JOB_WAITING)
            t = j->started_ns + WAIT_NS;
        else if (j->state == JOB_RUNNING)
            t = j->kind->deadline(j) < j->interval.next_ns ? j->kind->deadline(j)
                                                           : j->interval.next_ns;
        first = t < first ? t : first;
    }
    return first;
}
