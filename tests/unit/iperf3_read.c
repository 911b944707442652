// SPDX-License-Identifier: BSD-3-Clause
/*
 * See iperf3_read.h.
 */
#include "iperf3_read.h"
#include <stdarg.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

struct iperf3_row read_rows[CONFIG_IPERF_STREAM];
unsigned read_rows_n;

enum iperf3_error read_params_n(const char *text, size_t n, struct iperf3_params *p)
{
    char *copy = malloc(n);

    memcpy(copy, text, n);
    enum iperf3_error error = iperf3_json_params(copy, n, p);
    free(copy);
    return error;
}

enum iperf3_error read_params(const char *text, struct iperf3_params *p)
{
    return read_params_n(text, strlen(text), p);
}

static void keep(void *ctx, const struct iperf3_row *r)
{
    assert_ptr_equal(ctx, &read_rows_n);
    if (read_rows_n < CONFIG_IPERF_STREAM)
        read_rows[read_rows_n] = *r;
    read_rows_n++;
}

bool read_results_n(const char *text, size_t n)
{
    char *copy = malloc(n);

    read_rows_n = 0;
    memcpy(copy, text, n);
    bool ok = iperf3_json_results(copy, n, keep, &read_rows_n);
    free(copy);
    return ok;
}

bool read_results(const char *text)
{
    return read_results_n(text, strlen(text));
}
