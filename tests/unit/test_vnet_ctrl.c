// SPDX-License-Identifier: BSD-3-Clause
/*
 * The control queue and what it is for, driver against simulated device; and devices with several
 * queue pairs, which move it.
 */
#include "vnet_rig.h"

#define ANNOUNCE (SIM_F_CTRL_VQ | SIM_F_GUEST_ANNOUNCE)

static uint8_t command[2]; /* class, command */

/* The device asks, the stack announces, the driver tells. */
static void ask_and_announce(void)
{
    sim_announce(nic);
    turn(MS);
    assert_true(vnet_announce_due(vn));
    vnet_announced(vn);
    assert_false(vnet_announce_due(vn));
}

static void announcement_is_asked_for_made_and_confirmed(void **state)
{
    static const uint64_t rings[] = {0, SIM_F_RING_PACKED};

    (void)state;
    for (unsigned r = 0; r < 2; r++)
        for (unsigned answer = 0; answer < 3; answer++) {
            again();
            up_with(ANNOUNCE | rings[r]);
            assert_false(vnet_announce_due(vn));
            for (unsigned i = 0; i < 300; i++) {
                ask_and_announce();
                assert_true(sim_ctrl(nic, (uint8_t)answer, command));
                assert_int_equal(command[0], 3); /* [5.1.6.5.4] */
                assert_int_equal(command[1], 0);
                nic->link_status &= (uint16_t)~2;
                turn(MS);
                turn(1000 * MS);
                assert_false(vnet_announce_due(vn));
                assert_false(sim_ctrl(nic, 0, command));
            }
            assert_int_equal(stat_of("ctrl", "packets"), 300);
            assert_int_equal(stat_of("ctrl", "timeout"), 0);
            assert_int_equal(nic->resets, 1);
            traffic_flows(1);
        }
}

static void announcement_is_made_once_until_it_is_confirmed(void **state)
{
    (void)state;
    up_with(ANNOUNCE);
    ask_and_announce();
    for (unsigned i = 0; i < 10; i++) { /* the device goes on to ask meanwhile */
        sim_announce(nic);
        turn(100 * MS);
        assert_false(vnet_announce_due(vn));
    }
    assert_true(sim_ctrl(nic, 0, command));
    turn(MS);
    turn(100 * MS); /* and afterwards: once more */
    assert_true(vnet_announce_due(vn));
}

/* It never takes its wish back, and interrupts each turn. */
static void device_that_asks_for_ever_gets_one_announcement_a_second(void **state)
{
    unsigned n = 0;

    (void)state;
    up_with(ANNOUNCE);
    for (unsigned i = 0; i < 10000; i++) {
        sim_announce(nic);
        turn(MS);
        if (vnet_announce_due(vn)) {
            vnet_announced(vn);
            assert_true(sim_ctrl(nic, 0, command));
            n++;
        }
    }
    assert_int_equal(n, 10);
}

static void device_that_never_answers_is_asked_no_more(void **state)
{
    (void)state;
    up_with(ANNOUNCE);
    turn(MS);
    ask_and_announce();
    for (unsigned i = 0; i < 100; i++) {
        turns(10, 10 * MS);
        traffic_flows(1);
        assert_false(vnet_announce_due(vn));
    }
    assert_int_equal(stat_of("ctrl", "timeout"), 1);
    assert_int_equal(stat_of("ctrl", "packets"), 0);
    assert_int_equal(nic->resets, 1);
    sim_announce(nic);
    turn(MS);
    assert_false(vnet_announce_due(vn));
    assert_true(sim_ctrl(nic, 0, command)); /* an answer after all: it is not looked at */
    turn(MS);
    traffic_flows(1);
    recover();
    assert_int_equal(nic->resets, 2);
    assert_true(vnet_announce_due(vn)); /* it still asks, and has another chance */
    vnet_announced(vn);
    assert_true(sim_ctrl(nic, 0, command));
    turn(MS);
    assert_int_equal(stat_of("ctrl", "packets"), 1);
}

/* Time in which nobody ran counts for nothing. */
static void answer_has_its_time_without_pauses_of_the_host(void **state)
{
    struct vnet_totals t;

    (void)state;
    up_with(ANNOUNCE);
    turn(MS);
    ask_and_announce();
    turn(300 * 1000 * MS);
    turn(MS);
    vnet_totals(vn, &t);
    assert_int_equal(t.errors, 0);
    for (unsigned i = 0; i < 250; i++)
        turn(10 * MS);
    vnet_totals(vn, &t);
    assert_int_equal(t.errors, 1);
}

static void reset_takes_a_command_back(void **state)
{
    (void)state;
    up_with(ANNOUNCE);
    for (unsigned i = 1; i < 10; i++) {
        ask_and_announce();
        nic->link_status &= (uint16_t)~2;
        recover();
        assert_int_equal(nic->resets, 1 + i);
        assert_int_equal(stat_of("ctrl", "timeout"), 0);
    }
    ask_and_announce();
    assert_true(sim_ctrl(nic, 0, command));
    turn(MS);
    assert_int_equal(stat_of("ctrl", "packets"), 1);
}

static void lost_doorbell_of_a_command_is_repeated(void **state)
{
    (void)state;
    up_with(ANNOUNCE);
    nic->doorbells_lost = true;
    ask_and_announce();
    assert_false(sim_ctrl(nic, 0, command));
    nic->doorbells_lost = false;
    turn(100 * MS);
    assert_true(sim_ctrl(nic, 0, command));
    turn(MS);
    assert_int_equal(stat_of("ctrl", "packets"), 1);
}

static void lies_about_a_command_cost_one_reset(void **state)
{
    static const struct {
        uint32_t id, len;
    } lies[] = {{1000, 1}, {0xffffffff, 1}, {5, 1}, {0, 2}, {0, 0xffffffff}};

    (void)state;
    for (unsigned i = 0; i < COUNT(lies); i++) {
        uint16_t id;

        again();
        up_with(ANNOUNCE);
        ask_and_announce();
        assert_true(sim_take(nic, SIM_CTLQ, &id));
        sim_use_raw(nic, SIM_CTLQ, lies[i].id, lies[i].len);
        nic->link_status &= (uint16_t)~2;
        turns(20, 100 * MS);
        assert_int_equal(nic->resets, 2);
        traffic_flows(1);
        ask_and_announce();
        assert_true(sim_ctrl(nic, 0, command));
    }
}

static void nic_without_a_usable_control_queue_works(void **state)
{
    static const uint16_t sizes[] = {0, 1};

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        again();
        if (i < 2)
            nic->q[SIM_CTLQ].max = sizes[i];
        else
            nic->num_queues = 2;
        up_with(ANNOUNCE | SIM_F_MQ);
        assert_int_equal(nic->accepted & ANNOUNCE, ANNOUNCE);
        assert_false(nic->q[SIM_CTLQ].enabled);
        sim_announce(nic);
        turn(MS);
        assert_false(vnet_announce_due(vn));
        traffic_flows(1);
    }
}

static void control_queue_is_behind_all_pairs(void **state)
{
    static const struct {
        uint16_t pairs;
        bool accepted;
    } cases[] = {{1, true},       {2, true},       {4, true},  {256, true},   {0x3fff, true},
                 {0x8000, false}, {0x8001, false}, {0, false}, {65535, false}};

    (void)state;
    for (unsigned i = 0; i < COUNT(cases); i++) {
        again();
        nic->max_pairs = cases[i].pairs;
        if (cases[i].accepted)
            nic->num_queues = (uint16_t)(2 * cases[i].pairs + 1);
        nic->q[SIM_CTLQ].notify_off = 77;
        up_with(ANNOUNCE | SIM_F_MQ);
        assert_int_equal(!!(nic->accepted & SIM_F_MQ), cases[i].accepted);
        ask_and_announce(); /* the simulated device has just this queue beside the first pair */
        assert_true(sim_ctrl(nic, 0, command));
        turn(MS);
        assert_int_equal(stat_of("ctrl", "packets"), 1);
        traffic_flows(1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(announcement_is_asked_for_made_and_confirmed),
        T(announcement_is_made_once_until_it_is_confirmed),
        T(device_that_asks_for_ever_gets_one_announcement_a_second),
        T(device_that_never_answers_is_asked_no_more),
        T(answer_has_its_time_without_pauses_of_the_host),
        T(reset_takes_a_command_back),
        T(lost_doorbell_of_a_command_is_repeated),
        T(lies_about_a_command_cost_one_reset),
        T(nic_without_a_usable_control_queue_works),
        T(control_queue_is_behind_all_pairs),
    };
    return cmocka_run_group_tests_name("vnet_ctrl", tests, NULL, NULL);
}
