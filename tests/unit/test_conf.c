// SPDX-License-Identifier: BSD-3-Clause
/*
 * kernel/conf.c with the real record writer in front of a console that keeps the last record.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "conf.h"
#include "console.h"
#include "json_check.h"

#define S 1000000000ull

static char record[CONFIG_RECORD_MAX + 1]; /* without its newline */
static unsigned records_n;
static struct conf c;

uint64_t time_ns(void)
{
    return 0;
}

bool console_write(const char *s, size_t len)
{
    assert_int_equal(s[len - 1], '\n');
    memcpy(record, s, len - 1);
    record[len - 1] = '\0';
    records_n++;
    return true;
}

static int defaults(void **state)
{
    (void)state;
    conf_init(&c);
    record[0] = '\0';
    records_n = 0;
    return 0;
}

/* conf_parse() on a text that ends where its memory ends. */
static bool parse(const char *text)
{
    char *exact = strdup(text);

    assert_non_null(exact);
    bool ok = conf_parse(&c, "cmdline", exact);
    assert_int_equal(records_n, ok ? 0 : 1);
    free(exact);
    return ok;
}

static void accept(const char *text)
{
    if (!parse(text) || !conf_check(&c))
        fail_msg("\"%s\" refused: %s", text, record);
}

/* Refused, with one error record that names this key and this value. */
static void refuse(const char *text, const char *key, const char *value)
{
    defaults(NULL);
    if (parse(text))
        fail_msg("\"%s\" accepted", text);
    assert_string_equal(json_member(record, "event"), "error");
    assert_string_equal(json_member(record, "source"), "cmdline");
    assert_string_equal(json_member(record, "key"), key);
    assert_string_equal(json_member(record, "value"), value);
    assert_true(strlen(json_member(record, "accepted")) > 0);
    assert_non_null(strstr(json_member(record, "message"), key));
}

static void with_nothing_said_the_defaults_hold(void **state)
{
    (void)state;
    accept("");
    accept(" \t\r\n# ip=10.0.0.1/8 gw=oops");
    for (int i = 0; i < CONFIG_NICS; i++) {
        assert_int_equal(c.net[i].ip_mode, CONF_IP_AUTO);
        assert_int_equal(c.net[i].ip6_mode, CONF_IP_AUTO);
        assert_int_equal(c.net[i].gw, 0);
        assert_int_equal(c.net[i].mtu, 0);
        assert_int_equal(c.net[i].rx_ring, 0);
        assert_int_equal(c.net[i].tx_ring, 0);
    }
    assert_int_equal(c.services, SERVICE_ALL);
    assert_int_equal(c.features_off, 0);
    assert_int_equal(c.seed, 0);
    assert_int_equal(c.exit_ns, 0);
    assert_int_equal(c.interval_ns, S);
    assert_int_equal(c.log, LOG_INFO);
    assert_int_equal(c.panic_kind, CONF_PANIC_NONE);
    assert_false(c.check_panics);
}

static void every_key_sets_its_field(void **state)
{
    static const uint8_t ip6[16] = {0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5};

    (void)state;
    accept("ip=192.168.7.2/24 gw=192.168.7.1 ip6=fd00::5/64 mtu=1400 irq=intx net1.irq=poll "
           "rx=mergeable run=serve services=http,echo "
           "features=-mtu,-event_idx,-version_1 seed=0xDEADbeef log=debug interval=250ms exit=2m "
           "fault=panic:stack@3s check=panic");
    assert_int_equal(c.net[0].ip_mode, CONF_IP_STATIC);
    assert_int_equal(c.net[0].ip, 0xc0a80702);
    assert_int_equal(c.net[0].ip_bits, 24);
    assert_int_equal(c.net[0].gw, 0xc0a80701);
    assert_int_equal(c.net[0].ip6_mode, CONF_IP_STATIC);
    assert_memory_equal(c.net[0].ip6, ip6, 16);
    assert_int_equal(c.net[0].mtu, 1400);
    assert_int_equal(c.net[0].irq, CONF_IRQ_INTX);
    assert_int_equal(c.net[1].irq, CONF_IRQ_POLL);
    assert_true(c.net[0].mergeable);
    assert_int_equal(c.services, SERVICE_HTTP | SERVICE_ECHO);
    assert_int_equal(c.features_off, 1ull << 3 | 1ull << 29 | 1ull << 32);
    assert_int_equal(c.seed, 0xdeadbeef);
    assert_int_equal(c.log, LOG_DEBUG);
    assert_int_equal(c.interval_ns, S / 4);
    assert_int_equal(c.exit_ns, 120 * S);
    assert_int_equal(c.panic_kind, CONF_PANIC_STACK);
    assert_true(c.check_panics);
    assert_int_equal(c.panic_at_ns, 3 * S);
}

static void every_default_can_be_said_and_undoes_what_was_said(void **state)
{
    struct conf before;

    (void)state;
    memcpy(&before, &c, sizeof(c));
    accept("mtu=900 rx=mergeable features=-mac services=off seed=7 log=quiet interval=0 exit=1ms "
           "fault=panic:null ip=10.0.0.2/8 gw=10.0.0.1");
    assert_int_equal(c.services, 0);
    assert_int_equal(c.interval_ns, 0);
    assert_int_equal(c.panic_kind, CONF_PANIC_NULL);
    assert_int_equal(c.panic_at_ns, 0);
    accept("mtu=device rx=big features=all services=all seed=0 log=info interval=1s exit=never "
           "fault=none "
           "gw=none run=none ip6=auto");
    accept("ip=dhcp");
    before.net[0].ip = c.net[0].ip; /* without meaning when the mode is not static */
    before.net[0].ip_bits = c.net[0].ip_bits;
    memcpy(before.said, c.said, sizeof(c.said)); /* remembered for errors only */
    assert_memory_equal(&c, &before, sizeof(c));
}

static void a_later_source_and_a_later_token_win(void **state)
{
    (void)state;
    accept("rx_ring=1024 tx_ring=256 net1.rx_ring=2 net1.tx_ring=100");
    assert_int_equal(c.net[0].rx_ring, 1024);
    assert_int_equal(c.net[0].tx_ring, 256);
    assert_int_equal(c.net[1].rx_ring, 2);
    assert_int_equal(c.net[1].tx_ring, 100);
    accept("rx_ring=4 tx_ring=2 net1.rx_ring=device");
    assert_int_equal(c.net[0].tx_ring, 2);
    assert_int_equal(c.net[1].rx_ring, 0);
    accept("rx_ring=device tx_ring=device");
    accept("mtu=1000 features=-mac mtu=1100");
    accept("mtu=1200 features=-status");
    assert_int_equal(c.net[0].mtu, 1200);
    assert_int_equal(c.features_off, 1ull << 16); /* the list, not one more entry */
}

static void files_have_comments_dos_line_ends_and_a_byte_order_mark(void **state)
{
    (void)state;
    accept("\xef\xbb\xbfmtu=1000\r\n# all of it\r\n\tlog=debug#behind\r\n\r\nip6=off # and= so on\n"
           "\v\fseed=5");
    assert_int_equal(c.net[0].mtu, 1000);
    assert_int_equal(c.log, LOG_DEBUG);
    assert_int_equal(c.net[0].ip6_mode, CONF_IP_OFF);
    assert_int_equal(c.seed, 5);
}

static void other_nics_have_keys_of_their_own(void **state)
{
    char last[32], beyond[32], key[32];

    (void)state;
    snprintf(last, sizeof(last), "net%d.mtu=900", CONFIG_NICS - 1);
    accept(last);
    assert_int_equal(c.net[CONFIG_NICS - 1].mtu, 900);
    accept("net0.mtu=800");
    assert_int_equal(c.net[0].mtu, 800);
    accept("net1.ip=10.0.1.2/24 net1.gw=10.0.1.1 net1.ip6=off");
    assert_int_equal(c.net[1].ip, 0x0a000102);
    assert_int_equal(c.net[0].ip_mode, CONF_IP_AUTO);

    snprintf(beyond, sizeof(beyond), "net%d.mtu=900", CONFIG_NICS);
    snprintf(key, sizeof(key), "net%d.mtu", CONFIG_NICS);
    refuse(beyond, key, "900");
    refuse("net9.ip=dhcp", "net9.ip", "dhcp");
    refuse("net10.ip=dhcp", "net10.ip", "dhcp");
    refuse("net.ip=dhcp", "net.ip", "dhcp");
    refuse("neta.ip=dhcp", "neta.ip", "dhcp");
    refuse("net0.=dhcp", "net0.", "dhcp");
    refuse("net0.log=info", "net0.log", "info"); /* there is one log */
}

static void keys_the_guest_does_not_have_are_refused_by_name(void **state)
{
    static const char *const unknown[] = {"target", "port", "proto", "dir",   "streams", "time",
                                          "bytes",  "rate", "len",   "flows", "IP",      "ipx",
                                          "i",      "mt",   "",      "net0"};

    (void)state;
    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
        char text[64];
        snprintf(text, sizeof(text), "log=info %s=1 exit=nonsense", unknown[i]);
        refuse(text, unknown[i], "1");
        assert_non_null(strstr(json_member(record, "accepted"), "services"));
    }
    refuse("mtu", "mtu", "");
    refuse("quiet", "quiet", "");
    refuse("=", "", "");
    refuse("mtu==1500", "mtu", "=1500");
    refuse("mtu =1500", "mtu", "");
}

static void values_out_of_range_or_malformed_are_refused(void **state)
{
    static const char *const bad[] = {
        "ip=",
        "ip=DHCP",
        "ip=static",
        "ip=10.0.0.1",
        "ip=10.0.0.1/33",
        "ip=10.0.0.0/24",
        "ip=10.0.0.255/24",
        "ip=224.0.0.1/4",
        "ip=127.0.0.1/8",
        "ip=0.0.0.0/0",
        "ip=255.255.255.255/32",
        "ip=10.0.0.1/24/",
        "ip=10.0.0.1/24,",
        "ip=010.0.0.1/24",
        "ip=fd00::1/64",
        "ip=auto",
        "gw=",
        "gw=10.0.0.1/24",
        "gw=10.0.0",
        "gw=0.0.0.0",
        "gw=224.0.0.1",
        "gw=off",
        "gw=fd00::1",
        "ip6=",
        "ip6=dhcp",
        "ip6=::/64",
        "ip6=::1/128",
        "ip6=fd00::1",
        "ip6=fd00::1/0",
        "ip6=fd00::1/63",
        "ip6=fd00::1/65",
        "ip6=fd00::1/128",
        "ip6=fd00::1/129",
        "ip6=ff02::1/64",
        "ip6=fe80::1/64",
        "ip6=10.0.0.1/24",
        "ip6=::ffff:10.0.0.1/96",
        "rx=",
        "rx=small",
        "rx=mergeable,big",
        "mtu=",
        "mtu=0",
        "mtu=67",
        "mtu=9001",
        "mtu=-1",
        "mtu=1500b",
        "mtu=0x5dc",
        "mtu=1e3",
        "rx_ring=",
        "rx_ring=0",
        "rx_ring=1",
        "rx_ring=1025",
        "rx_ring=0x10",
        "rx_ring=65538",
        "rx_ring=all",
        "tx_ring=1",
        "tx_ring=257",
        "tx_ring=2.",
        "irq=",
        "irq=msi",
        "irq=Poll",
        "mtu=18446744073709553116",
        "run=",
        "run=client",
        "run=flood",
        "run=Serve",
        "services=",
        "services=none",
        "services=http,",
        "services=,http",
        "services=http,,echo",
        "services=ftp",
        "services=http;echo",
        "services=all,http",
        "services=httpx",
        "features=",
        "features=none",
        "features=mtu",
        "features=-",
        "features=-packe",
        "features=-mtu,",
        "features=-mtu-mac",
        "features=-version_2",
        "features=all,-mtu",
        "features=+mtu",
        "features=--mtu",
        "seed=",
        "seed=-1",
        "seed=0x",
        "seed=0xg",
        "seed=ff",
        "seed=18446744073709551616",
        "seed=0x10000000000000000",
        "seed=0X1",
        "seed=1.5",
        "log=",
        "log=warn",
        "log=2",
        "interval=",
        "interval=1",
        "interval=99ms",
        "interval=61m",
        "interval=-1s",
        "interval=1.5s",
        "interval=s",
        "interval=1s ms",
        "interval=1ss",
        "interval=1us",
        "interval=never",
        "interval=18446744073709551616s",
        "interval=18446744073709551615h",
        "exit=",
        "exit=0",
        "exit=0s",
        "exit=done",
        "exit=10",
        "exit=8761h",
        "exit=infinite",
        "exit=99999999999999999h",
        "check=",
        "check=on",
        "check=Panic",
        "fault=",
        "fault=panic",
        "fault=panic:",
        "fault=panic:x",
        "fault=panic:null@",
        "fault=panic:null@5",
        "fault=panic:null@5s+1s",
        "fault=panic:null:1",
        "fault=Panic:null",
        "fault=panic:null,panic:null",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char key[16], value[64] = "";
        if (strchr(bad[i], ' ') != NULL) {
            defaults(NULL);
            assert_false(parse(bad[i]));
            continue;
        }
        sscanf(bad[i], "%15[^=]=%63s", key, value);
        refuse(bad[i], key, value);
        struct conf untouched;
        conf_init(&untouched);
        assert_memory_equal(&c, &untouched, sizeof(c));
    }
}

static void the_edges_of_every_range_are_accepted(void **state)
{
    (void)state;
    accept("ip=10.0.0.0/31");
    accept("ip=10.0.0.255/32");
    accept("ip=10.0.0.1/0");
    accept("ip=1.0.0.1/8");
    accept("ip=223.255.255.254/24");
    accept("ip6=2001:db8::/64");
    accept("ip6=auto mtu=68");
    accept("mtu=9000");
    accept("seed=18446744073709551615");
    assert_int_equal(c.seed, UINT64_MAX);
    accept("seed=0xffffffffffffffff");
    assert_int_equal(c.seed, UINT64_MAX);
    accept("interval=100ms");
    accept("interval=1h");
    assert_int_equal(c.interval_ns, 3600 * S);
    accept("exit=1ms");
    accept("exit=8760h");
    assert_int_equal(c.exit_ns, 8760ull * 3600 * S);
    accept("features=-mtu,-mac,-status,-event_idx,-mtu");
    accept("services=iperf3,echo,discard,chargen,http");
    assert_int_equal(c.services, SERVICE_ALL);
    accept("fault=panic:smash@0");
}

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
        defaults(NULL);
        assert_true(parse(bad[i]));
        if (conf_check(&c))
            fail_msg("\"%s\" accepted", bad[i]);
        assert_int_equal(records_n, 1);
        assert_string_equal(json_member(record, "key"), "net0.gw");
        assert_memory_equal(json_member(record, "value"), "10.0.", 5);
    }
    defaults(NULL);
    accept("gw=10.0.0.1 net1.gw=10.9.9.9 ip=10.0.0.2/24 net1.ip=10.9.9.8/31"); /* any order */
}

static void ip6_needs_links_of_1280_bytes(void **state)
{
    (void)state;
    accept("mtu=1280 ip6=fd00::1/64");
    accept("mtu=600 ip6=auto"); /* then there is no IPv6 on that link */
    assert_true(parse("mtu=575"));
    assert_false(conf_check(&c)); /* DHCP cannot work there */
    assert_string_equal(json_member(record, "key"), "net0.mtu");
    defaults(NULL);
    accept("mtu=68 ip=10.0.0.2/24");
    defaults(NULL);
    assert_true(parse("net1.ip6=fd00::1/64 net1.mtu=1279"));
    assert_false(conf_check(&c));
    assert_string_equal(json_member(record, "key"), "net1.mtu");
    assert_string_equal(json_member(record, "value"), "1279");
}

static void a_nic_that_is_named_must_be_there(void **state)
{
    (void)state;
    accept("log=info");
    assert_true(conf_check_nics(&c, 0)); /* that there is none at all is said elsewhere */
    accept("net1.mtu=1200 net1.ip=off net0.mtu=1000");
    assert_true(conf_check_nics(&c, 3));
    assert_true(conf_check_nics(&c, 15));
    assert_false(conf_check_nics(&c, 1));
    assert_int_equal(records_n, 1);
    assert_string_equal(json_member(record, "event"), "error");
    assert_string_equal(json_member(record, "source"), "cmdline");
    assert_string_equal(json_member(record, "key"), "net1.ip"); /* what was said of it last */
    assert_string_equal(json_member(record, "value"), "off");
    assert_non_null(strstr(json_member(record, "accepted"), ": net0"));
}

/* Which one works counts, not how many. */
static void a_broken_nic_is_not_counted_in_for_another(void **state)
{
    (void)state;
    accept("net1.ip=10.0.0.2/24 net2.ip=dhcp");
    assert_true(conf_check_nics(&c, 6));
    assert_false(conf_check_nics(&c, 11));
    assert_string_equal(json_member(record, "key"), "net2.ip");
    assert_string_equal(json_member(record, "value"), "dhcp");
    assert_non_null(strstr(json_member(record, "accepted"), ": net0 net1 net3"));
    assert_false(conf_check_nics(&c, 9)); /* the first of several is named */
    assert_string_equal(json_member(record, "key"), "net1.ip");

    defaults(NULL);
    accept("ip=10.0.0.2/24"); /* is net0.ip */
    assert_false(conf_check_nics(&c, 2));
    assert_string_equal(json_member(record, "key"), "net0.ip");
    assert_string_equal(json_member(record, "value"), "10.0.0.2/24");

    defaults(NULL);
    accept("mtu=0000000000000000000000000000000000000000000000000000000000000000001500");
    assert_false(conf_check_nics(&c, 2));
    assert_non_null(strstr(json_member(record, "value"), "0000..."));
}

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
            defaults(NULL);
            assert_false(parse(text));
            const char *shown = json_member(record, in_value ? "value" : "key");
            assert_int_equal(strlen(shown), n <= 200 ? n : 203);
            assert_int_equal(strcmp(shown + strlen(shown) - 3, "...") == 0, n > 200);
            assert_non_null(strstr(json_member(record, "message"), "accepted: "));
        }
    }
}

static void others_refuse_the_same_way(void **state)
{
    (void)state;
    conf_refuse("fw_cfg", "net2.ip", "dhcp", "a NIC that is there");
    assert_string_equal(json_member(record, "message"),
                        "fw_cfg: net2.ip=dhcp is not accepted; accepted: a NIC that is there");
    assert_string_equal(json_member(record, "source"), "fw_cfg");
    assert_string_equal(json_member(record, "key"), "net2.ip");
    assert_string_equal(json_member(record, "value"), "dhcp");
}

/* Each key that a text names, by a reader written apart from the parser's. */
static bool names_only_known_keys(const char *text)
{
    static const char *const names[] = {"ip",       "gw",       "ip6",  "mtu", "run",
                                        "services", "features", "seed", "log", "interval",
                                        "exit",     "check",    "fault"};
    char copy[512], *rest = copy;

    for (size_t i = 0; i <= strlen(text); i++) { /* comments become blanks first */
        static bool comment;
        if (i == 0)
            comment = false;
        comment = text[i] != '\n' && (comment || text[i] == '#');
        copy[i] = text[i] != '\0' && comment ? ' ' : text[i];
    }
    if (strncmp(copy, "\xef\xbb\xbf", 3) == 0)
        rest += 3;
    for (char *token; (token = strtok_r(rest, " \t\r\n\v\f", &rest)) != NULL;) {
        bool known = false;
        char *equals = strchr(token, '=');
        if (equals == NULL)
            return false;
        *equals = '\0';
        if (strncmp(token, "net", 3) == 0 && token[3] >= '0' && token[3] < '0' + CONFIG_NICS &&
            token[4] == '.')
            token += 5;
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
            known |= strcmp(token, names[i]) == 0;
        if (!known)
            return false;
    }
    return true;
}

static void check_ranges(void)
{
    for (int i = 0; i < CONFIG_NICS; i++) {
        const struct conf_net *net = &c.net[i];
        assert_in_range(net->ip_mode, CONF_IP_OFF, CONF_IP_STATIC);
        assert_in_range(net->ip6_mode, CONF_IP_OFF, CONF_IP_STATIC);
        assert_in_range(net->ip_bits, 0, 32);
        if (net->mtu != 0)
            assert_in_range(net->mtu, 68, CONFIG_MTU_MAX);
        if (net->ip_mode == CONF_IP_STATIC)
            assert_in_range(net->ip >> 24, 1, 223);
    }
    assert_int_equal(c.services & ~(uint32_t)SERVICE_ALL, 0);
    assert_int_equal(
        c.features_off & ~(1ull << 3 | 1ull << 5 | 1ull << 16 | 1ull << 29 | 1ull << 32), 0);
    assert_in_range(c.interval_ns, 0, 3600 * S);
    assert_in_range(c.exit_ns, 0, 8760ull * 3600 * S);
    assert_in_range(c.panic_at_ns, 0, 8760ull * 3600 * S);
    assert_in_range(c.panic_kind, CONF_PANIC_NONE, CONF_PANIC_SMASH);
    for (int i = 0; i < FAULT_KINDS; i++)
        assert_true(!c.faults[i].asked || c.faults[i].from_ns < c.faults[i].to_ns);
    assert_in_range(c.log, LOG_QUIET, LOG_DEBUG);
}

/* Good tokens, mutated: never a crash, never an unknown key let through, never a value out of
 * range. */
static void mutations_never_get_through(void **state)
{
    static const char *const good[] = {
        "ip=dhcp",          "ip=10.0.0.2/24",
        "gw=10.0.0.1",      "ip6=fd00::1/64",
        "ip6=auto",         "mtu=1500",
        "net1.mtu=9000",    "net3.ip=off",
        "run=serve",        "services=http,echo",
        "features=-mtu",    "seed=0x1234",
        "log=debug",        "interval=500ms",
        "exit=10s",         "fault=panic:null@5s",
        "features=-status", "net2.ip6=2001:db8::/64",
        "services=iperf3",  "fault=drop_kick:7,reset:1s@2s+3s,bad_head@1m",
    };
    unsigned accepted = 0, refused = 0;

    (void)state;
    for (int round = 0; round < 200000; round++) {
        char text[512] = "";
        for (int n = rand() % 5; n >= 0; n--) {
            strcat(text, good[rand() % 20]);
            strcat(text, n % 2 ? " " : "\r\n");
        }
        for (int n = rand() % 4; n > 0; n--) {
            size_t at = (size_t)rand() % strlen(text), len = strlen(text);
            switch (rand() % 4) {
            case 0:
                text[at] = (char)(1 + rand() % 255);
                break;
            case 1:
                text[at] = "=.:/,-@#0159 \n"[rand() % 14];
                break;
            case 2: /* cut a byte out */
                memmove(text + at, text + at + 1, len - at);
                break;
            default: /* double one */
                memmove(text + at + 1, text + at, len - at + 1);
                break;
            }
            if (text[0] == '\0')
                break;
        }
        defaults(NULL);
        if (parse(text)) {
            accepted++;
            if (!names_only_known_keys(text))
                fail_msg("accepted: \"%s\"", text);
        } else {
            refused++;
            assert_string_equal(json_member(record, "event"), "error");
        }
        check_ranges();
        conf_check(&c);
    }
    assert_true(accepted > 10000 && refused > 10000); /* the test saw both */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(with_nothing_said_the_defaults_hold, defaults),
        cmocka_unit_test_setup(every_key_sets_its_field, defaults),
        cmocka_unit_test_setup(every_default_can_be_said_and_undoes_what_was_said, defaults),
        cmocka_unit_test_setup(a_later_source_and_a_later_token_win, defaults),
        cmocka_unit_test_setup(files_have_comments_dos_line_ends_and_a_byte_order_mark, defaults),
        cmocka_unit_test_setup(other_nics_have_keys_of_their_own, defaults),
        cmocka_unit_test_setup(keys_the_guest_does_not_have_are_refused_by_name, defaults),
        cmocka_unit_test_setup(values_out_of_range_or_malformed_are_refused, defaults),
        cmocka_unit_test_setup(the_edges_of_every_range_are_accepted, defaults),
        cmocka_unit_test_setup(a_gateway_must_be_a_neighbour, defaults),
        cmocka_unit_test_setup(ip6_needs_links_of_1280_bytes, defaults),
        cmocka_unit_test_setup(a_nic_that_is_named_must_be_there, defaults),
        cmocka_unit_test_setup(a_broken_nic_is_not_counted_in_for_another, defaults),
        cmocka_unit_test_setup(an_error_is_a_whole_record_however_long_the_token, defaults),
        cmocka_unit_test_setup(others_refuse_the_same_way, defaults),
        cmocka_unit_test_setup(mutations_never_get_through, defaults),
    };
    srand(6);
    return cmocka_run_group_tests_name("conf", tests, NULL, NULL);
}
