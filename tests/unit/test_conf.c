// SPDX-License-Identifier: BSD-3-Clause
/*
 * kernel/conf.c: sources and tokens, what is said of NICs, keys that contradict one another, and
 * the record of a refusal.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>
#include "conf_reader.h"
#include "json_check.h"

#define S 1000000000ull

/* ---- sources ------------------------------------------------------------------------------- */

static void with_nothing_said_the_defaults_hold(void **state)
{
    (void)state;
    conf_accept("");
    conf_accept(" \t\r\n# ip=10.0.0.1/8 gw=oops");
    for (int i = 0; i < CONFIG_NICS; i++) {
        assert_int_equal(conf.net[i].ip_mode, CONF_IP_AUTO);
        assert_int_equal(conf.net[i].ip6_mode, CONF_IP_AUTO);
        assert_int_equal(conf.net[i].gw, 0);
        assert_int_equal(conf.net[i].mtu, 0);
        assert_int_equal(conf.net[i].rx_ring, 0);
        assert_int_equal(conf.net[i].tx_ring, 0);
    }
    assert_int_equal(conf.services, SERVICE_ALL);
    assert_int_equal(conf.features_off, 0);
    assert_int_equal(conf.seed, 0);
    assert_int_equal(conf.exit_ns, 0);
    assert_int_equal(conf.job.interval_ns, S);
    assert_int_equal(conf.log, LOG_INFO);
    assert_int_equal(conf.panic_kind, CONF_PANIC_NONE);
    assert_false(conf.check_panics);
}

static void a_later_source_and_a_later_token_win(void **state)
{
    (void)state;
    conf_accept("rx_ring=1024 tx_ring=256 net1.rx_ring=2 net1.tx_ring=100");
    assert_int_equal(conf.net[0].rx_ring, 1024);
    assert_int_equal(conf.net[0].tx_ring, 256);
    assert_int_equal(conf.net[1].rx_ring, 2);
    assert_int_equal(conf.net[1].tx_ring, 100);
    conf_accept("rx_ring=4 tx_ring=2 net1.rx_ring=device");
    assert_int_equal(conf.net[0].tx_ring, 2);
    assert_int_equal(conf.net[1].rx_ring, 0);
    conf_accept("rx_ring=device tx_ring=device");
    conf_accept("mtu=1000 features=-mac mtu=1100");
    conf_accept("mtu=1200 features=-status");
    assert_int_equal(conf.net[0].mtu, 1200);
    assert_int_equal(conf.features_off, 1ull << 16); /* the list, not one more entry */
}

static void files_have_comments_dos_line_ends_and_a_byte_order_mark(void **state)
{
    (void)state;
    conf_accept(
        "\xef\xbb\xbfmtu=1000\r\n# all of it\r\n\tlog=debug#behind\r\n\r\nip6=off # and= so on\n"
        "\v\fseed=5");
    assert_int_equal(conf.net[0].mtu, 1000);
    assert_int_equal(conf.log, LOG_DEBUG);
    assert_int_equal(conf.net[0].ip6_mode, CONF_IP_OFF);
    assert_int_equal(conf.seed, 5);
}

/* ---- several NICs -------------------------------------------------------------------------- */

static void other_nics_have_keys_of_their_own(void **state)
{
    char last[32], beyond[32], key[32];

    (void)state;
    snprintf(last, sizeof(last), "net%d.mtu=900", CONFIG_NICS - 1);
    conf_accept(last);
    assert_int_equal(conf.net[CONFIG_NICS - 1].mtu, 900);
    conf_accept("net0.mtu=800");
    assert_int_equal(conf.net[0].mtu, 800);
    conf_accept("net1.ip=10.0.1.2/24 net1.gw=10.0.1.1 net1.ip6=off");
    assert_int_equal(conf.net[1].ip, 0x0a000102);
    assert_int_equal(conf.net[0].ip_mode, CONF_IP_AUTO);

    snprintf(beyond, sizeof(beyond), "net%d.mtu=900", CONFIG_NICS);
    snprintf(key, sizeof(key), "net%d.mtu", CONFIG_NICS);
    conf_refused(beyond, key, "900");
    conf_refused("net9.ip=dhcp", "net9.ip", "dhcp");
    conf_refused("net10.ip=dhcp", "net10.ip", "dhcp");
    conf_refused("net.ip=dhcp", "net.ip", "dhcp");
    conf_refused("neta.ip=dhcp", "neta.ip", "dhcp");
    conf_refused("net0.=dhcp", "net0.", "dhcp");
    conf_refused("net0.log=info", "net0.log", "info"); /* there is one log */
}

static void a_nic_that_is_named_must_be_there(void **state)
{
    (void)state;
    conf_accept("log=info");
    assert_true(conf_check_nics(&conf, 0)); /* that there is none at all is said elsewhere */
    conf_accept("net1.mtu=1200 net1.ip=off net0.mtu=1000");
    assert_true(conf_check_nics(&conf, 3));
    assert_true(conf_check_nics(&conf, 15));
    assert_false(conf_check_nics(&conf, 1));
    assert_int_equal(conf_said_n, 1);
    assert_string_equal(json_member(conf_said, "event"), "error");
    assert_string_equal(json_member(conf_said, "source"), "cmdline");
    assert_string_equal(json_member(conf_said, "key"), "net1.ip"); /* what was said of it last */
    assert_string_equal(json_member(conf_said, "value"), "off");
    assert_non_null(strstr(json_member(conf_said, "accepted"), ": net0"));
}

/* Which one works counts, not how many. */
static void a_broken_nic_is_not_counted_in_for_another(void **state)
{
    (void)state;
    conf_accept("net1.ip=10.0.0.2/24 net2.ip=dhcp");
    assert_true(conf_check_nics(&conf, 6));
    assert_false(conf_check_nics(&conf, 11));
    assert_string_equal(json_member(conf_said, "key"), "net2.ip");
    assert_string_equal(json_member(conf_said, "value"), "dhcp");
    assert_non_null(strstr(json_member(conf_said, "accepted"), ": net0 net1 net3"));
    assert_false(conf_check_nics(&conf, 9)); /* the first of several is named */
    assert_string_equal(json_member(conf_said, "key"), "net1.ip");

    conf_defaults(NULL);
    conf_accept("ip=10.0.0.2/24"); /* is net0.ip */
    assert_false(conf_check_nics(&conf, 2));
    assert_string_equal(json_member(conf_said, "key"), "net0.ip");
    assert_string_equal(json_member(conf_said, "value"), "10.0.0.2/24");

    conf_defaults(NULL);
    conf_accept("mtu=0000000000000000000000000000000000000000000000000000000000000000001500");
    assert_false(conf_check_nics(&conf, 2));
    assert_non_null(strstr(json_member(conf_said, "value"), "0000..."));
}

/* ---- keys that contradict one another ------------------------------------------------------ */

static void a_gateway_must_be_a_neighbour(void **state)
{
    static const char *const bad[] = {
        "gw=10.0.0.1",                        /* DHCP brings its own */
        "ip=off gw=10.0.0.1",                 /* */
        "ip=10.0.0.2/24 gw=10.0.1.1",         /* elsewhere */
        "ip=10.0.0.2/24 gw=10.0.0.2",         /* oneself */
        "ip=10.0.0.2/24 gw=10.0.0.255",       /* everybody */
        "ip=10.0.0.2/24 gw=10.0.0.0",         /* nobody */
        "ip=10.0.0.2/32 gw=10.0.0.1",         /* alone */
        "gw=10.0.0.1 ip=10.0.0.2/24 ip=dhcp", /* what counts is what is said last */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        conf_defaults(NULL);
        assert_true(conf_read(bad[i]));
        if (conf_check(&conf))
            fail_msg("\"%s\" accepted", bad[i]);
        assert_int_equal(conf_said_n, 1);
        assert_string_equal(json_member(conf_said, "key"), "net0.gw");
        assert_memory_equal(json_member(conf_said, "value"), "10.0.", 5);
    }
    conf_defaults(NULL);
    conf_accept("gw=10.0.0.1 net1.gw=10.9.9.9 ip=10.0.0.2/24 net1.ip=10.9.9.8/31"); /* any order */
}

static void ip6_needs_links_of_1280_bytes(void **state)
{
    (void)state;
    conf_accept("mtu=1280 ip6=fd00::1/64");
    conf_accept("mtu=600 ip6=auto"); /* then there is no IPv6 on that link */
    assert_true(conf_read("mtu=575"));
    assert_false(conf_check(&conf)); /* DHCP cannot work there */
    assert_string_equal(json_member(conf_said, "key"), "net0.mtu");
    conf_defaults(NULL);
    conf_accept("mtu=68 ip=10.0.0.2/24");
    conf_defaults(NULL);
    assert_true(conf_read("net1.ip6=fd00::1/64 net1.mtu=1279"));
    assert_false(conf_check(&conf));
    assert_string_equal(json_member(conf_said, "key"), "net1.mtu");
    assert_string_equal(json_member(conf_said, "value"), "1279");
}

/* ---- refusals ------------------------------------------------------------------------------ */

static void an_error_is_a_whole_record_however_long_the_token(void **state)
{
    static const size_t lengths[] = {199, 200, 201, 4095};

    (void)state;
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        for (int in_value = 0; in_value < 2; in_value++) {
            char text[4200] = "mtu=";
            size_t at = in_value ? 4 : 0, n = lengths[i];
            memset(text + at, 0x80, n); /* six characters each in the record */
            text[at + n] = '\0';
            conf_defaults(NULL);
            assert_false(conf_read(text));
            const char *shown = json_member(conf_said, in_value ? "value" : "key");
            assert_int_equal(strlen(shown), n <= 200 ? n : 203);
            assert_int_equal(strcmp(shown + strlen(shown) - 3, "...") == 0, n > 200);
            assert_non_null(strstr(json_member(conf_said, "message"), "accepted: "));
        }
    }
}

static void others_refuse_the_same_way(void **state)
{
    (void)state;
    conf_refuse("fw_cfg", "net2.ip", "dhcp", "a NIC that is there");
    assert_string_equal(json_member(conf_said, "message"),
                        "fw_cfg: net2.ip=dhcp is not accepted; accepted: a NIC that is there");
    assert_string_equal(json_member(conf_said, "source"), "fw_cfg");
    assert_string_equal(json_member(conf_said, "key"), "net2.ip");
    assert_string_equal(json_member(conf_said, "value"), "dhcp");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(with_nothing_said_the_defaults_hold, conf_defaults),
        cmocka_unit_test_setup(a_later_source_and_a_later_token_win, conf_defaults),
        cmocka_unit_test_setup(files_have_comments_dos_line_ends_and_a_byte_order_mark,
                               conf_defaults),
        cmocka_unit_test_setup(other_nics_have_keys_of_their_own, conf_defaults),
        cmocka_unit_test_setup(a_nic_that_is_named_must_be_there, conf_defaults),
        cmocka_unit_test_setup(a_broken_nic_is_not_counted_in_for_another, conf_defaults),
        cmocka_unit_test_setup(a_gateway_must_be_a_neighbour, conf_defaults),
        cmocka_unit_test_setup(ip6_needs_links_of_1280_bytes, conf_defaults),
        cmocka_unit_test_setup(an_error_is_a_whole_record_however_long_the_token, conf_defaults),
        cmocka_unit_test_setup(others_refuse_the_same_way, conf_defaults),
    };

    return cmocka_run_group_tests_name("conf", tests, NULL, NULL);
}
