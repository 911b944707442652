// SPDX-License-Identifier: BSD-3-Clause
/*
 * When the loop looks again rather than sleep: for requests and answers, not for bulk, not for what
 * comes now and then.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "config.h"
#include "linger.h"
#include "time.h"

#define WHILE_NS (CONFIG_LINGER_US * NS_PER_US)
#define SMALL    (CONFIG_LINGER_BYTES)

static struct linger l;
static uint64_t now_ns, frames, bytes;

static int setup(void **state)
{
    (void)state;
    l = (struct linger){0};
    now_ns = NS_PER_S;
    frames = bytes = 0;
    return 0;
}

/* After so much time a frame came, and it and the answer to it had so many bytes. */
static bool after(uint64_t ns, uint64_t n)
{
    now_ns += ns;
    frames++;
    bytes += n;
    return linger(&l, now_ns, frames, bytes);
}

/* After so much time, still nothing. */
static bool nothing(uint64_t ns)
{
    now_ns += ns;
    return linger(&l, now_ns, frames, bytes);
}

static void one_request_after_the_other_is_waited_for(void **state)
{
    (void)state;
    assert_false(after(0, SMALL)); /* the first: nobody knows whether there is a second */
    for (int i = 0; i < 5; i++)
        assert_true(after(WHILE_NS - 1, SMALL));
}

static void the_wait_ends_when_the_next_one_does_not_come(void **state)
{
    (void)state;
    after(0, SMALL);
    assert_true(after(1, SMALL));
    assert_true(nothing(WHILE_NS - 1));
    assert_false(nothing(1));
    assert_false(nothing(1));
}

static void requests_now_and_then_are_not_waited_for(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++)
        assert_false(after(WHILE_NS, SMALL));
    assert_true(after(WHILE_NS - 1, SMALL)); /* they come faster now */
    assert_false(after(WHILE_NS, SMALL));
}

static void bulk_is_not_waited_for(void **state)
{
    (void)state;
    after(0, SMALL);
    assert_true(after(1, SMALL));
    assert_false(after(1, SMALL + 1));
    assert_false(nothing(1));
    assert_true(after(1, SMALL));
}

/* What is sent before the next frame comes, long after the last one, is no request's answer. */
static void bytes_sent_meanwhile_count_with_the_next_frame(void **state)
{
    (void)state;
    after(0, SMALL);
    assert_true(after(1, SMALL));
    bytes += SMALL;
    assert_true(nothing(1));
    assert_false(after(1, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(one_request_after_the_other_is_waited_for, setup),
        cmocka_unit_test_setup(the_wait_ends_when_the_next_one_does_not_come, setup),
        cmocka_unit_test_setup(requests_now_and_then_are_not_waited_for, setup),
        cmocka_unit_test_setup(bulk_is_not_waited_for, setup),
        cmocka_unit_test_setup(bytes_sent_meanwhile_count_with_the_next_frame, setup),
    };

    return cmocka_run_group_tests_name("linger", tests, NULL, NULL);
}
