// SPDX-License-Identifier: BSD-3-Clause
/*
 * The iperf3 server over the real stack, against a scripted client and a clock that the test moves:
 * its states and their time limits, who belongs to whom, what is refused, and the figures in its
 * results and records. rig_teardown() checks after each test that every pool is idle and that no
 * allocation failed.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "app.h"
#include "conn.h"
#include "iperf3.h"
#include "netrig.h"

#define PORT IPERF3_PORT
#define MS   NS_PER_MS

const struct conf *apps_conf = &rig.conf;

struct client {
    struct rig_tcp control;
    struct rig_tcp data[8];
    char cookie[IPERF3_COOKIE_BYTES];
};

/* ---- set-up -------------------------------------------------------------------------------- */

static int init_once(void **state)
{
    (void)state;
    conn_init();
    pattern_init(1);
    return 0;
}

static int setup(void **state)
{
    int r = rig_setup(state);

    assert_true(iperf3_service.start());
    rig.poll = iperf3_service.poll;
    return r;
}

/* One number of the service's statistics. */
static uint64_t stat_of(const char *key)
{
    char text[1024], quoted[64];
    struct json j;

    json_init(&j, text, sizeof(text));
    json_object(&j, NULL);
    iperf3_service.stats(&j);
    json_end_object(&j);
    assert_true(json_finish(&j) > 0);
    snprintf(quoted, sizeof(quoted), "\"%s\":", key);
    const char *at = strstr(text, quoted);
    assert_non_null(at);
    return strtoull(at + strlen(quoted), NULL, 10);
}

/* A failed test leaves sessions behind; the rig takes their connections away, and they end. */
static int teardown(void **state)
{
    rig_advance_ms(10);
    uint64_t left = stat_of("sessions") + stat_of("streams") + stat_of("pending");
    int r = rig_teardown(state);

    assert_int_equal(left, 0);
    return r;
}

/* ---- the client ---------------------------------------------------------------------------- */

static void connect_as(struct client *c, const char *name)
{
    memset(c, 0, sizeof(*c));
    memset(c->cookie, 'x', IPERF3_COOKIE_BYTES - 1);
    memcpy(c->cookie, name, strlen(name));
    assert_true(rig_tcp_connect(&c->control, PORT));
    assert_int_equal(rig_tcp_send(&c->control, c->cookie, IPERF3_COOKIE_BYTES),
                     IPERF3_COOKIE_BYTES);
}

static int hear_within(struct client *c, uint64_t ms)
{
    uint8_t b;

    return rig_tcp_recv(&c->control, &b, 1, ms) == 1 ? b : -1;
}

static int hear(struct client *c)
{
    return hear_within(c, 100);
}

static void say(struct client *c, uint8_t message)
{
    assert_int_equal(rig_tcp_send(&c->control, &message, 1), 1);
}

static void say_block(struct client *c, const char *text)
{
    uint32_t n = (uint32_t)strlen(text);
    const uint8_t prefix[4] = {(uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8),
                               (uint8_t)n};

    assert_int_equal(rig_tcp_send(&c->control, prefix, 4), 4);
    assert_int_equal(rig_tcp_send(&c->control, text, n), n);
}

static void offer(struct client *c, const char *params)
{
    assert_int_equal(hear(c), IPERF3_PARAM_EXCHANGE);
    say_block(c, params);
}

/* The next message is a refusal with this code, and the end. */
static void hear_refusal(struct client *c, uint8_t code)
{
    uint8_t rest[8];

    assert_int_equal(hear(c), 0xfe);
    assert_int_equal(rig_tcp_recv(&c->control, rest, 8, 100), 8);
    assert_int_equal(rest[3], code);
    rig_advance_ms(1);
    assert_true(c->control.got_fin);
}

static void open_tcp(struct client *c, unsigned k)
{
    assert_true(rig_tcp_connect(&c->data[k], PORT));
    assert_int_equal(rig_tcp_send(&c->data[k], c->cookie, IPERF3_COOKIE_BYTES),
                     IPERF3_COOKIE_BYTES);
}

static void hello(uint16_t port)
{
    rig_udp_send(false, port, PORT, "9876", 4);
    rig_pump();
}

static bool answered(uint16_t port)
{
    char b[8];

    return rig_udp_recv(port, b, sizeof(b)) == 4 && memcmp(b, "6789", 4) == 0;
}

static void hear_start(struct client *c)
{
    assert_int_equal(hear(c), IPERF3_TEST_START);
    assert_int_equal(hear(c), IPERF3_TEST_RUNNING);
}

/* Up to the traffic: TCP with n streams. */
static void begin_tcp(struct client *c, const char *name, const char *params, unsigned n)
{
    connect_as(c, name);
    offer(c, params);
    assert_int_equal(hear(c), IPERF3_CREATE_STREAMS);
    for (unsigned k = 0; k < n; k++)
        open_tcp(c, k);
    hear_start(c);
}

/* The same with UDP, from ports first, first + 1, … */
static void begin_udp(struct client *c, const char *name, const char *params, uint16_t first,
                      unsigned n)
{
    connect_as(c, name);
    offer(c, params);
    assert_int_equal(hear(c), IPERF3_CREATE_STREAMS);
    for (unsigned k = 0; k < n; k++) {
        hello((uint16_t)(first + k));
        assert_true(answered((uint16_t)(first + k)));
    }
    hear_start(c);
}

static const char *results_of(struct client *c, const char *ours)
{
    static char text[IPERF3_TEXT_BYTES];
    uint8_t prefix[4];

    say(c, IPERF3_TEST_END);
    assert_int_equal(hear(c), IPERF3_EXCHANGE_RESULTS);
    say_block(c, ours);
    assert_int_equal(rig_tcp_recv(&c->control, prefix, 4, 1000), 4);
    size_t n = (size_t)prefix[1] << 16 | (size_t)prefix[2] << 8 | prefix[3];
    assert_true(prefix[0] == 0 && n < sizeof(text));
    assert_int_equal(rig_tcp_recv(&c->control, text, n, 1000), n);
    text[n] = 0;
    assert_int_equal(hear(c), IPERF3_DISPLAY_RESULTS);
    return text;
}

/* A number in the k-th object that has the key. */
static int64_t number_in(const char *text, const char *key, unsigned k)
{
    char quoted[64];

    snprintf(quoted, sizeof(quoted), "\"%s\":", key);
    do {
        text = strstr(text, quoted);
        assert_non_null(text);
        text += strlen(quoted);
    } while (k-- > 0);
    return strtoll(text, NULL, 10);
}

static bool has_text(const char *text, const char *key, const char *value)
{
    char pair[128];

    snprintf(pair, sizeof(pair), "\"%s\":\"%s\"", key, value);
    return strstr(text, pair) != NULL;
}

static void close_all(struct client *c)
{
    for (unsigned k = 0; k < 8; k++) {
        if (c->data[k].established)
            rig_tcp_abort(&c->data[k]);
    }
    rig_tcp_close(&c->control);
}

static void finish(struct client *c)
{
    say(c, IPERF3_DONE);
    close_all(c);
    assert_true(has_text(rig_record("result"), "end", "done"));
}

#define EMPTY "{\"streams\":[]}"

static void put_be32(uint8_t *b, uint32_t v)
{
    b[0] = (uint8_t)(v >> 24);
    b[1] = (uint8_t)(v >> 16);
    b[2] = (uint8_t)(v >> 8);
    b[3] = (uint8_t)v;
}

static void send_datagram(uint16_t port, uint32_t number, uint32_t len)
{
    uint8_t b[1472] = {0};

    put_be32(b, (uint32_t)(rig.now_ns / NS_PER_S));
    put_be32(b + 4, (uint32_t)(rig.now_ns % NS_PER_S / NS_PER_US));
    put_be32(b + 8, number);
    rig_udp_send(false, port, PORT, b, len);
    rig_pump();
}

/* ---- the whole way ------------------------------------------------------------------------- */

static void tcp_test_counts_what_it_receives(void **state)
{
    static uint8_t bytes[50000];
    struct client c;

    (void)state;
    begin_tcp(&c, "a", "{\"parallel\":2,\"time\":10,\"client_version\":\"3.12\"}", 2);
    assert_int_equal(rig_tcp_send(&c.data[0], bytes, sizeof(bytes)), sizeof(bytes));
    assert_int_equal(rig_tcp_send(&c.data[1], bytes, 77), 77);
    rig_advance_ms(2000);
    const char *r = results_of(&c, "{\"streams\":[{\"id\":1,\"bytes\":60000,\"retransmits\":4},"
                                   "{\"id\":3,\"bytes\":80,\"retransmits\":1}]}");
    assert_int_equal(number_in(r, "id", 0), 1);
    assert_int_equal(number_in(r, "id", 1), 3);
    assert_int_equal(number_in(r, "bytes", 0), sizeof(bytes));
    assert_int_equal(number_in(r, "bytes", 1), 77);
    assert_int_equal(number_in(r, "sender_has_retransmits", 0), -1);
    assert_int_equal(number_in(r, "end_time", 0), 2);
    assert_null(strstr(r, "omitted"));
    finish(&c);

    const char *record = rig_record("result");
    assert_int_equal(number_in(record, "rx_bytes", 0), sizeof(bytes) + 77);
    assert_int_equal(number_in(record, "streams", 0), 2);
    assert_int_equal(number_in(record, "peer_bytes", 0), 60080);
    assert_int_equal(number_in(record, "peer_retransmits", 0), 5);
    assert_true(has_text(record, "dir", "rx"));
}

/* The numbers are the client's, and any are possible. */
static void sums_of_what_clients_say_may_wrap(void **state)
{
    struct client c;

    (void)state;
    begin_tcp(&c, "a", "{\"parallel\":2}", 2);
    results_of(&c, "{\"streams\":[{\"id\":1,\"bytes\":9223372036854775807,"
                   "\"retransmits\":9223372036854775807},{\"id\":3,"
                   "\"bytes\":9223372036854775807,\"retransmits\":9223372036854775807}]}");
    finish(&c);
    assert_non_null(strstr(rig_record("result"), "\"peer_retransmits\":-2,"));

    begin_udp(&c, "b",
              "{\"udp\":true,\"reverse\":true,\"parallel\":2,\"len\":100,\"bandwidth\":8000}",
              41000, 2);
    results_of(&c, "{\"streams\":[{\"id\":1,\"errors\":9223372036854775807},"
                   "{\"id\":3,\"errors\":9223372036854775807}]}");
    finish(&c);
    assert_non_null(strstr(rig_record("result"), "\"peer_lost\":-2,"));

    begin_udp(&c, "c", "{\"udp\":true,\"parallel\":2,\"len\":100,\"udp_counters_64bit\":1}", 42000,
              2);
    for (unsigned k = 0; k < 2; k++) {
        uint8_t b[100] = {[8] = 0x80}; /* number 2^63 */
        rig_udp_send(false, (uint16_t)(42000 + k), PORT, b, sizeof(b));
        rig_pump();
    }
    results_of(&c, EMPTY);
    finish(&c);
    assert_non_null(strstr(rig_record("result"), "\"lost\":-2,"));
}

/* How far beyond what it has sent the client may go. */
static uint32_t window_of(const struct rig_tcp *t)
{
    return t->guest_wnd;
}

#define SHARE(receivers) (CONFIG_IPERF_FLIGHT / (receivers)*1460u)

static void receiving_streams_share_what_may_be_on_its_way(void **state)
{
    static uint8_t bytes[400000];
    struct client c, many;

    (void)state;
    begin_tcp(&c, "a", "{\"parallel\":1,\"time\":30}", 1);
    assert_int_equal(rig_tcp_send(&c.data[0], bytes, 1), 1);
    assert_in_range(window_of(&c.data[0]), CONFIG_TCP_WND - 1460, CONFIG_TCP_WND);

    /* Others come: what was promised stays, the window closes as the data arrives. */
    begin_tcp(&many, "b", "{\"parallel\":8,\"time\":30}", 8);
    assert_in_range(window_of(&c.data[0]), CONFIG_TCP_WND - 1460, CONFIG_TCP_WND);
    assert_int_equal(rig_tcp_send(&c.data[0], bytes, sizeof(bytes)), sizeof(bytes));
    assert_in_range(window_of(&c.data[0]), SHARE(9) - 1460, SHARE(9));
    for (unsigned k = 0; k < 8; k++) {
        assert_in_range(window_of(&many.data[k]), SHARE(9) / 2, SHARE(9));
        assert_int_equal(rig_tcp_send(&many.data[k], bytes, sizeof(bytes)), sizeof(bytes));
        assert_in_range(window_of(&many.data[k]), SHARE(9) - 1460, SHARE(9));
    }

    /* And they go: there is room again. */
    results_of(&many, EMPTY);
    finish(&many);
    assert_int_equal(rig_tcp_send(&c.data[0], bytes, 3000), 3000);
    assert_in_range(window_of(&c.data[0]), CONFIG_TCP_WND - 1460, CONFIG_TCP_WND);
    results_of(&c, EMPTY);
    finish(&c);
}

static void sending_streams_take_nothing_of_that_share(void **state)
{
    struct client c, other;

    (void)state;
    begin_tcp(&c, "a", "{\"parallel\":8,\"time\":30,\"reverse\":true}", 8);
    begin_tcp(&other, "b", "{\"parallel\":1,\"time\":30}", 1);
    assert_int_equal(rig_tcp_send(&other.data[0], "x", 1), 1);
    assert_in_range(window_of(&other.data[0]), CONFIG_TCP_WND - 1460, CONFIG_TCP_WND);
    results_of(&other, EMPTY);
    finish(&other);
    results_of(&c, EMPTY);
    finish(&c);
}

static void before_the_test_the_window_is_small(void **state)
{
    struct client c;

    (void)state;
    connect_as(&c, "a");
    /* The cookie is read, and not worth an update of its own; the field counts in eights. */
    assert_in_range(window_of(&c.control), IPERF3_WINDOW - IPERF3_COOKIE_BYTES - 8, IPERF3_WINDOW);
    close_all(&c);
}

static void tcp_bytes_after_the_end_do_not_count(void **state)
{
    struct client c;

    (void)state;
    begin_tcp(&c, "a", "{}", 1);
    assert_int_equal(rig_tcp_send(&c.data[0], "12345", 5), 5);
    say(&c, IPERF3_TEST_END);
    assert_int_equal(hear(&c), IPERF3_EXCHANGE_RESULTS);
    assert_int_equal(rig_tcp_send(&c.data[0], "678", 3), 3); /* still open, still drained */
    assert_false(c.data[0].got_fin);
    say_block(&c, EMPTY);
    rig_advance_ms(10);
    say(&c, IPERF3_DONE);
    rig_advance_ms(1);
    assert_true(c.data[0].got_rst); /* only now */
    close_all(&c);
    assert_int_equal(number_in(rig_record("result"), "rx_bytes", 0), 5);
}

static void tcp_reverse_keeps_its_rate_and_ends_with_fin(void **state)
{
    static uint8_t got[400000];
    struct client c;

    (void)state;
    begin_tcp(&c, "a", "{\"reverse\":true,\"bandwidth\":1000000,\"len\":131072}", 1);
    rig_advance_ms(2000);
    size_t n = rig_tcp_recv(&c.data[0], got, 125000 * 2, 0);
    assert_in_range(n, 125000 * 2 - 2 * 1460, 125000 * 2);
    assert_memory_equal(got, pattern, 60000);
    const char *r = results_of(&c, EMPTY);
    assert_in_range(number_in(r, "bytes", 0), 125000 * 2 - 1460, 125000 * 2 + 2 * 1460);
    assert_int_equal(number_in(r, "sender_has_retransmits", 0), 0);
    rig_tcp_recv(&c.data[0], got, sizeof(got), 100);
    assert_true(c.data[0].got_fin);
    finish(&c);
}

/* Acknowledgements that pause and then come one segment at a time: the queue has room for less than
 * what is due at once, over and over. */
static void tcp_reverse_keeps_its_rate_where_the_queue_is_nearly_full(void **state)
{
    static uint8_t got[400000];
    const uint64_t rate = 100000000, ms = 300;
    struct client c;

    (void)state;
    begin_tcp(&c, "a", "{\"reverse\":true,\"bandwidth\":100000000}", 1);
    struct rig_tcp *t = &c.data[0];
    uint32_t acked = t->rcv_nxt;
    uint64_t begin_ns = rig.now_ns;
    t->manual_ack = true;
    for (unsigned i = 0; rig.now_ns - begin_ns < ms * NS_PER_MS; i++) {
        rig_advance_ms(1);
        rig_tcp_recv(t, got, sizeof(got), 0);
        while (i % 20 >= 15 && t->rcv_nxt - acked >= t->mss) {
            acked += t->mss;
            rig_tcp_segment(t, RIG_ACK, t->snd_nxt, acked, NULL, 0);
            rig_pump();
        }
    }
    const char *r = results_of(&c, EMPTY);
    assert_in_range(number_in(r, "bytes", 0), rate / 8000 * ms * 95 / 100,
                    rate / 8000 * ms * 105 / 100);
    finish(&c);
}

/* A client that takes nothing cannot make us queue a quarter of a megabyte a byte at a time, which
 * would be one turn of the loop. */
static void tcp_reverse_in_single_bytes_to_a_closed_window_is_bounded(void **state)
{
    struct client c;

    (void)state;
    connect_as(&c, "a");
    offer(&c, "{\"reverse\":true,\"nodelay\":true,\"len\":1}");
    assert_int_equal(hear(&c), IPERF3_CREATE_STREAMS);
    rig.peer_wnd = 0;
    open_tcp(&c, 0);
    hear_start(&c);
    const char *r = results_of(&c, EMPTY);
    assert_in_range(number_in(r, "bytes", 0), 1, CONFIG_TCP_SND_SEGS);
    finish(&c);
}

static void tcp_bidir_receives_on_the_first_half_and_sends_on_the_second(void **state)
{
    struct client c;

    (void)state;
    begin_tcp(&c, "a", "{\"bidirectional\":true,\"parallel\":2,\"bandwidth\":100000}", 4);
    assert_int_equal(rig_tcp_send(&c.data[0], "12345", 5), 5);
    assert_int_equal(rig_tcp_send(&c.data[1], "123456", 6), 6);
    rig_advance_ms(500);
    assert_int_equal(c.data[0].rx_len + c.data[1].rx_len, 0);
    assert_true(c.data[2].rx_len > 0 && c.data[3].rx_len > 0);
    const char *r = results_of(&c, EMPTY);
    assert_int_equal(number_in(r, "id", 3), 5);
    assert_int_equal(number_in(r, "bytes", 0), 5);
    assert_int_equal(number_in(r, "bytes", 1), 6);
    assert_int_equal(number_in(r, "bytes", 2), c.data[2].rx_len);
    finish(&c);
}

static void streams_are_numbered_as_they_were_opened_even_if_a_cookie_overtakes(void **state)
{
    static const unsigned order[] = {2, 0, 3, 1};
    struct client c;

    (void)state;
    connect_as(&c, "a");
    offer(&c, "{\"bidirectional\":true,\"parallel\":2,\"bandwidth\":100000}");
    assert_int_equal(hear(&c), IPERF3_CREATE_STREAMS);
    for (unsigned k = 0; k < 4; k++)
        assert_true(rig_tcp_connect(&c.data[k], PORT));
    for (unsigned k = 0; k < 4; k++)
        assert_int_equal(rig_tcp_send(&c.data[order[k]], c.cookie, IPERF3_COOKIE_BYTES),
                         IPERF3_COOKIE_BYTES);
    hear_start(&c);
    for (unsigned k = 0; k < 4; k++)
        assert_int_equal(rig_tcp_send(&c.data[k], "12345", k + 1), k + 1);
    rig_advance_ms(500);
    assert_int_equal(c.data[0].rx_len + c.data[1].rx_len, 0);
    const char *r = results_of(&c, EMPTY);
    assert_int_equal(number_in(r, "bytes", 0), 1);
    assert_int_equal(number_in(r, "bytes", 1), 2);
    assert_int_equal(number_in(r, "bytes", 2), c.data[2].rx_len);
    assert_int_equal(number_in(r, "bytes", 3), c.data[3].rx_len);
    assert_true(c.data[2].rx_len > 0 && c.data[3].rx_len > 0);
    finish(&c);
}

/* As through a proxy: every handshake begins before the first one ends, every cookie comes after
 * the last one. */
static void streams_may_be_opened_all_at_once(void **state)
{
    static struct rig_tcp data[128];
    struct client c;
    char params[100];
    const unsigned n = CONFIG_IPERF_STREAM < 128 ? CONFIG_IPERF_STREAM : 128;

    (void)state;
    connect_as(&c, "a");
    snprintf(params, sizeof(params), "{\"parallel\":%u}", n);
    offer(&c, params);
    assert_int_equal(hear(&c), IPERF3_CREATE_STREAMS);
    for (unsigned k = 0; k < n; k++)
        rig_tcp_syn(&data[k], false, PORT);
    rig_advance_ms(10);
    for (unsigned k = 0; k < n; k++) {
        assert_true(data[k].established);
        assert_int_equal(rig_tcp_send(&data[k], c.cookie, IPERF3_COOKIE_BYTES),
                         IPERF3_COOKIE_BYTES);
    }
    hear_start(&c);
    say(&c, IPERF3_DONE);
    rig_advance_ms(20);
    for (unsigned k = 0; k < n; k++) {
        assert_true(data[k].got_rst);
        rig_tcp_forget(&data[k]);
    }
    close_all(&c);
    assert_int_equal(rig_record_count("refused"), 0);
}

static bool lose(const uint8_t *frame, uint32_t len)
{
    (void)frame, (void)len;
    return true;
}

static void half_open_connections_are_few_unless_streams_are_awaited(void **state)
{
    static struct rig_tcp t[CONFIG_BACKLOG + 8];
    struct client c;

    (void)state;
    connect_as(&c, "a");
    offer(&c, "{\"parallel\":5}");
    assert_int_equal(hear(&c), IPERF3_CREATE_STREAMS);
    for (unsigned round = 0; round < 2; round++) {
        unsigned before = rig_pool_used("TCP_PCB");
        rig.filter = lose;
        for (unsigned k = 0; k < CONFIG_BACKLOG + 8; k++)
            rig_tcp_syn(&t[k], false, PORT);
        rig_advance_ms(1);
        assert_int_equal(rig_pool_used("TCP_PCB") - before, CONFIG_BACKLOG + (round == 0 ? 5 : 0));
        for (unsigned k = 0; k < CONFIG_BACKLOG + 8; k++)
            rig_tcp_forget(&t[k]);
        rig_advance_ms(30000); /* the stack gives them up */
        rig.filter = NULL;
        if (round == 0)
            rig_tcp_forget(&c.control); /* its 30 s are over, too */
        rig_advance_ms(20000);
    }
}

static void messages_may_share_a_segment_and_blocks_may_be_cut(void **state)
{
    static const char block[] = "\0\0\0\x20{\"parallel\":1,\"time\":1,\"len\":99}";
    struct client c;

    (void)state;
    memset(&c, 0, sizeof(c));
    memset(c.cookie, 'y', IPERF3_COOKIE_BYTES - 1);
    assert_true(rig_tcp_connect(&c.control, PORT));
    for (unsigned k = 0; k < IPERF3_COOKIE_BYTES; k++)
        assert_int_equal(rig_tcp_send(&c.control, c.cookie + k, 1), 1);
    assert_int_equal(hear(&c), IPERF3_PARAM_EXCHANGE);
    for (unsigned k = 0; k < sizeof(block) - 1; k++)
        assert_int_equal(rig_tcp_send(&c.control, block + k, 1), 1);
    assert_int_equal(hear(&c), IPERF3_CREATE_STREAMS);
    open_tcp(&c, 0);
    hear_start(&c);
    /* 4, the block and 16 in one segment: all is over before the answer is read */
    assert_int_equal(rig_tcp_send(&c.control, "\x04\0\0\0\x0e" EMPTY "\x10", 20), 20);
    close_all(&c);
    assert_true(has_text(rig_record("result"), "end", "done"));
}

/* ---- UDP ----------------------------------------------------------------------------------- */

static void udp_test_counts_as_the_original_does(void **state)
{
    static const uint32_t numbers[] = {1, 2, 5, 4, 4, 9};
    struct client c;

    (void)state;
    begin_udp(&c, "a", "{\"udp\":true,\"len\":1000}", 40000, 1);
    for (unsigned k = 0; k < 6; k++)
        send_datagram(40000, numbers[k], 1000);
    const char *r = results_of(&c, EMPTY);
    assert_int_equal(number_in(r, "bytes", 0), 6000);
    assert_int_equal(number_in(r, "packets", 0), 9);
    assert_int_equal(number_in(r, "errors", 0), 3);
    send_datagram(40000, 10, 1000); /* too late */
    finish(&c);
    assert_int_equal(number_in(rig_record("result"), "rx_packets", 0), 6);
    assert_int_equal(number_in(rig_record("result"), "out_of_order", 0), 2);
}

static void udp_hello_again_is_answered_and_never_counted(void **state)
{
    struct client c;

    (void)state;
    begin_udp(&c, "a", "{\"udp\":true,\"len\":1000}", 40000, 1);
    hello(40000);
    assert_true(answered(40000));
    send_datagram(40000, 1, 1000);
    rig_udp_send(false, 40000, PORT, "short", 5);
    rig_udp_send(false, 40000, PORT, "", 0);
    rig_pump();
    hello(40000);
    assert_true(answered(40000));
    const char *r = results_of(&c, EMPTY);
    assert_int_equal(number_in(r, "packets", 0), 1);
    assert_int_equal(number_in(r, "errors", 0), 0);
    assert_int_equal(number_in(r, "bytes", 0), 1000);
    finish(&c);
    assert_int_equal(stat_of("stray_datagrams"), 2);
}

static void udp_strangers_are_counted_and_not_answered(void **state)
{
    struct client c;
    uint64_t before = stat_of("stray_datagrams");

    (void)state;
    hello(40000); /* no session waits */
    begin_udp(&c, "a", "{\"udp\":true}", 41000, 1);
    hello(42000); /* all streams are there */
    send_datagram(42001, 1, 100);
    assert_false(answered(40000));
    assert_false(answered(42000));
    assert_int_equal(stat_of("stray_datagrams"), before + 3);
    say(&c, IPERF3_DONE);
    close_all(&c);
    hello(41000); /* its session is over */
    assert_false(answered(41000));
    assert_int_equal(stat_of("stray_datagrams"), before + 4);
}

static void udp_hello_of_the_wrong_length_opens_nothing(void **state)
{
    struct client c;

    (void)state;
    connect_as(&c, "a");
    offer(&c, "{\"udp\":true}");
    assert_int_equal(hear(&c), IPERF3_CREATE_STREAMS);
    rig_udp_send(false, 40000, PORT, "98765", 5);
    send_datagram(40000, 1, 100);
    assert_int_equal(hear(&c), -1);
    hello(40000);
    assert_true(answered(40000));
    hear_start(&c);
    say(&c, IPERF3_DONE);
    close_all(&c);
}

static void udp_clients_of_one_address_take_turns_to_open_streams(void **state)
{
    struct client a, b, t;

    (void)state;
    connect_as(&a, "a");
    offer(&a, "{\"udp\":true,\"parallel\":2}");
    assert_int_equal(hear(&a), IPERF3_CREATE_STREAMS);
    connect_as(&b, "b");
    offer(&b, "{\"udp\":true}");
    assert_int_equal(hear(&b), -1);
    begin_tcp(&t, "t", "{}", 1); /* nobody mistakes a TCP stream */
    say(&t, IPERF3_DONE);
    close_all(&t);

    hello(40000);
    hello(40001);
    assert_true(answered(40000) && answered(40001));
    hear_start(&a);
    assert_int_equal(hear(&b), IPERF3_CREATE_STREAMS);
    hello(40002);
    assert_true(answered(40002));
    hear_start(&b);
    send_datagram(40001, 1, 100);
    send_datagram(40002, 1, 200);
    assert_int_equal(number_in(results_of(&a, EMPTY), "bytes", 1), 100);
    assert_int_equal(number_in(results_of(&b, EMPTY), "bytes", 0), 200);
    finish(&a);
    finish(&b);
}

static void udp_waiting_client_goes_on_when_the_first_one_is_gone(void **state)
{
    struct client a, b;

    (void)state;
    connect_as(&a, "a");
    offer(&a, "{\"udp\":true,\"parallel\":2}");
    assert_int_equal(hear(&a), IPERF3_CREATE_STREAMS);
    connect_as(&b, "b");
    offer(&b, "{\"udp\":true}");
    assert_int_equal(hear(&b), -1);
    rig_tcp_abort(&a.control);
    assert_int_equal(hear(&b), IPERF3_CREATE_STREAMS);
    say(&b, IPERF3_DONE);
    close_all(&b);
}

/* Datagrams to the peer's port since the last call; the highest number, and whether all were there.
 */
static uint32_t collect(uint16_t port, uint32_t len, uint32_t from)
{
    uint8_t b[1472];
    int n;

    while ((n = rig_udp_recv(port, b, sizeof(b))) >= 0) {
        assert_int_equal(n, len);
        assert_int_equal(b[10] << 8 | b[11], ++from);
        assert_memory_equal(b + 12, pattern, len - 12);
    }
    return from;
}

static void udp_reverse_sends_evenly_and_without_drift(void **state)
{
    struct client c;
    uint32_t n = 0;

    (void)state;
    begin_udp(&c, "a", "{\"udp\":true,\"reverse\":true,\"len\":1250,\"bandwidth\":1000000}", 40000,
              1);
    n = collect(40000, 1250, n);
    assert_int_equal(n, 1);
    for (unsigned k = 1; k < 100; k++) { /* one in 10 ms */
        rig_advance_ms(10);
        n = collect(40000, 1250, n);
        assert_in_range(n, k, k + 1);
    }
    const char *r = results_of(&c, "{\"streams\":[{\"id\":1,\"bytes\":100,\"errors\":3}]}");
    assert_int_equal(number_in(r, "packets", 0), n);
    assert_int_equal(number_in(r, "bytes", 0), n * 1250);
    finish(&c);
    assert_int_equal(number_in(rig_record("result"), "peer_lost", 0), 3);
    assert_int_equal(number_in(rig_record("result"), "tx_bytes", 0), n * 1250);
}

static void udp_wide_counters_are_sent_and_read(void **state)
{
    struct client c;
    uint8_t b[100] = {0};

    (void)state;
    begin_udp(&c, "a",
              "{\"udp\":true,\"bidirectional\":true,\"len\":100,\"bandwidth\":8000,"
              "\"udp_counters_64bit\":1}",
              40000, 2);
    put_be32(b + 8, 1);
    put_be32(b + 12, 2);
    rig_udp_send(false, 40000, PORT, b, sizeof(b));
    rig_pump();
    assert_int_equal(rig_udp_recv(40001, b, sizeof(b)), 100);
    assert_int_equal(b[11], 0);
    assert_int_equal(b[15], 1);
    assert_memory_equal(b + 16, pattern, 84);
    const char *r = results_of(&c, EMPTY);
    assert_int_equal(number_in(r, "packets", 0), 0x100000002);
    assert_int_equal(number_in(r, "errors", 0), 0x100000001);
    finish(&c);
}

static void udp_sender_takes_no_more_of_the_ring_than_is_for_bulk(void **state)
{
    struct client c;

    (void)state;
    begin_udp(&c, "a", "{\"udp\":true,\"reverse\":true,\"len\":1400,\"bandwidth\":10000000000}",
              40000, 1);
    rig.tx_stuck = true;
    rig_advance_ms(50);
    rig_tcp_segment(&c.control, RIG_ACK | RIG_PSH, c.control.snd_nxt, c.control.rcv_nxt, "\x10", 1);
    c.control.snd_nxt++;
    rig_advance_ms(1); /* its acknowledgement finds a place */
    rig.tx_stuck = false;
    rig_advance_ms(1);
    assert_int_equal(c.control.snd_una, c.control.snd_nxt);
    /* what was on the ring went out complete and in order, and counts */
    uint32_t n = collect(40000, 1400, 0);
    assert_in_range(n, CONFIG_TX_RING - CONFIG_TX_RESERVE - 8,
                    CONFIG_TX_RING - CONFIG_TX_RESERVE + 1);
    assert_int_equal(number_in(rig_record("result"), "tx_packets", 0), n);
    rig_tcp_forget(&c.control);
}

/* ---- warm-up ------------------------------------------------------------------------------- */

static void warm_up(const char *version, int64_t packets, int64_t errors, bool omitted)
{
    struct client c;
    char params[200];

    snprintf(params, sizeof(params),
             "{\"udp\":true,\"omit\":2,\"len\":100,\"client_version\":\"%s\"}", version);
    begin_udp(&c, "a", params, 40000, 1);
    send_datagram(40000, 1, 100);
    send_datagram(40000, 5, 100); /* three lost in the warm-up */
    rig_advance_ms(2001);
    send_datagram(40000, 6, 100);
    send_datagram(40000, 8, 100); /* one lost behind it */
    rig_advance_ms(1000);
    const char *r = results_of(&c, EMPTY);
    assert_int_equal(number_in(r, "bytes", 0), 200);
    assert_int_equal(number_in(r, "packets", 0), packets);
    assert_int_equal(number_in(r, "errors", 0), errors);
    assert_int_equal(number_in(r, "end_time", 0), 1);
    if (omitted) {
        assert_int_equal(number_in(r, "omitted_packets", 0), 5);
        assert_int_equal(number_in(r, "omitted_errors", 0), 3);
    } else {
        assert_null(strstr(r, "omitted"));
    }
    finish(&c);
    assert_int_equal(number_in(rig_record("result"), "lost", 0), 1);
    assert_int_equal(number_in(rig_record("result"), "rx_bytes", 0), 200);
}

static void warm_up_for_clients_up_to_3_13(void **state)
{
    (void)state;
    warm_up("3.12", 8, 1, false);
    warm_up("3.13", 8, 1, false);
}

static void warm_up_for_clients_from_3_14_on(void **state)
{
    (void)state;
    warm_up("3.14", 8, 4, true);
    warm_up("3.21+", 8, 4, true);
}

static void test_that_ends_within_its_warm_up_has_moved_nothing(void **state)
{
    struct client c;

    (void)state;
    begin_tcp(&c, "a", "{\"omit\":5}", 1);
    assert_int_equal(rig_tcp_send(&c.data[0], "12345", 5), 5);
    rig_advance_ms(1000);
    assert_int_equal(number_in(results_of(&c, EMPTY), "bytes", 0), 0);
    finish(&c);
    assert_int_equal(number_in(rig_record("result"), "duration_us", 0), 0);
}

/* ---- records ------------------------------------------------------------------------------- */

static void interval_records_come_each_period_and_show_the_gap(void **state)
{
    struct client c;

    (void)state;
    rig.conf.interval_ns = 100 * MS;
    begin_tcp(&c, "a", "{}", 1);
    assert_int_equal(rig_tcp_send(&c.data[0], "12345", 5), 5);
    rig_advance_ms(100);
    assert_int_equal(rig_record_count("interval"), 1);
    assert_int_equal(number_in(rig_record("interval"), "rx_bytes", 0), 5);
    assert_int_equal(number_in(rig_record("interval"), "start_us", 0), 0);
    rig_advance_ms(100);
    assert_int_equal(rig_record_count("interval"), 2);
    assert_int_equal(number_in(rig_record("interval"), "rx_bytes", 0), 0);
    assert_in_range(number_in(rig_record("interval"), "gap_max_us", 0), 185000, 201000);
    say(&c, IPERF3_DONE);
    close_all(&c);
}

static void time_that_the_guest_was_not_run_is_no_gap(void **state)
{
    struct client c;

    (void)state;
    rig.conf.interval_ns = 100 * MS;
    begin_tcp(&c, "a", "{}", 1);
    assert_int_equal(rig_tcp_send(&c.data[0], "12345", 5), 5);
    rig_advance_ms(150);
    rig.late_ns += 80 * MS;
    rig_advance_ms(50);
    assert_int_equal(rig_record_count("interval"), 2);
    assert_in_range(number_in(rig_record("interval"), "gap_max_us", 0), 105000, 121000);
    say(&c, IPERF3_DONE);
    close_all(&c);
}

static void no_interval_records_where_none_are_wanted(void **state)
{
    struct client c;

    (void)state;
    rig.conf.interval_ns = 0;
    begin_tcp(&c, "a", "{}", 1);
    rig_advance_ms(5000);
    assert_int_equal(rig_record_count("interval"), 0);
    say(&c, IPERF3_DONE);
    close_all(&c);
}

/* ---- refusals ------------------------------------------------------------------------------ */

static void datagrams_beyond_the_mtu_are_refused(void **state)
{
    struct client c;

    (void)state;
    connect_as(&c, "a");
    offer(&c, "{\"udp\":true,\"len\":1473}");
    hear_refusal(&c, IPERF3_E_UDP_BLOCK);
    rig_tcp_close(&c.control);
    assert_int_equal(rig_record_count("refused"), 1);
    assert_int_equal(rig_record_count("result"), 0);

    begin_udp(&c, "a", "{\"udp\":true,\"len\":1472}", 40000, 1);
    send_datagram(40000, 1, 1472);
    assert_int_equal(number_in(results_of(&c, EMPTY), "bytes", 0), 1472);
    finish(&c);
}

static void tests_beyond_the_streams_are_refused(void **state)
{
    struct client c[4];
    const unsigned fit = CONFIG_IPERF_STREAM / 128;
    char params[64];

    (void)state;
    for (unsigned k = 0; k < fit; k++) {
        connect_as(&c[k], (const char[]){(char)('a' + k), 0});
        offer(&c[k], "{\"parallel\":128}");
        assert_int_equal(hear(&c[k]), IPERF3_CREATE_STREAMS);
    }
    connect_as(&c[3], "z");
    snprintf(params, sizeof(params), "{\"parallel\":%d}", CONFIG_IPERF_STREAM % 128 + 1);
    offer(&c[3], params);
    hear_refusal(&c[3], IPERF3_E_BUSY);
    rig_tcp_close(&c[3].control);

    connect_as(&c[3], "z");
    snprintf(params, sizeof(params), "{\"parallel\":%d}", CONFIG_IPERF_STREAM % 128);
    offer(&c[3], params);
    assert_int_equal(hear(&c[3]), IPERF3_CREATE_STREAMS);
    rig_tcp_abort(&c[3].control);
    for (unsigned k = 0; k < fit; k++)
        rig_tcp_abort(&c[k].control);
    rig_advance_ms(20);
}

/* The word "done" of the first client got lost; it comes again. Meanwhile the next one waits. */
static void client_waits_for_the_streams_of_one_that_is_leaving(void **state)
{
    struct client a, b;
    char params[128];

    (void)state;
    snprintf(params, sizeof(params),
             "{\"udp\":true,\"bidirectional\":true,\"bandwidth\":1000,\"len\":100,\"parallel\":%d}",
             CONFIG_IPERF_STREAM / 2 < 128 ? CONFIG_IPERF_STREAM / 2 : 128);
    begin_udp(&a, "a", params, 40000, CONFIG_IPERF_STREAM < 256 ? CONFIG_IPERF_STREAM : 256);
    connect_as(&b, "b");
    offer(&b, params);
    hear_refusal(&b, IPERF3_E_BUSY);
    rig_tcp_close(&b.control);

    results_of(&a, EMPTY);
    connect_as(&b, "b");
    offer(&b, params);
    assert_int_equal(hear_within(&b, 1000), -1);
    finish(&a);
    assert_int_equal(hear(&b), IPERF3_CREATE_STREAMS);
    rig_tcp_abort(&b.control);
    rig_advance_ms(20);
}

static void clients_beyond_the_sessions_are_denied(void **state)
{
    struct client c[CONFIG_IPERF_SESSION], more;

    (void)state;
    for (unsigned k = 0; k < CONFIG_IPERF_SESSION; k++)
        begin_tcp(&c[k], (const char[]){(char)('a' + k), 0}, "{}", 1);
    rig_advance_ms(2000);
    connect_as(&more, "z");
    assert_int_equal(hear(&more), 0xff);
    rig_advance_ms(1);
    assert_true(more.control.got_fin);
    rig_tcp_close(&more.control);
    for (unsigned k = 0; k < CONFIG_IPERF_SESSION; k++) {
        say(&c[k], IPERF3_DONE);
        close_all(&c[k]);
    }
}

static void client_without_parameters_gives_way(void **state)
{
    struct client c[CONFIG_IPERF_SESSION], more;

    (void)state;
    for (unsigned k = 0; k < CONFIG_IPERF_SESSION; k++) {
        connect_as(&c[k], (const char[]){(char)('a' + k), 0});
        assert_int_equal(hear(&c[k]), IPERF3_PARAM_EXCHANGE);
    }
    connect_as(&more, "y");
    assert_int_equal(hear(&more), 0xff); /* they are too young */
    rig_tcp_close(&more.control);
    rig_advance_ms(1000);
    begin_tcp(&more, "z", "{}", 1);
    assert_true(c[0].control.got_fin); /* the oldest */
    assert_false(c[1].control.got_fin);
    say(&more, IPERF3_DONE);
    close_all(&more);
    for (unsigned k = 0; k < CONFIG_IPERF_SESSION; k++)
        rig_tcp_close(&c[k].control);
}

static void streams_that_nobody_waits_for_are_denied(void **state)
{
    struct client c;
    uint8_t b;

    (void)state;
    begin_tcp(&c, "a", "{}", 1);
    open_tcp(&c, 1);
    assert_int_equal(rig_tcp_recv(&c.data[1], &b, 1, 100), 1);
    assert_int_equal(b, 0xff);
    rig_tcp_close(&c.data[1]);
    c.data[1].established = false;
    assert_int_equal(number_in(results_of(&c, EMPTY), "bytes", 0), 0);
    finish(&c);
}

static void unknown_messages_end_the_session(void **state)
{
    struct client c;

    (void)state;
    begin_tcp(&c, "a", "{}", 1);
    say(&c, 99);
    hear_refusal(&c, IPERF3_E_MESSAGE);
    close_all(&c);
    assert_true(has_text(rig_record("result"), "end", "unknown message"));
}

static void lengths_out_of_bounds_are_refused_before_the_block_comes(void **state)
{
    static const char prefixes[][5] = {"\0\0\0\0", "\0\0\x20\x01", "\xff\xff\xff\xff",
                                       "\x7f\0\0\0"};
    struct client c;

    (void)state;
    for (unsigned k = 0; k < 4; k++) {
        connect_as(&c, "a");
        assert_int_equal(hear(&c), IPERF3_PARAM_EXCHANGE);
        assert_int_equal(rig_tcp_send(&c.control, prefixes[k], 4), 4);
        hear_refusal(&c, IPERF3_E_PARAMS);
        rig_tcp_close(&c.control);
    }
}

/* ---- time limits --------------------------------------------------------------------------- */

static void connection_without_a_cookie_lasts_5_s(void **state)
{
    struct rig_tcp t;

    (void)state;
    assert_true(rig_tcp_connect(&t, PORT));
    rig_advance_ms(4000);
    assert_int_equal(rig_tcp_send(&t, "abc", 3), 3); /* does not buy time */
    rig_advance_ms(900);
    assert_false(t.got_rst);
    rig_advance_ms(110);
    assert_true(t.got_rst);
    rig_tcp_forget(&t);
}

static void more_silent_connections_than_places_cost_the_oldest(void **state)
{
    static struct rig_tcp t[CONFIG_IPERF_PENDING + 1];
    struct client c;

    (void)state;
    for (unsigned k = 0; k <= CONFIG_IPERF_PENDING; k++) {
        assert_true(rig_tcp_connect(&t[k], PORT));
        rig_advance_ms(1);
    }
    assert_true(t[0].got_rst);
    assert_false(t[1].got_rst);
    begin_tcp(&c, "a", "{}", 1);
    say(&c, IPERF3_DONE);
    close_all(&c);
    for (unsigned k = 0; k <= CONFIG_IPERF_PENDING; k++) {
        if (t[k].got_rst)
            rig_tcp_forget(&t[k]);
        else
            rig_tcp_abort(&t[k]);
    }
}

static void parameters_may_take_10_s(void **state)
{
    uint64_t before = apps_refusals();
    struct client c;

    (void)state;
    connect_as(&c, "a");
    assert_int_equal(hear(&c), IPERF3_PARAM_EXCHANGE);
    assert_int_equal(rig_tcp_send(&c.control, "\0\0\0\x10{", 5), 5);
    rig_advance_ms(9900);
    assert_false(c.control.got_fin);
    rig_advance_ms(110);
    assert_true(c.control.got_fin);
    rig_tcp_close(&c.control);
    assert_int_equal(rig_record_count("result"), 0);
    assert_int_equal(apps_refusals(), before + 1); /* the one trace that it leaves */
}

static void streams_may_take_30_s(void **state)
{
    struct client c;

    (void)state;
    connect_as(&c, "a");
    offer(&c, "{\"parallel\":2}");
    assert_int_equal(hear(&c), IPERF3_CREATE_STREAMS);
    open_tcp(&c, 0);
    assert_int_equal(hear_within(&c, 29800), -1);
    assert_int_equal(hear_within(&c, 300), 0xfe);
    rig_advance_ms(1);
    assert_true(c.data[0].got_rst);
    close_all(&c);
    assert_true(has_text(rig_record("result"), "end", "streams not opened in time"));
}

static void test_may_take_40_s_more_than_asked_for(void **state)
{
    struct client c;

    (void)state;
    begin_tcp(&c, "a", "{\"time\":5,\"omit\":1,\"reverse\":true,\"bandwidth\":8000}", 1);
    assert_int_equal(hear_within(&c, 45800), -1);
    assert_int_equal(hear_within(&c, 300), IPERF3_SERVER_TERMINATE);
    close_all(&c);
    assert_true(has_text(rig_record("result"), "end", "test_too_long"));
}

static void endless_test_has_no_end(void **state)
{
    struct client c;

    (void)state;
    begin_tcp(&c, "a", "{\"time\":0,\"reverse\":true,\"bandwidth\":8000}", 1);
    assert_int_equal(hear_within(&c, 60000), -1);
    say(&c, IPERF3_CLIENT_TERMINATE);
    close_all(&c);
    assert_true(has_text(rig_record("result"), "end", "client_terminated"));
    assert_true(number_in(rig_record("result"), "duration_us", 0) >= 60000000);
}

static void client_that_sends_nothing_is_given_up_after_120_s(void **state)
{
    struct client c;

    (void)state;
    begin_tcp(&c, "a", "{\"time\":0}", 1);
    rig_advance_ms(10000);
    assert_int_equal(rig_tcp_send(&c.data[0], "x", 1), 1);
    assert_int_equal(hear_within(&c, 119800), -1);
    assert_int_equal(hear_within(&c, 300), IPERF3_SERVER_TERMINATE);
    close_all(&c);
    assert_true(has_text(rig_record("result"), "end", "client_idle"));
}

static void client_that_vanished_is_noticed_within_40_s(void **state)
{
    struct client c;

    (void)state;
    begin_tcp(&c, "a", "{\"time\":0,\"reverse\":true,\"bandwidth\":8000}", 1);
    rig_tcp_forget(&c.data[0]);
    rig_tcp_forget(&c.control);
    rig_advance_ms(40000);
    assert_true(has_text(rig_record("result"), "end", "client_reset"));
    assert_int_equal(stat_of("sessions"), 0);
}

static void results_may_take_10_s(void **state)
{
    struct client c;

    (void)state;
    begin_tcp(&c, "a", "{}", 1);
    say(&c, IPERF3_TEST_END);
    assert_int_equal(hear(&c), IPERF3_EXCHANGE_RESULTS);
    rig_advance_ms(9900);
    assert_false(c.control.got_fin);
    rig_advance_ms(110);
    assert_true(c.control.got_fin);
    close_all(&c);
    assert_true(has_text(rig_record("result"), "end", "client_silent"));
}

/* The next session would write over the text while the stack still resends it. */
static void results_that_are_not_acknowledged_are_taken_back(void **state)
{
    struct client c;

    (void)state;
    begin_tcp(&c, "a", "{}", 1);
    say(&c, IPERF3_TEST_END);
    assert_int_equal(hear(&c), IPERF3_EXCHANGE_RESULTS);
    c.control.manual_ack = true;
    say_block(&c, EMPTY);
    rig_advance_ms(10110);
    assert_true(c.control.got_rst);
    assert_false(c.control.got_fin);
    rig_tcp_forget(&c.control);
    rig_tcp_abort(&c.data[0]);
}

static void fin_after_the_results_is_as_good_as_done(void **state)
{
    struct client c;

    (void)state;
    begin_tcp(&c, "a", "{}", 1);
    results_of(&c, EMPTY);
    rig_tcp_fin(&c.control);
    rig_advance_ms(1);
    assert_true(c.control.got_fin); /* at once: newer clients wait for it */
    close_all(&c);
    assert_true(has_text(rig_record("result"), "end", "done"));
}

static void client_gone_in_mid_test_leaves_a_record(void **state)
{
    struct client c;

    (void)state;
    begin_tcp(&c, "a", "{}", 1);
    assert_int_equal(rig_tcp_send(&c.data[0], "12345", 5), 5);
    rig_tcp_abort(&c.control);
    rig_advance_ms(1);
    assert_true(c.data[0].got_rst);
    rig_tcp_forget(&c.data[0]);
    assert_true(has_text(rig_record("result"), "end", "client_reset"));
    assert_int_equal(number_in(rig_record("result"), "rx_bytes", 0), 5);
}

/* ---- the largest test ---------------------------------------------------------------------- */

static void largest_test_fits_its_record_and_its_results(void **state)
{
    struct client c;
    const unsigned half = CONFIG_IPERF_STREAM < 256 ? CONFIG_IPERF_STREAM / 2 : 128;
    char params[128];

    (void)state;
    snprintf(params, sizeof(params),
             "{\"udp\":true,\"bidirectional\":true,\"parallel\":%u,\"bandwidth\":1000,\"len\":100,"
             "\"client_version\":\"3.17\"}",
             half);
    begin_udp(&c, "a", params, 40000, 2 * half);
    assert_int_equal(number_in(results_of(&c, EMPTY), "id", 2 * half - 1), 2 * half + 1);
    finish(&c);
    rig_advance_ms(20);
    assert_int_equal(number_in(rig_record("result"), "id", 2 * half - 1), 2 * half + 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(tcp_test_counts_what_it_receives),
        TEST(receiving_streams_share_what_may_be_on_its_way),
        TEST(sending_streams_take_nothing_of_that_share),
        TEST(before_the_test_the_window_is_small),
        TEST(tcp_bytes_after_the_end_do_not_count),
        TEST(sums_of_what_clients_say_may_wrap),
        TEST(tcp_reverse_in_single_bytes_to_a_closed_window_is_bounded),
        TEST(tcp_reverse_keeps_its_rate_and_ends_with_fin),
        TEST(tcp_reverse_keeps_its_rate_where_the_queue_is_nearly_full),
        TEST(tcp_bidir_receives_on_the_first_half_and_sends_on_the_second),
        TEST(streams_are_numbered_as_they_were_opened_even_if_a_cookie_overtakes),
        TEST(streams_may_be_opened_all_at_once),
        TEST(half_open_connections_are_few_unless_streams_are_awaited),
        TEST(messages_may_share_a_segment_and_blocks_may_be_cut),
        TEST(udp_test_counts_as_the_original_does),
        TEST(udp_hello_again_is_answered_and_never_counted),
        TEST(udp_strangers_are_counted_and_not_answered),
        TEST(udp_hello_of_the_wrong_length_opens_nothing),
        TEST(udp_clients_of_one_address_take_turns_to_open_streams),
        TEST(udp_waiting_client_goes_on_when_the_first_one_is_gone),
        TEST(udp_reverse_sends_evenly_and_without_drift),
        TEST(udp_wide_counters_are_sent_and_read),
        TEST(udp_sender_takes_no_more_of_the_ring_than_is_for_bulk),
        TEST(warm_up_for_clients_up_to_3_13),
        TEST(warm_up_for_clients_from_3_14_on),
        TEST(test_that_ends_within_its_warm_up_has_moved_nothing),
        TEST(interval_records_come_each_period_and_show_the_gap),
        TEST(time_that_the_guest_was_not_run_is_no_gap),
        TEST(no_interval_records_where_none_are_wanted),
        TEST(datagrams_beyond_the_mtu_are_refused),
        TEST(tests_beyond_the_streams_are_refused),
        TEST(client_waits_for_the_streams_of_one_that_is_leaving),
        TEST(clients_beyond_the_sessions_are_denied),
        TEST(client_without_parameters_gives_way),
        TEST(streams_that_nobody_waits_for_are_denied),
        TEST(unknown_messages_end_the_session),
        TEST(lengths_out_of_bounds_are_refused_before_the_block_comes),
        TEST(connection_without_a_cookie_lasts_5_s),
        TEST(more_silent_connections_than_places_cost_the_oldest),
        TEST(parameters_may_take_10_s),
        TEST(streams_may_take_30_s),
        TEST(test_may_take_40_s_more_than_asked_for),
        TEST(endless_test_has_no_end),
        TEST(client_that_sends_nothing_is_given_up_after_120_s),
        TEST(client_that_vanished_is_noticed_within_40_s),
        TEST(results_may_take_10_s),
        TEST(results_that_are_not_acknowledged_are_taken_back),
        TEST(fin_after_the_results_is_as_good_as_done),
        TEST(client_gone_in_mid_test_leaves_a_record),
        TEST(largest_test_fits_its_record_and_its_results),
    };

    return cmocka_run_group_tests(tests, init_once, NULL);
}
