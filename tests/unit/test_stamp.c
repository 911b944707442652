// SPDX-License-Identifier: BSD-3-Clause
/*
 * STAMP's packets octet by octet, and the reflector over the real stack. The rig checks every frame
 * of the guest: lengths, checksums.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "netrig.h"
#include "rig_service.h"
#include "stamp.h"

#define MS    1000000ull
#define S     1000000000ull
#define LARGE 1400

const struct conf *apps_conf = &rig.conf;

static uint8_t sent[LARGE], got[LARGE];

static int serve(void **state)
{
    const int r = rig_setup(state);

    assert_true(stamp_service.start());
    return r;
}

static int serve_stateful(void **state)
{
    const int r = serve(state);

    rig.conf.stamp_stateful = true;
    return r;
}

#define TEST(f)     cmocka_unit_test_setup_teardown(f, serve, rig_teardown)
#define STATEFUL(f) cmocka_unit_test_setup_teardown(f, serve_stateful, rig_teardown)

/* ---- packets -----------------------------------------------------------------------------------
 */

static void a_request_is_what_the_rfc_draws(void **state)
{
    static const uint8_t head[] = {0x01, 0x02, 0x03, 0x04, /* sequence number */
                                   0,    0,    0,    7,    /* 7 s */
                                   0x80, 0,    0,    0,    /* and a half */
                                   0x0c, 0x01};            /* not synchronised, NTP, 2^-20 s */

    (void)state;
    memset(sent, 0xff, sizeof(sent));
    stamp_request(sent, 60, 0x01020304, 7 * S + 500 * MS);
    assert_memory_equal(sent, head, sizeof(head));
    for (unsigned i = sizeof(head); i < 60; i++)
        assert_int_equal(sent[i], 0);
    assert_int_equal(sent[60], 0xff);
}

static void an_answer_is_what_the_rfc_draws(void **state)
{
    static const uint8_t answer[STAMP_BYTES] = {
        0,    0,    0,    9,    0,    0, 0, 100, 0x40, 0,
        0,    0,                                             /* its own number, sent at 100.25 s */
        0x0c, 0x01, 0xab, 0xcd,                              /* error estimate, SSID */
        0,    0,    0,    99,   0,    0, 0, 0,               /* received at 99 s */
        0x01, 0x02, 0x03, 0x04,                              /* the sender's number, */
        0,    0,    0,    7,    0x80, 0, 0, 0,   0x0c, 0x01, /* time, error estimate */
        0,    0,    63,   0,    0,    0};                    /* TTL */

    (void)state;
    stamp_request(sent, 60, 0x01020304, 7 * S + 500 * MS);
    sent[14] = 0xab;
    sent[15] = 0xcd;
    memset(sent + 16, 0x55, 44); /* zeros are not relied on */
    stamp_reflect(sent, 9, 63, 99 * S, 100 * S + 250 * MS);
    assert_memory_equal(sent, answer, STAMP_BYTES);
    for (unsigned i = STAMP_BYTES; i < 60; i++)
        assert_int_equal(sent[i], 0x55); /* padding stays */
}

static void a_round_trip_is_read_without_the_reflectors_time(void **state)
{
    struct stamp_answer a;

    (void)state;
    for (uint64_t k = 0; k < 1000; k++) {
        const uint64_t t1 = k * 123456789, trip = k * 1003, held = k * k * 7;

        stamp_request(sent, STAMP_BYTES, (uint32_t)k, t1);
        stamp_reflect(sent, 3, 250, 5 * S, 5 * S + held); /* a clock of its own */
        assert_true(stamp_read(sent, STAMP_BYTES, t1 + trip + held, &a));
        assert_int_equal(a.seq, k);
        assert_int_equal(a.seq_back, 3);
        assert_int_equal(a.ttl, 250);
        assert_true(a.trip_ns <= trip + 3 && a.trip_ns + 3 >= trip); /* three times rounded */
        assert_true(a.held_ns <= held + 2 && a.held_ns + 2 >= held);
    }
}

static void what_is_no_answer_is_not_read(void **state)
{
    struct stamp_answer a;

    (void)state;
    stamp_request(sent, STAMP_BYTES, 1, 10 * S);
    stamp_reflect(sent, 1, 64, 5 * S, 5 * S + 10 * MS);
    assert_true(stamp_read(sent, STAMP_BYTES, 10 * S + 20 * MS, &a));
    assert_false(stamp_read(sent, STAMP_BYTES - 1, 10 * S + 20 * MS, &a));
    assert_false(
        stamp_read(sent, STAMP_BYTES, 10 * S + 9 * MS, &a)); /* held for longer than that */
    assert_false(stamp_read(sent, STAMP_BYTES, 9 * S, &a));  /* not sent yet */
    assert_false(stamp_read(sent, STAMP_BYTES, 3611 * S, &a));
}

/* ---- the reflector -----------------------------------------------------------------------------
 */

static void ask(bool v6, uint16_t from, uint32_t seq, uint32_t bytes)
{
    stamp_request(sent, bytes, seq, 1234 * MS);
    for (uint32_t i = STAMP_BYTES; i < bytes; i++)
        sent[i] = (uint8_t)i;
    rig_udp_send(v6, from, STAMP_PORT, sent, bytes);
    rig_pump();
}

static uint32_t answer_to(uint16_t from)
{
    struct stamp_answer a;
    const int n = rig_udp_recv(from, got, sizeof(got));

    assert_true(n >= STAMP_BYTES);
    assert_true(stamp_read(got, (uint32_t)n, 1234 * MS + 5 * MS, &a));
    return a.seq_back;
}

static void each_request_is_answered_in_its_size(void **state)
{
    (void)state;
    for (uint32_t bytes = STAMP_BYTES; bytes <= LARGE; bytes += 113) {
        for (unsigned v6 = 0; v6 < 2; v6++) {
            ask(v6, 5000, bytes, bytes);
            assert_int_equal(rig_udp_recv(5000, got, sizeof(got)), bytes);
            assert_int_equal(got[40], v6 ? 255 : 64); /* as the peer sends them */
            assert_memory_equal(got + 24, sent, 14);
            assert_memory_equal(got + STAMP_BYTES, sent + STAMP_BYTES, bytes - STAMP_BYTES);
        }
    }
    assert_int_equal(rig_stat(&stamp_service, "received"), rig_stat(&stamp_service, "reflected"));
}

static bool has_full_ttl(const uint8_t *frame, uint32_t len)
{
    (void)len;
    if (frame[12] == 0x08 && frame[13] == 0)
        assert_int_equal(frame[14 + 8], STAMP_TTL);
    return false;
}

static void answers_leave_with_the_full_ttl(void **state)
{
    (void)state;
    rig.filter = has_full_ttl;
    ask(false, 5000, 1, STAMP_BYTES);
    assert_int_equal(answer_to(5000), 1);
}

static void a_stateless_reflector_repeats_the_senders_number(void **state)
{
    (void)state;
    ask(false, 5000, 77, STAMP_BYTES);
    assert_int_equal(answer_to(5000), 77);
    ask(false, 5000, 42, STAMP_BYTES);
    assert_int_equal(answer_to(5000), 42);
    assert_int_equal(rig_stat(&stamp_service, "sessions"), 0);
}

static void a_stateful_reflector_numbers_each_session(void **state)
{
    (void)state;
    for (uint32_t k = 0; k < 5; k++) {
        ask(false, 5000, 10 + 3 * k, STAMP_BYTES);
        assert_int_equal(answer_to(5000), k);
        ask(true, 5000, k, STAMP_BYTES); /* another address, */
        assert_int_equal(answer_to(5000), k);
        ask(false, 5001, k, STAMP_BYTES); /* another port */
        assert_int_equal(answer_to(5001), k);
    }
    assert_int_equal(rig_stat(&stamp_service, "sessions"), 3);
    stamp_request(sent, STAMP_BYTES, 6, 1234 * MS); /* another SSID */
    sent[15] = 1;
    rig_udp_send(false, 5000, STAMP_PORT, sent, STAMP_BYTES);
    rig_pump();
    assert_int_equal(answer_to(5000), 0);
    assert_int_equal(got[15], 1);
}

static void the_session_silent_for_longest_is_forgotten(void **state)
{
    (void)state;
    for (uint16_t k = 0; k < CONFIG_STAMP_SESSIONS; k++) {
        ask(false, (uint16_t)(5000 + k), 0, STAMP_BYTES);
        assert_int_equal(answer_to((uint16_t)(5000 + k)), 0);
        rig_advance_ms(10);
    }
    ask(false, 5000, 1, STAMP_BYTES);
    assert_int_equal(answer_to(5000), 1);
    ask(false, 6000, 0, STAMP_BYTES); /* takes the place of 5001 */
    assert_int_equal(answer_to(6000), 0);
    ask(false, 5000, 2, STAMP_BYTES);
    assert_int_equal(answer_to(5000), 2);
    ask(false, 5001, 1, STAMP_BYTES);
    assert_int_equal(answer_to(5001), 0);
}

static void some_packets_are_not_answered(void **state)
{
    const uint64_t refused = apps_refusals();

    (void)state;
    ask(false, 5000, 1, STAMP_BYTES - 1);
    assert_int_equal(rig_udp_recv(5000, got, sizeof(got)), -1);
    assert_int_equal(rig_stat(&stamp_service, "too_short"), 1);
    ask(false, STAMP_PORT, 1, STAMP_BYTES); /* another reflector's */
    assert_int_equal(rig_udp_recv(STAMP_PORT, got, sizeof(got)), -1);
    assert_int_equal(apps_refusals(), refused + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_what_the_rfc_draws),
        cmocka_unit_test(an_answer_is_what_the_rfc_draws),
        cmocka_unit_test(a_round_trip_is_read_without_the_reflectors_time),
        cmocka_unit_test(what_is_no_answer_is_not_read),
        TEST(each_request_is_answered_in_its_size),
        TEST(answers_leave_with_the_full_ttl),
        TEST(a_stateless_reflector_repeats_the_senders_number),
        STATEFUL(a_stateful_reflector_numbers_each_session),
        STATEFUL(the_session_silent_for_longest_is_forgotten),
        TEST(some_packets_are_not_answered),
    };

    return cmocka_run_group_tests(tests, rig_service_init, NULL);
}
