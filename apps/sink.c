// SPDX-License-Identifier: BSD-3-Clause
/*
 * The analyser as a service: frames in, records out. What is counted is in sink_run.c, what it
 * comes to in sink_report.c.
 *
 * A frame is looked at where the device put it, so it costs no copy and no buffer of the stack;
 * only one that is sent back is copied. The device may change it meanwhile: then some numbers are
 * wrong, which it could have made wrong before.
 */
#include "sink.h"

#include "app.h"
#include "bytes.h"
#include "lwip/netif.h"
#include "netbuf.h"
#include "netport.h"
#include "record.h"
#include "sink_frame.h"
#include "sink_report.h"
#include "sink_run.h"
#include "string.h"
#include "time.h"

/* Behind the ports below are servers, and two that answer each other never stop. */
#define PORT_CLIENT_MIN 1024

/* A frame that is sent back. */
static uint8_t reflected[CONFIG_FRAME_BYTES(CONFIG_MTU_MAX)];

static bool on; /* it was started */

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

static void count(const struct sink_arrival *a)
{
    const char *refused = sink_run_count(a);

    if (refused != NULL)
        apps_refused("test frame", refused);
}

/* Any frame but the usual one. */
static bool take(struct netif *netif, const struct netbuf *nb, bool vouched, struct sink_arrival *a)
{
    const uint8_t *frame = netbuf_frame(nb);
    struct sink_frame f;

    if (!sink_frame_may_be(frame, nb->len) || !sink_frame_find(frame, nb->len, &f))
        return false;
    if ((frame[0] & 1) == 0 && !same_station(frame, netif->hwaddr))
        return false;

    const uint8_t *payload = frame + f.payload;
    counters.frames++;
    a->bytes = nb->len;
    if (!testframe_read(payload, f.bytes, &a->f) || !f.sound ||
        !(vouched || sink_frame_udp_sound(frame, &f))) {
        count_corrupt(&a->f, payload, f.bytes);
        return true;
    }
    a->held_ns = held(&a->f, payload, f.bytes);
    count(a);
    if (f.port == SINK_REFLECT && a->f.kind == TESTFRAME_SENT)
        reflect(netif, frame, nb->len, &f, a->now_ns);
    return true;
}

static bool take_usual(struct netif *netif, const struct netbuf *nb, bool vouched,
                       struct sink_arrival *a)
{
    const uint8_t *frame = netbuf_frame(nb);

    if (!sink_frame_usual(frame, nb->len, vouched) || !same_station(frame, netif->hwaddr) ||
        !testframe_read_here(frame + SINK_USUAL_PAYLOAD, TESTFRAME_BYTES, &a->f))
        return false;
    counters.frames++;
    a->bytes = nb->len;
    a->held_ns = 0;
    count(a);
    return true;
}

/* All of them came at the same time: when they were taken off the ring. */
static unsigned take_many(struct netif *netif, struct netbuf **nb, unsigned n)
{
    struct netbuf *taken[CONFIG_RX_BATCH];
    struct sink_arrival a = {.now_ns = time_ns()};
    unsigned left = 0, done = 0;

    for (unsigned i = 0; i < n; i++) {
        const bool vouched = nb[i]->offload != 0 && netport_csum_vouched(nb[i]);

        if (nb[i]->next == NULL &&
            (take_usual(netif, nb[i], vouched, &a) || take(netif, nb[i], vouched, &a)))
            taken[done++] = nb[i];
        else
            nb[left++] = nb[i];
    }
    for (unsigned i = 0; i < done; i++)
        nb[left + i] = taken[i];
    return left;
}

/* ---- records out ------------------------------------------------------------------------------
 */

/* The run is over, for as long as no more of it comes. */
static void result(struct sink_run *r, const char *end)
{
    const struct figures f = sink_report_figures(r);
    struct verdict v = {.pass = true};
    struct json *j = record_begin("result");

    sink_report_judge(&v, r);
    r->failed = !v.pass;
    json_str(j, "end", end);
    json_str(j, "dir", "rx");
    sink_report_put(j, r);
    record_end();
    r->over = true;
    interval_end(&r->interval, &f, (r->heard_ns - r->start_ns) / NS_PER_US);
}

static void interval(struct sink_run *r, uint64_t now)
{
    const struct figures f = sink_report_figures(r);
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
        sink_report_put(j, r);
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
    sink_run_start(apps_conf->job.interval_ns, apps_conf->job.first_seq);
    netport_rx_first(take_many);
    on = true;
    return true;
}

const struct service sink_service = {.name = "sink",
                                     .bit = SERVICE_SINK,
                                     .start = start,
                                     .poll = poll,
                                     .deadline = deadline,
                                     .stats = stats,
                                     .finish = finish};

bool sink_expect(uint16_t run, uint64_t first_seq, sink_came came)
{
    if (on)
        sink_run_is_ours(run, first_seq, came);
    return on;
}
