// SPDX-License-Identifier: BSD-3-Clause
/*
 * See refusal.h.
 */
#include "refusal.h"

#include "format.h"

/* Longest part of a key or value that is repeated: with every byte escaped to six, key, value and
 * message still fit a record. */
#define SHOWN_MAX 200

void refusal_put(struct json *j, const char *source, struct text key, struct text value,
                 const char *accepted)
{
    char k[SHOWN_MAX + 4], v[SHOWN_MAX + 4], message[2 * SHOWN_MAX + 768];

    text_shown(k, SHOWN_MAX, key);
    text_shown(v, SHOWN_MAX, value);
    format(message, sizeof(message), "%s: %s=%s is not accepted; accepted: %s", source, k, v,
           accepted);
    json_str(j, "message", message);
    json_str(j, "source", source);
    json_str(j, "key", k);
    json_str(j, "value", v);
    json_str(j, "accepted", accepted);
}
