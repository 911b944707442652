// SPDX-License-Identifier: BSD-3-Clause
/*
 * Large TCP segments that the device cuts, driver against simulated device: the headers in a
 * transmit buffer, the payload where it is; the device's header in front, which the simulation
 * checks against the frame; room in every kind of ring, and what a reset leaves of it.
 */
#include <string.h>
#include "vnet_rig.h"

#define ALL (SIM_F_CSUM | HOST_TSO)

static uint8_t payload[65536];

static int fill_payload(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof(payload); i++)
        payload[i] = (uint8_t)(i * 31 + (i >> 8));
    return 0;
}

static void put16(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

/* Ethernet, IP and TCP headers, with so many bytes of options, of a segment of so many bytes.
 * Returns their length. */
static uint32_t headers(uint8_t *h, bool ip6, uint32_t options, uint32_t bytes)
{
    uint32_t l4 = ip6 ? 54 : 34;

    memset(h, 0, l4 + 20 + options);
    put16(h + 12, ip6 ? 0x86dd : 0x0800);
    h[14] = ip6 ? 0x60 : 0x45;
    h[14 + (ip6 ? 6 : 9)] = 6;
    put16(h + 14 + (ip6 ? 4 : 2), bytes + 20 + options + (ip6 ? 0 : 20));
    h[l4 + 12] = (uint8_t)((20 + options) / 4 << 4);
    h[l4 + 13] = 0x18;
    return l4 + 20 + options;
}

/* Hands a segment to the driver, its payload in so many pieces. False: there was no room. */
static bool send(bool ip6, uint32_t options, uint16_t mss, uint32_t bytes, unsigned pieces)
{
    uint16_t first = (uint16_t)(pieces == 1 ? bytes : bytes / 3);
    struct vnet_tso tso = {.piece = {payload + 65536 - first, payload},
                           .piece_bytes = {first, (uint16_t)(bytes - first)},
                           .pieces = (uint16_t)pieces,
                           .mss = mss,
                           .ip6 = ip6};
    struct netbuf *nb = vnet_tx_get(vn, true);

    if (nb == NULL)
        return false;
    nb->len = headers(netbuf_frame(nb), ip6, options, bytes);
    nb->offload = NETBUF_CSUM_PARTIAL;
    nb->csum_start = ip6 ? 54 : 34;
    nb->csum_offset = 16;
    assert_true(vnet_tx_tso(vn, nb, &tso));
    return true;
}

/* The device's last frame is that segment. */
static void came(bool ip6, uint32_t options, uint16_t mss, uint32_t bytes, unsigned pieces)
{
    uint32_t first = pieces == 1 ? bytes : bytes / 3;
    uint8_t want[128], hdr[12] = {1, ip6 ? 4 : 1};
    uint32_t n = headers(want, ip6, options, bytes);

    sim_put16(hdr + 2, (uint16_t)n);
    sim_put16(hdr + 4, mss);
    sim_put16(hdr + 6, ip6 ? 54 : 34);
    sim_put16(hdr + 8, 16);
    assert_memory_equal(nic->tx_last_hdr, hdr, sim_header(nic));
    assert_int_equal(nic->tx_last_len, n + bytes);
    assert_memory_equal(nic->tx_last, want, n);
    assert_memory_equal(nic->tx_last + n, payload + 65536 - first, first);
    assert_memory_equal(nic->tx_last + n + first, payload, bytes - first);
}

static void small(void)
{
    struct netbuf *nb = vnet_tx_get(vn, false);

    memset(netbuf_frame(nb), 0x5a, 60);
    nb->len = 60;
    assert_true(vnet_tx(vn, nb));
}

/* Every kind of ring that changes how a frame is described. */
static const struct kind {
    const char *name;
    enum rig_kind kind;
    uint64_t offer;
} kinds[] = {
    {"split", RIG_SPLIT, 0},
    {"split, tables", RIG_SPLIT, SIM_F_INDIRECT_DESC},
    {"packed", RIG_PACKED, 0},
    {"packed, tables", RIG_PACKED, SIM_F_INDIRECT_DESC},
    {"legacy", RIG_LEGACY, 0},
    {"legacy, tables", RIG_LEGACY, SIM_F_INDIRECT_DESC},
    {"legacy, any layout", RIG_LEGACY, SIM_F_ANY_LAYOUT},
};
#define KINDS COUNT(kinds)

static void plug(const struct kind *k)
{
    rig_kind = k->kind;
    again();
    nic->offer &= ~(SIM_F_INDIRECT_DESC | SIM_F_ANY_LAYOUT);
    nic->offer |= k->offer;
}

static void up_as(const struct kind *k, uint64_t more)
{
    plug(k);
    up_with(more);
}

static void segment_reaches_the_device_as_it_is(void **state)
{
    static const struct {
        uint32_t options, bytes;
        uint16_t mss;
        unsigned pieces;
    } cases[] = {{0, 2921, 1460, 1}, {0, 64240, 1460, 1},   {0, 64240, 1460, 2}, {12, 4000, 536, 2},
                 {40, 1000, 999, 1}, {0, 65535 - 74, 1, 2}, {0, 3, 2, 2}};

    (void)state;
    for (unsigned k = 0; k < KINDS; k++) {
        up_as(&kinds[k], ALL);
        for (unsigned i = 0; i < COUNT(cases); i++)
            for (int ip6 = 0; ip6 < 2; ip6++) {
                assert_true(vnet_tx_cuts(vn, ip6));
                assert_true(
                    send(ip6, cases[i].options, cases[i].mss, cases[i].bytes, cases[i].pieces));
                small();
                vnet_tx_flush(vn);
                assert_int_equal(sim_tx(nic, 1), 1);
                came(ip6, cases[i].options, cases[i].mss, cases[i].bytes, cases[i].pieces);
                assert_int_equal(sim_tx(nic, 1), 1);
                assert_int_equal(nic->tx_last_len, 60);
                assert_int_equal(vnet_tx_reclaim(vn), 2);
            }
        assert_int_equal(stat_of("tx", "cut"), 2 * COUNT(cases));
        assert_int_equal(stat_of("tx", "bytes"), nic->tx_bytes);
    }
}

/* Each buffer given out has a place, whatever it becomes; none is lost when the ring is full again
 * and again. */
static void full_ring_refuses_before_it_gives_a_buffer(void **state)
{
    (void)state;
    for (unsigned k = 0; k < KINDS; k++) {
        up_as(&kinds[k], ALL);
        for (unsigned round = 0; round < 7; round++) {
            const unsigned room = vnet_tx_room(vn, true);
            unsigned n = 0;

            assert_int_equal(room, vnet_tx_most(vn));
            while (send(round % 2, 0, 1460, 5000 + n, 2))
                n++;
            assert_true(n >= room && n + CONFIG_TX_RESERVE <= CONFIG_TX_RING);
            assert_int_equal(vnet_tx_room(vn, true), 0);
            assert_true(vnet_tx_room(vn, false) > 0);
            small();
            vnet_tx_flush(vn);
            assert_int_equal(sim_tx(nic, 1000), n + 1);
            assert_int_equal(vnet_tx_reclaim(vn), n + 1);
            assert_true(vnet_check(vn));
        }
    }
}

static void short_ring_does_without(void **state)
{
    (void)state;
    for (unsigned k = 0; k < KINDS; k++)
        for (uint16_t max = 4; max <= 256; max *= 2) {
            plug(&kinds[k]);
            nic->q[SIM_TXQ].max = max;
            up_with(ALL);
            const bool tables = kinds[k].offer & SIM_F_INDIRECT_DESC;
            const unsigned descs =
                kinds[k].kind == RIG_LEGACY && !(kinds[k].offer & SIM_F_ANY_LAYOUT) ? 4 : 3;
            assert_int_equal(vnet_tx_cuts(vn, false),
                             (tables ? max : max / descs) >= 2 * CONFIG_TX_RESERVE);
            small();
            vnet_tx_flush(vn);
            assert_int_equal(sim_tx(nic, 2), 1);
        }
}

static void each_protocol_is_asked_for_by_itself(void **state)
{
    (void)state;
    for (unsigned set = 0; set < 4; set++) {
        again();
        up_with(SIM_F_CSUM | (set & 1 ? SIM_F_HOST_TSO4 : 0) | (set & 2 ? SIM_F_HOST_TSO6 : 0));
        assert_int_equal(vnet_tx_cuts(vn, false), set & 1 ? 1 : 0);
        assert_int_equal(vnet_tx_cuts(vn, true), set & 2 ? 1 : 0);
    }
    again();
    opt[0].features_off = SIM_F_CSUM;
    up_with(ALL);
    assert_false(vnet_tx_cuts(vn, false) || vnet_tx_cuts(vn, true));
}

/* What the device had is lost and ours again; whether it cuts is asked anew. */
static void reset_forgets_what_the_device_had(void **state)
{
    (void)state;
    for (unsigned k = 0; k < KINDS; k++) {
        up_as(&kinds[k], ALL);
        for (unsigned i = 0; i < 20; i++)
            assert_true(send(false, 0, 1460, 64240, 2));
        vnet_tx_flush(vn);
        assert_int_equal(sim_tx(nic, 3), 3);
        nic->offer &= ~HOST_TSO;
        recover();
        assert_false(vnet_tx_cuts(vn, false));
        assert_true(vnet_check(vn));
        small();
        vnet_tx_flush(vn);
        assert_int_equal(sim_tx(nic, 2), 1);
        nic->offer |= HOST_TSO;
        recover();
        assert_true(vnet_tx_cuts(vn, false));
        assert_true(send(false, 0, 1460, 64240, 2));
        vnet_tx_flush(vn);
        assert_int_equal(sim_tx(nic, 2), 1);
        came(false, 0, 1460, 64240, 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(segment_reaches_the_device_as_it_is),
        T(full_ring_refuses_before_it_gives_a_buffer),
        T(short_ring_does_without),
        T(each_protocol_is_asked_for_by_itself),
        T(reset_forgets_what_the_device_had),
    };
    return cmocka_run_group_tests_name("vnet_tso", tests, fill_payload, NULL);
}
