// SPDX-License-Identifier: BSD-3-Clause
/*
 * See conf_reader.h.
 */
#include "conf_reader.h"
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "console.h"
#include "json_check.h"
#include "time.h"

struct conf conf;
char conf_said[CONFIG_RECORD_MAX + 1];
unsigned conf_said_n;

uint64_t time_ns(void)
{
    return 0;
}

bool console_write(const char *s, size_t len)
{
    assert_int_equal(s[len - 1], '\n');
    memcpy(conf_said, s, len - 1);
    conf_said[len - 1] = '\0';
    conf_said_n++;
    return true;
}

int conf_defaults(void **state)
{
    (void)state;
    conf_init(&conf);
    conf_said[0] = '\0';
    conf_said_n = 0;
    return 0;
}

bool conf_read(const char *text)
{
    char *exact = strdup(text);

    assert_non_null(exact);
    bool ok = conf_parse(&conf, "cmdline", exact);
    assert_int_equal(conf_said_n, ok ? 0 : 1);
    free(exact);
    return ok;
}

void conf_accept(const char *text)
{
    if (!conf_read(text) || !conf_check(&conf))
        fail_msg("\"%s\" refused: %s", text, conf_said);
}

void conf_refused(const char *text, const char *key, const char *value)
{
    conf_defaults(NULL);
    if (conf_read(text))
        fail_msg("\"%s\" accepted", text);
    assert_string_equal(json_member(conf_said, "event"), "error");
    assert_string_equal(json_member(conf_said, "source"), "cmdline");
    assert_string_equal(json_member(conf_said, "key"), key);
    assert_string_equal(json_member(conf_said, "value"), value);
    assert_true(strlen(json_member(conf_said, "accepted")) > 0);
    assert_non_null(strstr(json_member(conf_said, "message"), key));
}
