// SPDX-License-Identifier: BSD-3-Clause
/*
 * kernel/irq.c and kernel/pic.c on two 8259 made here: sixteen lines, each held high or not by
 * somebody, and a CPU that takes interrupts where cpu_wait_irq() would.
 */
#define KERNEL_CPU_H   /* this file is the CPU, */
#define KERNEL_LAPIC_H /* the local APIC, */
#define KERNEL_FAULT_H /* and breaks nothing on purpose unless told to */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define LAPIC_VECTOR_SPURIOUS 0xff
#define FAULT_DROP_IRQ        0

static void cpu_out8(uint16_t port, uint8_t v);
static uint8_t cpu_in8(uint16_t port);
static unsigned lapic_eois;
static bool pic_accepted, drop;

static bool lapic_init(void)
{
    return true;
}

static void lapic_eoi(void)
{
    lapic_eois++;
}

static void lapic_accept_pic(void)
{
    pic_accepted = true;
}

static uint32_t lapic_id(void)
{
    return 0;
}

static unsigned fault_vector(uint8_t vector)
{
    return vector;
}

static bool fault_strike(int kind, unsigned who)
{
    (void)kind;
    (void)who;
    return drop;
}

#include "pic.c"
#include "irq.c"

void panic(const char *fmt, ...)
{
    mock_assert(0, fmt, "panic", 0);
    abort();
}

/* ---- the two controllers ----------------------------------------------------------------------
 */

static struct chip {
    uint8_t mask, in_service, vector, level;
    unsigned init_word; /* which one comes next; 0: none */
    bool reads_in_service;
} chip[2];

static uint16_t high; /* lines that somebody holds */
static uint16_t edge; /* edge-triggered requests kept */

static void cpu_out8(uint16_t port, uint8_t v)
{
    struct chip *c = &chip[port == 0xa0 || port == 0xa1 || port == 0x4d1];

    if (port == 0x4d0 || port == 0x4d1) {
        assert_int_equal(v & (port == 0x4d0 ? 0x07 : 0x21), 0);
        c->level = v;
    } else if (port == 0x21 || port == 0xa1) {
        if (c->init_word == 0)
            c->mask = v;
        else if (c->init_word == 2)
            c->vector = v;
        else if (c->init_word == 3)
            assert_int_equal(v, c == chip ? 4 : 2);
        else
            assert_int_equal(v, 1);
        c->init_word = c->init_word == 0 || c->init_word == 4 ? 0 : c->init_word + 1;
    } else if (v & 0x10) {
        *c = (struct chip){.init_word = 2, .level = c->level};
    } else if ((v & 0xe0) == 0x60) {
        assert_true(c->in_service >> (v & 7) & 1);
        c->in_service &= (uint8_t) ~(1u << (v & 7));
    } else {
        assert_int_equal(v, 0x0b);
        c->reads_in_service = true;
    }
}

static uint8_t cpu_in8(uint16_t port)
{
    if (port == 0x4d0 || port == 0x4d1)
        return chip[port & 1].level;
    assert_true(port == 0x20 || port == 0xa0);
    assert_true(chip[port == 0xa0].reads_in_service);
    return chip[port == 0xa0].in_service;
}

/* The line that gets through, in order of priority; -1: none. */
static int winner(void)
{
    for (int line = 0; line < 16; line++) {
        struct chip *c = &chip[line / 8];
        uint16_t bit = (uint16_t)(1u << line);
        bool asks = c->level >> line % 8 & 1 ? high & bit : edge & bit;

        if (line == 2 || !asks || c->mask >> line % 8 & 1 || c->in_service >> line % 8 & 1)
            continue;
        if (line >= 8 && (chip[0].mask & 4 || chip[0].in_service & 4))
            continue;
        return line;
    }
    return -1;
}

/* The CPU looks once: takes an interrupt if there is one. Returns whether. */
static bool look(void)
{
    int line = winner();

    if (line < 0)
        return false;
    edge &= (uint16_t) ~(1u << line);
    chip[line / 8].in_service |= (uint8_t)(1u << line % 8);
    if (line >= 8)
        chip[0].in_service |= 4;
    irq_handle((uint8_t)(chip[line / 8].vector + line % 8));
    return true;
}

/* A line fell too early: the CPU is told line 7 of that controller, with nothing in service. */
static void spurious(unsigned which)
{
    if (which == 1)
        chip[0].in_service |= 4;
    irq_handle((uint8_t)(chip[which].vector + 7));
}

static int setup(void **state)
{
    (void)state;
    memset(chip, 0, sizeof(chip));
    memset(lines, 0, sizeof(lines));
    memset(counts, 0, sizeof(counts));
    high = edge = 0;
    lapic_eois = 0;
    pic_accepted = drop = false;
    vector_next = VECTOR_FIRST;
    assert_true(irq_init());
    return 0;
}

static int idle(void **state)
{
    (void)state;
    assert_int_equal(chip[0].in_service | chip[1].in_service, 0);
    return 0;
}

/* ---- tests ------------------------------------------------------------------------------------
 */

static void everything_is_masked_until_a_line_is_allowed(void **state)
{
    (void)state;
    high = edge = 0xffff;
    assert_false(look());
    assert_false(pic_accepted);
    assert_int_equal(irq_line_open(11), 0x20 + 11);
    assert_true(pic_accepted);
    assert_false(look());
    assert_true(irq_line_allow(11));
    assert_true(look());
    assert_int_equal(irq_count(0x20 + 11), 1);
    assert_false(look()); /* masked again, though it is still high */
    assert_int_equal(lapic_eois, 0);
}

static void lines_that_no_function_can_have_are_refused(void **state)
{
    (void)state;
    for (unsigned line = 0; line < 256; line++) {
        bool usable = line < 16 && line > 2 && line != 8 && line != 13;
        assert_int_equal(irq_line_open((uint8_t)line), usable ? 0x20 + line : 0);
    }
    assert_int_equal(chip[0].level, 0xf8);
    assert_int_equal(chip[1].level, 0xde);
}

static void each_allowance_is_good_for_one_interrupt(void **state)
{
    (void)state;
    irq_line_open(5);
    irq_line_open(10);
    for (unsigned i = 1; i < 40; i++) {
        assert_true(irq_line_allow(5));
        assert_true(irq_line_allow(10));
        high = 1u << 5 | 1u << 10;
        irq_begin_sleep();
        assert_true(look());
        assert_true(look());
        assert_false(look());
        assert_true(irq_ends_sleep());
        assert_int_equal(irq_count(0x25), i);
        assert_int_equal(irq_count(0x2a), i);
        high = 0;
    }
}

static void spurious_interrupts_are_not_counted_and_do_not_end_sleep(void **state)
{
    (void)state;
    irq_line_open(11);
    irq_line_allow(11);
    irq_begin_sleep();
    for (unsigned i = 0; i < 1000; i++) {
        spurious(0);
        spurious(1);
    }
    assert_false(irq_ends_sleep());
    assert_int_equal(irq_count(0x27) + irq_count(0x2f), 0);
    high = 1u << 11;
    assert_true(look());
    assert_true(irq_ends_sleep());
}

static void lines_7_and_15_are_lines_too(void **state)
{
    (void)state;
    irq_line_open(7);
    irq_line_open(15);
    spurious(0);
    spurious(1);
    irq_line_allow(7);
    irq_line_allow(15);
    high = 1u << 7 | 1u << 15;
    assert_true(look());
    assert_true(look());
    assert_int_equal(irq_count(0x27), 1);
    assert_int_equal(irq_count(0x2f), 1);
}

static void a_line_that_nobody_claims_is_given_up(void **state)
{
    unsigned taken = 0;

    (void)state;
    irq_line_open(11);
    irq_line_open(10);
    high = 1u << 11;
    while (irq_line_allow(11) && taken < 1000) {
        assert_true(look());
        taken++;
    }
    assert_int_equal(taken, 64);
    irq_line_claim(11); /* too late */
    assert_false(irq_line_allow(11));
    assert_false(look());
    for (irq_line_retry(11), taken = 0; irq_line_allow(11) && taken < 1000; taken++)
        assert_true(look());
    assert_int_equal(taken, 64);     /* the same once more */
    assert_true(irq_line_allow(10)); /* others go on */
    high = 1u << 10;
    assert_true(look());
}

static void a_line_that_is_claimed_goes_on_for_ever(void **state)
{
    (void)state;
    irq_line_open(11);
    high = 1u << 11;
    for (unsigned i = 0; i < 10000; i++) {
        assert_true(irq_line_allow(11));
        assert_true(look());
        if (i % 63 == 0)
            irq_line_claim(11);
    }
}

static void an_interrupt_dropped_on_purpose_does_not_end_sleep(void **state)
{
    (void)state;
    irq_line_open(11);
    drop = true;
    high = 1u << 11;
    for (unsigned i = 0; i < 200; i++) {
        assert_true(irq_line_allow(11)); /* nor is the line given up for it */
        irq_begin_sleep();
        assert_true(look());
        assert_false(irq_ends_sleep());
    }
    assert_int_equal(irq_count(0x2b), 0);
    drop = false;
    assert_true(irq_line_allow(11));
    assert_true(look());
    assert_true(irq_ends_sleep());
}

static void messages_are_acknowledged_at_the_local_apic(void **state)
{
    uint64_t addr;
    uint32_t data;
    uint8_t v = irq_vector_alloc();

    (void)state;
    irq_msi_message(v, &addr, &data);
    assert_int_equal(addr, 0xfee00000);
    assert_int_equal(data, v);
    irq_handle(v);
    assert_int_equal(irq_count(v), 1);
    assert_int_equal(lapic_eois, 1);
    irq_handle(LAPIC_VECTOR_SPURIOUS);
    assert_int_equal(lapic_eois, 1);
}

static void vectors_run_out(void **state)
{
    unsigned n = 0;

    (void)state;
    while (irq_vector_alloc() != 0)
        n++;
    assert_int_equal(n, 0xef - 0x30 + 1);
}

static void a_line_that_was_not_opened_is_a_bug(void **state)
{
    (void)state;
    expect_assert_failure(irq_line_allow(11));
    expect_assert_failure(irq_line_allow(16));
    expect_assert_failure(irq_line_claim(11));
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, idle)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(everything_is_masked_until_a_line_is_allowed),
        T(lines_that_no_function_can_have_are_refused),
        T(each_allowance_is_good_for_one_interrupt),
        T(spurious_interrupts_are_not_counted_and_do_not_end_sleep),
        T(lines_7_and_15_are_lines_too),
        T(a_line_that_nobody_claims_is_given_up),
        T(a_line_that_is_claimed_goes_on_for_ever),
        T(an_interrupt_dropped_on_purpose_does_not_end_sleep),
        T(messages_are_acknowledged_at_the_local_apic),
        T(vectors_run_out),
        T(a_line_that_was_not_opened_is_a_bug),
    };
    return cmocka_run_group_tests_name("irq", tests, NULL, NULL);
}
