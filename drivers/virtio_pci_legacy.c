// SPDX-License-Identifier: BSD-3-Clause
/*
 * The legacy interface: one block of I/O ports, older than the specification, which describes it
 * for those who still meet it [virtio 4.1.4.10].
 *
 * What is different here: features have 32 bits and are not confirmed by FEATURES_OK; a queue has
 * the size that the device gives it, is told one address, by page, and lies behind it as
 * [virtio 2.7.2] says; configuration is in the byte order of the guest, which on x86 is the same,
 * and has no generation; and it begins four bytes later while MSI-X is switched on, because two
 * vector registers come in front of it.
 */
#include "virtio_pci_legacy.h"
#include <stddef.h>
#include "panic.h"
#include "pci_io.h"
#include "virtqueue_split.h"

#define REG_DEVICE_FEATURES 0x00u
#define REG_DRIVER_FEATURES 0x04u
#define REG_QUEUE_PAGE      0x08u
#define REG_QUEUE_SIZE      0x0cu
#define REG_QUEUE_SELECT    0x0eu
#define REG_QUEUE_NOTIFY    0x10u
#define REG_STATUS          0x12u
#define REG_ISR             0x13u
#define REG_CONFIG_VECTOR   0x14u /* with MSI-X only, like the next */
#define REG_QUEUE_VECTOR    0x16u
#define CONFIG_WITHOUT_MSIX 0x14u
#define CONFIG_WITH_MSIX    0x18u

/* The smallest block that has all registers and some configuration. */
#define BAR_MIN 0x20u

static uint8_t legacy_status(struct vpci *vp)
{
    return pci_io_read8(&vp->common, REG_STATUS);
}

static void legacy_set_status(struct vpci *vp, uint8_t status)
{
    pci_io_write8(&vp->common, REG_STATUS, status);
}

static uint64_t legacy_offered(struct vpci *vp)
{
    return pci_io_read32(&vp->common, REG_DEVICE_FEATURES);
}

static void legacy_accept(struct vpci *vp, uint64_t features)
{
    pci_io_write32(&vp->common, REG_DRIVER_FEATURES, (uint32_t)features);
}

static uint16_t legacy_queue_max(struct vpci *vp, uint16_t index)
{
    pci_io_write16(&vp->common, REG_QUEUE_SELECT, index);
    return pci_io_read16(&vp->common, REG_QUEUE_SIZE); /* 0: not there */
}

static uint16_t legacy_queue_vector(struct vpci *vp, uint16_t index, uint16_t vector)
{
    ASSERT(vp->msix_on);
    pci_io_write16(&vp->common, REG_QUEUE_SELECT, index);
    pci_io_write16(&vp->common, REG_QUEUE_VECTOR, vector);
    return pci_io_read16(&vp->common, REG_QUEUE_VECTOR);
}

static uint16_t legacy_config_vector(struct vpci *vp, uint16_t vector)
{
    ASSERT(vp->msix_on);
    pci_io_write16(&vp->common, REG_CONFIG_VECTOR, vector);
    return pci_io_read16(&vp->common, REG_CONFIG_VECTOR);
}

/* The device works out where the two other parts of the ring are, in the way that the split ring
 * places them. */
static const char *legacy_queue_enable(struct vpci *vp, uint16_t index, const struct vq *vq)
{
    uint64_t page = vq->desc / VQ_PAGE;

    ASSERT(vq->ops == &vq_split && vq->desc % VQ_PAGE == 0 &&
           vq->driver == vq->desc + (uint64_t)VIRTQ_DESC_BYTES * vq->size &&
           vq->device == vq->desc + VQ_SPLIT_USED(vq->size));
    if (page > UINT32_MAX)
        return "the rings lie in memory that the legacy interface cannot name";
    pci_io_write16(&vp->common, REG_QUEUE_SELECT, index);
    pci_io_write32(&vp->common, REG_QUEUE_PAGE, (uint32_t)page);
    return NULL;
}

static void legacy_notify(struct vpci *vp, uint16_t index)
{
    pci_io_write16(&vp->common, REG_QUEUE_NOTIFY, index);
}

static uint32_t config_at(const struct vpci *vp, uint32_t offset)
{
    return offset + (vp->msix_on ? CONFIG_WITH_MSIX : CONFIG_WITHOUT_MSIX);
}

static uint8_t legacy_config8(struct vpci *vp, uint32_t offset)
{
    return pci_io_read8(&vp->common, config_at(vp, offset));
}

static uint16_t legacy_config16(struct vpci *vp, uint32_t offset)
{
    return pci_io_read16(&vp->common, config_at(vp, offset));
}

static const struct vpci_ops legacy_ops = {
    .name = "legacy",
    .legacy = true,
    .status = legacy_status,
    .set_status = legacy_set_status,
    .offered = legacy_offered,
    .accept = legacy_accept,
    .queue_max = legacy_queue_max,
    .queue_vector = legacy_queue_vector,
    .config_vector = legacy_config_vector,
    .queue_enable = legacy_queue_enable,
    .notify = legacy_notify,
    .generation = NULL,
    .config8 = legacy_config8,
    .config16 = legacy_config16,
};

const char *vpci_legacy_probe(struct vpci *vp, const struct pci_bar bars[PCI_BARS])
{
    const struct pci_bar *bar = &bars[0];
    uint32_t bytes = bar->size < CONFIG_WITH_MSIX + VPCI_CONFIG_MAX
                         ? (uint32_t)bar->size
                         : CONFIG_WITH_MSIX + VPCI_CONFIG_MAX;

    /* Modern devices have other numbers, and may have anything in BAR 0 [virtio 4.1.2]. */
    if (vp->pci.device == VIRTIO_PCI_NET || !bar->io || bytes < BAR_MIN ||
        !pci_map_io(bar, 0, bytes, &vp->common) || !pci_map_io(bar, REG_ISR, 1, &vp->isr))
        return "it has no legacy interface";
    vp->config_bytes = bytes - CONFIG_WITH_MSIX;
    vp->ops = &legacy_ops;
    return NULL;
}
