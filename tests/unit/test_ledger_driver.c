// SPDX-License-Identifier: BSD-3-Clause
/*
 * The driver's pools at their bounds, for every kind of ring and size of buffer: the receive pool
 * is the full ring and what the stack can hold at once, the transmit pool is the ring. All of it is
 * used and no more is asked for; with one receive buffer less a frame is lost.
 */
#include <string.h>
#include "virtio_net_state.h"
#include "vnet_rig.h"

static const struct kind {
    const char *name;
    uint64_t offer;
    uint16_t ring, mtu;
    uint32_t buf_bytes;
} kinds[] = {
    {"small", 0, 1024, 1500, CONFIG_BUF_BYTES_STD},
    {"small, packed", SIM_F_RING_PACKED, 1024, 1500, CONFIG_BUF_BYTES_STD},
    {"small, 256", 0, 256, 1500, CONFIG_BUF_BYTES_STD},
    {"small, 2", 0, 2, 1500, CONFIG_BUF_BYTES_STD},
    {"jumbo", SIM_F_MTU, 1024, CONFIG_MTU_MAX, CONFIG_BUF_BYTES_MAX},
    {"jumbo, packed", SIM_F_MTU | SIM_F_RING_PACKED, 1024, CONFIG_MTU_MAX, CONFIG_BUF_BYTES_MAX},
    {"merged", SIM_F_GUEST_CSUM | SIM_F_GUEST_TSO4 | SIM_F_GUEST_TSO6, 1024, 1500,
     CONFIG_RX_BIG > 0 ? CONFIG_BUF_BYTES_BIG : CONFIG_BUF_BYTES_STD},
};

#define FRAME_BYTES 64

static void up_as(const struct kind *kind)
{
    again();
    nic->mtu = kind->mtu;
    nic->q[SIM_RXQ].max = nic->q[SIM_TXQ].max = kind->ring;
    up_with(kind->offer);
    assert_int_equal(vn->rx_bufs[0].cap, kind->buf_bytes);
}

static void down(void)
{
    sim_settled(nic);
    assert_true(vnet_check(vn));
}

static unsigned take(unsigned n)
{
    unsigned got;

    while ((got = vnet_rx_poll(vn, frames + n, CONFIG_RX_BATCH)) > 0)
        n += got;
    return n;
}

/* As many frames arrive as there are buffers beyond the ring's; the stack keeps what it gets, and
 * the ring is full all the same. Returns how many it got. */
static unsigned drive_rx(void)
{
    unsigned n = 0;

    for (unsigned i = 0; i < vn->rx_spares; i++) {
        if (!sim_rx(nic, frame, FRAME_BYTES)) {
            n = take(n);
            assert_true(sim_rx(nic, frame, FRAME_BYTES));
        }
    }
    n = take(n);
    assert_int_equal(vq_outstanding(&vn->rx.vq), vn->rx_target);
    assert_true(vn->rx.posted_min + vn->rx_batch >= vn->rx_target);
    return n;
}

static void release(unsigned n)
{
    while (n > 0)
        vnet_rx_release(vn, frames[--n]);
}

static void receive_buffers_reach_their_bound(void **state)
{
    (void)state;
    for (const struct kind *kind = kinds; kind < kinds + COUNT(kinds); kind++) {
        up_as(kind);
        const unsigned n = drive_rx();

        assert_int_equal(n, CONFIG_RX_BATCH); /* one NIC has memory for a whole batch */
        assert_int_equal(n, vn->rx_spares);
        assert_int_equal(vn->rx_pool.n, vn->rx_ring + vn->rx_spares);
        assert_int_equal(vn->rx_pool.used_max, vn->rx_pool.n);
        assert_int_equal(vnet_alloc_failures(vn), 0);
        release(n);
        down();
    }
}

static void one_receive_buffer_less_loses_a_frame(void **state)
{
    (void)state;
    for (const struct kind *kind = kinds; kind < kinds + COUNT(kinds); kind++) {
        up_as(kind);
        struct netbuf *missing = netbuf_get(&vn->rx_pool);
        const unsigned n = drive_rx();

        assert_int_equal(n, vn->rx_spares - 1);
        assert_true(vn->rx_pool.failures > 0);
        assert_true(vn->rx_drops[VNET_RX_NO_BUFFER] > 0);
        release(n);
        netbuf_put(&vn->rx_pool, missing);
        down();
    }
}

/* The device completes nothing: frames go into the ring until it is full, and then the pool is
 * empty as well. One more is back-pressure, no failure. */
static void transmit_buffers_reach_their_bound(void **state)
{
    (void)state;
    for (const struct kind *kind = kinds; kind < kinds + COUNT(kinds); kind++) {
        struct netbuf *nb;
        unsigned n = 0;

        up_as(kind);
        while ((nb = vnet_tx_get(vn, false)) != NULL) {
            memcpy(netbuf_frame(nb), frame, FRAME_BYTES);
            nb->len = FRAME_BYTES;
            assert_true(vnet_tx(vn, nb));
            n++;
        }
        vnet_tx_flush(vn);
        assert_int_equal(n, vn->tx_pool.n);
        assert_int_equal(n, vn->tx.vq.size);
        assert_int_equal(vn->tx_pool.used_max, vn->tx_pool.n);
        assert_int_equal(vn->tx_drops[VNET_TX_FULL], 1);
        assert_int_equal(vnet_alloc_failures(vn), 0);
        assert_int_equal(sim_tx(nic, n), n);
        assert_int_equal(vnet_tx_reclaim(vn), n);
        down();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(receive_buffers_reach_their_bound),
        T(one_receive_buffer_less_loses_a_frame),
        T(transmit_buffers_reach_their_bound),
    };

    return cmocka_run_group_tests_name("ledger_driver", tests, NULL, NULL);
}
