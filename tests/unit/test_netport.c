// SPDX-License-Identifier: BSD-3-Clause
/* The stack and its port against the rig: addresses, ICMP, UDP and TCP as they should work. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>
#include "lwip/tcp.h"
#include "lwip/udp.h"
#include "netport.h"
#include "netrig.h"

/* ---- a sink and an echo, as small as they can be ------------------------------------------------
 */

static uint64_t sunk;

static err_t sink_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
    (void)arg;
    (void)err;
    if (p == NULL)
        return netport_close(pcb) ? ERR_ABRT : ERR_OK;
    sunk += p->tot_len;
    tcp_recved(pcb, p->tot_len);
    pbuf_free(p);
    return ERR_OK;
}

static err_t sink_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
    (void)arg;
    assert_int_equal(err, ERR_OK);
    tcp_recv(pcb, sink_recv);
    return ERR_OK;
}

static void listen_on(uint16_t port, tcp_accept_fn accept)
{
    struct tcp_pcb *pcb = tcp_new_ip_type(IPADDR_TYPE_ANY);

    assert_int_equal(tcp_bind(pcb, IP_ANY_TYPE, port), ERR_OK);
    tcp_accept(tcp_listen(pcb), accept);
}

static void ping_of_every_size_is_answered(void **state)
{
    (void)state;
    for (int v6 = 0; v6 < 2; v6++) {
        for (uint32_t len = 8; len <= 1500 - (v6 ? 40 : 20); len++) {
            uint8_t frame[RIG_FRAME_MAX], echo[1500] = {v6 ? 128 : 8, 0};
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
    }
}

static void tcp_sink_takes_a_megabyte(void **state)
{
    (void)state;
    static uint8_t data[1 << 20];
    struct rig_tcp t;

    sunk = 0;
    listen_on(9, sink_accept);
    assert_true(rig_tcp_connect(&t, 9));
    assert_int_equal(rig_tcp_send(&t, data, sizeof(data)), sizeof(data));
    rig_tcp_close(&t);
    assert_int_equal(sunk, sizeof(data));
    assert_true(rig_tcp_connect6(&t, 9));
    assert_int_equal(rig_tcp_send(&t, data, sizeof(data)), sizeof(data));
    rig_tcp_close(&t);
    assert_int_equal(sunk, 2 * sizeof(data));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(ping_of_every_size_is_answered, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(tcp_sink_takes_a_megabyte, rig_setup, rig_teardown),
    };
    return cmocka_run_group_tests_name("netport", tests, NULL, NULL);
}
