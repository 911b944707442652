// SPDX-License-Identifier: BSD-3-Clause
/*
 * The relay of the system tests: its rules, and what becomes of the frames that it holds. Time is
 * this file's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "line.h"

#define MS    1000000ull
#define BYTES 100u

static struct line l;
static uint64_t now;
static uint8_t frame[2048];

static int setup(void **state)
{
    (void)state;
    line_init(&l, 0, 1000, 1 << 20);
    now = 5000 * MS;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    line_free(&l);
    return 0;
}

static void rule(const char *text)
{
    assert_null(script_add(&l.script, text));
}

/* ---- frames -------------------------------------------------------------------------------------
 */

static void put16(uint32_t at, uint32_t v)
{
    frame[at] = (uint8_t)(v >> 8);
    frame[at + 1] = (uint8_t)v;
}

/* IPv4 of this protocol; the payload is the number. */
static uint32_t ip4(uint8_t proto, uint32_t l4_bytes)
{
    memset(frame, 0, sizeof(frame));
    put16(12, 0x0800);
    frame[14] = 0x45;
    put16(16, 20 + l4_bytes);
    frame[23] = proto;
    return 34 + l4_bytes;
}

static uint32_t udp(uint16_t sport, uint16_t dport, uint8_t number)
{
    const uint32_t len = ip4(17, BYTES - 34);

    put16(34, sport);
    put16(36, dport);
    frame[42] = number;
    return len;
}

static uint32_t tcp(uint16_t sport, uint8_t flags, uint32_t seq, uint32_t payload)
{
    const uint32_t len = ip4(6, 20 + payload);

    put16(34, sport);
    put16(36, 2000);
    put16(38, seq >> 16);
    put16(40, seq & 0xffff);
    frame[46] = 5 << 4;
    frame[47] = flags;
    return len;
}

/* So many, numbered from 1. */
static void put(unsigned first, unsigned last)
{
    for (unsigned i = first; i <= last; i++)
        line_put(&l, frame, udp(1, 2, (uint8_t)i), now);
}

/* Exactly these come out now. */
static void expect(const char *numbers)
{
    char got[1024] = "";
    const uint8_t *f;
    uint32_t len = 0;

    while ((f = line_get(&l, now, &len)) != NULL)
        snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%u", got[0] ? " " : "", f[42]);
    assert_string_equal(got, numbers);
    const struct line_counts *c = &l.counts;

    assert_int_equal(c->in + c->copies, c->out + c->fate[DROP] + c->overrun + c->waiting);
}

static bool due(const char *text, uint32_t len)
{
    struct script s = {0};

    assert_null(script_add(&s, text));
    return script_judge(&s, frame, len).action == DROP;
}

/* ---- rules --------------------------------------------------------------------------------------
 */

static void what_is_no_rule_is_refused(void **state)
{
    static const char *const wrong[] = {
        "",
        "drop it",
        "tcp",
        "port drop",
        "port 65536 drop",
        "every 0 drop",
        "every x drop",
        "frames 0 drop",
        "frames 5-4 drop",
        "frames drop",
        "chance 0 drop",
        "chance 1.1 drop",
        "chance x drop",
        "every 2 frames 3 drop",
        "dup",
        "dup 0",
        "dup 101",
        "delay",
        "delay -1",
        "delay 60001",
        "reorder 0",
        "corrupt 0",
        "truncate 13",
        "drop 1",
        "longer 0 drop",
        "sctp drop",
        "dport",
        "chance 0.5 every 2 drop",
        "new new new new new new new new new new new new new new new new new new new new new new "
        "new new drop",
        "port "
        "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
        "00000000000000000001 drop",
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_non_null(script_add(&l.script, wrong[i]));
        assert_int_equal(l.script.n, 0);
    }
    for (unsigned i = 0; i < RULES_MAX; i++)
        rule("drop");
    assert_non_null(script_add(&l.script, "drop"));
}

static void frames_are_known_by_protocol_port_and_length(void **state)
{
    uint32_t len = udp(7, 9, 0);

    (void)state;
    assert_true(due("udp drop", len) && due("ip4 drop", len) && due("drop", len));
    assert_false(due("tcp drop", len) || due("ip6 drop", len) || due("arp drop", len) ||
                 due("icmp drop", len));
    assert_true(due("sport 7 drop", len) && due("dport 9 drop", len) && due("port 9 drop", len) &&
                due("port 7 drop", len) && due("udp sport 7 dport 9 payload drop", len));
    assert_false(due("sport 9 drop", len) || due("dport 7 drop", len) || due("port 8 drop", len) ||
                 due("tcp port 7 drop", len));
    assert_true(due("longer 99 drop", len) && due("shorter 101 drop", len));
    assert_false(due("longer 100 drop", len) || due("shorter 100 drop", len));
    put16(12, 0x0806);
    assert_true(due("arp drop", len) && !due("ip4 drop", len) && !due("port 7 drop", len));
    len = ip4(1, 8);
    assert_true(due("icmp drop", len) && !due("udp drop", len));
    memset(frame, 0, sizeof(frame));
    put16(12, 0x86dd);
    put16(18, 8);
    frame[20] = 17;
    put16(56, 53);
    assert_true(due("ip6 udp dport 53 drop", 62) && !due("payload drop", 62));
    frame[20] = 58;
    assert_true(due("icmp drop", 62));
}

static void segments_are_known_by_their_flags_and_payload(void **state)
{
    uint32_t len = tcp(80, 0x10, 5, 0);

    (void)state;
    assert_true(due("ack drop", len));
    assert_false(due("payload drop", len) || due("syn drop", len) || due("fin drop", len));
    len = tcp(80, 0x12, 5, 0);
    assert_true(due("syn drop", len) && !due("ack drop", len));
    len = tcp(80, 0x11, 5, 0);
    assert_true(due("fin drop", len) && !due("ack drop", len));
    len = tcp(80, 0x14, 5, 0);
    assert_false(due("ack drop", len));
    len = tcp(80, 0x10, 5, 1);
    assert_true(due("payload drop", len) && !due("ack drop", len));
    /* the padding of a short frame is no payload */
    assert_true(due("ack drop", tcp(80, 0x10, 5, 0) + 6));
}

/* Of a frame of any length, and whatever it says of itself, nothing behind its end is looked at:
 * the sanitizer would see it. */
static void short_frames_are_looked_at_no_further_than_they_reach(void **state)
{
    static const uint16_t types[] = {0x0800, 0x0806, 0x86dd};

    (void)state;
    rule("tcp new from 0 drop");
    for (unsigned t = 0; t < 3; t++)
        for (unsigned proto = 0; proto < 64; proto++)
            for (unsigned len = 0; len < 80; len++) {
                uint8_t bytes[80];

                memset(bytes, 0xff, sizeof(bytes));
                bytes[12] = (uint8_t)(types[t] >> 8);
                bytes[13] = (uint8_t)types[t];
                bytes[23] = bytes[20] = (uint8_t)proto;
                uint8_t *end = bytes + sizeof(bytes) - len;

                memmove(end, bytes, len);
                script_judge(&l.script, end, len);
                script_corrupt(end, len, 3, 5);
            }
}

static void frames_are_chosen_by_number(void **state)
{
    (void)state;
    rule("udp dport 9 drop");
    rule("udp frames 2 drop");
    rule("udp frames 4-5 drop");
    rule("udp frames 5- drop"); /* does not see those before: its 5th is the 8th */
    for (unsigned i = 1; i <= 9; i++) {
        line_put(&l, frame, udp(1, 9, 0), now);
        put(i, i);
    }
    expect("1 3 4 7");
    assert_int_equal(l.script.rules[0].fired, 9);
    assert_int_equal(l.script.rules[1].matched, 9);
    assert_int_equal(l.script.rules[1].fired, 1);
    assert_int_equal(l.script.rules[2].fired, 2);
    assert_int_equal(l.script.rules[3].fired, 2);
}

static void every_nth_is_chosen(void **state)
{
    (void)state;
    rule("every 3 drop");
    put(1, 10);
    expect("1 2 4 5 7 8 10");
}

static unsigned throws(uint64_t seed, unsigned n, uint8_t *thrown)
{
    struct script s = {.seed = seed};
    unsigned count = 0;
    const uint32_t len = udp(1, 2, 0);

    assert_null(script_add(&s, "chance 0.1 drop"));
    for (unsigned i = 0; i < n; i++)
        count += thrown[i] = script_judge(&s, frame, len).action == DROP;
    return count;
}

static void chance_is_what_the_seed_says(void **state)
{
    static uint8_t a[100000], b[100000];

    (void)state;
    assert_in_range(throws(1, sizeof(a), a), 9700, 10300);
    throws(1, sizeof(b), b);
    assert_memory_equal(a, b, sizeof(a));
    assert_in_range(throws(2, sizeof(b), b), 9700, 10300);
    assert_memory_not_equal(a, b, sizeof(a));
}

static void first_rule_that_is_due_decides(void **state)
{
    (void)state;
    rule("frames 2 pass");
    rule("frames 1-2 drop");
    rule("dup 1");
    put(1, 4);
    expect("2 4 4"); /* the second rule did not see the 2nd, so the 3rd is its second */
    assert_int_equal(l.counts.fate[PASS] + l.counts.fate[DROP] + l.counts.fate[DUP], 4);
}

static void stream_is_followed_by_its_place(void **state)
{
    const uint32_t begin = 0xfffffff0u; /* it wraps */

    (void)state;
    rule("new from 100 until 200 drop");
    rule("from 50 until 60 dup 1");
    line_put(&l, frame, tcp(80, 0x12, begin - 1, 0), now);
    line_put(&l, frame, tcp(80, 0x10, begin, 50), now);
    assert_int_equal(l.counts.fate[PASS], 2);
    line_put(&l, frame, tcp(80, 0x10, begin + 50, 50), now);
    assert_int_equal(l.counts.fate[DUP], 1);
    line_put(&l, frame, tcp(80, 0x10, begin + 100, 50), now);
    line_put(&l, frame, tcp(80, 0x10, begin + 150, 60), now);
    assert_int_equal(l.counts.fate[DROP], 2);
    line_put(&l, frame, tcp(80, 0x10, begin + 100, 50), now); /* again: not new */
    line_put(&l, frame, tcp(80, 0x10, begin + 150, 60), now);
    line_put(&l, frame, tcp(80, 0x10, begin + 210, 60), now);
    line_put(&l, frame, tcp(81, 0x10, begin + 310, 60), now); /* another's */
    assert_int_equal(l.counts.fate[DROP], 2);
    script_clear(&l.script);
    rule("new drop"); /* the stream is still known */
    line_put(&l, frame, tcp(80, 0x10, begin + 150, 60), now);
    assert_int_equal(l.counts.fate[DROP], 2);
    line_put(&l, frame, tcp(80, 0x10, begin + 260, 60), now);
    assert_int_equal(l.counts.fate[DROP], 3);
}

/* ---- fates --------------------------------------------------------------------------------------
 */

static void copies_follow_the_frame(void **state)
{
    (void)state;
    rule("frames 2 dup 2");
    put(1, 3);
    expect("1 2 2 2 3");
    assert_int_equal(l.counts.copies, 2);
}

static void delayed_frame_comes_when_it_is_due(void **state)
{
    (void)state;
    rule("frames 2 delay 10");
    rule("frames 3 delay 5");
    put(1, 4);
    expect("1 3"); /* the second rule does not see the 2nd, so its third is the 4th */
    assert_int_equal(line_due_ns(&l), now + 5 * MS);
    now += 5 * MS;
    expect("4");
    now += 5 * MS;
    expect("2");
}

static void latency_is_everybodys(void **state)
{
    (void)state;
    l.latency_ns = 7 * MS;
    rule("frames 2 delay 3");
    put(1, 3);
    expect("");
    assert_int_equal(line_due_ns(&l), now + 7 * MS);
    now += 7 * MS - 1;
    put(4, 4);
    expect("");
    now++;
    expect("1 3");
    now += 3 * MS;
    expect("2");
    now += 4 * MS;
    expect("4");
    assert_int_equal(line_due_ns(&l), UINT64_MAX);
}

static void reordered_frame_comes_behind_so_many(void **state)
{
    (void)state;
    rule("frames 2 reorder 3");
    put(1, 4);
    expect("1 3 4");
    put(5, 6);
    expect("5 2 6");
    assert_int_equal(l.counts.expired, 0);
}

static void reordered_frames_wait_for_those_that_are_not(void **state)
{
    (void)state;
    rule("frames 1-2 reorder 2");
    rule("frames 2 drop");
    put(1, 6);
    expect("3 5 1 2 6");
}

static void reordered_frame_that_nothing_passes_goes_on_some_time(void **state)
{
    (void)state;
    rule("frames 2 reorder 3");
    put(1, 3);
    expect("1 3");
    assert_int_equal(line_due_ns(&l), now + PATIENCE_NS);
    now += PATIENCE_NS;
    expect("2");
    assert_int_equal(l.counts.expired, 1);
}

static void reordered_frame_has_the_patience_it_was_given(void **state)
{
    (void)state;
    l.patience_ns = 7 * MS;
    rule("frames 2 reorder 3");
    put(1, 2);
    now += 7 * MS - 1;
    expect("1");
    now++;
    expect("2");
    assert_int_equal(l.counts.expired, 1);
}

static void corrupted_bytes_are_others_and_behind_the_ip_header(void **state)
{
    uint32_t places = 0;

    (void)state;
    for (unsigned n = 1; n < 4; n++)
        for (uint64_t random = 0; random < 2000; random++) {
            const uint32_t len = udp(1, 2, 3);
            uint8_t was[BYTES];
            unsigned differ = 0;

            memcpy(was, frame, len);
            script_corrupt(frame, len, n, random * 0x9e3779b97f4a7c15ull);
            for (uint32_t i = 0; i < len; i++)
                if (frame[i] != was[i]) {
                    assert_true(i >= 34);
                    differ++;
                    places += n == 1 && i == len - 1;
                }
            assert_int_equal(differ, n);
        }
    assert_in_range(places, 10, 60); /* 2000 / 66 */
    frame[12] = 0;                   /* no IP */
    script_corrupt(frame, BYTES, 1, 3);
    rule("corrupt 1");
    put(1, 1);
    uint32_t len = 0;
    const uint8_t *f = line_get(&l, now, &len);

    udp(1, 2, 1);
    assert_int_equal(len, BYTES);
    assert_memory_not_equal(f, frame, len);
}

static void truncated_frame_is_so_long(void **state)
{
    uint32_t len = 0;

    (void)state;
    l.front_bytes = 10;
    rule("truncate 60");
    line_put(&l, frame, 100, now);
    line_put(&l, frame, 50, now);
    assert_non_null(line_get(&l, now, &len));
    assert_int_equal(len, 70);
    assert_non_null(line_get(&l, now, &len));
    assert_int_equal(len, 50);
}

static void bounds_are_kept_and_counted(void **state)
{
    (void)state;
    line_free(&l);
    line_init(&l, 0, 4, 1000);
    l.latency_ns = MS;
    put(1, 6);
    assert_int_equal(l.counts.overrun, 2);
    expect("");
    now += MS;
    expect("1 2 3 4");
    rule("reorder 1");
    put(1, 6);
    assert_int_equal(l.counts.overrun, 4);
    now += PATIENCE_NS + MS;
    expect("1 2 3 4");
    line_free(&l);
    line_init(&l, 0, 100, 3 * BYTES);
    l.latency_ns = MS;
    put(1, 4);
    assert_int_equal(l.counts.overrun, 1);
}

/* A million frames, delayed by all kinds of times: each comes once and when it is due. */
static void million_frames_come_in_order_and_once(void **state)
{
    const unsigned total = 1000000;
    uint64_t die = 1, last_due = 0;
    uint32_t len = 0;

    (void)state;
    line_free(&l);
    line_init(&l, 0, 10000, 1 << 24);
    rule("every 3 delay 2");
    rule("every 7 drop");
    rule("every 11 dup 1");
    rule("every 13 reorder 5");
    udp(1, 2, 0);
    for (unsigned i = 0; i < total; i++) {
        die = die * 6364136223846793005u + 1442695040888963407u;
        now += (die >> 33) % 2000;
        line_put(&l, frame, BYTES, now);
        while (line_due_ns(&l) <= now) {
            assert_true(line_due_ns(&l) >= last_due || l.apart_n > 0);
            last_due = line_due_ns(&l);
            assert_non_null(line_get(&l, now, &len));
        }
    }
    now += 1000 * MS;
    while (line_get(&l, now, &len) != NULL)
        continue;
    assert_int_equal(l.counts.in, total);
    assert_int_equal(l.counts.fate[DELAY], total / 3);
    assert_int_equal(l.counts.fate[DROP], (total - total / 3) / 7);
    assert_int_equal(l.counts.out, total + l.counts.copies - l.counts.fate[DROP]);
    assert_int_equal(l.counts.overrun, 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(what_is_no_rule_is_refused),
        TEST(frames_are_known_by_protocol_port_and_length),
        TEST(segments_are_known_by_their_flags_and_payload),
        TEST(short_frames_are_looked_at_no_further_than_they_reach),
        TEST(frames_are_chosen_by_number),
        TEST(every_nth_is_chosen),
        TEST(chance_is_what_the_seed_says),
        TEST(first_rule_that_is_due_decides),
        TEST(stream_is_followed_by_its_place),
        TEST(copies_follow_the_frame),
        TEST(delayed_frame_comes_when_it_is_due),
        TEST(latency_is_everybodys),
        TEST(reordered_frame_comes_behind_so_many),
        TEST(reordered_frames_wait_for_those_that_are_not),
        TEST(reordered_frame_that_nothing_passes_goes_on_some_time),
        TEST(reordered_frame_has_the_patience_it_was_given),
        TEST(corrupted_bytes_are_others_and_behind_the_ip_header),
        TEST(truncated_frame_is_so_long),
        TEST(bounds_are_kept_and_counted),
        TEST(million_frames_come_in_order_and_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
