// SPDX-License-Identifier: BSD-3-Clause
/*
 * Discard [RFC 863]: every byte is taken, counted and forgotten as it arrives; nothing is answered.
 */
#include "app.h"
#include "conn.h"
#include "small.h"

static void input(struct small_conn *c, const struct pbuf *p)
{
    tcp_recved(c->pcb, p->tot_len);
}

static bool output(struct small_conn *c)
{
    return c->eof;
}

static struct small_service discard = {
    .port = 9, .window = UINT32_MAX, .input = input, .output = output};

static bool start(void)
{
    return small_start(&discard);
}

static void stats(struct json *j)
{
    small_json(&discard, j);
}

const struct service discard_service = {
    .name = "discard", .bit = SERVICE_DISCARD, .start = start, .stats = stats};
