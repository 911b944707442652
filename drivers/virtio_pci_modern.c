// SPDX-License-Identifier: BSD-3-Clause
/*
 * The modern interface: common configuration, doorbells and device configuration, each at the width
 * of its field [virtio 4.1.3.1].
 *
 * The interrupt status structure is not used: with MSI-X it must not be, and a driver that polls
 * has no interrupt to ask about.
 */
#include "virtio_pci_modern.h"
#include <stddef.h>
#include "mmio.h"

/* Doorbells of the two queues: with one page each (QEMU's page-per-vq) two pages, and room for a
 * device that orders them its own way. A queue whose doorbell lies beyond is refused. */
#define NOTIFY_MAP_MAX 65536u

/* Structures this small exist; a device that announces a larger one is right too [virtio 2.5.1]. */
#define CONFIG_MAP_MAX 256u

struct structure {
    volatile void *base;
    uint32_t bytes; /* mapped */
};

static uint8_t modern_status(struct vpci *vp)
{
    return mmio_read8(&vp->common->device_status);
}

static void modern_set_status(struct vpci *vp, uint8_t status)
{
    mmio_write8(&vp->common->device_status, status);
}

static uint64_t modern_offered(struct vpci *vp)
{
    uint64_t low, high;

    mmio_write32(&vp->common->device_feature_select, 0);
    low = mmio_read32(&vp->common->device_feature);
    mmio_write32(&vp->common->device_feature_select, 1);
    high = mmio_read32(&vp->common->device_feature);
    return high << 32 | low;
}

static void modern_accept(struct vpci *vp, uint64_t features)
{
    mmio_write32(&vp->common->driver_feature_select, 0);
    mmio_write32(&vp->common->driver_feature, (uint32_t)features);
    mmio_write32(&vp->common->driver_feature_select, 1);
    mmio_write32(&vp->common->driver_feature, (uint32_t)(features >> 32));
}

static uint16_t modern_queue_max(struct vpci *vp, uint16_t index)
{
    mmio_write16(&vp->common->queue_select, index);
    return mmio_read16(&vp->common->queue_size); /* 0: not there [virtio 4.1.5.1.3] */
}

static uint16_t modern_queue_vector(struct vpci *vp, uint16_t index, uint16_t vector)
{
    mmio_write16(&vp->common->queue_select, index);
    mmio_write16(&vp->common->queue_msix_vector, vector);
    return mmio_read16(&vp->common->queue_msix_vector);
}

static uint16_t modern_config_vector(struct vpci *vp, uint16_t vector)
{
    mmio_write16(&vp->common->config_msix_vector, vector);
    return mmio_read16(&vp->common->config_msix_vector);
}

static void write_address(volatile uint32_t field[2], dma_addr_t addr)
{
    mmio_write32(&field[0], (uint32_t)addr);
    mmio_write32(&field[1], (uint32_t)(addr >> 32));
}

static const char *modern_queue_enable(struct vpci *vp, uint16_t index, const struct vq *vq)
{
    volatile struct virtio_pci_common_cfg *common = vp->common;
    uint64_t offset;

    mmio_write16(&common->queue_select, index);
    offset = (uint64_t)mmio_read16(&common->queue_notify_off) * vp->notify_multiplier;
    if (offset % 2 != 0 || offset + 2 > vp->notify_bytes)
        return "the device's doorbell lies outside its notification structure";
    vp->doorbell[index] = vp->notify + offset;

    mmio_write16(&common->queue_size, vq->size);
    write_address(common->queue_desc, vq->desc);
    write_address(common->queue_driver, vq->driver);
    write_address(common->queue_device, vq->device);
    mmio_write16(&common->queue_enable, 1); /* last of all [virtio 4.1.4.3.2] */
    return NULL;
}

static void modern_notify(struct vpci *vp, uint16_t index)
{
    mmio_write16(vp->doorbell[index], index); /* [virtio 4.1.5.2.1] */
}

static uint8_t modern_generation(struct vpci *vp)
{
    return mmio_read8(&vp->common->config_generation);
}

static uint8_t modern_config8(struct vpci *vp, uint32_t offset)
{
    return mmio_read8(vp->config + offset);
}

static uint16_t modern_config16(struct vpci *vp, uint32_t offset)
{
    return mmio_read16(vp->config + offset);
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
    .generation = modern_generation,
    .config8 = modern_config8,
    .config16 = modern_config16,
};

/* Maps the first instance of a structure that lies wholly inside a memory BAR, as the device
 * prefers it [virtio 4.1.4.1]. At least `min`, at most `max` bytes of it. Returns its capability, 0
 * = none. */
static unsigned map_structure(const struct pci_dev *d, const struct pci_bar bars[PCI_BARS],
                              enum virtio_pci_cfg_type type, uint32_t min, uint32_t max,
                              struct structure *s)
{
    unsigned need = sizeof(struct virtio_pci_cap) + (type == VIRTIO_PCI_CAP_NOTIFY_CFG ? 4 : 0);

    *s = (struct structure){0};
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
        if (bar >= PCI_BARS || offset % 4 != 0 || bytes < min)
            continue; /* values above 5 are reserved and such capabilities ignored */
        if (bytes > max)
            bytes = max;
        if (offset < bars[bar].size && bytes > bars[bar].size - offset)
            bytes = (uint32_t)(bars[bar].size - offset); /* announced larger than it can be */
        if (bytes < min)
            continue;
        s->base = pci_map(&bars[bar], offset, bytes);
        s->bytes = bytes;
        if (s->base != NULL)
            return at;
    }
    return 0;
}

const char *vpci_modern_probe(struct vpci *vp, const struct pci_bar bars[PCI_BARS])
{
    const struct pci_dev *d = &vp->pci;
    struct structure common, notify, config;
    unsigned notify_cap;

    if (map_structure(d, bars, VIRTIO_PCI_CAP_COMMON_CFG, sizeof(struct virtio_pci_common_cfg),
                      sizeof(struct virtio_pci_common_cfg), &common) == 0)
        return "it has no modern interface; with QEMU leave out disable-modern=on";
    notify_cap = map_structure(d, bars, VIRTIO_PCI_CAP_NOTIFY_CFG, 2, NOTIFY_MAP_MAX, &notify);
    if (notify_cap == 0)
        return "it has no usable notification structure";
    /* Optional: a device without it offers no feature that needs it. */
    map_structure(d, bars, VIRTIO_PCI_CAP_DEVICE_CFG, 1, CONFIG_MAP_MAX, &config);

    vp->common = common.base;
    vp->notify = notify.base;
    vp->notify_bytes = notify.bytes;
    vp->notify_multiplier = pci_read32(d, notify_cap + VIRTIO_PCI_NOTIFY_MULTIPLIER);
    vp->config = config.base;
    vp->config_bytes = config.base == NULL ? 0 : config.bytes;
    vp->ops = &modern_ops;
    return NULL;
}
