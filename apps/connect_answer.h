// SPDX-License-Identifier: BSD-3-Clause
/*
 * What a connection of a load asks, and whether what comes back is the answer: the same bytes from
 * an echo server, or a reply with status 200 from an HTTP server. Nothing is kept of an answer but
 * how far it has come.
 */
#ifndef APPS_CONNECT_ANSWER_H
#define APPS_CONNECT_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum connect_ask { CONNECT_ECHO, CONNECT_GET, CONNECT_POST };

/* The most bytes to be echoed, got or posted. */
#define CONNECT_LEN_MAX 16384u

/* What is sent: `head`, which HTTP has, and then `body_len` bytes of the pattern. */
struct connect_question {
    enum connect_ask ask;
    uint32_t len; /* as it was asked for: of the echo, of the body in one direction */
    uint32_t head_len, body_len;
    char head[192];
};

/* `host` is how the server is called, without port. */
void connect_question(struct connect_question *q, enum connect_ask ask, uint32_t len,
                      const char *host);

enum connect_state { CONNECT_MORE, CONNECT_RIGHT, CONNECT_WRONG };

/* All zero but `place` to begin with. */
struct connect_answer {
    uint32_t place; /* in the pattern, where what is echoed begins */
    uint32_t in;    /* bytes of the echo or of the reply's body */
    uint8_t line;   /* bytes of the status line that were compared */
    uint8_t ends;   /* of "\r\n\r\n", so far */
    bool in_body;
};

/* n more bytes have come. CONNECT_RIGHT: the answer is complete, of an HTTP server as soon as the
 * body has the length that was asked for; more than that is wrong. */
enum connect_state connect_answer(struct connect_answer *a, const struct connect_question *q,
                                  const uint8_t *bytes, size_t n);

/* The server has sent all that it will. */
enum connect_state connect_answer_end(const struct connect_answer *a,
                                      const struct connect_question *q);

#endif
