// SPDX-License-Identifier: BSD-3-Clause
/*
 * Character generator [RFC 864]: lines of 72 printable characters, each line starting one character
 * further, for as long as the peer reads. What it sends is discarded.
 *
 * UDP: a datagram is answered by one with 0 to 512 characters. The answer can be far larger than
 * the question, and the sender's address may be a lie, so the answers of one second are bounded.
 */
#include "app.h"
#include "conn.h"
#include "rand.h"
#include "small.h"
#include "time.h"

#define PRINTABLE     95 /* ' ' to '~' */
#define LINE_CHARS    72
#define LINE_BYTES    (LINE_CHARS + 2)
#define TEXT_BYTES    (PRINTABLE * LINE_BYTES) /* after that many lines it starts again */
#define ANSWER_MAX    512
#define ANSWERS_PER_S 1000 /* 0.5 MB/s at most: enough to test with, useless as an amplifier */

static uint8_t text[TEXT_BYTES]; /* written by start(), constant afterwards */
static uint64_t second_ns;       /* when the current second of answers began */
static unsigned answers;         /* given in it */

static void input(struct small_conn *c, const struct pbuf *p)
{
    tcp_recved(c->pcb, p->tot_len);
}

static bool output(struct small_conn *c)
{
    while (!c->eof) {
        uint32_t n = TEXT_BYTES - c->out;
        uint32_t written = conn_write(c->pcb, text + c->out, n);
        c->out = (c->out + written) % TEXT_BYTES;
        if (written < n)
            break;
    }
    return c->eof;
}

static bool answer(struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *addr, u16_t port)
{
    uint64_t now = time_ns();

    (void)p;
    if (answers == 0 || now - second_ns >= NS_PER_S) {
        second_ns = now;
        answers = 0;
    }
    if (answers == ANSWERS_PER_S) {
        apps_refused("datagram", "chargen: answers of this second used up");
        return false;
    }
    struct pbuf *reply = pbuf_alloc(PBUF_TRANSPORT, 0, PBUF_ROM);
    if (reply == NULL)
        return false;
    reply->payload = text;
    reply->len = reply->tot_len = (u16_t)(rand_u32() % (ANSWER_MAX + 1));
    bool sent = small_reply(pcb, reply, addr, port);
    pbuf_free(reply);
    answers++;
    return sent;
}

static struct small_service chargen = {
    .port = 19, .window = UINT32_MAX, .input = input, .output = output, .answer = answer};

static bool start(void)
{
    for (uint32_t line = 0; line < PRINTABLE; line++) {
        uint8_t *at = text + line * LINE_BYTES;
        for (uint32_t i = 0; i < LINE_CHARS; i++)
            at[i] = (uint8_t)(' ' + (line + i) % PRINTABLE);
        at[LINE_CHARS] = '\r';
        at[LINE_CHARS + 1] = '\n';
    }
    return small_start(&chargen);
}

static void stats(struct json *j)
{
    small_json(&chargen, j);
}

const struct service chargen_service = {
    .name = "chargen", .bit = SERVICE_CHARGEN, .start = start, .stats = stats};
