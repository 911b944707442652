// SPDX-License-Identifier: BSD-3-Clause
/*
 * COM1, a 16550: 115200 8N1, transmit only, polled, never waited for.
 */
#ifndef KERNEL_SERIAL_H
#define KERNEL_SERIAL_H

#include <stdint.h>

void serial_init(void);

/* How many bytes serial_put() takes right now without losing one. Without a port it takes any number
 * and throws them away, so that nobody waits for a line that is not there. */
unsigned serial_put_room(void);
void serial_put(uint8_t c);

#endif
