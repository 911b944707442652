// SPDX-License-Identifier: BSD-3-Clause
/*
 * The results of a session: ours for the peer, and the peer's.
 */
#include "iperf3.h"

#include "time.h"

/* ---- ours ---------------------------------------------------------------------------------- */

/* Who has the warm-up's packets and losses beside the sums: clients since 3.14 want them, and
 * servers look for them or skip them. */
static bool omits(const struct iperf3_session *s)
{
    return s->role->client || s->params.version >= 3014;
}

/* Clients up to 3.13 subtract what they sent during the warm-up from `packets`, but take `errors`
 * as they are; newer ones want both since the start, and the part of the warm-up beside them. */
static struct iperf3_row udp_row(const struct iperf3_stream *st, bool omitted)
{
    struct iperf3_row r = {.retransmits = -1};
    uint64_t warm_lost = st->session->warm ? st->warm_lost : st->order.lost;

    if (st->sends) {
        r.packets = (int64_t)st->sum.tx_packets;
        r.omitted_packets = (int64_t)st->warm.tx_packets;
        return r;
    }
    r.packets = (int64_t)st->order.highest;
    r.omitted_packets = (int64_t)st->warm_last;
    r.lost = (int64_t)(omitted ? st->order.lost : st->order.lost - warm_lost);
    r.omitted_lost = (int64_t)warm_lost;
    r.jitter_ns = iperf3_order_jitter_ns(&st->order);
    return r;
}

static struct iperf3_row stream_row(const struct iperf3_stream *st)
{
    const struct iperf3_session *s = st->session;
    struct iperf3_figures f = iperf3_stream_figures(st);
    struct iperf3_row r = {.retransmits = -1};

    if (s->params.udp)
        r = udp_row(st, omits(s));
    r.id = st->id;
    r.bytes = st->sends ? f.tx_bytes : f.rx_bytes;
    r.time_us = (s->stop_ns - (s->warm ? s->measure_ns : s->start_ns)) / NS_PER_US;
    return r;
}

uint32_t iperf3_results_write(struct iperf3_session *s, const char *words)
{
    struct json j;

    json_init(&j, s->text + sizeof(s->prefix), IPERF3_TEXT_BYTES - sizeof(s->prefix));
    iperf3_json_begin(&j, iperf3_session_sends(s), words);
    for (const struct iperf3_stream *st = s->streams; st != NULL; st = st->next) {
        struct iperf3_row r = stream_row(st);
        iperf3_json_row(&j, &r, omits(s));
    }
    iperf3_json_end(&j);
    return (uint32_t)json_finish(&j);
}

/* ---- the peer's ---------------------------------------------------------------------------- */

static void peer_row(void *ctx, const struct iperf3_row *r)
{
    struct iperf3_session *s = ctx;

    for (struct iperf3_stream *st = s->streams; st != NULL; st = st->next) {
        if (st->id != r->id)
            continue;
        st->peer = *r;
        st->peer_known = true;
        return;
    }
}

bool iperf3_results_read(struct iperf3_session *s)
{
    return iperf3_json_results(s->text, s->text_len, peer_row, s);
}
