// SPDX-License-Identifier: BSD-3-Clause
/*
 * Which segments are acknowledged together, that none is forgotten, and what window they tell.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "acks.h"
#include "lwip/priv/tcp_priv.h"
#include "netrig.h"
#include "rig_stack.h"
#include "traffic_guest.h"

#define SEGMENT    1460u
#define DELAYED_MS 60 /* after which a single segment is acknowledged */

/* n segments arrive at once, behind `at` bytes. */
static void arrive(struct rig_tcp *t, uint32_t at, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        rig_tcp_segment(t, RIG_ACK, t->snd_nxt + at + i * SEGMENT, t->rcv_nxt, traffic_pattern,
                        SEGMENT);
}

/* Frames from the guest until it has nothing to say, and no time has passed. */
static uint64_t answers(void)
{
    const uint64_t before = rig.guest_frames;

    rig_pump();
    return rig.guest_frames - before;
}

static void setup_connection(struct rig_tcp *t)
{
    rig.impersonated = true; /* segments by hand */
    assert_true(rig_tcp_connect(t, 9));
}

static void segments_of_a_batch_are_acknowledged_once(void **state)
{
    struct rig_tcp a, b;

    (void)state;
    setup_connection(&a);
    setup_connection(&b);
    for (unsigned n = 2; n <= CONFIG_RX_BATCH / 2; n++) {
        const uint32_t first = a.snd_una, other = b.snd_una;

        arrive(&a, 0, n);
        arrive(&b, 0, n);
        assert_int_equal(answers(), 2);
        assert_int_equal(a.snd_una - first, n * SEGMENT);
        assert_int_equal(b.snd_una - other, n * SEGMENT);
    }
    rig_tcp_abort(&a);
    rig_tcp_abort(&b);
}

/* What came together in the batches of two turns is acknowledged twice. */
static void long_burst_is_acknowledged_batch_by_batch(void **state)
{
    struct rig_tcp t;

    (void)state;
    setup_connection(&t);
    const uint32_t first = t.snd_una;

    arrive(&t, 0, 2 * CONFIG_RX_BATCH);
    assert_int_equal(answers(), 2);
    assert_int_equal(t.snd_una - first, 2 * CONFIG_RX_BATCH * SEGMENT);
    rig_tcp_abort(&t);
}

static void single_segment_waits_as_before(void **state)
{
    struct rig_tcp t;

    (void)state;
    setup_connection(&t);
    arrive(&t, 0, CONFIG_RX_BATCH + 1);
    assert_int_equal(answers(), 1);
    arrive(&t, SEGMENT, 1); /* the second, in a batch of its own */
    assert_int_equal(answers(), 1);
    arrive(&t, 0, 1);
    assert_int_equal(answers(), 0);
    rig_advance_ms(DELAYED_MS);
    assert_int_equal(answers(), 0);
    assert_int_equal(t.snd_una, t.snd_nxt);
    rig_tcp_abort(&t);
}

/* Beside a segment that waits for its acknowledgement there are frames that bring none. */
static void frames_without_data_take_no_acknowledgement_away(void **state)
{
    struct rig_tcp t;

    (void)state;
    setup_connection(&t);
    const uint32_t first = t.snd_una;

    arrive(&t, 0, 1);
    for (unsigned i = 0; i < 5; i++)
        rig_tcp_segment(&t, RIG_ACK, first + SEGMENT, t.rcv_nxt, NULL, 0);
    assert_int_equal(answers(), 0);
    rig_advance_ms(DELAYED_MS);
    assert_int_equal(t.snd_una - first, SEGMENT);
    rig_tcp_abort(&t);
}

/* Each says so at once: the sender counts three of them before it sends the lost one again. */
static void segments_out_of_order_are_answered_one_by_one(void **state)
{
    struct rig_tcp t;

    (void)state;
    setup_connection(&t);
    const uint32_t first = t.snd_una;

    arrive(&t, SEGMENT, 5);
    assert_int_equal(answers(), 5);
    assert_int_equal(t.snd_una, first);
    arrive(&t, 0, 1);
    rig_pump();
    rig_advance_ms(DELAYED_MS);
    assert_int_equal(t.snd_una - first, 6 * SEGMENT);

    arrive(&t, 0, 2); /* what it has already, and what follows */
    rig_tcp_segment(&t, RIG_ACK, first, t.rcv_nxt, traffic_pattern, SEGMENT);
    rig_pump();
    rig_advance_ms(DELAYED_MS);
    assert_int_equal(t.snd_una - first, 8 * SEGMENT);
    rig_tcp_abort(&t);
}

static void connection_that_ends_in_the_batch_is_owed_nothing(void **state)
{
    struct rig_tcp a, b;

    (void)state;
    setup_connection(&a);
    setup_connection(&b);
    arrive(&a, 0, 4);
    arrive(&b, 0, 4);
    rig_tcp_segment(&a, RIG_RST, a.snd_nxt + 4 * SEGMENT, 0, NULL, 0);
    assert_int_equal(answers(), 1);
    arrive(&b, 0, 3);
    rig_tcp_segment(&b, RIG_ACK | RIG_FIN, b.snd_nxt + 3 * SEGMENT, b.rcv_nxt, NULL, 0);
    rig_pump();
    assert_null(tcp_active_pcbs == NULL ? NULL : tcp_active_pcbs->next);
    rig_tcp_forget(&a);
    rig_tcp_forget(&b);
}

/* What the guest tells of its window in each of `n` acknowledgements. */
static void hear_windows(struct rig_tcp *t, unsigned n, uint32_t window)
{
    for (unsigned i = 0; i < n; i++) {
        assert_int_equal(rig_tcp_send(t, traffic_pattern, t->mss), t->mss);
        assert_int_equal(t->guest_wnd, window);
    }
}

/* There are peers that lose count of a window that stays the same for 2 GiB (lwip-port/port.c). */
static void window_that_is_not_scaled_changes_with_each_gib(void **state)
{
    struct rig_tcp t;

    (void)state;
    rig.peer_is_plain = true;
    for (uint32_t gib = 1; gib <= 3; gib++) {
        rig_tcp_from_port((uint16_t)((gib << 14) - 1)); /* 64 KiB before its end */
        assert_true(rig_tcp_connect(&t, 9));
        const unsigned n = 0xffffu / t.mss;

        hear_windows(&t, n, gib % 2 == 1 ? 65535 : 65534);
        const uint32_t edge = t.snd_una + t.guest_wnd;

        assert_int_equal(rig_tcp_send(&t, traffic_pattern, t.mss), t.mss);
        assert_true(t.snd_una >> 30 == gib && (int32_t)(t.snd_una + t.guest_wnd - edge) >= 0);
        hear_windows(&t, n, gib % 2 == 1 ? 65534 : 65535);
        rig_tcp_abort(&t);
    }
}

static void scaled_window_stays_the_same(void **state)
{
    struct rig_tcp t;

    (void)state;
    rig_tcp_from_port((1u << 14) - 1);
    assert_true(rig_tcp_connect(&t, 9));
    rig_tcp_send(&t, traffic_pattern, t.mss);
    hear_windows(&t, 2 * 0xffffu / t.mss, t.guest_wnd);
    assert_int_equal(t.snd_una >> 30, 1);
    rig_tcp_abort(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_DEFAULT(segments_of_a_batch_are_acknowledged_once),
        ON_DEFAULT(long_burst_is_acknowledged_batch_by_batch),
        ON_DEFAULT(single_segment_waits_as_before),
        ON_DEFAULT(frames_without_data_take_no_acknowledgement_away),
        ON_DEFAULT(segments_out_of_order_are_answered_one_by_one),
        ON_DEFAULT(connection_that_ends_in_the_batch_is_owed_nothing),
        ON_DEFAULT(window_that_is_not_scaled_changes_with_each_gib),
        ON_DEFAULT(scaled_window_stays_the_same),
    };
    return cmocka_run_group_tests_name("acks", tests, NULL, NULL);
}
