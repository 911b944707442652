// SPDX-License-Identifier: BSD-3-Clause
/*
 * The common part of TCP services; the contract is in the header.
 */
#include "conn.h"

#include "config.h"
#include "netport.h"
#include "record.h"
#include "string.h"

/* Our slot of the stack's extension arguments: a listener's window, a connection's place in the
 * order of SYNs. */
static uint8_t ext_id;

static err_t syn_arrived(u8_t id, struct tcp_pcb_listen *listener, struct tcp_pcb *pcb)
{
    static uint32_t order;
    uint32_t window = (uint32_t)(uintptr_t)tcp_ext_arg_get((struct tcp_pcb *)listener, id);

    tcp_ext_arg_set(pcb, id, (void *)(uintptr_t)++order);
    if (window < pcb->rcv_wnd) {
        pcb->rcv_wnd = (tcpwnd_size_t)window;
        pcb->rcv_ann_wnd = (tcpwnd_size_t)window;
    }
    return ERR_OK;
}

static const struct tcp_ext_arg_callbacks ext_callbacks = {.passive_open = syn_arrived};

void conn_init(void)
{
    ext_id = tcp_ext_arg_alloc_id();
}

bool conn_listen(uint16_t port, uint32_t window, tcp_accept_fn accept, void *arg)
{
    struct tcp_pcb *pcb = tcp_new_ip_type(IPADDR_TYPE_ANY);

    if (pcb == NULL || tcp_bind(pcb, IP_ANY_TYPE, port) != ERR_OK) {
        if (pcb != NULL)
            tcp_abort(pcb);
        record_error("tcp port %u cannot be bound", port);
        return false;
    }
    /* Half-open connections inherit this: below those that do work, so that a SYN flood takes no
     * place from them; above those that are only closing, whose place the stack may take for a new
     * one. */
    tcp_setprio(pcb, TCP_PRIO_MIN + 1);
    struct tcp_pcb *listener = tcp_listen_with_backlog(pcb, CONFIG_BACKLOG);
    if (listener == NULL) {
        tcp_abort(pcb);
        record_error("tcp port %u: no listener left", port);
        return false;
    }
    tcp_ext_arg_set(listener, ext_id, (void *)(uintptr_t)window);
    tcp_ext_arg_set_callbacks(listener, ext_id, &ext_callbacks);
    tcp_arg(listener, arg);
    tcp_accept(listener, accept);
    return true;
}

uint32_t conn_order(const struct tcp_pcb *pcb)
{
    return (uint32_t)(uintptr_t)tcp_ext_arg_get(pcb, ext_id);
}

uint32_t conn_accepted(struct tcp_pcb *pcb, uint8_t prio)
{
    tcp_setprio(pcb, prio);
    tcp_nagle_disable(pcb);
    return pcb->rcv_wnd;
}

void conn_address(ip_addr_t *to, const struct job_target *t)
{
    if (t->version == 4) {
        ip_addr_set_ip4_u32_val(*to, lwip_htonl(t->ip));
        return;
    }
    *to = (ip_addr_t){.type = IPADDR_TYPE_V6};
    memcpy(ip_2_ip6(to)->addr, t->ip6, sizeof(t->ip6));
    if (netif_default != NULL)
        ip6_addr_assign_zone(ip_2_ip6(to), IP6_UNICAST, netif_default);
}

struct tcp_pcb *conn_connect(const ip_addr_t *to, uint16_t port, tcp_connected_fn connected,
                             tcp_err_fn failed, void *arg, err_t *err)
{
    struct tcp_pcb *pcb = tcp_new_ip_type(IP_GET_TYPE(to));

    *err = ERR_MEM;
    if (pcb == NULL)
        return NULL;
    tcp_arg(pcb, arg);
    tcp_err(pcb, failed);
    *err = tcp_connect(pcb, to, port, connected);
    if (*err == ERR_OK)
        return pcb;
    conn_abort(pcb);
    return NULL;
}

/* The acknowledgement that tells the peer of its first window goes out behind this. What the SYN
 * had announced nobody could use: the peer sends nothing before that acknowledgement. */
void conn_connected(struct tcp_pcb *pcb, uint32_t window, uint8_t prio)
{
    tcp_setprio(pcb, prio);
    tcp_nagle_disable(pcb);
    if (window < pcb->rcv_wnd) {
        pcb->rcv_wnd = (tcpwnd_size_t)window;
        pcb->rcv_ann_wnd = (tcpwnd_size_t)window;
    }
}

void conn_window(struct tcp_pcb *pcb, uint32_t *edge, uint32_t target)
{
    uint32_t announced = pcb->rcv_ann_right_edge - pcb->rcv_nxt;
    uint32_t before = pcb->rcv_ann_wnd;
    int32_t more = (int32_t)(target - *edge);

    while (more > 0 && pcb->rcv_wnd < TCP_WND_MAX(pcb)) {
        uint32_t n = TCP_WND_MAX(pcb) - pcb->rcv_wnd;
        if (n > (uint32_t)more)
            n = (uint32_t)more;
        if (n > 0xffff)
            n = 0xffff;
        tcp_recved(pcb, (u16_t)n);
        *edge += n;
        more -= (int32_t)n;
    }
    /* The stack announces on its own only what exceeds a threshold made for its default window: not
     * that there is room again, nor that a small window has become a large one. */
    if ((announced < pcb->mss && pcb->rcv_ann_wnd > before) || pcb->rcv_ann_wnd / 2 > before) {
        tcp_set_flags(pcb, TF_ACK_NOW);
        tcp_output(pcb);
    }
}

/* The most that fits the connection's send buffer and its segment queue, where every segment takes
 * two entries: its header and the reference to the bytes. */
static uint32_t write_room(const struct tcp_pcb *pcb)
{
    uint32_t queued = tcp_sndqueuelen(pcb);
    uint32_t segments = queued < TCP_SND_QUEUELEN ? (TCP_SND_QUEUELEN - queued) / 2 : 0;
    uint32_t room = segments * tcp_mss(pcb);

    if (room > tcp_sndbuf(pcb))
        room = tcp_sndbuf(pcb);
    return room < 0xffff ? room : 0xffffu - 0xffffu % tcp_mss(pcb);
}

static uint32_t write_segments(struct tcp_pcb *pcb, const void *data, uint32_t len)
{
    const uint8_t *bytes = data;
    uint32_t done = 0;

    while (done < len) {
        uint32_t n = len - done;
        uint32_t room = write_room(pcb);
        if (n > room)
            n = room;
        /* The last segment already queued may take some of the bytes and one entry more. */
        while (n > 0 && tcp_write(pcb, bytes + done, (u16_t)n, 0) != ERR_OK)
            n = n > tcp_mss(pcb) ? n / 2 : 0;
        if (n == 0)
            break;
        done += n;
    }
    return done;
}

/* The stack cuts what it is given into segments of what it believes to be the MSS, and looks at
 * that nowhere else in between. Large ones are worth waiting for: while there is something to be
 * acknowledged, room for less than one is left until there is more of it. */
uint32_t conn_write(struct tcp_pcb *pcb, const void *data, uint32_t len)
{
    const uint16_t mss = pcb->mss, segment = netport_cut(pcb, data, len);

    if (segment > mss && tcp_sndqueuelen(pcb) != 0 &&
        tcp_sndbuf(pcb) < (len < segment ? len : segment))
        return 0;
    pcb->mss = segment;
    len = write_segments(pcb, data, len);
    pcb->mss = mss;
    return len;
}

void conn_write_ring(struct tcp_pcb *pcb, const uint8_t *ring, uint32_t size, uint32_t *out,
                     uint32_t in)
{
    while (*out != in) {
        const uint32_t slot = *out % size, end = size - slot;
        const uint32_t n = in - *out < end ? in - *out : end;
        const uint32_t written = conn_write(pcb, ring + slot, n);

        *out += written;
        if (written < n)
            break;
    }
}

void conn_fill_ring(uint8_t *ring, uint32_t size, uint32_t *in, const struct pbuf *p)
{
    for (uint32_t done = 0; done < p->tot_len;) {
        const uint32_t slot = *in % size, end = size - slot;
        const uint32_t n = p->tot_len - done < end ? p->tot_len - done : end;

        pbuf_copy_partial(p, ring + slot, (u16_t)n, (u16_t)done);
        done += n;
        *in += n;
    }
}

bool conn_all_acked(const struct tcp_pcb *pcb)
{
    return tcp_sndqueuelen(pcb) == 0;
}

err_t conn_close(struct tcp_pcb *pcb)
{
    /* The stack takes a window that is not fully open for unread data and would answer with RST. */
    pcb->rcv_wnd = TCP_WND_MAX(pcb);
    return netport_close(pcb) ? ERR_ABRT : ERR_OK;
}

err_t conn_abort(struct tcp_pcb *pcb)
{
    tcp_err(pcb, NULL); /* which the stack would call for this, too */
    tcp_abort(pcb);
    return ERR_ABRT;
}
