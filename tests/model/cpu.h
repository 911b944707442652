// SPDX-License-Identifier: BSD-3-Clause
/*
 * kernel/cpu.h for the ring code under the model checker: barriers are events.
 */
#ifndef MODEL_CPU_H
#define MODEL_CPU_H

void model_fence(void);

static inline void cpu_mb(void)
{
    model_fence();
}

/* x86 keeps these orders by itself. */
static inline void cpu_wmb(void)
{
}

static inline void cpu_rmb(void)
{
}

#endif
