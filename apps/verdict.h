// SPDX-License-Identifier: BSD-3-Clause
/*
 * Criteria: a number, and the most or the least that it may be.
 */
#ifndef APPS_VERDICT_H
#define APPS_VERDICT_H

#include <stdbool.h>
#include <stdint.h>
#include "json.h"

struct verdict {
    struct json
        *j;    /* an open array that gets an object for each criterion; NULL: none is written */
    bool pass; /* every one so far was met; true to begin with */
};

/* `job` is whose number it is, NULL: the guest's. Names that begin with "min_" are of numbers that
 * are to be so large, all others of numbers that may be. */
void verdict_criterion(struct verdict *v, const char *job, const char *name, uint64_t limit,
                       uint64_t value);

#endif
