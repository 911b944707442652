// SPDX-License-Identifier: BSD-3-Clause
/*
 * See segments_rig.h.
 */
#include "segments_rig.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "lwip/priv/tcp_priv.h"
#include "app.h"
#include "conn.h"
#include "json.h"
#include "netport_priv.h"
#include "rand.h"

#define PORT 80

struct seg_net seg_net;
struct rig_tcp seg_peer;

static bool running;       /* the guest is up */
static uint64_t asked;     /* bytes of the body */
static uint64_t body;      /* those that came */
static uint32_t dice;      /* of the losses */
static uint64_t burst_ns;  /* a time */
static unsigned burst_n;   /* segments at it */
static uint8_t held[2000]; /* a segment that has to wait for the next */
static uint32_t held_len;

void apps_json_stats(struct json *j)
{
    (void)j;
}

int seg_init(void **state)
{
    (void)state;
    conn_init();
    pattern_init(4711);
    return 0;
}

int seg_setup(void **state)
{
    (void)state;
    rig_prepare();
    rig.tx_csum = rig.tx_cuts = true;
    seg_net = (struct seg_net){.limit = 1460};
    body = 0;
    held_len = 0;
    dice = 2463534242u;
    return 0;
}

int seg_teardown(void **state)
{
    bool was = running;

    running = false;
    return was ? rig_teardown(state) : 0;
}

/* ---- the network ----------------------------------------------------------------------------- */

uint32_t seg_roll(void)
{
    dice ^= dice << 13;
    dice ^= dice >> 17;
    dice ^= dice << 5;
    return dice;
}

static uint32_t payload_of(const uint8_t *frame)
{
    const bool ip6 = frame[12] == 0x86;
    const uint32_t l4 = ip6 ? 54 : 34, at = ip6 ? 18 : 16;

    if (frame[ip6 ? 20 : 23] != 6 || (!ip6 && frame[12] != 0x08) || frame[13] == 0x06)
        return 0;
    return ((uint32_t)frame[at] << 8 | frame[at + 1]) - (ip6 ? 0 : 20) - (frame[l4 + 12] >> 4) * 4u;
}

/* Sees all, loses some. */
static bool network(const uint8_t *frame, uint32_t len)
{
    const uint32_t bytes = payload_of(frame);

    if (bytes == 0)
        return false;
    for (const struct tcp_pcb *pcb = tcp_active_pcbs; pcb != NULL; pcb = pcb->next)
        assert_true(pcb->snd_queuelen <= TCP_SND_QUEUELEN + 3); /* 0017: one split above it */
    if (seg_net.narrow != 0 && len > seg_net.narrow) {
        seg_net.too_long = true;
        return true;
    }
    seg_net.segments++;
    seg_net.largest = bytes > seg_net.largest ? bytes : seg_net.largest;
    assert_true(bytes <= seg_net.limit);
    burst_n = burst_ns == rig.now_ns ? burst_n + 1 : 1;
    burst_ns = rig.now_ns;
    if (seg_net.burst != 0 && burst_n > seg_net.burst)
        return true;
    if (seg_net.loss != 0 && seg_roll() % seg_net.loss == 0)
        return true;
    if (held_len == 0 && seg_net.swaps != 0 && seg_roll() % seg_net.swaps == 0 &&
        len <= sizeof(held)) {
        memcpy(held, frame, len);
        held_len = len;
        return true;
    }
    if (held_len != 0) {
        uint8_t copy[sizeof(held)];

        memcpy(copy, frame, len);
        rig_deliver(copy, len);
        rig_deliver(held, held_len);
        held_len = 0;
        return true;
    }
    return false;
}

/* ---- the download ---------------------------------------------------------------------------- */

void seg_ask(uint64_t bytes, bool ip6)
{
    char request[128], head[1024];
    size_t n = 0;

    asked = bytes;
    rig_start();
    running = true;
    rig_advance_ms(2500); /* IPv6: duplicate detection */
    rig_drop_frames();
    assert_true(http_service.start());
    rig.filter = network;
    assert_true(ip6 ? rig_tcp_connect6(&seg_peer, PORT) : rig_tcp_connect(&seg_peer, PORT));
    snprintf(request, sizeof(request), "GET /data?bytes=%llu HTTP/1.1\r\nHost: a\r\n\r\n",
             (unsigned long long)bytes);
    assert_int_equal(rig_tcp_send(&seg_peer, request, strlen(request)), strlen(request));
    while (n < 4 || memcmp(head + n - 4, "\r\n\r\n", 4) != 0) {
        assert_true(n < sizeof(head));
        assert_int_equal(rig_tcp_recv(&seg_peer, head + n, 1, 60000), 1);
        n++;
    }
    assert_memory_equal(head, "HTTP/1.1 200", 12);
}

uint64_t seg_take(uint64_t bytes, uint32_t at_once, uint64_t patience_ms)
{
    static uint8_t data[1 << 18];
    const uint64_t begin = rig.now_ns;

    for (uint64_t done = 0; done < bytes;) {
        const uint64_t left = bytes - done;
        const size_t want = left < at_once ? (size_t)left : at_once;
        const size_t n = rig_tcp_recv(&seg_peer, data, want, patience_ms);

        if (n == 0)
            fail_msg("nothing came any more after %llu bytes", (unsigned long long)body);
        for (size_t i = 0; i < n; i++)
            if (data[i] != pattern[(body + i) % PATTERN_BYTES])
                fail_msg("byte %llu is wrong", (unsigned long long)(body + i));
        body += n;
        done += n;
    }
    return (rig.now_ns - begin) / 1000000;
}

uint64_t seg_left(void)
{
    return asked - body;
}

void seg_say(uint32_t ack)
{
    rig_tcp_segment(&seg_peer, RIG_ACK, seg_peer.snd_nxt, ack, NULL, 0);
}

/* What the peer has acknowledged, the application was told of, and it may write as much again. */
static void check_all_is_accounted_for(void)
{
    seg_say(seg_peer.rcv_nxt);
    rig_pump();
    assert_int_equal(tcp_active_pcbs->snd_queuelen, 0);
    assert_int_equal(tcp_active_pcbs->snd_buf, TCP_SND_BUF);
}

void seg_end(void)
{
    rig.filter = NULL;
    if (seg_left() == 0)
        check_all_is_accounted_for();
    rig_tcp_close(&seg_peer);
    for (const char *const *name = rig_pool_names(); *name != NULL; name++)
        assert_int_equal(rig_pool_failures(*name), 0);
    assert_int_equal(seg_teardown(NULL), 0);
}

void seg_break_off(void)
{
    rig.filter = NULL;
    rig_tcp_abort(&seg_peer);
    assert_int_equal(seg_teardown(NULL), 0);
}
