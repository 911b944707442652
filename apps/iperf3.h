// SPDX-License-Identifier: BSD-3-Clause
/*
 * iperf3, as server and as client, shared by its parts:
 *
 *     iperf3_server.c      the server's state machine, the service
 *     iperf3_client.c      the client's state machine      iperf3_open.c    its streams
 *     iperf3_job.c         the client as a job
 *     iperf3_control.c     the control connection: messages and blocks, both ways
 *     iperf3_door.c        connections until their cookie is read
 *     iperf3_session.c     the tables of sessions and streams; start, warm-up, end of a test
 *     iperf3_stream_tcp.c  data over TCP        iperf3_stream_udp.c  data over UDP
 *     iperf3_json.c        parameters, results  iperf3_count.c       loss, jitter, gaps
 *     iperf3_json_write.c  the same, written    iperf3_results.c     the results of a session
 *     iperf3_report.c      `interval` and `result` records
 *
 * What is said of clients and servers below holds for either end: the engine that moves the data is
 * the same, and a session's role says who it is.
 *
 * A session takes all its streams from the table when its parameters are accepted, so that a test
 * that was admitted has its memory. Callbacks from the stack only count, copy control bytes and
 * queue answers; sessions end by changing state, and iperf3_poll() takes them down: no callback
 * ever frees what is above it on the stack.
 */
#ifndef APPS_IPERF3_H
#define APPS_IPERF3_H

#include <stdbool.h>
#include <stdint.h>
#include "config.h"
#include "interval.h"
#include "iperf3_count.h"
#include "iperf3_json.h"
#include "lwip/ip_addr.h"
#include "pace.h"
#include "udp_template.h"

struct job_totals;
struct netif;
struct pbuf;
struct tcp_pcb;
struct udp_pcb;
struct iperf3_session;

/* The receive window of a connection before its test: a jumbo segment or six others, so that the
 * first flights of 128 streams fit the same queue. */
#define IPERF3_WINDOW 8960

/* What a stream has moved. Packets are datagrams, or over TCP calls of the stack that moved data.
 */
struct iperf3_figures {
    uint64_t tx_bytes;    /* handed to the stack */
    uint64_t acked_bytes; /* of these, acknowledged (TCP) or gone (UDP) */
    uint64_t rx_bytes;
    uint64_t tx_packets, rx_packets;
};

struct iperf3_stream {
    struct iperf3_session *session; /* NULL = free */
    struct iperf3_stream *next;     /* of the session, in order of id; or of the free ones */
    uint16_t id;                    /* 1, 3, 4, 5, … as both ends number them */
    bool sends;                     /* we to the peer */

    struct iperf3_figures sum;     /* since the start */
    struct iperf3_figures warm;    /* of that, before the end of the warm-up */
    struct iperf3_order order;     /* UDP receiver, since the start */
    uint64_t warm_lost, warm_last; /* its losses and highest number at the end of the warm-up */
    struct iperf3_row peer;        /* what the peer said of this stream */
    bool peer_known;

    struct pace pace;      /* a sender's schedule */
    bool blocked;          /* TCP sender: its queue is full, an acknowledgement will tell */
    uint32_t offset;       /* TCP sender: where in the pattern the next byte is */
    uint32_t unit;         /* TCP sender with a rate: bytes that go out at once */
    uint32_t unit_left;    /* of the unit that is going out: what the queue had no room for */
    bool finished;         /* TCP sender: FIN is queued */
    uint32_t got, edge;    /* TCP: bytes received, and how far the client may send; see conn.h */
    struct tcp_pcb *pcb;   /* TCP: the connection, NULL before and after */
    uint32_t order_of_syn; /* TCP: of that connection */
    uint32_t preface;      /* TCP: bytes in front of the data whose acknowledgement is to come */

    struct udp_pcb *udp;         /* UDP: our socket, the server's or the stream's own */
    struct iperf3_stream *chain; /* UDP: next with the same hash, of the server's */
    ip_addr_t remote, local;     /* UDP: the peer's address, and the one it talks to */
    uint16_t port;               /* UDP: the peer's, 0 = not known */
    struct udp_template out;     /* UDP sender */
};

enum iperf3_state {
    IPERF3_FREE,
    /* A server's. */
    IPERF3_PARAMS,  /* 9 sent, the parameter block is coming */
    IPERF3_QUEUED,  /* parameters accepted, 10 withheld until others have made way */
    IPERF3_CREATE,  /* 10 sent, the streams are coming */
    IPERF3_RESULTS, /* 13 sent, the client's results are coming */
    IPERF3_REPLY,   /* our results are going out, then 14, then the client says 16 */
    /* A client's. */
    IPERF3_CONNECT, /* the control connection is being opened */
    IPERF3_GREET,   /* cookie sent, 9 is coming */
    IPERF3_OFFER,   /* parameters sent, 10 is coming */
    IPERF3_OPEN,    /* the streams are being opened, one after the other */
    IPERF3_READY,   /* all are open, 1 and 2 are coming */
    IPERF3_STOPPED, /* 4 sent, 13 is coming */
    IPERF3_THEIRS,  /* our results are going out, the server's are coming */
    IPERF3_LAST,    /* 14 is coming */
    IPERF3_BYE,     /* 16 is going out */
    IPERF3_SORRY,   /* the server's error code is coming */
    /* Both have these. */
    IPERF3_RUNNING, /* 1 and 2 were said */
    IPERF3_ENDED,   /* to be taken down by the next turn */
};

/* Whose part a session plays, and what the control connection has to tell that one. */
struct iperf3_role {
    bool client;
    void (*message)(struct iperf3_session *s, int8_t m); /* where no block is due */
    void (*block)(struct iperf3_session *s);             /* it is whole in s->text */
    void (*bad_block)(struct iperf3_session *s);         /* it cannot be so long */
    void (*said)(struct iperf3_session *s);              /* all is acknowledged */
    void (*lost)(struct iperf3_session *s, bool reset);  /* the peer has closed */
};

/* A block, with the longest words of our own in it. */
#define IPERF3_WORDS_BYTES 512
#define IPERF3_TEXT_BYTES                                                                          \
    (IPERF3_JSON_FRAME_BYTES + IPERF3_WORDS_BYTES * 2 + IPERF3_JSON_ROW_BYTES * CONFIG_IPERF_STREAM)

/* A parameter block is a few hundred bytes; newer servers stop at 8 KiB too. */
#define IPERF3_PARAMS_BYTES 8192

static_assert(IPERF3_PARAMS_BYTES <= IPERF3_TEXT_BYTES, "one buffer serves all blocks");

struct iperf3_session {
    enum iperf3_state state;
    const struct iperf3_role *role;
    uint32_t serial;         /* counts sessions since boot, for people */
    struct tcp_pcb *control; /* NULL once it is gone */
    char cookie[IPERF3_COOKIE_BYTES];
    ip_addr_t peer;      /* address only: a client's streams come from other ports */
    struct netif *netif; /* where the peer is */
    struct iperf3_params params;
    const char *end;      /* how it ended, a literal; NULL once that is reported */
    uint64_t since_ns;    /* when this state began */
    uint64_t deadline_ns; /* when this state has lasted too long */

    char *text;           /* the block being received or sent */
    uint32_t prefix_have; /* bytes of the length in front of a block */
    uint32_t text_len;    /* of the block, this length included when sending */
    uint32_t text_done;   /* received or handed to the stack */
    uint8_t prefix[4];
    uint32_t unacked; /* bytes on the control connection that the peer has not acknowledged */
    bool lent;        /* the stack may still send from text */

    struct iperf3_stream *streams;  /* in order of id */
    struct iperf3_stream *unopened; /* the first that the client has not opened */
    struct iperf3_stream *turn;     /* whose turn it is to send */
    uint32_t n_streams, n_unopened;

    uint16_t port;        /* client: the server's */
    uint64_t bytes;       /* client: end the test, 0 = time does */
    uint64_t time_ns;     /* client: ends the test, 0 = it is stopped */
    uint64_t patience_ns; /* client: how long nothing may move */
    uint64_t retry_ns;    /* client: when to try again to connect */
    uint32_t sorry;       /* client: bytes of the error code that have come */
    uint32_t error;       /* client: that code */
    uint64_t send_left;   /* payload that may still be sent */

    uint64_t start_ns;   /* 1 and 2 sent */
    uint64_t measure_ns; /* end of the warm-up */
    uint64_t stop_ns;    /* the client's 4, or the end by other means */
    bool warm;           /* the warm-up is over */
    uint64_t send_ns;    /* when a sender is due next; UINT64_MAX = none without an event */
    struct iperf3_gap rx_gap, tx_gap;
    struct interval interval;
    char job[16]; /* its name in records */
};

/* ---- iperf3_session.c ---------------------------------------------------------------------- */

extern struct iperf3_session iperf3_sessions[CONFIG_IPERF_SESSION];

void iperf3_tables_init(void);

/* A cleared session for this cookie, still FREE, or NULL: all are in use. */
struct iperf3_session *iperf3_session_new(const char *cookie, const struct iperf3_role *role);
struct iperf3_session *iperf3_session_find(const char *cookie);

/* Changes state; the new one may last `limit_ns` (UINT64_MAX = for ever). */
void iperf3_session_enter(struct iperf3_session *s, enum iperf3_state state, uint64_t limit_ns);

/* ENDED, with the first reason kept. */
void iperf3_session_end(struct iperf3_session *s, const char *reason);

/* Takes parallel, or twice as many, streams from the table and numbers them. False: too few. */
bool iperf3_session_take_streams(struct iperf3_session *s);

/* Two UDP sessions of one client address cannot be told apart by their hellos: true if no other one
 * is in CREATE, and none has waited longer. */
bool iperf3_session_may_create(const struct iperf3_session *s);

/* Clocks, counters and senders begin. */
void iperf3_session_start(struct iperf3_session *s, uint64_t now);

/* Counters freeze, senders stop. */
void iperf3_session_stop(struct iperf3_session *s, uint64_t now);

/* The senders go on at this rate of each, bit/s. */
void iperf3_session_pace(struct iperf3_session *s, uint64_t rate, uint64_t now);

/* One turn of a running test: warm-up, gaps, intervals, senders. Returns work done. */
unsigned iperf3_session_turn(struct iperf3_session *s, uint64_t now);

/* Closes connections of an ENDED session, some each turn. True: none is left, but for the control
 * connection. */
bool iperf3_session_release(struct iperf3_session *s);

/* The same with that one, too; frees the session when none is left. Returns work done. */
unsigned iperf3_session_take_down(struct iperf3_session *s);

/* When iperf3_session_turn() or a time-out is due. */
uint64_t iperf3_session_deadline(const struct iperf3_session *s);

/* What a stream, or all of them, have moved since the end of the warm-up (while it lasts: nothing),
 * or with it. */
struct iperf3_figures iperf3_stream_figures(const struct iperf3_stream *st);
struct iperf3_figures iperf3_session_figures(const struct iperf3_session *s, bool warm_up);

static inline bool iperf3_session_sends(const struct iperf3_session *s)
{
    return s->params.bidir || s->params.reverse != s->role->client;
}

static inline bool iperf3_session_receives(const struct iperf3_session *s)
{
    return s->params.bidir || s->params.reverse == s->role->client;
}

/* A server's data may overtake its word that the test begins. */
static inline bool iperf3_stream_counts(const struct iperf3_stream *st)
{
    return st->session->state == IPERF3_RUNNING || st->session->state == IPERF3_READY;
}

unsigned iperf3_streams_used(void);

/* Makes the tables ready for a client where no server has done so: before it takes a session, or
 * lends places. */
void iperf3_tables_need(void);

/* So many places count as used meanwhile: somebody else has as many connections, and the stack's
 * pools are made for their sum. False: they are not free. */
bool iperf3_streams_lend(uint32_t n);
void iperf3_streams_return(uint32_t n);

/* ---- iperf3_results.c ----------------------------------------------------------------------- */

/* Our results as the peer expects them, in s->text behind room for their length; how many bytes.
 * `words` are for who asked for the server's output; NULL: nobody did. */
uint32_t iperf3_results_write(struct iperf3_session *s, const char *words);

/* Takes the peer's from s->text. False: they are none. */
bool iperf3_results_read(struct iperf3_session *s);

/* ---- iperf3_stream_tcp.c ------------------------------------------------------------------- */

/* The connection is a data connection of the session from now on, as its next stream. */
void iperf3_tcp_attach(struct iperf3_stream *st, struct tcp_pcb *pcb);

/* Sends as the schedule and the connection's queue allow. Returns work done. */
unsigned iperf3_tcp_send(struct iperf3_stream *st, uint64_t now);

/* All are there: the streams get their connections in the order in which the client opened these. A
 * cookie may overtake another on its way, and in a test of both directions that would swap roles.
 */
void iperf3_tcp_sort(struct iperf3_session *s);

/* Divides the receive window anew; after each change of a session's state. */
void iperf3_tcp_share(void);

/* The test starts. */
void iperf3_tcp_begin(struct iperf3_stream *st);

/* The test is over: a sender's FIN. */
void iperf3_tcp_finish(struct iperf3_stream *st);

/* Aborts the connection if it is still there. */
void iperf3_tcp_release(struct iperf3_stream *st);

/* ---- iperf3_stream_udp.c ------------------------------------------------------------------- */

bool iperf3_udp_start(void);

/* The largest datagram that the peer's interface carries in one frame. */
uint32_t iperf3_udp_len_max(const struct iperf3_session *s);

/* Sends at most `room` datagrams that are due. Returns how many. */
unsigned iperf3_udp_send(struct iperf3_stream *st, uint64_t now, unsigned room);

/* The stream sends from this socket, and from st->local, to that address and port. */
void iperf3_udp_open(struct iperf3_stream *st, struct udp_pcb *pcb, const ip_addr_t *addr,
                     uint16_t port);

/* A datagram of a stream came. */
void iperf3_udp_count(struct iperf3_stream *st, const struct pbuf *p);

/* Forgets the client's address and port; a stream's own socket is closed. */
void iperf3_udp_release(struct iperf3_stream *st);

/* Datagrams that belong to no stream, and those that had to wait for the address of a neighbour,
 * of which some are lost; since boot. */
uint64_t iperf3_udp_stray(void);
uint64_t iperf3_udp_unresolved(void);

/* ---- iperf3_server.c ----------------------------------------------------------------------- */

/* The connection is the control connection of a new session from now on. False: all are in use. */
bool iperf3_server_open_session(struct tcp_pcb *pcb, const char *cookie);

/* The connection is the session's next stream from now on. False: none is expected. */
bool iperf3_server_open_stream(struct iperf3_session *s, struct tcp_pcb *pcb);

/* The last stream is there: 1 and 2, and off it goes. */
void iperf3_server_streams_ready(struct iperf3_session *s);

/* ---- iperf3_client.c ----------------------------------------------------------------------- */

/* Begins to connect to s->peer and s->port, with the streams that s->params ask for. False: there
 * are too few. */
bool iperf3_client_start(struct iperf3_session *s);

/* One turn; when the next one has to be. Once ENDED, the session is the caller's to take down. */
unsigned iperf3_client_turn(struct iperf3_session *s, uint64_t now);
uint64_t iperf3_client_deadline(const struct iperf3_session *s);

/* Ends the test before its time, with results if it has begun. */
void iperf3_client_stop(struct iperf3_session *s);

/* All streams are open. */
void iperf3_client_streams_ready(struct iperf3_session *s);

/* What a client is to its control connection. */
extern const struct iperf3_role iperf3_client_role;

/* ---- iperf3_open.c -------------------------------------------------------------------------- */

/* Opens the next stream, and the one after it when that is done; then calls
 * iperf3_client_streams_ready(). */
void iperf3_open_next(struct iperf3_session *s);

/* The server begins, so it has heard of all streams: over UDP the answer to the last hello may come
 * behind that, which nothing orders, or never. False: it has not heard of all. */
bool iperf3_open_all_heard(struct iperf3_session *s);

/* ---- iperf3_control.c ---------------------------------------------------------------------- */

/* The connection is the session's control connection from now on. */
void iperf3_control_open(struct iperf3_session *s, struct tcp_pcb *pcb);

/* Says the cookie. */
bool iperf3_control_greet(struct iperf3_session *s);

/* Says n messages in a row, counted up from `first`. False: there was no room for them, which ends
 * the session. */
bool iperf3_control_say(struct iperf3_session *s, enum iperf3_message first, uint32_t n);

/* Says the protocol's error message, counts the refusal by its reason, and ends the session. */
void iperf3_control_refuse(struct iperf3_session *s, enum iperf3_error code);

/* Sends a block of n bytes, which stand in s->text behind room for their length; in state REPLY
 * IPERF3_DISPLAY_RESULTS follows. The text is lent to the stack until all of it is acknowledged. */
void iperf3_control_block(struct iperf3_session *s, uint32_t n);

/* ---- iperf3_door.c ------------------------------------------------------------------------- */

bool iperf3_door_start(void);
unsigned iperf3_door_poll(uint64_t now);
uint64_t iperf3_door_deadline(void);
unsigned iperf3_door_waiting(void);

/* Adjusts the listener's backlog to the streams that are awaited; iperf3_door_poll() does it each
 * turn. */
void iperf3_door_widen(void);

/* ---- iperf3_report.c ----------------------------------------------------------------------- */

/* All that was moved since the start; the longest gap since the last call. */
void iperf3_report_progress(struct iperf3_session *s, uint64_t now, struct figures *sum,
                            uint64_t *gap_us);
void iperf3_report_interval(struct iperf3_session *s, uint64_t now);
void iperf3_report_result(const struct iperf3_session *s);

/* Members of a `result` record: what the test was, and what it came to besides its figures. */
void iperf3_report_test(const struct iperf3_session *s, struct json *j);

/* What a job has come to. */
void iperf3_report_totals(const struct iperf3_session *s, struct job_totals *t);

/* What --get-server-output shows: at most IPERF3_WORDS_BYTES, valid until the next call. */
const char *iperf3_report_words(const struct iperf3_session *s);

#endif
