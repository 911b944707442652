// SPDX-License-Identifier: BSD-3-Clause
/*
 * A client of the HTTP server, on the rig (tests/sim/netrig.h).
 */
#ifndef TESTS_UNIT_HTTP_CLIENT_H
#define TESTS_UNIT_HTTP_CLIENT_H

#include <stdbool.h>
#include <stdint.h>
#include "netrig.h"
#include "rig_service.h"

#define HTTP 80
#define HOST "Host: guest\r\n"

/* Set-up of a test. */
int http_setup(void **state);
#define TEST(f) cmocka_unit_test_setup_teardown(f, http_setup, rig_teardown)

/* One reply as it came. */
struct reply {
    unsigned status;
    char head[1024];
    bool close;
    uint64_t length;
    char *body; /* `length` bytes and a zero; to be freed */
};

void http_say(struct rig_tcp *t, const char *text);

/* Reads a reply; with_body = false after HEAD. */
void http_hear(struct rig_tcp *t, struct reply *r, bool with_body);
unsigned http_hear_status(struct rig_tcp *t);

/* The reply says that n bytes were taken. */
void http_hear_count(struct rig_tcp *t, uint64_t n);

/* ---- whole clients -------------------------------------------------------------------------- */

/* The only one, and nobody is there afterwards; one more while others are there. */
void http_good_client_is_served(void);
void http_one_more_is_served(void);

/* A new connection says `text`, gets `status` and is closed, not reset. */
void http_is_refused(const char *text, unsigned status);

#endif
