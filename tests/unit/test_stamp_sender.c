// SPDX-License-Identifier: BSD-3-Clause
/*
 * run=stamp on the rig, whose peer is a reflector as the test wants it: what is sent, what is
 * counted of the answers, and what the result says.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>
#include "job.h"
#include "netrig.h"
#include "rig_job.h"
#include "rig_service.h"
#include "stamp.h"
#include "stamp_job.h"
#include "stamp_sender.h"
#include "time.h"

#define MS     1000000ull
#define ASKED  64
#define LENGTH 60

const struct conf *apps_conf = &rig.conf;
const struct job_kind *const job_kinds[] = {&stamp_job, NULL};

/* What was asked, oldest first. */
static struct {
    uint64_t at_ns;
    uint16_t port;
    uint8_t packet[LENGTH];
} asked[ASKED];
static unsigned asked_n;

static bool take(const uint8_t *data, uint32_t len)
{
    const uint8_t *udp = data + 34;

    if (data[12] != 0x08 || data[13] != 0x00 || data[23] != 17)
        return false;
    assert_int_equal(len, 42 + LENGTH);
    assert_int_equal(data[22], STAMP_TTL);
    assert_int_equal(udp[2] << 8 | udp[3], STAMP_PORT);
    assert_true(asked_n < ASKED);
    asked[asked_n].at_ns = rig.now_ns;
    asked[asked_n].port = (uint16_t)(udp[0] << 8 | udp[1]);
    memcpy(asked[asked_n++].packet, udp + 8, LENGTH);
    return true;
}

static int setup(void **state)
{
    const int r = rig_setup(state);

    rig_job_setup("stamp");
    rig_job_say("rate", "100pps");
    rig_job_say("time", "100ms");
    rig_job_say("len", "60");
    rig_job_say("interval", "0");
    rig.filter = take;
    asked_n = 0;
    return r;
}

static int teardown(void **state)
{
    jobs_stop();
    rig_advance_ms(3000);
    assert_false(jobs_busy());
    rig_drop_frames();
    return rig_teardown(state);
}

/* The reflector had that packet for so long; `number` is its own. */
static void answer_from(uint16_t port, unsigned k, uint32_t number, uint64_t held_ns)
{
    uint8_t packet[LENGTH], frame[RIG_FRAME_MAX];

    memcpy(packet, asked[k].packet, LENGTH);
    stamp_reflect(packet, number, 250, 5000 * MS, 5000 * MS + held_ns);
    rig_inject(frame, rig_build_udp(frame, false, port, asked[k].port, packet, LENGTH));
    rig_pump();
}

static void answer(unsigned k, uint32_t number)
{
    answer_from(STAMP_PORT, k, number, 0);
}

static uint64_t count(const char *key)
{
    return (uint64_t)rig_number(rig_record("result"), key, 0);
}

static void ends(struct job *j)
{
    rig_advance_ms(2100);
    assert_int_equal(j->state, JOB_OVER);
}

/* ---- what is sent ---------------------------------------------------------------------------- */

static void packets_leave_at_their_rate_numbered_from_0(void **state)
{
    (void)state;
    struct job *j = rig_job_start();
    rig_advance_ms(150);
    assert_int_equal(asked_n, 10);
    for (unsigned k = 0; k < 10; k++) {
        assert_int_equal(stamp_seq(asked[k].packet), k);
        assert_int_equal(asked[k].port, asked[0].port);
        if (k > 0)
            assert_in_range(asked[k].at_ns - asked[k - 1].at_ns, 9 * MS, 11 * MS);
        answer(k, k);
    }
    rig_advance_ms(110);
    assert_int_equal(j->state, JOB_OVER); /* nothing is missing: no more is waited for */
    assert_true(rig_says(rig_record("result"), "end", "done"));
    assert_int_equal(count("sent"), 10);
    assert_int_equal(count("received"), 10);
    assert_int_equal(count("lost"), 0);
    assert_int_equal(count("tx_packets"), 10);
    assert_int_equal(count("rx_bytes"), 10 * LENGTH);
}

static void a_number_of_packets_ends_it(void **state)
{
    (void)state;
    rig_job_say("count", "3");
    rig_job_say("time", "0");
    struct job *j = rig_job_start();
    rig_advance_ms(500);
    assert_int_equal(asked_n, 3);
    ends(j);
    assert_true(rig_says(rig_record("result"), "end", "no_answer"));
    assert_true(rig_says(rig_record("result"), "status", "FAIL"));
    assert_int_equal(count("lost"), 3);
}

static void usual_rate_is_ten_a_second(void **state)
{
    (void)state;
    job_params_init(&rig_job);
    rig_job_say("run", "stamp");
    rig_job_say("target", "10.0.2.1");
    rig_job_say("len", "60");
    rig_job_start();
    rig_advance_ms(1050);
    assert_int_equal(asked_n, 11);
}

/* ---- what is counted ------------------------------------------------------------------------- */

static void round_trip_is_without_the_reflectors_time(void **state)
{
    (void)state;
    struct job *j = rig_job_start();
    for (unsigned k = 0; k < 10; k++) {
        while (asked_n <= k)
            rig_advance_ms(1);
        rig_advance_ms(5);
        answer_from(STAMP_PORT, k, k, 2 * MS);
    }
    ends(j);
    const struct hdr *trip = &stamp_sender_figures()->trip;
    assert_int_equal(trip->total, 10);
    assert_in_range(hdr_percentile(trip, 500000), 29 * MS / 10, 41 * MS / 10);
    assert_in_range(stamp_sender_figures()->held_max_ns, 2 * MS - 2, 2 * MS + 2);
    assert_non_null(strstr(rig_record("result"), "\"round_trip\":{\"count\":10"));
}

static void each_answer_is_one_of_received_reordered_duplicate_stray(void **state)
{
    (void)state;
    struct job *j = rig_job_start();
    rig_advance_ms(150);
    answer(0, 0);
    answer(2, 2);
    answer(1, 1);
    answer(1, 1);
    answer(5, 5);
    asked[6].packet[3] = 77; /* no packet had that number */
    answer(6, 6);
    asked[7].packet[4] ^= 0x40; /* sent in another time */
    answer(7, 7);
    answer_from(STAMP_PORT + 1, 8, 8, 0); /* from somebody else */
    rig_drop_frames();
    ends(j);
    assert_int_equal(count("received"), 4);
    assert_int_equal(count("lost"), 6);
    assert_int_equal(count("reordered"), 1);
    assert_int_equal(count("duplicate"), 1);
    assert_int_equal(count("stray"), 2);
    assert_int_equal(stamp_sender_figures()->trip.total, 4);
    assert_null(strstr(rig_record("result"), "lost_back"));
}

/* Of ten packets two get lost on their way and one of the answers. */
static void numbers_of_a_stateful_reflector_tell_the_direction(void **state)
{
    uint32_t number = 0;

    (void)state;
    rig_job_say("reflector", "stateful");
    struct job *j = rig_job_start();
    rig_advance_ms(150);
    for (unsigned k = 0; k < 10; k++) {
        if (k == 3 || k == 4)
            continue;
        if (k != 6 && k != 8)
            answer(k, number);
        number++;
    }
    answer(8, 6); /* which the one behind has overtaken */
    ends(j);
    assert_int_equal(count("lost"), 3);
    assert_int_equal(count("lost_there"), 2);
    assert_int_equal(count("lost_back"), 1);
}

/* The guest is not run for 50 ms: five packets leave late, and their users would have waited. */
static void a_packet_that_left_late_counts_from_when_it_was_due(void **state)
{
    (void)state;
    struct job *j = rig_job_start();
    rig_advance_ms(21);
    rig.now_ns += 50 * MS;
    rig_advance_ms(79);
    assert_int_equal(asked_n, 10);
    for (unsigned k = 0; k < 10; k++)
        answer(k, k);
    ends(j);
    const struct stamp_figures *f = stamp_sender_figures();
    assert_int_equal(f->slipped, 0);
    assert_int_equal(f->from_due.total, 10);
    assert_in_range(f->from_due.max, f->trip.max, f->trip.max + 1 * MS); /* the first one's */
    assert_true(f->from_due.least > f->trip.least);                      /* the last one's */
    for (uint32_t ppm = 100000; ppm <= 900000; ppm += 100000)
        assert_true(hdr_percentile(&f->from_due, ppm) >= hdr_percentile(&f->trip, ppm));
    /* due at 30 ms, gone at 71 */
    assert_true(hdr_percentile(&f->from_due, 600000) > hdr_percentile(&f->trip, 600000) + 20 * MS);
}

static void slots_given_up_count_with_the_time_until_then(void **state)
{
    (void)state;
    rig_job_say("time", "500ms");
    struct job *j = rig_job_start();
    rig_advance_ms(21);
    rig.now_ns += 300 * MS;
    rig_advance_ms(200);
    ends(j);
    const struct stamp_figures *f = stamp_sender_figures();
    assert_in_range(f->slipped, 18, 22);
    assert_int_equal(f->sent + f->slipped, 50);
    assert_int_equal(f->from_due.total, f->slipped); /* nothing was answered */
    assert_in_range(f->from_due.max, 280 * MS, 300 * MS);
    assert_true(f->from_due.least >= 100 * MS);
}

static void numbers_go_on_beyond_a_window(void **state)
{
    (void)state;
    rig_job_say("rate", "100kpps");
    rig_job_say("time", "1s");
    rig.filter = NULL;
    struct job *j = rig_job_start();
    for (unsigned ms = 0; ms < 1100; ms++) {
        rig_advance_ms(1);
        rig_drop_frames();
    }
    assert_int_equal(stamp_sender_figures()->sent + stamp_sender_figures()->slipped, 100000);
    ends(j);
}

/* ---- its end --------------------------------------------------------------------------------- */

static void criteria_are_of_the_round_trip(void **state)
{
    static const struct {
        const char *key, *value;
        bool pass;
    } cases[] = {{"max_lost", "0", false},
                 {"max_loss", "10%", true},
                 {"max_p50", "40ms", false},
                 {"max_delay", "160ms", true},
                 {"max_reordered", "0", true}};

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct job_params before = rig_job;
        asked_n = 0;
        rig_job_say(cases[i].key, cases[i].value);
        struct job *j = rig_job_start();
        rig_advance_ms(150);
        for (unsigned k = 0; k < 9; k++)
            answer(k, k);
        ends(j);
        assert_int_equal(rig_says(rig_record("result"), "status", "PASS"), cases[i].pass);
        rig_job = before;
    }
}

static void a_reflector_that_is_not_there_ends_it(void **state)
{
    (void)state;
    rig_job_finds_nobody("10.0.2.77", "does not answer");
}

static void one_session_at_a_time(void **state)
{
    (void)state;
    rig_job_start();
    struct job_refusal why;
    assert_null(job_start(&rig_job, &why));
    assert_non_null(strstr(rig_record("refused"), "already"));
}

static void what_it_cannot_do_is_refused(void **state)
{
    static const char *const wrong[][2] = {
        {"len", "43"},          {"len", "imix"},    {"len", "60,70"},     {"rate", "0"},
        {"rate", "1000001pps"}, {"rate", "1T"},     {"proto", "udp"},     {"dir", "both"},
        {"streams", "2"},       {"omit", "1s"},     {"bytes", "1k"},      {"max_late", "0"},
        {"vlan", "5"},          {"target", "net1"}, {"max_corrupt", "0"},
    };

    (void)state;
    rig_job_refuses(wrong, sizeof(wrong) / sizeof(wrong[0]));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(packets_leave_at_their_rate_numbered_from_0),
        TEST(a_number_of_packets_ends_it),
        TEST(usual_rate_is_ten_a_second),
        TEST(round_trip_is_without_the_reflectors_time),
        TEST(each_answer_is_one_of_received_reordered_duplicate_stray),
        TEST(numbers_of_a_stateful_reflector_tell_the_direction),
        TEST(a_packet_that_left_late_counts_from_when_it_was_due),
        TEST(slots_given_up_count_with_the_time_until_then),
        TEST(numbers_go_on_beyond_a_window),
        TEST(criteria_are_of_the_round_trip),
        TEST(a_reflector_that_is_not_there_ends_it),
        TEST(one_session_at_a_time),
        TEST(what_it_cannot_do_is_refused),
    };

    return cmocka_run_group_tests(tests, rig_service_init, NULL);
}
