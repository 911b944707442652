// SPDX-License-Identifier: BSD-3-Clause
/*
 * Time since kernel entry, from the time-stamp counter, calibrated once at boot.
 * Monotonic, 64-bit, never wraps in practice.
 */
#ifndef KERNEL_TIME_H
#define KERNEL_TIME_H

#include <stdbool.h>
#include <stdint.h>

#define NS_PER_US 1000ull
#define NS_PER_MS 1000000ull
#define NS_PER_S  1000000000ull
#define US_PER_S  1000000ull

/* Starts the clock, and the measurement that calibrates the counter: the reference clock is read
 * now and again in time_calibrate(), and the boot work in between is the interval. Wants
 * acpi_init() and the local APIC, whose timer is measured in the same interval. `entry_tsc`: the
 * counter at time 0.
 * False: no clock of known rate runs. */
bool time_init(uint64_t entry_tsc);

/* Ends the measurement. False: too early for an exact result, ask again. */
bool time_calibrate(void);

/* Until time_calibrate() the reference clock itself is read, which is slow. */
uint64_t time_ns(void);

static inline uint64_t time_us(void)
{
    return time_ns() / NS_PER_US;
}

/* Name of the clock the counter was calibrated against: "acpi_pm", "hpet", "pit". */
const char *time_source(void);

/* Counter ticks per second as calibrated; 0 before. */
uint64_t time_tsc_hz(void);

#endif
