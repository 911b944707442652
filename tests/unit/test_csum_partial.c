// SPDX-License-Identifier: BSD-3-Clause
/*
 * Received frames whose checksum nobody has finished, of any protocol: they come from the host
 * itself or from a neighbour on it, and cannot have been damaged [virtio 5.1.6.4].
 */
#include <stdarg.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>
#include "lwip/stats.h"
#include "lwip/udp.h"
#include "netbuf.h"
#include "netrig.h"
#include "offload.h"

#define ETH 14u
#define UDP 17

static uint8_t data[2000], frame[2100];
static struct udp_pcb *udp;

static void echo(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *addr, u16_t port)
{
    (void)arg;
    udp_sendto(pcb, p, addr, port);
    pbuf_free(p);
}

static int setup(void **state)
{
    rig_setup(state);
    for (unsigned i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * 31 + (i >> 8));
    udp = udp_new_ip_type(IPADDR_TYPE_ANY);
    udp_bind(udp, IP_ANY_TYPE, 7);
    udp_recv(udp, echo, NULL);
    return 0;
}

static int teardown(void **state)
{
    udp_remove(udp);
    return rig_teardown(state);
}

static uint16_t get16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static void put16(uint8_t *p, unsigned v)
{
    p[0] = (uint8_t)(v >> 8), p[1] = (uint8_t)v;
}

static unsigned add(unsigned a, unsigned b)
{
    return (a + b) % 0x10000 + (a + b) / 0x10000;
}

static void inject(uint32_t len, uint16_t start, uint16_t offset)
{
    rig.rx_offload = NETBUF_CSUM_PARTIAL;
    rig.rx_csum_start = start;
    rig.rx_csum_offset = offset;
    rig_inject(frame, len);
    rig.rx_offload = 0;
    rig_pump();
}

/* Takes what lies from start on out of a finished checksum again, and lets the frame come in. */
static void inject_unfinished(uint32_t len, uint16_t start, uint16_t offset)
{
    uint8_t *field = frame + start + offset;
    unsigned pseudo = (uint16_t)~get16(field);

    put16(field, 0);
    pseudo = add(pseudo, (uint16_t)~rig_sum(frame + start, len - start, 0));
    put16(field, pseudo);
    inject(len, start, offset);
}

/* A ping of n bytes is answered. */
static void is_answered(bool v6, uint32_t n)
{
    const uint16_t start = (uint16_t)rig_ip_payload(v6);
    uint8_t ping[1500] = {v6 ? 128 : 8};
    struct rig_frame f;

    memcpy(ping + 8, data, n);
    rig_drop_frames();
    inject_unfinished(rig_build_ip(frame, v6, v6 ? 58 : 1, ping, 8 + n), start, 2);
    assert_true(rig_next_frame(&f));
    assert_int_equal(f.data[start], v6 ? 129 : 0);
    assert_memory_equal(f.data + start + 8, data, n);
}

static void unfinished_ping_is_answered(void **state)
{
    static const uint32_t pieces[] = {0, 14, 55, 64, 101, 512};

    (void)state;
    for (unsigned i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        rig.rx_piece = pieces[i];
        for (uint32_t n = 1; n < 200; n += 13)
            for (unsigned v6 = 0; v6 < 2; v6++)
                is_answered(v6, n);
        is_answered(false, 1401);
        is_answered(true, 1401);
    }
    rig.rx_piece = 0;
    assert_int_equal(lwip_stats.icmp.chkerr + lwip_stats.icmp6.chkerr, 0);
}

/* lwIP verifies the checksum of a datagram behind an extension header only once it is there. */
static void datagram_behind_an_extension_header_is_finished(void **state)
{
    static const uint8_t options[8] = {UDP, 0, 1, 4};
    uint8_t buf[100];

    (void)state;
    for (uint32_t n = 1; n <= 100; n++) {
        uint32_t len = rig_build_udp(frame, true, 5000, 7, data, n), at = rig_ip_payload(true);

        memmove(frame + at + sizeof(options), frame + at, len - at);
        memcpy(frame + at, options, sizeof(options));
        frame[ETH + 6] = 0;
        put16(frame + ETH + 4, (unsigned)(len - at + sizeof(options)));
        inject_unfinished(len + sizeof(options), (uint16_t)(at + sizeof(options)), 6);
        assert_int_equal(rig_udp_recv(5000, buf, sizeof(buf)), n);
        assert_memory_equal(buf, data, n);
    }
}

static void that_of_tcp_and_udp_costs_nothing(void **state)
{
    uint8_t buf[100];

    (void)state;
    for (unsigned v6 = 0; v6 < 2; v6++) {
        const struct offload_csum right = {(uint16_t)rig_ip_payload(v6), 6};
        struct offload_csum c = right;
        uint32_t len = rig_build_udp(frame, v6, 5000, 7, data, 100);

        assert_true(offload_csum_is_l4(frame, len, &c));
        c.offset = 16;
        assert_false(offload_csum_is_l4(frame, len, &c));
        c = right, c.start++;
        assert_false(offload_csum_is_l4(frame, len, &c));
        assert_false(offload_csum_is_l4(frame, rig_build_ip(frame, v6, 58, data, 100), &right));
        inject_unfinished(rig_build_udp(frame, v6, 5000, 7, data, 100), right.start, right.offset);
        assert_int_equal(rig_udp_recv(5000, buf, sizeof(buf)), 100);
    }
}

/* A place that is nobody's checksum: some bytes change, and what was wrong stays wrong. */
static void place_that_makes_no_sense_vouches_for_nothing(void **state)
{
    uint32_t len = rig_build_udp(frame, false, 5000, 7, data, 100);
    uint8_t buf[100];

    (void)state;
    frame[40] ^= 0x55;
    for (uint16_t start = 0; start < len; start++)
        for (uint16_t offset = 0; start + offset + 2u <= len; offset++) {
            if (start + offset >= 39 && start + offset <= 41)
                continue; /* the field itself */
            inject(len, start, offset);
            if (rig_udp_recv(5000, buf, sizeof(buf)) >= 0)
                fail_msg("heard with %u + %u", start, offset);
        }
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(unfinished_ping_is_answered),
        T(datagram_behind_an_extension_header_is_finished),
        T(that_of_tcp_and_udp_costs_nothing),
        T(place_that_makes_no_sense_vouches_for_nothing),
    };
    return cmocka_run_group_tests_name("csum_partial", tests, NULL, NULL);
}
