// SPDX-License-Identifier: BSD-3-Clause
/*
 * The iperf3 server: the state machine of its sessions, and the service.
 *
 *     cookie -> PARAMS -> (QUEUED) -> CREATE -> RUNNING -> RESULTS -> REPLY -> ENDED
 *
 * The first 37 bytes of every connection are a cookie. One that a session knows makes it that
 * session's next data connection, any other opens a session. Each state has a time limit, and every
 * state takes the client's "done", "terminated", FIN and RST. What cannot be carried is refused
 * with the protocol's own error message before the client is asked to open a stream.
 */
#include "iperf3.h"

#include "app.h"
#include "netport.h"
#include "string.h"

/* How long each step may take. The client's own limit for a stream is 30 s; a client that is asked
 * for a block sends it at once. */
#define BLOCK_NS  (10 * NS_PER_S)
#define CREATE_NS (30 * NS_PER_S)
#define QUEUED_NS (60 * NS_PER_S)  /* twice what the one before it may take */
#define TEST_NS   (40 * NS_PER_S)  /* beyond the time that the client asked for */
#define IDLE_NS   (120 * NS_PER_S) /* without a byte, where the client should be sending */

/* A session this young is not given up for another client. */
#define YOUNG_NS (1 * NS_PER_S)

static struct {
    uint64_t done;    /* tests that went the whole way */
    uint64_t aborted; /* tests that were started and ended otherwise */
} counters;

/* ---- from parameters to streams ------------------------------------------------------------ */

static bool all_is_said(const struct iperf3_session *s)
{
    return s->state == IPERF3_REPLY || s->state == IPERF3_ENDED;
}

/* Streams will be given back as soon as a client has said good-bye. */
static bool some_session_is_leaving(void)
{
    for (unsigned i = 0; i < CONFIG_IPERF_SESSION; i++) {
        if (all_is_said(&iperf3_sessions[i]))
            return true;
    }
    return false;
}

/* Takes the streams and asks the client to open them, or leaves the session QUEUED: until the
 * client before it, which may have the word "done" still on its way, has given its streams back; or
 * until hellos cannot be mistaken. */
static void try_create(struct iperf3_session *s)
{
    if (s->streams == NULL && !iperf3_session_take_streams(s)) {
        if (!some_session_is_leaving())
            iperf3_control_refuse(s, IPERF3_E_BUSY);
        return;
    }
    if (s->params.udp && !iperf3_session_may_create(s))
        return;
    iperf3_session_enter(s, IPERF3_CREATE, CREATE_NS);
    iperf3_door_widen();
    iperf3_control_say(s, IPERF3_CREATE_STREAMS, 1);
}

static void params(struct iperf3_session *s)
{
    struct iperf3_params *p = &s->params;
    enum iperf3_error error = iperf3_json_params(s->text, s->text_len, p);

    if (error == IPERF3_OK && p->udp) {
        uint32_t most = iperf3_udp_len_max(s);
        if (p->len == 0)
            p->len = most < IPERF3_UDP_BLOCK_DEFAULT ? most : IPERF3_UDP_BLOCK_DEFAULT;
        if (p->len > most)
            error = IPERF3_E_UDP_BLOCK;
    }
    if (error == IPERF3_OK && p->parallel * (p->bidir ? 2 : 1) > CONFIG_IPERF_STREAM)
        error = IPERF3_E_STREAMS;
    if (error != IPERF3_OK) {
        iperf3_control_refuse(s, error);
        return;
    }
    iperf3_session_enter(s, IPERF3_QUEUED, QUEUED_NS);
    try_create(s);
}

void iperf3_server_streams_ready(struct iperf3_session *s)
{
    const struct iperf3_params *p = &s->params;

    if (!iperf3_control_say(s, IPERF3_TEST_START, 2))
        return;
    iperf3_session_enter(s, IPERF3_RUNNING,
                         p->time_s != 0 ? (p->omit_s + (uint64_t)p->time_s) * NS_PER_S + TEST_NS
                                        : UINT64_MAX);
    iperf3_session_start(s, s->since_ns);
}

/* ---- from the end of the test to its results ----------------------------------------------- */

static void test_end(struct iperf3_session *s)
{
    iperf3_session_stop(s, time_ns());
    s->prefix_have = 0;
    iperf3_session_enter(s, IPERF3_RESULTS, BLOCK_NS);
    iperf3_control_say(s, IPERF3_EXCHANGE_RESULTS, 1);
}

static void results(struct iperf3_session *s)
{
    if (!iperf3_results_read(s)) {
        iperf3_control_refuse(s, IPERF3_E_RESULTS);
        return;
    }
    uint32_t n = iperf3_results_write(s, s->params.server_output ? iperf3_report_words(s) : NULL);
    iperf3_session_enter(s, IPERF3_REPLY, BLOCK_NS);
    iperf3_control_block(s, n);
}

/* ---- what the client says ------------------------------------------------------------------ */

static void block(struct iperf3_session *s)
{
    if (s->state == IPERF3_PARAMS)
        params(s);
    else
        results(s);
}

static void bad_block(struct iperf3_session *s)
{
    iperf3_control_refuse(s, s->state == IPERF3_PARAMS ? IPERF3_E_PARAMS : IPERF3_E_RESULTS);
}

static void message(struct iperf3_session *s, int8_t m)
{
    if (m == IPERF3_TEST_END && s->state == IPERF3_RUNNING)
        test_end(s);
    else if (m == IPERF3_DONE)
        iperf3_session_end(s, s->state == IPERF3_REPLY ? "done" : "client_error");
    else if (m == IPERF3_CLIENT_TERMINATE)
        iperf3_session_end(s, "client_terminated");
    else
        iperf3_control_refuse(s, IPERF3_E_MESSAGE);
}

static void said(struct iperf3_session *s)
{
    (void)s;
}

/* Newer clients say good-bye by closing alone. */
static void lost(struct iperf3_session *s, bool reset)
{
    bool replied = s->state == IPERF3_REPLY && s->text_done > s->text_len;

    if (reset)
        iperf3_session_end(s, "client_reset");
    else
        iperf3_session_end(s, replied ? "done" : "client_closed");
}

static const struct iperf3_role role = {
    .message = message, .block = block, .bad_block = bad_block, .said = said, .lost = lost};

/* ---- sessions and streams of new connections ----------------------------------------------- */

/* Makes room for a new client at the cost of the one that has kept us waiting longest for its
 * parameters. */
static bool give_up_one(uint64_t now)
{
    struct iperf3_session *oldest = NULL;

    for (unsigned i = 0; i < CONFIG_IPERF_SESSION; i++) {
        struct iperf3_session *s = &iperf3_sessions[i];
        if (s->state == IPERF3_PARAMS && now - s->since_ns >= YOUNG_NS &&
            (oldest == NULL || s->since_ns < oldest->since_ns))
            oldest = s;
    }
    if (oldest == NULL)
        return false;
    apps_refused("iperf3 test", "no parameters yet, and another client waits");
    iperf3_session_end(oldest, "given_up");
    iperf3_session_take_down(oldest);
    return true;
}

bool iperf3_server_open_session(struct tcp_pcb *pcb, const char *cookie)
{
    struct iperf3_session *s = iperf3_session_new(cookie, &role);

    if (s == NULL && give_up_one(time_ns()))
        s = iperf3_session_new(cookie, &role);
    if (s == NULL)
        return false;
    iperf3_control_open(s, pcb);
    iperf3_session_enter(s, IPERF3_PARAMS, BLOCK_NS);
    iperf3_control_say(s, IPERF3_PARAM_EXCHANGE, 1);
    return true;
}

bool iperf3_server_open_stream(struct iperf3_session *s, struct tcp_pcb *pcb)
{
    if (s->state != IPERF3_CREATE || s->params.udp)
        return false;
    struct iperf3_stream *st = s->unopened;
    s->unopened = st->next;
    s->n_unopened--;
    iperf3_tcp_attach(st, pcb);
    if (s->unopened == NULL)
        iperf3_server_streams_ready(s);
    return true;
}

/* ---- the service --------------------------------------------------------------------------- */

static void terminate(struct iperf3_session *s, const char *reason)
{
    if (iperf3_control_say(s, IPERF3_SERVER_TERMINATE, 1))
        iperf3_session_end(s, reason);
}

static void timed_out(struct iperf3_session *s)
{
    switch (s->state) {
    case IPERF3_PARAMS:
        apps_refused("iperf3 test", "no parameters");
        iperf3_session_end(s, "client_silent");
        break;
    case IPERF3_QUEUED:
        iperf3_control_refuse(s, IPERF3_E_BUSY);
        break;
    case IPERF3_CREATE:
        iperf3_control_refuse(s, IPERF3_E_ACCEPT);
        break;
    case IPERF3_RUNNING:
        terminate(s, "test_too_long");
        break;
    default:
        iperf3_session_end(s, "client_silent");
    }
}

static bool idle(const struct iperf3_session *s, uint64_t now)
{
    const struct iperf3_gap *rx = &s->rx_gap;
    uint64_t run = netport_run_ns(now);

    return s->state == IPERF3_RUNNING && rx->on && !rx->progress && run > rx->last_ns &&
           run - rx->last_ns > IDLE_NS;
}

static unsigned session_poll(struct iperf3_session *s, uint64_t now)
{
    if (s->state == IPERF3_FREE || s->role->client)
        return 0;
    if (s->state == IPERF3_QUEUED)
        try_create(s);
    if (s->state != IPERF3_ENDED && now >= s->deadline_ns)
        timed_out(s);
    if (idle(s, now))
        terminate(s, "client_idle");
    if (s->state != IPERF3_ENDED)
        return iperf3_session_turn(s, now);
    if (s->end != NULL && s->streams != NULL) {
        iperf3_report_result(s);
        *(strcmp(s->end, "done") == 0 ? &counters.done : &counters.aborted) += 1;
    }
    return iperf3_session_take_down(s);
}

/* The turn's time was taken before the stack's callbacks ran, and they look at the clock too: with
 * a time of its own nothing that they noted lies in the future. */
static unsigned iperf3_poll(uint64_t turn_ns)
{
    static unsigned first;
    uint64_t now = time_ns();
    unsigned done = iperf3_door_poll(now);

    (void)turn_ns;
    /* Senders of datagrams share what room the ring has: another session is first each time. */
    first = (first + 1) % CONFIG_IPERF_SESSION;
    for (unsigned i = 0; i < CONFIG_IPERF_SESSION; i++)
        done += session_poll(&iperf3_sessions[(first + i) % CONFIG_IPERF_SESSION], now);
    return done;
}

static uint64_t iperf3_deadline(void)
{
    uint64_t first = iperf3_door_deadline();

    for (unsigned i = 0; i < CONFIG_IPERF_SESSION; i++) {
        const struct iperf3_session *s = &iperf3_sessions[i];
        uint64_t t = UINT64_MAX;
        if (s->state != IPERF3_FREE && !s->role->client)
            t = iperf3_session_deadline(s);
        if (t < first)
            first = t;
    }
    return first;
}

static bool iperf3_start(void)
{
    iperf3_tables_init();
    return iperf3_udp_start() && iperf3_door_start();
}

static void iperf3_stats(struct json *j)
{
    unsigned sessions = 0;

    for (unsigned i = 0; i < CONFIG_IPERF_SESSION; i++)
        sessions += iperf3_sessions[i].state != IPERF3_FREE;
    json_u64(j, "pending", iperf3_door_waiting());
    json_u64(j, "sessions", sessions);
    json_u64(j, "streams", iperf3_streams_used());
    json_u64(j, "done", counters.done);
    json_u64(j, "aborted", counters.aborted);
    json_u64(j, "stray_datagrams", iperf3_udp_stray());
    json_u64(j, "unresolved_datagrams", iperf3_udp_unresolved());
}

const struct service iperf3_service = {
    .name = "iperf3",
    .bit = SERVICE_IPERF3,
    .start = iperf3_start,
    .poll = iperf3_poll,
    .deadline = iperf3_deadline,
    .stats = iperf3_stats,
};
