// SPDX-License-Identifier: BSD-3-Clause
/*
 * What virtio-net negotiates beyond the minimum, driver against simulated device: names and
 * prerequisites of features, the header of each frame, and the buffers that follow from it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "conf.h"
#include "config.h"
#include "sim.h"
#include "virtio_net.h"

#define MS        1000000ull
#define FRAME_MAX (14 + 40 + 65535)

#define TSO       (SIM_F_GUEST_TSO4 | SIM_F_GUEST_TSO6)
#define OFFLOADS  (SIM_F_CSUM | SIM_F_GUEST_CSUM | TSO | SIM_F_GUEST_ECN)

enum { NEEDS_CSUM = 1, DATA_VALID = 2 };                   /* flags */
enum { TCPV4 = 1, UDP = 3, TCPV6 = 4, ECN = 0x80 };        /* gso_type */
enum { FLAGS, GSO_TYPE, CSUM_START = 6, CSUM_OFFSET = 8 }; /* offsets in the header */

static struct sim_nic *nic;
static struct vnet *vn;
static struct vnet_options opt[CONFIG_NICS];
static struct netbuf *frames[CONFIG_RX_RING];
static uint8_t frame[FRAME_MAX + 64];

static int setup(void **state)
{
    (void)state;
    sim_power_on();
    nic = sim_add_nic(3);
    memset(opt, 0, sizeof(opt));
    vn = NULL;
    for (unsigned i = 0; i < sizeof(frame); i++)
        frame[i] = (uint8_t)(i * 31 + (i >> 8));
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

/* What it takes to see a device's reset through. */
static void recover(void)
{
    sim_needs_reset(nic);
    for (unsigned i = 0; i < 20; i++) {
        sim_now_ns += 100 * MS;
        vnet_heartbeat(vn, sim_now_ns);
    }
    assert_int_equal(nic->status, 0x0f);
}

static void traffic_flows(void)
{
    struct netbuf *nb;

    assert_true(sim_rx(nic, frame, 60));
    assert_int_equal(vnet_rx_poll(vn, frames, 2), 1);
    assert_memory_equal(netbuf_frame(frames[0]), frame, 60);
    vnet_rx_release(vn, frames[0]);
    nb = vnet_tx_get(vn, true);
    memcpy(netbuf_frame(nb), frame, 100);
    nb->len = 100;
    assert_true(vnet_tx(vn, nb));
    vnet_tx_flush(vn);
    assert_int_equal(sim_tx(nic, 10), 1);
    assert_int_equal(nic->tx_last_len, 100);
    assert_memory_equal(nic->tx_last, frame, 100);
    assert_int_equal(vnet_tx_reclaim(vn), 1);
    assert_true(vnet_check(vn));
}

static uint64_t stat(const char *key)
{
    static char text[4096];
    char needle[64];
    const char *at;
    struct json j;
    unsigned long long v;

    json_init(&j, text, sizeof(text));
    json_array(&j, NULL);
    vnet_json_queues(vn, &j);
    json_end_array(&j);
    assert_true(json_finish(&j) > 0);
    snprintf(needle, sizeof(needle), "\"%s\":", key);
    at = strstr(text, needle);
    assert_non_null(at);
    assert_int_equal(sscanf(at + strlen(needle), "%llu", &v), 1);
    return v;
}

/* ---- names and prerequisites ------------------------------------------------------------------
 */

static const struct {
    uint64_t bit, any;
} bits[] = {{SIM_F_CSUM, 0},
            {SIM_F_GUEST_CSUM, 0},
            {SIM_F_GUEST_TSO4, SIM_F_GUEST_CSUM},
            {SIM_F_GUEST_TSO6, SIM_F_GUEST_CSUM},
            {SIM_F_GUEST_ECN, TSO},
            {SIM_F_STATUS, 0}};
#define BITS (sizeof(bits) / sizeof(bits[0]))

static uint64_t subset(unsigned set)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < BITS; i++)
        v |= set & 1u << i ? bits[i].bit : 0;
    return v;
}

/* Without what lacks its prerequisite. */
static uint64_t closed(uint64_t v)
{
    for (unsigned i = 0; i < BITS; i++)
        if (bits[i].any != 0 && !(v & bits[i].any))
            v &= ~bits[i].bit;
    return v;
}

static void nothing_is_accepted_without_its_prerequisite(void **state)
{
    const uint64_t others = SIM_F_VERSION_1 | SIM_F_MAC | SIM_F_EVENT_IDX;

    (void)state;
    for (unsigned offered = 0; offered < 1u << BITS; offered++)
        for (unsigned masked = 0; masked < 1u << BITS; masked++) {
            uint64_t want = closed(subset(offered) & ~subset(masked));

            if (masked != 0 && offered % 5 != 0)
                continue; /* all offers, and all masks for some of them */
            again();
            nic->offer = others;
            opt[0].features_off = subset(masked);
            up(subset(offered));
            assert_true(nic->accepted == (others | want));
            if (masked == 0)
                traffic_flows();
        }
}

/* Whether the record has it among the features. */
static bool listed(const char *name)
{
    char quoted[64];
    const char *list = strstr(sim_record("nic"), "\"features\":["), *at;

    snprintf(quoted, sizeof(quoted), "\"%s\"", name);
    at = strstr(list, quoted);
    return at != NULL && at < strchr(list, ']');
}

static void every_name_masks_what_the_record_calls_so(void **state)
{
    char names[512], *name, *rest;
    unsigned n = 0;
    struct conf c;

    (void)state;
    conf_init(&c);
    assert_false(conf_parse(&c, "test", "features=?"));
    rest = strstr(sim_record("error"), " of ");
    snprintf(names, sizeof(names), "%s", rest + 4);
    *strchr(names, '"') = '\0';
    for (name = strtok_r(names, " ", &rest); name != NULL; name = strtok_r(NULL, " ", &rest), n++) {
        char word[64];

        again();
        snprintf(word, sizeof(word), "features=-%s", name);
        conf_init(&c);
        assert_true(conf_parse(&c, "test", word));
        if (c.features_off & (SIM_F_VERSION_1 | SIM_F_ANY_LAYOUT))
            continue; /* another interface, if there is one, and a feature of that */
        up(~0ull);
        if (strcmp(name, "tso") != 0 && !listed(name))
            fail_msg("%s is not in %s", name, sim_record("nic"));
        again();
        opt[0].features_off = c.features_off;
        up(~0ull);
        if (listed(name))
            fail_msg("%s is in %s", name, sim_record("nic"));
        if (strcmp(name, "tso") == 0)
            assert_int_equal(nic->accepted & (TSO | SIM_F_GUEST_ECN), 0);
        traffic_flows();
    }
    assert_true(n >= 9);
}

/* ---- received headers -------------------------------------------------------------------------
 */

/* Receives a frame of len bytes behind this header; what the driver says of it, -1: dropped. */
static int receive(uint8_t flags, uint8_t gso_type, uint16_t start, uint16_t offset, uint32_t len)
{
    int offload;

    memset(nic->rx_hdr, 0xee, sizeof(nic->rx_hdr));
    nic->rx_hdr[FLAGS] = flags;
    nic->rx_hdr[GSO_TYPE] = gso_type;
    sim_put16(nic->rx_hdr + CSUM_START, start);
    sim_put16(nic->rx_hdr + CSUM_OFFSET, offset);
    nic->rx_hdr_set = true;
    assert_true(sim_rx(nic, frame, len));
    nic->rx_hdr_set = false;
    if (vnet_rx_poll(vn, frames, 1) == 0)
        return -1;
    assert_int_equal(frames[0]->len, len);
    assert_memory_equal(netbuf_frame(frames[0]), frame, len);
    offload = frames[0]->offload;
    vnet_rx_release(vn, frames[0]);
    return offload;
}

static void partial_checksum_lies_inside_the_frame(void **state)
{
    static const struct {
        uint16_t start, offset;
        uint32_t len;
        bool good;
    } cases[] = {
        {34, 16, 60, true},        {34, 6, 60, true},           {0, 0, 60, true},
        {34, 16, 52, true},        {34, 16, 51, false},         {58, 0, 60, true},
        {59, 0, 60, false},        {60, 0, 60, false},          {0, 58, 60, true},
        {0, 59, 60, false},        {0xffff, 0, 1514, false},    {0, 0xffff, 1514, false},
        {0xffff, 1, 1514, false},  {0xffff, 0xffff, 60, false}, {0x8000, 0x8000, 60, false},
        {0xfffe, 2, 65000, false}, {0xffff, 0x7, 65000, false}, {64000, 998, 65000, true},
    };
    unsigned bad = 0;

    (void)state;
    up(OFFLOADS);
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int said = receive(NEEDS_CSUM, 0, cases[i].start, cases[i].offset, cases[i].len);

        assert_int_equal(said, cases[i].good ? NETBUF_CSUM_VALID : -1);
        bad += !cases[i].good;
        assert_int_equal(stat("header"), bad);
        assert_true(vnet_check(vn));
    }
    assert_int_equal(nic->resets, 1);
    traffic_flows();
}

static void flags_mean_what_was_agreed_and_nothing_else(void **state)
{
    (void)state;
    up(OFFLOADS);
    for (unsigned flags = 0; flags < 256; flags++) {
        bool valid = flags & (NEEDS_CSUM | DATA_VALID);

        assert_int_equal(receive((uint8_t)flags, 0, 34, 16, 60), valid ? NETBUF_CSUM_VALID : 0);
    }
    again();
    up(SIM_F_CSUM);
    for (unsigned flags = 0; flags < 256; flags++)
        assert_int_equal(receive((uint8_t)flags, (uint8_t)flags, 0xffff, 0xffff, 60), 0);
}

static void only_types_that_were_agreed_on_can_be_merged(void **state)
{
    static const uint64_t offers[] = {SIM_F_GUEST_TSO4,
                                      SIM_F_GUEST_TSO6,
                                      TSO,
                                      SIM_F_GUEST_TSO4 | SIM_F_GUEST_ECN,
                                      TSO | SIM_F_GUEST_ECN,
                                      0};

    (void)state;
    for (unsigned i = 0; i < sizeof(offers) / sizeof(offers[0]); i++) {
        again();
        up(SIM_F_GUEST_CSUM | offers[i]);
        for (unsigned type = 1; type < 256; type++) {
            unsigned base = type & ~(unsigned)ECN;
            bool good = ((base == TCPV4 && offers[i] & SIM_F_GUEST_TSO4) ||
                         (base == TCPV6 && offers[i] & SIM_F_GUEST_TSO6)) &&
                        (!(type & ECN) || offers[i] & SIM_F_GUEST_ECN);
            int want = offers[i] == 0 ? NETBUF_CSUM_VALID
                       : good         ? NETBUF_CSUM_VALID | NETBUF_MERGED
                                      : -1;

            assert_int_equal(receive(NEEDS_CSUM, (uint8_t)type, 34, 16, 1400), want);
        }
        assert_int_equal(nic->resets, 1);
        traffic_flows();
    }
}

static void header_of_any_bytes_is_survived(void **state)
{
    uint32_t r = 1;

    (void)state;
    up(OFFLOADS);
    for (unsigned i = 0; i < 20000; i++) {
        for (unsigned k = 0; k < sizeof(nic->rx_hdr); k++)
            nic->rx_hdr[k] = (uint8_t)((r = r * 1103515245 + 12345) >> 16);
        nic->rx_hdr_set = true;
        assert_true(sim_rx(nic, frame, 14 + r % 1500));
        if (vnet_rx_poll(vn, frames, 1) == 1)
            vnet_rx_release(vn, frames[0]);
    }
    nic->rx_hdr_set = false;
    assert_true(stat("header") > 10000);
    assert_int_equal(nic->resets, 1);
    traffic_flows();
}

/* ---- sent headers -----------------------------------------------------------------------------
 */

static void checksum_is_asked_for_where_the_caller_says(void **state)
{
    static const uint8_t want[12] = {NEEDS_CSUM, [CSUM_START] = 34, [CSUM_OFFSET] = 16}, none[12];

    (void)state;
    up(OFFLOADS);
    assert_true(vnet_tx_csum(vn));
    for (unsigned i = 0; i < 3 * CONFIG_TX_RING; i++) {
        struct netbuf *nb = vnet_tx_get(vn, true);

        memcpy(netbuf_frame(nb), frame, 80);
        nb->len = 80;
        if (i % 2 == 0) {
            nb->offload = NETBUF_CSUM_PARTIAL;
            nb->csum_start = 34;
            nb->csum_offset = 16;
        }
        assert_true(vnet_tx(vn, nb));
        vnet_tx_flush(vn);
        assert_int_equal(sim_tx(nic, 1), 1);
        assert_memory_equal(nic->tx_last_hdr, i % 2 == 0 ? want : none, 12);
        assert_memory_equal(nic->tx_last, frame, 80);
    }
    vnet_tx_reclaim(vn);
    again();
    up(OFFLOADS & ~SIM_F_CSUM);
    assert_false(vnet_tx_csum(vn));
}

static void checksum_offload_follows_the_device_through_a_reset(void **state)
{
    (void)state;
    up(OFFLOADS);
    nic->offer &= ~SIM_F_CSUM;
    recover();
    assert_false(vnet_tx_csum(vn));
    traffic_flows();
    nic->offer |= SIM_F_CSUM;
    recover();
    assert_true(vnet_tx_csum(vn));
    traffic_flows();
}

/* ---- buffers ----------------------------------------------------------------------------------
 */

static void largest_frame_fits_every_buffer(void **state)
{
    (void)state;
    up(OFFLOADS);
    for (unsigned i = 0; i < 3 * 256; i++) {
        uint32_t len = i % 3 == 0 ? FRAME_MAX : i % 3 == 1 ? 60 : 9014;

        assert_int_equal(receive(NEEDS_CSUM, TCPV6, 34, 16, len),
                         NETBUF_CSUM_VALID | NETBUF_MERGED);
    }
    assert_int_equal(stat("no_buffer"), 0);
}

/* Fills the ring as far as it goes, again and again; the ring keeps its promise. */
static void burst(unsigned rounds)
{
    for (unsigned i = 0; i < rounds; i++) {
        unsigned sent = 0, got = 0, n;

        while (sim_rx(nic, frame, 1514))
            sent++;
        while ((n = vnet_rx_poll(vn, frames, CONFIG_RX_RING)) > 0) {
            for (unsigned k = 0; k < n; k++)
                vnet_rx_release(vn, frames[k]);
            got += n;
        }
        assert_int_equal(got, sent);
        assert_true(sent > 0);
    }
    assert_int_equal(stat("no_buffer"), 0);
    assert_int_equal(vnet_alloc_failures(vn), 0);
    assert_true(vnet_check(vn));
}

static void nics_share_the_memory_for_buffers(void **state)
{
    static const struct {
        uint64_t offer;
        uint16_t mtu, ring[4]; /* with 1 to 4 NICs, where the device has 1024 entries */
    } cases[] = {
        {0, 1500, {1024, 1024, 1024, 1024}},
        {SIM_F_MTU, 9000, {1024, 1024, 512, 512}},
        {SIM_F_GUEST_CSUM | TSO, 1500, {256, 128, 64, 64}},
        {SIM_F_MTU | SIM_F_GUEST_CSUM | TSO, 9000, {256, 128, 64, 64}},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        for (unsigned n = 1; n <= CONFIG_NICS && n <= 4; n++) {
            struct sim_nic *all[4];

            again();
            all[0] = nic;
            for (unsigned k = 1; k < n; k++)
                all[k] = sim_add_nic((uint8_t)(10 + k));
            for (unsigned k = 0; k < n; k++) {
                all[k]->offer |= cases[i].offer;
                all[k]->mtu = cases[i].mtu;
                all[k]->q[SIM_RXQ].max = 1024;
            }
            assert_int_equal(vnet_probe(opt), n);
            for (unsigned k = 0; k < n; k++) {
                nic = all[k];
                vn = vnet_get(k);
                assert_int_equal(nic->q[SIM_RXQ].size, cases[i].ring[n - 1]);
                burst(2);
                traffic_flows();
            }
        }
}

static void buffers_decide_after_the_first_time(void **state)
{
    (void)state;
    up(0);
    nic->offer |= OFFLOADS; /* the buffers are too small for it now */
    recover();
    assert_int_equal(nic->accepted & OFFLOADS, SIM_F_CSUM | SIM_F_GUEST_CSUM);
    traffic_flows();
    again();
    up(OFFLOADS);
    nic->offer &= ~OFFLOADS;
    recover();
    assert_int_equal(nic->accepted & OFFLOADS, 0);
    assert_int_equal(receive(0xff, 0xff, 0xffff, 0xffff, 1514), 0);
    nic->offer |= OFFLOADS;
    recover();
    assert_int_equal(nic->accepted & OFFLOADS, OFFLOADS);
    burst(3);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(nothing_is_accepted_without_its_prerequisite),
        T(every_name_masks_what_the_record_calls_so),
        T(partial_checksum_lies_inside_the_frame),
        T(flags_mean_what_was_agreed_and_nothing_else),
        T(only_types_that_were_agreed_on_can_be_merged),
        T(header_of_any_bytes_is_survived),
        T(checksum_is_asked_for_where_the_caller_says),
        T(checksum_offload_follows_the_device_through_a_reset),
        T(largest_frame_fits_every_buffer),
        T(nics_share_the_memory_for_buffers),
        T(buffers_decide_after_the_first_time),
    };
    return cmocka_run_group_tests_name("vnet_features", tests, NULL, NULL);
}
