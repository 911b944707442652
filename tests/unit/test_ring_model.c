// SPDX-License-Identifier: BSD-3-Clause
/*
 * The real ring code in every possible order of steps with a small device (ring_model.h): can both
 * sides sleep with work pending?
 *
 * The driver is drivers/virtqueue*.c in a loop like the guest's: take, add, publish, ring if told
 * to; then ask for an interrupt, and sleep if that is allowed. TOTAL buffers go through a ring of 2
 * or 4. No wake-up may be lost; and with a fence or a look left out, a loss must be found.
 *
 * All of it is tried again with a CPU on which the fence is none, as QEMU before 8.1 emulates one
 * that is alone: there the second look, behind the access to a device register that sets the timer,
 * has to make up for it.
 */
#include "ring_model.h"

#define TOTAL 7

/* ---- the driver -------------------------------------------------------------------------------
 */

static void take(void)
{
    struct vq_done done[RING_MAX];
    unsigned n;

    begin(TAKE);
    n = vq_take(&s.vq, done, RING_MAX);
    if (s.vq.broken != NULL)
        fail_msg("%s", s.vq.broken);
    for (unsigned i = 0; i < n; i++) {
        unsigned bit = 1u << ((uintptr_t)done[i].token - 1);
        assert_false(s.driver.back & bit); /* each comes back once */
        s.driver.back |= bit;
        s.driver.done++;
    }
}

static void post(void)
{
    begin(ADD);
    while (s.driver.posted < TOTAL) {
        struct vq_buf buf = {.seg[0] = {0x1000, 64}, .out_n = 1};
        buf.token = (void *)(uintptr_t)(s.driver.posted + 1);
        if (!vq_add(&s.vq, &buf))
            break;
        s.driver.posted++;
    }
    begin(PUBLISH);
    if (vq_publish(&s.vq))
        sim_shm_write(&s.doorbell, 2, 1);
}

/* As vnet_still_idle(). */
static bool still_idle(uint16_t after)
{
    begin(SET_TIMER);
    fence();
    begin(WEIGH);
    if (variant.without != WEIGH_AGAIN && vq_weigh_again(&s.vq))
        sim_shm_write(&s.doorbell, 2, 1);
    begin(LOOK_ONCE_MORE);
    return variant.without == LOOK_AGAIN || !vq_reached(&s.vq, after);
}

/* As vnet_may_sleep() asks for completions of what was sent: after half of them. */
static void sleep_if_allowed(void)
{
    uint16_t half = (uint16_t)((vq_outstanding(&s.vq) + 1) / 2);
    uint16_t after = half > 0 ? half : 1;
    bool may;

    begin(ASK);
    may = vq_irq_on(&s.vq, after);
    if (variant.without == LOOK_AGAIN)
        may = true;
    if (!variant.fences)
        may = may && still_idle(after);
    begin(SLEEP);
    if (may)
        sleep_until_interrupt();
    s.interrupt = 0;
    begin(UNASK);
    vq_irq_off(&s.vq);
}

static void driver(void)
{
    for (;;) {
        take();
        if (s.driver.done == TOTAL)
            return;
        post();
        sleep_if_allowed();
    }
}

/* ---- tests ------------------------------------------------------------------------------------
 */

static const struct vq_ops *const formats[] = {&vq_split, &vq_packed};

static void none_is_lost(bool fences)
{
    for (unsigned f = 0; f < 2; f++)
        for (unsigned event = 0; event < 2; event++)
            for (uint16_t size = 2; size <= RING_MAX; size *= 2) {
                if (loses_a_wakeup((struct variant){formats[f], size, event, fences, NOTHING},
                                   driver))
                    fail_msg("%s ring of %u, event_idx %u", formats[f]->name, size, event);
                print_message("%s ring of %u, event_idx %u: %lu states in %lu runs\n",
                              formats[f]->name, size, event, states_seen, runs_made);
                assert_true(states_seen > 1000); /* it did go around */
            }
}

static void no_wakeup_is_lost_in_any_order_of_steps(void **state)
{
    (void)state;
    none_is_lost(true);
}

static void no_wakeup_is_lost_where_fences_are_none(void **state)
{
    (void)state;
    none_is_lost(false);
}

static void is_found(bool fences, enum left_out without)
{
    for (unsigned f = 0; f < 2; f++)
        for (unsigned event = 0; event < 2; event++)
            if (!loses_a_wakeup((struct variant){formats[f], 2, event, fences, without}, driver) &&
                !loses_a_wakeup((struct variant){formats[f], 4, event, fences, without}, driver))
                fail_msg("not found: %s ring, event_idx %u", formats[f]->name, event);
}

static void missing_fence_before_the_devices_wish_is_found(void **state)
{
    (void)state;
    is_found(true, KICK_FENCE);
}

static void missing_fence_before_the_look_again_is_found(void **state)
{
    (void)state;
    is_found(true, SLEEP_FENCE);
}

static void sleep_without_a_look_again_is_found(void **state)
{
    (void)state;
    is_found(true, LOOK_AGAIN);
    is_found(false, LOOK_AGAIN);
}

static void doorbell_not_weighed_again_is_found(void **state)
{
    (void)state;
    is_found(false, WEIGH_AGAIN);
}

static void device_that_does_not_look_again_is_found(void **state)
{
    (void)state;
    is_found(true, DEVICE_LOOK);
    is_found(false, DEVICE_LOOK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_wakeup_is_lost_in_any_order_of_steps),
        cmocka_unit_test(no_wakeup_is_lost_where_fences_are_none),
        cmocka_unit_test(missing_fence_before_the_devices_wish_is_found),
        cmocka_unit_test(missing_fence_before_the_look_again_is_found),
        cmocka_unit_test(sleep_without_a_look_again_is_found),
        cmocka_unit_test(doorbell_not_weighed_again_is_found),
        cmocka_unit_test(device_that_does_not_look_again_is_found),
    };
    return cmocka_run_group_tests_name("ring_model", tests, NULL, NULL);
}
