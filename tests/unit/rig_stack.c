// SPDX-License-Identifier: BSD-3-Clause
/*
 * See rig_stack.h.
 */
#include "rig_stack.h"
#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <cmocka.h>
#include "netport.h"
#include "netport_priv.h"

uint64_t rig_sunk;

static uint64_t seed = 0x9e3779b97f4a7c15ull;

struct tcp_pcb *rig_listen(uint16_t port, tcp_accept_fn accept)
{
    struct tcp_pcb *pcb = tcp_new_ip_type(IPADDR_TYPE_ANY);

    assert_int_equal(tcp_bind(pcb, IP_ANY_TYPE, port), ERR_OK);
    pcb = tcp_listen_with_backlog(pcb, CONFIG_BACKLOG);
    tcp_accept(pcb, accept);
    return pcb;
}

err_t rig_sink_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
    (void)arg;
    (void)err;
    if (p == NULL)
        return netport_close(pcb) ? ERR_ABRT : ERR_OK;
    rig_sunk += p->tot_len;
    tcp_recved(pcb, p->tot_len);
    pbuf_free(p);
    return ERR_OK;
}

uint32_t rig_rnd(uint32_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed >> 20) % below;
}

void rig_seed_from(const char *variable)
{
    const char *text = getenv(variable);

    if (text != NULL)
        seed = strtoull(text, NULL, 0);
}

bool rig_lose_all(const uint8_t *frame, uint32_t len)
{
    (void)frame;
    (void)len;
    return true;
}
