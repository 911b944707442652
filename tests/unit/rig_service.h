// SPDX-License-Identifier: BSD-3-Clause
/*
 * What tests of services on the rig (tests/sim/netrig.h) share.
 */
#ifndef TESTS_UNIT_RIG_SERVICE_H
#define TESTS_UNIT_RIG_SERVICE_H

#include <stdbool.h>
#include <stdint.h>
#include "app.h"

/* Set-up of a group: what services have in common is made once. */
int rig_service_init(void **state);

/* The number of the k-th "key": in a text of JSON. */
int64_t rig_number(const char *text, const char *key, unsigned k);

/* Whether "key":"value" is there. */
bool rig_says(const char *text, const char *key, const char *value);

/* One number of a service's statistics. */
uint64_t rig_stat(const struct service *s, const char *key);

/* One more connection to that port is reset, and counted as refused. */
void rig_is_turned_away(uint16_t port);

#endif
