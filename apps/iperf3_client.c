// SPDX-License-Identifier: BSD-3-Clause
/*
 * The iperf3 client's state machine.
 *
 *     CONNECT -> GREET -> OFFER -> OPEN -> READY -> RUNNING -> STOPPED -> THEIRS -> LAST -> BYE
 *
 * Any state may lead to ENDED: each has a time limit, and takes the server's "busy", its error
 * message, "terminated", FIN and RST. A server that says what it may not say now is not argued
 * with. The client decides when the test is over; a server that has stopped moving anything ends
 * it, too.
 */
#include "iperf3.h"

#include "conn.h"
#include "netport.h"
#include "string.h"
#include "time.h"

/* How long each step may take. A server may let a client wait until another one has gone: ours for
 * a minute. */
#define CONNECT_NS (10 * NS_PER_S)
#define GREET_NS   (10 * NS_PER_S)
#define OFFER_NS   (70 * NS_PER_S)
#define OPEN_NS    (30 * NS_PER_S)
#define READY_NS   (30 * NS_PER_S)
#define STOPPED_NS (30 * NS_PER_S)
#define RESULTS_NS (30 * NS_PER_S)
#define HURRY_NS   (3 * NS_PER_S) /* the same once somebody has asked for the end */
#define BYE_NS     (1 * NS_PER_S)

/* Without a way to the server another look is taken this often: an IPv6 address may still be on its
 * way through duplicate detection. */
#define RETRY_NS (100 * NS_PER_MS)

/* ---- before the test ----------------------------------------------------------------------- */

static err_t connected(void *arg, struct tcp_pcb *pcb, err_t err)
{
    struct iperf3_session *s = arg;

    (void)err;
    conn_connected(pcb, TCP_WND_MAX(pcb), TCP_PRIO_MAX);
    iperf3_control_open(s, pcb);
    iperf3_session_enter(s, IPERF3_GREET, GREET_NS);
    iperf3_control_greet(s);
    return ERR_OK;
}

static void not_connected(void *arg, err_t err)
{
    struct iperf3_session *s = arg;

    s->control = NULL;
    iperf3_session_end(s, err == ERR_RST ? "connection_refused" : "no_answer");
}

static void connect_to(struct iperf3_session *s, uint64_t now)
{
    err_t err;

    s->control = conn_connect(&s->peer, s->port, connected, not_connected, s, &err);
    s->retry_ns = now + RETRY_NS;
    if (s->control == NULL && err != ERR_RTE)
        iperf3_session_end(s, "no_connection_left");
}

bool iperf3_client_start(struct iperf3_session *s)
{
    if (!iperf3_session_take_streams(s))
        return false;
    iperf3_session_enter(s, IPERF3_CONNECT, CONNECT_NS);
    connect_to(s, s->since_ns);
    return true;
}

static void offer(struct iperf3_session *s)
{
    struct iperf3_params *p = &s->params;
    struct json j;

    if (p->udp) {
        uint32_t most = iperf3_udp_len_max(s);
        if (p->len == 0)
            p->len = most < IPERF3_UDP_BLOCK_DEFAULT ? most : IPERF3_UDP_BLOCK_DEFAULT;
        if (p->len > most) {
            iperf3_session_end(s, "len_above_mtu");
            return;
        }
    }
    json_init(&j, s->text + sizeof(s->prefix), IPERF3_TEXT_BYTES - sizeof(s->prefix));
    iperf3_json_write_params(&j, p, s->bytes);
    iperf3_session_enter(s, IPERF3_OFFER, OFFER_NS);
    iperf3_control_block(s, (uint32_t)json_finish(&j));
}

void iperf3_client_streams_ready(struct iperf3_session *s)
{
    iperf3_session_enter(s, IPERF3_READY, READY_NS);
}

/* What is sent from here on counts: as many whole datagrams as have all the bytes in them. */
static void allow_bytes(struct iperf3_session *s)
{
    uint64_t unit = s->params.udp ? s->params.len : 1;

    s->send_left = (s->bytes + unit - 1) / unit * unit;
    s->send_ns = 0;
}

static void begin(struct iperf3_session *s)
{
    const struct iperf3_params *p = &s->params;

    iperf3_session_enter(s, IPERF3_RUNNING, UINT64_MAX);
    iperf3_session_start(s, s->since_ns);
    if (p->omit_s == 0 && s->bytes != 0)
        allow_bytes(s);
}

/* ---- the test and its end ------------------------------------------------------------------ */

static void stop(struct iperf3_session *s, uint64_t now)
{
    iperf3_session_stop(s, now);
    iperf3_session_enter(s, IPERF3_STOPPED, STOPPED_NS);
    iperf3_control_say(s, IPERF3_TEST_END, 1);
}

static bool moved_enough(const struct iperf3_session *s)
{
    const struct iperf3_figures f = iperf3_session_figures(s, false);

    return f.acked_bytes >= s->bytes || f.rx_bytes >= s->bytes;
}

static bool idle(const struct iperf3_session *s, uint64_t now)
{
    const struct iperf3_gap *rx = &s->rx_gap, *tx = &s->tx_gap;
    uint64_t last = rx->last_ns > tx->last_ns ? rx->last_ns : tx->last_ns;
    uint64_t run = netport_run_ns(now);

    return !rx->progress && !tx->progress && run > last && run - last > s->patience_ns;
}

static unsigned running(struct iperf3_session *s, uint64_t now)
{
    bool was_warm = s->warm;
    unsigned done = iperf3_session_turn(s, now);

    if (s->bytes != 0 && s->warm && !was_warm)
        allow_bytes(s);
    if (s->bytes != 0 ? s->warm && moved_enough(s)
                      : s->time_ns != 0 && now >= s->measure_ns + s->time_ns)
        stop(s, now);
    else if (idle(s, now))
        iperf3_session_end(s, "server_silent");
    return done;
}

/* A test that is over already has its results to wait for, but not for long any more. */
void iperf3_client_stop(struct iperf3_session *s)
{
    const uint64_t now = time_ns();

    if (s->state == IPERF3_RUNNING)
        stop(s, now);
    else if (s->state < IPERF3_STOPPED || s->state > IPERF3_BYE)
        iperf3_session_end(s, "stopped");
    else if (s->deadline_ns > now + HURRY_NS)
        s->deadline_ns = now + HURRY_NS;
}

/* ---- what the server says ------------------------------------------------------------------ */

static void take_error(struct iperf3_session *s, uint8_t byte)
{
    if (s->sorry < sizeof(s->error))
        s->error = s->error << 8 | byte;
    if (++s->sorry == 2 * sizeof(s->error)) /* the second number is the server's errno */
        iperf3_session_end(s, "server_refused");
}

static void results(struct iperf3_session *s)
{
    uint32_t n = iperf3_results_write(s, NULL);

    s->prefix_have = 0;
    iperf3_session_enter(s, IPERF3_THEIRS, RESULTS_NS);
    iperf3_control_block(s, n);
}

static void bye(struct iperf3_session *s)
{
    iperf3_session_enter(s, IPERF3_BYE, BYE_NS);
    iperf3_control_say(s, IPERF3_DONE, 1);
}

/* What is due in each state; false: something else was said. */
static bool due(struct iperf3_session *s, int8_t m)
{
    if (m == IPERF3_PARAM_EXCHANGE && s->state == IPERF3_GREET) {
        offer(s);
    } else if (m == IPERF3_CREATE_STREAMS && s->state == IPERF3_OFFER) {
        iperf3_session_enter(s, IPERF3_OPEN, OPEN_NS);
        iperf3_open_next(s);
    } else if (m == IPERF3_TEST_START && s->state == IPERF3_OPEN) {
        return iperf3_open_all_heard(s);
    } else if (m == IPERF3_TEST_RUNNING && s->state == IPERF3_READY) {
        begin(s);
    } else if (m == IPERF3_EXCHANGE_RESULTS && s->state == IPERF3_STOPPED) {
        results(s);
    } else if (m == IPERF3_DISPLAY_RESULTS && s->state == IPERF3_LAST) {
        bye(s);
    } else {
        return m == IPERF3_TEST_START && s->state == IPERF3_READY;
    }
    return true;
}

static void message(struct iperf3_session *s, int8_t m)
{
    if (s->state == IPERF3_SORRY)
        take_error(s, (uint8_t)m);
    else if (due(s, m))
        return;
    else if (m == IPERF3_SERVER_ERROR)
        iperf3_session_enter(s, IPERF3_SORRY, GREET_NS);
    else if (m == IPERF3_ACCESS_DENIED)
        iperf3_session_end(s, "server_busy");
    else if (m == IPERF3_SERVER_TERMINATE)
        iperf3_session_end(s, "server_terminated");
    else if (s->state != IPERF3_BYE)
        iperf3_session_end(s, "server_says_nonsense");
}

static void block(struct iperf3_session *s)
{
    if (iperf3_results_read(s))
        iperf3_session_enter(s, IPERF3_LAST, RESULTS_NS);
    else
        iperf3_session_end(s, "server_says_nonsense");
}

static void bad_block(struct iperf3_session *s)
{
    iperf3_session_end(s, "server_says_nonsense");
}

static void said(struct iperf3_session *s)
{
    if (s->state == IPERF3_BYE)
        iperf3_session_end(s, "done");
}

static void lost(struct iperf3_session *s, bool reset)
{
    if (s->state == IPERF3_BYE)
        iperf3_session_end(s, "done");
    else if (s->state == IPERF3_SORRY)
        iperf3_session_end(s, "server_refused");
    else
        iperf3_session_end(s, reset ? "server_reset" : "server_closed");
}

const struct iperf3_role iperf3_client_role = {.client = true,
                                               .message = message,
                                               .block = block,
                                               .bad_block = bad_block,
                                               .said = said,
                                               .lost = lost};

/* ---- turns --------------------------------------------------------------------------------- */

static void timed_out(struct iperf3_session *s)
{
    if (s->state == IPERF3_CONNECT)
        iperf3_session_end(s, s->control == NULL ? "no_route" : "no_answer");
    else if (s->state == IPERF3_BYE)
        iperf3_session_end(s, "done");
    else
        iperf3_session_end(s, "server_silent");
}

uint64_t iperf3_client_deadline(const struct iperf3_session *s)
{
    uint64_t first = iperf3_session_deadline(s), end = s->measure_ns + s->time_ns;

    if (s->state == IPERF3_CONNECT && s->control == NULL && s->retry_ns < first)
        first = s->retry_ns;
    if (s->state == IPERF3_RUNNING && s->bytes == 0 && s->time_ns != 0 && end < first)
        first = end;
    return first;
}

unsigned iperf3_client_turn(struct iperf3_session *s, uint64_t now)
{
    if (s->state == IPERF3_CONNECT && s->control == NULL && now >= s->retry_ns)
        connect_to(s, now);
    if (s->state == IPERF3_RUNNING)
        return running(s, now);
    if (s->state != IPERF3_ENDED && now >= s->deadline_ns)
        timed_out(s);
    return 0;
}
