// SPDX-License-Identifier: BSD-3-Clause
/*
 * The HTTP server's places: which connections there are, and whose place or answer is given to
 * another client when there is none left.
 *
 * Nobody is closed for being idle or slow as long as there is room.
 */
#ifndef APPS_HTTP_PLACE_H
#define APPS_HTTP_PLACE_H

#include "http_route.h"
#include "lwip/tcp.h"

enum http_phase { READ, REPLY, LINGER };

struct http_conn {
    struct tcp_pcb *pcb; /* NULL: this place is free */
    enum http_phase phase;
    bool answered;        /* one request at least */
    uint64_t progress_ns; /* last time a byte was taken, by the peer or from one who takes ours, or
                             the phase changed */
    uint64_t pace_ns;     /* since when pace_bytes have moved */
    uint32_t pace_bytes;  /* either way */
    bool slow;            /* and that was little */
    uint64_t head_ns;     /* when the first byte of this request's head came */
    bool eof;             /* the peer has sent its FIN */

    /* Reading. */
    struct http_request request;
    const struct http_route *route; /* NULL: `reply` says what is wrong */
    uint32_t in;                    /* bytes taken from the peer; free-running */
    uint32_t edge;                  /* how far the peer may send, as `in` counts */
    uint32_t input_len;
    char *input; /* CONFIG_HTTP_INPUT bytes that belong to this place, */
    char *body;  /* and CONFIG_HTTP_BODY_MAX */

    /* Replying: first the head, then the body. */
    struct http_reply reply;
    uint64_t reply_ns; /* when it began */
    bool close;        /* after this reply; no further request is read */
    char head[HTTP_REPLY_HEAD_MAX];
    uint64_t head_len, body_len; /* bytes to send */
    uint64_t head_out, body_out; /* of them, handed to the stack */
    uint64_t queued,
        acked; /* bytes handed to the stack and acknowledged since the connection began */
};

/* A place for a new connection, of several that could be given the one that has been silent
 * longest; cleared but for pcb, input and body. Who gives way is counted and loses its connection.
 * NULL: all are at work. */
struct http_conn *http_place_take(struct tcp_pcb *pcb);

/* Frees a place and the text it holds: after the stack has lost the connection, or with closing or
 * aborting it. The latter give what a callback has to return. */
void http_place_drop(struct http_conn *c);
err_t http_place_close(struct http_conn *c);
err_t http_place_abort(struct http_conn *c);

/* Nothing of a request has arrived, nothing of a reply is on its way. */
bool http_between_requests(const struct http_conn *c);

/* How fast does it go? To be called at each tick of the stack. */
void http_judge_pace(struct http_conn *c, uint64_t now);

/* Frees the buffer of the answer that has been read longest, if that is long enough. The client
 * loses its connection, since the rest of the answer can be sent no more. False: none. */
bool http_free_a_text(uint64_t now);

/* Places in use; connections that gave way to another since boot. */
uint32_t http_places_open(void);
uint64_t http_places_made_way(void);

#endif
