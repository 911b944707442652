// SPDX-License-Identifier: BSD-3-Clause
/*
 * A load of connections; see connect.h.
 *
 *     OPENING -> ASKING -> ENDING -> its place is free
 *                  ^ \-> HELD
 *                  \------/
 *
 * Each step has a time limit. Free places are a stack of numbers, so that one is found at once
 * however many there are; limits are looked at every 10 ms.
 */
#include "connect.h"

#include "app.h"
#include "conn.h"
#include "flood_pace.h"
#include "string.h"
#include "time.h"

#define STEP_NS  (10 * NS_PER_S)   /* that a step may take */
#define HURRY_NS (3 * NS_PER_S)    /* the same once somebody has asked for the end */
#define SCAN_NS  (10 * NS_PER_MS)  /* between two looks at the limits */
#define RETRY_NS (100 * NS_PER_MS) /* between two looks for a way to the server */
#define BATCH    16                /* that begin in a turn */
#define SLIPS    4096              /* slots given up in a turn */
#define WINDOW   65535             /* bytes that a server may send to begin with */

enum step { FREE, OPENING, ASKING, HELD, ENDING };

struct place {
    struct tcp_pcb *pcb;
    enum step step;
    bool answered;       /* once at least */
    uint64_t begin_ns;   /* of the connection */
    uint64_t limit_ns;   /* of this step */
    uint32_t out, acked; /* bytes of this question: given to the stack, acknowledged */
    uint32_t in, edge;   /* as conn_window() counts */
    struct connect_answer answer;
};

static struct place places[CONNECT_PLACES];
static uint16_t free_places[CONNECT_PLACES];
static uint32_t n_free;

static struct connect_params params;
static struct connect_question question;
static struct flood_pace pace;
static struct connect_figures n;
static struct hdr times, answer_times;
static enum connect_phase phase;
static const char *why;
static uint64_t start_ns, end_ns; /* of the schedule; of everything */
static uint64_t scan_ns, seek_limit_ns, retry_ns;
static uint32_t asked; /* questions, for the places of echoes in the pattern */

/* ---- how a connection ends ----------------------------------------------------------------- */

static void leave(struct place *c)
{
    c->pcb = NULL;
    c->step = FREE;
    free_places[n_free++] = (uint16_t)(c - places);
    n.open--;
}

/* It is lost already. */
static void lost(struct place *c, uint64_t *reason)
{
    ++*reason;
    if (params.hold_ns != 0 && c->answered)
        ++*(reason == &n.wrong ? &n.corrupt : &n.dropped);
    leave(c);
}

static err_t give_up(struct place *c, uint64_t *reason)
{
    struct tcp_pcb *pcb = c->pcb;

    lost(c, reason);
    return conn_abort(pcb);
}

/* Nobody counts the one that looks for a server. */
static void forget(struct place *c)
{
    struct tcp_pcb *pcb = c->pcb;

    leave(c);
    conn_abort(pcb);
}

/* Both ends have said all. */
static err_t complete(struct place *c)
{
    struct tcp_pcb *pcb = c->pcb;

    n.completed++;
    leave(c);
    return conn_close(pcb);
}

/* ---- a question and its answer ------------------------------------------------------------- */

static void send_more(struct place *c)
{
    const uint32_t all = question.head_len + question.body_len;

    while (c->out < all) {
        const bool head = c->out < question.head_len;
        const uint32_t at = head ? c->out : c->out - question.head_len;
        const uint32_t len = (head ? question.head_len : question.body_len) - at;
        const uint8_t *from = head ? (const uint8_t *)question.head : pattern + c->answer.place;
        const uint32_t written = conn_write(c->pcb, from + at, len);

        c->out += written;
        if (written < len)
            break;
    }
    tcp_output(c->pcb);
}

static void ask(struct place *c, uint64_t now)
{
    c->step = ASKING;
    c->limit_ns = now + STEP_NS;
    c->out = c->acked = 0;
    c->answer = (struct connect_answer){.place = asked++ * 61 % PATTERN_BYTES};
    n.asked++;
    send_more(c);
}

static void close_first(struct place *c, uint64_t now)
{
    c->step = ENDING;
    c->limit_ns = now + (phase == CONNECT_RUNNING ? STEP_NS : HURRY_NS);
    if (question.ask == CONNECT_ECHO)
        tcp_shutdown(c->pcb, 0, 1);
}

static void answered(struct place *c, uint64_t now)
{
    n.answered++;
    if (!c->answered)
        hdr_record(&answer_times, now - c->begin_ns);
    c->answered = true;
    if (params.hold_ns == 0 || phase != CONNECT_RUNNING) {
        close_first(c, now);
        return;
    }
    c->step = HELD;
    c->limit_ns = now + params.hold_ns;
}

static err_t take(struct place *c, enum connect_state state, uint64_t now)
{
    if (state == CONNECT_WRONG)
        return give_up(c, &n.wrong);
    if (state == CONNECT_RIGHT)
        answered(c, now);
    return ERR_OK;
}

static err_t on_fin(struct place *c)
{
    if (c->step == ASKING) {
        err_t err = take(c, connect_answer_end(&c->answer, &question), time_ns());
        if (err != ERR_OK)
            return err;
    }
    return c->step == ENDING ? complete(c) : give_up(c, &n.reset);
}

static err_t on_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
    struct place *c = arg;
    const uint64_t now = time_ns();
    err_t result = ERR_OK;

    (void)err;
    if (p == NULL)
        return on_fin(c);
    n.rx_bytes += p->tot_len;
    c->in += p->tot_len;
    for (const struct pbuf *q = p; q != NULL && result == ERR_OK; q = q->next)
        result = c->step != ASKING
                     ? give_up(c, &n.wrong) /* nobody has asked */
                     : take(c, connect_answer(&c->answer, &question, q->payload, q->len), now);
    pbuf_free(p);
    if (result == ERR_OK)
        conn_window(pcb, &c->edge, c->in + WINDOW);
    return result;
}

static err_t on_sent(void *arg, struct tcp_pcb *pcb, u16_t len)
{
    struct place *c = arg;

    (void)pcb;
    c->acked += len;
    n.tx_bytes += len;
    if (c->step == ASKING)
        send_more(c);
    return ERR_OK;
}

/* ---- how it begins ------------------------------------------------------------------------- */

static void run(uint64_t now)
{
    const struct flood_shape shape = {.rate = params.rate, .packets = true};

    phase = CONNECT_RUNNING;
    start_ns = now;
    flood_pace_init(&pace, &shape, now, params.time_ns != 0 ? now + params.time_ns : UINT64_MAX);
}

static void fail(const char *reason, uint64_t now)
{
    phase = CONNECT_FAILED;
    why = reason;
    end_ns = now;
}

static err_t on_connected(void *arg, struct tcp_pcb *pcb, err_t err)
{
    struct place *c = arg;
    const uint64_t now = time_ns();

    (void)err;
    conn_connected(pcb, WINDOW, TCP_PRIO_NORMAL);
    if (phase == CONNECT_SEEKING) {
        leave(c);
        run(now);
        return conn_close(pcb);
    }
    hdr_record(&times, now - c->begin_ns);
    c->edge = pcb->rcv_wnd;
    tcp_recv(pcb, on_recv);
    tcp_sent(pcb, on_sent);
    ask(c, now);
    return ERR_OK;
}

static void on_lost(void *arg, err_t err)
{
    struct place *c = arg;
    const bool refused = c->step == OPENING && err == ERR_RST;

    if (phase == CONNECT_SEEKING) {
        leave(c);
        fail(refused ? "connection_refused" : "no_answer", time_ns());
        return;
    }
    lost(c, refused ? &n.refused : err == ERR_RST ? &n.reset : &n.timed_out);
}

/* There is a free place. False: the stack cannot begin now, *err says why. */
static bool begin_one(uint64_t now, err_t *err)
{
    struct place *c = &places[free_places[--n_free]];

    *c = (struct place){.step = OPENING, .begin_ns = now, .limit_ns = now + STEP_NS};
    n.open++;
    c->pcb = conn_connect(&params.target, params.port, on_connected, on_lost, c, err);
    if (c->pcb != NULL)
        return true;
    leave(c);
    return false;
}

static void seek(uint64_t now)
{
    err_t err;

    if (n.open != 0 || now < retry_ns)
        return;
    retry_ns = now + RETRY_NS;
    if (now >= seek_limit_ns)
        fail("no_route", now);
    else if (!begin_one(now, &err) && err != ERR_RTE)
        fail("no_connection_left", now);
}

static bool all_begun(void)
{
    return params.hold_ns != 0 && n.started == params.places;
}

static bool is_due(uint64_t now)
{
    if (params.rate == 0 && now >= pace.end_ns)
        return false;
    return !all_begun() && flood_pace_due(&pace, now);
}

static unsigned begin_due(uint64_t now)
{
    unsigned done = 0;
    err_t err;

    for (; done < BATCH && n_free > 0 && is_due(now); done++) {
        n.intended++;
        n.started++;
        if (!begin_one(now, &err))
            n.no_room++;
        flood_pace_sent(&pace, 0, now);
    }
    for (unsigned k = 0; k < SLIPS && !all_begun() && flood_pace_late(&pace, now); k++) {
        n.slipped++;
        n.intended++;
        flood_pace_slip(&pace, 0);
    }
    return done;
}

/* With a rate each slot is used or slips, also one that was late in the end. */
static bool is_over(uint64_t now)
{
    return now >= pace.end_ns && (params.rate == 0 || all_begun() || flood_pace_over(&pace));
}

/* ---- turns --------------------------------------------------------------------------------- */

static void look_at(struct place *c, uint64_t now)
{
    if (c->step == HELD && phase != CONNECT_RUNNING) {
        close_first(c, now);
        return;
    }
    if (c->step == FREE || now < c->limit_ns)
        return;
    if (c->step == HELD) {
        ask(c, now);
    } else if (phase == CONNECT_SEEKING) {
        forget(c);
        fail("no_answer", now);
    } else {
        give_up(c, &n.timed_out);
    }
}

static void scan(uint64_t now)
{
    if (now < scan_ns)
        return;
    scan_ns = now + SCAN_NS;
    for (uint32_t i = 0; i < params.places; i++)
        look_at(&places[i], now);
}

void connect_begin(const struct connect_params *p, uint64_t now)
{
    char host[48];

    params = *p;
    ipaddr_ntoa_r(&p->target, host, sizeof(host));
    connect_question(&question, p->ask, p->len, host);
    memset(places, 0, sizeof(places));
    for (n_free = 0; n_free < p->places; n_free++)
        free_places[n_free] = (uint16_t)(p->places - 1 - n_free);
    n = (struct connect_figures){0};
    hdr_reset(&times);
    hdr_reset(&answer_times);
    start_ns = end_ns = 0;
    scan_ns = retry_ns = now;
    seek_limit_ns = now + STEP_NS;
    phase = CONNECT_SEEKING;
}

static void drain(uint64_t now)
{
    phase = CONNECT_DRAINING;
    scan_ns = now;
}

void connect_stop(uint64_t now)
{
    for (uint32_t i = 0; i < params.places; i++) {
        struct place *c = &places[i];
        if (c->step != FREE && phase == CONNECT_SEEKING)
            forget(c);
        else if (c->step != FREE && c->step != HELD && c->limit_ns > now + HURRY_NS)
            c->limit_ns = now + HURRY_NS;
    }
    if (phase == CONNECT_SEEKING)
        fail("stopped", now);
    else if (phase == CONNECT_RUNNING)
        drain(now);
}

unsigned connect_poll(uint64_t now)
{
    unsigned done = 0;

    if (phase == CONNECT_IDLE || phase >= CONNECT_DONE)
        return 0;
    if (phase == CONNECT_SEEKING)
        seek(now);
    if (phase == CONNECT_RUNNING)
        done = begin_due(now);
    if (phase == CONNECT_RUNNING && is_over(now))
        drain(now);
    scan(now);
    if (phase == CONNECT_DRAINING && n.open == 0) {
        phase = CONNECT_DONE;
        end_ns = now;
    }
    return done;
}

uint64_t connect_deadline(void)
{
    uint64_t when = scan_ns;

    if (phase == CONNECT_IDLE || phase >= CONNECT_DONE)
        return UINT64_MAX;
    if (phase == CONNECT_RUNNING && n_free > 0 && !all_begun() && flood_pace_when(&pace) < when)
        when = flood_pace_when(&pace);
    return when;
}

void connect_change_rate(uint64_t rate, uint64_t now)
{
    params.rate = rate;
    if (phase == CONNECT_RUNNING)
        flood_pace_change(&pace, rate, true, now);
}

/* ---- what it came to ----------------------------------------------------------------------- */

enum connect_phase connect_phase(void)
{
    return phase;
}

const char *connect_why(void)
{
    return why;
}

struct connect_figures connect_figures(void)
{
    return n;
}

uint64_t connect_failures(const struct connect_figures *f)
{
    return f->refused + f->reset + f->timed_out + f->wrong + f->no_room;
}

const struct hdr *connect_times(void)
{
    return &times;
}

const struct hdr *connect_answer_times(void)
{
    return &answer_times;
}

uint64_t connect_start_ns(void)
{
    return start_ns;
}

uint64_t connect_end_ns(void)
{
    return end_ns;
}
