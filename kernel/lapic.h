// SPDX-License-Identifier: BSD-3-Clause
/*
 * The local APIC of the one CPU: end of interrupt, MSI target, one-shot timer.
 */
#ifndef KERNEL_LAPIC_H
#define KERNEL_LAPIC_H

#include <stdbool.h>
#include <stdint.h>

#define LAPIC_VECTOR_TIMER    0xfe
#define LAPIC_VECTOR_SPURIOUS 0xff

/* Enables it with everything masked but the timer. False: this CPU has none. */
bool lapic_init(void);

/* Lets the PIC interrupt through the pin it hangs on; the vector is the PIC's, and so is the end of
 * the interrupt. */
void lapic_accept_pic(void);

/* The id that an MSI address names. */
uint32_t lapic_id(void);

void lapic_eoi(void);

/* Calibration: the timer counts down from its largest value, silently; how far it came. */
void lapic_timer_measure_start(void);
uint32_t lapic_timer_measure_ticks(void);

/* What the calibration found. Before it, and after 0, arming takes the shortest delay. */
void lapic_timer_set_hz(uint64_t hz);

/* One interrupt after `ns` (at least one tick, at most a second), instead of any armed
 * before. */
void lapic_timer_arm(uint64_t ns);

#endif
