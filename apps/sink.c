// SPDX-License-Identifier: BSD-3-Clause
/*
 * The analyser as a service: frames in, records out. What is counted is in sink_run.c.
 *
 * A frame is looked at where the device put it, so it costs no copy and no buffer of the stack;
 * only one that is sent back is copied. The device may change it meanwhile: then some numbers are
 * wrong, which it could have made wrong before.
 */
#include "sink.h"

#include "app.h"
#include "lwip/netif.h"
#include "netport.h"
#include "record.h"
#include "sink_frame.h"
#include "sink_run.h"
#include "string.h"
#include "time.h"

/* Behind the ports below are servers, and two that answer each other never stop. */
#define PORT_CLIENT_MIN 1024

/* A frame that is sent back. */
static uint8_t reflected[CONFIG_FRAME_BYTES(CONFIG_MTU_MAX)];

static struct counters {
    uint64_t frames, reflected, not_reflected, stray;
} counters;

/* ---- frames in --------------------------------------------------------------------------------
 */

/* Damaged, or never a test frame: of the run that it names, if there is one; else of the run heard
 * last, since what names it may be what was damaged. */
static void count_corrupt(const struct testframe *t, const uint8_t *payload, uint32_t bytes)
{
    struct sink_run *r = sink_run_find(t->kind, t->run);

    if (r == NULL)
        r = sink_run_latest();
    if (r == NULL) {
        counters.stray++;
        return;
    }
    /* To find the place takes longer than all else: of the first one it is enough. */
    if (r->corrupt == 0 && bytes >= TESTFRAME_BYTES) {
        const uint32_t at = testframe_wrong(payload, bytes, r->run);

        sink_run_corrupt(r, at < bytes ? at : SINK_NOWHERE);
        return;
    }
    sink_run_corrupt(r, SINK_NOWHERE);
}

/* Not what echo does not answer either (small.c), nor a frame with a VLAN tag, of which nobody
 * computes the checksum. */
static bool may_reflect(const uint8_t *frame, uint32_t len, const struct sink_frame *f)
{
    const uint8_t *port = frame + f->payload - 8;
    const bool to_many = (frame[0] & 1) != 0, from_none = (frame[6] & 1) != 0;

    return f->ip == 14 && len <= sizeof(reflected) && !to_many && !from_none &&
           port[0] * 256u + port[1] >= PORT_CLIENT_MIN;
}

static void reflect(struct netif *netif, const uint8_t *frame, uint32_t len,
                    const struct sink_frame *f, uint64_t received_ns)
{
    struct pbuf p = {.payload = reflected, .ref = 1, .type_internal = PBUF_ROM};

    p.len = p.tot_len = (u16_t)(f->payload + f->bytes);
    if (may_reflect(frame, len, f)) {
        memcpy(reflected, frame, p.len);
        sink_frame_turn(reflected, f, netif->hwaddr);
        testframe_reflect(reflected + f->payload, f->bytes, received_ns, time_ns());
        if (netif->linkoutput(netif, &p) == ERR_OK) {
            counters.reflected++;
            return;
        }
    }
    counters.not_reflected++;
}

/* How long the reflector had it. */
static uint64_t held(const struct testframe *t, const uint8_t *payload, uint32_t bytes)
{
    uint64_t came, went;

    if (t->kind != TESTFRAME_REFLECTED || !testframe_times(payload, bytes, &came, &went))
        return 0;
    return went - came;
}

static bool same_station(const uint8_t *a, const uint8_t *b)
{
    uint32_t a4, b4;
    uint16_t a2, b2;

    __builtin_memcpy(&a4, a, 4);
    __builtin_memcpy(&b4, b, 4);
    __builtin_memcpy(&a2, a + 4, 2);
    __builtin_memcpy(&b2, b + 4, 2);
    return a4 == b4 && a2 == b2;
}

static bool take(struct netif *netif, const uint8_t *frame, uint32_t len, bool vouched)
{
    struct sink_frame f;
    struct sink_arrival a;
    const char *refused;

    if (!sink_frame_find(frame, len, &f))
        return false;
    if ((frame[0] & 1) == 0 && !same_station(frame, netif->hwaddr))
        return false;

    const uint8_t *payload = frame + f.payload;
    counters.frames++;
    a.now_ns = time_ns();
    a.bytes = len;
    if (!testframe_read(payload, f.bytes, &a.f) || !f.sound ||
        !(vouched || sink_frame_udp_sound(frame, &f))) {
        count_corrupt(&a.f, payload, f.bytes);
        return true;
    }
    a.held_ns = held(&a.f, payload, f.bytes);
    refused = sink_run_count(&a);
    if (refused != NULL)
        apps_refused("test frame", refused);
    if (f.port == SINK_REFLECT && a.f.kind == TESTFRAME_SENT)
        reflect(netif, frame, len, &f, a.now_ns);
    return true;
}

static bool wants(const uint8_t *frame, uint32_t len)
{
    return sink_frame_may_be(frame, len);
}

/* ---- records out ------------------------------------------------------------------------------
 */

static struct figures received(const struct sink_run *r)
{
    return (struct figures){.rx_bytes = r->bytes,
                            .rx_packets = r->n.received + r->n.duplicate + r->n.late};
}

static void put_run(struct json *j, const struct sink_run *r)
{
    const uint64_t us = (r->heard_ns - r->start_ns) / NS_PER_US;
    const struct figures f = received(r);

    json_str(j, "job", r->name);
    json_u64(j, "run", r->run);
    json_bool(j, "reflected", r->kind == TESTFRAME_REFLECTED);
    json_u64(j, "duration_us", us);
    figures_put(j, &f, us);
    json_u64(j, "flows", r->flows);
    json_u64(j, "expected", r->n.expected);
    json_u64(j, "received", r->n.received);
    json_u64(j, "lost", seqwin_lost(&r->n));
    json_u64(j, "late", r->n.late);
    json_u64(j, "reordered", r->n.reordered);
    json_u64(j, "duplicate", r->n.duplicate);
    json_u64(j, "corrupt", r->corrupt);
    if (r->wrong_at != SINK_NOWHERE)
        json_u64(j, "corrupt_at", r->wrong_at);
    json_u64(j, "reorder_distance_max", r->n.distance_max);
    json_fixed(j, "jitter_us", (int64_t)seqwin_jitter_ns(&r->n), 3);
    json_u64(j, "gap_max_us", r->gap.total_max_ns / NS_PER_US);
    hdr_json(&r->delay, j, r->same_clock ? "delay" : "delay_above_least");
}

/* The run is over, for as long as no more of it comes. */
static void result(struct sink_run *r, const char *end)
{
    struct json *j = record_begin("result");

    json_str(j, "end", end);
    json_str(j, "dir", "rx");
    put_run(j, r);
    record_end();
    r->over = true;
}

static void interval(struct sink_run *r, uint64_t now)
{
    const struct figures f = received(r);
    const uint64_t between_frames = r->gap.total_max_ns;
    const uint64_t gap = iperf3_gap_interval_ns(&r->gap, netport_run_ns(now));

    r->gap.total_max_ns = between_frames; /* silence counts in the sum when a frame has ended it */
    interval_record(&r->interval, &f, gap / NS_PER_US, false, now);
}

static uint64_t over_ns(const struct sink_run *r)
{
    return r->heard_ns + CONFIG_SINK_IDLE_MS * NS_PER_MS;
}

static unsigned poll(uint64_t now)
{
    const uint64_t run_ns = netport_run_ns(now);

    for (unsigned k = 0; k < CONFIG_SINK_RUNS; k++) {
        struct sink_run *r = sink_run_at(k);

        if (!r->used || r->over)
            continue;
        iperf3_gap_turn(&r->gap, run_ns);
        if (interval_due(&r->interval, now))
            interval(r, now);
        if (now >= over_ns(r))
            result(r, "silent");
    }
    return 0;
}

static uint64_t deadline(void)
{
    uint64_t first = UINT64_MAX;

    for (unsigned k = 0; k < CONFIG_SINK_RUNS; k++) {
        const struct sink_run *r = sink_run_at(k);

        if (!r->used || r->over)
            continue;
        if (over_ns(r) < first)
            first = over_ns(r);
        if (r->interval.next_ns < first)
            first = r->interval.next_ns;
    }
    return first;
}

static void stats(struct json *j)
{
    json_u64(j, "frames", counters.frames);
    json_u64(j, "stray", counters.stray);
    json_u64(j, "reflected", counters.reflected);
    json_u64(j, "not_reflected", counters.not_reflected);
    json_u64(j, "flow_blocks_used", sink_run_blocks_used());
    json_array(j, "runs");
    for (unsigned k = 0; k < CONFIG_SINK_RUNS; k++) {
        const struct sink_run *r = sink_run_at(k);

        if (!r->used)
            continue;
        json_object(j, NULL);
        json_bool(j, "over", r->over);
        put_run(j, r);
        json_end_object(j);
    }
    json_end_array(j);
}

static void finish(void)
{
    for (unsigned k = 0; k < CONFIG_SINK_RUNS; k++) {
        struct sink_run *r = sink_run_at(k);

        if (r->used && !r->over)
            result(r, "exit");
    }
}

static bool start(void)
{
    counters = (struct counters){0};
    sink_run_start(apps_conf->job.interval_ns);
    netport_rx_first(wants, take);
    return true;
}

const struct service sink_service = {.name = "sink",
                                     .bit = SERVICE_SINK,
                                     .start = start,
                                     .poll = poll,
                                     .deadline = deadline,
                                     .stats = stats,
                                     .finish = finish};

/* ---- for jobs and criteria --------------------------------------------------------------------
 */

static void measure(struct job_totals *t, enum job_limit limit, uint64_t value)
{
    t->measured |= 1u << limit;
    t->value[limit] = value;
}

/* In 10^-9 of all that were expected; not below what it is. */
static uint64_t loss_ppb(const struct seqwin_counts *n)
{
    const uint64_t lost = seqwin_lost(n), most = UINT64_MAX / NS_PER_S;

    if (n->expected == 0)
        return 0;
    if (lost > most)
        return lost / (n->expected / NS_PER_S);
    return (lost * NS_PER_S + n->expected - 1) / n->expected;
}

static void measure_delay(struct job_totals *t, const struct hdr *delay)
{
    static const struct {
        enum job_limit limit;
        uint32_t ppm;
    } shown[] = {{JOB_MAX_P50, 500000},   {JOB_MAX_P90, 900000},    {JOB_MAX_P99, 990000},
                 {JOB_MAX_P99_9, 999000}, {JOB_MAX_P99_99, 999900}, {JOB_MAX_DELAY, 1000000}};

    for (unsigned i = 0; i < sizeof(shown) / sizeof(shown[0]); i++)
        measure(t, shown[i].limit, hdr_percentile(delay, shown[i].ppm));
}

bool sink_totals(uint16_t run, bool back, struct job_totals *t)
{
    const struct sink_run *r = sink_run_find(back ? TESTFRAME_REFLECTED : TESTFRAME_SENT, run);

    *t = (struct job_totals){0};
    if (r == NULL)
        return false;
    t->sum = received(r);
    t->duration_us = (r->heard_ns - r->start_ns) / NS_PER_US;
    t->gap_max_us = r->gap.total_max_ns / NS_PER_US;
    measure(t, JOB_MAX_LOSS, loss_ppb(&r->n));
    measure(t, JOB_MAX_LOST, seqwin_lost(&r->n));
    measure(t, JOB_MAX_LATE, r->n.late);
    measure(t, JOB_MAX_REORDERED, r->n.reordered);
    measure(t, JOB_MAX_DUPLICATE, r->n.duplicate);
    measure(t, JOB_MAX_CORRUPT, r->corrupt);
    if (r->same_clock)
        measure_delay(t, &r->delay);
    return true;
}

void sink_expect(uint16_t run)
{
    sink_run_is_ours(run);
}
