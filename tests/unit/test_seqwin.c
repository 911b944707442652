// SPDX-License-Identifier: BSD-3-Clause
/*
 * The window's counts against a reference that remembers every number, over networks that drop,
 * repeat and delay at random; and against what such a network knows that it did.
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>
#include "seqwin.h"

#define FRAMES   3000
#define ARRIVALS (2 * FRAMES)

/* ---- a network ----------------------------------------------------------------------------- */

static uint64_t seed;

static uint32_t below(uint32_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed >> 20) % n;
}

static bool one_in(uint32_t n)
{
    return n != 0 && below(n) == 0;
}

/* One in so many frames is dropped, repeated, or delayed by up to so many; 0: none. */
struct network {
    uint32_t drop, repeat, delay, by;
};

struct arrival {
    uint64_t due, order, number;
};

struct arrivals {
    struct arrival at[ARRIVALS];
    unsigned n, sent, dropped, repeated;
};

static int sooner(const void *a, const void *b)
{
    const struct arrival *x = a, *y = b;

    if (x->due != y->due)
        return x->due < y->due ? -1 : 1;
    return x->order < y->order ? -1 : 1;
}

static void arrive(struct arrivals *a, uint64_t number, uint64_t due)
{
    a->at[a->n] = (struct arrival){due, a->n, number};
    a->n++;
}

/* The frames 0 … FRAMES - 1, as they come. The first and the last come for certain. */
static void send_through(const struct network *net, struct arrivals *a)
{
    *a = (struct arrivals){.sent = FRAMES};
    for (uint64_t k = 0; k < FRAMES; k++) {
        const bool edge = k == 0 || k == FRAMES - 1;

        if (!edge && one_in(net->drop)) {
            a->dropped++;
            continue;
        }
        arrive(a, k, !edge && one_in(net->delay) ? k + below(net->by) : k);
        if (one_in(net->repeat)) {
            a->repeated++;
            arrive(a, k, k + (one_in(2) ? below(net->by) : 0));
        }
    }
    qsort(a->at, a->n, sizeof(a->at[0]), sooner);
}

/* ---- the window, with exactly its memory, so that a place beyond it is a sanitizer's report -- */

struct subject {
    struct seqwin w;
    struct seqwin_counts n;
    uint64_t *map;
    uint32_t bits;
    uint64_t first;
};

static void begin(struct subject *s, uint32_t bits, uint64_t first)
{
    *s = (struct subject){.bits = bits, .first = first, .map = malloc(bits / 8)};
    seqwin_init(&s->w, s->map, bits, first);
}

static void end(struct subject *s)
{
    free(s->map);
}

static enum seqwin_kind feed(struct subject *s, uint64_t number)
{
    return seqwin_count(&s->w, &s->n, s->map, s->bits, s->first + number);
}

/* ---- the reference ------------------------------------------------------------------------- */

struct reference {
    bool seen[FRAMES];
    uint64_t next;
    struct seqwin_counts n;
};

static uint64_t unseen(const struct reference *r, uint64_t before)
{
    uint64_t n = 0;

    for (uint64_t k = 0; k < before; k++)
        n += !r->seen[k];
    return n;
}

static enum seqwin_kind refer(struct reference *r, uint32_t bits, uint64_t number)
{
    if (number >= r->next) {
        r->next = number + 1;
        r->n.expected = r->next;
        r->seen[number] = true;
        r->n.received++;
        return SEQWIN_NEW;
    }
    const bool behind = r->next > bits && number < r->next - bits;
    if (behind && unseen(r, r->next - bits) > r->n.late) {
        r->n.late++;
        return SEQWIN_LATE;
    }
    if (behind || r->seen[number]) {
        r->n.duplicate++;
        return SEQWIN_DUPLICATE;
    }
    r->seen[number] = true;
    r->n.received++;
    r->n.reordered++;
    if (r->next - 1 - number > r->n.distance_max)
        r->n.distance_max = r->next - 1 - number;
    return SEQWIN_REORDERED;
}

/* ---- tests --------------------------------------------------------------------------------- */

static void each_frame_is_what_its_definition_says(void **state)
{
    static const struct {
        uint64_t number;
        enum seqwin_kind kind;
    } script[] = {
        {0, SEQWIN_NEW},        {1, SEQWIN_NEW},       {4, SEQWIN_NEW},       {2, SEQWIN_REORDERED},
        {2, SEQWIN_DUPLICATE},  {4, SEQWIN_DUPLICATE}, {67, SEQWIN_NEW}, /* 3 is behind it now, */
        {3, SEQWIN_LATE},       {3, SEQWIN_DUPLICATE}, {0, SEQWIN_DUPLICATE}, {5, SEQWIN_REORDERED},
        {66, SEQWIN_REORDERED}, {68, SEQWIN_NEW},
    };
    struct subject s;

    (void)state;
    begin(&s, 64, 0); /* of which 4 is the oldest when 67 has come */
    for (unsigned i = 0; i < sizeof(script) / sizeof(script[0]); i++)
        assert_int_equal(feed(&s, script[i].number), script[i].kind);
    assert_int_equal(s.n.expected, 69);
    assert_int_equal(s.n.received, 8);
    assert_int_equal(s.n.reordered, 3);
    assert_int_equal(s.n.duplicate, 4);
    assert_int_equal(s.n.late, 1);
    assert_int_equal(seqwin_lost(&s.n), 61);
    assert_int_equal(s.n.distance_max, 62);
    end(&s);
}

static void the_counts_are_the_references(void **state)
{
    static const uint64_t firsts[] = {0, (1ull << 32) - 1000, UINT64_MAX - 1000, 12345678901234};
    static struct arrivals a;
    static struct reference r;

    (void)state;
    for (uint32_t round = 0; round < 120; round++) {
        seed = 1 + round;
        const struct network net = {below(40), below(40), below(12), 1 + below(900)};
        const uint32_t bits = 64u << round % 4;
        struct subject s;

        send_through(&net, &a);
        begin(&s, bits, firsts[round / 4 % 4]);
        memset(&r, 0, sizeof(r));
        for (unsigned i = 0; i < a.n; i++)
            assert_int_equal(feed(&s, a.at[i].number), refer(&r, bits, a.at[i].number));
        assert_memory_equal(&s.n, &r.n, sizeof(s.n));
        assert_int_equal(a.n, s.n.received + s.n.duplicate + s.n.late);
        assert_int_equal(s.n.expected, FRAMES);
        assert_true(s.n.late <= seqwin_lost(&s.n));
        end(&s);
    }
}

/* Numbers that came after a greater one, the first time that they came. */
static unsigned overtaken(const struct arrivals *a)
{
    static bool seen[FRAMES];
    uint64_t greatest = 0;
    unsigned n = 0;

    memset(seen, 0, sizeof(seen));
    for (unsigned i = 0; i < a->n; i++) {
        const uint64_t number = a->at[i].number;
        n += number < greatest && !seen[number];
        seen[number] = true;
        greatest = number > greatest ? number : greatest;
    }
    return n;
}

static void the_counts_are_what_the_network_did(void **state)
{
    static struct arrivals a;

    (void)state;
    for (uint32_t round = 0; round < 60; round++) {
        seed = 1000 + round;
        const struct network net = {below(40), below(40), below(12), 1 + below(200)};
        struct subject s;

        send_through(&net, &a);
        begin(&s, 256, 0); /* more than anything is delayed by */
        for (unsigned i = 0; i < a.n; i++)
            feed(&s, a.at[i].number);
        assert_int_equal(s.n.received, a.sent - a.dropped);
        assert_int_equal(seqwin_lost(&s.n), a.dropped);
        assert_int_equal(s.n.duplicate, a.repeated);
        assert_int_equal(s.n.reordered, overtaken(&a));
        assert_int_equal(s.n.late, 0);
        end(&s);
    }
}

static void what_comes_a_window_later_is_late_and_stays_lost(void **state)
{
    struct subject s;
    unsigned held = 0;

    (void)state;
    begin(&s, 64, 0);
    for (uint64_t k = 0; k < FRAMES; k++) {
        if (k % 50 != 7)
            feed(&s, k);
        else
            held++;
        if (k % 50 == 7 && k >= 100) /* 100 later */
            assert_int_equal(feed(&s, k - 100), SEQWIN_LATE);
    }
    assert_int_equal(s.n.late, held - 2);
    assert_int_equal(seqwin_lost(&s.n), held);
    assert_int_equal(s.n.duplicate, 0);
    assert_int_equal(s.n.reordered, 0);
    end(&s);
}

static void a_frame_at_the_windows_edge_is_reordered_and_one_behind_is_late(void **state)
{
    struct subject s;

    (void)state;
    begin(&s, 128, 0);
    feed(&s, 0);
    feed(&s, 130); /* the window is 3 … 130 */
    assert_int_equal(feed(&s, 2), SEQWIN_LATE);
    assert_int_equal(feed(&s, 3), SEQWIN_REORDERED);
    assert_int_equal(s.n.distance_max, 127);
    end(&s);
}

static void a_leap_of_any_length_gives_up_what_it_passes(void **state)
{
    static const uint64_t leaps[] = {63, 64, 65, 127, 128, 129, 1000, 1ull << 40};

    (void)state;
    for (unsigned i = 0; i < sizeof(leaps) / sizeof(leaps[0]); i++) {
        const uint64_t passed = leaps[i] >= 128 ? leaps[i] - 128 : 0;
        struct subject s;

        begin(&s, 128, 0);
        feed(&s, 0);
        feed(&s, leaps[i]); /* 1 … leaps - 1 are missing */
        assert_int_equal(seqwin_lost(&s.n), leaps[i] - 1);
        assert_int_equal(s.w.given_up, passed);
        end(&s);
    }
}

static void numbers_before_the_first_are_not_missed(void **state)
{
    struct subject s;

    (void)state;
    begin(&s, 64, 1ull << 32);
    for (uint64_t k = 0; k < 1000; k++)
        assert_int_equal(feed(&s, k), SEQWIN_NEW);
    assert_int_equal(s.w.given_up, 0);
    assert_int_equal(seqwin_lost(&s.n), 0);
    end(&s);
}

/* ---- jitter -------------------------------------------------------------------------------- */

#define MS 1000000ull

static void came(struct seqwin *w, struct seqwin_counts *n, uint64_t sent_ns, uint64_t now_ns)
{
    seqwin_time(w, n, now_ns - sent_ns);
}

static void jitter_follows_rfc_3550(void **state)
{
    struct seqwin_counts n = {0};
    struct seqwin w = {0};

    (void)state;
    came(&w, &n, 1000 * MS, 5 * MS); /* only seeds */
    assert_int_equal(seqwin_jitter_ns(&n), 0);
    came(&w, &n, 1010 * MS, 31 * MS); /* 16 ms slower */
    assert_int_equal(seqwin_jitter_ns(&n), MS);
    came(&w, &n, 1020 * MS, 41 * MS); /* the same again */
    assert_in_range(seqwin_jitter_ns(&n), 937499, 937500);
    came(&w, &n, 1036 * MS, 41 * MS); /* 16 ms faster */
    assert_in_range(seqwin_jitter_ns(&n), 1878900, 1878907);
}

static void jitter_of_several_flows_is_their_common_average(void **state)
{
    struct seqwin_counts n = {0};
    struct seqwin w[2] = {{0}, {0}};

    (void)state;
    for (uint64_t k = 0; k < 1000; k++) { /* one steady, far from the other, which varies by 1 ms */
        came(&w[0], &n, k * 10 * MS, k * 10 * MS + 777 * MS);
        came(&w[1], &n, k * 10 * MS, k * 10 * MS + (1 + k % 2) * MS);
    }
    assert_in_range(seqwin_jitter_ns(&n), MS / 2 - MS / 16, MS / 2 + MS / 16);
}

static void jitter_survives_any_stamps(void **state)
{
    struct seqwin_counts n = {0};
    struct seqwin w = {0};

    (void)state;
    for (uint64_t k = 1; k < 1000; k++)
        came(&w, &n, k % 2 ? UINT64_MAX / 3 : 0, k);
    assert_in_range(seqwin_jitter_ns(&n), 1, 1ull << 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_frame_is_what_its_definition_says),
        cmocka_unit_test(the_counts_are_the_references),
        cmocka_unit_test(the_counts_are_what_the_network_did),
        cmocka_unit_test(what_comes_a_window_later_is_late_and_stays_lost),
        cmocka_unit_test(a_frame_at_the_windows_edge_is_reordered_and_one_behind_is_late),
        cmocka_unit_test(a_leap_of_any_length_gives_up_what_it_passes),
        cmocka_unit_test(numbers_before_the_first_are_not_missed),
        cmocka_unit_test(jitter_follows_rfc_3550),
        cmocka_unit_test(jitter_of_several_flows_is_their_common_average),
        cmocka_unit_test(jitter_survives_any_stamps),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
