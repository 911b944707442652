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
#include "netport.h"
#include "netrig.h"
#include "netrig_priv.h"
#include "offload.h"
#include "rig_stack.h"

#define ETH 14u
#define TCP 6
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

static unsigned add(unsigned a, unsigned b)
{
    return (a + b) % 0x10000 + (a + b) / 0x10000;
}

static void inject_as(uint8_t offload, uint32_t len, uint16_t start, uint16_t offset)
{
    rig.rx_offload = offload;
    rig.rx_csum_start = start;
    rig.rx_csum_offset = offset;
    rig_inject(frame, len);
    rig.rx_offload = 0;
    rig_pump();
}

static void inject(uint32_t len, uint16_t start, uint16_t offset)
{
    inject_as(NETBUF_CSUM_PARTIAL, len, start, offset);
}

/* Takes what lies from start on out of a finished checksum again, and lets the frame come in. */
static void inject_unfinished(uint32_t len, uint16_t start, uint16_t offset)
{
    uint8_t *field = frame + start + offset;
    unsigned pseudo = (uint16_t)~rig_get16(field);

    rig_put16(field, 0);
    pseudo = add(pseudo, (uint16_t)~rig_sum(frame + start, len - start, 0));
    rig_put16(field, pseudo);
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
        rig_put16(frame + ETH + 4, (unsigned)(len - at + sizeof(options)));
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

/* ---- TCP, whose payload stays where the device put it -------------------------------------------
 */

#define PAYLOAD 300u /* more than is copied to save a buffer */

static err_t accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
    (void)arg;
    (void)err;
    tcp_recv(pcb, rig_sink_recv);
    return ERR_OK;
}

/* The connection's next segment, with its right checksum and `trailer` bytes behind the packet. */
static uint32_t build_segment(const struct rig_tcp *t, uint32_t trailer)
{
    uint8_t tcp[20 + PAYLOAD] = {0};
    uint32_t len;

    rig_put16(tcp, t->lport);
    rig_put16(tcp + 2, t->rport);
    rig_put32(tcp + 4, t->snd_nxt);
    rig_put32(tcp + 8, t->rcv_nxt);
    rig_put16(tcp + 12, 0x5000 | RIG_ACK);
    rig_put16(tcp + 14, 0x4000);
    memcpy(tcp + 20, data, PAYLOAD);
    len = rig_build_ip(frame, t->v6, TCP, tcp, sizeof(tcp));
    memset(frame + len, 0x5a, trailer);
    return len + trailer;
}

/* The segment arrives or is dropped, whole; nothing else happens. */
static bool segment_arrives(struct rig_tcp *t, uint8_t offload, uint32_t len, uint16_t start,
                            uint16_t offset)
{
    const uint64_t before = rig_sunk;
    const uint32_t seq = t->snd_nxt;

    inject_as(offload, len, start, offset);
    assert_true(rig_sunk == before || rig_sunk == before + PAYLOAD);
    assert_int_equal(rig_nic_held(), 0);
    t->snd_nxt = seq + (uint32_t)(rig_sunk - before);
    return rig_sunk != before;
}

/* Where there are bytes behind the packet, too, which the stack cuts off: a checksum that is wanted
 * there or anywhere else is no reason to lose count of what a segment consists of. */
static void segment_with_a_place_that_makes_no_sense_is_whole(void **state)
{
    static const uint32_t trailers[] = {0, 2, 8, 200};
    static const uint16_t offsets[] = {0, 1, 2, 6, 16, 60, 299};
    const uint8_t offloads[] = {NETBUF_CSUM_PARTIAL, NETBUF_CSUM_PARTIAL | NETBUF_MERGED};
    struct rig_tcp t;

    (void)state;
    rig.impersonated = true; /* segments by hand */
    rig_listen(9, accept);
    for (unsigned v6 = 0; v6 < 2; v6++)
        for (unsigned i = 0; i < 4; i++)
            for (unsigned merged = 0; merged < 2; merged++) {
                const uint16_t start = (uint16_t)rig_ip_payload(v6);
                const uint32_t len = start + 20 + PAYLOAD + trailers[i];

                assert_true(v6 ? rig_tcp_connect6(&t, 9) : rig_tcp_connect(&t, 9));
                for (uint16_t at = 0; at < len; at = (uint16_t)(at + (at < 90 ? 1 : 13)))
                    for (unsigned k = 0; k < sizeof(offsets) / sizeof(offsets[0]); k++)
                        if (at + offsets[k] + 2u <= len)
                            segment_arrives(&t, offloads[merged], build_segment(&t, trailers[i]),
                                            at, offsets[k]);
                for (uint16_t at = 14; trailers[i] > 0 && at < len - 2; at++) /* behind it */
                    assert_true(segment_arrives(&t, offloads[merged],
                                                build_segment(&t, trailers[i]), at,
                                                (uint16_t)(len - 2 - at)));
                rig.rx_kept = 0;
                build_segment(&t, trailers[i]);
                frame[start + 16] ^= 0x55; /* not verified, and not copied */
                assert_true(segment_arrives(&t, offloads[merged], len, start, 16));
                assert_int_equal(rig.rx_kept, 1);
                rig_tcp_abort(&t);
            }
    assert_int_equal(netport_alloc_failures(), 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(unfinished_ping_is_answered),
        T(datagram_behind_an_extension_header_is_finished),
        T(that_of_tcp_and_udp_costs_nothing),
        T(place_that_makes_no_sense_vouches_for_nothing),
        T(segment_with_a_place_that_makes_no_sense_is_whole),
    };
    return cmocka_run_group_tests_name("csum_partial", tests, NULL, NULL);
}
