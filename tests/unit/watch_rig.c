// SPDX-License-Identifier: BSD-3-Clause
#include "watch_rig.h"

#include <string.h>

bool blocked;
bool mute;
uint8_t command[2];
bool rx_due;
static struct fault faults[FAULT_KINDS];

static void no_faults(void)
{
    memset(faults, 0, sizeof(faults));
    fault_init(faults);
}

void watch_up(uint64_t more)
{
    nic->offer &= ~SIM_F_RING_RESET;
    blocked = mute = rx_due = false;
    no_faults();
    sim_now_ns = S;
    up_with(more);
    vnet_heartbeat(vn, sim_now_ns);
}

int setup_watch(void **state)
{
    setup(state);
    watch_up(0);
    return 0;
}

int teardown_watch(void **state)
{
    no_faults();
    return teardown(state);
}

void ask(enum fault_kind kind, uint64_t n, uint64_t from_ns, uint64_t to_ns)
{
    faults[kind] = (struct fault){
        .asked = true, .windowed = from_ns > 0, .n = n, .from_ns = from_ns, .to_ns = to_ns};
    fault_init(faults);
}

void loop(uint64_t ns)
{
    sim_now_ns += ns;
    fault_turn(sim_now_ns);
    vnet_tx_reclaim(vn);
    vnet_rx_due(vn, rx_due);
    vnet_heartbeat(vn, sim_now_ns);
    receive();
    vnet_tx_flush(vn);
    if (!blocked && nic->status == status_up()) /* up, and without complaints */
        sim_tx(nic, 256);
    if (!mute && nic->status == status_up())
        sim_ctrl(nic, 0, command);
}

void run(uint64_t ns)
{
    for (uint64_t end = sim_now_ns + ns; sim_now_ns < end;)
        loop(end - sim_now_ns < 5 * MS ? end - sim_now_ns : 5 * MS);
}

struct vnet_totals totals(void)
{
    struct vnet_totals t;

    vnet_totals(vn, &t);
    return t;
}

void stalls(enum vnet_cause cause, uint64_t n, uint64_t judged)
{
    struct vnet_totals t = totals();

    for (unsigned i = 0; i < VNET_CAUSES; i++)
        if (t.stalls[i] != (i == cause ? n : 0) || t.judged[i] != (i == cause ? judged : 0))
            fail_msg("%llu of %s, %llu judged", (unsigned long long)t.stalls[i],
                     vnet_cause_name((enum vnet_cause)i), (unsigned long long)t.judged[i]);
}

void none_judged(void)
{
    struct vnet_totals t = totals();

    for (unsigned i = 0; i < VNET_CAUSES; i++)
        assert_int_equal(t.judged[i], 0);
}

void recoveries(enum vnet_action action, uint64_t n)
{
    struct vnet_totals t = totals();

    for (unsigned i = 0; i < VNET_ACTIONS; i++)
        if (t.recoveries[i] != (i == action ? n : 0))
            fail_msg("%llu times %s", (unsigned long long)t.recoveries[i],
                     vnet_action_name((enum vnet_action)i));
}

void nothing_was_said(void)
{
    stalls(VNET_CAUSES, 0, 0);
    recoveries(VNET_ACTIONS, 0);
    assert_int_equal(sim_records("stall"), 0);
    assert_int_equal(sim_records("recovered"), 0);
    assert_int_equal(nic->resets, 1); /* at boot */
}

void traffic_goes_on(void)
{
    uint64_t rx = totals().rx_packets, tx = nic->tx_frames;

    assert_true(sim_rx(nic, frame, 60));
    send_frames(1, 100);
    run(20 * MS);
    assert_int_equal(totals().rx_packets, rx + 1);
    assert_int_equal(nic->tx_frames, tx + 1);
}
