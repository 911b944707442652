// SPDX-License-Identifier: BSD-3-Clause
/*
 * The watchdog against the simulated device: for each way to stand still the cause it names, what
 * it does about it, and when; and that it says nothing where nothing is wrong.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "config.h"
#include "fault.h"
#include "sim.h"
#include "virtio_net.h"

#define MS  1000000ull
#define S   (1000 * MS)
#define MIN (60 * S)

static struct sim_nic *nic;
static struct vnet *vn;
static struct vnet_options opt[CONFIG_NICS];
static struct netbuf *frames[CONFIG_RX_BATCH];
static uint8_t frame[1500];
static struct fault faults[FAULT_KINDS];
static bool blocked; /* the device takes no frame to send */
static bool rx_due;

static int setup(void **state)
{
    (void)state;
    sim_power_on();
    nic = sim_add_nic(3);
    nic->offer &= ~SIM_F_RING_RESET; /* test_vnet_queue.c has devices that reset a queue alone */
    blocked = rx_due = false;
    memset(faults, 0, sizeof(faults));
    fault_init(faults);
    sim_now_ns = S;
    assert_int_equal(vnet_probe(opt), 1);
    vn = vnet_get(0);
    vnet_heartbeat(vn, sim_now_ns);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    assert_true(vnet_check(vn));
    memset(faults, 0, sizeof(faults));
    fault_init(faults);
    sim_power_off();
    return 0;
}

static void ask(enum fault_kind kind, uint64_t n, uint64_t from_ns, uint64_t to_ns)
{
    faults[kind] = (struct fault){
        .asked = true, .windowed = from_ns > 0, .n = n, .from_ns = from_ns, .to_ns = to_ns};
    fault_init(faults);
}

static unsigned receive(void)
{
    unsigned n = vnet_rx_poll(vn, frames, CONFIG_RX_BATCH);

    for (unsigned i = 0; i < n; i++)
        vnet_rx_release(vn, frames[i]);
    return n;
}

/* As the main loop does it. The device works meanwhile unless it is blocked. */
static void turn(uint64_t ns)
{
    sim_now_ns += ns;
    fault_turn(sim_now_ns);
    vnet_tx_reclaim(vn);
    vnet_rx_due(vn, rx_due);
    vnet_heartbeat(vn, sim_now_ns);
    receive();
    vnet_tx_flush(vn);
    if (!blocked && nic->status == 0x0f) /* up, and without complaints */
        sim_tx(nic, 256);
}

/* So long, a turn each 5 ms. */
static void run(uint64_t ns)
{
    for (uint64_t end = sim_now_ns + ns; sim_now_ns < end;)
        turn(end - sim_now_ns < 5 * MS ? end - sim_now_ns : 5 * MS);
}

static void send(unsigned n)
{
    while (n-- > 0) {
        struct netbuf *nb = vnet_tx_get(vn, false);

        if (nb == NULL)
            return;
        memcpy(netbuf_frame(nb), frame, 100);
        nb->len = 100;
        if (!vnet_tx(vn, nb))
            vnet_tx_put(vn, nb);
    }
    vnet_tx_flush(vn);
}

static struct vnet_totals totals(void)
{
    struct vnet_totals t;

    vnet_totals(vn, &t);
    return t;
}

/* So many of this cause and none of another; so many were judged. */
static void stalls(enum vnet_cause cause, uint64_t n, uint64_t judged)
{
    struct vnet_totals t = totals();

    for (unsigned i = 0; i < VNET_CAUSES; i++)
        if (t.stalls[i] != (i == cause ? n : 0))
            fail_msg("%llu of %s", (unsigned long long)t.stalls[i],
                     vnet_cause_name((enum vnet_cause)i));
    assert_int_equal(t.stalls_judged, judged);
}

static void recoveries(enum vnet_action action, uint64_t n)
{
    struct vnet_totals t = totals();

    for (unsigned i = 0; i < VNET_ACTIONS; i++)
        if (t.recoveries[i] != (i == action ? n : 0))
            fail_msg("%llu times %s", (unsigned long long)t.recoveries[i],
                     vnet_action_name((enum vnet_action)i));
}

static void nothing_was_said(void)
{
    stalls(VNET_CAUSES, 0, 0);
    recoveries(VNET_ACTIONS, 0);
    assert_int_equal(sim_records("stall"), 0);
    assert_int_equal(sim_records("recovered"), 0);
    assert_int_equal(nic->resets, 1); /* at boot */
}

/* The last record of this event has this in it. */
static void said(const char *event, const char *text)
{
    if (sim_record(event) == NULL || strstr(sim_record(event), text) == NULL)
        fail_msg("no %s in %s", text, sim_record(event));
}

static uint64_t number(const char *event, const char *key)
{
    char needle[64];
    unsigned long long v;
    const char *at;

    snprintf(needle, sizeof(needle), "\"%s\":", key);
    at = strstr(sim_record(event), needle);
    assert_non_null(at);
    assert_int_equal(sscanf(at + strlen(needle), "%llu", &v), 1);
    return v;
}

static void traffic_flows(void)
{
    uint64_t rx = totals().rx_packets, tx = nic->tx_frames;

    assert_true(sim_rx(nic, frame, 60));
    send(1);
    run(20 * MS);
    assert_int_equal(totals().rx_packets, rx + 1);
    assert_int_equal(nic->tx_frames, tx + 1);
}

/* ---- silence that is none ----------------------------------------------------------------------
 */

static void idle_is_no_stall(void **state)
{
    (void)state;
    run(10 * MIN);
    nothing_was_said();
    traffic_flows();
}

static void frames_now_and_then_are_no_stall(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3000; i++) {
        run((7 + i * 37 % 230) * MS); /* also right behind a heartbeat */
        if (i % 3 != 0)
            sim_rx(nic, frame, 60);
        if (i % 3 != 1)
            send(1 + i % 5);
        turn(MS);
    }
    nothing_was_said();
}

static void traffic_without_a_pause_is_no_stall(void **state)
{
    (void)state;
    rx_due = true;
    for (unsigned i = 0; i < 60000; i++) {
        sim_rx(nic, frame, 60);
        send(3);
        turn(MS);
    }
    nothing_was_said();
    assert_true(totals().late_max_ns == 0);
}

static void link_down_is_said_once_and_left_alone(void **state)
{
    (void)state;
    blocked = true;
    send(5);
    nic->link_status = 0;
    sim_interrupt(nic, SIM_QUEUES);
    run(10 * MIN);
    stalls(VNET_LINK_DOWN, 1, 0);
    assert_int_equal(sim_records("stall"), 1);
    said("stall", "\"nic\":\"net0\",\"queue\":\"all\",\"dir\":\"both\",\"cause\":\"link_down\"");
    assert_int_equal(nic->resets, 1);
    assert_int_equal(sim_records("recovered"), 0);
    nic->link_status = 1;
    sim_interrupt(nic, SIM_QUEUES);
    blocked = false;
    run(100 * MS);
    recoveries(VNET_DID_NOTHING, 1);
    assert_true(number("recovered", "after_us") >= 599000000);
    traffic_flows();
}

/* The host stops the guest: its clock may go on meanwhile. */
static void time_in_which_we_did_not_run_is_nobodys_stall(void **state)
{
    (void)state;
    rx_due = true;
    sim_rx(nic, frame, 60);
    send(5);
    run(20 * MS);
    blocked = true;
    send(5);
    turn(10 * MS);
    turn(5 * MIN);
    blocked = false;
    run(50 * MS);
    sim_rx(nic, frame, 60);
    turn(MS);
    stalls(VNET_GUEST_LATE, 1, 0);
    assert_int_equal(sim_records("stall"), 1);
    said("stall", "\"nic\":\"net0\",\"queue\":\"all\",\"dir\":\"both\",\"cause\":\"guest_late\"");
    assert_int_equal(number("stall", "stalled_us"), 300000000);
    assert_int_equal(sim_records("recovered"), 1);
    assert_int_equal(totals().late_max_ns, 5 * MIN);
    assert_int_equal(vnet_late_ns(vn), 5 * MIN);
    assert_true(vnet_gap_max_ns(vn, true) < 200 * MS);
    assert_true(vnet_gap_max_ns(vn, false) < 200 * MS);
    assert_int_equal(nic->resets, 1);
    traffic_flows();
}

/* A sleep is 10 ms at most: what is longer is not our doing. What is awake may be. */
static void late_record_says_how_much_of_it_was_sleep(void **state)
{
    (void)state;
    turn(MS);
    assert_true(vnet_may_sleep(vn));
    sim_now_ns += 700 * MS;
    vnet_awake(vn);
    turn(300 * MS);
    stalls(VNET_GUEST_LATE, 1, 0);
    assert_in_range(number("stall", "stalled_us"), 1000000, 1000010);
    assert_in_range(number("stall", "asleep_us"), 700000, 700010);
    turn(MS);
    turn(S);
    assert_int_equal(number("stall", "asleep_us"), 0);
}

static void short_pauses_of_the_guest_are_measured_only(void **state)
{
    (void)state;
    blocked = true;
    send(1);
    for (unsigned i = 0; i < 20; i++)
        turn(150 * MS); /* nearly all of the time somebody else runs */
    blocked = false;
    turn(MS);
    turn(MS);
    nothing_was_said();
    assert_int_equal(totals().late_max_ns, 150 * MS);
    assert_int_equal(vnet_late_ns(vn), 20 * 150 * MS);
    assert_true(vnet_gap_max_ns(vn, true) < 10 * MS);
}

/* ---- doorbells and interrupts
 * --------------------------------------------------------------------
 */

static void lost_kick_is_named_and_repaired(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 50; i++) {
        run(333 * MS);
        nic->doorbells_lost = true;
        send(2);
        nic->doorbells_lost = false;
        run(260 * MS);
        stalls(VNET_LOST_KICK, i + 1, 0);
        recoveries(VNET_DID_KICK, i + 1);
    }
    said("stall", "\"queue\":\"tx\",\"dir\":\"tx\",\"cause\":\"lost_kick\"");
    said("stall", "\"injected\":false");
    said("recovered", "\"action\":\"kick\"");
    assert_true(number("recovered", "after_us") < 250000);
    assert_true(vnet_gap_max_ns(vn, true) < 250 * MS);
}

/* The device is merely slow: what follows a doorbell at once is chance, and rare. */
static void slow_device_does_not_pass_for_a_lost_kick(void **state)
{
    (void)state;
    unsigned slow = 0;

    for (unsigned i = 0; i < 1000; i++) {
        uint64_t ms = 20 + i * 7 % 397;

        run(503 * MS);
        blocked = true;
        send(2);
        run(ms * MS);
        blocked = false;
        run(100 * MS);
        slow += ms >= 240;
    }
    assert_true(totals().stalls[VNET_LOST_KICK] < 50);
    assert_in_range(totals().stalls[VNET_BACKEND_BLOCKED], slow, slow + 140);
    assert_int_equal(totals().stalls_judged, 0); /* each was over in time */
    assert_int_equal(nic->resets, 1);
}

static void sleep_for(uint64_t ns)
{
    if (vnet_may_sleep(vn)) {
        sim_now_ns += ns;
        vnet_awake(vn);
    }
    turn(0);
}

static void lost_interrupt_is_counted(void **state)
{
    (void)state;
    nic->interrupts_lost = true;
    assert_true(vnet_may_sleep(vn));
    sim_rx(nic, frame, 60);
    sim_now_ns += 10 * MS;
    vnet_awake(vn); /* the timer ended it */
    turn(0);
    assert_true(vnet_sleep_max_ns(vn) < MS); /* until that is clear, better look often */
    for (unsigned i = 0; i < 30; i++) {
        stalls(VNET_CAUSES, 0, 0);
        sleep_for(3 * MS);
    }
    for (unsigned i = 0; i < 10; i++)
        sleep_for(3 * MS);
    stalls(VNET_LOST_IRQ, 1, 0);
    recoveries(VNET_DID_POLL, 1);
    assert_true(vnet_sleep_max_ns(vn) >= 10 * MS);
    said("stall", "\"queue\":\"rx\",\"dir\":\"rx\",\"cause\":\"lost_irq\"");
    said("stall", "\"irq_after\":1,\"completed\":1,");
    assert_in_range(number("stall", "stalled_us"), 10000, 10010); /* the sleep */
    assert_in_range(number("stall", "waited_us"), 100000, 105000);
    assert_true(number("stall", "sleeps") >= 3);
    said("recovered", "\"queue\":\"rx\",\"dir\":\"rx\",\"cause\":\"lost_irq\",\"action\":\"poll\"");
    assert_int_equal(number("recovered", "after_us"), number("stall", "stalled_us"));

    /* And with another one, of a frame sent. */
    send(1);
    assert_true(vnet_may_sleep(vn));
    sim_tx(nic, 1);
    sim_now_ns += 10 * MS;
    vnet_awake(vn);
    turn(0);
    for (unsigned i = 0; i < 60; i++)
        sleep_for(3 * MS);
    stalls(VNET_LOST_IRQ, 2, 0);
}

/* Records of one frequent cause are few, and leave room for those of another. */
static void interrupts_lost_for_minutes_do_not_flood(void **state)
{
    (void)state;
    nic->interrupts_lost = true;
    for (uint64_t end = sim_now_ns + 10 * S; sim_now_ns < end;) {
        bool sleep = vnet_may_sleep(vn);

        sim_rx(nic, frame, 60);
        sim_now_ns += 4 * MS;
        if (sleep)
            vnet_awake(vn);
        turn(0);
    }
    stalls(VNET_LOST_IRQ, totals().stalls[VNET_LOST_IRQ], 0);
    assert_in_range(totals().stalls[VNET_LOST_IRQ], 80, 100);
    assert_in_range(sim_records("stall"), 8 + 8, 8 + 10);
    assert_in_range(sim_records("recovered"), 8 + 8, 8 + 10);
    nic->link_status = 0;
    sim_interrupt(nic, SIM_QUEUES);
    run(200 * MS);
    said("stall", "\"cause\":\"link_down\"");
}

/* It comes while the wish for it still stands. */
static void late_interrupt_is_not_lost(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 20; i++) {
        nic->interrupts_lost = true;
        assert_true(vnet_may_sleep(vn));
        sim_rx(nic, frame, 60);
        sim_now_ns += 10 * MS;
        vnet_awake(vn);
        turn(0);
        nic->interrupts_lost = false;
        for (unsigned k = 0; k < 20; k++) /* 80 ms */
            sleep_for(4 * MS);
        sim_interrupt(nic, SIM_RXQ);
        for (unsigned k = 0; k < 100; k++)
            sleep_for(4 * MS);
    }
    nothing_was_said();
}

/* Without a sleep no interrupt can be taken. */
static void interrupt_is_not_missed_while_none_can_come(void **state)
{
    (void)state;
    nic->interrupts_lost = true;
    assert_true(vnet_may_sleep(vn));
    sim_rx(nic, frame, 60);
    sim_now_ns += 10 * MS;
    vnet_awake(vn);
    for (unsigned i = 0; i < 1000; i++) {
        turn(MS);
        if (vnet_may_sleep(vn))
            vnet_stay_awake(vn);
    }
    nothing_was_said();
}

static void interrupts_that_come_are_never_called_lost(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 20000; i++) {
        bool sleep = vnet_may_sleep(vn);

        if (i % 3 == 0)
            sim_rx(nic, frame, 60);
        sim_now_ns += 2 * MS;
        if (sleep)
            vnet_awake(vn);
        if (i % 5 == 0)
            send(1 + i % 7);
        turn(0);
    }
    nothing_was_said();
}

/* ---- a back-end that blocks
 * ----------------------------------------------------------------------
 */

static void blocked_backend_is_named_within_250_ms(void **state)
{
    (void)state;
    run(500 * MS);
    blocked = true;
    send(20);
    run(249 * MS);
    stalls(VNET_BACKEND_BLOCKED, 1, 0);
    assert_int_equal(sim_records("stall"), 1);
    said("stall", "\"queue\":\"tx\",\"dir\":\"tx\",\"cause\":\"backend_blocked\"");
    said("stall", "\"injected\":false");
    assert_int_equal(number("stall", "posted"), 20);
    assert_int_equal(number("stall", "avail"), 20);
    assert_int_equal(number("stall", "used"), 0);
    assert_true(number("stall", "kicks_repeated") >= 1);
    assert_int_equal(sim_records("recovered"), 0);
    run(740 * MS);
    stalls(VNET_BACKEND_BLOCKED, 1, 0);
    run(1260 * MS);
    stalls(VNET_BACKEND_BLOCKED, 1, 1); /* although it goes on */
    blocked = false;
    run(20 * MS);
    stalls(VNET_BACKEND_BLOCKED, 1, 1);
    recoveries(VNET_DID_NOTHING, 1);
    said("recovered", "\"cause\":\"backend_blocked\",\"action\":\"none\"");
    assert_in_range(number("recovered", "after_us"), 2240000, 2300000);
    assert_int_equal(nic->resets, 1);
    traffic_flows();
}

static void blocked_backend_is_reset_less_and_less_often(void **state)
{
    static const unsigned after_s[] = {5, 15, 35, 75, 135, 195};
    const uint64_t start = sim_now_ns;

    (void)state;
    blocked = true;
    for (unsigned k = 0; k < 6; k++) {
        for (; sim_now_ns < start + after_s[k] * S - 100 * MS; run(100 * MS))
            send(1); /* somebody always has something to send */
        assert_int_equal(nic->resets, 1 + k);
        for (; sim_now_ns < start + after_s[k] * S + 800 * MS; run(100 * MS))
            send(1);
        assert_int_equal(nic->resets, 2 + k);
        assert_true(vnet_check(vn));
    }
    blocked = false;
    run(100 * MS);
    stalls(VNET_BACKEND_BLOCKED, 1, 1);
    assert_int_equal(totals().resets, 0); /* it did nothing wrong */
    assert_int_equal(sim_records("error"), 0);
    assert_int_equal(sim_records("recovered"), 1);
    traffic_flows();
}

static void device_that_a_reset_helps_is_credited_to_it(void **state)
{
    (void)state;
    blocked = true;
    send(5);
    run(4900 * MS);
    assert_int_equal(nic->resets, 1);
    run(200 * MS);
    assert_int_equal(nic->resets, 2);
    blocked = false;
    send(1);
    run(20 * MS);
    stalls(VNET_BACKEND_BLOCKED, 1, 1);
    recoveries(VNET_DID_RESET, 1);
    said("recovered", "\"action\":\"reset\"");
    assert_in_range(number("recovered", "after_us"), 5000000, 7000000);
    traffic_flows();
}

/* ---- reception ---------------------------------------------------------------------------------
 */

static bool waits; /* somebody waits for frames, and asks the network when he is told to */
static unsigned asked;
static bool answers;

/* A turn each 5 ms, with what the stack does. */
static void run_asking(uint64_t ns)
{
    for (uint64_t end = sim_now_ns + ns; sim_now_ns < end;) {
        turn(5 * MS);
        if (vnet_rx_silent(vn)) {
            asked += waits;
            vnet_rx_probed(vn, waits);
            if (waits && answers)
                sim_rx(nic, frame, 60);
        }
    }
}

static int setup_reception(void **state)
{
    waits = answers = false;
    asked = 0;
    return setup(state);
}

static void silence_that_nobody_minds_is_none(void **state)
{
    (void)state;
    run_asking(10 * MIN);
    assert_int_equal(asked, 0);
    nothing_was_said();
}

static void network_that_answers_is_asked_now_and_then(void **state)
{
    (void)state;
    waits = answers = true;
    run_asking(10 * MIN);
    assert_in_range(asked, 180, 200); /* every 3 s */
    nothing_was_said();
}

static void link_that_is_down_is_not_asked(void **state)
{
    (void)state;
    waits = true;
    nic->link_status = 0;
    sim_interrupt(nic, SIM_QUEUES);
    run_asking(10 * MIN);
    assert_int_equal(asked, 0);
    stalls(VNET_LINK_DOWN, 1, 0);
    assert_int_equal(nic->resets, 1);
}

static void silent_peer_costs_one_reset_and_is_named(void **state)
{
    (void)state;
    waits = true;
    run_asking(5900 * MS); /* asked at 3, 4 and 5 s */
    assert_int_equal(asked, 3);
    assert_int_equal(nic->resets, 1);
    run_asking(200 * MS);
    assert_int_equal(nic->resets, 2);
    stalls(VNET_CAUSES, 0, 0);
    run_asking(4 * S);
    stalls(VNET_PEER_SILENT, 1, 0);
    said("stall", "\"queue\":\"rx\",\"dir\":\"rx\",\"cause\":\"peer_silent\"");
    assert_in_range(number("stall", "stalled_us"), 9000000, 10000000);
    asked = 0;
    run_asking(10 * MIN);
    assert_in_range(asked, 10, 60); /* ever less often */
    assert_int_equal(nic->resets, 2);
    assert_int_equal(sim_records("stall"), 1);
    sim_rx(nic, frame, 60);
    run_asking(50 * MS);
    recoveries(VNET_DID_NOTHING, 1);
    said("recovered", "\"cause\":\"peer_silent\",\"action\":\"none\"");
    asked = 0;
    run_asking(20 * S); /* and if it is silent again, the same again */
    assert_int_equal(nic->resets, 3);
    stalls(VNET_PEER_SILENT, 2, 0);
    waits = false;
    run_asking(2 * MIN);
    recoveries(VNET_DID_NOTHING, 2);
    assert_int_equal(nic->resets, 3);
}

static void reception_that_a_reset_helps_was_the_devices_fault(void **state)
{
    (void)state;
    waits = true;
    run_asking(6 * S);
    answers = true;
    run_asking(S);
    assert_int_equal(nic->resets, 2);
    stalls(VNET_BACKEND_BLOCKED, 1, 1);
    recoveries(VNET_DID_RESET, 1);
    said("stall", "\"queue\":\"rx\"");
    assert_in_range(number("recovered", "after_us"), 6000000, 7000000);
}

/* The sender just pauses, and begins again right behind a repeated doorbell. */
static void doorbell_that_was_not_wanted_is_not_credited(void **state)
{
    (void)state;
    rx_due = true;
    for (unsigned i = 0; i < 100; i++) {
        unsigned rung;

        sim_rx(nic, frame, 60);
        run(60 * MS);
        for (rung = nic->q[SIM_RXQ].doorbells; nic->q[SIM_RXQ].doorbells == rung;)
            turn(MS);
    }
    stalls(VNET_CAUSES, 0, 0);
}

/* The device has used all buffers and does not hear of new ones. */
static void lost_kick_of_receive_is_named(void **state)
{
    (void)state;
    rx_due = true;
    for (unsigned i = 0; i < 10; i++) {
        run(300 * MS);
        while (sim_rx(nic, frame, 60))
            ;
        nic->doorbells_lost = true;
        run(20 * MS);
        nic->doorbells_lost = false;
        for (unsigned k = 0; k < 60 && !sim_rx(nic, frame, 60); k++)
            turn(5 * MS);
        run(2 * MS);
        turn(MS);
        stalls(VNET_LOST_KICK, i + 1, 0);
        recoveries(VNET_DID_KICK, i + 1);
    }
    said("stall", "\"queue\":\"rx\",\"dir\":\"rx\",\"cause\":\"lost_kick\"");
}

/* ---- a device that breaks
 * ------------------------------------------------------------------------
 */

static void broken_device_is_named_with_its_reason(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        run(2 * S);
        sim_needs_reset(nic);
        run(20 * MS);
        stalls(VNET_DEVICE_BROKEN, i + 1, i + 1);
        recoveries(VNET_DID_RESET, i + 1);
        said("stall", "\"queue\":\"all\",\"dir\":\"both\",\"cause\":\"device_broken\"");
        said("stall", "\"why\":\"it asks for a reset\"");
        said("recovered", "\"action\":\"reset\"");
        assert_true(number("recovered", "after_us") < 2000000);
        assert_int_equal(totals().resets, i + 1);
        traffic_flows();
    }
}

static void records_are_few_and_counts_exact(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 200; i++) {
        nic->link_status = 0;
        sim_interrupt(nic, SIM_QUEUES);
        turn(MS);
        turn(MS);
        nic->link_status = 1;
        sim_interrupt(nic, SIM_QUEUES);
        turn(MS);
        turn(MS);
    }
    stalls(VNET_LINK_DOWN, 200, 0);
    recoveries(VNET_DID_NOTHING, 200);
    assert_int_equal(sim_records("stall"), 8);
    assert_int_equal(sim_records("recovered"), 8);
    run(3 * S);
    for (unsigned i = 0; i < 10; i++) {
        nic->link_status ^= 1;
        sim_interrupt(nic, SIM_QUEUES);
        turn(MS);
        turn(MS);
    }
    assert_in_range(sim_records("stall"), 8 + 3, 8 + 4);
}

/* ---- faults that were asked for
 * ------------------------------------------------------------------
 */

static void dropped_kick_is_our_own_doing(void **state)
{
    (void)state;
    ask(FAULT_DROP_KICK_TX, 1, 0, UINT64_MAX);
    sim_collect = true; /* a doorbell is owed */
    run(10 * MS);
    for (unsigned i = 0; i < 10; i++) {
        send(2);
        run(300 * MS);
    }
    stalls(VNET_LOST_KICK, 10, 0);
    recoveries(VNET_DID_KICK, 10);
    said("stall", "\"injected\":true");
    assert_true(vnet_gap_max_ns(vn, true) < 250 * MS);
    assert_true(sim_breached("2.7.10.1"));
}

static void what_is_not_reaped_is_the_guests_doing(void **state)
{
    const uint64_t start = sim_now_ns;

    (void)state;
    ask(FAULT_NO_REAP, 1, start + S, start + 9 * S);
    run(1100 * MS);
    send(5);
    run(249 * MS);
    stalls(VNET_GUEST_LATE, 1, 0);
    said("stall", "\"injected\":true");
    run(8 * S);
    stalls(VNET_GUEST_LATE, 1, 0);
    recoveries(VNET_DID_POLL, 1);
    assert_int_equal(nic->resets, 1);
    assert_true(vnet_gap_max_ns(vn, true) < 20 * MS); /* after the window's end */
    traffic_flows();
}

static void bad_head_ends_in_one_reset_that_is_not_held_against_the_device(void **state)
{
    (void)state;
    run(S);
    ask(FAULT_BAD_HEAD, 0, 0, UINT64_MAX);
    sim_collect = true;
    blocked = true;
    turn(MS);
    turn(MS);
    sim_needs_reset(nic); /* as a device does that looks */
    assert_true(sim_violation[0] != '\0');
    sim_violation[0] = '\0';
    sim_collect = false;
    run(20 * MS);
    blocked = false;
    run(600 * MS);
    stalls(VNET_DEVICE_BROKEN, 1, 0);
    recoveries(VNET_DID_RESET, 1);
    said("stall", "\"injected\":true");
    assert_int_equal(totals().resets, 0);
    assert_int_equal(sim_records("error"), 0);
    traffic_flows();
    run(S);
    sim_needs_reset(nic); /* this one is */
    run(2 * S);
    assert_int_equal(totals().resets, 1);
    assert_int_equal(totals().stalls_judged, 1);
    assert_int_equal(sim_records("error"), 1);
}

static void periodic_resets_are_survived(void **state)
{
    (void)state;
    ask(FAULT_RESET, S, 0, UINT64_MAX);
    for (unsigned i = 0; i < 1000; i++) {
        sim_rx(nic, frame, 60);
        send(2);
        run(10 * MS);
        assert_true(vnet_check(vn));
    }
    assert_in_range(nic->resets, 10, 12);
    stalls(VNET_CAUSES, 0, 0);
    assert_int_equal(totals().resets, 0);
}

/* ---- buffers that are lost
 * -----------------------------------------------------------------------
 */

static void lost_buffer_is_found_and_the_bookkeeping_begins_anew(void **state)
{
    (void)state;
    ask(FAULT_LOSE_BUFFER, 2 * S, 0, UINT64_MAX);
    for (unsigned i = 1; i <= 10; i++) {
        send(5);
        sim_rx(nic, frame, 60);
        blocked = i % 2; /* with frames on the way, and without */
        run(20 * MS);
        assert_false(vnet_audit(vn));
        vnet_repair(vn);
        assert_true(vnet_audit(vn)); /* at work: not to be counted again */
        blocked = false;
        run(1900 * MS);
        assert_true(vnet_audit(vn));
        assert_int_equal(totals().violations, i);
        assert_int_equal(sim_records("error"), i);
        assert_int_equal(vnet_tx_room(vn, false), 256); /* all of them */
        traffic_flows();
        run(60 * MS);
    }
    assert_int_equal(totals().resets, 0);
    stalls(VNET_CAUSES, 0, 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define R(name) cmocka_unit_test_setup_teardown(name, setup_reception, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(idle_is_no_stall),
        T(frames_now_and_then_are_no_stall),
        T(traffic_without_a_pause_is_no_stall),
        T(link_down_is_said_once_and_left_alone),
        T(time_in_which_we_did_not_run_is_nobodys_stall),
        T(late_record_says_how_much_of_it_was_sleep),
        T(short_pauses_of_the_guest_are_measured_only),
        T(lost_kick_is_named_and_repaired),
        T(slow_device_does_not_pass_for_a_lost_kick),
        T(lost_interrupt_is_counted),
        T(interrupts_lost_for_minutes_do_not_flood),
        T(late_interrupt_is_not_lost),
        T(interrupt_is_not_missed_while_none_can_come),
        T(interrupts_that_come_are_never_called_lost),
        T(blocked_backend_is_named_within_250_ms),
        T(blocked_backend_is_reset_less_and_less_often),
        T(device_that_a_reset_helps_is_credited_to_it),
        R(silence_that_nobody_minds_is_none),
        R(network_that_answers_is_asked_now_and_then),
        R(link_that_is_down_is_not_asked),
        R(silent_peer_costs_one_reset_and_is_named),
        R(reception_that_a_reset_helps_was_the_devices_fault),
        R(doorbell_that_was_not_wanted_is_not_credited),
        R(lost_kick_of_receive_is_named),
        T(broken_device_is_named_with_its_reason),
        T(records_are_few_and_counts_exact),
        T(dropped_kick_is_our_own_doing),
        T(what_is_not_reaped_is_the_guests_doing),
        T(bad_head_ends_in_one_reset_that_is_not_held_against_the_device),
        T(periodic_resets_are_survived),
        T(lost_buffer_is_found_and_the_bookkeeping_begins_anew),
    };

    return cmocka_run_group_tests_name("watch", tests, NULL, NULL);
}
