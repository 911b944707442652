// SPDX-License-Identifier: BSD-3-Clause
/*
 * The stack as the main loop sees it: bring-up, one turn, sleep.
 *
 * One NIC is one interface. A turn receives, takes completed frames back, runs lwIP's timers, wakes
 * connections that had found the ring full, and rings the doorbells; every part is bounded.
 */
#include "netport.h"

#include "lwip/init.h"
#include "lwip/netif.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/timeouts.h"
#include "config.h"
#include "ethif.h"
#include "ethif_rx.h"
#include "ethif_tx.h"
#include "linger.h"
#include "netport_priv.h"
#include "time.h"

/* While each turn receives as many frames as it takes, what so many turns have to say is announced
 * at once. A doorbell has to wait until QEMU's main loop lets go of its lock, which under such a
 * load takes as long as the work of a turn, and nobody waits for what it says: there is more in the
 * ring. */
#define FLUSH_TURNS 4

static_assert((int)CONF_IRQ_MSIX == VNET_IRQ_MSIX && (int)CONF_IRQ_POLL == VNET_IRQ_POLL,
              "the same list");

static struct ethif ethifs[CONFIG_NICS];
static unsigned nics;

unsigned netport_nics(void)
{
    return nics;
}

struct ethif *netport_ethif(unsigned k)
{
    return &ethifs[k];
}

/* ---- set-up ------------------------------------------------------------------------------------
 */

unsigned netport_init(const struct conf *c)
{
    struct vnet_options opt[CONFIG_NICS];

    for (unsigned k = 0; k < CONFIG_NICS; k++)
        opt[k] = (struct vnet_options){.features_off = c->features_off,
                                       .irq = (enum vnet_irq)c->net[k].irq,
                                       .mergeable = c->net[k].mergeable,
                                       .mtu_max = c->net[k].mtu,
                                       .rx_ring = c->net[k].rx_ring,
                                       .tx_ring = c->net[k].tx_ring};
    lwip_init();
    nics = vnet_probe(opt);
    for (unsigned k = 0; k < nics; k++) {
        struct ethif *e = &ethifs[k];

        ethif_init(e, vnet_get(k));
        if (k == 0)
            netif_set_default(&e->netif);
        netif_set_up(&e->netif); /* with the link still down, so nothing is sent yet */
        netport_ip_start(k, &c->net[vnet_index(e->vn)]);
        ethif_follow_link(e);
    }
    netport_flush();
    return nics;
}

uint32_t netport_working(void)
{
    uint32_t bits = 0;

    for (unsigned k = 0; k < nics; k++)
        bits |= 1u << vnet_index(ethifs[k].vn);
    return bits;
}

/* ---- large segments ---------------------------------------------------------------------------
 */

static_assert(CONFIG_TCP_CUT + PBUF_TRANSPORT <= UINT16_MAX, "lwIP counts bytes in 16 bits");

/* Of a peer that asks for smaller segments than any link has nothing is cut: a device would make
 * tens of thousands of frames of one segment. This many bytes make a thousand of the longest. */
#define CUT_MSS_MIN 64u

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

void netport_constant(const void *bytes, uint32_t n)
{
    ethif_tx_constant(bytes, n);
}

/* The NIC that the connection's segments leave by; NULL: none does at the moment. */
static const struct ethif *nic_of(const struct tcp_pcb *pcb)
{
    const struct netif *netif =
        nics == 1 ? &ethifs[0].netif : ip_route(&pcb->local_ip, &pcb->remote_ip);

    return netif != NULL ? netif->state : NULL;
}

/* What is cut here takes a place in the ring for each MSS: a quarter of them at most. */
static uint32_t most_at_once(const struct tcp_pcb *pcb)
{
    const struct ethif *e = nic_of(pcb);

    if (e == NULL)
        return 0;
    if (vnet_tx_cuts(e->vn, IP_IS_V6_VAL(pcb->remote_ip)))
        return CONFIG_TCP_CUT;
    return least(CONFIG_TCP_CUT, vnet_tx_most(e->vn) / 4 * pcb->mss);
}

uint16_t netport_cut(const struct tcp_pcb *pcb, const void *bytes, uint32_t n)
{
    const uint32_t mss = pcb->mss;
    uint32_t cut = least(pcb->cwnd, pcb->snd_wnd_max) / 2;

    if (cut < 2 * mss || mss < CUT_MSS_MIN || !ethif_tx_is_constant(bytes, n))
        return (uint16_t)mss;
    cut = least(cut, most_at_once(pcb));
    return (uint16_t)(cut < 2 * mss ? mss : cut - cut % mss);
}

/* ---- one turn ----------------------------------------------------------------------------------
 */

bool netport_leaves_by(const struct tcp_pcb *pcb, const struct netif *netif)
{
    return nics == 1 || ip_route(&pcb->local_ip, &pcb->remote_ip) == netif;
}

/* Lets every connection of this NIC send what it could not: segments that found no buffer, and
 * acknowledgements likewise. lwIP by itself would come back to them at the next timer tick. Each
 * time the next one begins where the ring was full again, or the head of lwIP's list would take all
 * there is. */
static void wake_senders(struct ethif *e)
{
    struct tcp_pcb *first = tcp_active_pcbs;

    while (first != NULL && first != e->tx_turn)
        first = first->next;
    if (first == NULL)
        first = tcp_active_pcbs;
    for (struct tcp_pcb *pcb = first; pcb != NULL;) {
        if ((pcb->flags & (TF_NAGLEMEMERR | TF_ACK_NOW)) != 0 && netport_leaves_by(pcb, &e->netif))
            tcp_output(pcb);
        if (e->tx_wanted > 0) {
            e->tx_turn = pcb;
            return;
        }
        pcb = pcb->next != NULL ? pcb->next : tcp_active_pcbs;
        if (pcb == first)
            break;
    }
    e->tx_turn = NULL;
}

/* Those who found the ring full go before those whom this turn's frames will wake: an
 * acknowledgement lets its own connection send at once, and the few that get many would take all
 * the room. */
static unsigned serve_waiting(void)
{
    unsigned done = 0;

    for (unsigned k = 0; k < nics; k++) {
        struct ethif *e = &ethifs[k];

        done += vnet_tx_reclaim(e->vn);
        if (e->tx_wanted > 0 && ethif_tx_room(e, e->tx_wanted)) {
            e->tx_wanted = 0;
            wake_senders(e);
            done++;
        }
    }
    return done;
}

unsigned netport_poll(uint64_t now_ns)
{
    unsigned done = serve_waiting();

    for (unsigned k = 0; k < nics; k++) {
        struct ethif *e = &ethifs[k];

        vnet_rx_due(e->vn, e->rx_due);
        vnet_heartbeat(e->vn, now_ns);
        if (vnet_rx_silent(e->vn))
            vnet_rx_probed(e->vn, netport_probe(e, now_ns));
        e->rx_due = false;
        done += ethif_poll(e, now_ns);
    }
    sys_check_timeouts();
    netport_flush();
    return done;
}

void netport_flush(void)
{
    for (unsigned k = 0; k < nics; k++)
        if (ethifs[k].full_turns % FLUSH_TURNS == 0)
            vnet_tx_flush(ethifs[k].vn);
}

bool netport_is_sent(void)
{
    bool all = true;

    for (unsigned k = 0; k < nics; k++)
        all = vnet_tx_is_done(ethifs[k].vn) && all;
    return all;
}

bool netport_lingers(uint64_t now_ns)
{
    static struct linger lingering;
    uint64_t frames = 0, bytes = 0;

    for (unsigned k = 0; k < nics; k++) {
        struct vnet_totals t;

        vnet_totals(ethifs[k].vn, &t);
        frames += t.rx_packets;
        bytes += t.rx_bytes + t.tx_bytes;
    }
    return linger(&lingering, now_ns, frames, bytes);
}

bool netport_may_sleep(uint64_t *sleep_ns)
{
    const uint64_t timer_ns = sys_timeouts_sleeptime() * NS_PER_MS;

    if (timer_ns == 0)
        return false;
    if (*sleep_ns > timer_ns)
        *sleep_ns = timer_ns;
    for (unsigned k = 0; k < nics; k++) {
        const uint64_t nic_ns = vnet_sleep_max_ns(ethifs[k].vn);

        if (!vnet_may_sleep(ethifs[k].vn)) {
            while (k-- > 0)
                vnet_stay_awake(ethifs[k].vn);
            return false;
        }
        if (*sleep_ns > nic_ns)
            *sleep_ns = nic_ns;
    }
    return true;
}

bool netport_still_idle(void)
{
    bool idle = true;

    for (unsigned k = 0; k < nics; k++)
        idle = vnet_still_idle(ethifs[k].vn) && idle;
    for (unsigned k = 0; !idle && k < nics; k++)
        vnet_stay_awake(ethifs[k].vn);
    return idle;
}

void netport_awake(void)
{
    for (unsigned k = 0; k < nics; k++)
        vnet_awake(ethifs[k].vn);
}

/* ---- for applications --------------------------------------------------------------------------
 */

void netport_rx_first(netport_rx_take_fn *take)
{
    ethif_rx_first(take);
}

bool netport_csum_vouched(const struct netbuf *nb)
{
    return ethif_csum_vouched(nb, netbuf_frame(nb));
}

unsigned netport_tx_room(const struct netif *netif)
{
    const struct ethif *e = netif->state;

    vnet_tx_reclaim(e->vn); /* what was completed since the connections had their turn */
    return vnet_tx_room(e->vn, true);
}

void netport_rx_due(const struct netif *netif)
{
    struct ethif *e = netif->state;

    e->rx_due = true;
}

uint64_t netport_run_ns(uint64_t ns)
{
    return ns - vnet_late_ns(ethifs[0].vn); /* each NIC sees the same turns */
}

bool netport_close(struct tcp_pcb *pcb)
{
    tcp_arg(pcb, NULL);
    tcp_recv(pcb, NULL);
    tcp_sent(pcb, NULL);
    tcp_err(pcb, NULL);
    tcp_poll(pcb, NULL, 0);
    tcp_setprio(pcb, TCP_PRIO_MIN);
    if (tcp_close(pcb) == ERR_OK)
        return false;
    tcp_abort(pcb);
    return true;
}
