// SPDX-License-Identifier: BSD-3-Clause
/*
 * kernel/ipaddr.c, against libc's inet_pton where both are strict.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <cmocka.h>

#include "ipaddr.h"

/* Our parsers, on a block that ends where the text ends. */
static bool parse(const char *text, int family, uint8_t out[16])
{
    size_t n = strlen(text);
    char *exact = malloc(n);
    uint32_t ip = 0;
    bool ok;

    memcpy(exact, text, n);
    if (family == AF_INET) {
        ok = ipaddr_parse4(exact, n, &ip);
        for (int i = 0; i < 4; i++)
            out[i] = (uint8_t)(ip >> (24 - 8 * i));
    } else {
        ok = ipaddr_parse6(exact, n, out);
    }
    free(exact);
    return ok;
}

static void agree(const char *text, int family)
{
    uint8_t mine[16] = {0}, theirs[16] = {0};
    bool want = inet_pton(family, text, theirs) == 1;

    if (parse(text, family, mine) != want)
        fail_msg("\"%s\" should be %s", text, want ? "accepted" : "refused");
    if (want)
        assert_memory_equal(mine, theirs, family == AF_INET ? 4 : 16);
}

static void every_spelling_is_read_as_libc_reads_it(void **state)
{
    static const char *const v4[] = {
        "0.0.0.0", "255.255.255.255", "1.2.3.4",    "1.2.3",    "1.2.3.4.5", "256.1.1.1",
        "1.2.3.",  ".1.2.3",          "1..2.3",     "",         "1.2.3.4 ",  " 1.2.3.4",
        "1.2.3.a", "-1.2.3.4",        "1.2.3.1000", "999.9.9.9"};
    static const char *const v6[] = {"::",
                                     "::1",
                                     "1::",
                                     "1::8",
                                     "1:2:3:4:5:6:7:8",
                                     "1:2:3:4:5:6:7::",
                                     "::2:3:4:5:6:7:8",
                                     "1:2:3:4:5:6:7",
                                     "1:2:3:4:5:6:7:8:9",
                                     "1:2:3:4:5:6:7:8::",
                                     "::1:2:3:4:5:6:7:8",
                                     "1::2::3",
                                     ":::",
                                     ":",
                                     "",
                                     ":1",
                                     "1:",
                                     "1:2:3:4:5:6:7:",
                                     ":1:2:3:4:5:6:7:8",
                                     "12345::",
                                     "g::",
                                     "fe80::1%eth0",
                                     "::ffff:1.2.3.4",
                                     "64:ff9b::192.0.2.33",
                                     "1:2:3:4:5:6:1.2.3.4",
                                     "1:2:3:4:5:6:7:1.2.3.4",
                                     "1.2.3.4",
                                     "::1.2.3",
                                     "::1.2.3.4.5",
                                     "1.2.3.4::",
                                     "1::1.2.3.4:5",
                                     "::1.2.3.256",
                                     "1:2:3:4:5:1.2.3.4",
                                     "ABCD:EF01:2345:6789:abcd:ef01:2345:6789",
                                     "2001:db8::/32",
                                     "::1 ",
                                     "0:0:0:0:0:0:0:0",
                                     "1:2:3:4:5::1.2.3.4",
                                     "1:2:3:4:5:6::1.2.3.4",
                                     "::12345",
                                     "1:::2",
                                     "::.1.2.3",
                                     "a.2.3.4"};

    (void)state;
    for (size_t i = 0; i < sizeof(v4) / sizeof(v4[0]); i++)
        agree(v4[i], AF_INET);
    for (size_t i = 0; i < sizeof(v6) / sizeof(v6[0]); i++)
        agree(v6[i], AF_INET6);
}

static void random_texts_are_read_as_libc_reads_them(void **state)
{
    char text[64];

    (void)state;
    for (int round = 0; round < 300000; round++) {
        if (round % 2 == 0) { /* soup */
            size_t n = (size_t)rand() % 24;
            for (size_t i = 0; i < n; i++)
                text[i] = ":::.0123fF"[rand() % 10];
            text[n] = '\0';
        } else { /* an address with one byte changed */
            uint8_t ip[16];
            for (int i = 0; i < 16; i++)
                ip[i] = (uint8_t)(rand() % 3 == 0 ? rand() : 0);
            inet_ntop(round % 4 == 1 ? AF_INET : AF_INET6, ip, text, sizeof(text));
            text[(size_t)rand() % strlen(text)] = ":.0a9"[rand() % 5];
        }
        agree(text, AF_INET6);
        /* A leading zero is octal to some and decimal to others; we refuse it, and so does glibc.
         */
        agree(text, AF_INET);
    }
}

static void leading_zeros_are_refused(void **state)
{
    uint8_t out[16];

    (void)state;
    assert_false(parse("010.0.0.1", AF_INET, out));
    assert_false(parse("10.0.0.01", AF_INET, out));
    assert_false(parse("::1.2.3.04", AF_INET6, out));
    assert_true(parse("::0001", AF_INET6, out)); /* hexadecimal groups may have them */
}

static void a_prefix_has_a_length_within_bounds(void **state)
{
    static const char *const bad4[] = {"10.0.0.1",      "10.0.0.1/",   "10.0.0.1/33", "10.0.0.1/-1",
                                       "10.0.0.1/8/8",  "10.0.0.1/08", "10.0.0.1/8 ", "/8",
                                       "10.0.0.1/1000", "10.0.0.1/0x8"};
    uint32_t ip;
    uint8_t ip6[16], bits;

    (void)state;
    for (size_t i = 0; i < sizeof(bad4) / sizeof(bad4[0]); i++)
        assert_false(ipaddr_parse4_prefix(bad4[i], strlen(bad4[i]), &ip, &bits));
    assert_true(ipaddr_parse4_prefix("10.1.2.3/0", 10, &ip, &bits));
    assert_int_equal(bits, 0);
    assert_true(ipaddr_parse4_prefix("10.1.2.3/32", 11, &ip, &bits));
    assert_int_equal(bits, 32);
    assert_int_equal(ip, 0x0a010203);
    assert_true(ipaddr_parse6_prefix("fd00::1/128", 11, ip6, &bits));
    assert_int_equal(bits, 128);
    assert_false(ipaddr_parse6_prefix("fd00::1/129", 11, ip6, &bits));
    assert_false(ipaddr_parse6_prefix("fd00::1", 7, ip6, &bits));
}

static void only_a_host_s_address_is_a_host_s(void **state)
{
    (void)state;
    assert_int_equal(ipaddr_mask4(0), 0);
    assert_int_equal(ipaddr_mask4(1), 0x80000000);
    assert_int_equal(ipaddr_mask4(32), 0xffffffff);
    assert_true(ipaddr_is_host4(0x0a000001, 24));
    assert_false(ipaddr_is_host4(0x0a000000, 24)); /* the subnet itself */
    assert_false(ipaddr_is_host4(0x0a0000ff, 24)); /* its broadcast address */
    assert_true(ipaddr_is_host4(0x0a0000ff, 16));
    assert_true(ipaddr_is_host4(0x0a000000, 31));
    assert_true(ipaddr_is_host4(0x0a000001, 31));
    assert_true(ipaddr_is_host4(0x0a000000, 32));
    assert_true(ipaddr_is_host4(0x0a000001, 0));
    assert_false(ipaddr_is_host4(0x00000001, 8));
    assert_false(ipaddr_is_host4(0x7f000001, 8));
    assert_false(ipaddr_is_host4(0xe0000001, 24));
    assert_false(ipaddr_is_host4(0xffffffff, 32));
}

static void only_a_global_or_local_unicast_address_is_an_interface_s(void **state)
{
    static const struct {
        const char *text;
        bool ok;
    } cases[] = {
        {"2001:db8::1", true}, {"fd00::1", true},          {"::", false},
        {"::1", false},        {"::ffff:1.2.3.4", false},  {"::1.2.3.4", false},
        {"fe80::1", false},    {"febf::1", false},         {"fec0::1", true},
        {"ff02::1", false},    {"64:ff9b::1.2.3.4", true}, {"0:0:0:0:0:1::1", true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t ip[16];
        assert_true(parse(cases[i].text, AF_INET6, ip));
        if (ipaddr_is_host6(ip) != cases[i].ok)
            fail_msg("%s", cases[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_spelling_is_read_as_libc_reads_it),
        cmocka_unit_test(random_texts_are_read_as_libc_reads_them),
        cmocka_unit_test(leading_zeros_are_refused),
        cmocka_unit_test(a_prefix_has_a_length_within_bounds),
        cmocka_unit_test(only_a_host_s_address_is_a_host_s),
        cmocka_unit_test(only_a_global_or_local_unicast_address_is_an_interface_s),
    };
    srand(5);
    return cmocka_run_group_tests_name("ipaddr", tests, NULL, NULL);
}
