// SPDX-License-Identifier: BSD-3-Clause
/*
 * The modern interface: common configuration, doorbells and device configuration, each at the width
 * of its field [virtio 4.1.3.1].
 */
#include "virtio_pci_modern.h"
#include <stddef.h>
#include "pci_io.h"

/* The common structure with what is behind it for the reset of a queue; it may be shorter. */
#define COMMON_MAP_MAX (VIRTIO_PCI_QUEUE_RESET + 2)

/* Doorbells of the two queues: with one page each (QEMU's page-per-vq) two pages, and room for a
 * device that orders them its own way. A queue whose doorbell lies beyond is refused. */
#define NOTIFY_MAP_MAX 65536u

#define COMMON(f)      (uint32_t) offsetof(struct virtio_pci_common_cfg, f)

static uint8_t modern_status(struct vpci *vp)
{
    return pci_io_read8(&vp->common, COMMON(device_status));
}

static void modern_set_status(struct vpci *vp, uint8_t status)
{
    pci_io_write8(&vp->common, COMMON(device_status), status);
}

static uint64_t modern_offered(struct vpci *vp)
{
    uint64_t low, high;

    pci_io_write32(&vp->common, COMMON(device_feature_select), 0);
    low = pci_io_read32(&vp->common, COMMON(device_feature));
    pci_io_write32(&vp->common, COMMON(device_feature_select), 1);
    high = pci_io_read32(&vp->common, COMMON(device_feature));
    return high << 32 | low;
}

static void modern_accept(struct vpci *vp, uint64_t features)
{
    pci_io_write32(&vp->common, COMMON(driver_feature_select), 0);
    pci_io_write32(&vp->common, COMMON(driver_feature), (uint32_t)features);
    pci_io_write32(&vp->common, COMMON(driver_feature_select), 1);
    pci_io_write32(&vp->common, COMMON(driver_feature), (uint32_t)(features >> 32));
}

static uint16_t modern_queue_max(struct vpci *vp, uint16_t index)
{
    pci_io_write16(&vp->common, COMMON(queue_select), index);
    return pci_io_read16(&vp->common, COMMON(queue_size)); /* 0: not there [virtio 4.1.5.1.3] */
}

static uint16_t modern_queue_vector(struct vpci *vp, uint16_t index, uint16_t vector)
{
    pci_io_write16(&vp->common, COMMON(queue_select), index);
    pci_io_write16(&vp->common, COMMON(queue_msix_vector), vector);
    return pci_io_read16(&vp->common, COMMON(queue_msix_vector));
}

static uint16_t modern_config_vector(struct vpci *vp, uint16_t vector)
{
    pci_io_write16(&vp->common, COMMON(config_msix_vector), vector);
    return pci_io_read16(&vp->common, COMMON(config_msix_vector));
}

static void write_address(const struct pci_io *common, uint32_t field, dma_addr_t addr)
{
    pci_io_write32(common, field, (uint32_t)addr);
    pci_io_write32(common, field + 4, (uint32_t)(addr >> 32));
}

static uint32_t *doorbell(struct vpci *vp, uint16_t index)
{
    return &vp->doorbell[index < VPCI_QUEUES ? index : VPCI_QUEUES];
}

static const char *modern_queue_enable(struct vpci *vp, uint16_t index, const struct vq *vq)
{
    const struct pci_io *common = &vp->common;
    uint64_t offset;

    pci_io_write16(common, COMMON(queue_select), index);
    offset = (uint64_t)pci_io_read16(common, COMMON(queue_notify_off)) * vp->notify_multiplier;
    if (offset % 2 != 0 || offset + 2 > vp->notify.bytes)
        return "the device's doorbell lies outside its notification structure";
    *doorbell(vp, index) = (uint32_t)offset;

    pci_io_write16(common, COMMON(queue_size), vq->size);
    write_address(common, COMMON(queue_desc), vq->desc);
    write_address(common, COMMON(queue_driver), vq->driver);
    write_address(common, COMMON(queue_device), vq->device);
    pci_io_write16(common, COMMON(queue_enable), 1); /* last of all [virtio 4.1.4.3.2] */
    return NULL;
}

static void modern_queue_reset_begin(struct vpci *vp, uint16_t index)
{
    pci_io_write16(&vp->common, COMMON(queue_select), index);
    pci_io_write16(&vp->common, VIRTIO_PCI_QUEUE_RESET, 1);
}

static bool modern_queue_reset_done(struct vpci *vp, uint16_t index)
{
    pci_io_write16(&vp->common, COMMON(queue_select), index);
    return pci_io_read16(&vp->common, VIRTIO_PCI_QUEUE_RESET) == 0;
}

static void modern_notify(struct vpci *vp, uint16_t index)
{
    pci_io_write16(&vp->notify, *doorbell(vp, index), index); /* [virtio 4.1.5.2.1] */
}

static uint8_t modern_generation(struct vpci *vp)
{
    return pci_io_read8(&vp->common, COMMON(config_generation));
}

static uint8_t modern_config8(struct vpci *vp, uint32_t offset)
{
    return pci_io_read8(&vp->config, offset);
}

static uint16_t modern_config16(struct vpci *vp, uint32_t offset)
{
    return pci_io_read16(&vp->config, offset);
}

static const struct vpci_ops modern_ops = {
    .name = "modern",
    .status = modern_status,
    .set_status = modern_set_status,
    .offered = modern_offered,
    .accept = modern_accept,
    .queue_max = modern_queue_max,
    .queue_vector = modern_queue_vector,
    .config_vector = modern_config_vector,
    .queue_enable = modern_queue_enable,
    .notify = modern_notify,
    .queue_reset_begin = modern_queue_reset_begin,
    .queue_reset_done = modern_queue_reset_done,
    .generation = modern_generation,
    .config8 = modern_config8,
    .config16 = modern_config16,
};

/* Maps the first instance of a structure that lies wholly inside a BAR, memory or ports, as the
 * device prefers it [virtio 4.1.4.1]. At least `min`, at most `max` bytes of it. Returns its
 * capability, 0 = none. */
static unsigned map_structure(const struct pci_dev *d, const struct pci_bar bars[PCI_BARS],
                              enum virtio_pci_cfg_type type, uint32_t min, uint32_t max,
                              struct pci_io *io)
{
    unsigned need = sizeof(struct virtio_pci_cap) + (type == VIRTIO_PCI_CAP_NOTIFY_CFG ? 4 : 0);
    uint32_t align = type == VIRTIO_PCI_CAP_ISR_CFG ? 1 : 4;

    *io = (struct pci_io){0};
    for (unsigned at = pci_cap_next(d, PCI_CAP_VENDOR, 0); at != 0;
         at = pci_cap_next(d, PCI_CAP_VENDOR, at)) {
        uint32_t offset, bytes;
        uint8_t bar;

        if (at + need > 256 || pci_read8(d, at + offsetof(struct virtio_pci_cap, cap_len)) < need ||
            pci_read8(d, at + offsetof(struct virtio_pci_cap, cfg_type)) != (uint8_t)type)
            continue;
        bar = pci_read8(d, at + offsetof(struct virtio_pci_cap, bar));
        offset = pci_read32(d, at + offsetof(struct virtio_pci_cap, offset));
        bytes = pci_read32(d, at + offsetof(struct virtio_pci_cap, length));
        if (bar >= PCI_BARS || offset % align != 0 || bytes < min)
            continue; /* values above 5 are reserved and such capabilities ignored */
        if (bytes > max)
            bytes = max;
        if (offset < bars[bar].size && bytes > bars[bar].size - offset)
            bytes = (uint32_t)(bars[bar].size - offset); /* announced larger than it can be */
        if (bytes >= min && pci_map_io(&bars[bar], offset, bytes, io))
            return at;
    }
    return 0;
}

const char *vpci_modern_probe(struct vpci *vp, const struct pci_bar bars[PCI_BARS])
{
    const struct pci_dev *d = &vp->pci;
    unsigned notify_cap;

    if (map_structure(d, bars, VIRTIO_PCI_CAP_COMMON_CFG, sizeof(struct virtio_pci_common_cfg),
                      COMMON_MAP_MAX, &vp->common) == 0)
        /* Where BARs may be placed the firmware alone knows: those without an address stay so. */
        return pci_cap_next(d, PCI_CAP_VENDOR, 0) == 0
                   ? "it has neither a modern nor a legacy interface"
                   : "it has no modern interface within a BAR that the firmware gave an address";
    notify_cap = map_structure(d, bars, VIRTIO_PCI_CAP_NOTIFY_CFG, 2, NOTIFY_MAP_MAX, &vp->notify);
    if (notify_cap == 0)
        return "it has no usable notification structure";
    /* Optional: a device without it offers no feature that needs it. The capability that opens a
     * window to BARs in configuration space [virtio 4.1.4.9] is of no use to who can map them. */
    map_structure(d, bars, VIRTIO_PCI_CAP_DEVICE_CFG, 1, VPCI_CONFIG_MAX, &vp->config);
    map_structure(d, bars, VIRTIO_PCI_CAP_ISR_CFG, 1, 1, &vp->isr); /* needed for INTx only */

    vp->notify_multiplier = pci_read32(d, notify_cap + VIRTIO_PCI_NOTIFY_MULTIPLIER);
    vp->config_bytes = vp->config.bytes;
    vp->can_reset_queue = vp->common.bytes == COMMON_MAP_MAX;
    vp->ops = &modern_ops;
    return NULL;
}
