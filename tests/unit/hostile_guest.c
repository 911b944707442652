// SPDX-License-Identifier: BSD-3-Clause
/*
 * See hostile_guest.h.
 */
#include "hostile_guest.h"
#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include "lwip/tcp.h"
#include "lwip/udp.h"
#include "netport.h"
#include "netport_priv.h"

unsigned hostile_admitted;

static void echo_gone(void *arg, err_t err)
{
    (void)arg;
    (void)err;
    hostile_admitted--;
}

err_t hostile_echo_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
    static const uint8_t constant[4096];

    (void)arg;
    (void)err;
    if (p == NULL) {
        hostile_admitted--;
        return netport_close(pcb) ? ERR_ABRT : ERR_OK;
    }
    const uint16_t n = p->tot_len < sizeof(constant) ? p->tot_len : (uint16_t)sizeof(constant);

    tcp_recved(pcb, p->tot_len);
    pbuf_free(p);
    tcp_write(pcb, constant, n, 0);
    return ERR_OK;
}

err_t hostile_echo_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
    (void)arg;
    assert_int_equal(err, ERR_OK); /* no SYN ever finds the pool of connections empty */
    if (hostile_admitted == HOSTILE_ADMITTED_MAX) {
        tcp_abort(pcb);
        return ERR_ABRT;
    }
    hostile_admitted++;
    tcp_recv(pcb, hostile_echo_recv);
    tcp_err(pcb, echo_gone);
    return ERR_OK;
}

/* Takes the data but gives no window back. */
static err_t hoard_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
    (void)arg;
    (void)err;
    if (p == NULL)
        return netport_close(pcb) ? ERR_ABRT : ERR_OK;
    pbuf_free(p);
    return ERR_OK;
}

static err_t sink_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
    (void)arg;
    assert_int_equal(err, ERR_OK);
    tcp_recv(pcb, pcb->local_port == 9 ? rig_sink_recv : hoard_recv);
    return ERR_OK;
}

static void udp_echo(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *from,
                     u16_t port)
{
    (void)arg;
    udp_sendto(pcb, p, from, port);
    pbuf_free(p);
}

int hostile_setup(void **state)
{
    rig_setup(state);
    hostile_admitted = 0;
    struct tcp_pcb *tcp = tcp_new_ip_type(IPADDR_TYPE_ANY);
    struct udp_pcb *udp = udp_new_ip_type(IPADDR_TYPE_ANY);

    tcp_bind(tcp, IP_ANY_TYPE, 7);
    tcp_accept(tcp_listen_with_backlog(tcp, CONFIG_BACKLOG), hostile_echo_accept);
    udp_bind(udp, IP_ANY_TYPE, 7);
    udp_recv(udp, udp_echo, NULL);
    return 0;
}

void hostile_listen_sinks(void)
{
    for (u16_t port = 9; port <= 10; port++) {
        rig_listen(port, sink_accept);
    }
}

void hostile_alive(void)
{
    rig.arp_silent = false;
    rig.filter = NULL;
    rig_advance_ms(6000); /* pending neighbours are given up */
    for (int v6 = 0; v6 < 2; v6++) {
        uint8_t reply[8];
        struct rig_tcp t;

        rig_udp_send(v6, 30000, 7, "ping", 4);
        rig_advance_ms(1500);
        if (rig_udp_recv(30000, reply, sizeof(reply)) != 4) { /* the neighbour was forgotten */
            rig_udp_send(v6, 30000, 7, "ping", 4);
            rig_advance_ms(3000);
            assert_int_equal(rig_udp_recv(30000, reply, sizeof(reply)), 4);
        }
        assert_true(v6 ? rig_tcp_connect6(&t, 7) : rig_tcp_connect(&t, 7));
        assert_int_equal(rig_tcp_send(&t, "hello", 5), 5);
        assert_int_equal(rig_tcp_recv(&t, reply, 5, 1000), 5);
        rig_tcp_close(&t);
    }
    rig_drop_frames();
}
