// SPDX-License-Identifier: BSD-3-Clause
/*
 * See rig_stream.h.
 */
#include "rig_stream.h"
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "ethif_held.h"
#include "netport.h"
#include "rig_stack.h"

struct rig_stream rig_stream;

err_t rig_stream_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
    const unsigned used = rig_pool_used("PBUF_POOL");

    (void)arg;
    (void)err;
    if (p == NULL)
        return netport_close(pcb) ? ERR_ABRT : ERR_OK;
    rig_stream.calls++;
    rig_stream.pushed += (p->flags & PBUF_FLAG_PUSH) != 0;
    rig_stream.used_most = used > rig_stream.used_most ? used : rig_stream.used_most;
    for (const struct pbuf *q = p; q->next != NULL; q = q->next)
        assert_int_equal(q->tot_len, q->len + q->next->tot_len);
    assert_true(rig_stream.n + p->tot_len <= sizeof(rig_stream.got));
    assert_int_equal(p->tot_len,
                     pbuf_copy_partial(p, rig_stream.got + rig_stream.n, p->tot_len, 0));
    rig_stream.n += p->tot_len;
    tcp_recved(pcb, p->tot_len);
    pbuf_free(p);
    return ERR_OK;
}

static err_t accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
    (void)arg;
    (void)err;
    tcp_recv(pcb, rig_stream_recv);
    return ERR_OK;
}

void rig_stream_setup(void)
{
    memset(&rig_stream, 0, sizeof(rig_stream));
    for (unsigned i = 0; i < sizeof(rig_stream.data); i++)
        rig_stream.data[i] = (uint8_t)(i * 31 + (i >> 8));
    rig_listen(RIG_STREAM_PORT, accept);
}

void rig_stream_connect_to(struct rig_tcp *t, bool v6, uint16_t port)
{
    assert_true(v6 ? rig_tcp_connect6(t, port) : rig_tcp_connect(t, port));
    rig_stream.first = t->snd_nxt;
}

void rig_stream_connect(struct rig_tcp *t, bool v6)
{
    rig_stream_connect_to(t, v6, RIG_STREAM_PORT);
}

void rig_stream_arrived(uint32_t len)
{
    assert_int_equal(rig_stream.n, len);
    assert_memory_equal(rig_stream.got, rig_stream.data, len);
    assert_int_equal(rig_nic_held(), 0);
    assert_int_equal(ethif_held_pbufs(), 0);
    assert_int_equal(rig_pool_used("PBUF_POOL"), 0);
    assert_int_equal(netport_alloc_failures(), 0);
    rig_stream.n = rig_stream.calls = 0;
}

void rig_scribble(uint8_t *frame)
{
    memset(frame, 0xff, 14 + 20 + 20);
}
