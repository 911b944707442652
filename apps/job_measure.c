// SPDX-License-Identifier: BSD-3-Clause
/*
 * See job_measure.h.
 */
#include "job_measure.h"

#include "time.h"

void job_measure(struct job_totals *t, enum job_limit limit, uint64_t value)
{
    t->measured |= 1u << limit;
    t->value[limit] = value;
}

/* In 10^-9 of all that were expected; not below what it is. */
static uint64_t loss_ppb(const struct seqwin_counts *n)
{
    const uint64_t lost = seqwin_lost(n), most = UINT64_MAX / NS_PER_S;

    if (n->expected == 0)
        return 0;
    if (lost > most)
        return lost / (n->expected / NS_PER_S);
    return (lost * NS_PER_S + n->expected - 1) / n->expected;
}

void job_measure_counts(struct job_totals *t, const struct seqwin_counts *n)
{
    job_measure(t, JOB_MAX_LOSS, loss_ppb(n));
    job_measure(t, JOB_MAX_LOST, seqwin_lost(n));
    job_measure(t, JOB_MAX_LATE, n->late);
    job_measure(t, JOB_MAX_REORDERED, n->reordered);
    job_measure(t, JOB_MAX_DUPLICATE, n->duplicate);
}

void job_measure_delay(struct job_totals *t, const struct hdr *delay)
{
    static const struct {
        enum job_limit limit;
        uint32_t ppm;
    } shown[] = {{JOB_MAX_P50, 500000},   {JOB_MAX_P90, 900000},    {JOB_MAX_P99, 990000},
                 {JOB_MAX_P99_9, 999000}, {JOB_MAX_P99_99, 999900}, {JOB_MAX_DELAY, 1000000}};

    for (unsigned i = 0; i < sizeof(shown) / sizeof(shown[0]); i++)
        job_measure(t, shown[i].limit, hdr_percentile(delay, shown[i].ppm));
}
