// SPDX-License-Identifier: BSD-3-Clause
/*
 * What the services admit is what the stack has room for: with every service at its limit and every
 * backlog full, each connection of the stack is taken and none was missed; whoever comes then is
 * turned away or takes the place of one who does nothing, and those who were admitted go on.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>
#include "lwip/priv/tcp_priv.h"
#include "app.h"
#include "iperf3.h"
#include "netport.h"
#include "netrig.h"
#include "rig_service.h"

#define RELAY    7000 /* and the ports behind it, */
#define RELAY_TO 873  /* all to this one of the peer's */

/* Ports of the services; every small one has a backlog of its own, and so has each relay. */
static uint16_t ports[CONFIG_LISTENERS] = {IPERF3_PORT, 7, 9, 19, 80};

static struct rig_tcp controls[CONFIG_IPERF_SESSION], streams[CONFIG_IPERF_STREAM];
static struct rig_tcp strangers[CONFIG_IPERF_PENDING], http[CONFIG_HTTP_CONN],
    small[CONFIG_ECHO_CONN], relayed[CONFIG_RELAY_CONN], targets[CONFIG_RELAY_CONN];

static const struct service *const services[] = {
    &iperf3_service,  &echo_service, &discard_service,
    &chargen_service, &http_service, &relay_service,
};
#define SERVICES (sizeof(services) / sizeof(services[0]))

static unsigned poll_all(uint64_t now)
{
    unsigned done = 0;

    for (unsigned i = 0; i < SERVICES; i++)
        done += services[i]->poll != NULL ? services[i]->poll(now) : 0;
    return done;
}

static int setup(void **state)
{
    const int r = rig_setup(state);

    apps_conf = &rig.conf;
    for (unsigned i = 0; i < CONFIG_RELAYS; i++) {
        const uint16_t port = ports[CONFIG_LISTENERS - 1 - i] = (uint16_t)(RELAY + i);

        rig.conf.relays[i] = (struct conf_relay){port, RELAY_TO, {.version = 4, .ip = RIG_PEER_IP}};
    }
    rig.conf.n_relays = CONFIG_RELAYS;
    rig_tcp_listen(RELAY_TO, targets, CONFIG_RELAY_CONN);
    for (unsigned i = 0; i < SERVICES; i++)
        assert_true(services[i]->start());
    rig.poll = poll_all;
    return r;
}

static int teardown(void **state)
{
    for (unsigned i = 0; i < CONFIG_IPERF_STREAM; i++)
        rig_tcp_forget(&streams[i]);
    for (unsigned i = 0; i < CONFIG_IPERF_SESSION; i++)
        rig_tcp_forget(&controls[i]);
    for (unsigned i = 0; i < CONFIG_IPERF_PENDING; i++)
        rig_tcp_forget(&strangers[i]);
    for (unsigned i = 0; i < CONFIG_HTTP_CONN; i++)
        rig_tcp_forget(&http[i]);
    for (unsigned i = 0; i < CONFIG_ECHO_CONN; i++)
        rig_tcp_forget(&small[i]);
    for (unsigned i = 0; i < CONFIG_RELAY_CONN; i++) {
        rig_tcp_forget(&relayed[i]);
        rig_tcp_forget(&targets[i]);
    }
    while (tcp_active_pcbs != NULL) /* what they leave behind ends with its connection */
        tcp_abort(tcp_active_pcbs);
    rig_advance_ms(10);
    return rig_teardown(state);
}

/* ---- everybody ----------------------------------------------------------------------------------
 */

static void say(struct rig_tcp *t, const void *bytes, uint32_t n)
{
    assert_int_equal(rig_tcp_send(t, bytes, n), n);
}

static int hear(struct rig_tcp *t)
{
    uint8_t b;

    return rig_tcp_recv(t, &b, 1, 100) == 1 ? b : -1;
}

static const char *cookie_of(unsigned session)
{
    static char cookie[IPERF3_COOKIE_BYTES];

    memset(cookie, 'a' + (int)session, IPERF3_COOKIE_BYTES - 1);
    return cookie;
}

/* A session that is asked for its parameters. */
static void open_session(unsigned k)
{
    assert_true(rig_tcp_connect(&controls[k], IPERF3_PORT));
    say(&controls[k], cookie_of(k), IPERF3_COOKIE_BYTES);
    assert_int_equal(hear(&controls[k]), IPERF3_PARAM_EXCHANGE);
}

/* It asks for n streams, and is asked to open them. */
static void ask_streams(unsigned k, unsigned n)
{
    char text[64], block[4 + sizeof(text)] = {0};

    snprintf(text, sizeof(text), "{\"tcp\":true,\"time\":3600,\"parallel\":%u,\"len\":131072}", n);
    block[3] = (char)strlen(text);
    memcpy(block + 4, text, strlen(text));
    say(&controls[k], block, (uint32_t)(4 + strlen(text)));
    assert_int_equal(hear(&controls[k]), IPERF3_CREATE_STREAMS);
}

static void connect_streams(unsigned k, unsigned first, unsigned n, bool with_cookie)
{
    for (unsigned i = first; i < first + n; i++) {
        assert_true(i % 2 ? rig_tcp_connect6(&streams[i], IPERF3_PORT)
                          : rig_tcp_connect(&streams[i], IPERF3_PORT));
        if (with_cookie)
            say(&streams[i], cookie_of(k), IPERF3_COOKIE_BYTES);
    }
}

/* Every session, every stream, and every place for those who have not said who they are. Without
 * cookies the streams stand at the door. */
static void fill_iperf3(bool with_cookies)
{
    unsigned k = 0;

    for (unsigned first = 0; first < CONFIG_IPERF_STREAM; k++) {
        const unsigned left = CONFIG_IPERF_STREAM - first, n = left < 128 ? left : 128;

        open_session(k);
        ask_streams(k, n);
        if (with_cookies) {
            connect_streams(k, first, n, true);
            assert_int_equal(hear(&controls[k]), IPERF3_TEST_START);
            assert_int_equal(hear(&controls[k]), IPERF3_TEST_RUNNING);
        }
        first += n;
    }
    for (; k < CONFIG_IPERF_SESSION; k++)
        open_session(k);
    if (!with_cookies)
        connect_streams(0, 0, CONFIG_IPERF_STREAM, false);
    for (unsigned i = 0; i < CONFIG_IPERF_PENDING; i++)
        assert_true(rig_tcp_connect(&strangers[i], IPERF3_PORT));
}

/* Handshakes that are never finished. */
static void half_open(uint16_t port, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        struct rig_tcp t;

        rig_tcp_syn(&t, i % 2, port);
        rig_tcp_forget(&t);
        rig_pump();
    }
}

static void fill_all(bool with_cookies)
{
    fill_iperf3(with_cookies);
    for (unsigned i = 0; i < CONFIG_HTTP_CONN; i++)
        assert_true(rig_tcp_connect(&http[i], 80));
    for (unsigned i = 0; i < CONFIG_ECHO_CONN; i++) {
        rig.peer_wnd = i % 3 == 2 ? 0 : 1 << 20; /* chargen would talk for ever */
        assert_true(rig_tcp_connect(&small[i], ports[1 + i % 3]));
    }
    rig.peer_wnd = 1 << 20;
    for (unsigned i = 0; i < CONFIG_RELAY_CONN; i++)
        assert_true(rig_tcp_connect(&relayed[i], (uint16_t)(RELAY + i % CONFIG_RELAYS)));
    for (unsigned i = 0; i < CONFIG_LISTENERS; i++)
        half_open(ports[i], CONFIG_BACKLOG);
}

/* ---- the tests
 * -----------------------------------------------------------------------------------
 */

static void nobody_is_disturbed(void)
{
    static uint8_t data[10000];
    char reply[64];

    for (unsigned i = 0; i < CONFIG_IPERF_STREAM; i += 17)
        assert_int_equal(rig_tcp_send(&streams[i], data, sizeof(data)), sizeof(data));
    say(&small[0], "hello", 5);
    assert_int_equal(rig_tcp_recv(&small[0], reply, 5, 100), 5);
    say(&relayed[0], "hello", 5);
    assert_int_equal(rig_tcp_recv(&targets[0], reply, 5, 100), 5);
    for (unsigned i = 0; i < CONFIG_IPERF_SESSION; i++)
        assert_false(controls[i].got_rst || controls[i].got_fin);
}

/* A flood at every door, and clients behind it who would like to come in. */
static void storm(void)
{
    for (unsigned i = 0; i < CONFIG_LISTENERS; i++) {
        struct rig_tcp more;

        half_open(ports[i], 1000);
        if (rig_tcp_connect(&more, ports[i])) {
            rig_advance_ms(10);
            rig_tcp_abort(&more);
        }
    }
}

/* The services' limits and the backlogs sum to the connections of the stack; all are in use. */
static void services_at_their_limits(void **state)
{
    (void)state;
    const uint64_t before = apps_refusals();

    fill_all(true);
    assert_int_equal(rig_pool_used("TCP_PCB"), rig_pool_size("TCP_PCB"));
    assert_int_equal(iperf3_streams_used(), CONFIG_IPERF_STREAM);
    assert_int_equal(apps_refusals(), before);
    nobody_is_disturbed();
    storm();
    assert_true(apps_refusals() >=
                before + 3); /* a stranger, a small service, an idle HTTP client */
    assert_int_equal(rig_pool_max("TCP_PCB"), CONFIG_TCP_CONN);
    assert_int_equal(netport_alloc_failures(), 0);
    nobody_is_disturbed();
}

/* The same while all streams are at the door and have not said so. */
static void door_at_its_widest(void **state)
{
    (void)state;
    fill_all(false);
    assert_int_equal(iperf3_door_waiting(), CONFIG_IPERF_PENDING + CONFIG_IPERF_STREAM);
    assert_int_equal(rig_pool_used("TCP_PCB"), rig_pool_size("TCP_PCB"));
    storm(); /* one gives way to a client, who leaves again */
    assert_int_equal(iperf3_door_waiting(), CONFIG_IPERF_PENDING + CONFIG_IPERF_STREAM - 1);
    assert_int_equal(rig_pool_max("TCP_PCB"), CONFIG_TCP_CONN);
    assert_int_equal(netport_alloc_failures(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(services_at_their_limits, setup, teardown),
        cmocka_unit_test_setup_teardown(door_at_its_widest, setup, teardown),
    };

    return cmocka_run_group_tests_name("admission", tests, rig_service_init, NULL);
}
