// SPDX-License-Identifier: BSD-3-Clause
/*
 * See traffic_guest.h.
 */
#include "traffic_guest.h"
#include <stdarg.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>
#include "lwip/tcp.h"

uint8_t traffic_pattern[65536];
unsigned traffic_accepted;

static err_t sink_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
    (void)arg;
    assert_int_equal(err, ERR_OK);
    traffic_accepted++;
    tcp_recv(pcb, rig_sink_recv);
    return ERR_OK;
}

/* Sends the pattern for ever, as much as the stack takes. */
static void source_fill(struct tcp_pcb *pcb)
{
    static uint32_t at;

    for (;;) {
        uint32_t n = sizeof(traffic_pattern) - at;

        if (n > 16384)
            n = 16384;
        if (n > tcp_sndbuf(pcb))
            n = tcp_sndbuf(pcb);
        if (n == 0 || tcp_write(pcb, traffic_pattern + at, (u16_t)n, 0) != ERR_OK)
            break;
        at = (at + n) % (uint32_t)sizeof(traffic_pattern);
    }
    tcp_output(pcb);
}

static err_t source_sent(void *arg, struct tcp_pcb *pcb, u16_t len)
{
    (void)arg;
    (void)len;
    source_fill(pcb);
    return ERR_OK;
}

static err_t source_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
    (void)arg;
    assert_int_equal(err, ERR_OK);
    tcp_recv(pcb, rig_sink_recv);
    tcp_sent(pcb, source_sent);
    source_fill(pcb);
    return ERR_OK;
}

void traffic_listen_sink(void)
{
    rig_listen(9, sink_accept);
}

void traffic_listen_source(void)
{
    rig_listen(19, source_accept);
}

int traffic_setup(void **state)
{
    rig_sunk = 0;
    traffic_accepted = 0;
    rig_setup(state);
    traffic_listen_sink();
    traffic_listen_source();
    return 0;
}

int traffic_setup_jumbo(void **state)
{
    (void)state;
    rig_sunk = 0;
    rig_prepare();
    rig.mtu = CONFIG_MTU_MAX;
    rig_start();
    rig_advance_ms(2500);
    rig_drop_frames();
    traffic_listen_sink();
    return 0;
}

int traffic_prepare(void **state)
{
    (void)state;
    rig_prepare();
    return 0;
}

void traffic_ping(bool v6, uint32_t len)
{
    uint8_t frame[RIG_FRAME_MAX], echo[CONFIG_MTU_MAX] = {v6 ? 128 : 8, 0};
    struct rig_frame f;

    for (uint32_t i = 8; i < len; i++)
        echo[i] = (uint8_t)(i * 7);
    rig_inject(frame, rig_build_ip(frame, v6, v6 ? 58 : 1, echo, len));
    rig_pump();
    assert_true(rig_next_frame(&f));
    assert_int_equal(f.data[rig_ip_payload(v6)], v6 ? 129 : 0);
    assert_memory_equal(f.data + rig_ip_payload(v6) + 4, echo + 4, len - 4);
    assert_false(rig_next_frame(&f));
}
