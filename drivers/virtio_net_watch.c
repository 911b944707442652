// SPDX-License-Identifier: BSD-3-Clause
/*
 * The driver's own faults on demand (kernel/fault.h), once a turn.
 */
#include "fault.h"
#include "virtio_net_state.h"

/* A descriptor head that does not exist, as no correct driver makes one available: a device that
 * looks has to ask for a reset. */
static void spoil(struct vnet *vn)
{
    struct vq *vq = &vn->tx.vq;

    if (vq->ops->spoil == NULL || vq_room(vq, 1) == 0 || !fault_due(FAULT_BAD_HEAD, vn->index))
        return;
    vq->ops->spoil(vq);
    vq_publish(vq);
    vnet_kick(vn, &vn->tx, VIRTIO_NET_TXQ);
}

void vnet_faults(struct vnet *vn)
{
    if (!fault_any() || vn->up != VNET_UP)
        return;
    spoil(vn);
    if (fault_due(FAULT_RESET, vn->index))
        vnet_reset(vn);
}
