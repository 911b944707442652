// SPDX-License-Identifier: BSD-3-Clause
/*
 * COM1, a 16550: 115200 8N1, transmit only, polled, never waited for.
 */
#ifndef KERNEL_SERIAL_H
#define KERNEL_SERIAL_H

#include <stdbool.h>

void serial_init(void);

/* Hands over at most n bytes, as many as fit right now, and returns how many. Without a port it
 * takes them all and throws them away, so that nobody waits for a line that is not there. */
unsigned serial_put(const char *s, unsigned n);

/* True once the last byte is out. Until then ending the machine loses it. */
bool serial_idle(void);

#endif
