// SPDX-License-Identifier: BSD-3-Clause
/*
 * The state of the faults; who asks for one does what it says. See fault.h.
 */
#include "fault.h"
#include "record.h"
#include "time.h"

const struct fault_name fault_names[FAULT_KINDS] = {
    [FAULT_DROP_KICK] = {"drop_kick", FAULT_EVERY},
    [FAULT_DROP_KICK_RX] = {"drop_kick_rx", FAULT_EVERY},
    [FAULT_DROP_KICK_TX] = {"drop_kick_tx", FAULT_EVERY},
    [FAULT_DROP_IRQ] = {"drop_irq", FAULT_EVERY},
    [FAULT_POOL_LIMIT] = {"pool_limit", FAULT_COUNT},
    [FAULT_NO_REAP] = {"no_reap", FAULT_PLAIN},
    [FAULT_BAD_HEAD] = {"bad_head", FAULT_ONCE},
    [FAULT_LOSE_BUFFER] = {"lose_buffer", FAULT_ONCE},
    [FAULT_RESET] = {"reset", FAULT_PERIOD},
    [FAULT_RENEGOTIATE] = {"renegotiate", FAULT_PERIOD},
    [FAULT_CLOCK] = {"clock", FAULT_COUNT},
};

uint32_t fault_open;

static struct {
    struct fault f;
    uint64_t occasions, struck;    /* since the start */
    uint64_t window_struck;        /* since the window opened */
    uint64_t struck_ns[FAULT_WHO]; /* last, each who */
    uint32_t who;                  /* bits of those who were ever struck */
    uint64_t period_ns;            /* when the current period of n ns began */
    uint32_t done;                 /* bits of those who were struck in it */
} state[FAULT_KINDS];
static uint32_t pending; /* bits of those that are asked for and whose window is not over */
static bool allowed;
static uint64_t turn_ns;

static bool has_period(unsigned kind)
{
    return (fault_names[kind].n == FAULT_PERIOD || fault_names[kind].n == FAULT_ONCE) &&
           state[kind].f.n > 0;
}

static void say(unsigned kind, const char *what)
{
    const struct fault *f = &state[kind].f;
    struct json *j = record_begin("fault");

    json_str(j, "fault", fault_names[kind].name);
    json_str(j, "state", what);
    if (has_period(kind))
        json_u64(j, "n_us", f->n / NS_PER_US);
    else if (fault_names[kind].n == FAULT_EVERY || fault_names[kind].n == FAULT_COUNT)
        json_u64(j, "n", f->n);
    if (f->windowed)
        json_u64(j, "at_us", f->from_ns / NS_PER_US);
    if (f->windowed && f->to_ns != UINT64_MAX)
        json_u64(j, "for_us", (f->to_ns - f->from_ns) / NS_PER_US);
    json_u64(j, "count", state[kind].struck);
    record_end();
}

void fault_init(const struct fault faults[FAULT_KINDS])
{
    fault_open = pending = 0;
    allowed = false;
    turn_ns = 0;
    for (unsigned k = 0; k < FAULT_KINDS; k++) {
        state[k].f = faults[k];
        state[k].occasions = state[k].struck = state[k].window_struck = 0;
        state[k].period_ns = 0;
        state[k].done = state[k].who = 0;
        if (!faults[k].asked)
            continue;
        pending |= 1u << k;
        say(k, "asked");
    }
}

void fault_allow(void)
{
    struct json *j = record_begin("fault");

    json_str(j, "fault", "allow");
    record_end();
    allowed = true;
}

bool fault_allowed(void)
{
    return allowed;
}

bool fault_order(enum fault_kind kind, const struct fault *f)
{
    if (pending & 1u << kind)
        return false;
    state[kind].f = *f;
    state[kind].window_struck = 0;
    state[kind].done = 0;
    pending |= 1u << kind;
    say(kind, "asked");
    return true;
}

void fault_turn(uint64_t now_ns)
{
    if (pending == 0)
        return;
    turn_ns = now_ns;
    for (unsigned k = 0; k < FAULT_KINDS; k++) {
        const uint32_t bit = 1u << k;
        const struct fault *f = &state[k].f;

        if (!(pending & bit) || now_ns < f->from_ns)
            continue;
        if (now_ns >= f->to_ns) {
            fault_open &= ~bit;
            pending &= ~bit;
            say(k, "over");
        } else if (!(fault_open & bit)) {
            fault_open |= bit;
            state[k].period_ns = now_ns;
        } else if (has_period(k) && now_ns - state[k].period_ns >= f->n) {
            state[k].period_ns += f->n;
            state[k].done = 0;
        }
    }
}

static void struck(enum fault_kind kind, unsigned who)
{
    state[kind].struck++;
    state[kind].struck_ns[who] = turn_ns;
    state[kind].who |= 1u << who;
    if (state[kind].window_struck++ == 0)
        say(kind, "struck");
}

bool fault_strike(enum fault_kind kind, unsigned who)
{
    if (!fault_is(kind))
        return false;
    if (fault_names[kind].n == FAULT_EVERY && ++state[kind].occasions % state[kind].f.n != 0)
        return false;
    struck(kind, who);
    return true;
}

bool fault_due(enum fault_kind kind, unsigned who)
{
    if (!fault_is(kind) || (state[kind].done >> who & 1))
        return false;
    state[kind].done |= 1u << who;
    struck(kind, who);
    return true;
}

uint64_t fault_n(enum fault_kind kind)
{
    return fault_is(kind) ? state[kind].f.n : 0;
}

bool fault_struck(uint32_t kinds, unsigned who, uint64_t since_ns)
{
    for (unsigned k = 0; k < FAULT_KINDS; k++)
        if ((kinds >> k & 1) && (state[k].who >> who & 1) && state[k].struck_ns[who] >= since_ns)
            return true;
    return false;
}

bool fault_excuses(void)
{
    for (unsigned k = 0; fault_open >> k != 0; k++)
        if (fault_is((enum fault_kind)k) && state[k].f.to_ns != UINT64_MAX)
            return true;
    return false;
}

uint32_t fault_clock_ms(void)
{
    return state[FAULT_CLOCK].f.asked ? (uint32_t)state[FAULT_CLOCK].f.n : 0;
}

void fault_json(struct json *j)
{
    for (unsigned k = 0; k < FAULT_KINDS; k++) {
        if (!state[k].f.asked)
            continue;
        json_object(j, NULL);
        json_str(j, "fault", fault_names[k].name);
        json_bool(j, "open", fault_is((enum fault_kind)k));
        json_u64(j, "count", state[k].struck);
        json_end_object(j);
    }
}
