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
            {SIM_F_STATUS, 0},
            {SIM_F_CTRL_VQ, 0},
            {SIM_F_MQ, SIM_F_CTRL_VQ},
            {SIM_F_GUEST_ANNOUNCE, SIM_F_CTRL_VQ},
            {SIM_F_GUEST_ANNOUNCE, SIM_F_STATUS}};
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

            if (masked != 0 && offered % 37 != 0)
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
        opt[0].mergeable = true;
        snprintf(word, sizeof(word), "features=-%s", name);
        conf_init(&c);
        assert_true(conf_parse(&c, "test", word));
        if (c.features_off & (SIM_F_VERSION_1 | SIM_F_ANY_LAYOUT))
            continue; /* another interface, if there is one, and a feature of that */
        up(~0ull);
        if (strcmp(name, "tso") != 0 && !listed(name))
            fail_msg("%s is not in %s", name, sim_record("nic"));
        again();
        opt[0].mergeable = true;
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
    if (offload & NETBUF_CSUM_PARTIAL) {
        assert_int_equal(frames[0]->csum_start, start);
        assert_int_equal(frames[0]->csum_offset, offset);
    }
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

        assert_int_equal(said, cases[i].good ? NETBUF_CSUM_PARTIAL : -1);
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
        int want = flags & NEEDS_CSUM   ? NETBUF_CSUM_PARTIAL
                   : flags & DATA_VALID ? NETBUF_CSUM_VALID
                                        : 0;

        assert_int_equal(receive((uint8_t)flags, 0, 34, 16, 60), want);
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
            int want = offers[i] == 0 ? NETBUF_CSUM_PARTIAL
                       : good         ? NETBUF_CSUM_PARTIAL | NETBUF_MERGED
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
                         NETBUF_CSUM_PARTIAL | NETBUF_MERGED);
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

/* ---- mergeable buffers ------------------------------------------------------------------------
 */

#define MERGED (OFFLOADS | SIM_F_MRG_RXBUF)

static void up_mergeable(uint64_t more)
{
    opt[0].mergeable = true;
    up(more | SIM_F_MRG_RXBUF);
    assert_true(nic->accepted & SIM_F_MRG_RXBUF);
}

/* Polls one frame and looks whether it is the one that was sent; how many buffers it lies in. */
static unsigned whole(uint32_t len)
{
    unsigned pieces = 0;
    uint32_t at = 0;

    assert_int_equal(vnet_rx_poll(vn, frames, 1), 1);
    assert_int_equal(netbuf_frame_bytes(frames[0]), len);
    for (struct netbuf *nb = frames[0]; nb != NULL; nb = nb->next, pieces++) {
        assert_memory_equal(netbuf_frame(nb), frame + at, nb->len);
        at += nb->len;
    }
    vnet_rx_release(vn, frames[0]);
    assert_true(vnet_check(vn));
    return pieces;
}

static void mergeable_buffers_are_used_where_asked_for_and_offered(void **state)
{
    (void)state;
    up(MERGED); /* not asked for */
    assert_int_equal(nic->accepted & SIM_F_MRG_RXBUF, 0);
    again();
    opt[0].mergeable = true;
    up(OFFLOADS); /* not offered */
    assert_int_equal(nic->accepted & SIM_F_MRG_RXBUF, 0);
    traffic_flows();
    again();
    opt[0].mergeable = true;
    opt[0].features_off = SIM_F_MRG_RXBUF;
    up(MERGED);
    assert_int_equal(nic->accepted & SIM_F_MRG_RXBUF, 0);
    again();
    up_mergeable(MERGED);
    assert_int_equal(nic->accepted & MERGED, MERGED);
    assert_int_equal(nic->q[SIM_RXQ].size, 256);
    traffic_flows();
}

static void frames_of_any_size_are_put_together(void **state)
{
    static const uint32_t lens[] = {14,   60,   1514, 2035,  2036,  2037,
                                    4084, 4085, 9014, 30000, 65549, FRAME_MAX};

    (void)state;
    up_mergeable(OFFLOADS);
    for (unsigned round = 0; round < 100; round++)
        for (unsigned i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
            assert_true(sim_rx(nic, frame, lens[i]));
            assert_int_equal(whole(lens[i]), (12 + lens[i] + 2047) / 2048);
        }
    nic->rx_piece = 26; /* a device that uses no more of a buffer than it must: header and header */
    assert_true(sim_rx(nic, frame, 200));
    assert_int_equal(whole(200), 9);
    nic->rx_piece = 0;
    assert_int_equal(stat("merge"), 0);
    assert_int_equal(stat("no_buffer"), 0);
    assert_true(stat("posted_min") + CONFIG_RX_BATCH >= 256);
    assert_int_equal(nic->resets, 1);
    traffic_flows();
}

/* However small the ring, a frame never needs more than a quarter of it, or one buffer. */
static void no_frame_needs_more_buffers_than_there_are(void **state)
{
    (void)state;
    for (unsigned size = 1; size <= 1024; size *= 2)
        for (unsigned n = 1; n <= CONFIG_NICS; n = n * 2 + 1) {
            again();
            for (unsigned k = 1; k < n; k++)
                sim_add_nic((uint8_t)(10 + k));
            nic->q[SIM_RXQ].max = (uint16_t)size;
            nic->offer |= MERGED;
            opt[0].mergeable = true;
            assert_int_equal(vnet_probe(opt), n);
            vn = vnet_get(0);
            assert_int_equal(nic->q[SIM_RXQ].size, size);
            for (unsigned i = 0; i < 2 * size + 10; i++) {
                assert_true(sim_rx(nic, frame, FRAME_MAX));
                assert_true(whole(FRAME_MAX) <= (size < 4 ? 1 : size / 4));
            }
            /* As many at once as the ring takes: none is lost. */
            unsigned sent = 0, got = 0, m;
            while (nic->q[SIM_RXQ].exposed_n * 64u >= size * 16u + 64u && sim_rx(nic, frame, 5000))
                sent++;
            while ((m = vnet_rx_poll(vn, frames, CONFIG_RX_RING)) > 0) {
                for (unsigned i = 0; i < m; i++) {
                    assert_int_equal(netbuf_frame_bytes(frames[i]), 5000);
                    vnet_rx_release(vn, frames[i]);
                }
                got += m;
            }
            assert_int_equal(got, sent);
            assert_int_equal(stat("no_buffer"), 0);
            assert_true(vnet_check(vn));
        }
}

static void wrong_number_of_buffers_costs_a_frame_and_nothing_else(void **state)
{
    static const uint16_t lies[] = {0, 34, 64, 65, 255, 256, 257, 0x7fff, 65535};
    unsigned bad = 0;

    (void)state;
    up_mergeable(OFFLOADS);
    nic->num_buffers_set = true;
    for (unsigned i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        nic->num_buffers = lies[i];
        assert_true(sim_rx(nic, frame, 60));
        assert_int_equal(vnet_rx_poll(vn, frames, 1), 0);
        assert_int_equal(stat("merge"), ++bad);
        assert_int_equal(stat("posted"), 256);
        assert_true(vnet_check(vn));
    }
    for (uint16_t more = 2; more <= 33; more++) { /* more than it delivers */
        nic->num_buffers = more;
        assert_true(sim_rx(nic, frame, 60));
        assert_int_equal(vnet_rx_poll(vn, frames, 1), 0);
        assert_int_equal(stat("merge"), ++bad);
        assert_int_equal(stat("posted"), 256);
    }
    nic->num_buffers_set = false; /* more than a frame may take, and all delivered */
    nic->rx_piece = 26;
    assert_true(sim_rx(nic, frame, 26 * 34 - 12));
    assert_int_equal(vnet_rx_poll(vn, frames, 1), 0);
    assert_int_equal(stat("merge"), ++bad);
    for (unsigned i = 0; i < 40; i++) /* what is left of it are no frames */
        if (vnet_rx_poll(vn, frames, 1) == 1)
            vnet_rx_release(vn, frames[0]);
    nic->rx_piece = 0;
    nic->num_buffers_set = true;
    nic->num_buffers = 1; /* fewer than it delivers: the rest is no frame, or garbage */
    memset(frame, 0, sizeof(frame));
    assert_true(sim_rx(nic, frame, 9000));
    for (unsigned i = 0; i < 10; i++)
        if (vnet_rx_poll(vn, frames, 1) == 1)
            vnet_rx_release(vn, frames[0]);
    assert_true(stat("merge") > bad);
    assert_true(vnet_check(vn));
    nic->num_buffers_set = false;
    for (unsigned i = 0; i < 1000; i++)
        traffic_flows();
    assert_int_equal(nic->resets, 1);
}

static void caller_that_keeps_buffers_costs_whole_frames(void **state)
{
    struct netbuf *kept[64];
    unsigned n = 0;

    (void)state;
    up_mergeable(OFFLOADS);
    while (n < 60 && sim_rx(nic, frame, 60) && vnet_rx_poll(vn, frames, 1) == 1)
        kept[n++] = frames[0];
    assert_int_equal(n, 60);
    for (unsigned i = 0; i < 100; i++) {
        assert_true(sim_rx(nic, frame, FRAME_MAX));
        assert_int_equal(vnet_rx_poll(vn, frames, 1), 0);
        assert_int_equal(stat("no_buffer"), i + 1);
        assert_int_equal(stat("posted"), 256);
        assert_true(vnet_check(vn));
    }
    while (n > 0)
        vnet_rx_release(vn, kept[--n]);
    assert_true(sim_rx(nic, frame, FRAME_MAX));
    assert_int_equal(whole(FRAME_MAX), 33);
}

static void mergeable_buffers_follow_the_device_through_a_reset(void **state)
{
    (void)state;
    up_mergeable(OFFLOADS);
    nic->offer &= ~SIM_F_MRG_RXBUF; /* one buffer of 2 KiB holds no merged segments */
    recover();
    assert_int_equal(nic->accepted & (MERGED & ~SIM_F_CSUM), SIM_F_GUEST_CSUM);
    traffic_flows();
    nic->offer |= SIM_F_MRG_RXBUF;
    recover();
    assert_int_equal(nic->accepted & MERGED, MERGED);
    assert_true(sim_rx(nic, frame, FRAME_MAX));
    assert_int_equal(whole(FRAME_MAX), 33);
    nic->q[SIM_RXQ].max = 8; /* too short for a frame of 33 buffers: one buffer a frame, then */
    recover();
    assert_int_equal(nic->accepted & (MERGED & ~SIM_F_CSUM), SIM_F_GUEST_CSUM);
    for (unsigned i = 0; i < 100; i++)
        traffic_flows();
    again();
    opt[0].mergeable = true;
    up(OFFLOADS);
    nic->offer |= SIM_F_MRG_RXBUF; /* buffers were not made for it */
    recover();
    assert_int_equal(nic->accepted & MERGED, OFFLOADS);
    burst(2);
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
        T(mergeable_buffers_are_used_where_asked_for_and_offered),
        T(frames_of_any_size_are_put_together),
        T(no_frame_needs_more_buffers_than_there_are),
        T(wrong_number_of_buffers_costs_a_frame_and_nothing_else),
        T(caller_that_keeps_buffers_costs_whole_frames),
        T(mergeable_buffers_follow_the_device_through_a_reset),
    };
    return cmocka_run_group_tests_name("vnet_features", tests, NULL, NULL);
}
