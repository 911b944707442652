// SPDX-License-Identifier: BSD-3-Clause
/*
 * See flood_due.h.
 */
#include "flood_due.h"

#include <stddef.h>
#include "config.h"

#define RECENT CONFIG_FLOOD_RECENT

static_assert((RECENT & (RECENT - 1)) == 0, "a power of two");

static uint16_t of_run;
static uint32_t flows;
static uint64_t first_seq;
static uint64_t sent;            /* frames so far */
static uint64_t scheduled;       /* from this one on, all had a time at which they were due */
static uint32_t late_ns[RECENT]; /* how long after it each of the last ones left */
static struct hdr delays;

void flood_due_start(uint16_t run, uint32_t n_flows, uint64_t first)
{
    of_run = run;
    flows = n_flows;
    first_seq = first;
    sent = scheduled = 0;
    hdr_reset(&delays);
}

/* Beyond 4 s it is that. */
static uint32_t since(uint64_t due_ns, uint64_t now_ns)
{
    if (now_ns < due_ns)
        return 0;
    return now_ns - due_ns < UINT32_MAX ? (uint32_t)(now_ns - due_ns) : UINT32_MAX;
}

void flood_due_sent(const uint64_t *due_ns, unsigned n, uint64_t now_ns)
{
    if (due_ns == NULL) {
        sent += n;
        scheduled = sent;
        return;
    }
    for (unsigned i = 0; i < n; i++)
        late_ns[sent++ % RECENT] = since(due_ns[i], now_ns);
}

void flood_due_slipped(uint64_t ns, uint64_t n)
{
    hdr_record_many(&delays, ns, n);
}

void flood_due_came(const struct testframe *f, uint64_t delay_ns)
{
    const uint64_t number = (f->seq - first_seq) * flows + f->flow;

    if (f->run != of_run || (scheduled == sent && delays.total == 0))
        return;
    if (number >= scheduled && number < sent && sent - number <= RECENT)
        delay_ns += late_ns[number % RECENT];
    hdr_record(&delays, delay_ns);
}

const struct hdr *flood_due_delays(void)
{
    return &delays;
}
