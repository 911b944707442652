// SPDX-License-Identifier: BSD-3-Clause
/*
 * Relayed connections over the real stack, both ends of them the rig's peer: every byte both ways,
 * the window end to end, half-closes and resets carried on, targets that are not there, places.
 * rig_teardown() checks after each test that every pool is idle.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "rig_stack.h"
#include "small_client.h"

#define DOOR   7000
#define TO     873
#define PLACES (CONFIG_RELAY_CONN + 1)

static struct rig_tcp targets[PLACES];

const struct conf *apps_conf = &rig.conf;

static void serve(const struct job_target *target)
{
    rig.conf.relays[0] = (struct conf_relay){.port = DOOR, .target_port = TO, .target = *target};
    rig.conf.n_relays = 1;
    assert_true(relay_service.start());
    rig_tcp_listen(TO, targets, PLACES);
}

static int setup(void **state)
{
    const struct job_target target = {.version = 4, .ip = RIG_PEER_IP};
    const int r = rig_setup(state);

    memset(targets, 0, sizeof(targets));
    serve(&target);
    return r;
}

static int setup6(void **state)
{
    struct job_target target = {.version = 6};
    const int r = rig_setup(state);

    memset(targets, 0, sizeof(targets));
    memcpy(target.ip6, rig_peer_ip6, sizeof(target.ip6));
    serve(&target);
    return r;
}

static int setup_without_ip4(void **state)
{
    const struct job_target target = {.version = 4, .ip = RIG_PEER_IP};

    (void)state;
    rig_prepare();
    rig.conf.net[0].ip_mode = CONF_IP_OFF;
    rig_start();
    rig_advance_ms(2500); /* duplicate detection */
    serve(&target);
    return 0;
}

static uint64_t stat_of(const char *key)
{
    return rig_stat(&relay_service, key);
}

static void open_one(struct rig_tcp *client)
{
    assert_true(rig_tcp_connect(client, DOOR));
    rig_pump();
    assert_true(targets[0].established);
    assert_int_equal(stat_of("open"), 1);
}

/* Both ends have said FIN and been told so; nothing is left of the pair. */
static void close_both(struct rig_tcp *client)
{
    rig_tcp_fin(client);
    rig_tcp_close(&targets[0]);
    rig_advance_ms(10);
    assert_true(client->got_fin);
    rig_tcp_close(client);
    assert_int_equal(stat_of("open"), 0);
}

static void is_carried(struct rig_tcp *from, struct rig_tcp *to, size_t n)
{
    uint8_t *sent = small_noise(n), *got = malloc(n);

    assert_int_equal(rig_tcp_send(from, sent, n), n);
    assert_int_equal(rig_tcp_recv(to, got, n, 1000), n);
    assert_memory_equal(sent, got, n);
    free(sent);
    free(got);
}

/* ---- bytes --------------------------------------------------------------------------------- */

static void carry_much(bool v6)
{
    const size_t n = 5 * CONFIG_RELAY_RING + 123;
    struct rig_tcp client;

    assert_true(v6 ? rig_tcp_connect6(&client, DOOR) : rig_tcp_connect(&client, DOOR));
    rig_pump();
    const uint64_t up = stat_of("to_target_bytes"), down = stat_of("to_client_bytes");
    is_carried(&client, &targets[0], n);
    is_carried(&targets[0], &client, n + 1);
    is_carried(&client, &targets[0], 1);
    assert_int_equal(stat_of("to_target_bytes"), up + n + 1);
    assert_int_equal(stat_of("to_client_bytes"), down + n + 1);
    close_both(&client);
}

static void every_byte_is_carried_both_ways(void **state)
{
    (void)state;
    carry_much(false);
}

static void every_byte_is_carried_from_one_protocol_to_the_other(void **state)
{
    (void)state;
    carry_much(false); /* the target is on IPv6 */
    assert_true(targets[0].v6);
}

static void every_byte_is_carried_over_ipv6(void **state)
{
    (void)state;
    carry_much(true);
}

static void what_the_client_sends_before_the_target_answers_is_kept(void **state)
{
    uint8_t *sent = small_noise(3000), got[3000];
    struct rig_tcp client;

    (void)state;
    rig.filter = rig_lose_all; /* the guest's SYN; and its SYN-ACK, which comes again after 1 s */
    rig_tcp_syn(&client, false, DOOR);
    rig_pump();
    rig.filter = NULL;
    rig_advance_ms(1200);
    assert_true(client.established);
    rig.arp_silent = true;
    assert_int_equal(rig_tcp_send(&client, sent, 3000), 3000);
    rig_tcp_fin(&client);
    rig_advance_ms(4000);
    assert_int_equal(rig_tcp_recv(&targets[0], got, 3000, 1000), 3000);
    assert_memory_equal(sent, got, 3000);
    assert_true(targets[0].got_fin);
    rig_tcp_close(&targets[0]);
    rig_tcp_close(&client);
    free(sent);
}

/* ---- the window, end to end ---------------------------------------------------------------- */

static void reader_that_stops(struct rig_tcp *from, struct rig_tcp *to)
{
    const size_t n = 4 * CONFIG_RELAY_RING;
    uint8_t *sent = small_noise(n), *got = malloc(n);

    to->wnd = 0;
    assert_int_equal(rig_tcp_send(to, "x", 1), 1);
    assert_int_equal(rig_tcp_recv(from, got, 1, 1000), 1);
    const size_t taken = rig_tcp_send(from, sent, n);
    assert_in_range(taken, CONFIG_RELAY_RING - WND_STEP, CONFIG_RELAY_RING);
    assert_int_equal(rig_pool_used("PBUF_POOL"), 0);
    to->wnd = 1 << 20;
    rig_tcp_segment(to, RIG_ACK, to->snd_nxt, to->rcv_nxt, NULL, 0);
    rig_pump();
    assert_int_equal(rig_tcp_send(from, sent + taken, n - taken), n - taken);
    assert_int_equal(rig_tcp_recv(to, got, n, 10000), n);
    assert_memory_equal(sent, got, n);
    free(sent);
    free(got);
}

static void target_that_does_not_read_stops_its_client_only(void **state)
{
    struct rig_tcp client, other;

    (void)state;
    open_one(&client);
    assert_true(rig_tcp_connect(&other, DOOR));
    reader_that_stops(&client, &targets[0]);
    is_carried(&other, &targets[1], 1000);
    rig_tcp_abort(&other);
    rig_pump();
    close_both(&client);
    rig_tcp_forget(&targets[1]);
}

static void client_that_does_not_read_stops_its_target(void **state)
{
    struct rig_tcp client;

    (void)state;
    open_one(&client);
    reader_that_stops(&targets[0], &client);
    close_both(&client);
}

static void windows_are_the_rings_from_the_first_segment_on(void **state)
{
    const uint32_t ring = CONFIG_RELAY_RING < 65536 ? CONFIG_RELAY_RING : 65535;
    struct rig_tcp client;

    (void)state;
    open_one(&client);
    assert_in_range(client.guest_wnd, ring - WND_STEP, CONFIG_RELAY_RING);
    assert_in_range(targets[0].guest_wnd, ring - WND_STEP, CONFIG_RELAY_RING);
    close_both(&client);
}

/* ---- ends ---------------------------------------------------------------------------------- */

static void half_close(struct rig_tcp *first, struct rig_tcp *second)
{
    is_carried(first, second, 100);
    rig_tcp_fin(first);
    rig_advance_ms(10);
    assert_true(second->got_fin);
    assert_false(first->got_fin);
    is_carried(second, first, 3 * CONFIG_RELAY_RING); /* the other way goes on */
    rig_tcp_fin(second);
    rig_advance_ms(10);
    assert_true(first->got_fin);
    assert_false(first->got_rst || second->got_rst);
    assert_int_equal(stat_of("open"), 0);
    rig_tcp_close(first);
    rig_tcp_close(second);
}

static void half_close_of_the_client_is_carried(void **state)
{
    struct rig_tcp client;

    (void)state;
    open_one(&client);
    half_close(&client, &targets[0]);
}

static void half_close_of_the_target_is_carried(void **state)
{
    struct rig_tcp client;

    (void)state;
    open_one(&client);
    half_close(&targets[0], &client);
}

/* The FIN waits for all that was sent before it. */
static void fin_comes_behind_the_last_byte(void **state)
{
    const size_t n = CONFIG_RELAY_RING / 2;
    uint8_t *sent = small_noise(n), *got = malloc(n);
    struct rig_tcp client;

    (void)state;
    open_one(&client);
    targets[0].wnd = 0;
    assert_int_equal(rig_tcp_send(&targets[0], "x", 1), 1);
    assert_int_equal(rig_tcp_send(&client, sent, n), n);
    rig_tcp_fin(&client);
    rig_advance_ms(100);
    assert_false(targets[0].got_fin);
    targets[0].wnd = 1 << 20;
    rig_tcp_segment(&targets[0], RIG_ACK, targets[0].snd_nxt, targets[0].rcv_nxt, NULL, 0);
    rig_pump();
    assert_int_equal(rig_tcp_recv(&targets[0], got, n, 1000), n);
    assert_memory_equal(sent, got, n);
    assert_true(targets[0].got_fin);
    rig_tcp_close(&targets[0]);
    rig_advance_ms(10);
    assert_true(client.got_fin);
    rig_tcp_close(&client);
    assert_int_equal(stat_of("open"), 0);
    free(sent);
    free(got);
}

/* Also where the queue of the target's side was full when the FIN came. */
static void fin_waits_for_what_is_not_queued_yet(void **state)
{
    const size_t n = CONFIG_RELAY_RING - WND_STEP;
    uint8_t *sent = small_noise(n), *got = malloc(n);
    struct rig_tcp client;

    (void)state;
    assert_true(n > CONFIG_TCP_SND_SEGS * 536);
    rig.peer_mss = 536;
    open_one(&client);
    targets[0].wnd = 0;
    assert_int_equal(rig_tcp_send(&targets[0], "x", 1), 1);
    assert_int_equal(rig_tcp_send(&client, sent, n), n);
    rig_tcp_fin(&client);
    targets[0].wnd = 1 << 20;
    rig_tcp_segment(&targets[0], RIG_ACK, targets[0].snd_nxt, targets[0].rcv_nxt, NULL, 0);
    assert_int_equal(rig_tcp_recv(&targets[0], got, n, 1000), n);
    assert_memory_equal(sent, got, n);
    rig_advance_ms(10);
    assert_true(targets[0].got_fin);
    rig_tcp_close(&targets[0]);
    rig_tcp_close(&client);
    free(sent);
    free(got);
}

/* Both have said FIN; what is not acknowledged may have to be sent again, from the ring. */
static void place_is_kept_until_all_is_acknowledged(void **state)
{
    struct rig_tcp client, *t = &targets[0];

    (void)state;
    open_one(&client);
    t->manual_ack = true;
    const uint32_t acked = t->rcv_nxt;
    assert_int_equal(rig_tcp_send(&client, "x", 1), 1);
    rig_tcp_fin(&client);
    rig_tcp_segment(t, RIG_FIN | RIG_ACK, t->snd_nxt++, acked, NULL, 0);
    rig_pump();
    assert_true(client.got_fin);
    assert_int_equal(stat_of("open"), 1);
    rig_tcp_segment(t, RIG_ACK, t->snd_nxt, t->rcv_nxt, NULL, 0);
    rig_pump();
    assert_int_equal(stat_of("open"), 0);
    rig_tcp_close(&client);
    rig_tcp_forget(t);
}

static void reset_of_the_client_is_carried(void **state)
{
    const uint64_t before = stat_of("resets");
    struct rig_tcp client;

    (void)state;
    open_one(&client);
    rig_tcp_abort(&client);
    rig_pump();
    assert_true(targets[0].got_rst);
    assert_int_equal(stat_of("resets"), before + 1);
    assert_int_equal(stat_of("open"), 0);
    rig_tcp_forget(&targets[0]);
}

static void reset_of_the_target_is_carried(void **state)
{
    const uint64_t before = stat_of("resets");
    struct rig_tcp client;

    (void)state;
    open_one(&client);
    is_carried(&client, &targets[0], 1000);
    rig_tcp_abort(&targets[0]);
    rig_pump();
    assert_true(client.got_rst);
    assert_int_equal(stat_of("resets"), before + 1);
    assert_int_equal(stat_of("open"), 0);
    rig_tcp_forget(&client);
}

/* One way is over, the other side goes away with the rest. */
static void reset_after_a_half_close_is_carried(void **state)
{
    struct rig_tcp client;

    (void)state;
    open_one(&client);
    rig_tcp_fin(&client);
    rig_advance_ms(10);
    assert_true(targets[0].got_fin);
    rig_tcp_abort(&targets[0]);
    rig_pump();
    assert_true(client.got_rst);
    assert_int_equal(stat_of("open"), 0);
    rig_tcp_forget(&client);
}

static void pair_on_which_nothing_moves_is_reset_in_the_end(void **state)
{
    const uint64_t before = stat_of("timed_out");
    struct rig_tcp client;

    (void)state;
    open_one(&client);
    rig_advance_ms(CONFIG_IDLE_MS - 1000);
    is_carried(&targets[0], &client, 1);
    rig_advance_ms(CONFIG_IDLE_MS - 1000);
    assert_int_equal(stat_of("open"), 1);
    rig_advance_ms(2000);
    assert_true(client.got_rst && targets[0].got_rst);
    assert_int_equal(stat_of("timed_out"), before + 1);
    assert_int_equal(stat_of("open"), 0);
    rig_tcp_forget(&client);
    rig_tcp_forget(&targets[0]);
}

/* What one side says counts for nothing while the other one does not take it; what is taken of the
 * other way round does. */
static void pair_of_which_one_side_takes_nothing_is_reset_in_the_end(void **state)
{
    struct rig_tcp client;

    (void)state;
    open_one(&client);
    small_stop_reading(&targets[0], 'a');
    rig_tcp_recv(&client, (char[1]){0}, 1, 1000);
    for (unsigned ms = 0; ms < CONFIG_IDLE_MS; ms += 10000) {
        rig_advance_ms(10000);
        assert_int_equal(rig_tcp_send(&client, "x", 1), 1);
    }
    is_carried(&targets[0], &client, 1);
    for (unsigned ms = 0; ms < CONFIG_IDLE_MS - 10000; ms += 10000) {
        rig_advance_ms(10000);
        assert_int_equal(rig_tcp_send(&client, "x", 1), 1);
    }
    assert_int_equal(stat_of("open"), 1);
    rig_advance_ms(12000);
    assert_true(client.got_rst && targets[0].got_rst);
    assert_int_equal(stat_of("open"), 0);
    rig_tcp_forget(&client);
    rig_tcp_forget(&targets[0]);
}

/* ---- targets that are not there ------------------------------------------------------------ */

static void is_unreachable(struct rig_tcp *client, uint64_t before, const char *why)
{
    assert_true(client->got_rst);
    assert_int_equal(stat_of("unreachable"), before + 1);
    assert_int_equal(stat_of("open"), 0);
    assert_non_null(strstr(rig_record("refused"), why));
    rig_tcp_forget(client);
}

static void target_that_refuses_resets_the_client(void **state)
{
    const uint64_t before = stat_of("unreachable");
    struct rig_tcp client;

    (void)state;
    rig_tcp_listen(TO, targets, 0);
    rig_tcp_connect(&client, DOOR);
    rig_pump();
    is_unreachable(&client, before, "the target refuses");
}

static void target_that_is_silent_resets_the_client(void **state)
{
    const uint64_t before = stat_of("unreachable");
    struct rig_tcp client;

    (void)state;
    rig.conf.relays[0].target.ip = RIG_PEER_IP + 100; /* nobody */
    assert_true(rig_tcp_connect(&client, DOOR));
    rig_advance_ms(CONFIG_RELAY_CONNECT_MS - 500);
    assert_false(client.got_rst);
    rig_advance_ms(1000);
    is_unreachable(&client, before, "the target does not answer");
}

static void target_without_a_way_to_it_resets_the_client(void **state)
{
    const uint64_t before = stat_of("unreachable");
    struct rig_tcp client;

    (void)state;
    rig_tcp_connect6(&client, DOOR);
    rig_pump();
    is_unreachable(&client, before, "no way to the target");
}

/* ---- places -------------------------------------------------------------------------------- */

static void fill(struct rig_tcp *clients)
{
    for (unsigned i = 0; i < CONFIG_RELAY_CONN; i++) {
        assert_true(rig_tcp_connect(&clients[i], DOOR));
        rig_advance_ms(1);
    }
    assert_int_equal(stat_of("open"), CONFIG_RELAY_CONN);
}

static void reset_all(struct rig_tcp *clients)
{
    for (unsigned i = 0; i < CONFIG_RELAY_CONN; i++)
        rig_tcp_abort(&clients[i]);
    rig_pump();
    assert_int_equal(stat_of("open"), 0);
    for (unsigned i = 0; i < PLACES; i++)
        rig_tcp_forget(&targets[i]);
}

static void one_connection_too_many_is_refused_and_counted(void **state)
{
    struct rig_tcp clients[CONFIG_RELAY_CONN];

    (void)state;
    fill(clients);
    rig_is_turned_away(DOOR);
    assert_non_null(strstr(rig_record("refused"), "all places taken"));
    is_carried(&clients[0], &targets[0], 1000);
    reset_all(clients);
}

static void silent_pair_gives_way_to_a_new_one(void **state)
{
    struct rig_tcp clients[CONFIG_RELAY_CONN], more;

    (void)state;
    fill(clients);
    rig_advance_ms(5000);
    is_carried(&targets[0], &clients[0], 1);
    rig_advance_ms(5000);
    assert_true(rig_tcp_connect(&more, DOOR));
    is_carried(&more, &targets[CONFIG_RELAY_CONN], 100);
    assert_false(clients[0].got_rst);
    assert_true(clients[1].got_rst && targets[1].got_rst); /* the one silent for longest */
    assert_false(clients[2].got_rst);
    rig_tcp_abort(&more);
    reset_all(clients);
}

#define ON4(f) cmocka_unit_test_setup_teardown(f, setup, rig_teardown)
#define ON6(f) cmocka_unit_test_setup_teardown(f, setup6, rig_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON4(every_byte_is_carried_both_ways),
        ON6(every_byte_is_carried_from_one_protocol_to_the_other),
        ON6(every_byte_is_carried_over_ipv6),
        ON4(what_the_client_sends_before_the_target_answers_is_kept),
        ON4(target_that_does_not_read_stops_its_client_only),
        ON4(client_that_does_not_read_stops_its_target),
        ON4(windows_are_the_rings_from_the_first_segment_on),
        ON4(half_close_of_the_client_is_carried),
        ON4(half_close_of_the_target_is_carried),
        ON4(fin_comes_behind_the_last_byte),
        ON4(fin_waits_for_what_is_not_queued_yet),
        ON4(place_is_kept_until_all_is_acknowledged),
        ON4(reset_of_the_client_is_carried),
        ON4(reset_of_the_target_is_carried),
        ON4(reset_after_a_half_close_is_carried),
        ON4(pair_on_which_nothing_moves_is_reset_in_the_end),
        ON4(pair_of_which_one_side_takes_nothing_is_reset_in_the_end),
        ON4(target_that_refuses_resets_the_client),
        ON4(target_that_is_silent_resets_the_client),
        cmocka_unit_test_setup_teardown(target_without_a_way_to_it_resets_the_client,
                                        setup_without_ip4, rig_teardown),
        ON4(one_connection_too_many_is_refused_and_counted),
        ON4(silent_pair_gives_way_to_a_new_one),
    };

    return cmocka_run_group_tests_name("relay_service", tests, rig_service_init, NULL);
}
