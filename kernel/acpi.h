// SPDX-License-Identifier: BSD-3-Clause
/*
 * The few things we need of ACPI: two clocks, the power button and the power switch.
 */
#ifndef KERNEL_ACPI_H
#define KERNEL_ACPI_H

#include <stdbool.h>
#include <stdint.h>

/* Reads the tables that the RSDP at this physical address leads to; 0 = there is none. Whatever is
 * damaged is treated as absent. */
void acpi_init(uint64_t rsdp);

/* I/O port of the power-management timer, 3,579,545 Hz; 0 = none. */
uint16_t acpi_pm_timer_port(void);
bool acpi_pm_timer_is_32bit(void); /* else 24 bits count */

/* Physical address of the HPET's registers; 0 = none. */
uint64_t acpi_hpet_base(void);

/* From now on the power button is noticed, if the machine has one. A host presses it with QEMU's
 * system_powerdown. */
void acpi_power_button_arm(void);
bool acpi_power_button(void); /* it was pressed, ever since */

/* Asks the machine to switch off. Returns if it does not. */
void acpi_power_off(void);

#endif
