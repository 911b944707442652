// SPDX-License-Identifier: BSD-3-Clause
/*
 * What the programs on the host's side of a test have in common. Where one of them cannot go on it
 * calls err(3), which names the program.
 */
#ifndef TESTS_HOSTED_H
#define TESTS_HOSTED_H

#include <stdint.h>

/* CLOCK_MONOTONIC, in ns and in seconds. */
uint64_t now_ns(void);
double now(void);

/* A socket that sends frames by this interface as they are, past its queueing discipline. Ends the
 * program if there is no such interface, or no right to do so. */
int raw_socket(const char *interface);

#endif
