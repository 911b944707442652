// SPDX-License-Identifier: BSD-3-Clause
/*
 * How the values of a job's keys are written. As in text.h, a reader takes all of its text or says
 * false, and writes nothing then. Numbers with a prefix are decimal: 1k is 1000, as in rates of a
 * network.
 */
#ifndef KERNEL_JOB_VALUE_H
#define KERNEL_JOB_VALUE_H

#include "job_params.h"
#include "time.h"

/* The longest time that any key takes. */
#define JOB_TIME_MAX_HOURS 8760
#define JOB_TIME_MAX_NS    (JOB_TIME_MAX_HOURS * 3600 * NS_PER_S)

/* The value's place among n words. */
bool job_value_word(struct text v, const char *const words[], unsigned n, unsigned *which);

/* A whole number, min and max included. */
bool job_value_number(struct text v, uint64_t min, uint64_t max, uint64_t *n);

/* A whole number below 2^63, with k, M, G or T behind it for thousands of thousands. */
bool job_value_scaled(struct text v, uint64_t *n);

/* The same, not 0; or off, which is 0. */
bool job_value_end(struct text v, uint64_t *end);

/* A share in percent, with up to seven places behind the point, or 0: in 10^-9. */
bool job_value_percent(struct text v, uint64_t *share);

/* 0, or a time from min_ns to max_ns. */
bool job_value_time(struct text v, uint64_t min_ns, uint64_t max_ns, uint64_t *ns);

/* A time that may also be in microseconds. */
bool job_value_delay(struct text v, uint64_t *ns);

/* Bits each second, or packets with pps behind them. */
bool job_value_rate(struct text v, struct job_rate *rate);

/* One of our NICs: net0, net1. */
bool job_value_nic(struct text v, uint8_t *nic);

/* What `target=` takes: a host, or one of our NICs, in brackets for IPv6. */
bool job_value_target(struct text v, struct job_target *target);

/* 52:54:00:12:34:56 */
bool job_value_mac(struct text v, uint8_t mac[6]);

#endif
