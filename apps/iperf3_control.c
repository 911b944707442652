// SPDX-License-Identifier: BSD-3-Clause
/*
 * The control connection of an iperf3 session: single bytes, and blocks of text behind their
 * length, both ways.
 *
 * What the peer says is taken apart here and means nothing yet: the session's role is told of each
 * message and of each block that is whole. Where a block is due depends on the session's state.
 *
 * Everything that goes out by address here is either constant or the session's, and stays as it is
 * until the peer has acknowledged it.
 */
#include "iperf3.h"

#include "app.h"
#include "conn.h"
#include "lwip/ip.h"
#include "string.h"

/* A control connection is probed after this silence, this often, so many times, ms: a peer that
 * vanished is noticed within half a minute. */
#define KEEP_IDLE_MS  10000
#define KEEP_INTVL_MS 5000
#define KEEP_COUNT    4

/* Byte k is k: a state, or two that follow one another, by address. */
static const uint8_t states[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

#define REFUSAL(code)                                                                              \
    {                                                                                              \
        (uint8_t) IPERF3_SERVER_ERROR, 0, 0, 0, code, 0, 0, 0, 0                                   \
    }

static const struct refusal {
    const char *reason;
    uint8_t message[9];
} refusals[] = {
    {"test longer than supported", REFUSAL(IPERF3_E_DURATION)},
    {"number of streams not supported", REFUSAL(IPERF3_E_STREAMS)},
    {"block size not supported", REFUSAL(IPERF3_E_BLOCK)},
    {"warm-up longer than supported", REFUSAL(IPERF3_E_OMIT)},
    {"no SCTP", REFUSAL(IPERF3_E_SCTP)},
    {"datagram size not carried by the MTU", REFUSAL(IPERF3_E_UDP_BLOCK)},
    {"unknown message", REFUSAL(IPERF3_E_MESSAGE)},
    {"bad parameters", REFUSAL(IPERF3_E_PARAMS)},
    {"bad results", REFUSAL(IPERF3_E_RESULTS)},
    {"all streams in use", REFUSAL(IPERF3_E_BUSY)},
    {"streams not opened in time", REFUSAL(IPERF3_E_ACCEPT)},
};
#define REFUSALS (sizeof(refusals) / sizeof(refusals[0]))

/* ---- what we say --------------------------------------------------------------------------- */

/* Queues constant bytes on the control connection. They are few, and the peer has read what was
 * before them: there is room, or the session is over. */
static bool say(struct iperf3_session *s, const uint8_t *bytes, uint32_t n)
{
    if (s->control == NULL || conn_write(s->control, bytes, n) != n) {
        iperf3_session_end(s, "control_stuck");
        return false;
    }
    s->unacked += n;
    tcp_output(s->control);
    return true;
}

bool iperf3_control_greet(struct iperf3_session *s)
{
    return say(s, (const uint8_t *)s->cookie, IPERF3_COOKIE_BYTES);
}

bool iperf3_control_say(struct iperf3_session *s, enum iperf3_message first, uint32_t n)
{
    return say(s, &states[first], n);
}

void iperf3_control_refuse(struct iperf3_session *s, enum iperf3_error code)
{
    const struct refusal *r = refusals;

    while (r < refusals + REFUSALS - 1 && r->message[4] != code)
        r++;
    apps_refused("iperf3 test", r->reason);
    if (say(s, r->message, sizeof(r->message)))
        iperf3_session_end(s, r->reason);
}

/* Counted as one byte more of the text. */
static bool display_is_due(const struct iperf3_session *s)
{
    return s->state == IPERF3_REPLY && s->text_done == s->text_len;
}

/* Sends what is left of a block, and 14 behind our results. */
static void push_block(struct iperf3_session *s)
{
    if (s->text_done < s->text_len) {
        uint32_t n = conn_write(s->control, s->text + s->text_done, s->text_len - s->text_done);
        s->text_done += n;
        s->unacked += n;
        tcp_output(s->control);
    }
    if (display_is_due(s) && iperf3_control_say(s, IPERF3_DISPLAY_RESULTS, 1))
        s->text_done++;
}

void iperf3_control_block(struct iperf3_session *s, uint32_t n)
{
    s->text[0] = (char)(n >> 24);
    s->text[1] = (char)(n >> 16);
    s->text[2] = (char)(n >> 8);
    s->text[3] = (char)n;
    s->text_len = n + sizeof(s->prefix);
    s->text_done = 0;
    s->lent = true;
    push_block(s);
}

/* ---- what the peer says -------------------------------------------------------------------- */

static bool block_is_due(const struct iperf3_session *s)
{
    return s->state == IPERF3_PARAMS || s->state == IPERF3_RESULTS || s->state == IPERF3_THEIRS;
}

/* Takes bytes of a block; returns how many. It comes where ours was, which the peer has then read.
 */
static uint32_t block(struct iperf3_session *s, const uint8_t *data, uint32_t n)
{
    uint32_t most = s->state == IPERF3_PARAMS ? IPERF3_PARAMS_BYTES : IPERF3_TEXT_BYTES;

    if (s->prefix_have < sizeof(s->prefix)) {
        s->prefix[s->prefix_have++] = data[0];
        if (s->prefix_have < sizeof(s->prefix))
            return 1;
        uint32_t len = (uint32_t)s->prefix[0] << 24 | (uint32_t)s->prefix[1] << 16 |
                       (uint32_t)s->prefix[2] << 8 | s->prefix[3];
        if (len == 0 || len > most || s->lent) {
            s->role->bad_block(s);
            return 1;
        }
        s->text_len = len;
        s->text_done = 0;
        return 1;
    }
    if (n > s->text_len - s->text_done)
        n = s->text_len - s->text_done;
    memcpy(s->text + s->text_done, data, n);
    s->text_done += n;
    if (s->text_done == s->text_len)
        s->role->block(s);
    return n;
}

static void input(struct iperf3_session *s, const uint8_t *data, uint32_t n)
{
    while (n > 0 && s->state != IPERF3_ENDED) {
        uint32_t used = 1;
        if (block_is_due(s))
            used = block(s, data, n);
        else
            s->role->message(s, (int8_t)data[0]);
        data += used;
        n -= used;
    }
}

static err_t control_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
    struct iperf3_session *s = arg;

    (void)err;
    if (p == NULL) {
        s->role->lost(s, false);
        return ERR_OK;
    }
    for (const struct pbuf *q = p; q != NULL; q = q->next)
        input(s, q->payload, q->len);
    tcp_recved(pcb, p->tot_len);
    pbuf_free(p);
    return ERR_OK;
}

static err_t control_sent(void *arg, struct tcp_pcb *pcb, u16_t len)
{
    struct iperf3_session *s = arg;

    (void)pcb;
    s->unacked -= len;
    if (s->lent && s->unacked == 0 && s->text_done >= s->text_len && !display_is_due(s))
        s->lent = false;
    if (s->lent && s->state != IPERF3_ENDED)
        push_block(s);
    if (s->unacked == 0)
        s->role->said(s);
    return ERR_OK;
}

static void control_err(void *arg, err_t err)
{
    struct iperf3_session *s = arg;

    (void)err;
    s->control = NULL;
    s->lent = false;
    s->role->lost(s, true);
}

void iperf3_control_open(struct iperf3_session *s, struct tcp_pcb *pcb)
{
    s->control = pcb;
    ip_addr_copy(s->peer, pcb->remote_ip);
    s->netif = ip_current_netif();
    tcp_setprio(pcb, TCP_PRIO_MAX);
    ip_set_option(pcb, SOF_KEEPALIVE);
    pcb->keep_idle = KEEP_IDLE_MS;
    pcb->keep_intvl = KEEP_INTVL_MS;
    pcb->keep_cnt = KEEP_COUNT;
    tcp_arg(pcb, s);
    tcp_recv(pcb, control_recv);
    tcp_sent(pcb, control_sent);
    tcp_err(pcb, control_err);
}
