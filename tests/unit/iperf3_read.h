// SPDX-License-Identifier: BSD-3-Clause
/*
 * The JSON blocks of iperf3 under test. Every text is read from an allocation of exactly its size,
 * so that a step beyond it is an AddressSanitizer report.
 */
#ifndef TESTS_UNIT_IPERF3_READ_H
#define TESTS_UNIT_IPERF3_READ_H

#include <stdbool.h>
#include <stddef.h>
#include "config.h"
#include "iperf3_json.h"

enum iperf3_error read_params(const char *text, struct iperf3_params *p);
enum iperf3_error read_params_n(const char *text, size_t n, struct iperf3_params *p);

bool read_results(const char *text);
bool read_results_n(const char *text, size_t n);

/* The rows of the last results; how many there were. */
extern struct iperf3_row read_rows[CONFIG_IPERF_STREAM];
extern unsigned read_rows_n;

#endif
