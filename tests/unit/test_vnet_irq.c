// SPDX-License-Identifier: BSD-3-Clause
/*
 * How the driver is woken: `irq=`, INTx over both interfaces, a shared line, one that is stuck. The
 * line is the simulated machine's (tests/sim/sim_kernel.c); the controller's side of it is
 * test_irq.c's business.
 */
#include <string.h>
#include "vnet_rig.h"

#define LINE   11
#define VECTOR (SIM_LINE_VECTOR + LINE)

static struct sim_nic *add_modern(uint8_t slot, bool msix)
{
    struct sim_nic *n = sim_add_bare_nic(slot);

    if (msix)
        sim_cap_msix(n);
    sim_cap_isr(n);
    sim_cap_config(n);
    sim_cap_notify(n);
    sim_cap_common(n);
    sim_add_line(n, LINE);
    return n;
}

static struct sim_nic *add_legacy(uint8_t slot, bool msix)
{
    struct sim_nic *n = sim_add_bare_nic(slot);

    if (msix)
        sim_cap_msix(n);
    sim_add_legacy(n, false);
    sim_add_line(n, LINE);
    return n;
}

static void up_by(const char *irq)
{
    up();
    said("nic", irq);
}

static bool irqs_off(const struct sim_nic *n)
{
    return sim_get16(n->fn->cfg + 4) & 0x0400;
}

/* One sleep that a frame ends, and the turn behind it. */
static void sleep_until_a_frame(void)
{
    uint64_t before = sim_irqs[VECTOR];

    assert_true(vnet_may_sleep(vn));
    assert_int_equal(sim_irqs[VECTOR], before);
    assert_true(sim_rx(nic, frame, 60));
    assert_int_equal(sim_irqs[VECTOR], before + 1);
    assert_true(sim_line_high(LINE));
    vnet_awake(vn);
    assert_false(sim_line_high(LINE)); /* the status was read, which clears it */
    turn(MS);
    assert_int_equal(receive(), 1);
}

/* ---- which way --------------------------------------------------------------------------------
 */

static void the_best_way_there_is_is_taken_unless_told(void **state)
{
    static const struct {
        bool msix, line;
        enum vnet_irq asked;
        const char *got; /* NULL: refused */
    } table[] = {
        {true, true, VNET_IRQ_AUTO, "\"irq\":\"msix\",\"vectors\":3"},
        {true, true, VNET_IRQ_MSIX, "\"irq\":\"msix\",\"vectors\":3"},
        {true, true, VNET_IRQ_INTX, "\"irq\":\"intx\",\"vectors\":0"},
        {true, true, VNET_IRQ_POLL, "\"irq\":\"poll\",\"vectors\":0"},
        {false, true, VNET_IRQ_AUTO, "\"irq\":\"intx\""},
        {false, true, VNET_IRQ_MSIX, NULL},
        {false, true, VNET_IRQ_INTX, "\"irq\":\"intx\""},
        {true, false, VNET_IRQ_AUTO, "\"irq\":\"msix\""},
        {true, false, VNET_IRQ_INTX, NULL},
        {false, false, VNET_IRQ_AUTO, "\"irq\":\"poll\""},
        {false, false, VNET_IRQ_POLL, "\"irq\":\"poll\""},
        {false, false, VNET_IRQ_MSIX, NULL},
    };

    (void)state;
    for (unsigned legacy = 0; legacy < 2; legacy++)
        for (unsigned i = 0; i < COUNT(table); i++) {
            again_empty();
            nic = legacy ? add_legacy(3, table[i].msix) : add_modern(3, table[i].msix);
            if (!table[i].line)
                nic->fn->cfg[0x3d] = 0;
            opt[0].irq = table[i].asked;
            if (table[i].got == NULL) {
                assert_int_equal(vnet_probe(opt), 0);
                assert_non_null(strstr(sim_record("error"), "asks for"));
                assert_true(irqs_off(nic));
                continue;
            }
            up_by(table[i].got);
            assert_int_equal(irqs_off(nic), strstr(table[i].got, "intx") == NULL);
            assert_int_equal(sim_msix_on(nic), strstr(table[i].got, "msix") != NULL);
        }
}

static void lines_that_cannot_be_are_not_used(void **state)
{
    static const uint8_t lines[] = {0, 1, 2, 16, 0x80, 0xff};

    (void)state;
    for (unsigned i = 0; i < sizeof(lines); i++) {
        again_empty();
        nic = add_modern(3, false);
        nic->fn->cfg[0x3c] = lines[i];
        up_by("\"irq\":\"poll\"");
        assert_true(irqs_off(nic));
    }
}

static void without_an_interrupt_status_the_line_is_not_used(void **state)
{
    (void)state;
    nic = sim_add_bare_nic(3);
    sim_cap_common(nic);
    sim_cap_notify(nic);
    sim_cap_config(nic);
    sim_add_line(nic, LINE);
    up_by("\"irq\":\"poll\"");
}

/* All vectors refused by the device: the line is the next best. */
static void a_device_that_refuses_vectors_uses_its_line(void **state)
{
    (void)state;
    nic = add_modern(3, true);
    nic->vectors_ok = 0;
    up_by("\"irq\":\"intx\"");
    assert_false(sim_msix_on(nic));
    sleep_until_a_frame();
}

/* ---- the line ---------------------------------------------------------------------------------
 */

static void a_frame_ends_sleep_through_the_line(void **state)
{
    (void)state;
    for (unsigned legacy = 0; legacy < 2; legacy++) {
        again_empty();
        nic = legacy ? add_legacy(3, false) : add_modern(3, false);
        up_by("\"irq\":\"intx\"");
        for (unsigned i = 0; i < 1000; i++)
            sleep_until_a_frame();
        assert_int_equal(sim_irqs[VECTOR], 1000);
        assert_true(sim_line_claims >= 998);
        assert_int_equal(vnet_sleep_max_ns(vn), CONFIG_SLEEP_MAX_MS * MS);
    }
}

static void nothing_interrupts_while_awake(void **state)
{
    (void)state;
    nic = add_modern(3, false);
    up_by("\"irq\":\"intx\"");
    assert_true(vnet_may_sleep(vn));
    vnet_awake(vn);
    for (unsigned i = 0; i < 100; i++)
        assert_true(sim_rx(nic, frame, 60));
    assert_int_equal(sim_irqs[VECTOR], 0);
    assert_int_equal(nic->q[SIM_RXQ].interrupts, 0);
    assert_false(vnet_may_sleep(vn));
    vnet_awake(vn);
    while (receive() > 0)
        ;
}

/* The status register says that it was the configuration: looked at in the turn behind, not at the
 * next heartbeat. */
static void a_change_of_the_configuration_is_seen_at_once(void **state)
{
    (void)state;
    nic = add_legacy(3, false);
    up_by("\"irq\":\"intx\"");
    for (unsigned i = 0; i < 500; i++) {
        assert_true(vnet_may_sleep(vn));
        nic->link_status = (uint16_t)(i & 1);
        sim_interrupt(nic, SIM_QUEUES);
        vnet_awake(vn);
        turn(1000);
        assert_int_equal(vnet_link_up(vn), i & 1);
    }
    assert_true(sim_line_claims >= 498);
}

/* Both at once: everything is looked at. */
static void one_interrupt_may_mean_both(void **state)
{
    (void)state;
    nic = add_modern(3, false);
    up_by("\"irq\":\"intx\"");
    assert_true(vnet_may_sleep(vn));
    nic->link_status = 0;
    sim_interrupt(nic, SIM_QUEUES);
    assert_true(sim_rx(nic, frame, 60));
    assert_int_equal(sim_irqs[VECTOR], 1);
    vnet_awake(vn);
    assert_int_equal(nic->isr, 0);
    turn(1000);
    assert_false(vnet_link_up(vn));
    assert_int_equal(receive(), 1);
}

static struct sim_nic *other;
static struct vnet *second;

/* A modern device and a legacy one, on the same line. */
static void share_the_line(void)
{
    nic = add_modern(3, false);
    other = add_legacy(5, false);
    assert_int_equal(vnet_probe(opt), 2);
    vn = vnet_get(0);
    second = vnet_get(1);
}

/* Both sleep until a frame for one of them comes. */
static void both_sleep_until_a_frame(struct sim_nic *n)
{
    uint64_t before = sim_irqs[VECTOR];

    assert_true(vnet_may_sleep(vn));
    assert_true(vnet_may_sleep(second));
    assert_true(sim_rx(n, frame, 60));
    assert_int_equal(sim_irqs[VECTOR], before + 1);
    vnet_awake(vn);
    vnet_awake(second);
    assert_false(sim_line_high(LINE));
    turn(MS);
    vnet_heartbeat(second, sim_now_ns);
    assert_int_equal(receive(), n == nic);
    assert_int_equal(drain(second), n == other);
}

static void a_shared_line_wakes_for_either(void **state)
{
    (void)state;
    share_the_line();
    for (unsigned i = 0; i < 300; i++)
        both_sleep_until_a_frame(i % 3 == 0 ? nic : other);
    assert_true(sim_line_claims >= 298); /* the busy one keeps the line open for both */
    assert_true(vnet_check(second));
}

static void the_status_of_a_silent_device_is_not_read(void **state)
{
    (void)state;
    nic = add_modern(3, false);
    up_by("\"irq\":\"intx\"");
    nic->isr = 1; /* it has something to say, but its interrupt has not come */
    sim_put16(nic->fn->cfg + 4, (uint16_t)(sim_get16(nic->fn->cfg + 4) | 0x0400));
    assert_true(vnet_may_sleep(vn));
    vnet_awake(vn);
    assert_int_equal(nic->isr, 1);
}

/* ---- a line that does not fall ----------------------------------------------------------------
 */

/* A device whose status never clears makes no progress with it: nobody claims. */
static void a_device_that_never_lets_go_claims_nothing(void **state)
{
    unsigned claims;

    (void)state;
    nic = add_modern(3, false);
    up_by("\"irq\":\"intx\"");
    sleep_until_a_frame();
    nic->isr_sticks = 3;
    nic->isr = 3;
    claims = sim_line_claims;
    for (unsigned i = 0; i < 100; i++) {
        assert_true(vnet_may_sleep(vn)); /* ends at once */
        vnet_awake(vn);
        turn(1000);
    }
    assert_true(sim_irqs[VECTOR] >= 100);
    assert_true(sim_line_claims <= claims + 1);
}

/* What we did meanwhile is no reason to hold somebody else's line open. */
static void an_interrupt_of_somebody_else_is_not_claimed(void **state)
{
    unsigned claims;

    (void)state;
    nic = add_modern(3, false);
    up_by("\"irq\":\"intx\"");
    sleep_until_a_frame();
    claims = sim_line_claims;
    for (unsigned i = 0; i < 100; i++) {
        assert_true(sim_rx(nic, frame, 60));
        assert_int_equal(receive(), 1);
        assert_int_equal(nic->isr, 0);
        assert_true(vnet_may_sleep(vn));
        sim_irqs[VECTOR]++;
        vnet_awake(vn);
    }
    assert_int_equal(sim_line_claims, claims);
}

static void a_line_that_was_given_up_means_polling(void **state)
{
    (void)state;
    nic = add_modern(3, false);
    up_by("\"irq\":\"intx\"");
    sim_line_given_up = true;
    assert_false(vnet_may_sleep(vn));
    assert_true(irqs_off(nic));
    assert_true(vnet_sleep_max_ns(vn) <= MS);
    assert_true(vnet_may_sleep(vn));
    vnet_awake(vn);
    assert_true(sim_rx(nic, frame, 60));
    assert_false(vnet_may_sleep(vn));
    assert_int_equal(receive(), 1);
    /* A reset does not bring the line back. */
    sim_line_given_up = false;
    sim_needs_reset(nic);
    turns(2000, MS);
    assert_int_equal(nic->status, status_up());
    assert_true(irqs_off(nic));
    assert_true(vnet_sleep_max_ns(vn) <= MS);
}

static void a_line_that_was_given_up_is_tried_again_ever_less_often(void **state)
{
    unsigned tries = sim_line_retries;
    uint64_t last_ns, pause = 10;

    (void)state;
    nic = add_modern(3, false);
    up_by("\"irq\":\"intx\"");
    sim_line_given_up = true;
    assert_false(vnet_may_sleep(vn));
    last_ns = sim_now_ns;
    for (unsigned i = 0; i < 15; i++) {
        while (sim_line_retries == tries)
            turn(100 * MS);
        tries++;
        assert_in_range((sim_now_ns - last_ns) / (100 * MS), 10 * pause - 1, 10 * pause + 2);
        last_ns = sim_now_ns;
        assert_false(vnet_may_sleep(vn)); /* as bad as before */
        pause = pause < 1800 ? 2 * pause : 3600;
    }
    sim_line_given_up = false;
    while (sim_line_retries == tries)
        turn(100 * MS);
    assert_true(vnet_sleep_max_ns(vn) > MS);
    sleep_until_a_frame();
}

static void the_line_works_again_after_a_reset(void **state)
{
    (void)state;
    nic = add_legacy(3, false);
    up_by("\"irq\":\"intx\"");
    sim_needs_reset(nic);
    turns(2000, MS);
    assert_int_equal(nic->status, 0x07);
    sleep_until_a_frame();
}

static void a_function_that_is_gone_claims_nothing(void **state)
{
    unsigned claims;

    (void)state;
    nic = add_modern(3, false);
    up_by("\"irq\":\"intx\"");
    claims = sim_line_claims;
    assert_true(vnet_may_sleep(vn));
    assert_true(sim_rx(nic, frame, 60));
    nic->gone = true; /* before the status is read: all ones */
    vnet_awake(vn);
    assert_int_equal(sim_line_claims, claims);
    nic->gone = false;
    assert_int_equal(receive(), 1);
}

/* Another device on the line works on while one is unplugged and its driver tries again and again.
 */
static void a_function_that_is_gone_leaves_the_line_to_others(void **state)
{
    (void)state;
    share_the_line();
    nic->gone = true;
    for (unsigned i = 0; i < 3000; i++)
        both_sleep_until_a_frame(other);
    assert_true(sim_line_claims >= 2998);
    said("error", "net0");
    assert_true(vnet_check(second));
    nic->gone = false;
}

#define E(f) cmocka_unit_test_setup_teardown(f, setup_empty, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        E(the_best_way_there_is_is_taken_unless_told),
        E(lines_that_cannot_be_are_not_used),
        E(without_an_interrupt_status_the_line_is_not_used),
        E(a_device_that_refuses_vectors_uses_its_line),
        E(a_frame_ends_sleep_through_the_line),
        E(nothing_interrupts_while_awake),
        E(a_change_of_the_configuration_is_seen_at_once),
        E(one_interrupt_may_mean_both),
        E(a_shared_line_wakes_for_either),
        E(the_status_of_a_silent_device_is_not_read),
        E(a_device_that_never_lets_go_claims_nothing),
        E(an_interrupt_of_somebody_else_is_not_claimed),
        E(a_line_that_was_given_up_means_polling),
        E(a_line_that_was_given_up_is_tried_again_ever_less_often),
        E(the_line_works_again_after_a_reset),
        E(a_function_that_is_gone_claims_nothing),
        E(a_function_that_is_gone_leaves_the_line_to_others),
    };
    return cmocka_run_group_tests_name("vnet_irq", tests, NULL, NULL);
}
