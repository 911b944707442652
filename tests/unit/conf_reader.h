// SPDX-License-Identifier: BSD-3-Clause
/*
 * A configuration under test, with the real record writer in front of a console that keeps the last
 * record.
 */
#ifndef TESTS_UNIT_CONF_READER_H
#define TESTS_UNIT_CONF_READER_H

#include <stdbool.h>
#include "conf.h"

extern struct conf conf;
extern char conf_said[CONFIG_RECORD_MAX + 1]; /* the last record, without its newline */
extern unsigned conf_said_n;

/* Set-up of a test: the defaults, and nothing was said. */
int conf_defaults(void **state);

/* conf_parse() on a text that ends where its memory ends. */
bool conf_read(const char *text);

/* It is accepted; or refused, with one error record that names this key and this value. */
void conf_accept(const char *text);
void conf_refused(const char *text, const char *key, const char *value);

#endif
