// SPDX-License-Identifier: BSD-3-Clause
/*
 * lwIP's own unit tests, from its source package, with our options, pools and patches.
 *
 * The suites of what we do not compile in (sequential and socket API, DNS, mDNS, MQTT, PPP) are
 * left out. Single tests that ask for what our options exclude are listed in exceptions.h with the
 * reason; each is counted as skipped, and one that is listed but does not exist is a failure.
 *
 * Each test runs in a process of its own, with sanitizers on; lwIP's assertions end it.
 *
 * Usage: lwip_check [FILE]    writes JUnit XML to FILE
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "lwip_check.h"
#include "lwip/init.h"
#include "lwip/netif.h"
#include "lwip/stats.h"
#include "core/test_def.h"
#include "core/test_mem.h"
#include "core/test_netif.h"
#include "core/test_pbuf.h"
#include "core/test_timers.h"
#include "dhcp/test_dhcp.h"
#include "etharp/test_etharp.h"
#include "ip4/test_ip4.h"
#include "ip6/test_ip6.h"
#include "tcp/test_tcp.h"
#include "tcp/test_tcp_oos.h"
#include "tcp/test_tcp_state.h"
#include "udp/test_udp.h"

static const struct exception {
    const char *test, *reason;
} listed[] = {
#include "exceptions.h"
};

#define EXCEPTIONS (sizeof(listed) / sizeof(listed[0]))

static int used[EXCEPTIONS + 1];

/* ---- the kernel, as lwIP and the tests see it ----------------------------------------------- */

u32_t lwip_sys_now;

uint64_t time_ns(void)
{
    return lwip_sys_now * 1000000ull;
}

_Noreturn void panic(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    abort();
}

void kdebug(const char *fmt, ...)
{
    (void)fmt;
}

void record_error(const char *fmt, ...)
{
    (void)fmt;
}

struct vnet;
const char *vnet_name(const struct vnet *vn)
{
    (void)vn;
    return "net0";
}

uint32_t rand_u32(void)
{
    return (uint32_t)rand();
}

uint64_t rand_hash(const void *data, uint32_t len)
{
    const uint8_t *p = data;
    uint64_t h = 1;

    while (len-- > 0)
        h = h * 31 + *p++;
    return h;
}

uint32_t fault_clock_ms(void)
{
    return 0;
}

unsigned ethif_held_pbufs(void)
{
    return 0;
}

struct tcp_pcb;
struct pbuf;
void acks_segment(struct tcp_pcb *pcb, const struct pbuf *p)
{
    (void)pcb;
    (void)p;
}

/* ---- what lwIP's tests ask of their main program ----------------------------------------------
 */

void lwip_check_ensure_no_alloc(unsigned int skip)
{
    for (unsigned i = 0; i < MEMP_MAX; i++)
        if (!(skip & 1u << i))
            fail_unless(lwip_stats.memp[i]->used == 0, "pool %u: %u in use", i,
                        lwip_stats.memp[i]->used);
}

/* Without threads the loopback interface is polled. */
int tcpip_thread_poll_one(void)
{
    netif_poll_all();
    return 0;
}

static const char *exception_of(const char *test)
{
    for (unsigned i = 0; i < EXCEPTIONS; i++)
        if (strcmp(listed[i].test, test) == 0) {
            used[i] = 1;
            return listed[i].reason;
        }
    return NULL;
}

static FILE *xml;
static unsigned skipped;

Suite *create_suite(const char *name, testfunc *tests, size_t num_tests, SFun setup, SFun teardown)
{
    Suite *s = suite_create(name);

    for (size_t i = 0; i < num_tests; i++) {
        const char *test = tests[i]->name;
        TCase *tc;

        if (exception_of(test) != NULL) {
            skipped++;
            fprintf(
                xml,
                "<testcase classname=\"lwip\" name=\"%s\"><skipped message=\"%s\"/></testcase>\n",
                test, exception_of(test));
            continue;
        }
        tc = tcase_create(test);
        tcase_set_timeout(tc, 60);
        if (setup != NULL || teardown != NULL)
            tcase_add_checked_fixture(tc, setup, teardown);
        tcase_add_named_test(tc, tests[i]);
        suite_add_tcase(s, tc);
    }
    return s;
}

/* ---- results ------------------------------------------------------------------------------------
 */

static void put_escaped(const char *text)
{
    for (; *text != '\0'; text++)
        if (*text == '<' || *text == '&' || *text < ' ')
            fprintf(xml, "&#%d;", *text < ' ' ? ' ' : *text);
        else
            fputc(*text, xml);
}

static int report(SRunner *sr)
{
    TestResult **results = srunner_results(sr);
    int failed = srunner_ntests_failed(sr);

    for (int i = 0; i < srunner_ntests_run(sr); i++) {
        const char *name = tr_tcname(results[i]);
        fprintf(xml, "<testcase classname=\"lwip\" name=\"%s\">", name);
        if (tr_rtype(results[i]) != CK_PASS) {
            printf("  FAIL  %s: %s:%d: %s\n", name, tr_lfile(results[i]), tr_lno(results[i]),
                   tr_msg(results[i]));
            fputs("<failure>", xml);
            put_escaped(tr_msg(results[i]));
            fputs("</failure>", xml);
        }
        fputs("</testcase>\n", xml);
    }
    for (unsigned i = 0; i < EXCEPTIONS; i++)
        if (!used[i]) {
            printf("  FAIL  exceptions.h lists %s, which is no test\n", listed[i].test);
            fprintf(xml, "<testcase classname=\"lwip\" name=\"%s exists\"><failure/></testcase>\n",
                    listed[i].test);
            failed++;
        }
    printf("lwip: %d passed, %d failed, %u skipped\n",
           srunner_ntests_run(sr) - srunner_ntests_failed(sr), failed, skipped);
    free(results);
    return failed;
}

int main(int argc, char **argv)
{
    static Suite *(*const suites[])(void) = {
        def_suite,     etharp_suite, ip4_suite,       ip6_suite,  mem_suite,
        netif_suite,   pbuf_suite,   timers_suite,    dhcp_suite, tcp_suite,
        tcp_oos_suite, udp_suite,    tcp_state_suite,
    };
    SRunner *sr = srunner_create(NULL);
    int failed;

    xml = fopen(argc > 1 ? argv[1] : "/dev/null", "w");
    if (xml == NULL) {
        perror(argv[1]);
        return 2;
    }
    fputs("<?xml version=\"1.0\" encoding=\"UTF-8\" ?>\n<testsuite name=\"lwip\">\n", xml);
    lwip_init();
    for (unsigned i = 0; i < sizeof(suites) / sizeof(suites[0]); i++)
        srunner_add_suite(sr, suites[i]());
    srunner_set_fork_status(sr, CK_FORK);
    fflush(xml); /* a test's process has a copy of what is not written yet */
    srunner_run_all(sr, CK_SILENT);
    failed = report(sr);
    fputs("</testsuite>\n", xml);
    srunner_free(sr);
    return fclose(xml) != 0 || failed > 0;
}
