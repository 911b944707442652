// SPDX-License-Identifier: BSD-3-Clause
/*
 * See rig_service.h.
 */
#include "rig_service.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "conn.h"
#include "json.h"
#include "netrig.h"

int rig_service_init(void **state)
{
    (void)state;
    conn_init();
    pattern_init(1);
    return 0;
}

int64_t rig_number(const char *text, const char *key, unsigned k)
{
    char quoted[64];

    snprintf(quoted, sizeof(quoted), "\"%s\":", key);
    do {
        text = strstr(text, quoted);
        assert_non_null(text);
        text += strlen(quoted);
    } while (k-- > 0);
    return strtoll(text, NULL, 10);
}

bool rig_says(const char *text, const char *key, const char *value)
{
    char pair[128];

    snprintf(pair, sizeof(pair), "\"%s\":\"%s\"", key, value);
    return strstr(text, pair) != NULL;
}

uint64_t rig_stat(const struct service *s, const char *key)
{
    char text[1024];
    struct json j;

    json_init(&j, text, sizeof(text));
    json_object(&j, NULL);
    s->stats(&j);
    json_end_object(&j);
    assert_true(json_finish(&j) > 0);
    return (uint64_t)rig_number(text, key, 0);
}

void rig_is_turned_away(uint16_t port)
{
    const uint64_t before = apps_refusals();
    struct rig_tcp t;

    rig_tcp_connect(&t, port);
    rig_pump();
    assert_true(t.got_rst);
    rig_tcp_forget(&t);
    assert_int_equal(apps_refusals(), before + 1);
}
