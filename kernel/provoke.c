// SPDX-License-Identifier: BSD-3-Clause
/*
 * Bugs on demand: what a programming error of each kind would do, so that a test of the shipped
 * image can see that it is caught, named and reported. Compiled with optimisation off, which would
 * see through all of it.
 */
#include "provoke.h"

#include <stddef.h>
#include <stdint.h>
#include "panic.h"
#include "string.h"

#define RET 0xc3 /* the instruction */

static void read_null(void)
{
    const volatile int *nothing = NULL;
    volatile int value;

    /* Laundered: the compiler may turn a visible null access into something else. */
    __asm__ volatile("" : "+r"(nothing));
    value = *nothing;
    (void)value;
}

static void write_text(void)
{
    volatile uint8_t *code = (volatile uint8_t *)(uintptr_t)provoke_panic;

    *code = RET;
}

static void execute_data(void)
{
    static uint8_t code[16] = {RET};
    void (*run)(void) = (void (*)(void))(uintptr_t)code;

    run();
}

/* NOLINTNEXTLINE(misc-no-recursion): its purpose */
static uint32_t overflow_stack(uint32_t depth)
{
    volatile uint8_t frame[256];

    frame[0] = (uint8_t)depth;
    return depth == UINT32_MAX ? 0 : overflow_stack(depth + 1) + frame[0];
}

static void smash_stack(void)
{
    char text[16];
    volatile size_t n = 40; /* beyond the guard value, below the caller's frame */

    memset(text, 'A', n);
    __asm__ volatile("" : : "r"(text) : "memory");
}

_Noreturn void provoke_panic(enum conf_panic kind)
{
    switch (kind) {
    case CONF_PANIC_NONE:
        break;
    case CONF_PANIC_ASSERT:
        ASSERT(kind == CONF_PANIC_NONE);
        break;
    case CONF_PANIC_NULL:
        read_null();
        break;
    case CONF_PANIC_WRITE:
        write_text();
        break;
    case CONF_PANIC_EXEC:
        execute_data();
        break;
    case CONF_PANIC_STACK:
        overflow_stack(0);
        break;
    case CONF_PANIC_SMASH:
        smash_stack();
        break;
    }
    panic("fault=panic:… was not caught");
}
