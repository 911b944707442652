// SPDX-License-Identifier: BSD-3-Clause
/*
 * The Linux guest's relay, as one process for each port; see linux_init.c, which accepts.
 */
#ifndef TESTS_BENCH_LINUX_RELAY_H
#define TESTS_BENCH_LINUX_RELAY_H

#include <stdbool.h>

/* Takes the next PORT:A.B.C.D:PORT off a list with commas: from now on this process relays to
 * there. False: there is none. */
bool linux_relay_read(const char **words, unsigned short *port);

/* Carries a connection until both ends have said FIN, or one is gone. */
void linux_relay_connection(int client);

#endif
