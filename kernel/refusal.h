// SPDX-License-Identifier: BSD-3-Clause
/*
 * The words for a key whose value is not accepted: the same whether it came from a configuration or
 * while the guest runs.
 */
#ifndef KERNEL_REFUSAL_H
#define KERNEL_REFUSAL_H

#include "json.h"
#include "text.h"

/* Writes the members `message`, `source`, `key`, `value` and `accepted` into an open object. Key
 * and value may be anybody's, of any length: what is beyond a bound is shown as dots. */
void refusal_put(struct json *j, const char *source, struct text key, struct text value,
                 const char *accepted);

#endif
