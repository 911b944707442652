// SPDX-License-Identifier: BSD-3-Clause
/*
 * See sink_run.h.
 */
#include "sink_run.h"

#include "format.h"
#include "netport.h"
#include "string.h"

#define WORDS_A    (CONFIG_SINK_BITS_A / 64)
#define WORDS_B    (CONFIG_SINK_BITS_B / 64)
#define WORDS_C    (CONFIG_SINK_BITS_C / 64)
#define NEAR_WORDS (CONFIG_SINK_FIRST * WORDS_A + (CONFIG_SINK_BLOCK - CONFIG_SINK_FIRST) * WORDS_B)

/* Runs of our own that are known at once: each job has one, and what comes back of it. */
#define OURS 16

struct block {
    struct seqwin w[CONFIG_SINK_BLOCK];
    uint64_t map[CONFIG_SINK_BLOCK][WORDS_C];
};

static struct sink_run runs[CONFIG_SINK_RUNS];
static struct sink_run *latest;
static struct {
    uint16_t run;
    uint64_t first_seq;
    sink_came came;
} ours[OURS];
static unsigned ours_n;
static uint64_t period_ns, first_seq_of_others;
static uint64_t failed; /* runs whose places were needed */

/* Written before they are read. */
static uint64_t near_maps[CONFIG_SINK_RUNS][NEAR_WORDS] __attribute__((section(".noinit")));
static struct block store[CONFIG_SINK_BLOCKS] __attribute__((section(".noinit")));
static bool store_taken[CONFIG_SINK_BLOCKS];

static_assert((CONFIG_SINK_BITS_A & (CONFIG_SINK_BITS_A - 1)) == 0 &&
                  (CONFIG_SINK_BITS_B & (CONFIG_SINK_BITS_B - 1)) == 0 &&
                  (CONFIG_SINK_BITS_C & (CONFIG_SINK_BITS_C - 1)) == 0,
              "windows are powers of two");
static_assert(CONFIG_SINK_BITS_C >= 64, "and of whole words");

/* ---- flows ------------------------------------------------------------------------------------
 */

/* Where a flow is kept. */
struct place {
    struct seqwin *w;
    uint64_t *map;
    uint32_t bits;
};

static struct place near_place(struct sink_run *r, uint32_t flow)
{
    uint64_t *maps = near_maps[r - runs];

    if (flow < CONFIG_SINK_FIRST)
        return (struct place){&r->near[flow], maps + flow * WORDS_A, CONFIG_SINK_BITS_A};
    maps += CONFIG_SINK_FIRST * WORDS_A + (flow - CONFIG_SINK_FIRST) * WORDS_B;
    return (struct place){&r->near[flow], maps, CONFIG_SINK_BITS_B};
}

static struct place far_place(const struct sink_run *r, uint32_t flow)
{
    struct block *b = &store[r->far[flow / CONFIG_SINK_BLOCK] - 1];
    const uint32_t k = flow % CONFIG_SINK_BLOCK;

    return (struct place){&b->w[k], b->map[k], CONFIG_SINK_BITS_C};
}

static void init_flows(struct sink_run *r, uint32_t first)
{
    for (uint32_t flow = first; flow < first + CONFIG_SINK_BLOCK; flow++) {
        const struct place p = flow < CONFIG_SINK_BLOCK ? near_place(r, flow) : far_place(r, flow);

        seqwin_init(p.w, p.map, p.bits, r->first_seq);
    }
}

static bool take_block(struct sink_run *r, uint32_t flow)
{
    for (uint16_t k = 0; k < CONFIG_SINK_BLOCKS; k++) {
        if (store_taken[k])
            continue;
        store_taken[k] = true;
        r->far[flow / CONFIG_SINK_BLOCK] = (uint16_t)(k + 1);
        init_flows(r, flow - flow % CONFIG_SINK_BLOCK);
        return true;
    }
    return false;
}

static void give_blocks_back(struct sink_run *r)
{
    for (unsigned i = 0; i < SINK_BLOCKS; i++)
        if (r->far[i] != 0)
            store_taken[r->far[i] - 1] = false;
}

unsigned sink_run_blocks_used(void)
{
    unsigned n = 0;

    for (unsigned k = 0; k < CONFIG_SINK_BLOCKS; k++)
        n += store_taken[k];
    return n;
}

/* ---- runs -------------------------------------------------------------------------------------
 */

struct sink_run *sink_run_find(uint8_t kind, uint16_t run)
{
    for (unsigned k = 0; k < CONFIG_SINK_RUNS; k++)
        if (runs[k].used && runs[k].run == run && runs[k].kind == kind)
            return &runs[k];
    return NULL;
}

static struct sink_run *free_place(void)
{
    struct sink_run *oldest = NULL;

    for (unsigned k = 0; k < CONFIG_SINK_RUNS; k++) {
        struct sink_run *r = &runs[k];

        if (!r->used)
            return r;
        if (r->over && (oldest == NULL || r->heard_ns < oldest->heard_ns))
            oldest = r;
    }
    return oldest;
}

/* The last that was said of a run is what holds: numbers of runs are drawn, and may come again. */
static void know(struct sink_run *r)
{
    r->first_seq = first_seq_of_others;
    for (unsigned k = ours_n < OURS ? 0 : ours_n - OURS; k < ours_n; k++) {
        if (ours[k % OURS].run != r->run)
            continue;
        r->same_clock = true;
        r->first_seq = ours[k % OURS].first_seq;
        r->came = ours[k % OURS].came;
    }
}

static struct sink_run *begin(uint8_t kind, uint16_t run, uint64_t now_ns)
{
    struct sink_run *r = free_place();

    if (r == NULL)
        return NULL;
    give_blocks_back(r);
    failed += r->failed;
    memset(r, 0, sizeof(*r));
    r->used = true;
    r->run = run;
    r->kind = kind;
    know(r);
    r->start_ns = r->heard_ns = now_ns;
    r->wrong_at = SINK_NOWHERE;
    init_flows(r, 0);
    format(r->name, sizeof(r->name), "sink-%u%s", run, kind == TESTFRAME_REFLECTED ? "-back" : "");
    iperf3_gap_start(&r->gap, true, netport_run_ns(now_ns));
    r->interval = (struct interval){.job = r->name, .receives = true};
    interval_begin(&r->interval, period_ns, now_ns);
    return r;
}

struct sink_run *sink_run_latest(void)
{
    return latest;
}

struct sink_run *sink_run_at(unsigned k)
{
    return &runs[k];
}

void sink_run_is_ours(uint16_t run, uint64_t first_seq, sink_came came)
{
    ours[ours_n % OURS].run = run;
    ours[ours_n % OURS].first_seq = first_seq;
    ours[ours_n % OURS].came = came;
    ours_n++;
}

uint64_t sink_run_failed(void)
{
    return failed;
}

void sink_run_start(uint64_t interval_ns, uint64_t first_seq)
{
    period_ns = interval_ns;
    first_seq_of_others = first_seq;
    failed = 0;
    for (unsigned k = 0; k < CONFIG_SINK_RUNS; k++)
        runs[k] = (struct sink_run){0};
    memset(store_taken, 0, sizeof(store_taken));
    latest = NULL;
    ours_n = 0;
}

/* ---- frames -----------------------------------------------------------------------------------
 */

/* How long it was on its way, by two clocks of which the low bits are compared: next to the first
 * one's, so that it neither wraps nor is below 0 where the clocks are apart. */
static uint64_t transit(struct sink_run *r, const struct sink_arrival *a)
{
    const uint64_t low = a->now_ns - a->held_ns - a->f.time_ns;

    if (r->n.received == 1)
        r->transit_ns = (low & TESTFRAME_MASK) + (r->same_clock ? 0 : 1ull << 62);
    return testframe_extend(low, r->transit_ns);
}

/* Apart, since most frames are of others' runs. */
static __attribute__((noinline)) void tell(const struct sink_run *r, const struct seqwin *w,
                                           const struct sink_arrival *a, uint64_t ns)
{
    struct testframe f = a->f;

    f.seq = testframe_extend(f.seq, w->next);
    r->came(&f, ns);
}

static void count_delay(struct sink_run *r, struct seqwin *w, const struct sink_arrival *a)
{
    const uint64_t ns = transit(r, a);

    seqwin_time(w, &r->n, ns);
    if (r->n.received == 1 || ns < r->least_ns)
        r->least_ns = ns;
    hdr_record(&r->delay, r->same_clock ? ns : ns - r->least_ns);
    if (r->came != NULL)
        tell(r, w, a, ns);
}

static bool find_flow(struct sink_run *r, uint32_t flow, struct place *p)
{
    if (flow < CONFIG_SINK_BLOCK) {
        *p = near_place(r, flow);
        return true;
    }
    if (r->far[flow / CONFIG_SINK_BLOCK] == 0 && !take_block(r, flow))
        return false;
    *p = far_place(r, flow);
    return true;
}

const char *sink_run_count(const struct sink_arrival *a)
{
    const uint32_t flow = a->f.flow;
    struct sink_run *r = latest;
    struct place p;
    enum seqwin_kind kind;

    if (r == NULL || r->run != a->f.run || r->kind != a->f.kind) {
        r = sink_run_find(a->f.kind, a->f.run);
        if (r == NULL)
            r = begin(a->f.kind, a->f.run, a->now_ns);
        if (r == NULL)
            return "as many runs as there may be";
    }
    if (!find_flow(r, flow, &p))
        return "as many flows as there may be";
    kind = seqwin_count(p.w, &r->n, p.map, p.bits, testframe_extend(a->f.seq, p.w->next));
    if (kind == SEQWIN_NEW || kind == SEQWIN_REORDERED)
        count_delay(r, p.w, a);
    if (flow >= r->flows)
        r->flows = flow + 1;
    r->bytes += a->bytes;
    r->heard_ns = a->now_ns;
    r->over = false;
    r->gap.progress = true;
    latest = r;
    return NULL;
}

void sink_run_corrupt(struct sink_run *r, uint32_t wrong_at)
{
    if (r->corrupt++ == 0)
        r->wrong_at = wrong_at;
}
