// SPDX-License-Identifier: BSD-3-Clause
/*
 * The reflector: what it sends back, to whom, and what its sender then sees. The rig checks every
 * frame of the guest: lengths, checksums, stations.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "sink_rig.h"

#define MS 1000000ull

static uint8_t frame[RIG_FRAME_MAX];
static struct rig_frame answer;

/* A frame for the reflector. */
static uint32_t ask(bool v6, uint32_t bytes)
{
    const struct testframe f = {77, 123456789, SINK_RUN, 3, TESTFRAME_SENT};

    return sink_build(frame, v6, SINK_REFLECT_PORT, &f, bytes);
}

/* For rig.filter. */
static bool keep(const uint8_t *bytes, uint32_t len)
{
    memcpy(answer.data, bytes, len);
    answer.len = len;
    return true;
}

static bool is_answered(uint32_t len)
{
    answer.len = 0;
    rig.filter = keep;
    rig_inject(frame, len);
    rig_pump();
    return answer.len != 0;
}

static void returns(bool v6, uint32_t bytes)
{
    const uint32_t len = ask(v6, bytes), payload = rig_ip_payload(v6) + 8;
    uint64_t came, went;
    struct testframe f;

    assert_true(is_answered(len));
    assert_int_equal(answer.len, len);
    assert_memory_equal(answer.data, rig_peer_mac, 6);
    assert_memory_equal(answer.data + 6, rig_guest_mac, 6);
    assert_memory_equal(answer.data + payload - 8, frame + payload - 6, 2); /* ports */
    assert_memory_equal(answer.data + payload - 6, frame + payload - 8, 2);
    if (v6) {
        assert_memory_equal(answer.data + 22, frame + 38, 16);
        assert_memory_equal(answer.data + 38, frame + 22, 16);
    } else {
        assert_memory_equal(answer.data + 26, frame + 30, 4);
        assert_memory_equal(answer.data + 30, frame + 26, 4);
    }
    assert_true(testframe_read(answer.data + payload, bytes, &f));
    assert_int_equal(f.kind, TESTFRAME_REFLECTED);
    assert_int_equal(f.run, SINK_RUN);
    assert_int_equal(f.flow, 3);
    assert_int_equal(f.seq, 77);
    assert_int_equal(f.time_ns, 123456789);
    assert_int_equal(testframe_times(answer.data + payload, bytes, &came, &went),
                     bytes >= TESTFRAME_TIMES_BYTES);
    if (bytes >= TESTFRAME_TIMES_BYTES) {
        assert_int_equal(came, rig.now_ns);
        assert_int_equal(went, rig.now_ns);
    }
}

static void frames_of_every_size_are_returned_with_both_times(void **state)
{
    (void)state;
    for (uint32_t bytes = TESTFRAME_BYTES; bytes <= 1472 - 20; bytes += 1 + bytes / 16) {
        returns(false, bytes);
        returns(true, bytes);
    }
    returns(false, 1472);
    assert_int_equal(sink_stat("not_reflected"), 0);
}

static void what_is_returned_is_counted_too(void **state)
{
    (void)state;
    returns(false, 100);
    assert_int_equal(sink_of(SINK_RUN)->n.received, 1);
    assert_int_equal(sink_stat("reflected"), 1);
}

static void some_frames_are_not_returned(void **state)
{
    uint32_t len = ask(false, 60);

    (void)state;
    frame[6] |= 1; /* from a group */
    assert_false(is_answered(len));
    len = ask(false, 60);
    memset(frame, 0xff, 6); /* to all */
    assert_false(is_answered(len));
    len = ask(false, 60);
    frame[34] = 0; /* from a server's port */
    rig_fix_l4(frame, len);
    assert_false(is_answered(len));
    len = ask(false, 60);
    memmove(frame + 16, frame + 12, len - 12);
    memcpy(frame + 12, (const uint8_t[]){0x81, 0, 0, 1}, 4);
    assert_false(is_answered(len + 4));
    assert_int_equal(sink_stat("not_reflected"), 4);

    len = ask(false, 60);
    frame[80] ^= 1; /* damaged */
    assert_false(is_answered(len));
    assert_int_equal(sink_of(SINK_RUN)->corrupt, 1);
}

/* Two reflectors would else never stop. */
static void what_was_returned_is_never_returned_again(void **state)
{
    const struct testframe f = {1, 2, SINK_RUN, 0, TESTFRAME_REFLECTED};

    (void)state;
    assert_false(is_answered(sink_build(frame, false, SINK_REFLECT_PORT, &f, 60)));
}

static void a_full_ring_costs_the_answer_and_is_counted(void **state)
{
    (void)state;
    rig.tx_stuck = true;
    rig.tx_ring = CONFIG_TX_RESERVE + 4;
    for (unsigned k = 0; k < 64; k++) {
        const uint32_t len = ask(false, 1000);
        rig_inject(frame, len);
    }
    rig_pump();
    rig.now_ns += 20 * MS; /* it gives none back: receive goes on all the same */
    rig_pump();
    assert_true(sink_stat("not_reflected") > 0);
    assert_int_equal(sink_stat("reflected") + sink_stat("not_reflected"), 64);
    rig.tx_stuck = false;
    rig_pump();
    rig_drop_frames();
}

/* The sender of a run gets its frames back 10 ms later, of which a reflector had them for 4. */
static void a_round_trip_is_measured_without_the_reflectors_time(void **state)
{
    uint8_t payload[100];

    (void)state;
    assert_true(sink_expect(5, 0, NULL));
    rig_advance_ms(1000);
    for (uint64_t k = 0; k < 50; k++) {
        struct testframe f = {k, rig.now_ns - 10 * MS, 5, 0, TESTFRAME_SENT};

        testframe_pattern(payload, sizeof(payload), 5);
        testframe_write(payload, sizeof(payload), &f);
        testframe_reflect(payload, sizeof(payload), 777 * MS, 781 * MS); /* by its own clock */
        rig_inject(frame, rig_build_udp(frame, k % 2 != 0, SINK_REFLECT_PORT, 40000, payload,
                                        sizeof(payload)));
        rig_pump();
    }
    const struct sink_run *r = sink_run_find(TESTFRAME_REFLECTED, 5);
    assert_non_null(r);
    assert_int_equal(r->n.received, 50);
    assert_in_range(hdr_percentile(&r->delay, 500000), 6 * MS - MS / 20, 6 * MS + MS / 20);
    assert_string_equal(r->name, "sink-5-back");
    assert_null(sink_run_find(TESTFRAME_SENT, 5));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(frames_of_every_size_are_returned_with_both_times),
        TEST(what_is_returned_is_counted_too),
        TEST(some_frames_are_not_returned),
        TEST(what_was_returned_is_never_returned_again),
        TEST(a_full_ring_costs_the_answer_and_is_counted),
        TEST(a_round_trip_is_measured_without_the_reflectors_time),
    };

    return cmocka_run_group_tests(tests, rig_service_init, NULL);
}
