// SPDX-License-Identifier: BSD-3-Clause
/*
 * Bring-up that fails half way, again and again: behind the receive queue, because the transmit
 * queue is gone, lies nowhere, or is refused. However far it came, each buffer has one owner, the
 * receive ring's promise is about the ring there is now, and when the device is whole again traffic
 * flows.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "config.h"
#include "sim.h"
#include "virtio_net.h"

#define MS      1000000ull
#define NO_BELL 0xfff0 /* a doorbell outside of the structure */

static struct sim_nic *nic;
static struct vnet *vn;
static struct netbuf *frames[CONFIG_RX_RING];
static uint8_t frame[1514];

static int setup(void **state)
{
    static const struct vnet_options opt[CONFIG_NICS];

    (void)state;
    sim_power_on();
    nic = sim_add_nic(3);
    for (unsigned i = 0; i < sizeof(frame); i++)
        frame[i] = (uint8_t)(i * 31 + (i >> 8));
    assert_int_equal(vnet_probe(opt), 1);
    vn = vnet_get(0);
    sim_now_ns += 600 * MS; /* the first reset need not wait */
    vnet_heartbeat(vn, sim_now_ns);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    sim_settled(nic);
    assert_true(vnet_check(vn));
    sim_power_off();
    return 0;
}

static char *json_of(void (*write)(const struct vnet *, struct json *), bool array)
{
    static char text[4096];
    struct json j;

    json_init(&j, text, sizeof(text));
    if (array)
        json_array(&j, NULL);
    else
        json_object(&j, NULL);
    write(vn, &j);
    if (array)
        json_end_array(&j);
    else
        json_end_object(&j);
    assert_true(json_finish(&j) > 0);
    return text;
}

/* The number behind `key` behind `part` in the statistics. */
static unsigned long number(const char *text, const char *part, const char *key)
{
    const char *at = strstr(text, part);

    assert_non_null(at);
    at = strstr(at, key);
    assert_non_null(at);
    return strtoul(at + strlen(key), NULL, 10);
}

static unsigned long stat(const char *queue, const char *key)
{
    char part[64], name[64];

    snprintf(part, sizeof(part), "\"queue\":\"%s\"", queue);
    snprintf(name, sizeof(name), "\"%s\":", key);
    return number(json_of(vnet_json_queues, true), part, name);
}

static unsigned long owned(const char *pool, const char *owner)
{
    char part[64], name[64];

    snprintf(part, sizeof(part), "%s\":{", pool);
    snprintf(name, sizeof(name), "\"%s\":", owner);
    return number(json_of(vnet_json_buffers, false), part, name);
}

static void turns(unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        sim_now_ns += 10 * MS;
        vnet_heartbeat(vn, sim_now_ns);
        assert_true(vnet_check(vn));
    }
}

static bool send(uint32_t len)
{
    struct netbuf *nb = vnet_tx_get(vn, true);

    if (nb == NULL)
        return false;
    memcpy(netbuf_frame(nb), frame, len);
    nb->len = len;
    if (vnet_tx(vn, nb))
        return true;
    vnet_tx_put(vn, nb);
    return false;
}

static void traffic_flows(void)
{
    for (unsigned i = 0; i < 2000; i++) {
        assert_true(sim_rx(nic, frame, 60 + i % 1400));
        assert_int_equal(vnet_rx_poll(vn, frames, CONFIG_RX_RING), 1);
        assert_memory_equal(netbuf_frame(frames[0]), frame, 60 + i % 1400);
        vnet_rx_release(vn, frames[0]);
        assert_true(send(100));
        vnet_tx_flush(vn);
        assert_int_equal(sim_tx(nic, 1), 1);
        assert_int_equal(vnet_tx_reclaim(vn), 1);
        assert_true(vnet_check(vn));
    }
}

/* What may be wrong with the transmit queue. */
enum { GONE, NO_DOORBELL, ONE_QUEUE, BREAKS };

static void break_tx(unsigned how)
{
    if (how == GONE)
        nic->q[SIM_TXQ].max = 0;
    else if (how == NO_DOORBELL)
        nic->q[SIM_TXQ].notify_off = NO_BELL;
    else
        nic->num_queues = 1;
}

/* The device is told to go, and comes back with a receive ring of this size and no usable transmit
 * queue: bring-up is tried, fails behind the receive queue, and is tried again. */
static void fail_behind_rx(unsigned how, uint16_t rx_ring)
{
    unsigned tries = nic->resets;

    nic->q[SIM_RXQ].max = rx_ring;
    break_tx(how);
    sim_needs_reset(nic);
    turns(400);
    assert_true(nic->resets >= tries + 4);
    assert_int_not_equal(nic->status, 0x0f);
    assert_int_equal(stat("rx", "size"), rx_ring);
}

static void mend(uint16_t notify_off)
{
    nic->q[SIM_TXQ].max = 256;
    nic->q[SIM_TXQ].notify_off = notify_off;
    nic->num_queues = SIM_QUEUES;
    turns(100);
    assert_int_equal(nic->status, 0x0f);
}

/* Receive rings that are smaller, the same and larger than the one before. */
static const uint16_t rings[] = {16, 256, 2, 2, 128, 256, 256};

static void every_buffer_has_one_owner_while_bring_up_fails_behind_the_receive_queue(void **state)
{
    const unsigned long rx = owned("rx", "size"), tx = owned("tx", "size");
    const uint16_t bell = nic->q[SIM_TXQ].notify_off;

    (void)state;
    for (unsigned how = 0; how < BREAKS; how++) {
        for (unsigned i = 0; i < sizeof(rings) / sizeof(rings[0]); i++) {
            assert_true(sim_rx(nic, frame, 60));
            assert_int_equal(vnet_rx_poll(vn, frames, 1), 1); /* one is with the stack meanwhile */
            assert_true(send(60));                            /* and one with the device */
            vnet_tx_flush(vn);
            fail_behind_rx(how, rings[i]);
            assert_int_equal(owned("rx", "free"), rx - 1);
            assert_int_equal(owned("rx", "stack"), 1);
            assert_int_equal(owned("rx", "device"), 0);
            assert_int_equal(owned("tx", "free"), tx);
            assert_int_equal(stat("rx", "posted"), 0);
            assert_int_equal(stat("tx", "posted"), 0);
            vnet_rx_release(vn, frames[0]);
            mend(bell);
            assert_int_equal(owned("rx", "device"), rings[i]);
            assert_int_equal(owned("rx", "free"), rx - rings[i]);
            traffic_flows();
        }
    }
}

static void fewest_posted_is_about_the_ring_there_is(void **state)
{
    const uint16_t bell = nic->q[SIM_TXQ].notify_off;

    (void)state;
    for (unsigned i = 0; i < sizeof(rings) / sizeof(rings[0]); i++) {
        uint16_t batch = rings[i] < 2 * CONFIG_RX_BATCH ? rings[i] / 2 : CONFIG_RX_BATCH;
        fail_behind_rx(GONE, rings[i]);
        assert_in_range(stat("rx", "posted_min"), rings[i] - batch, rings[i]);
        mend(bell);
        traffic_flows();
        assert_in_range(stat("rx", "posted_min"), rings[i] - batch, rings[i]);
    }
}

static void a_nic_whose_bring_up_failed_takes_and_gives_nothing(void **state)
{
    const uint16_t bell = nic->q[SIM_TXQ].notify_off;

    (void)state;
    fail_behind_rx(GONE, 256);
    assert_int_equal(vnet_rx_poll(vn, frames, CONFIG_RX_RING), 0);
    assert_false(send(60));
    assert_int_equal(vnet_tx_room(vn, false), 0);
    assert_int_equal(vnet_tx_reclaim(vn), 0);
    vnet_tx_flush(vn);
    mend(bell);
    traffic_flows();
}

static void a_transmit_queue_that_is_refused_at_boot_leaves_the_device_reset(void **state)
{
    static const struct vnet_options opt[CONFIG_NICS];

    (void)state;
    for (unsigned how = 0; how < BREAKS; how++) {
        sim_power_off();
        sim_power_on();
        nic = sim_add_nic(3);
        break_tx(how);
        assert_int_equal(vnet_probe(opt), 0);
        assert_int_equal(nic->q[SIM_RXQ].exposed_n, 0);
        assert_int_equal(nic->q[SIM_RXQ].doorbells, 0);
        assert_true(nic->resetting || nic->status == 0);
        assert_false(sim_fn_masters(nic->fn));
    }
    sim_power_off();
    setup(NULL);
}

/* A reset that nobody asked the device to be blamed for: nothing is received, and nobody answers.
 */
static void reset_for_silence(void)
{
    for (unsigned i = 0; i < 2000 && nic->resets == 1 && !nic->resetting; i++) {
        turns(1);
        if (vnet_rx_silent(vn))
            vnet_rx_probed(vn, true);
    }
    assert_true(nic->resetting || nic->resets == 2);
}

static void was_named(const char *why)
{
    struct vnet_totals t;

    assert_int_equal(sim_records("stall"), 1);
    assert_non_null(strstr(sim_record("stall"), "\"cause\":\"device_broken\""));
    assert_non_null(strstr(sim_record("stall"), why));
    vnet_totals(vn, &t);
    assert_int_equal(t.stalls[VNET_DEVICE_BROKEN], 1);
    assert_int_equal(t.stalls_judged, 1);
    turns(300); /* said once, however long it lasts */
    assert_int_equal(sim_records("stall"), 1);
    assert_int_equal(sim_records("recovered"), 0);
}

static void a_device_that_cannot_be_brought_up_again_is_named(void **state)
{
    const uint16_t bell = nic->q[SIM_TXQ].notify_off;

    (void)state;
    break_tx(GONE);
    reset_for_silence();
    turns(25);
    was_named("it has no transmit queue");
    mend(bell);
    assert_int_equal(sim_records("recovered"), 1);
    assert_non_null(strstr(sim_record("recovered"), "\"action\":\"reset\""));
    traffic_flows();
}

static void a_reset_that_does_not_end_is_named(void **state)
{
    (void)state;
    nic->reset_never = true;
    reset_for_silence();
    turns(25);
    was_named("it does not complete a reset");
    nic->reset_never = false;
    turns(110);
    assert_int_equal(sim_records("recovered"), 1);
    traffic_flows();
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(every_buffer_has_one_owner_while_bring_up_fails_behind_the_receive_queue),
        T(fewest_posted_is_about_the_ring_there_is),
        T(a_nic_whose_bring_up_failed_takes_and_gives_nothing),
        T(a_transmit_queue_that_is_refused_at_boot_leaves_the_device_reset),
        T(a_device_that_cannot_be_brought_up_again_is_named),
        T(a_reset_that_does_not_end_is_named),
    };
    return cmocka_run_group_tests_name("virtio_net_up", tests, NULL, NULL);
}
