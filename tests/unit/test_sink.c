// SPDX-License-Identifier: BSD-3-Clause
/*
 * The analyser over the real receive path: which frames are its, which of these are damaged, and
 * what it counts of the others. Runs are the subject of test_sink_runs.c.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "netbuf.h"
#include "sink_rig.h"

static uint8_t frame[RIG_FRAME_MAX];

static uint32_t a_frame(bool v6, uint64_t seq, uint32_t bytes)
{
    const struct testframe f = {seq, rig.now_ns, SINK_RUN, 0, TESTFRAME_SENT};

    return sink_build(frame, v6, TESTFRAME_PORT, &f, bytes);
}

static uint64_t counted(void)
{
    const struct sink_run *r = sink_run_find(TESTFRAME_SENT, SINK_RUN);

    return r != NULL ? r->n.received : 0;
}

/* ---- which frames ------------------------------------------------------------------------------
 */

static void test_frames_are_counted_and_the_stack_does_not_see_them(void **state)
{
    const uint64_t before = rig.guest_frames;
    const unsigned most = rig_pool_max("PBUF_POOL");

    (void)state;
    rig_inject(frame, a_frame(false, 0, TESTFRAME_BYTES));
    rig_inject(frame, a_frame(true, 1, TESTFRAME_BYTES));
    rig_inject(frame, a_frame(false, 2, 1472));
    rig_pump();
    assert_int_equal(counted(), 3);
    assert_int_equal(sink_of(SINK_RUN)->bytes, 60 + 80 + 1514);
    assert_int_equal(rig.guest_frames, before); /* no "port unreachable" */
    assert_int_equal(rig_pool_max("PBUF_POOL"), most);
}

static void a_frame_with_a_vlan_tag_is_counted(void **state)
{
    uint32_t len = a_frame(false, 0, 100);

    (void)state;
    memmove(frame + 16, frame + 12, len - 12);
    memcpy(frame + 12, (const uint8_t[]){0x81, 0x00, 0x20, 0x05}, 4);
    rig_inject(frame, len + 4);
    rig_pump();
    assert_int_equal(counted(), 1);
}

static void is_not_counted(uint32_t len)
{
    const uint64_t before = sink_stat("frames");

    rig_inject(frame, len);
    rig_pump();
    assert_int_equal(sink_stat("frames"), before);
    rig_drop_frames();
}

static void other_frames_are_the_stacks(void **state)
{
    uint32_t len;

    (void)state;
    len = a_frame(false, 0, 18);
    frame[5] ^= 2; /* another station's */
    is_not_counted(len);
    len = a_frame(false, 0, 18);
    frame[37] ^= 4; /* another port */
    is_not_counted(len);
    len = a_frame(false, 0, 18);
    frame[20] |= 0x20; /* more fragments follow */
    rig_fix_ip(frame);
    is_not_counted(len);
    len = a_frame(false, 0, 18);
    frame[14] = 0x46; /* options */
    is_not_counted(len);
    len = a_frame(false, 0, 18);
    frame[23] = 6; /* TCP */
    is_not_counted(len);
    len = a_frame(false, 0, 18);
    frame[38] = 1; /* UDP's length is beyond the packet */
    is_not_counted(len);
    len = a_frame(true, 0, 18);
    frame[20] = 0; /* an extension header */
    is_not_counted(len);
}

static void both_of_a_pair_of_ports_are_meant(void **state)
{
    const struct testframe f = {0, rig.now_ns, SINK_RUN, 64512, TESTFRAME_SENT};

    (void)state;
    rig_inject(frame, sink_build(frame, true, TESTFRAME_PORT + 1, &f, TESTFRAME_BYTES));
    rig_inject(frame, sink_build(frame, false, SINK_REFLECT_PORT + 1, &f, TESTFRAME_BYTES));
    rig_pump();
    rig_drop_frames();
    assert_int_equal(sink_stat("frames"), 2);
    assert_int_equal(sink_stat("reflected"), 1);
    is_not_counted(sink_build(frame, false, TESTFRAME_PORT - 1, &f, TESTFRAME_BYTES));
    is_not_counted(sink_build(frame, false, SINK_REFLECT_PORT + 2, &f, TESTFRAME_BYTES));
}

static void a_frame_in_several_buffers_is_the_stacks(void **state)
{
    (void)state;
    rig.rx_piece = 50;
    is_not_counted(a_frame(false, 0, 100));
}

/* A byte beyond the frame is a sanitizer's report. */
static void frames_cut_off_anywhere_are_not_counted(void **state)
{
    (void)state;
    for (unsigned v6 = 0; v6 < 2; v6++) {
        const uint32_t whole = a_frame(v6, 0, 18);
        for (uint32_t len = 1; len < whole; len++) {
            a_frame(v6, 0, 18);
            is_not_counted(len);
        }
    }
}

static void a_frame_to_a_group_is_counted(void **state)
{
    const uint32_t len = a_frame(false, 0, 18);

    (void)state;
    memset(frame, 0xff, 6);
    rig_inject(frame, len);
    rig_pump();
    assert_int_equal(counted(), 1);
}

/* ---- damage ------------------------------------------------------------------------------------
 */

static void every_damaged_byte_is_seen(void **state)
{
    (void)state;
    sink_send(SINK_RUN, 0, 0);
    for (uint32_t at = 42; at < 142; at++) {
        const uint32_t len = a_frame(false, 1, 100);

        frame[at] ^= (uint8_t)(1 << at % 8);
        rig_inject(frame, len);
        rig_pump();
    }
    assert_int_equal(counted(), 1);
    assert_int_equal(sink_of(SINK_RUN)->corrupt, 100);
    assert_int_equal(seqwin_lost(&sink_of(SINK_RUN)->n), 0); /* nothing is believed of them */
}

static void the_first_damage_is_located(void **state)
{
    uint32_t len;

    (void)state;
    sink_send(SINK_RUN, 0, 0);
    len = a_frame(false, 1, 500);
    frame[42 + 333] ^= 0x10;
    rig_inject(frame, len);
    len = a_frame(false, 2, 500);
    frame[42 + 200] ^= 0x10;
    rig_inject(frame, len);
    rig_pump();
    assert_int_equal(sink_stat("corrupt"), 2);
    assert_int_equal(sink_stat("corrupt_at"), 333);
}

static void a_damaged_ip_header_is_damage(void **state)
{
    uint32_t len;

    (void)state;
    sink_send(SINK_RUN, 0, 0);
    len = a_frame(false, 1, 18);
    frame[22] ^= 1; /* TTL */
    rig_inject(frame, len);
    rig_pump();
    assert_int_equal(sink_of(SINK_RUN)->corrupt, 1);
    assert_int_equal(counted(), 1);
}

static void udps_checksum_is_looked_at_unless_somebody_vouches(void **state)
{
    uint32_t len;

    (void)state;
    sink_send(SINK_RUN, 0, 0);
    for (unsigned v6 = 0; v6 < 2; v6++) {
        len = a_frame(v6, 1, 37);
        frame[rig_ip_payload(v6) + 1] ^= 8; /* the sender's port, which no check of ours has */
        rig_inject(frame, len);
        rig_pump();
        assert_int_equal(sink_of(SINK_RUN)->corrupt, v6 + 1);
    }
    len = a_frame(false, 1, 37);
    memset(frame + 40, 0, 2); /* there is none */
    rig_inject(frame, len);
    len = a_frame(false, 2, 37);
    frame[40] ^= 1;
    rig.rx_offload = NETBUF_CSUM_VALID;
    rig_inject(frame, len);
    rig_pump();
    assert_int_equal(counted(), 3);
    assert_int_equal(sink_of(SINK_RUN)->corrupt, 2);
    rig.rx_offload = NETBUF_CSUM_PARTIAL; /* nobody has finished this one: it cannot be wrong */
    rig.rx_csum_start = 34;
    rig.rx_csum_offset = 6;
    len = a_frame(false, 3, 37);
    frame[40] ^= 1;
    rig_inject(frame, len);
    rig_pump();
    assert_int_equal(counted(), 4);
    rig.rx_csum_start = 20; /* it is another that nobody has finished */
    len = a_frame(false, 4, 37);
    frame[40] ^= 1;
    rig_inject(frame, len);
    rig_pump();
    assert_int_equal(sink_of(SINK_RUN)->corrupt, 3);
    rig.rx_offload = 0;
}

static void damage_before_any_run_is_stray(void **state)
{
    uint32_t len = a_frame(false, 0, 18);

    (void)state;
    frame[50] ^= 1;
    rig_inject(frame, len);
    rig_pump();
    assert_int_equal(sink_stat("stray"), 1);
}

/* ---- counts ------------------------------------------------------------------------------------
 */

static void send_damaged(uint16_t flow, uint64_t seq)
{
    const struct testframe f = {seq, 0, SINK_RUN, flow, TESTFRAME_SENT};
    const uint32_t len = sink_build(frame, false, TESTFRAME_PORT, &f, 64);

    frame[42 + (flow + seq) % 64] ^= 4;
    rig_inject(frame, len);
}

static void five_counts_are_the_scripts(void **state)
{
    const uint64_t flows = 300,
                   rounds = 100; /* of ten frames, the last of a flow as it should be */
    const uint64_t window = CONFIG_SINK_BITS_C;

    (void)state;
    for (uint64_t k = 0; k < rounds * 10; k++) {
        for (uint16_t flow = 0; flow < flows; flow++) {
            switch (k % 10) {
            case 2: /* lost; of the flows with the smallest window it comes later, too late */
                break;
            case 4:
                send_damaged(flow, k);
                break;
            case 6: /* changes places with the next one */
                sink_send(SINK_RUN, flow, k + 1);
                sink_send(SINK_RUN, flow, k);
                break;
            case 7:
                break;
            case 8:
                sink_send(SINK_RUN, flow, k);
                sink_send(SINK_RUN, flow, k);
                break;
            default:
                sink_send(SINK_RUN, flow, k);
            }
            if (flow >= CONFIG_SINK_BLOCK && k % 10 == 9 && k > window + 10)
                sink_send(SINK_RUN, flow, k - k % 10 - (window + 9) / 10 * 10 + 2);
        }
        rig_pump();
    }
    const struct sink_run *r = sink_of(SINK_RUN);
    const uint64_t all = flows * rounds;
    assert_int_equal(r->n.expected, 10 * all);
    assert_int_equal(seqwin_lost(&r->n), 2 * all);
    assert_int_equal(r->corrupt, all);
    assert_int_equal(r->n.reordered, all);
    assert_int_equal(r->n.duplicate, all);
    assert_int_equal(r->n.late, (flows - CONFIG_SINK_BLOCK) * (rounds - (window + 9) / 10));
    assert_int_equal(r->n.received + seqwin_lost(&r->n), r->n.expected);
    assert_int_equal(r->n.received + r->n.duplicate + r->n.late + r->corrupt, sink_stat("frames"));
}

static void figures_of_chance_add_up(void **state)
{
    uint64_t seed = 5;

    (void)state;
    sink_send(SINK_RUN, 0, 0);
    for (unsigned k = 0; k < 20000; k++) {
        uint32_t len = a_frame(k % 3 == 0, k, 18 + k % 50);

        for (unsigned hits = k % 4; hits > 0; hits--) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            frame[6 + (seed >> 33) % (len - 6)] = (uint8_t)(seed >> 55);
        }
        rig_inject(frame, len - (uint32_t)(seed >> 60));
        rig_pump();
        rig_drop_frames();
    }
    const struct sink_run *r = sink_of(SINK_RUN);
    assert_int_equal(r->n.received + r->n.duplicate + r->n.late + r->corrupt + sink_stat("stray"),
                     sink_stat("frames"));
    assert_int_equal(r->n.received + seqwin_lost(&r->n), r->n.expected);
    assert_true(r->corrupt > 500);
}

static void a_sequence_goes_on_beyond_32_bits(void **state)
{
    const uint64_t first = (1ull << 32) - 100;

    (void)state;
    for (uint64_t k = 0; k < 200; k++)
        sink_send(SINK_RUN, 0, first + k);
    rig_pump();
    assert_int_equal(sink_of(SINK_RUN)->n.expected, first + 200);
    assert_int_equal(sink_of(SINK_RUN)->n.received, 200);
}

static void so_many_flows_as_there_may_be_are_counted(void **state)
{
    const uint32_t flows = CONFIG_SINK_BLOCK * (CONFIG_SINK_BLOCKS + 1);
    const uint64_t refused = apps_refusals();

    (void)state;
    for (uint64_t seq = 0; seq < 3; seq++) {
        for (uint32_t flow = 0; flow < flows; flow++) {
            if (seq != 1 || flow % 100 != 7)
                sink_send(SINK_RUN, (uint16_t)flow, seq);
            if (flow % 1024 == 0)
                rig_pump();
        }
        rig_pump();
    }
    assert_int_equal(apps_refusals(), refused);
    assert_int_equal(sink_of(SINK_RUN)->n.expected, 3 * flows);
    assert_int_equal(seqwin_lost(&sink_of(SINK_RUN)->n), (flows - 7 + 99) / 100);
    assert_int_equal(sink_stat("flow_blocks_used"), CONFIG_SINK_BLOCKS);

    sink_send(1, 300, 0); /* another run's */
    sink_send(1, 200, 0);
    rig_pump();
    assert_int_equal(apps_refusals(), refused + 1);
    assert_int_equal(sink_of(1)->n.received, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_frames_are_counted_and_the_stack_does_not_see_them),
        TEST(a_frame_with_a_vlan_tag_is_counted),
        TEST(other_frames_are_the_stacks),
        TEST(both_of_a_pair_of_ports_are_meant),
        TEST(a_frame_in_several_buffers_is_the_stacks),
        TEST(frames_cut_off_anywhere_are_not_counted),
        TEST(a_frame_to_a_group_is_counted),
        TEST(every_damaged_byte_is_seen),
        TEST(the_first_damage_is_located),
        TEST(a_damaged_ip_header_is_damage),
        TEST(udps_checksum_is_looked_at_unless_somebody_vouches),
        TEST(damage_before_any_run_is_stray),
        TEST(five_counts_are_the_scripts),
        TEST(figures_of_chance_add_up),
        TEST(a_sequence_goes_on_beyond_32_bits),
        TEST(so_many_flows_as_there_may_be_are_counted),
    };

    return cmocka_run_group_tests(tests, rig_service_init, NULL);
}
