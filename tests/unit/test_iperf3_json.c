// SPDX-License-Identifier: BSD-3-Clause
/*
 * The JSON blocks of iperf3: what real clients write, and what the protocol allows.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "iperf3_json.h"
#include "iperf3_read.h"
#include "json_read.h"

/* ---- numbers ------------------------------------------------------------------------------- */

static void number_takes_every_form_of_json(void **state)
{
    static const struct {
        const char *text;
        unsigned decimals;
        int64_t value;
    } table[] = {
        {"0", 0, 0},
        {"1", 0, 1},
        {"-1", 0, -1},
        {"1.0", 0, 1},
        {"1e0", 0, 1},
        {"1E+3", 0, 1000},
        {"12e-1", 0, 1},
        {"-1.5", 0, -1},
        {"1.5", 3, 1500},
        {"0.000123456789", 9, 123456},
        {"1.2345e-05", 9, 12345},
        {"1e-400", 9, 0},
        {"0e999999999999", 9, 0},
        {"9007199254740993", 0, 9007199254740993},
        {"9223372036854775807", 0, INT64_MAX},
        {"9223372036854775808", 0, -1},  /* 2^63 */
        {"18446744073709551615", 0, -1}, /* how 3.13 and older write -1 */
        {"18446744073709551616", 0, -1},
        {"1e19", 0, -1},
        {"1e400", 0, -1},
        {"123456789012345678901234567890", 0, -1},
        {"-1e400", 0, INT64_MIN},
        {"-9223372036854775809", 0, INT64_MIN},
        {"1.00000000000000000000000000000001", 0, 1},
        {"1.23456789012345678901234567890", 9, 1234567890},
        {"123456789012345678901234567890e-20", 0, 1234567890},
        {"100000000000000000000.5e-19", 1, 100},
        {"007", 0, 7},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        int64_t value = 77;
        size_t n = strlen(table[i].text);
        char *copy = malloc(n);
        memcpy(copy, table[i].text, n);
        if (!json_read_digits(copy, n, table[i].decimals, &value) || value != table[i].value)
            fail_msg("%s: %lld", table[i].text, (long long)value);
        free(copy);
    }
}

static void number_refuses_what_is_none(void **state)
{
    static const char *const table[] = {"",    "-",    "+1", ".5", "1.",   "1e",  "1e+", "1x",
                                        "0x1", "true", "1 ", " 1", "1e1.", "--1", "-e1", "NaN"};

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        int64_t value;
        if (json_read_digits(table[i], strlen(table[i]), 0, &value))
            fail_msg("taken: '%s'", table[i]);
    }
}

/* ---- parameters ---------------------------------------------------------------------------- */

static void params_of_the_real_client_are_read(void **state)
{
    struct iperf3_params p;

    (void)state;
    assert_int_equal(read_params("{\"tcp\":true,\"omit\":0,\"time\":2,\"num\":0,\"blockcount\":0,"
                                 "\"parallel\":1,\"len\":131072,\"pacing_timer\":1000,"
                                 "\"client_version\":\"3.12\"}",
                                 &p),
                     IPERF3_OK);
    assert_false(p.udp || p.reverse || p.bidir || p.nodelay || p.wide_counters || p.server_output);
    assert_int_equal(p.time_s, 2);
    assert_int_equal(p.parallel, 1);
    assert_int_equal(p.len, 131072);
    assert_int_equal(p.version, 3012);
    assert_int_equal(p.rate, 0);

    assert_int_equal(
        read_params("{\"udp\":true,\"omit\":3,\"time\":0,\"num\":5000000000,\"parallel\":128,"
                    "\"reverse\":true,\"bidirectional\":true,\"nodelay\":true,\"len\":1460,"
                    "\"bandwidth\":1048576,\"fqrate\":0,\"TOS\":16,\"get_server_output\":1,"
                    "\"udp_counters_64bit\":1,\"client_version\":\"3.17.1+\"}",
                    &p),
        IPERF3_OK);
    assert_true(p.udp && p.reverse && p.bidir && p.nodelay && p.wide_counters && p.server_output);
    assert_int_equal(p.omit_s, 3);
    assert_int_equal(p.time_s, 0);
    assert_int_equal(p.parallel, 128);
    assert_int_equal(p.rate, 1048576);
    assert_int_equal(p.tos, 16);
    assert_int_equal(p.version, 3017);
}

static void rates_of_blocks_and_of_packets_both_bound_a_sender(void **state)
{
    static const struct {
        const char *text;
        uint64_t rate;
    } table[] = {
        {"{\"fqrate\":5000000}", 5000000},
        {"{\"fqrate\":5000000,\"bandwidth\":8000000}", 5000000},
        {"{\"fqrate\":8000000,\"bandwidth\":5000000}", 5000000},
        {"{\"bandwidth\":5000000}", 5000000},
    };
    struct iperf3_params p;

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        assert_int_equal(read_params(table[i].text, &p), IPERF3_OK);
        assert_int_equal(p.rate, table[i].rate);
    }
}

static void params_have_defaults(void **state)
{
    struct iperf3_params p;

    (void)state;
    assert_int_equal(read_params("{}", &p), IPERF3_OK);
    assert_false(p.udp);
    assert_int_equal(p.time_s, 10);
    assert_int_equal(p.parallel, 1);
    assert_int_equal(p.len, 0);
    assert_int_equal(p.version, 0);
}

static void params_keys_are_found_as_the_original_finds_them(void **state)
{
    struct iperf3_params p;

    (void)state;
    assert_int_equal(read_params(" \t\r\n{ \"TIME\" : 5 , \"Parallel\":\n2.0, \"time\":7 } \n", &p),
                     IPERF3_OK);
    assert_int_equal(p.time_s, 5); /* the first of two equal keys */
    assert_int_equal(p.parallel, 2);

    assert_int_equal(
        read_params("{\"x\":{\"time\":1,\"udp\":true},\"y\":[{\"time\":2},[[\"time\",3]]],"
                    "\"z\":\"\\\"time\\\":4\",\"times\":6,\"tim\":6,\"time\":8}",
                    &p),
        IPERF3_OK);
    assert_int_equal(p.time_s, 8);
    assert_false(p.udp);

    assert_int_equal(
        read_params("{\"udp\":false,\"reverse\":0,\"nodelay\":null,\"bidirectional\":\"1\"}", &p),
        IPERF3_OK);
    assert_false(p.udp || p.reverse || p.nodelay || p.bidir);

    assert_int_equal(read_params_n("{\"time\":3}\0\0", 12, &p),
                     IPERF3_OK); /* a terminator too many */
}

static void params_versions_of_every_kind(void **state)
{
    static const struct {
        const char *text;
        uint32_t version;
    } table[] = {
        {"3.12", 3012},
        {"3.1.3", 3001},
        {"3.21-beta1", 3021},
        {"4", 4000},
        {"", 0},
        {"x3.12", 0},
        {"3.", 3000},
        {"3..12", 3000},
        {"999999999.9", 999000},
        {"3.99999999999", 3999},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct iperf3_params p;
        char text[64];
        snprintf(text, sizeof(text), "{\"client_version\":\"%s\"}", table[i].text);
        assert_int_equal(read_params(text, &p), IPERF3_OK);
        if (p.version != table[i].version)
            fail_msg("%s: %u", table[i].text, p.version);
    }
}

static void params_out_of_range_name_their_error(void **state)
{
    static const struct {
        const char *text;
        enum iperf3_error error;
    } table[] = {
        {"{\"parallel\":0}", IPERF3_E_STREAMS},
        {"{\"parallel\":129}", IPERF3_E_STREAMS},
        {"{\"parallel\":18446744073709551615}", IPERF3_E_STREAMS},
        {"{\"parallel\":\"2\"}", IPERF3_E_PARAMS},
        {"{\"parallel\":true}", IPERF3_E_PARAMS},
        {"{\"len\":0}", IPERF3_E_BLOCK},
        {"{\"len\":-5}", IPERF3_E_BLOCK},
        {"{\"len\":4294967296}", IPERF3_E_BLOCK},
        {"{\"udp\":true,\"len\":15}", IPERF3_E_UDP_BLOCK},
        {"{\"udp\":true,\"len\":65508}", IPERF3_E_UDP_BLOCK},
        {"{\"time\":-1}", IPERF3_E_DURATION},
        {"{\"time\":1000000001}", IPERF3_E_DURATION},
        {"{\"omit\":1e10}", IPERF3_E_OMIT},
        {"{\"sctp\":true}", IPERF3_E_SCTP},
        {"{\"bandwidth\":-1}", IPERF3_E_PARAMS},
        {"{\"fqrate\":-1}", IPERF3_E_PARAMS},
        {"{\"TOS\":256}", IPERF3_E_PARAMS},
        {"{\"num\":[]}", IPERF3_E_PARAMS},
        {"{\"blockcount\":{}}", IPERF3_E_PARAMS},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct iperf3_params p;
        enum iperf3_error error = read_params(table[i].text, &p);
        if (error != table[i].error)
            fail_msg("%s: %d", table[i].text, (int)error);
    }
}

/* ---- results ------------------------------------------------------------------------------- */

static void results_of_the_real_client_are_read(void **state)
{
    (void)state;
    assert_true(
        read_results("{\"cpu_util_total\":1.5,\"cpu_util_user\":0.1,\"cpu_util_system\":1.4,"
                     "\"sender_has_retransmits\":18446744073709551615,"
                     "\"congestion_used\":\"cubic\",\"streams\":[{\"id\":1,\"bytes\":2500000000000,"
                     "\"retransmits\":18446744073709551615,\"jitter\":1.2345e-05,\"errors\":7,"
                     "\"packets\":100,\"start_time\":0,\"end_time\":10.000123},"
                     "{\"id\":3,\"bytes\":5,\"retransmits\":12,\"jitter\":0,\"errors\":0,"
                     "\"packets\":0}],\"server_output_text\":\"streams\"}"));
    assert_int_equal(read_rows_n, 2);
    assert_int_equal(read_rows[0].id, 1);
    assert_int_equal(read_rows[0].bytes, 2500000000000);
    assert_int_equal(read_rows[0].retransmits, -1);
    assert_int_equal(read_rows[0].jitter_ns, 12345);
    assert_int_equal(read_rows[0].lost, 7);
    assert_int_equal(read_rows[0].packets, 100);
    assert_int_equal(read_rows[0].time_us, 10000123);
    assert_int_equal(read_rows[1].id, 3);
    assert_int_equal(read_rows[1].retransmits, 12);
    assert_int_equal(read_rows[1].time_us, 0);
}

static void results_without_streams_are_results(void **state)
{
    (void)state;
    assert_true(read_results("{\"streams\":[]}"));
    assert_int_equal(read_rows_n, 0);
    assert_true(read_results("{\"streams\":[{}]}"));
    assert_int_equal(read_rows_n, 1);
    assert_int_equal(read_rows[0].retransmits, -1);
}

static void results_of_wrong_types_are_refused(void **state)
{
    static const char *const table[] = {
        "{}",
        "{\"streams\":1}",
        "{\"streams\":{}}",
        "{\"streams\":\"[]\"}",
        "{\"streams\":[1]}",
        "{\"streams\":[[]]}",
        "{\"streams\":[{\"id\":-1}]}",
        "{\"streams\":[{\"id\":4294967296}]}",
        "{\"streams\":[{\"bytes\":18446744073709551615}]}",
        "{\"streams\":[{\"bytes\":\"1\"}]}",
        "{\"streams\":[{\"jitter\":true}]}",
        "{\"streams\":[{\"errors\":{}}]}",
        "{\"streams\":[{\"packets\":null}]}",
        "{\"streams\":[{\"end_time\":[]}]}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (read_results(table[i]))
            fail_msg("taken: %s", table[i]);
    }
}

/* What we write is what the reader reads: the largest test with the largest numbers, within the
 * bounds that the session's buffer is made of. */
static void results_written_fit_and_are_read_back(void **state)
{
    const size_t n_streams = CONFIG_IPERF_STREAM;
    const size_t cap = IPERF3_JSON_FRAME_BYTES + n_streams * IPERF3_JSON_ROW_BYTES;
    const struct iperf3_row most = {
        .id = INT32_MAX,
        .bytes = INT64_MAX,
        .retransmits = INT64_MIN,
        .jitter_ns = INT64_MAX,
        .lost = INT64_MIN,
        .packets = INT64_MIN,
        .omitted_lost = INT64_MIN,
        .omitted_packets = INT64_MIN,
        .time_us = INT64_MAX,
    };
    char *text = malloc(cap);
    struct json j;

    (void)state;
    json_init(&j, text, cap);
    iperf3_json_begin(&j, false, NULL);
    for (size_t i = 0; i < n_streams; i++)
        iperf3_json_row(&j, &most, true);
    iperf3_json_end(&j);
    size_t n = json_finish(&j);
    assert_true(n > 0);
    assert_true(read_results_n(text, n));
    assert_int_equal(read_rows_n, n_streams);
    for (size_t i = 0; i < n_streams; i++) {
        assert_int_equal(read_rows[i].id, most.id);
        assert_int_equal(read_rows[i].bytes, most.bytes);
        assert_int_equal(read_rows[i].jitter_ns, most.jitter_ns);
        assert_int_equal(read_rows[i].time_us, most.time_us);
        assert_int_equal(read_rows[i].lost, most.lost);
    }
    free(text);
}

static void results_written_have_every_key_that_clients_require(void **state)
{
    const struct iperf3_row r = {.id = 3,
                                 .bytes = 10,
                                 .retransmits = -1,
                                 .jitter_ns = 1500,
                                 .lost = -2,
                                 .packets = 7,
                                 .time_us = 1};
    char text[1024];
    struct json j;

    (void)state;
    json_init(&j, text, sizeof(text));
    iperf3_json_begin(&j, true, "a\nb");
    iperf3_json_row(&j, &r, false);
    iperf3_json_end(&j);
    assert_true(json_finish(&j) > 0);
    assert_string_equal(
        text,
        "{\"cpu_util_total\":0,\"cpu_util_user\":0,\"cpu_util_system\":0,"
        "\"sender_has_retransmits\":0,\"server_output_text\":\"a\\u000ab\",\"streams\":[{\"id\":3,"
        "\"bytes\":10,\"retransmits\":-1,\"jitter\":0.000001500,\"errors\":-2,\"packets\":7,"
        "\"start_time\":0,\"end_time\":0.000001}]}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(number_takes_every_form_of_json),
        cmocka_unit_test(number_refuses_what_is_none),
        cmocka_unit_test(params_of_the_real_client_are_read),
        cmocka_unit_test(rates_of_blocks_and_of_packets_both_bound_a_sender),
        cmocka_unit_test(params_have_defaults),
        cmocka_unit_test(params_keys_are_found_as_the_original_finds_them),
        cmocka_unit_test(params_versions_of_every_kind),
        cmocka_unit_test(params_out_of_range_name_their_error),
        cmocka_unit_test(results_of_the_real_client_are_read),
        cmocka_unit_test(results_without_streams_are_results),
        cmocka_unit_test(results_of_wrong_types_are_refused),
        cmocka_unit_test(results_written_fit_and_are_read_back),
        cmocka_unit_test(results_written_have_every_key_that_clients_require),
    };

    return cmocka_run_group_tests_name("iperf3_json", tests, NULL, NULL);
}
