// SPDX-License-Identifier: BSD-3-Clause
/*
 * Received payload that stays where the device put it: whose it is, when it comes back, and that
 * neither a peer nor a device gains by it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "config.h"
#include "ethif_held.h"
#include "lwip/priv/tcp_priv.h"
#include "netport.h"
#include "netrig.h"
#include "netrig_priv.h"
#include "rig_stack.h"
#include "rig_stream.h"
#include "virtio_net.h"

#define SEGMENT 1400u
#define VOUCHED (NETBUF_CSUM_VALID | NETBUF_MERGED)

/* Takes the first byte by itself, which frees the pbuf of the headers, and then the rest. */
static err_t take_in_two(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
    if (p == NULL)
        return rig_stream_recv(arg, pcb, p, err);
    rig_stream.n += pbuf_copy_partial(p, rig_stream.got + rig_stream.n, 1, 0);
    tcp_recved(pcb, 1);
    return rig_stream_recv(arg, pcb, pbuf_free_header(p, 1), err);
}

static err_t accept_in_two(void *arg, struct tcp_pcb *pcb, err_t err)
{
    (void)arg;
    (void)err;
    tcp_recv(pcb, take_in_two);
    return ERR_OK;
}

static int setup(void **state)
{
    rig_setup(state);
    rig.impersonated = true; /* segments by hand */
    rig_stream_setup();
    rig_listen(10, accept_in_two);
    return 0;
}

/* The bytes from `at` on. */
static void segment(struct rig_tcp *t, uint32_t at, uint32_t len)
{
    rig_tcp_segment(t, RIG_ACK | RIG_PSH, rig_stream.first + at, t->rcv_nxt, rig_stream.data + at,
                    len);
    rig_pump();
}

static void payload_that_is_consumed_takes_no_memory_of_the_stack(void **state)
{
    (void)state;
    for (unsigned v6 = 0; v6 < 2; v6++) {
        struct rig_tcp t;

        rig_stream_connect(&t, v6);
        segment(&t, 0, SEGMENT);
        segment(&t, SEGMENT, SEGMENT);
        rig.rx_offload = VOUCHED;
        segment(&t, 2 * SEGMENT, 60000);
        rig.rx_offload = 0;
        assert_int_equal(rig_stream.used_most, 0);
        assert_int_equal(rig.rx_kept, 3 * (v6 + 1));
        rig_stream_arrived(2 * SEGMENT + 60000);
        rig_tcp_abort(&t);
    }
}

/* Who takes a message apart frees the pbufs one by one. */
static void payload_stays_until_the_last_of_it_is_freed(void **state)
{
    struct rig_tcp t;

    (void)state;
    rig_stream_connect_to(&t, false, 10);
    segment(&t, 0, SEGMENT);
    rig_stream_arrived(SEGMENT);
    assert_int_equal(rig.rx_kept, 1);
    rig_tcp_abort(&t);
}

static void small_frames_are_copied(void **state)
{
    struct rig_tcp t;

    (void)state;
    rig_stream_connect(&t, false);
    segment(&t, 100, 100); /* to be kept */
    assert_int_equal(rig_nic_held(), 0);
    assert_int_equal(rig_pool_used("PBUF_POOL"), 1);
    segment(&t, 0, 100);
    rig_stream_arrived(200);
    rig_tcp_abort(&t);
}

/* They may be sent back, or wait for a neighbour. */
static void what_is_not_tcp_is_copied(void **state)
{
    static const uint8_t protocols[] = {1, 17, 58};
    static uint8_t frame[2000];

    (void)state;
    for (unsigned i = 0; i < sizeof(protocols); i++)
        for (unsigned v6 = 0; v6 < 2; v6++) {
            rig_inject(frame, rig_build_ip(frame, v6, protocols[i], rig_stream.data, SEGMENT));
            rig_pump();
        }
    assert_int_equal(rig.rx_kept, 0);
}

static void segments_out_of_order_are_kept_where_they_are(void **state)
{
    struct rig_tcp t;

    (void)state;
    rig_stream_connect(&t, false);
    for (unsigned i = 1; i <= 5; i++) {
        segment(&t, i * SEGMENT, SEGMENT);
        assert_int_equal(rig_nic_held(), i);
        assert_int_equal(ethif_held_pbufs(), 2 * i);
        assert_int_equal(rig_pool_used("PBUF_POOL"), 0);
    }
    segment(&t, 3 * SEGMENT, SEGMENT); /* again: not kept twice */
    assert_int_equal(rig_nic_held(), 5);
    assert_int_equal(rig_stream.n, 0);
    segment(&t, 0, SEGMENT);
    rig_stream_arrived(6 * SEGMENT);
    rig_tcp_abort(&t);
}

/* Segments that overlap are cut at either end, within the headers' pbuf and beyond it. */
static void kept_segments_are_cut_where_they_overlap(void **state)
{
    static const uint32_t at[] = {300, 1000, 299, 2300, 10, 3000, 1, 0};
    struct rig_tcp t;

    (void)state;
    rig_stream_connect(&t, false);
    for (unsigned i = 0; i < sizeof(at) / sizeof(at[0]); i++)
        segment(&t, at[i], i % 2 ? SEGMENT : 700);
    segment(&t, 0, SEGMENT);
    rig_stream_arrived(3000 + SEGMENT);
    rig_tcp_abort(&t);
}

/* A peer that has much kept is back to copies, and the rest of the world does not notice. */
static void no_more_is_kept_than_can_be_spared(void **state)
{
    const unsigned n = CONFIG_RX_HELD + 10;
    struct rig_tcp t, other;

    (void)state;
    assert_true(rig_tcp_connect(&other, 9));
    rig_stream_connect(&t, false);
    for (unsigned i = n; i > 0; i--)
        segment(&t, i * SEGMENT, SEGMENT);
    assert_int_equal(rig_nic_held(), CONFIG_RX_HELD);
    assert_int_equal(rig_pool_used("PBUF_POOL"), 10);
    rig_tcp_segment(&other, RIG_ACK, other.snd_nxt, other.rcv_nxt, rig_stream.data, SEGMENT);
    rig_pump();
    assert_int_equal(rig_stream.n, SEGMENT);
    rig_stream.n = 0;
    segment(&t, 0, SEGMENT);
    rig_stream_arrived((n + 1) * SEGMENT);
    rig_tcp_abort(&t);
    rig_tcp_abort(&other);
}

/* The limit of what is out of order goes by all that is kept, wherever it lies: it is what keeps
 * the pools within their sizes. */
static void kept_payload_counts_as_out_of_order(void **state)
{
    const unsigned small = CONFIG_OOSEQ_SHARED - 2 * CONFIG_RX_HELD;
    struct rig_tcp t;

    (void)state;
    rig_stream_connect(&t, false);
    for (unsigned i = 0; i < small; i++)
        segment(&t, (CONFIG_RX_HELD + 2) * SEGMENT + 2 * i, 1);
    assert_int_equal(rig_pool_used("PBUF_POOL"), small);
    for (unsigned i = 1; i < CONFIG_RX_HELD; i++)
        segment(&t, i * SEGMENT, SEGMENT);
    assert_int_equal(rig_pool_used("PBUF_POOL"), small);
    segment(&t, CONFIG_RX_HELD * SEGMENT, SEGMENT); /* the last of the shared part */
    assert_int_equal(rig_nic_held(), CONFIG_RX_HELD);
    assert_in_range(rig_pool_used("PBUF_POOL"), small - 4, small - 1);
    rig_tcp_abort(&t);
}

static void connection_that_ends_gives_back_what_it_kept(void **state)
{
    (void)state;
    for (unsigned how = 0; how < 2; how++) {
        struct rig_tcp t;

        rig_stream_connect(&t, false);
        for (unsigned i = 1; i <= 3; i++)
            segment(&t, i * SEGMENT, SEGMENT);
        assert_int_equal(rig_nic_held(), 3);
        if (how == 0)
            rig_tcp_abort(&t);
        else
            tcp_abort(tcp_active_pcbs);
        rig_pump();
        rig_stream_arrived(0);
    }
}

/* ---- a device that writes to what it has delivered ---------------------------------------------
 */

static uint8_t *buffer; /* where it delivered the last frame that is kept */

static void remember(uint8_t *frame)
{
    buffer = frame;
}

/* Whatever the headers say then, the stack goes by what they said. */
static void headers_that_change_while_they_are_kept_mean_nothing(void **state)
{
    struct rig_tcp t;

    (void)state;
    rig_stream_connect(&t, false);
    rig.meanwhile = remember;
    segment(&t, SEGMENT, SEGMENT);
    rig.meanwhile = NULL;
    assert_int_equal(rig_nic_held(), 1);
    for (unsigned junk = 0; junk < 256; junk += 15) {
        memset(buffer, (int)junk, 14 + 20 + 20);
        rig_advance_ms(10);
    }
    segment(&t, 0, SEGMENT);
    rig_stream_arrived(2 * SEGMENT);

    rig_stream.first += 2 * SEGMENT; /* and at once, before the stack gets it */
    rig.meanwhile = rig_scribble;
    segment(&t, 0, SEGMENT);
    rig.meanwhile = NULL;
    rig_stream_arrived(SEGMENT);
    rig_tcp_abort(&t);
}

/* ---- headers of all lengths ------------------------------------------------------------------ */

static uint8_t tcp[2000];

/* A segment at the connection's place with so many bytes of options in either header. */
static uint32_t with_options(uint8_t *frame, const struct rig_tcp *t, uint32_t ip_bytes,
                             uint32_t tcp_bytes, uint32_t doff, uint32_t len)
{
    uint32_t n;

    memset(tcp, 1, sizeof(tcp)); /* options: nothing, so many times */
    rig_put16(tcp, t->lport);
    rig_put16(tcp + 2, t->rport);
    rig_put32(tcp + 4, rig_stream.first);
    rig_put32(tcp + 8, t->rcv_nxt);
    tcp[12] = (uint8_t)(doff << 4);
    tcp[13] = RIG_ACK;
    rig_put16(tcp + 14, 0x8000);
    rig_put32(tcp + 16, 0);
    memcpy(tcp + 20 + tcp_bytes, rig_stream.data, len);
    n = rig_build_ip(frame, false, 6, tcp, 20 + tcp_bytes + len);
    memmove(frame + 34 + ip_bytes, frame + 34, n - 34);
    memset(frame + 34, 1, ip_bytes);
    frame[14] = (uint8_t)(0x45 + ip_bytes / 4);
    rig_put16(frame + 16, n - 14 + ip_bytes);
    rig_fix_ip(frame);
    return n + ip_bytes;
}

/* In place or, where there are more than a header of TCP can have, in a copy. */
static void options_of_any_length_are_headers(void **state)
{
    static uint8_t frame[2000];
    struct rig_tcp t;

    (void)state;
    rig_stream_connect(&t, false);
    for (uint32_t ip = 0; ip <= 40; ip += 4)
        for (uint32_t options = 0; options <= 40; options += 4) {
            rig_inject(frame, with_options(frame, &t, ip, options, 5 + options / 4, 600));
            rig_stream.used_most = 0;
            rig_pump();
            rig_stream.first += 600;
            rig_stream_arrived(600);
            assert_int_equal(rig_stream.used_most, ip + options > 40);
        }
    rig_tcp_abort(&t);
}

/* Headers that end behind the frame, or before they begin. */
static void lengths_that_lie_cost_a_frame_and_nothing_else(void **state)
{
    static uint8_t frame[2000];
    struct rig_tcp t;

    (void)state;
    rig_stream_connect(&t, false);
    for (uint32_t doff = 0; doff < 16; doff++)
        for (uint32_t ihl = 0; ihl < 16; ihl++) {
            const uint32_t len = with_options(frame, &t, 0, 0, doff, 300);
            const uint64_t kept = rig.rx_kept;

            frame[14] = (uint8_t)(0x40 | ihl);
            rig_fix_ip(frame);
            for (uint32_t cut = 14; cut <= len; cut += cut < 140 ? 1 : 61) {
                rig_inject(frame, cut);
                rig_pump();
                assert_int_equal(rig_nic_held(), 0);
            }
            if (ihl == 5 && doff < 5)
                assert_int_equal(rig.rx_kept, kept);
        }
    assert_int_equal(netport_alloc_failures(), 0);
    rig_tcp_abort(&t);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, rig_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(payload_that_is_consumed_takes_no_memory_of_the_stack),
        T(payload_stays_until_the_last_of_it_is_freed),
        T(small_frames_are_copied),
        T(what_is_not_tcp_is_copied),
        T(segments_out_of_order_are_kept_where_they_are),
        T(kept_segments_are_cut_where_they_overlap),
        T(no_more_is_kept_than_can_be_spared),
        T(kept_payload_counts_as_out_of_order),
        T(connection_that_ends_gives_back_what_it_kept),
        T(headers_that_change_while_they_are_kept_mean_nothing),
        T(options_of_any_length_are_headers),
        T(lengths_that_lie_cost_a_frame_and_nothing_else),
    };
    return cmocka_run_group_tests_name("held", tests, NULL, NULL);
}
