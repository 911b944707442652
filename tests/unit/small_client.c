// SPDX-License-Identifier: BSD-3-Clause
/*
 * See small_client.h.
 */
#include "small_client.h"
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdlib.h>
#include <cmocka.h>

int small_setup(void **state)
{
    int r = rig_setup(state);

    assert_true(echo_service.start());
    assert_true(discard_service.start());
    assert_true(chargen_service.start());
    return r;
}

uint8_t *small_noise(size_t n)
{
    uint8_t *p = malloc(n);

    assert_non_null(p);
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)((i * 2654435761u) >> 13);
    return p;
}

void small_stop_reading(struct rig_tcp *t, uint8_t byte)
{
    t->wnd = 0;
    assert_int_equal(rig_tcp_send(t, &byte, 1), 1);
}
