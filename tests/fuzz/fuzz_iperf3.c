// SPDX-License-Identifier: BSD-3-Clause
/*
 * Clients of the iperf3 server: states, parameters and results as JSON, streams, datagrams.
 *
 * The input is a list of deeds of a few clients: one byte that says which and whose, one of number,
 * then bytes. What must hold in the end stands at fuzz_rig_end(); besides, an honest test must run.
 */
#include <string.h>
#include "fuzz_rig.h"
#include "iperf3.h"

#define CLIENTS 3
#define STREAMS 4

enum deed {
    SEND,     /* n bytes on the control connection */
    BLOCK,    /* n bytes with their length in front: parameters, results */
    OPEN,     /* a control connection, its cookie of n */
    STREAM,   /* a stream with the client's cookie, or another's */
    DATA,     /* n bytes on a stream */
    DATAGRAM, /* n bytes to the server's port */
    READ,     /* what the server said, and a part of what it sends */
    CLOSE,    /* how: of control connection or stream */
    TIME,     /* n times 16 ms */
    DEEDS,
};

struct client {
    struct rig_tcp control, stream[STREAMS];
    bool open, stream_open[STREAMS];
    char cookie[IPERF3_COOKIE_BYTES];
};

static struct client clients[CLIENTS];

static void connect_as(struct client *c, char name)
{
    if (c->open)
        rig_tcp_abort(&c->control);
    memset(c->cookie, 'x', sizeof(c->cookie) - 1);
    c->cookie[0] = name;
    c->cookie[sizeof(c->cookie) - 1] = '\0';
    c->open = rig_tcp_connect(&c->control, IPERF3_PORT);
    if (c->open)
        fuzz_rig_send(&c->control, (const uint8_t *)c->cookie, sizeof(c->cookie));
}

static void send_block(struct client *c, const uint8_t *p, size_t n)
{
    const uint8_t prefix[4] = {0, 0, (uint8_t)(n >> 8), (uint8_t)n};

    fuzz_rig_send(&c->control, prefix, sizeof(prefix));
    fuzz_rig_send(&c->control, p, n);
}

static void open_stream(struct client *c, uint8_t n)
{
    unsigned k = n % STREAMS;
    const char *cookie = n & 0x80 ? clients[n >> 4 & 1].cookie : c->cookie;

    if (c->stream_open[k])
        rig_tcp_abort(&c->stream[k]);
    c->stream_open[k] = rig_tcp_connect(&c->stream[k], IPERF3_PORT);
    if (c->stream_open[k])
        fuzz_rig_send(&c->stream[k], (const uint8_t *)cookie, IPERF3_COOKIE_BYTES);
}

static void close_some(struct client *c, uint8_t n)
{
    bool *is_open = n & 4 ? &c->stream_open[n & 3] : &c->open;
    struct rig_tcp *t = n & 4 ? &c->stream[n & 3] : &c->control;

    if (!*is_open)
        return;
    if (n & 8 && !t->sent_fin) {
        rig_tcp_fin(t);
        return;
    }
    if (n & 16)
        rig_tcp_forget(t);
    else
        rig_tcp_abort(t);
    *is_open = false;
}

static void act(struct input *in)
{
    uint8_t what = in_u8(in), n = in_u8(in), got[8192];
    struct client *c = &clients[(what >> 4) % CLIENTS];
    size_t len = n;
    const uint8_t *p;

    switch ((what & 15) % DEEDS) {
    case SEND:
        p = in_bytes(in, &len);
        if (c->open)
            fuzz_rig_send(&c->control, p, len);
        break;
    case BLOCK:
        p = in_bytes(in, &len);
        if (c->open)
            send_block(c, p, len);
        break;
    case OPEN:
        connect_as(c, (char)('a' + n % 26));
        break;
    case STREAM:
        open_stream(c, n);
        break;
    case DATA:
        p = in_bytes(in, &len);
        if (c->stream_open[n & 3])
            fuzz_rig_send(&c->stream[n & 3], p, len);
        break;
    case DATAGRAM:
        p = in_bytes(in, &len);
        rig_udp_send(what & 0x80, (uint16_t)(30000 + (what >> 4)), IPERF3_PORT, p, (uint32_t)len);
        break;
    case READ:
        if (c->open)
            rig_tcp_recv(&c->control, got, n, 0);
        for (unsigned k = 0; k < STREAMS; k++)
            if (c->stream_open[k])
                rig_tcp_recv(&c->stream[k], got, sizeof(got), 0);
        break;
    case CLOSE:
        close_some(c, n);
        break;
    case TIME:
        fuzz_rig_pass(n * 16u);
        break;
    }
    rig_pump();
}

static uint8_t hear(struct client *c)
{
    uint8_t b = 0;

    return rig_tcp_recv(&c->control, &b, 1, 500) == 1 ? b : 0xff;
}

/* From the cookie to the results, with one stream. */
static void honest_test_runs(void)
{
    static const char params[] =
        "{\"tcp\":true,\"time\":1,\"parallel\":1,\"client_version\":\"3.12\"}";
    static const char results[] = "{\"streams\":[{\"id\":1,\"bytes\":5}]}";
    struct client *c = &clients[0];
    uint8_t got[4096];

    connect_as(c, 'H'); /* a name that no input has */
    MUST(c->open && hear(c) == IPERF3_PARAM_EXCHANGE);
    send_block(c, (const uint8_t *)params, sizeof(params) - 1);
    MUST(hear(c) == IPERF3_CREATE_STREAMS);
    open_stream(c, 0);
    MUST(hear(c) == IPERF3_TEST_START && hear(c) == IPERF3_TEST_RUNNING);
    fuzz_rig_send(&c->stream[0], (const uint8_t *)"12345", 5);
    fuzz_rig_send(&c->control, &(uint8_t){IPERF3_TEST_END}, 1);
    MUST(hear(c) == IPERF3_EXCHANGE_RESULTS);
    send_block(c, (const uint8_t *)results, sizeof(results) - 1);
    MUST(rig_tcp_recv(&c->control, got, 4, 500) == 4);
    MUST(rig_tcp_recv(&c->control, got, (size_t)got[2] << 8 | got[3], 500) > 0);
    MUST(hear(c) == IPERF3_DISPLAY_RESULTS);
    fuzz_rig_send(&c->control, &(uint8_t){IPERF3_DONE}, 1);
    rig_tcp_close(&c->control);
    rig_tcp_abort(&c->stream[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};

    fuzz_rig_begin(false);
    memset(clients, 0, sizeof(clients));
    while (in.left > 0)
        act(&in);
    for (unsigned i = 0; i < CLIENTS; i++) {
        for (uint8_t k = 0; k < STREAMS; k++)
            close_some(&clients[i], 4 | k);
        close_some(&clients[i], 0);
    }
    fuzz_rig_pass(100);
    honest_test_runs();
    fuzz_rig_end();
    return 0;
}
