// SPDX-License-Identifier: BSD-3-Clause
/*
 * Faults on demand: how they are asked for, when they strike, and what is said about it.
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
#include "fault.h"

#define MS 1000000ull
#define S  1000000000ull

static char said[64][1024]; /* records, without their newline */
static unsigned said_n;
static struct conf c;

uint64_t time_ns(void)
{
    return 0;
}

bool console_write(const char *s, size_t len)
{
    assert_true(said_n < 64 && len < sizeof(said[0]));
    memcpy(said[said_n], s, len - 1);
    said[said_n++][len - 1] = '\0';
    return true;
}

static int fresh(void **state)
{
    (void)state;
    conf_init(&c);
    said_n = 0;
    return 0;
}

/* Asks for it and starts. */
static void ask(const char *fault)
{
    char text[256];

    fresh(NULL);
    snprintf(text, sizeof(text), "fault=%s", fault);
    if (!conf_parse(&c, "cmdline", text))
        fail_msg("%s", said[0]);
    fault_init(c.faults);
}

static void refused(const char *fault)
{
    char text[256], *exact;

    fresh(NULL);
    snprintf(text, sizeof(text), "fault=%s", fault);
    exact = strdup(text); /* ends where its memory ends */
    if (conf_parse(&c, "cmdline", exact))
        fail_msg("%s accepted", text);
    free(exact);
    assert_int_equal(said_n, 1);
    assert_non_null(strstr(said[0], "\"key\":\"fault\""));
    for (unsigned k = 0; k < FAULT_KINDS; k++) {
        assert_false(c.faults[k].asked);
        assert_non_null(strstr(said[0], fault_names[k].name)); /* what would be accepted */
    }
}

/* Of `tries` occasions, so many are struck. */
static unsigned strikes(enum fault_kind kind, unsigned tries)
{
    unsigned n = 0;

    for (unsigned i = 0; i < tries; i++)
        n += fault_strike(kind, 0);
    return n;
}

static void without_being_asked_nothing_strikes(void **state)
{
    (void)state;
    ask("none");
    fault_turn(S);
    for (unsigned k = 0; k < FAULT_KINDS; k++) {
        assert_false(fault_is((enum fault_kind)k));
        assert_false(fault_strike((enum fault_kind)k, 0));
        assert_false(fault_due((enum fault_kind)k, 0));
        assert_int_equal(fault_n((enum fault_kind)k), 0);
    }
    assert_int_equal(fault_clock_ms(), 0);
    assert_false(fault_excuses());
    assert_false(fault_struck(~0u, 0, 0));
    assert_int_equal(said_n, 0);
}

static void every_nth_occasion_is_struck(void **state)
{
    (void)state;
    ask("drop_kick:7,drop_irq:1");
    assert_int_equal(strikes(FAULT_DROP_KICK, 70), 0); /* not before the first turn */
    fault_turn(S);
    assert_int_equal(strikes(FAULT_DROP_KICK, 6), 0);
    assert_int_equal(strikes(FAULT_DROP_KICK, 64), 10);
    assert_int_equal(strikes(FAULT_DROP_IRQ, 5), 5);
    assert_int_equal(strikes(FAULT_DROP_KICK_RX, 70), 0);
    assert_false(fault_excuses()); /* it lasts for the whole run: nothing may be blamed on it */
}

static void a_fault_lasts_as_long_as_its_window(void **state)
{
    (void)state;
    ask("pool_limit:0@10s+5s");
    fault_turn(10 * S - 1);
    assert_false(fault_strike(FAULT_POOL_LIMIT, 0));
    fault_turn(10 * S);
    assert_true(fault_excuses());
    assert_int_equal(strikes(FAULT_POOL_LIMIT, 3), 3);
    assert_int_equal(fault_n(FAULT_POOL_LIMIT), 0);
    assert_true(fault_is(FAULT_POOL_LIMIT));
    fault_turn(15 * S - 1);
    assert_true(fault_strike(FAULT_POOL_LIMIT, 0));
    fault_turn(15 * S);
    assert_false(fault_is(FAULT_POOL_LIMIT));
    assert_false(fault_strike(FAULT_POOL_LIMIT, 0));
    assert_false(fault_excuses());
    fault_turn(100 * S);
    assert_true(fault_struck(1u << FAULT_POOL_LIMIT, 0, 15 * S - 1));
    assert_false(fault_struck(1u << FAULT_POOL_LIMIT, 0, 15 * S));
    assert_false(fault_struck(1u << FAULT_NO_REAP, 0, 0));
    assert_false(fault_struck(1u << FAULT_POOL_LIMIT, 1, 0)); /* nobody else was */
}

/* Even if no turn falls into it. */
static void a_window_that_was_slept_through_is_over(void **state)
{
    (void)state;
    ask("no_reap@1s+1ms");
    fault_turn(2 * S);
    assert_false(fault_is(FAULT_NO_REAP));
    assert_int_equal(said_n, 2);
    assert_non_null(strstr(said[1], "\"state\":\"over\""));
    assert_non_null(strstr(said[1], "\"count\":0"));
}

static void what_happens_once_happens_once_for_each(void **state)
{
    (void)state;
    ask("bad_head@5s");
    fault_turn(5 * S);
    assert_true(fault_due(FAULT_BAD_HEAD, 0));
    assert_true(fault_due(FAULT_BAD_HEAD, 3));
    assert_false(fault_due(FAULT_BAD_HEAD, 0));
    fault_turn(50 * S);
    assert_false(fault_due(FAULT_BAD_HEAD, 0));
    assert_false(fault_due(FAULT_BAD_HEAD, 3));
    ask("bad_head:1s@5s+10s"); /* or again and again */
    for (unsigned s = 0; s < 20; s++) {
        fault_turn(s * S);
        assert_int_equal(fault_due(FAULT_BAD_HEAD, 0), s >= 5 && s < 15);
    }
}

static void what_is_periodic_comes_once_a_period(void **state)
{
    unsigned n = 0;

    (void)state;
    ask("reset:200ms@1s+10s");
    for (uint64_t t = 0; t < 20 * S; t += 10 * MS) {
        fault_turn(t);
        n += fault_due(FAULT_RESET, 1);
        assert_false(fault_due(FAULT_RESET, 1));
    }
    assert_int_equal(n, 50);
    fresh(NULL);
    ask("reset:1s");
    fault_turn(1);
    assert_true(fault_due(FAULT_RESET, 0));
    fault_turn(S);
    assert_false(fault_due(FAULT_RESET, 0));
    fault_turn(S + 1);
    assert_true(fault_due(FAULT_RESET, 0));
}

static void the_clock_starts_where_it_was_asked_to(void **state)
{
    (void)state;
    ask("clock:4294967295");
    assert_int_equal(fault_clock_ms(), UINT32_MAX);
}

static void every_fault_is_announced(void **state)
{
    (void)state;
    ask("drop_kick_tx:2@1s+3s,reset:1m,panic:null@3s");
    assert_int_equal(c.panic_kind, CONF_PANIC_NULL);
    assert_int_equal(said_n, 2);
    assert_string_equal(said[0], "{\"event\":\"fault\",\"t_us\":0,\"fault\":\"drop_kick_tx\","
                                 "\"state\":\"asked\",\"n\":2,\"at_us\":1000000,"
                                 "\"for_us\":3000000,\"count\":0}");
    assert_string_equal(said[1], "{\"event\":\"fault\",\"t_us\":0,\"fault\":\"reset\","
                                 "\"state\":\"asked\",\"n_us\":60000000,\"count\":0}");
    fault_turn(S);
    assert_int_equal(said_n, 2);
    assert_int_equal(strikes(FAULT_DROP_KICK_TX, 8), 4); /* said once, counted each time */
    assert_int_equal(said_n, 3);
    assert_non_null(strstr(said[2], "\"state\":\"struck\""));
    fault_turn(4 * S);
    assert_int_equal(said_n, 4);
    assert_non_null(strstr(said[3], "\"state\":\"over\""));
    assert_non_null(strstr(said[3], "\"count\":4"));
}

static void the_statistics_count_strikes(void **state)
{
    char text[256];
    struct json j;

    (void)state;
    ask("drop_irq:2,no_reap@9s");
    fault_turn(S);
    strikes(FAULT_DROP_IRQ, 5);
    json_init(&j, text, sizeof(text));
    json_array(&j, NULL);
    fault_json(&j);
    json_end_array(&j);
    assert_true(json_finish(&j) > 0);
    assert_string_equal(text, "[{\"fault\":\"drop_irq\",\"open\":true,\"count\":2},"
                              "{\"fault\":\"no_reap\",\"open\":false,\"count\":0}]");
}

static void nothing_is_ordered_unless_it_was_allowed(void **state)
{
    (void)state;
    ask("no_reap@99s");
    assert_int_equal(conf_order_fault("drop_irq:1@0s+1s", S), CONF_ORDER_FORBIDDEN);
    assert_int_equal(said_n, 1);
    fault_turn(S);
    assert_false(fault_any());
}

static void an_order_is_a_fault_like_any_other(void **state)
{
    (void)state;
    ask("allow,drop_kick:7");
    assert_true(c.faults_allowed);
    fault_allow();
    assert_string_equal(said[1], "{\"event\":\"fault\",\"t_us\":0,\"fault\":\"allow\"}");
    assert_int_equal(conf_order_fault("drop_irq:2@1s+3s", 100 * S), CONF_ORDER_TAKEN);
    assert_non_null(strstr(said[2], "\"state\":\"asked\",\"n\":2,\"at_us\":101000000,"
                                    "\"for_us\":3000000,\"count\":0"));
    fault_turn(101 * S - 1);
    assert_int_equal(strikes(FAULT_DROP_IRQ, 10), 0);
    fault_turn(101 * S);
    assert_int_equal(strikes(FAULT_DROP_IRQ, 10), 5);
    assert_true(fault_excuses());
    fault_turn(104 * S);
    assert_int_equal(strikes(FAULT_DROP_IRQ, 10), 0);
    assert_non_null(strstr(said[4], "\"state\":\"over\""));
    assert_true(fault_is(FAULT_DROP_KICK)); /* of which nobody spoke */
}

/* And what strikes once does so once more. */
static void an_order_may_come_again_when_it_is_over(void **state)
{
    (void)state;
    ask("allow");
    fault_allow();
    for (unsigned k = 0; k < 3; k++) {
        const uint64_t now = (1 + 10 * k) * S;

        assert_int_equal(conf_order_fault("bad_head@0s+5s", now), CONF_ORDER_TAKEN);
        assert_int_equal(conf_order_fault("bad_head@0s+5s", now), CONF_ORDER_BUSY);
        fault_turn(now);
        assert_int_equal(conf_order_fault("bad_head@9s+5s", now), CONF_ORDER_BUSY);
        assert_int_equal(conf_order_fault("no_reap@0s+1s", now), CONF_ORDER_TAKEN);
        assert_true(fault_due(FAULT_BAD_HEAD, 2));
        assert_false(fault_due(FAULT_BAD_HEAD, 2));
        fault_turn(now + 5 * S);
        assert_false(fault_any());
    }
}

static void what_cannot_be_ordered_is_refused(void **state)
{
    static const char *const wrong[] = {
        "",
        "drop_irq:1",
        "drop_irq:1@0s",
        "drop_irq:0@0s+1s",
        "drop_irq:1@0s+601s",
        "drop_irq:1@500s+101s",
        "clock:7",
        "panic:null",
        "panic:null@1s",
        "none",
        "allow",
        "drop_irq:1@0s+1s,no_reap@0s+1s",
        "nothing@0s+1s",
        " no_reap@0s+1s",
        "no_reap@0s+1s&",
    };

    (void)state;
    ask("allow");
    fault_allow();
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        if (conf_order_fault(wrong[i], S) != CONF_ORDER_BAD)
            fail_msg("%s was taken", wrong[i]);
    fault_turn(2 * S);
    assert_false(fault_any());
    assert_int_equal(conf_order_fault("drop_irq:1@0s+600s", S), CONF_ORDER_TAKEN);
}

static void what_is_not_a_fault_is_refused(void **state)
{
    static const char *const wrong[] = {
        "drop_kick",
        "drop_kick:",
        "drop_kick:0",
        "drop_kick:-1",
        "drop_kick:7x",
        "drop_kick:7@",
        "drop_kick:7@5",
        "drop_kick:7@5s+",
        "drop_kick:7@5s+0s",
        "drop_kick:7@5s+1",
        "drop_kick:7@+5s",
        "drop_kick:7@5s+1s+1s",
        "drop_kick:7@5s@6s",
        "drop_kick:7:7",
        "drop_kick:7,drop_kick:9",
        "drop_kick:7,",
        ",drop_kick:7",
        "drop_kick:7,,drop_irq:1",
        "Drop_kick:7",
        "drop_kicks:7",
        "drop:7",
        "drop_kick_rx",
        "pool_limit",
        "pool_limit:",
        "pool_limit:4294967296",
        "no_reap:1",
        "no_reap:",
        "no_reap@",
        "bad_head:1",
        "bad_head:9ms",
        "bad_head:",
        "bad_head@1s+0s",
        "reset",
        "reset:1",
        "reset:9ms",
        "reset:0",
        "reset:0s",
        "clock",
        "clock:4294967296",
        "clock:1@5s",
        "clock:1ms",
        "none,drop_kick:7",
        "allow,allow",
        "allow:1",
        "allow@1s",
        "renegotiate",
        "renegotiate:1",
        "drop_kick:7,none",
        "panic:null,panic:null",
        "drop_kick:7,panic",
        "drop_kick:18446744073709551616",
        "no_reap@8761h",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        refused(wrong[i]);
}

/* A later `fault=` replaces the list of the one before. */
static void the_last_list_holds(void **state)
{
    (void)state;
    assert_true(conf_parse(&c, "fw_cfg", "fault=drop_kick:7,panic:null,allow"));
    assert_true(conf_parse(&c, "cmdline", "fault=no_reap"));
    assert_false(c.faults[FAULT_DROP_KICK].asked);
    assert_int_equal(c.panic_kind, CONF_PANIC_NONE);
    assert_false(c.faults_allowed);
    assert_true(c.faults[FAULT_NO_REAP].asked);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(without_being_asked_nothing_strikes, fresh),
        cmocka_unit_test_setup(every_nth_occasion_is_struck, fresh),
        cmocka_unit_test_setup(a_fault_lasts_as_long_as_its_window, fresh),
        cmocka_unit_test_setup(a_window_that_was_slept_through_is_over, fresh),
        cmocka_unit_test_setup(what_happens_once_happens_once_for_each, fresh),
        cmocka_unit_test_setup(what_is_periodic_comes_once_a_period, fresh),
        cmocka_unit_test_setup(the_clock_starts_where_it_was_asked_to, fresh),
        cmocka_unit_test_setup(every_fault_is_announced, fresh),
        cmocka_unit_test_setup(the_statistics_count_strikes, fresh),
        cmocka_unit_test_setup(nothing_is_ordered_unless_it_was_allowed, fresh),
        cmocka_unit_test_setup(an_order_is_a_fault_like_any_other, fresh),
        cmocka_unit_test_setup(an_order_may_come_again_when_it_is_over, fresh),
        cmocka_unit_test_setup(what_cannot_be_ordered_is_refused, fresh),
        cmocka_unit_test_setup(what_is_not_a_fault_is_refused, fresh),
        cmocka_unit_test_setup(the_last_list_holds, fresh),
    };

    return cmocka_run_group_tests_name("fault", tests, NULL, NULL);
}
