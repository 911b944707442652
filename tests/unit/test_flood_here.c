// SPDX-License-Identifier: BSD-3-Clause
/*
 * run=flood whose frames come to this guest, at its second NIC or back from a reflector: what
 * became of them is in its result and decides its criteria. The network between is this test.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "flood.h"
#include "job.h"
#include "netrig.h"
#include "rig_job.h"
#include "rig_service.h"
#include "sink.h"
#include "testframe.h"

#define MS 1000000ull

const struct conf *apps_conf = &rig.conf;
const struct job_kind *const job_kinds[] = {&flood_job, NULL};

/* What left net0 and is on its way. */
#define ON_WAY 512
static struct rig_frame on_way[ON_WAY];
static unsigned on_way_n;

static bool carry(const uint8_t *data, uint32_t len)
{
    if (data[12] != 0x08 || data[13] != 0x00 || data[23] != 17)
        return false;
    assert_true(on_way_n < ON_WAY);
    on_way[on_way_n].len = len;
    memcpy(on_way[on_way_n++].data, data, len);
    return true;
}

static unsigned poll(uint64_t now)
{
    return jobs_poll(now) + sink_service.poll(now);
}

static int setup(void **state)
{
    char mac[32];

    (void)state;
    rig_prepare();
    rig.nics = 2;
    rig.conf.net[1] = (struct conf_net){.ip_mode = CONF_IP_STATIC, .ip = 0x0a000302, .ip_bits = 24};
    job_params_init(&rig.conf.job);
    rig_start();
    assert_true(sink_service.start());
    rig_job_setup("flood");
    rig.poll = poll;
    rig.filter = carry;
    on_way_n = 0;
    snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", rig_guest_mac[0], rig_guest_mac[1],
             rig_guest_mac[2], rig_guest_mac[3], rig_guest_mac[4], rig_guest_mac[5]);
    rig_job_say("target", "net1");
    rig_job_say("dst_mac", mac);
    rig_job_say("interval", "0");
    rig_job_say("rate", "1kpps");
    rig_job_say("time", "10ms");
    return 0;
}

/* Ten frames are on their way. */
static struct job *sent(void)
{
    struct job *j = rig_job_start();

    rig_advance_ms(12);
    assert_int_equal(on_way_n, 10);
    return j;
}

static void comes(unsigned k)
{
    rig.nic = 1;
    rig_inject(on_way[k].data, on_way[k].len);
    rig_pump();
    rig.nic = 0;
}

static void is_over_after(struct job *j, uint64_t ms)
{
    rig_advance_ms(ms - 1);
    assert_int_equal(j->state, JOB_RUNNING);
    rig_advance_ms(2);
    assert_int_equal(j->state, JOB_OVER);
}

static uint64_t count(const char *key)
{
    return (uint64_t)rig_number(rig_record("result"), key, 0);
}

/* ---- what became of them -------------------------------------------------------------------- */

static void every_fate_is_in_the_result(void **state)
{
    static const unsigned order[] = {0, 1, 2, 4, 3, 5, 5, 7, 8, 9};

    (void)state;
    struct job *j = sent();
    on_way[8].data[50] ^= 1;
    for (unsigned k = 0; k < sizeof(order) / sizeof(order[0]); k++)
        comes(order[k]);
    is_over_after(j, 2000);
    assert_true(rig_says(rig_record("result"), "job", "flood-1"));
    assert_true(rig_says(rig_record("result"), "end", "done"));
    assert_int_equal(count("sent"), 10);
    assert_int_equal(count("expected"), 10);
    assert_int_equal(count("received"), 8);
    assert_int_equal(count("lost"), 2);
    assert_int_equal(count("reordered"), 1);
    assert_int_equal(count("duplicate"), 1);
    assert_int_equal(count("late"), 0);
    assert_int_equal(count("corrupt"), 1);
    assert_int_equal(count("rx_packets"), 9);
    assert_int_equal(count("tx_packets"), 10);
}

static void frames_lost_at_the_end_are_known_to_the_sender(void **state)
{
    (void)state;
    struct job *j = sent();
    for (unsigned k = 0; k < 7; k++)
        comes(k);
    is_over_after(j, 2000);
    assert_int_equal(count("lost"), 3);
}

static void frames_of_which_none_came_are_all_lost(void **state)
{
    (void)state;
    rig_job_say("max_loss", "50%");
    rig_job_say("max_p99", "1h");
    struct job *j = sent();
    is_over_after(j, 1997); /* behind the last that was sent */
    assert_int_equal(count("lost"), 10);
    assert_non_null(strstr(rig_record("result"), "\"name\":\"max_loss_ppb\",\"limit\":500000000,"
                                                 "\"value\":1000000000,\"ok\":false"));
    assert_non_null(strstr(rig_record("result"), "\"name\":\"max_p99_us\",\"limit\":3600000000,"
                                                 "\"value\":18446744073709551,\"ok\":false"));
}

static void nothing_is_waited_for_where_nothing_is_missing_but_duplicates(void **state)
{
    (void)state;
    struct job *j = sent();
    for (unsigned k = 0; k < 10; k++)
        comes(k);
    rig_advance_ms(50);
    comes(9);
    is_over_after(j, 100);
    assert_int_equal(count("lost"), 0);
    assert_int_equal(count("duplicate"), 1);
}

static void late_ones_are_waited_for(void **state)
{
    (void)state;
    struct job *j = sent();
    rig_advance_ms(1900);
    for (unsigned k = 0; k < 9; k++)
        comes(k);
    rig_advance_ms(1900);
    comes(9);
    is_over_after(j, 100);
    assert_int_equal(count("lost"), 0);
}

/* ---- from when they were due ------------------------------------------------------------------
 */

/* What leaves comes within the same millisecond. */
static void carried_for(uint64_t ms)
{
    for (uint64_t k = 0; k < ms; k++) {
        rig_advance_ms(1);
        for (unsigned i = 0; i < on_way_n; i++)
            comes(i);
        on_way_n = 0;
    }
}

/* A figure of that histogram, in microseconds. */
static uint64_t delay_us(const char *histogram, const char *figure)
{
    const char *at = strstr(rig_record("result"), histogram);

    assert_non_null(at);
    return (uint64_t)rig_number(at, figure, 0);
}

/* The device takes no frame for 80 ms of a second. Few are in the ring meanwhile, and the others
 * leave late, which the time from when they leave does not tell. */
static void a_held_up_device_shows_in_the_delay_from_due(void **state)
{
    (void)state;
    rig_job_say("rate", "50kpps");
    rig_job_say("time", "1s");
    struct job *j = rig_job_start();
    carried_for(500);
    rig.tx_stuck = true;
    carried_for(80);
    rig.tx_stuck = false;
    carried_for(620);
    assert_int_equal(j->state, JOB_OVER);
    assert_int_equal(count("slipped"), 0);
    assert_int_equal(count("received"), 50000);
    assert_int_equal(delay_us("\"delay\"", "count"), 50000);
    assert_int_equal(delay_us("\"delay_from_due\"", "count"), 50000);
    assert_true(delay_us("\"delay\"", "p50_us") <= 2100);
    assert_true(delay_us("\"delay_from_due\"", "p50_us") <= 3100);
    assert_true(delay_us("\"delay\"", "p99_us") <= 2100);
    assert_in_range(delay_us("\"delay_from_due\"", "p99_us"), 65000, 90000);
}

/* The guest is not run for 700 ms: what it gave up would have waited that long at least. */
static void slots_given_up_are_in_the_delay_from_due(void **state)
{
    (void)state;
    rig_job_say("rate", "10kpps");
    rig_job_say("time", "1s");
    struct job *j = rig_job_start();
    carried_for(200);
    rig.now_ns += 700 * MS;
    carried_for(300);
    assert_int_equal(j->state, JOB_OVER);
    assert_in_range(count("slipped"), 5900, 6100);
    assert_int_equal(count("received") + count("slipped"), 10000);
    assert_int_equal(delay_us("\"delay_from_due\"", "count"), 10000);
    assert_true(delay_us("\"delay\"", "max_us") <= 2100);
    assert_in_range(delay_us("\"delay_from_due\"", "max_us"), 695000, 705000);
    /* 3000 of them on time, and of the 7000 every thousand 100 ms more */
    assert_in_range(delay_us("\"delay_from_due\"", "p50_us"), 180000, 220000);
    assert_in_range(delay_us("\"delay_from_due\"", "p90_us"), 585000, 615000);
}

static void as_fast_as_possible_nothing_is_due(void **state)
{
    (void)state;
    rig_job_say("rate", "0");
    rig_job_say("bytes", "6000");
    struct job *j = rig_job_start();
    carried_for(150);
    assert_int_equal(j->state, JOB_OVER);
    assert_int_equal(delay_us("\"delay\"", "count"), 100);
    assert_null(strstr(rig_record("result"), "from_due"));
}

/* ---- criteria ------------------------------------------------------------------------------- */

static bool passes_with(const char *key, const char *value, uint64_t delay_ms)
{
    rig_job_say(key, value);
    struct job *j = sent();
    rig_advance_ms(delay_ms);
    for (unsigned k = 1; k < 10; k++)
        comes(k);
    rig_advance_ms(2100);
    assert_int_equal(j->state, JOB_OVER);
    return rig_says(rig_record("result"), "status", "PASS");
}

static void loss_and_delay_decide(void **state)
{
    static const struct {
        const char *key, *value;
        bool pass;
    } cases[] = {{"max_lost", "0", false},    {"max_loss", "9.9%", false},
                 {"max_loss", "10%", true},   {"max_p50", "30ms", false},
                 {"max_p50", "40ms", true},   {"max_delay", "35ms", false},
                 {"max_delay", "50ms", true}, {"max_gap", "50ms", true}};

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct job_params before = rig_job;
        on_way_n = 0;
        assert_int_equal(passes_with(cases[i].key, cases[i].value, 30), cases[i].pass);
        rig_job = before;
    }
}

static void a_gap_counts_where_the_frames_come_too(void **state)
{
    (void)state;
    rig_job_say("max_gap", "200ms");
    struct job *j = sent();
    for (unsigned k = 0; k < 10; k++) {
        if (k == 5)
            rig_advance_ms(300);
        comes(k);
    }
    rig_advance_ms(110);
    assert_int_equal(j->state, JOB_OVER);
    assert_in_range(count("gap_max_us"), 299000, 302000);
    assert_true(rig_says(rig_record("result"), "status", "FAIL"));
}

static void first_number_is_known_and_not_lost(void **state)
{
    (void)state;
    rig_job_say("first_seq", "4294967291"); /* beyond 2^32 after five */
    struct job *j = sent();
    for (unsigned k = 1; k < 10; k++)
        comes(k);
    is_over_after(j, 2000);
    assert_int_equal(count("lost"), 1);
    assert_int_equal(count("received"), 9);
}

/* ---- what is refused ------------------------------------------------------------------------ */

static void what_only_a_receiver_knows_is_asked_of_one_only(void **state)
{
    (void)state;
    rig_job_say("target", "10.0.2.1");
    rig_job_say("max_lost", "0");
    rig_job_is_refused("max_lost");
    rig_job_say("port", "8864");
    rig_job_start();
}

static void sender_and_target_are_two(void **state)
{
    (void)state;
    rig_job_say("from", "net1");
    rig_job_is_refused("from");
    rig_job_say("from", "net0");
    rig_job_start();
}

static void a_nic_that_is_not_there_ends_it(void **state)
{
    (void)state;
    rig_job_finds_nobody("net2", "no such address");
}

static void our_own_address_as_text_is_explained(void **state)
{
    (void)state;
    rig_job_finds_nobody("10.0.3.2", "target=net1");
}

/* ---- back from a reflector ------------------------------------------------------------------ */

static void what_a_reflector_returns_is_counted_where_it_was_sent(void **state)
{
    (void)state;
    rig_job_say("target", "10.0.2.1");
    rig_job_say("port", "8864");
    rig_job_say("len", "100");
    rig_job_say("max_delay", "30ms");
    struct job *j = sent();
    rig_advance_ms(20);
    for (unsigned k = 0; k < 9; k++) {
        uint8_t frame[RIG_FRAME_MAX];
        uint8_t *payload = on_way[k].data + 42;

        testframe_reflect(payload, 58, 0, 15 * MS);
        rig_inject(frame, rig_build_udp(frame, false, 8864, 1024, payload, 58));
        rig_pump();
    }
    is_over_after(j, 2000);
    assert_int_equal(count("lost"), 1);
    assert_int_equal(count("received"), 9);
    assert_true(rig_says(rig_record("result"), "status", "PASS")); /* 30 ms at most, less 15 */
}

static int teardown(void **state)
{
    jobs_stop();
    rig_advance_ms(6000);
    assert_false(jobs_busy());
    rig_drop_frames();
    return rig_teardown(state);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_fate_is_in_the_result),
        TEST(frames_lost_at_the_end_are_known_to_the_sender),
        TEST(frames_of_which_none_came_are_all_lost),
        TEST(nothing_is_waited_for_where_nothing_is_missing_but_duplicates),
        TEST(late_ones_are_waited_for),
        TEST(a_held_up_device_shows_in_the_delay_from_due),
        TEST(slots_given_up_are_in_the_delay_from_due),
        TEST(as_fast_as_possible_nothing_is_due),
        TEST(loss_and_delay_decide),
        TEST(a_gap_counts_where_the_frames_come_too),
        TEST(first_number_is_known_and_not_lost),
        TEST(what_only_a_receiver_knows_is_asked_of_one_only),
        TEST(sender_and_target_are_two),
        TEST(a_nic_that_is_not_there_ends_it),
        TEST(our_own_address_as_text_is_explained),
        TEST(what_a_reflector_returns_is_counted_where_it_was_sent),
    };

    return cmocka_run_group_tests(tests, rig_service_init, NULL);
}
