// SPDX-License-Identifier: BSD-3-Clause
/*
 * kernel/cpu.h for code under test: each access to a port and each barrier is a call, as in mmio.h.
 */
#ifndef SIM_CPU_H
#define SIM_CPU_H

#include <stdint.h>

enum sim_barrier { SIM_MB, SIM_WMB, SIM_RMB };

uint32_t sim_port_in(uint16_t port, unsigned width);
void sim_port_out(uint16_t port, unsigned width, uint32_t v);
void sim_barrier(enum sim_barrier kind);
void sim_relax(void);

static inline uint8_t cpu_in8(uint16_t port)
{
    return (uint8_t)sim_port_in(port, 1);
}

static inline uint16_t cpu_in16(uint16_t port)
{
    return (uint16_t)sim_port_in(port, 2);
}

static inline uint32_t cpu_in32(uint16_t port)
{
    return sim_port_in(port, 4);
}

static inline void cpu_out8(uint16_t port, uint8_t v)
{
    sim_port_out(port, 1, v);
}

static inline void cpu_out16(uint16_t port, uint16_t v)
{
    sim_port_out(port, 2, v);
}

static inline void cpu_out32(uint16_t port, uint32_t v)
{
    sim_port_out(port, 4, v);
}

static inline void cpu_mb(void)
{
    sim_barrier(SIM_MB);
}

static inline void cpu_wmb(void)
{
    sim_barrier(SIM_WMB);
}

static inline void cpu_rmb(void)
{
    sim_barrier(SIM_RMB);
}

static inline void cpu_relax(void)
{
    sim_relax();
}

#endif
