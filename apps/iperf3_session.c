// SPDX-License-Identifier: BSD-3-Clause
/*
 * Sessions and streams: two static tables, and what happens to them over time.
 *
 * Nothing here speaks the protocol. A running session is visited once a turn of the main loop; a
 * visit costs one look at each stream at most, and only when a sender is due.
 */
#include "iperf3.h"

#include "app.h"
#include "conn.h"
#include "format.h"
#include "netport.h"
#include "string.h"

/* Datagrams, or streams served, for each session in one turn: a quarter of the transmit ring. */
#define SEND_BUDGET (CONFIG_TX_RING / 4)

/* As many in a row for one stream before the next one's turn; more if there are few. */
#define SEND_BURST 8

/* How often a UDP sender looks at its schedule: often enough that what is due then is no burst to
 * speak of, and seldom enough that a turn and a doorbell are not for a single datagram. */
#define UDP_TURN_NS (250 * NS_PER_US)
static_assert(UDP_TURN_NS <= PACE_BURST_NS, "else it falls behind");

/* A UDP sender looks for room in the transmit ring this often. 50 µs are four full frames at
 * 1 Gbit/s: the ring does not run empty meanwhile. */
#define ROOM_RETRY_NS (50 * NS_PER_US)

/* Connections aborted in one turn: each costs a frame of the transmit ring's reserve. */
#define RELEASE_BUDGET CONFIG_TX_RESERVE

struct iperf3_session iperf3_sessions[CONFIG_IPERF_SESSION];

static char texts[CONFIG_IPERF_SESSION][IPERF3_TEXT_BYTES] __attribute__((section(".noinit")));
static struct iperf3_stream streams[CONFIG_IPERF_STREAM];
static struct iperf3_stream *free_streams;
static unsigned n_used;
static uint32_t n_sessions;

/* ---- tables -------------------------------------------------------------------------------- */

void iperf3_tables_init(void)
{
    free_streams = NULL;
    for (unsigned i = CONFIG_IPERF_STREAM; i-- > 0;) {
        streams[i].next = free_streams;
        free_streams = &streams[i];
    }
}

/* Else the server has. */
void iperf3_tables_need(void)
{
    if (!(apps_conf->services & SERVICE_IPERF3) && n_used == 0)
        iperf3_tables_init();
}

bool iperf3_streams_lend(uint32_t n)
{
    if (n > CONFIG_IPERF_STREAM - n_used)
        return false;
    n_used += n;
    return true;
}

void iperf3_streams_return(uint32_t n)
{
    n_used -= n;
}

unsigned iperf3_streams_used(void)
{
    return n_used;
}

struct iperf3_session *iperf3_session_find(const char *cookie)
{
    for (unsigned i = 0; i < CONFIG_IPERF_SESSION; i++) {
        struct iperf3_session *s = &iperf3_sessions[i];
        if (s->state != IPERF3_FREE && memcmp(s->cookie, cookie, IPERF3_COOKIE_BYTES) == 0)
            return s;
    }
    return NULL;
}

struct iperf3_session *iperf3_session_new(const char *cookie, const struct iperf3_role *role)
{
    for (unsigned i = 0; i < CONFIG_IPERF_SESSION; i++) {
        struct iperf3_session *s = &iperf3_sessions[i];
        if (s->state != IPERF3_FREE)
            continue;
        memset(s, 0, sizeof(*s));
        s->role = role;
        s->text = texts[i];
        s->send_left = UINT64_MAX;
        s->serial = ++n_sessions;
        format(s->job, sizeof(s->job), "iperf3-%u", s->serial);
        memcpy(s->cookie, cookie, IPERF3_COOKIE_BYTES);
        return s;
    }
    return NULL;
}

void iperf3_session_enter(struct iperf3_session *s, enum iperf3_state state, uint64_t limit_ns)
{
    uint64_t now = time_ns();

    s->state = state;
    iperf3_tcp_share();
    s->since_ns = now;
    s->deadline_ns = limit_ns < UINT64_MAX - now ? now + limit_ns : UINT64_MAX;
}

void iperf3_session_end(struct iperf3_session *s, const char *reason)
{
    if (s->state == IPERF3_ENDED)
        return;
    if (s->state == IPERF3_RUNNING)
        iperf3_session_stop(s, time_ns());
    s->end = reason;
    iperf3_session_enter(s, IPERF3_ENDED, 0);
}

bool iperf3_session_take_streams(struct iperf3_session *s)
{
    const struct iperf3_params *p = &s->params;
    uint32_t n = p->bidir ? 2 * p->parallel : p->parallel;
    struct iperf3_stream **tail = &s->streams;

    if (n > CONFIG_IPERF_STREAM - n_used)
        return false;
    for (uint32_t k = 0; k < n; k++) {
        struct iperf3_stream *st = free_streams;
        free_streams = st->next;
        memset(st, 0, sizeof(*st));
        st->session = s;
        st->id = (uint16_t)(k == 0 ? 1 : k + 2); /* 1, 3, 4, 5, … */
        st->sends = (p->bidir ? k >= p->parallel : p->reverse) != s->role->client;
        st->peer.retransmits = -1;
        *tail = st;
        tail = &st->next;
    }
    n_used += n;
    s->n_streams = n;
    s->n_unopened = n;
    s->unopened = s->streams;
    return true;
}

bool iperf3_session_may_create(const struct iperf3_session *s)
{
    for (unsigned i = 0; i < CONFIG_IPERF_SESSION; i++) {
        const struct iperf3_session *o = &iperf3_sessions[i];
        if (o == s || !o->params.udp || !ip_addr_eq(&o->peer, &s->peer))
            continue;
        if (o->state == IPERF3_CREATE || (o->state == IPERF3_QUEUED && o->serial < s->serial))
            return false;
    }
    return true;
}

/* ---- start, warm-up, end of a test --------------------------------------------------------- */

static void pace_stream(struct iperf3_stream *st, uint64_t now)
{
    const struct iperf3_params *p = &st->session->params;

    if (!p->udp)
        iperf3_tcp_begin(st);
    if (st->sends)
        pace_init(&st->pace, p->rate, p->udp ? p->len : st->unit, now);
}

void iperf3_session_start(struct iperf3_session *s, uint64_t now)
{
    const struct iperf3_params *p = &s->params;

    s->start_ns = now;
    s->measure_ns = now + p->omit_s * NS_PER_S;
    s->warm = p->omit_s == 0;
    s->turn = s->streams;
    s->interval = (struct interval){
        .job = s->job, .sends = iperf3_session_sends(s), .receives = iperf3_session_receives(s)};
    interval_begin(&s->interval, s->role->client ? 0 : apps_conf->job.interval_ns, now);
    iperf3_gap_start(&s->rx_gap, iperf3_session_receives(s), netport_run_ns(now));
    iperf3_gap_start(&s->tx_gap, iperf3_session_sends(s), netport_run_ns(now));
    if (!p->udp && !s->role->client)
        iperf3_tcp_sort(s);
    for (struct iperf3_stream *st = s->streams; st != NULL; st = st->next)
        pace_stream(st, now);
}

void iperf3_session_pace(struct iperf3_session *s, uint64_t rate, uint64_t now)
{
    s->params.rate = rate;
    s->send_ns = 0;
    for (struct iperf3_stream *st = s->streams; st != NULL; st = st->next) {
        st->blocked = false;
        pace_stream(st, now);
    }
}

void iperf3_session_stop(struct iperf3_session *s, uint64_t now)
{
    s->stop_ns = now;
    iperf3_gap_stop(&s->rx_gap, netport_run_ns(now));
    iperf3_gap_stop(&s->tx_gap, netport_run_ns(now));
    for (struct iperf3_stream *st = s->streams; st != NULL; st = st->next) {
        if (!s->params.udp && !s->role->client)
            iperf3_tcp_finish(st);
    }
}

static void end_warm_up(struct iperf3_session *s)
{
    s->warm = true;
    for (struct iperf3_stream *st = s->streams; st != NULL; st = st->next) {
        st->warm = st->sum;
        st->warm_lost = st->order.lost;
        st->warm_last = st->order.highest;
        iperf3_order_warm(&st->order);
    }
}

/* ---- figures ------------------------------------------------------------------------------- */

struct iperf3_figures iperf3_stream_figures(const struct iperf3_stream *st)
{
    const struct iperf3_figures *a = &st->sum, *b = &st->warm;

    if (!st->session->warm)
        return (struct iperf3_figures){0};
    return (struct iperf3_figures){
        .tx_bytes = a->tx_bytes - b->tx_bytes,
        .acked_bytes = a->acked_bytes - b->acked_bytes,
        .rx_bytes = a->rx_bytes - b->rx_bytes,
        .tx_packets = a->tx_packets - b->tx_packets,
        .rx_packets = a->rx_packets - b->rx_packets,
    };
}

static void add(struct iperf3_figures *to, const struct iperf3_figures *f)
{
    to->tx_bytes += f->tx_bytes;
    to->acked_bytes += f->acked_bytes;
    to->rx_bytes += f->rx_bytes;
    to->tx_packets += f->tx_packets;
    to->rx_packets += f->rx_packets;
}

struct iperf3_figures iperf3_session_figures(const struct iperf3_session *s, bool warm_up)
{
    struct iperf3_figures sum = {0};

    for (const struct iperf3_stream *st = s->streams; st != NULL; st = st->next) {
        struct iperf3_figures f = warm_up ? st->sum : iperf3_stream_figures(st);
        add(&sum, &f);
    }
    return sum;
}

/* ---- turns --------------------------------------------------------------------------------- */

static unsigned send_one(struct iperf3_stream *st, uint64_t now, unsigned room)
{
    const unsigned share = SEND_BUDGET / st->session->n_streams;
    const unsigned burst = share > SEND_BURST ? share : SEND_BURST;

    if (st->session->params.udp)
        return iperf3_udp_send(st, now, room < burst ? room : burst);
    return iperf3_tcp_send(st, now);
}

/* Serves senders that are due, each in its turn, until all had one or the budget is spent. */
static unsigned send_turn(struct iperf3_session *s, uint64_t now)
{
    unsigned done = 0, budget = SEND_BUDGET;
    bool short_of_room = false;

    if (now < s->send_ns)
        return 0;
    if (s->params.udp) {
        unsigned room = netport_tx_room(s->netif);
        short_of_room = room < budget;
        budget = short_of_room ? room : budget;
    }

    uint64_t next = UINT64_MAX;
    for (uint32_t k = 0; k < s->n_streams; k++) {
        struct iperf3_stream *st = s->turn;
        if (st->sends && !st->blocked && pace_due(&st->pace, now)) {
            if (done >= budget) {
                next = short_of_room ? now + ROOM_RETRY_NS : now;
                break;
            }
            done += send_one(st, now, budget - done);
        }
        if (st->sends && !st->blocked && pace_when(&st->pace) < next)
            next = pace_when(&st->pace);
        s->turn = st->next != NULL ? st->next : s->streams;
    }
    /* Behind its schedule it is due at once. */
    if (s->params.udp && next > now && next < now + UDP_TURN_NS && !short_of_room)
        next = now + UDP_TURN_NS;
    s->send_ns = next;
    return done;
}

unsigned iperf3_session_turn(struct iperf3_session *s, uint64_t now)
{
    if (s->state != IPERF3_RUNNING)
        return 0;
    iperf3_gap_turn(&s->rx_gap, netport_run_ns(now));
    iperf3_gap_turn(&s->tx_gap, netport_run_ns(now));
    if (s->rx_gap.on)
        netport_rx_due(s->netif);
    if (!s->warm && now >= s->measure_ns)
        end_warm_up(s);
    if (interval_due(&s->interval, now))
        iperf3_report_interval(s, now);
    return send_turn(s, now);
}

uint64_t iperf3_session_deadline(const struct iperf3_session *s)
{
    uint64_t first = s->deadline_ns;

    if (s->state == IPERF3_FREE)
        return UINT64_MAX;
    if (s->state == IPERF3_RUNNING) {
        if (!s->warm && s->measure_ns < first)
            first = s->measure_ns;
        if (s->interval.next_ns < first)
            first = s->interval.next_ns;
        if (s->send_ns < first)
            first = s->send_ns;
    }
    return first;
}

bool iperf3_session_release(struct iperf3_session *s)
{
    unsigned released = 0;

    for (struct iperf3_stream *st = s->streams; st != NULL; st = st->next) {
        if (st->pcb == NULL && st->udp == NULL)
            continue;
        if (released++ == RELEASE_BUDGET)
            return false;
        if (s->params.udp)
            iperf3_udp_release(st);
        else
            iperf3_tcp_release(st);
    }
    return true;
}

unsigned iperf3_session_take_down(struct iperf3_session *s)
{
    s->end = NULL;
    if (s->control != NULL) {
        /* Whatever the stack may still send must not be written over by the next session. */
        if (s->lent)
            conn_abort(s->control);
        else
            conn_close(s->control);
        s->control = NULL;
    }
    if (!iperf3_session_release(s))
        return RELEASE_BUDGET;
    while (s->streams != NULL) {
        struct iperf3_stream *st = s->streams;
        s->streams = st->next;
        st->session = NULL;
        st->next = free_streams;
        free_streams = st;
        n_used--;
    }
    s->state = IPERF3_FREE;
    return 1;
}
