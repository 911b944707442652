// SPDX-License-Identifier: BSD-3-Clause
/*
 * What is said of tests: `interval` and `result` records, and the words a client gets
 * with --get-server-output. "tx" and "rx" are the guest's; bytes sent over TCP count when they are
 * acknowledged.
 *
 * A record is bounded, and a test may have 256 streams: up to STREAMS_IN_FULL of them are listed
 * with all their figures, more with id, direction and bytes only. The sums are always complete.
 */
#include "iperf3.h"

#include "app.h"
#include "format.h"
#include "job.h"
#include "lwip/ip_addr.h"
#include "netport.h"
#include "record.h"

/* A stream in full is below 220 bytes, in short below 52, and the rest of the record below 1 KiB.
 */
#define STREAMS_IN_FULL ((CONFIG_RECORD_MAX - 1024) / 220)
static_assert((CONFIG_RECORD_MAX - 1024) / 52 >= 2 * IPERF3_STREAMS_MAX,
              "the largest test fits a record");

static struct figures plain(const struct iperf3_figures *f)
{
    return (struct figures){.tx_bytes = f->acked_bytes,
                            .rx_bytes = f->rx_bytes,
                            .tx_packets = f->tx_packets,
                            .rx_packets = f->rx_packets};
}

void iperf3_report_progress(struct iperf3_session *s, uint64_t now, struct figures *sum,
                            uint64_t *gap_us)
{
    const struct iperf3_figures all = iperf3_session_figures(s, true);
    uint64_t rx_gap = iperf3_gap_interval_ns(&s->rx_gap, netport_run_ns(now));
    uint64_t tx_gap = iperf3_gap_interval_ns(&s->tx_gap, netport_run_ns(now));

    *sum = plain(&all);
    *gap_us = (rx_gap > tx_gap ? rx_gap : tx_gap) / NS_PER_US;
}

void iperf3_report_interval(struct iperf3_session *s, uint64_t now)
{
    struct figures sum;
    uint64_t gap_us;

    iperf3_report_progress(s, now, &sum, &gap_us);
    interval_record(&s->interval, &sum, gap_us, !s->warm, now);
}

static uint64_t gap_max_us(const struct iperf3_session *s)
{
    uint64_t rx = s->rx_gap.total_max_ns, tx = s->tx_gap.total_max_ns;

    return (rx > tx ? rx : tx) / NS_PER_US;
}

/* Until now, while it is not over. */
static uint64_t measured_us(const struct iperf3_session *s)
{
    const uint64_t end_ns = s->stop_ns != 0 ? s->stop_ns : time_ns();

    return s->warm ? (end_ns - s->measure_ns) / NS_PER_US : 0;
}

/* Sums over all streams of what only UDP has, and of what the client said: any numbers, which may
 * be negative and may wrap. */
struct totals {
    uint64_t lost, out_of_order; /* in what we received */
    uint64_t jitter_max_ns;
    uint64_t peer_bytes;
    uint64_t peer_lost; /* in what we sent */
    uint64_t peer_retransmits;
    bool peer_known, peer_counts_retransmits;
};

static struct totals total(const struct iperf3_session *s)
{
    struct totals t = {0};

    for (const struct iperf3_stream *st = s->streams; st != NULL; st = st->next) {
        uint64_t jitter = iperf3_order_jitter_ns(&st->order);
        t.lost += st->order.lost - st->warm_lost;
        t.out_of_order += st->order.out_of_order;
        if (jitter > t.jitter_max_ns)
            t.jitter_max_ns = jitter;
        if (!st->peer_known)
            continue;
        t.peer_known = true;
        t.peer_bytes += st->peer.bytes;
        if (st->sends)
            t.peer_lost += (uint64_t)st->peer.lost - (uint64_t)st->peer.omitted_lost;
        if (st->peer.retransmits >= 0) {
            t.peer_counts_retransmits = true;
            t.peer_retransmits += (uint64_t)st->peer.retransmits;
        }
    }
    return t;
}

#define PPB_ALL 1000000000ull

/* part / all, of numbers of any size. */
static uint64_t ppb(uint64_t part, uint64_t all)
{
    while (part > UINT64_MAX / PPB_ALL) {
        part /= 2;
        all /= 2;
    }
    return part * PPB_ALL / all;
}

static void put_totals(struct json *j, const struct iperf3_session *s)
{
    struct totals t = total(s);

    if (s->params.udp) {
        json_i64(j, "lost", (int64_t)t.lost);
        json_u64(j, "out_of_order", t.out_of_order);
        json_u64(j, "jitter_max_us", t.jitter_max_ns / NS_PER_US);
    }
    if (!t.peer_known)
        return;
    json_u64(j, "peer_bytes", t.peer_bytes);
    if (s->params.udp)
        json_i64(j, "peer_lost", (int64_t)t.peer_lost);
    if (t.peer_counts_retransmits)
        json_i64(j, "peer_retransmits", (int64_t)t.peer_retransmits);
}

static void put_stream(struct json *j, const struct iperf3_stream *st, bool in_full)
{
    struct iperf3_figures f = iperf3_stream_figures(st);

    json_object(j, NULL);
    json_u64(j, "id", st->id);
    json_str(j, "dir", st->sends ? "tx" : "rx");
    json_u64(j, "bytes", st->sends ? f.acked_bytes : f.rx_bytes);
    if (in_full) {
        json_u64(j, "packets", st->sends ? f.tx_packets : f.rx_packets);
        if (st->peer_known)
            json_u64(j, "peer_bytes", st->peer.bytes);
        if (st->session->params.udp && !st->sends) {
            json_i64(j, "lost", (int64_t)(st->order.lost - st->warm_lost));
            json_u64(j, "out_of_order", st->order.out_of_order);
            json_u64(j, "jitter_us", iperf3_order_jitter_ns(&st->order) / NS_PER_US);
        }
    }
    json_end_object(j);
}

void iperf3_report_test(const struct iperf3_session *s, struct json *j)
{
    bool sends = iperf3_session_sends(s), receives = iperf3_session_receives(s);

    json_str(j, s->role->client ? "server" : "client", ipaddr_ntoa(&s->peer));
    json_str(j, "proto", s->params.udp ? "udp" : "tcp");
    json_str(j, "dir", sends && receives ? "both" : sends ? "tx" : "rx");
    json_u64(j, "streams", s->n_streams);
    json_u64(j, "warm_up_us", s->params.omit_s * US_PER_S);
    put_totals(j, s);
    json_array(j, "per_stream");
    for (const struct iperf3_stream *st = s->streams; st != NULL; st = st->next)
        put_stream(j, st, s->n_streams <= STREAMS_IN_FULL);
    json_end_array(j);
}

void iperf3_report_result(const struct iperf3_session *s)
{
    const struct iperf3_figures all = iperf3_session_figures(s, false);
    const struct figures sum = plain(&all);
    struct json *j = record_begin("result");

    json_str(j, "job", s->job);
    json_str(j, "end", s->end);
    json_u64(j, "duration_us", measured_us(s));
    figures_put(j, &sum, measured_us(s));
    json_u64(j, "gap_max_us", gap_max_us(s));
    iperf3_report_test(s, j);
    record_end();
    interval_end(&s->interval, &sum, measured_us(s));
}

/* What was lost of the packets that either end has counted. */
void iperf3_report_totals(const struct iperf3_session *s, struct job_totals *t)
{
    const struct iperf3_figures all = iperf3_session_figures(s, false);
    const struct totals sums = total(s);
    uint64_t lost = sums.lost, packets = all.tx_packets;

    *t = (struct job_totals){
        .sum = plain(&all), .duration_us = measured_us(s), .gap_max_us = gap_max_us(s)};
    if (!s->params.udp || s->n_streams == 0 || (iperf3_session_sends(s) && !sums.peer_known))
        return;
    for (const struct iperf3_stream *st = s->streams; st != NULL; st = st->next)
        if (!st->sends)
            packets += st->order.highest - st->warm_last;
    if (iperf3_session_sends(s))
        lost += sums.peer_lost;
    if ((int64_t)lost < 0)
        lost = 0;
    t->measured = 1u << JOB_MAX_LOST | 1u << JOB_MAX_LOSS;
    t->value[JOB_MAX_LOST] = lost;
    if (packets != 0)
        t->value[JOB_MAX_LOSS] = lost < packets ? ppb(lost, packets) : PPB_ALL;
}

const char *iperf3_report_words(const struct iperf3_session *s)
{
    static char words[IPERF3_WORDS_BYTES];
    const struct iperf3_params *p = &s->params;
    struct iperf3_figures f = iperf3_session_figures(s, false);
    struct totals t = total(s);

    format(words, sizeof(words),
           "antifreeze " CONFIG_VERSION ": test %u, %s, streams: %u\n"
           "received %lu bytes, sent %lu bytes in %lu ms; longest gap %lu us\n"
           "datagrams lost %ld, out of order %lu; failed allocations %lu\n",
           s->serial, p->udp ? "UDP" : "TCP", s->n_streams, f.rx_bytes, f.acked_bytes,
           measured_us(s) / 1000, gap_max_us(s), (int64_t)t.lost, t.out_of_order,
           netport_alloc_failures());
    return words;
}
