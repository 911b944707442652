// SPDX-License-Identifier: BSD-3-Clause
/*
 * Requests to the HTTP server, and cuts in them; they may start jobs.
 *
 * The input is a list of deeds of a few clients: one byte that says which and whose, one of number,
 * then bytes. All bytes of the input's requests also go to the parser alone twice, in one piece and
 * cut up: it must understand the same both times. What must hold in the end stands at
 * fuzz_rig_end(); the server must besides answer a good client.
 */
#include <stdio.h>
#include <string.h>
#include "connect_answer.h"
#include "fuzz_rig.h"
#include "http_parse.h"

#define CLIENTS 4

enum deed { SEND, OPEN, READ, FIN, ABORT, FORGET, TIME, DEEDS };

static struct rig_tcp client[CLIENTS];
static bool open[CLIENTS];

/* ---- the parser alone -------------------------------------------------------------------------
 */

struct meaning {
    unsigned heads, dones, status;
    uint64_t body_bytes, hash;
};

/* What n bytes mean, given in pieces of `piece`. Behind HTTP_EVENT_BAD nothing is read. */
static struct meaning understand(const uint8_t *data, size_t n, size_t piece)
{
    struct http_request r;
    struct meaning m = {0};

    http_request_init(&r);
    for (size_t at = 0; at < n;) {
        size_t have = n - at < piece ? n - at : piece, used = 0;
        char *exact = malloc(have); /* reading beyond a piece is found */
        enum http_event e;

        memcpy(exact, data + at, have);
        e = http_parse(&r, exact, have, &used);
        free(exact);
        MUST(used <= have);
        at += used;
        if (e == HTTP_EVENT_BAD) {
            m.status = r.status;
            break;
        }
        if (e == HTTP_EVENT_HEAD) {
            m.heads++;
            for (const char *c = r.target; *c != '\0'; c++)
                m.hash = m.hash * 31 + (uint8_t)*c;
            m.hash = m.hash * 31 + r.method + 2u * r.keep_alive + 4u * r.has_body + 8u * r.expect;
            e = http_parse(&r, "", 0, &used);
        }
        if (e == HTTP_EVENT_BAD) {
            m.status = r.status;
            break;
        }
        if (e == HTTP_EVENT_DONE) {
            m.dones++;
            m.body_bytes += r.body_bytes;
            http_request_next(&r);
        }
    }
    return m;
}

static void cuts_change_nothing(const uint8_t *data, size_t n)
{
    struct meaning whole = understand(data, n, SIZE_MAX);

    for (size_t piece = 1; piece < 8; piece += 2) {
        struct meaning cut = understand(data, n, piece);
        MUST(cut.heads == whole.heads && cut.dones == whole.dones && cut.status == whole.status &&
             cut.body_bytes == whole.body_bytes && cut.hash == whole.hash);
    }
}

/* The same bytes as what a server answers to our own question. */
static void cuts_change_no_answer(const uint8_t *data, size_t n)
{
    static const enum connect_ask asks[] = {CONNECT_ECHO, CONNECT_GET, CONNECT_POST};
    struct connect_question q;

    for (unsigned k = 0; k < 3; k++) {
        struct connect_answer whole = {0}, cut = {0};
        enum connect_state once, last = CONNECT_MORE;

        connect_question(&q, asks[k], 8, "a");
        once = connect_answer(&whole, &q, data, n);
        for (size_t at = 0; at < n && last != CONNECT_WRONG; at++) {
            last = connect_answer(&cut, &q, data + at, 1);
            MUST(cut.in <= CONNECT_LEN_MAX + 1);
        }
        if (n > 0)
            MUST(last == once);
        MUST(connect_answer_end(&cut, &q) != CONNECT_MORE);
    }
}

/* ---- the server -------------------------------------------------------------------------------
 */

/* What a flood sends, nobody looks at. */
static bool is_udp(const uint8_t *frame, uint32_t len)
{
    return len >= 42 && (frame[12] == 0x08 ? frame[23] : frame[20]) == 17;
}

static void act(struct input *in)
{
    uint8_t what = in_u8(in), n = in_u8(in), got[4096];
    struct rig_tcp *t = &client[what >> 4 & 3];
    bool *is_open = &open[what >> 4 & 3];
    size_t len = n;

    switch ((what & 15) % DEEDS) {
    case SEND: {
        const uint8_t *p = in_bytes(in, &len);
        cuts_change_nothing(p, len);
        if (*is_open)
            fuzz_rig_send(t, p, len);
        break;
    }
    case OPEN:
        if (*is_open)
            rig_tcp_abort(t);
        rig.peer_wnd = n == 0 ? 1 << 20 : n * 16u;
        *is_open = rig_tcp_connect(t, 80);
        break;
    case READ:
        if (*is_open)
            rig_tcp_recv(t, got, n == 255 ? sizeof(got) : n, 0);
        break;
    case FIN:
        if (*is_open && !t->sent_fin)
            rig_tcp_fin(t);
        break;
    case ABORT:
        if (*is_open)
            rig_tcp_abort(t);
        *is_open = false;
        break;
    case FORGET:
        if (*is_open)
            rig_tcp_forget(t);
        *is_open = false;
        break;
    case TIME:
        fuzz_rig_pass(n * 8u);
        break;
    }
}

static void good_client_is_served(void)
{
    static const char request[] =
        "GET /data?bytes=7 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    char reply[512] = {0};
    struct rig_tcp t;

    rig.peer_wnd = 1 << 20;
    rig_advance_ms(1100); /* who had a place has had it long enough */
    MUST(rig_tcp_connect(&t, 80));
    MUST(rig_tcp_send(&t, request, sizeof(request) - 1) == sizeof(request) - 1);
    rig_tcp_recv(&t, reply, sizeof(reply) - 1, 1000);
    MUST(strncmp(reply, "HTTP/1.1 200 ", 13) == 0);
    rig_tcp_close(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};

    cuts_change_nothing(data, size);
    cuts_change_no_answer(data, size);
    fuzz_rig_begin(false);
    rig.filter = is_udp;
    memset(open, 0, sizeof(open));
    while (in.left > 0)
        act(&in);
    for (unsigned i = 0; i < CLIENTS; i++)
        if (open[i])
            rig_tcp_forget(&client[i]);
    good_client_is_served();
    fuzz_rig_end();
    return 0;
}
