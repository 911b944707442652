// SPDX-License-Identifier: BSD-3-Clause
/*
 * What lwIP asks of its platform: the clock, initial sequence numbers, and how much may be kept out
 * of order.
 */
#include "lwip/opt.h"
#include "lwip/memp.h"
#include "lwip/pbuf.h"
#include "lwip/priv/memp_priv.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/sys.h"
#include "lwip/stats.h"
#include "lwip/prot/dhcp.h"
#include "lwip/prot/ip6.h"
#include "acks.h"
#include "ethif_held.h"
#include "fault.h"
#include "time.h"
#include "lwip_hooks.h"

/* The size classes hold what they are for: struct pbuf, room for the headers below, the bytes. */
#define PBUF_RAM_BYTES(below, bytes)                                                               \
    (LWIP_MEM_ALIGN_SIZE(sizeof(struct pbuf)) + LWIP_MEM_ALIGN_SIZE(below) +                       \
     LWIP_MEM_ALIGN_SIZE(bytes))
static_assert(STACK_SMALL_BYTES >=
                  PBUF_RAM_BYTES(PBUF_IP, TCP_HLEN + 4 + 8 * LWIP_TCP_MAX_SACK_NUM),
              "an acknowledgement of everything that is out of order");
static_assert(STACK_LARGE_BYTES >= PBUF_RAM_BYTES(PBUF_IP, CONFIG_MTU_MAX - IP6_HLEN),
              "the answer to the largest ICMPv6 echo request");
static_assert(STACK_LARGE_BYTES >= PBUF_RAM_BYTES(PBUF_TRANSPORT, sizeof(struct dhcp_msg)),
              "a DHCP message");

/* Milliseconds; wraps after 49.7 days, which lwIP's timers are made for, or sooner if a fault asks
 * for it. */
u32_t sys_now(void)
{
    return (u32_t)(time_ns() / NS_PER_MS) + fault_clock_ms();
}

u32_t netport_tcp_isn(const ip_addr_t *local_ip, u16_t local_port, const ip_addr_t *remote_ip,
                      u16_t remote_port)
{
    /* Field by field, because an ip_addr_t has padding and members that the address type leaves
     * undefined. */
    struct {
        u32_t ip[8];
        u16_t port[2];
    } key = {.port = {local_port, remote_port}};

    if (IP_IS_V6(local_ip)) {
        for (unsigned i = 0; i < 4; i++) {
            key.ip[i] = ip_2_ip6(local_ip)->addr[i];
            key.ip[4 + i] = ip_2_ip6(remote_ip)->addr[i];
        }
    } else {
        key.ip[0] = ip4_addr_get_u32(ip_2_ip4(local_ip));
        key.ip[4] = ip4_addr_get_u32(ip_2_ip4(remote_ip));
    }
    return (u32_t)(time_ns() / (4 * NS_PER_US)) + (u32_t)rand_hash(&key, sizeof(key));
}

/* Pbufs of the segment that the stack looks at. */
static unsigned in_pbufs;

err_t netport_tcp_in(struct tcp_pcb *pcb, const struct pbuf *p)
{
    in_pbufs = pbuf_clen(p);
    acks_segment(pcb, p);
    return ERR_OK;
}

/* A stack with the header prediction of 4.4BSD, as libslirp in QEMU's user network, does not note
 * of which acknowledgement its peer's window is while that stays the same. After 2 GiB it takes all
 * that come for older ones; then at the first that tells another window its own count of it goes
 * down with each acknowledgement, to nothing, and it sends what its persist timer lets it. A window
 * that is not scaled is nearly always the same. So of every second GiB it is a byte smaller. Where
 * nobody has read what was acknowledged last, its end goes back by that byte, for which a sender
 * has to be prepared [RFC 9293, 3.8.6]; one that was sent already is taken all the same. */
static void vary_window(const struct tcp_pcb *pcb, struct tcp_hdr *hdr)
{
    if (!(pcb->flags & TF_WND_SCALE) && hdr->wnd != 0 && (pcb->rcv_nxt & (1u << 30)) != 0)
        hdr->wnd = lwip_htons((u16_t)(lwip_ntohs(hdr->wnd) - 1));
}

void netport_tcp_out(const struct tcp_pcb *pcb, struct pbuf *p, struct tcp_hdr *hdr)
{
    const bool large = pcb != NULL && p->tot_len - TCPH_HDRLEN_BYTES(hdr) > pcb->mss;

    p->tcp_mss = large ? pcb->mss : 0;
    if (pcb != NULL)
        vary_window(pcb, hdr);
}

/* While the shared part has room, a connection may keep what it gets. When it has none, a
 * connection gives up at least as much of the far end of its queue as the new frame brought, down
 * to its own share: what all keep beyond their shares grows no more. The rest of the pool is those
 * shares, the frame in hand and waiting packets. Segments are sized by the same count. */
u16_t netport_ooseq_limit(const struct tcp_pcb *pcb)
{
    const unsigned used = (unsigned)memp_pools[MEMP_PBUF_POOL]->stats->used + ethif_held_pbufs();
    unsigned n = 0;

    if (used < CONFIG_OOSEQ_SHARED)
        return UINT16_MAX;
    for (const struct tcp_seg *seg = pcb->ooseq; seg != NULL; seg = seg->next)
        n += pbuf_clen(seg->p);
    return (u16_t)(n > CONFIG_OOSEQ_OWN + in_pbufs ? n - in_pbufs : CONFIG_OOSEQ_OWN);
}
