// SPDX-License-Identifier: BSD-3-Clause
/*
 * See iperf3_peer.h.
 */
#include "iperf3_peer.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>
#include "lwip/priv/tcp_priv.h"

#define PATIENCE_MS 100

const struct conf *apps_conf = &rig.conf;

struct rig_tcp peer_conn[1 + CONFIG_IPERF_STREAM];
struct job *peer_job;
uint16_t peer_udp_port[CONFIG_IPERF_STREAM];

static char cookie[IPERF3_COOKIE_BYTES];

int peer_setup(void **state)
{
    int r = rig_setup(state);

    rig.conf.services = 0; /* there is no server of the guest's own */
    jobs_init();
    jobs_ready();
    rig.poll = jobs_poll;
    rig_tcp_listen(IPERF3_PORT, peer_conn, sizeof(peer_conn) / sizeof(peer_conn[0]));
    return r;
}

int peer_teardown(void **state)
{
    while (tcp_active_pcbs != NULL) /* a failed test leaves a session behind */
        tcp_abort(tcp_active_pcbs);
    jobs_stop();
    rig_advance_ms(10);
    bool busy = jobs_busy();
    unsigned streams = iperf3_streams_used();
    int r = rig_teardown(state);

    assert_false(busy);
    assert_int_equal(streams, 0);
    return r;
}

void peer_start(const char *words)
{
    struct job_params p;
    struct job_refusal why;
    char copy[256], *rest = copy;

    job_params_init(&p);
    snprintf(copy, sizeof(copy), "run=client target=10.0.2.1 %s", words);
    for (char *word; (word = strtok_r(rest, " ", &rest)) != NULL;) {
        char *value = strchr(word, '=');
        const struct text key = {word, (size_t)(value - word)};
        assert_true(
            job_params_set(&p, job_key_find(key), (struct text){value + 1, strlen(value + 1)}));
    }
    peer_job = job_start(&p, &why);
    if (peer_job == NULL)
        fail_msg("%s refused: %s", words, why.key);
    rig_pump();
}

void peer_say(int message)
{
    const uint8_t b = (uint8_t)message;

    assert_int_equal(rig_tcp_send(&peer_conn[0], &b, 1), 1);
}

void peer_say_block(const char *text)
{
    const size_t n = strlen(text);
    const uint8_t prefix[4] = {0, 0, (uint8_t)(n >> 8), (uint8_t)n};

    rig_tcp_send(&peer_conn[0], prefix, 4);
    rig_tcp_send(&peer_conn[0], text, n);
}

int peer_hear(void)
{
    uint8_t b;

    return rig_tcp_recv(&peer_conn[0], &b, 1, PATIENCE_MS) == 1 ? b : -1;
}

const char *peer_hear_block(void)
{
    static char text[IPERF3_TEXT_BYTES];
    uint8_t prefix[4];

    assert_int_equal(rig_tcp_recv(&peer_conn[0], prefix, 4, PATIENCE_MS), 4);
    const size_t n = (size_t)prefix[1] << 16 | (size_t)prefix[2] << 8 | prefix[3];
    assert_true(prefix[0] == 0 && n < sizeof(text));
    assert_int_equal(rig_tcp_recv(&peer_conn[0], text, n, PATIENCE_MS), n);
    text[n] = '\0';
    return text;
}

void peer_greet(void)
{
    assert_true(peer_conn[0].established);
    assert_int_equal(rig_tcp_recv(&peer_conn[0], cookie, sizeof(cookie), PATIENCE_MS),
                     sizeof(cookie));
    assert_int_equal(strlen(cookie), IPERF3_COOKIE_BYTES - 1);
    peer_say(IPERF3_PARAM_EXCHANGE);
}

const char *peer_params(void)
{
    return peer_hear_block();
}

static void take_stream(unsigned k)
{
    char theirs[IPERF3_COOKIE_BYTES];

    assert_int_equal(rig_tcp_recv(&peer_conn[1 + k], theirs, sizeof(theirs), PATIENCE_MS),
                     sizeof(theirs));
    assert_memory_equal(theirs, cookie, sizeof(cookie));
}

static void answer_hello(unsigned k)
{
    char hello[8];

    rig_pump();
    assert_int_equal(rig_udp_recv_from(IPERF3_PORT, &peer_udp_port[k], hello, sizeof(hello)), 4);
    assert_memory_equal(hello, "9876", 4);
    rig_udp_send(false, IPERF3_PORT, peer_udp_port[k], "6789", 4);
    rig_pump();
}

void peer_streams(unsigned n, bool udp)
{
    peer_say(IPERF3_CREATE_STREAMS);
    for (unsigned k = 0; k < n; k++) {
        if (udp)
            answer_hello(k);
        else
            take_stream(k);
    }
}

void peer_begin(void)
{
    peer_say(IPERF3_TEST_START);
    peer_say(IPERF3_TEST_RUNNING);
}

void peer_run(const char *words, unsigned n, bool udp)
{
    peer_start(words);
    peer_greet();
    peer_params();
    peer_streams(n, udp);
    peer_begin();
}

const char *peer_finish(const char *results)
{
    assert_int_equal(peer_hear(), IPERF3_TEST_END);
    peer_say(IPERF3_EXCHANGE_RESULTS);
    const char *theirs = peer_hear_block();
    peer_say_block(results);
    peer_say(IPERF3_DISPLAY_RESULTS);
    assert_int_equal(peer_hear(), IPERF3_DONE);
    rig_advance_ms(5);
    return theirs;
}

void peer_ended(const char *end)
{
    assert_true(jobs_done());
    if (!rig_says(rig_record("result"), "end", end))
        fail_msg("%s: %s", end, rig_record("result"));
    const bool done = strcmp(end, "done") == 0;
    assert_true(rig_says(rig_record("result"), "status", done ? "PASS" : "FAIL"));
}
