// SPDX-License-Identifier: BSD-3-Clause
/*
 * What the iperf3 server reports: warm-up, `interval` and `result` records, and figures at their
 * bounds.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>
#include "iperf3_client.h"

/* ---- warm-up ------------------------------------------------------------------------------- */

static void warm_up(const char *version, int64_t packets, int64_t errors, bool omitted)
{
    struct client c;
    char params[200];

    snprintf(params, sizeof(params),
             "{\"udp\":true,\"omit\":2,\"len\":100,\"client_version\":\"%s\"}", version);
    client_begin_udp(&c, "a", params, 40000, 1);
    client_datagram(40000, 1, 100);
    client_datagram(40000, 5, 100); /* three lost in the warm-up */
    rig_advance_ms(2001);
    client_datagram(40000, 6, 100);
    client_datagram(40000, 8, 100); /* one lost behind it */
    rig_advance_ms(1000);
    const char *r = client_results(&c, EMPTY);
    assert_int_equal(rig_number(r, "bytes", 0), 200);
    assert_int_equal(rig_number(r, "packets", 0), packets);
    assert_int_equal(rig_number(r, "errors", 0), errors);
    assert_int_equal(rig_number(r, "end_time", 0), 1);
    if (omitted) {
        assert_int_equal(rig_number(r, "omitted_packets", 0), 5);
        assert_int_equal(rig_number(r, "omitted_errors", 0), 3);
    } else {
        assert_null(strstr(r, "omitted"));
    }
    client_finish(&c);
    assert_int_equal(client_recorded("lost"), 1);
    assert_int_equal(client_recorded("rx_bytes"), 200);
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
    client_begin_tcp(&c, "a", "{\"omit\":5}", 1);
    assert_int_equal(rig_tcp_send(&c.data[0], "12345", 5), 5);
    rig_advance_ms(1000);
    assert_int_equal(rig_number(client_results(&c, EMPTY), "bytes", 0), 0);
    client_finish(&c);
    assert_int_equal(client_recorded("duration_us"), 0);
}

/* ---- intervals ----------------------------------------------------------------------------- */

static void interval_records_come_each_period_and_show_the_gap(void **state)
{
    struct client c;

    (void)state;
    rig.conf.job.interval_ns = 100 * NS_PER_MS;
    client_begin_tcp(&c, "a", "{}", 1);
    assert_int_equal(rig_tcp_send(&c.data[0], "12345", 5), 5);
    rig_advance_ms(100);
    assert_int_equal(rig_record_count("interval"), 1);
    assert_int_equal(rig_number(rig_record("interval"), "rx_bytes", 0), 5);
    assert_int_equal(rig_number(rig_record("interval"), "start_us", 0), 0);
    rig_advance_ms(100);
    assert_int_equal(rig_record_count("interval"), 2);
    assert_int_equal(rig_number(rig_record("interval"), "rx_bytes", 0), 0);
    assert_in_range(rig_number(rig_record("interval"), "gap_max_us", 0), 185000, 201000);
    client_leave(&c);
}

static void time_that_the_guest_was_not_run_is_no_gap(void **state)
{
    struct client c;

    (void)state;
    rig.conf.job.interval_ns = 100 * NS_PER_MS;
    client_begin_tcp(&c, "a", "{}", 1);
    assert_int_equal(rig_tcp_send(&c.data[0], "12345", 5), 5);
    rig_advance_ms(150);
    rig.late_ns += 80 * NS_PER_MS;
    rig_advance_ms(50);
    assert_int_equal(rig_record_count("interval"), 2);
    assert_in_range(rig_number(rig_record("interval"), "gap_max_us", 0), 105000, 121000);
    client_leave(&c);
}

static void no_interval_records_where_none_are_wanted(void **state)
{
    struct client c;

    (void)state;
    rig.conf.job.interval_ns = 0;
    client_begin_tcp(&c, "a", "{}", 1);
    rig_advance_ms(5000);
    assert_int_equal(rig_record_count("interval"), 0);
    client_leave(&c);
}

/* ---- bounds -------------------------------------------------------------------------------- */

/* The numbers are the client's, and any are possible. */
static void sums_of_what_clients_say_may_wrap(void **state)
{
    struct client c;

    (void)state;
    client_begin_tcp(&c, "a", "{\"parallel\":2}", 2);
    client_results(&c, "{\"streams\":[{\"id\":1,\"bytes\":9223372036854775807,"
                       "\"retransmits\":9223372036854775807},{\"id\":3,"
                       "\"bytes\":9223372036854775807,\"retransmits\":9223372036854775807}]}");
    client_finish(&c);
    assert_non_null(strstr(rig_record("result"), "\"peer_retransmits\":-2,"));

    client_begin_udp(
        &c, "b", "{\"udp\":true,\"reverse\":true,\"parallel\":2,\"len\":100,\"bandwidth\":8000}",
        41000, 2);
    client_results(&c, "{\"streams\":[{\"id\":1,\"errors\":9223372036854775807},"
                       "{\"id\":3,\"errors\":9223372036854775807}]}");
    client_finish(&c);
    assert_non_null(strstr(rig_record("result"), "\"peer_lost\":-2,"));

    client_begin_udp(&c, "c", "{\"udp\":true,\"parallel\":2,\"len\":100,\"udp_counters_64bit\":1}",
                     42000, 2);
    for (unsigned k = 0; k < 2; k++) {
        uint8_t b[100] = {[8] = 0x80}; /* number 2^63 */
        rig_udp_send(false, (uint16_t)(42000 + k), PORT, b, sizeof(b));
        rig_pump();
    }
    client_results(&c, EMPTY);
    client_finish(&c);
    assert_non_null(strstr(rig_record("result"), "\"lost\":-2,"));
}

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
    client_begin_udp(&c, "a", params, 40000, 2 * half);
    assert_int_equal(rig_number(client_results(&c, EMPTY), "id", 2 * half - 1), 2 * half + 1);
    client_finish(&c);
    rig_advance_ms(20);
    assert_int_equal(rig_number(rig_record("result"), "id", 2 * half - 1), 2 * half + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(warm_up_for_clients_up_to_3_13),
        TEST(warm_up_for_clients_from_3_14_on),
        TEST(test_that_ends_within_its_warm_up_has_moved_nothing),
        TEST(interval_records_come_each_period_and_show_the_gap),
        TEST(time_that_the_guest_was_not_run_is_no_gap),
        TEST(no_interval_records_where_none_are_wanted),
        TEST(sums_of_what_clients_say_may_wrap),
        TEST(largest_test_fits_its_record_and_its_results),
    };

    return cmocka_run_group_tests_name("iperf3_report", tests, rig_service_init, NULL);
}
