// SPDX-License-Identifier: BSD-3-Clause
/*
 * The control queue and what it is for, driver against simulated device; and devices with several
 * queue pairs, which move it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "config.h"
#include "sim.h"
#include "virtio_net.h"

#define MS       1000000ull
#define ANNOUNCE (SIM_F_CTRL_VQ | SIM_F_GUEST_ANNOUNCE)

static struct sim_nic *nic;
static struct vnet *vn;
static struct vnet_options opt[CONFIG_NICS];
static struct netbuf *frames[2];
static uint8_t frame[100];
static uint8_t said[2];

static int setup(void **state)
{
    (void)state;
    sim_power_on();
    nic = sim_add_nic(3);
    memset(opt, 0, sizeof(opt));
    vn = NULL;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    if (vn != NULL) {
        sim_settled(nic);
        assert_true(vnet_check(vn));
    }
    sim_power_off();
    return 0;
}

static void again(void)
{
    vn = NULL;
    sim_power_off();
    setup(NULL);
}

static void up(uint64_t more)
{
    nic->offer |= more;
    assert_int_equal(vnet_probe(opt), 1);
    vn = vnet_get(0);
}

static void turn(uint64_t ns)
{
    sim_now_ns += ns;
    vnet_heartbeat(vn, sim_now_ns);
}

static void traffic_flows(void)
{
    struct netbuf *nb;

    assert_true(sim_rx(nic, frame, 60));
    assert_int_equal(vnet_rx_poll(vn, frames, 2), 1);
    vnet_rx_release(vn, frames[0]);
    nb = vnet_tx_get(vn, true);
    memset(netbuf_frame(nb), 0, 100);
    nb->len = 100;
    assert_true(vnet_tx(vn, nb));
    vnet_tx_flush(vn);
    assert_int_equal(sim_tx(nic, 10), 1);
    assert_int_equal(vnet_tx_reclaim(vn), 1);
    assert_true(vnet_check(vn));
}

/* A number of the control queue's element of the stats; -1: there is none. */
static long stat(const char *key)
{
    static char text[8192];
    char needle[64];
    const char *at;
    struct json j;
    long v;

    json_init(&j, text, sizeof(text));
    json_array(&j, NULL);
    vnet_json_queues(vn, &j);
    json_end_array(&j);
    assert_true(json_finish(&j) > 0);
    at = strstr(text, "\"queue\":\"ctrl\"");
    if (at == NULL)
        return -1;
    snprintf(needle, sizeof(needle), "\"%s\":", key);
    at = strstr(at, needle);
    assert_non_null(at);
    assert_int_equal(sscanf(at + strlen(needle), "%ld", &v), 1);
    return v;
}

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
            up(ANNOUNCE | rings[r]);
            assert_false(vnet_announce_due(vn));
            for (unsigned i = 0; i < 300; i++) {
                ask_and_announce();
                assert_true(sim_ctrl(nic, (uint8_t)answer, said));
                assert_int_equal(said[0], 3); /* [5.1.6.5.4] */
                assert_int_equal(said[1], 0);
                nic->link_status &= (uint16_t)~2;
                turn(MS);
                turn(200 * MS);
                assert_false(vnet_announce_due(vn));
                assert_false(sim_ctrl(nic, 0, said));
            }
            assert_int_equal(stat("packets"), 300);
            assert_int_equal(stat("timeout"), 0);
            assert_int_equal(nic->resets, 1);
            traffic_flows();
        }
}

static void announcement_is_made_once_until_it_is_confirmed(void **state)
{
    (void)state;
    up(ANNOUNCE);
    ask_and_announce();
    for (unsigned i = 0; i < 10; i++) { /* the device goes on to ask meanwhile */
        sim_announce(nic);
        turn(100 * MS);
        assert_false(vnet_announce_due(vn));
    }
    assert_true(sim_ctrl(nic, 0, said));
    turn(MS);
    turn(100 * MS); /* and afterwards: once more */
    assert_true(vnet_announce_due(vn));
}

static void device_that_never_answers_is_asked_no_more(void **state)
{
    (void)state;
    up(ANNOUNCE);
    ask_and_announce();
    for (unsigned i = 0; i < 100; i++) {
        turn(100 * MS);
        traffic_flows();
        assert_false(vnet_announce_due(vn));
    }
    assert_int_equal(stat("timeout"), 1);
    assert_int_equal(stat("packets"), 0);
    assert_int_equal(nic->resets, 1);
    sim_announce(nic);
    turn(MS);
    assert_false(vnet_announce_due(vn));
    assert_true(sim_ctrl(nic, 0, said)); /* an answer after all: it is not looked at */
    turn(MS);
    traffic_flows();
    sim_needs_reset(nic);
    for (unsigned i = 0; i < 20; i++)
        turn(100 * MS);
    assert_int_equal(nic->resets, 2);
    assert_true(vnet_announce_due(vn)); /* it still asks, and has another chance */
    vnet_announced(vn);
    assert_true(sim_ctrl(nic, 0, said));
    turn(MS);
    assert_int_equal(stat("packets"), 1);
}

static void reset_takes_a_command_back(void **state)
{
    (void)state;
    up(ANNOUNCE);
    for (unsigned i = 1; i < 10; i++) {
        ask_and_announce();
        sim_needs_reset(nic);
        nic->link_status &= (uint16_t)~2;
        for (unsigned k = 0; k < 20; k++)
            turn(100 * MS);
        assert_int_equal(nic->resets, 1 + i);
        assert_int_equal(stat("timeout"), 0);
    }
    ask_and_announce();
    assert_true(sim_ctrl(nic, 0, said));
    turn(MS);
    assert_int_equal(stat("packets"), 1);
}

static void lost_doorbell_of_a_command_is_repeated(void **state)
{
    (void)state;
    up(ANNOUNCE);
    nic->doorbells_lost = true;
    ask_and_announce();
    assert_false(sim_ctrl(nic, 0, said));
    nic->doorbells_lost = false;
    turn(100 * MS);
    assert_true(sim_ctrl(nic, 0, said));
    turn(MS);
    assert_int_equal(stat("packets"), 1);
}

static void lies_about_a_command_cost_one_reset(void **state)
{
    static const struct {
        uint32_t id, len;
    } lies[] = {{1000, 1}, {0xffffffff, 1}, {5, 1}, {0, 2}, {0, 0xffffffff}};

    (void)state;
    for (unsigned i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        uint16_t id;

        again();
        up(ANNOUNCE);
        ask_and_announce();
        assert_true(sim_take(nic, SIM_CTLQ, &id));
        sim_use_raw(nic, SIM_CTLQ, lies[i].id, lies[i].len);
        nic->link_status &= (uint16_t)~2;
        for (unsigned k = 0; k < 20; k++)
            turn(100 * MS);
        assert_int_equal(nic->resets, 2);
        traffic_flows();
        ask_and_announce();
        assert_true(sim_ctrl(nic, 0, said));
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
        up(ANNOUNCE | SIM_F_MQ);
        assert_int_equal(nic->accepted & ANNOUNCE, ANNOUNCE);
        assert_false(nic->q[SIM_CTLQ].enabled);
        sim_announce(nic);
        turn(MS);
        assert_false(vnet_announce_due(vn));
        traffic_flows();
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
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        again();
        nic->max_pairs = cases[i].pairs;
        if (cases[i].accepted)
            nic->num_queues = (uint16_t)(2 * cases[i].pairs + 1);
        nic->q[SIM_CTLQ].notify_off = 77;
        up(ANNOUNCE | SIM_F_MQ);
        assert_int_equal(!!(nic->accepted & SIM_F_MQ), cases[i].accepted);
        ask_and_announce(); /* the simulated device has just this queue beside the first pair */
        assert_true(sim_ctrl(nic, 0, said));
        turn(MS);
        assert_int_equal(stat("packets"), 1);
        traffic_flows();
    }
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(announcement_is_asked_for_made_and_confirmed),
        T(announcement_is_made_once_until_it_is_confirmed),
        T(device_that_never_answers_is_asked_no_more),
        T(reset_takes_a_command_back),
        T(lost_doorbell_of_a_command_is_repeated),
        T(lies_about_a_command_cost_one_reset),
        T(nic_without_a_usable_control_queue_works),
        T(control_queue_is_behind_all_pairs),
    };
    return cmocka_run_group_tests_name("vnet_ctrl", tests, NULL, NULL);
}
