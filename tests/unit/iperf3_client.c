// SPDX-License-Identifier: BSD-3-Clause
/*
 * See iperf3_client.h.
 */
#include "iperf3_client.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

const struct conf *apps_conf = &rig.conf;

int client_setup(void **state)
{
    int r = rig_setup(state);

    assert_true(iperf3_service.start());
    rig.poll = iperf3_service.poll;
    return r;
}

/* A failed test leaves sessions behind; the rig takes their connections away, and they end. */
int client_teardown(void **state)
{
    rig_advance_ms(10);
    uint64_t left = rig_stat(&iperf3_service, "sessions") + rig_stat(&iperf3_service, "streams") +
                    rig_stat(&iperf3_service, "pending");
    int r = rig_teardown(state);

    assert_int_equal(left, 0);
    return r;
}

/* ---- the control connection ---------------------------------------------------------------- */

void client_connect(struct client *c, const char *name)
{
    memset(c, 0, sizeof(*c));
    memset(c->cookie, 'x', IPERF3_COOKIE_BYTES - 1);
    memcpy(c->cookie, name, strlen(name));
    assert_true(rig_tcp_connect(&c->control, PORT));
    assert_int_equal(rig_tcp_send(&c->control, c->cookie, IPERF3_COOKIE_BYTES),
                     IPERF3_COOKIE_BYTES);
}

int client_hear_within(struct client *c, uint64_t ms)
{
    uint8_t b;

    return rig_tcp_recv(&c->control, &b, 1, ms) == 1 ? b : -1;
}

int client_hear(struct client *c)
{
    return client_hear_within(c, 100);
}

void client_say(struct client *c, uint8_t message)
{
    assert_int_equal(rig_tcp_send(&c->control, &message, 1), 1);
}

void client_say_block(struct client *c, const char *text)
{
    uint32_t n = (uint32_t)strlen(text);
    const uint8_t prefix[4] = {(uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8),
                               (uint8_t)n};

    assert_int_equal(rig_tcp_send(&c->control, prefix, 4), 4);
    assert_int_equal(rig_tcp_send(&c->control, text, n), n);
}

void client_offer(struct client *c, const char *params)
{
    assert_int_equal(client_hear(c), IPERF3_PARAM_EXCHANGE);
    client_say_block(c, params);
}

void client_ask(struct client *c, const char *name, const char *params)
{
    client_connect(c, name);
    client_offer(c, params);
    assert_int_equal(client_hear(c), IPERF3_CREATE_STREAMS);
}

void client_hear_start(struct client *c)
{
    assert_int_equal(client_hear(c), IPERF3_TEST_START);
    assert_int_equal(client_hear(c), IPERF3_TEST_RUNNING);
}

void client_hear_refusal(struct client *c, uint8_t code)
{
    uint8_t rest[8];

    assert_int_equal(client_hear(c), 0xfe);
    assert_int_equal(rig_tcp_recv(&c->control, rest, 8, 100), 8);
    assert_int_equal(rest[3], code);
    rig_advance_ms(1);
    assert_true(c->control.got_fin);
}

/* ---- streams ------------------------------------------------------------------------------- */

void client_open_tcp(struct client *c, unsigned k)
{
    assert_true(rig_tcp_connect(&c->data[k], PORT));
    assert_int_equal(rig_tcp_send(&c->data[k], c->cookie, IPERF3_COOKIE_BYTES),
                     IPERF3_COOKIE_BYTES);
}

void client_hello(uint16_t port)
{
    rig_udp_send(false, port, PORT, "9876", 4);
    rig_pump();
}

bool client_answered(uint16_t port)
{
    char b[8];

    return rig_udp_recv(port, b, sizeof(b)) == 4 && memcmp(b, "6789", 4) == 0;
}

void put_be32(uint8_t *b, uint32_t v)
{
    b[0] = (uint8_t)(v >> 24);
    b[1] = (uint8_t)(v >> 16);
    b[2] = (uint8_t)(v >> 8);
    b[3] = (uint8_t)v;
}

void client_datagram(uint16_t port, uint32_t number, uint32_t len)
{
    uint8_t b[1472] = {0};

    put_be32(b, (uint32_t)(rig.now_ns / NS_PER_S));
    put_be32(b + 4, (uint32_t)(rig.now_ns % NS_PER_S / NS_PER_US));
    put_be32(b + 8, number);
    rig_udp_send(false, port, PORT, b, len);
    rig_pump();
}

/* ---- whole tests --------------------------------------------------------------------------- */

void client_begin_tcp(struct client *c, const char *name, const char *params, unsigned n)
{
    client_ask(c, name, params);
    for (unsigned k = 0; k < n; k++)
        client_open_tcp(c, k);
    client_hear_start(c);
}

void client_begin_udp(struct client *c, const char *name, const char *params, uint16_t first,
                      unsigned n)
{
    client_ask(c, name, params);
    for (unsigned k = 0; k < n; k++) {
        client_hello((uint16_t)(first + k));
        assert_true(client_answered((uint16_t)(first + k)));
    }
    client_hear_start(c);
}

const char *client_results(struct client *c, const char *ours)
{
    static char text[IPERF3_TEXT_BYTES];
    uint8_t prefix[4];

    client_say(c, IPERF3_TEST_END);
    assert_int_equal(client_hear(c), IPERF3_EXCHANGE_RESULTS);
    client_say_block(c, ours);
    assert_int_equal(rig_tcp_recv(&c->control, prefix, 4, 1000), 4);
    size_t n = (size_t)prefix[1] << 16 | (size_t)prefix[2] << 8 | prefix[3];
    assert_true(prefix[0] == 0 && n < sizeof(text));
    assert_int_equal(rig_tcp_recv(&c->control, text, n, 1000), n);
    text[n] = 0;
    assert_int_equal(client_hear(c), IPERF3_DISPLAY_RESULTS);
    return text;
}

void client_close(struct client *c)
{
    for (unsigned k = 0; k < 8; k++) {
        if (c->data[k].established)
            rig_tcp_abort(&c->data[k]);
    }
    rig_tcp_close(&c->control);
}

void client_ended(struct client *c, const char *end)
{
    client_close(c);
    assert_true(rig_says(rig_record("result"), "end", end));
}

void client_leave(struct client *c)
{
    client_say(c, IPERF3_DONE);
    client_close(c);
}

void client_finish(struct client *c)
{
    client_say(c, IPERF3_DONE);
    client_ended(c, "done");
}

int64_t client_recorded(const char *key)
{
    return rig_number(rig_record("result"), key, 0);
}
