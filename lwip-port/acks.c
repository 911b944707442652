// SPDX-License-Identifier: BSD-3-Clause
/*
 * See acks.h. lwIP acknowledges at once what comes while TF_ACK_DELAY is set, and sets it for what
 * comes while it is not.
 */
#include "acks.h"

#include "lwip/pbuf.h"
#include "lwip/priv/tcp_priv.h"

/* Ours, beside lwIP's: an acknowledgement was put off. */
#define TF_ACK_OWED 0x8000u

static_assert((TF_ACK_OWED & (TF_ACK_DELAY | TF_ACK_NOW | TF_INFR | TF_CLOSEPEND | TF_RXCLOSED |
                              TF_FIN | TF_NODELAY | TF_NAGLEMEMERR | TF_WND_SCALE | TF_BACKLOGPEND |
                              TF_RTO | TF_SACK)) == 0,
              "a bit that lwIP does not use");

static bool deferring, owed, merged;

void acks_defer(void)
{
    deferring = true;
}

void acks_several(bool are)
{
    merged = are;
}

void acks_segment(struct tcp_pcb *pcb, const struct pbuf *p)
{
    bool several;

    if (pcb->state == LISTEN || p->tot_len == 0)
        return;
    /* What is larger than a segment is several, so it counts as the second [RFC 5681, section 4.2]:
     * its sender may have no more in flight. */
    several = merged || p->tot_len > pcb->mss;
    if (deferring && pcb->state == ESTABLISHED && (several || (pcb->flags & TF_ACK_DELAY))) {
        tcp_clear_flags(pcb, TF_ACK_DELAY);
        tcp_set_flags(pcb, TF_ACK_OWED);
        owed = true;
    } else if (several) {
        tcp_set_flags(pcb, TF_ACK_DELAY);
    }
}

void acks_send(void)
{
    deferring = false;
    if (!owed)
        return;
    owed = false;
    for (struct tcp_pcb *pcb = tcp_active_pcbs; pcb != NULL; pcb = pcb->next) {
        if (!(pcb->flags & TF_ACK_OWED))
            continue;
        tcp_clear_flags(pcb, TF_ACK_OWED);
        if (pcb->flags & TF_ACK_DELAY) { /* nothing has been sent since that says it */
            tcp_ack_now(pcb);
            tcp_output(pcb);
        }
    }
}
