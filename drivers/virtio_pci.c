// SPDX-License-Identifier: BSD-3-Clause
/*
 * The order of bring-up, common to every interface. See virtio_pci.h.
 */
#include "virtio_pci.h"
#include <stddef.h>
#include "panic.h"
#include "pci_io.h"
#include "virtio_pci_legacy.h"
#include "virtio_pci_modern.h"

/* Reads of the configuration until two agree. */
#define CONFIG_TRIES 16

static void add_status(struct vpci *vp, uint8_t bit)
{
    vp->status |= bit; /* bits are only ever added, a reset clears all [virtio 2.1.1] */
    vp->ops->set_status(vp, vp->status);
}

const char *vpci_probe(struct vpci *vp, const struct pci_dev *dev, bool legacy)
{
    struct pci_bar bars[PCI_BARS];
    const char *why;

    *vp = (struct vpci){.pci = *dev};
    pci_read_bars(dev, bars);
    pci_decode(dev, bars);
    why = legacy ? vpci_legacy_probe(vp, bars) : vpci_modern_probe(vp, bars);
    if (why != NULL && !legacy && vpci_legacy_probe(vp, bars) == NULL)
        why = NULL;
    if (why == NULL) {
        pci_msix_find(dev, bars, &vp->msix);
        vpci_msix(vp, false);
    }
    return why;
}

void vpci_msix(struct vpci *vp, bool on)
{
    if (vp->msix.cap != 0)
        pci_msix_enable(&vp->pci, &vp->msix, on);
    vp->msix_on = on && vp->msix.cap != 0;
}

void vpci_reset_begin(struct vpci *vp)
{
    vp->status = 0;
    vp->features = 0;
    vp->dead = 0;
    vp->negotiated = false;
    vp->ops->set_status(vp, 0);
    pci_bus_master(&vp->pci, false);
}

bool vpci_reset_done(struct vpci *vp)
{
    return vp->ops->status(vp) == 0;
}

uint64_t vpci_offer(struct vpci *vp)
{
    ASSERT(vp->status == 0);
    pci_bus_master(&vp->pci, true);
    add_status(vp, VIRTIO_STATUS_ACKNOWLEDGE);
    add_status(vp, VIRTIO_STATUS_DRIVER);
    return vp->ops->offered(vp);
}

const char *vpci_accept(struct vpci *vp, uint64_t features)
{
    ASSERT(vp->status == (VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER));
    vp->features = features;
    vp->ops->accept(vp, features);
    vp->negotiated = true;
    if (vp->ops->legacy) /* [virtio 3.1.2] */
        return NULL;
    add_status(vp, VIRTIO_STATUS_FEATURES_OK);
    /* The device may take it back: then it does not work with this subset [virtio 3.1.1]. */
    if (vp->ops->status(vp) & VIRTIO_STATUS_FEATURES_OK)
        return NULL;
    vp->status &= (uint8_t)~VIRTIO_STATUS_FEATURES_OK;
    vp->negotiated = false;
    return "it refuses the features that were accepted of its offer";
}

uint16_t vpci_queue_size(struct vpci *vp, uint16_t index, uint16_t max)
{
    uint16_t offered = vp->ops->queue_max(vp, index), size = offered < max ? offered : max;

    if (vp->ops->legacy)
        return offered;
    ASSERT(max > 0);
    if (vp->features & VIRTIO_F_RING_PACKED)
        return size;
    while ((size & (size - 1)) != 0) /* [virtio 2.7] */
        size = (uint16_t)(size & (size - 1));
    return size;
}

bool vpci_set_vectors(struct vpci *vp, const uint16_t queue[VPCI_QUEUES], uint16_t config)
{
    bool ok = vp->ops->config_vector(vp, config) == config;

    for (uint16_t i = 0; i < VPCI_QUEUES; i++)
        ok = vp->ops->queue_vector(vp, i, queue[i]) == queue[i] && ok;
    return ok;
}

static bool is_dead(const struct vpci *vp, uint16_t index)
{
    return index < VPCI_QUEUES && vp->dead & 1u << index;
}

const char *vpci_queue_set(struct vpci *vp, uint16_t index, const struct vq *vq)
{
    ASSERT(vp->negotiated);
    ASSERT(!(vp->status & VIRTIO_STATUS_DRIVER_OK) || is_dead(vp, index));
    if (is_dead(vp, index))
        vp->dead &= ~(1u << index);
    return vp->ops->queue_enable(vp, index, vq);
}

void vpci_queue_reset_begin(struct vpci *vp, uint16_t index)
{
    ASSERT(index < VPCI_QUEUES && vp->features & VIRTIO_F_RING_RESET);
    vp->dead |= 1u << index;
    vp->ops->queue_reset_begin(vp, index);
}

bool vpci_queue_reset_done(struct vpci *vp, uint16_t index)
{
    return vp->ops->queue_reset_done(vp, index);
}

bool vpci_queue_vector(struct vpci *vp, uint16_t index, uint16_t vector)
{
    return vp->ops->queue_vector(vp, index, vector) == vector;
}

void vpci_driver_ok(struct vpci *vp)
{
    add_status(vp, VIRTIO_STATUS_DRIVER_OK);
}

void vpci_fail(struct vpci *vp)
{
    add_status(vp, VIRTIO_STATUS_FAILED);
    vpci_reset_begin(vp);
}

void vpci_notify(struct vpci *vp, uint16_t index)
{
    ASSERT(vp->status & VIRTIO_STATUS_DRIVER_OK); /* [virtio 3.1.1] */
    ASSERT(!is_dead(vp, index));
    vp->ops->notify(vp, index);
}

bool vpci_has_isr(const struct vpci *vp)
{
    return vp->isr.bytes != 0;
}

uint8_t vpci_isr(struct vpci *vp)
{
    ASSERT(vpci_has_isr(vp) && !vp->msix_on);
    return pci_io_read8(&vp->isr, 0);
}

uint8_t vpci_status(struct vpci *vp)
{
    return vp->ops->status(vp);
}

bool vpci_alive(struct vpci *vp)
{
    return vp->ops->status(vp) == vp->status;
}

uint16_t vpci_config16(struct vpci *vp, uint32_t offset)
{
    ASSERT(offset + 2 <= vp->config_bytes);
    return vp->ops->config16(vp, offset);
}

static uint8_t generation(struct vpci *vp)
{
    return vp->ops->generation != NULL ? vp->ops->generation(vp) : 0;
}

bool vpci_config_read(struct vpci *vp, uint32_t offset, uint8_t *out, uint32_t n)
{
    bool agree = false;

    ASSERT(offset + n <= vp->config_bytes);
    for (unsigned attempt = 0; attempt < CONFIG_TRIES && !agree; attempt++) {
        uint8_t before = generation(vp);

        agree = vp->ops->generation != NULL || attempt > 0;
        for (uint32_t i = 0; i < n; i++) {
            uint8_t byte = vp->ops->config8(vp, offset + i);
            if (vp->ops->generation == NULL && byte != out[i])
                agree = false;
            out[i] = byte;
        }
        if (generation(vp) != before)
            agree = false;
    }
    return agree;
}
