// SPDX-License-Identifier: BSD-3-Clause
/*
 * kernel/conf_keys.c: what each key takes, and what it does not.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "conf_reader.h"
#include "json_check.h"

#define S 1000000000ull

static void every_key_sets_its_field(void **state)
{
    static const uint8_t ip6[16] = {0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5};

    (void)state;
    conf_accept(
        "ip=192.168.7.2/24 gw=192.168.7.1 ip6=fd00::5/64 mtu=1400 irq=intx net1.irq=poll "
        "rx=mergeable run=serve services=http,echo "
        "features=-mtu,-event_idx,-version_1 seed=0xDEADbeef log=debug interval=250ms exit=2m "
        "fault=panic:stack@3s check=panic");
    assert_int_equal(conf.net[0].ip_mode, CONF_IP_STATIC);
    assert_int_equal(conf.net[0].ip, 0xc0a80702);
    assert_int_equal(conf.net[0].ip_bits, 24);
    assert_int_equal(conf.net[0].gw, 0xc0a80701);
    assert_int_equal(conf.net[0].ip6_mode, CONF_IP_STATIC);
    assert_memory_equal(conf.net[0].ip6, ip6, 16);
    assert_int_equal(conf.net[0].mtu, 1400);
    assert_int_equal(conf.net[0].irq, CONF_IRQ_INTX);
    assert_int_equal(conf.net[1].irq, CONF_IRQ_POLL);
    assert_true(conf.net[0].mergeable);
    assert_int_equal(conf.services, SERVICE_HTTP | SERVICE_ECHO);
    assert_int_equal(conf.features_off, 1ull << 3 | 1ull << 29 | 1ull << 32);
    assert_int_equal(conf.seed, 0xdeadbeef);
    assert_int_equal(conf.log, LOG_DEBUG);
    assert_int_equal(conf.job.interval_ns, S / 4);
    assert_int_equal(conf.exit_ns, 120 * S);
    assert_false(conf.exit_never);
    assert_int_equal(conf.panic_kind, CONF_PANIC_STACK);
    assert_true(conf.check_panics);
    assert_int_equal(conf.panic_at_ns, 3 * S);
}

static void relays_are_a_list_of_ports_and_targets(void **state)
{
    static const uint8_t ip6[16] = {0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};

    (void)state;
    conf_accept("relay=7000:10.0.2.1:873,65535:[fd00::1]:1");
    assert_int_equal(conf.n_relays, 2);
    assert_int_equal(conf.relays[0].port, 7000);
    assert_int_equal(conf.relays[0].target.version, 4);
    assert_int_equal(conf.relays[0].target.ip, 0x0a000201);
    assert_int_equal(conf.relays[0].target_port, 873);
    assert_int_equal(conf.relays[1].port, 65535);
    assert_int_equal(conf.relays[1].target.version, 6);
    assert_memory_equal(conf.relays[1].target.ip6, ip6, 16);
    assert_int_equal(conf.relays[1].target_port, 1);
    /* Whether it serves has nothing to do with the other services. */
    assert_int_equal(conf.services, SERVICE_ALL | SERVICE_RELAY);
    conf_accept("relay=7000:10.0.2.1:873 services=off");
    assert_int_equal(conf.services, SERVICE_RELAY);
    conf_accept("relay=7000:10.0.2.1:873 services=all relay=off");
    assert_int_equal(conf.services, SERVICE_ALL);
    assert_int_equal(conf.n_relays, 0);
}

static void relays_that_are_none_are_refused(void **state)
{
    static const char *const wrong[] = {
        "relay=",
        "relay=7000",
        "relay=7000:",
        "relay=7000:10.0.2.1",
        "relay=7000:10.0.2.1:",
        "relay=7000::873",
        "relay=:10.0.2.1:873",
        "relay=0:10.0.2.1:873",
        "relay=65536:10.0.2.1:873",
        "relay=7000:10.0.2.1:0",
        "relay=7000:10.0.2.1:65536",
        "relay=7000:10.0.2.1:873:1",
        "relay=7000:10.0.2.255.1:873",
        "relay=7000:fd00::1:873",
        "relay=7000:[fd00::1:873",
        "relay=7000:[fd00::1]",
        "relay=7000:[ff02::1]:873",
        "relay=7000:255.255.255.255:873",
        "relay=7000:net1:873",
        "relay=7000:10.0.2.1:873,",
        "relay=7000:10.0.2.1:873,off",
        "relay=7000:10.0.2.1:873,7000:10.0.2.1:21",     /* two targets of one port */
        "relay=1:10.0.2.1:1,2:10.0.2.1:1,3:10.0.2.1:1", /* more than there are places for */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        conf_refused(wrong[i], "relay", wrong[i] + strlen("relay="));
    assert_int_equal(conf.n_relays, 0);
}

static void every_default_can_be_said_and_undoes_what_was_said(void **state)
{
    struct conf before;

    (void)state;
    memcpy(&before, &conf, sizeof(conf));
    conf_accept(
        "mtu=900 rx=mergeable features=-mac services=off seed=7 log=quiet interval=0 exit=1ms "
        "fault=panic:null ip=10.0.0.2/8 gw=10.0.0.1 relay=70:10.0.0.1:80");
    assert_int_equal(conf.services, SERVICE_RELAY);
    assert_int_equal(conf.job.interval_ns, 0);
    assert_int_equal(conf.panic_kind, CONF_PANIC_NULL);
    assert_int_equal(conf.panic_at_ns, 0);
    conf_accept("mtu=device rx=big features=all services=all relay=off seed=0 log=info interval=1s "
                "exit=done "
                "fault=none "
                "gw=none run=serve ip6=auto");
    conf_accept("ip=dhcp");
    before.net[0].ip = conf.net[0].ip; /* without meaning when the mode is not static */
    before.net[0].ip_bits = conf.net[0].ip_bits;
    memcpy(before.said, conf.said, sizeof(conf.said)); /* remembered for errors only */
    before.job.said = conf.job.said;
    before.job.words_n = conf.job.words_n;
    memcpy(before.job.words, conf.job.words, sizeof(conf.job.words));
    assert_true(conf.exit_done);
    before.exit_done = true; /* without a job it is not the same */
    assert_memory_equal(&conf, &before, sizeof(conf));
}

static void the_edges_of_every_range_are_accepted(void **state)
{
    (void)state;
    conf_accept("ip=10.0.0.0/31");
    conf_accept("ip=10.0.0.255/32");
    conf_accept("ip=10.0.0.1/0");
    conf_accept("ip=1.0.0.1/8");
    conf_accept("ip=223.255.255.254/24");
    conf_accept("ip6=2001:db8::/64");
    conf_accept("ip6=auto mtu=68");
    conf_accept("mtu=9000");
    conf_accept("seed=18446744073709551615");
    assert_int_equal(conf.seed, UINT64_MAX);
    conf_accept("seed=0xffffffffffffffff");
    assert_int_equal(conf.seed, UINT64_MAX);
    conf_accept("interval=100ms");
    conf_accept("interval=1h");
    assert_int_equal(conf.job.interval_ns, 3600 * S);
    conf_accept("exit=never");
    assert_true(conf.exit_never);
    conf_accept("exit=1ms");
    assert_false(conf.exit_never);
    conf_accept("exit=8760h");
    assert_int_equal(conf.exit_ns, 8760ull * 3600 * S);
    conf_accept("features=-mtu,-mac,-status,-event_idx,-mtu");
    conf_accept("services=iperf3,echo,discard,chargen,http,sink,stamp");
    assert_int_equal(conf.services, SERVICE_ALL);
    conf_accept("fault=panic:smash@0");
}

/* ---- what is refused ----------------------------------------------------------------------- */

static void keys_the_guest_does_not_have_are_refused_by_name(void **state)
{
    static const char *const unknown[] = {"targets", "max_", "IP", "ipx", "i", "mt", "", "net0"};

    (void)state;
    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
        char text[64];
        snprintf(text, sizeof(text), "log=info %s=1 exit=nonsense", unknown[i]);
        conf_refused(text, unknown[i], "1");
        assert_non_null(strstr(json_member(conf_said, "accepted"), "services"));
    }
    conf_refused("mtu", "mtu", "");
    conf_refused("quiet", "quiet", "");
    conf_refused("=", "", "");
    conf_refused("mtu==1500", "mtu", "=1500");
    conf_refused("mtu =1500", "mtu", "");
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
        "run=clients",
        "run=fl",
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
        "exit=Done",
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
            conf_defaults(NULL);
            assert_false(conf_read(bad[i]));
            continue;
        }
        sscanf(bad[i], "%15[^=]=%63s", key, value);
        conf_refused(bad[i], key, value);
        struct conf untouched;
        conf_init(&untouched);
        assert_memory_equal(&conf, &untouched, sizeof(conf));
    }
}

/* ---- by chance ----------------------------------------------------------------------------- */

/* Each key that a text names, by a reader written apart from the parser's. */
static bool names_only_known_keys(const char *text)
{
    static const char *const names[] = {
        "ip",  "gw",       "ip6",  "mtu",   "run",   "services", "features", "seed",
        "log", "interval", "exit", "check", "fault", "target",   "rate",     "stamp"};
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
        const struct conf_net *net = &conf.net[i];
        assert_in_range(net->ip_mode, CONF_IP_OFF, CONF_IP_STATIC);
        assert_in_range(net->ip6_mode, CONF_IP_OFF, CONF_IP_STATIC);
        assert_in_range(net->ip_bits, 0, 32);
        if (net->mtu != 0)
            assert_in_range(net->mtu, 68, CONFIG_MTU_MAX);
        if (net->ip_mode == CONF_IP_STATIC)
            assert_in_range(net->ip >> 24, 1, 223);
    }
    assert_int_equal(conf.services & ~(uint32_t)SERVICE_ALL, 0);
    assert_int_equal(
        conf.features_off & ~(1ull << 3 | 1ull << 5 | 1ull << 16 | 1ull << 29 | 1ull << 32), 0);
    assert_in_range(conf.job.interval_ns, 0, 3600 * S);
    assert_in_range(conf.exit_ns, 0, 8760ull * 3600 * S);
    assert_in_range(conf.panic_at_ns, 0, 8760ull * 3600 * S);
    assert_in_range(conf.panic_kind, CONF_PANIC_NONE, CONF_PANIC_SMASH);
    for (int i = 0; i < FAULT_KINDS; i++)
        assert_true(!conf.faults[i].asked || conf.faults[i].from_ns < conf.faults[i].to_ns);
    assert_in_range(conf.log, LOG_QUIET, LOG_DEBUG);
}

/* Good tokens, mutated: never a crash, never an unknown key let through, never a value out of
 * range. */
static void mutations_never_get_through(void **state)
{
    static const char *const good[] = {
        "ip=dhcp",
        "ip=10.0.0.2/24",
        "gw=10.0.0.1",
        "ip6=fd00::1/64",
        "ip6=auto",
        "mtu=1500",
        "net1.mtu=9000",
        "net3.ip=off",
        "run=serve",
        "services=http,echo",
        "features=-mtu",
        "seed=0x1234",
        "log=debug",
        "interval=500ms",
        "exit=10s",
        "fault=panic:null@5s",
        "target=[fd00::2]",
        "rate=50kpps",
        "stamp=stateful",
        "features=-status",
        "net2.ip6=2001:db8::/64",
        "services=iperf3",
        "fault=drop_kick:7,reset:1s@2s+3s,bad_head@1m",
    };
    unsigned accepted = 0, refused = 0;

    (void)state;
    for (int round = 0; round < 200000; round++) {
        char text[512] = "";
        for (int n = rand() % 5; n >= 0; n--) {
            strcat(text, good[rand() % 22]);
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
        conf_defaults(NULL);
        if (conf_read(text)) {
            accepted++;
            if (!names_only_known_keys(text))
                fail_msg("accepted: \"%s\"", text);
        } else {
            refused++;
            assert_string_equal(json_member(conf_said, "event"), "error");
        }
        check_ranges();
        conf_check(&conf);
    }
    assert_true(accepted > 10000 && refused > 10000); /* the test saw both */
}

int main(void)
{
    srand(6);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(every_key_sets_its_field, conf_defaults),
        cmocka_unit_test_setup(relays_are_a_list_of_ports_and_targets, conf_defaults),
        cmocka_unit_test_setup(relays_that_are_none_are_refused, conf_defaults),
        cmocka_unit_test_setup(every_default_can_be_said_and_undoes_what_was_said, conf_defaults),
        cmocka_unit_test_setup(the_edges_of_every_range_are_accepted, conf_defaults),
        cmocka_unit_test_setup(keys_the_guest_does_not_have_are_refused_by_name, conf_defaults),
        cmocka_unit_test_setup(values_out_of_range_or_malformed_are_refused, conf_defaults),
        cmocka_unit_test_setup(mutations_never_get_through, conf_defaults),
    };

    return cmocka_run_group_tests_name("conf_keys", tests, NULL, NULL);
}
