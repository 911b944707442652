// SPDX-License-Identifier: BSD-3-Clause
/*
 * Data over TCP.
 *
 * Receiving is counting: every byte is given back to the window inside the callback. Sending refers
 * to the constant pattern by address, so nothing is copied and nothing has to outlive the test. A
 * sender without a rate is driven by acknowledgements alone; one with a rate by its schedule.
 *
 * A connection that the client closes or resets is left as it is until the session ends: what the
 * test comes to is decided on the control connection. At the end of a test a sender says FIN behind
 * what is queued: in reverse mode the client goes on reading in whole blocks, with reads that wait,
 * and would not look at its control connection before the last one is complete or closed. A
 * receiver stays open: the client takes an RST, even one after its end of the test, for a failed
 * test.
 */
#include "iperf3.h"

#include "app.h"
#include "conn.h"
#include "lwip/priv/tcp_priv.h"
#include "netport.h"

/* A sender with a rate writes what it owes about this often. */
#define UNIT_NS (1 * NS_PER_MS)

/* The most it writes at once: a quarter of the send buffer. */
#define UNIT_MAX (CONFIG_TCP_SND_BUF / 4)

/* The least of the window that a stream gets: below it the client would be waiting for delayed
 * acknowledgements. */
#define SHARE_MIN 4

/* Segments that the client of each receiving stream may have on its way. */
static uint32_t share = CONFIG_IPERF_FLIGHT;

/* A second between looks at a sender whose acknowledgement never came, in ticks of the stack. */
#define POLL_INTERVAL (1000 / TCP_SLOW_INTERVAL)

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static uint32_t write_pattern(struct iperf3_stream *st, uint32_t len)
{
    uint64_t *left = &st->session->send_left;
    uint32_t done = 0;

    if (len > *left)
        len = (uint32_t)*left;
    while (done < len) {
        uint32_t n = least(len - done, pattern_ahead(st->offset));
        uint32_t written = conn_write(st->pcb, pattern + st->offset, n);
        st->offset = (st->offset + written) % PATTERN_BYTES;
        done += written;
        if (written < n)
            break;
    }
    if (*left != UINT64_MAX)
        *left -= done;
    st->sum.tx_bytes += done;
    st->sum.tx_packets += done != 0;
    return done;
}

/* As much as the queue takes, in whole segments. */
static void fill(struct iperf3_stream *st)
{
    uint32_t room = tcp_sndbuf(st->pcb);
    uint32_t segment = netport_cut(st->pcb, pattern, PATTERN_BYTES);

    if (room >= segment)
        room -= room % segment;
    else if (tcp_sndqueuelen(st->pcb) != 0)
        return;
    write_pattern(st, room);
}

/* Blocks below the segment size, and the client wants each on the wire by itself. As many as there
 * can be segments on the way: where the client's window is closed, the stack would gather blocks in
 * segments, and take a hundred thousand of one byte before it is full. */
static void fill_small(struct iperf3_stream *st, uint32_t len)
{
    for (unsigned k = 0; k < CONFIG_TCP_SND_SEGS; k++) {
        if (tcp_sndbuf(st->pcb) < len || write_pattern(st, len) != len)
            break;
        tcp_output(st->pcb);
    }
}

/* What is due. A unit of which the queue took a part is charged when the rest is gone, too. */
static void send_due(struct iperf3_stream *st, uint64_t now)
{
    while (!st->blocked && pace_due(&st->pace, now)) {
        if (st->unit_left == 0)
            st->unit_left = st->unit;
        if (tcp_sndbuf(st->pcb) >= st->unit_left)
            st->unit_left -= write_pattern(st, st->unit_left);
        if (st->unit_left == 0)
            pace_sent(&st->pace, now);
        else
            st->blocked = true;
    }
}

unsigned iperf3_tcp_send(struct iperf3_stream *st, uint64_t now)
{
    const struct iperf3_params *p = &st->session->params;

    if (st->pcb == NULL || p->rate == 0)
        st->blocked = true; /* until acknowledgements come */
    if (st->pcb == NULL)
        return 0;
    if (p->rate != 0) {
        send_due(st, now);
    } else if (p->nodelay && p->len != 0 && p->len < tcp_mss(st->pcb)) {
        fill_small(st, p->len);
    } else {
        fill(st);
    }
    tcp_output(st->pcb);
    return 1;
}

static void unblock(struct iperf3_stream *st)
{
    if (!st->blocked || st->session->state != IPERF3_RUNNING)
        return;
    if (st->session->params.rate == 0) {
        iperf3_tcp_send(st, time_ns());
    } else {
        st->blocked = false;
        st->session->send_ns = 0;
    }
}

static err_t data_sent(void *arg, struct tcp_pcb *pcb, u16_t len)
{
    struct iperf3_stream *st = arg;
    const uint32_t preface = least(st->preface, len);

    (void)pcb;
    st->preface -= preface;
    if (iperf3_stream_counts(st) && len > preface) {
        st->sum.acked_bytes += len - preface;
        st->session->tx_gap.progress = true;
    }
    unblock(st);
    return ERR_OK;
}

static err_t data_poll(void *arg, struct tcp_pcb *pcb)
{
    (void)pcb;
    unblock(arg);
    return ERR_OK;
}

void iperf3_tcp_share(void)
{
    uint32_t receivers = 0;

    for (unsigned i = 0; i < CONFIG_IPERF_SESSION; i++) {
        const struct iperf3_session *s = &iperf3_sessions[i];
        if (s->state == IPERF3_RUNNING && !s->params.udp && iperf3_session_receives(s))
            receivers += s->params.parallel;
    }
    share = receivers != 0 ? CONFIG_IPERF_FLIGHT / receivers : CONFIG_IPERF_FLIGHT;
    if (share < SHARE_MIN)
        share = SHARE_MIN;
}

/* Opens the window as far as the stream's share goes. A share that has become smaller takes nothing
 * back: the window stays where it is until the data is here. */
static void open_window(struct iperf3_stream *st)
{
    conn_window(st->pcb, &st->edge, st->got + least(share * tcp_mss(st->pcb), CONFIG_TCP_WND));
}

static err_t data_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
    struct iperf3_stream *st = arg;

    (void)err;
    if (p == NULL) {
        if (!st->finished)
            return ERR_OK;
        st->pcb = NULL; /* closed by both: from here on the stack needs nobody */
        return conn_close(pcb);
    }
    if (iperf3_stream_counts(st) && !st->sends) {
        st->sum.rx_bytes += p->tot_len;
        st->sum.rx_packets++;
        st->session->rx_gap.progress = true;
    }
    st->got += p->tot_len;
    pbuf_free(p);
    open_window(st);
    return ERR_OK;
}

static void data_err(void *arg, err_t err)
{
    struct iperf3_stream *st = arg;

    (void)err;
    st->pcb = NULL;
}

/* What a sender with a rate writes at once: about a millisecond's worth, in whole segments if it is
 * more than one, and no less than a block. */
static uint32_t unit_bytes(const struct iperf3_params *p, uint32_t mss)
{
    uint64_t unit = p->rate / 8 / (NS_PER_S / UNIT_NS);
    uint32_t block = p->len != 0 ? least(p->len, mss) : mss;

    if (unit <= mss)
        return unit > block ? (uint32_t)unit : block;
    unit = (unit + mss - 1) / mss * mss;
    return unit < UNIT_MAX ? (uint32_t)unit : UNIT_MAX - UNIT_MAX % mss;
}

void iperf3_tcp_attach(struct iperf3_stream *st, struct tcp_pcb *pcb)
{
    st->pcb = pcb;
    st->edge = IPERF3_WINDOW;
    st->order_of_syn = conn_order(pcb);
    tcp_setprio(pcb, TCP_PRIO_NORMAL);
    pcb->tos = st->session->params.tos;
    tcp_arg(pcb, st);
    tcp_recv(pcb, data_recv);
    tcp_sent(pcb, data_sent);
    tcp_poll(pcb, data_poll, POLL_INTERVAL);
    tcp_err(pcb, data_err);
}

static void exchange(struct iperf3_stream *a, struct iperf3_stream *b)
{
    const struct iperf3_stream was = *a;

    a->pcb = b->pcb;
    a->order_of_syn = b->order_of_syn;
    a->got = b->got;
    a->edge = b->edge;
    b->pcb = was.pcb;
    b->order_of_syn = was.order_of_syn;
    b->got = was.got;
    b->edge = was.edge;
    if (a->pcb != NULL)
        tcp_arg(a->pcb, a);
    if (b->pcb != NULL)
        tcp_arg(b->pcb, b);
}

/* One comparison a stream where all is in order, as it nearly always is. */
void iperf3_tcp_sort(struct iperf3_session *s)
{
    for (struct iperf3_stream *st = s->streams; st != NULL && st->next != NULL; st = st->next) {
        if ((int32_t)(st->next->order_of_syn - st->order_of_syn) > 0)
            continue;
        for (struct iperf3_stream *a = s->streams; a != NULL; a = a->next) {
            for (struct iperf3_stream *b = a->next; b != NULL; b = b->next) {
                if ((int32_t)(b->order_of_syn - a->order_of_syn) < 0)
                    exchange(a, b);
            }
        }
        break;
    }
}

void iperf3_tcp_begin(struct iperf3_stream *st)
{
    if (st->pcb == NULL)
        return;
    if (!st->sends)
        open_window(st);
    st->unit = unit_bytes(&st->session->params, tcp_mss(st->pcb));
}

void iperf3_tcp_finish(struct iperf3_stream *st)
{
    if (!st->sends || st->pcb == NULL || st->finished)
        return;
    st->finished = true;
    tcp_shutdown(st->pcb, 0, 1);
}

void iperf3_tcp_release(struct iperf3_stream *st)
{
    if (st->pcb != NULL)
        conn_abort(st->pcb);
    st->pcb = NULL;
}
