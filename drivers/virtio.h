// SPDX-License-Identifier: BSD-3-Clause
/*
 * Constants and layouts of the virtio specification, and nothing else.
 *
 * Clause numbers throughout the drivers are those of virtio v1.3, cited as [virtio x.y]. Feature
 * bits are masks. All fields are little-endian, as is this CPU.
 */
#ifndef DRIVERS_VIRTIO_H
#define DRIVERS_VIRTIO_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

/* Device status field [virtio 2.1] */
#define VIRTIO_STATUS_ACKNOWLEDGE 0x01u
#define VIRTIO_STATUS_DRIVER      0x02u
#define VIRTIO_STATUS_DRIVER_OK   0x04u
#define VIRTIO_STATUS_FEATURES_OK 0x08u
#define VIRTIO_STATUS_NEEDS_RESET 0x40u
#define VIRTIO_STATUS_FAILED      0x80u
#define VIRTIO_STATUS_GONE        0xffu /* what a function that is no longer there reads as */

/* Reserved feature bits [virtio 6] */
#define VIRTIO_F_ANY_LAYOUT      (1ull << 27) /* legacy devices only [virtio 6.3] */
#define VIRTIO_F_INDIRECT_DESC   (1ull << 28)
#define VIRTIO_F_EVENT_IDX       (1ull << 29)
#define VIRTIO_F_VERSION_1       (1ull << 32)
#define VIRTIO_F_ACCESS_PLATFORM (1ull << 33)
#define VIRTIO_F_RING_PACKED     (1ull << 34)
#define VIRTIO_F_ORDER_PLATFORM  (1ull << 36)
#define VIRTIO_F_RING_RESET      (1ull << 40)

/* Network device feature bits [virtio 5.1.3] */
#define VIRTIO_NET_F_CSUM           (1ull << 0)
#define VIRTIO_NET_F_GUEST_CSUM     (1ull << 1)
#define VIRTIO_NET_F_MTU            (1ull << 3)
#define VIRTIO_NET_F_MAC            (1ull << 5)
#define VIRTIO_NET_F_GUEST_TSO4     (1ull << 7)
#define VIRTIO_NET_F_GUEST_TSO6     (1ull << 8)
#define VIRTIO_NET_F_GUEST_ECN      (1ull << 9)
#define VIRTIO_NET_F_HOST_TSO4      (1ull << 11)
#define VIRTIO_NET_F_HOST_TSO6      (1ull << 12)
#define VIRTIO_NET_F_MRG_RXBUF      (1ull << 15)
#define VIRTIO_NET_F_STATUS         (1ull << 16)
#define VIRTIO_NET_F_CTRL_VQ        (1ull << 17)
#define VIRTIO_NET_F_CTRL_RX        (1ull << 18)
#define VIRTIO_NET_F_GUEST_ANNOUNCE (1ull << 21)
#define VIRTIO_NET_F_MQ             (1ull << 22)

#define VIRTIO_NET_F_GUEST_TSO      (VIRTIO_NET_F_GUEST_TSO4 | VIRTIO_NET_F_GUEST_TSO6)
#define VIRTIO_NET_F_HOST_TSO       (VIRTIO_NET_F_HOST_TSO4 | VIRTIO_NET_F_HOST_TSO6)

/* PCI identity [virtio 4.1.2] */
#define VIRTIO_PCI_VENDOR           0x1af4u
#define VIRTIO_PCI_NET              0x1041u
#define VIRTIO_PCI_NET_TRANSITIONAL 0x1000u

/* Capabilities that describe the structures of the modern interface [virtio 4.1.4] */
enum virtio_pci_cfg_type {
    VIRTIO_PCI_CAP_COMMON_CFG = 1,
    VIRTIO_PCI_CAP_NOTIFY_CFG = 2,
    VIRTIO_PCI_CAP_ISR_CFG = 3,
    VIRTIO_PCI_CAP_DEVICE_CFG = 4,
};

struct virtio_pci_cap {
    uint8_t cap_vndr; /* 0x09 */
    uint8_t cap_next;
    uint8_t cap_len;
    uint8_t cfg_type;
    uint8_t bar;
    uint8_t id;
    uint8_t padding[2];
    uint32_t offset; /* within the BAR */
    uint32_t length;
};
static_assert(sizeof(struct virtio_pci_cap) == 16, "[virtio 4.1.4]");

/* The notification capability has this behind it [virtio 4.1.4.4]. */
#define VIRTIO_PCI_NOTIFY_MULTIPLIER 16u

/* Common configuration structure [virtio 4.1.4.3]. 64-bit fields are accessed as two halves. */
struct virtio_pci_common_cfg {
    uint32_t device_feature_select;
    uint32_t device_feature;
    uint32_t driver_feature_select;
    uint32_t driver_feature;
    uint16_t config_msix_vector;
    uint16_t num_queues;
    uint8_t device_status;
    uint8_t config_generation;
    uint16_t queue_select;
    uint16_t queue_size;
    uint16_t queue_msix_vector;
    uint16_t queue_enable;
    uint16_t queue_notify_off;
    uint32_t queue_desc[2];
    uint32_t queue_driver[2];
    uint32_t queue_device[2];
};
static_assert(sizeof(struct virtio_pci_common_cfg) == 56, "[virtio 4.1.4.3]");
static_assert(offsetof(struct virtio_pci_common_cfg, device_status) == 20, "[virtio 4.1.4.3]");
static_assert(offsetof(struct virtio_pci_common_cfg, queue_desc) == 32, "[virtio 4.1.4.3]");

/* Behind it, where the structure is long enough: 16 bits, with VIRTIO_F_RING_RESET. */
#define VIRTIO_PCI_QUEUE_RESET 58u

#define VIRTIO_MSI_NO_VECTOR   0xffffu /* [virtio 4.1.5.1.2.2] */

/* Network device configuration [virtio 5.1.4]. Each field exists only with its feature. */
struct virtio_net_config {
    uint8_t mac[6];
    uint16_t status;
    uint16_t max_virtqueue_pairs;
    uint16_t mtu;
};
static_assert(sizeof(struct virtio_net_config) == 12, "[virtio 5.1.4]");

#define VIRTIO_NET_S_LINK_UP    1u
#define VIRTIO_NET_S_ANNOUNCE   2u

#define VIRTIO_NET_MQ_PAIRS_MAX 0x8000u /* [virtio 5.1.4.1] */

/* Control commands and their answers [virtio 5.1.6.5] */
#define VIRTIO_NET_CTRL_ERR          1u
#define VIRTIO_NET_CTRL_RX           0u
#define VIRTIO_NET_CTRL_RX_ALLMULTI  1u
#define VIRTIO_NET_CTRL_ANNOUNCE     3u
#define VIRTIO_NET_CTRL_ANNOUNCE_ACK 0u

/* Network queues, the first pair [virtio 5.1.2]. The control queue is behind all pairs there are
 * with VIRTIO_NET_F_MQ, behind the first one without. */
enum { VIRTIO_NET_RXQ = 0, VIRTIO_NET_TXQ = 1 };

/* In front of every frame [virtio 5.1.6]. num_buffers is there with VERSION_1 even without
 * VIRTIO_NET_F_MRG_RXBUF, and absent in a legacy device without [virtio 5.1.6.1]. */
struct virtio_net_hdr {
    uint8_t flags;
    uint8_t gso_type;
    uint16_t hdr_len;
    uint16_t gso_size;
    uint16_t csum_start;
    uint16_t csum_offset;
    uint16_t num_buffers;
};
static_assert(sizeof(struct virtio_net_hdr) == 12, "[virtio 5.1.6]");
#define VIRTIO_NET_HDR_LEGACY offsetof(struct virtio_net_hdr, num_buffers)

/* flags */
#define VIRTIO_NET_HDR_F_NEEDS_CSUM 1u
#define VIRTIO_NET_HDR_F_DATA_VALID 2u

/* gso_type */
#define VIRTIO_NET_HDR_GSO_NONE  0u
#define VIRTIO_NET_HDR_GSO_TCPV4 1u
#define VIRTIO_NET_HDR_GSO_TCPV6 4u
#define VIRTIO_NET_HDR_GSO_ECN   0x80u

/* Split virtqueue [virtio 2.7] */
#define VIRTQ_SIZE_MAX 32768u

/* A descriptor: 16-byte aligned; the buffer's address, then length in bits 0-31, flags in 32-47 and
 * the next descriptor's number in 48-63 [virtio 2.7.5]. */
#define VIRTQ_DESC_BYTES      16u
#define VIRTQ_DESC_F_NEXT     1u
#define VIRTQ_DESC_F_WRITE    2u
#define VIRTQ_DESC_F_INDIRECT 4u
#define VIRTQ_DESC(len, flags, next)                                                               \
    ((uint64_t)(len) | (uint64_t)(flags) << 32 | (uint64_t)(next) << 48)

struct virtq_avail { /* 2-byte aligned; one more uint16_t behind the ring: used_event */
    uint16_t flags;
    uint16_t idx;
    uint16_t ring[];
};
#define VIRTQ_AVAIL_F_NO_INTERRUPT 1u

struct virtq_used_elem {
    uint32_t id;
    uint32_t len;
};
static_assert(sizeof(struct virtq_used_elem) == 8, "[virtio 2.7.8]");

struct virtq_used { /* 4-byte aligned; one uint16_t behind the ring: avail_event */
    uint16_t flags;
    uint16_t idx;
    struct virtq_used_elem ring[];
};
#define VIRTQ_USED_F_NO_NOTIFY 1u

/* Packed virtqueue [virtio 2.8]. A descriptor has the size and the first flags of a split one:
 * address, then length in bits 0-31, id in 32-47 and flags in 48-63 [virtio 2.8.13]. */
#define PVIRTQ_DESC_F_AVAIL (1u << 7)
#define PVIRTQ_DESC_F_USED  (1u << 15)
#define PVIRTQ_DESC(len, id, flags)                                                                \
    ((uint64_t)(len) | (uint64_t)(id) << 32 | (uint64_t)(flags) << 48)
#define PVIRTQ_DESC_ID(half) (uint16_t)((half) >> 32)

/* Event suppression structure, one for each side, 4-byte aligned: offset in bits 0-14, wrap counter
 * in bit 15, flags in bits 16 and 17 [virtio 2.8.14]. */
#define PVIRTQ_EVENT_ENABLE  0u
#define PVIRTQ_EVENT_DISABLE 1u
#define PVIRTQ_EVENT_DESC    2u /* with VIRTIO_F_EVENT_IDX */
#define PVIRTQ_EVENT(off, wrap, flags)                                                             \
    ((uint32_t)(off) | (uint32_t)(wrap) << 15 | (uint32_t)(flags) << 16)
#define PVIRTQ_EVENT_OFF(v)   (uint16_t)((v)&0x7fff)
#define PVIRTQ_EVENT_WRAP(v)  (uint16_t)((v) >> 15 & 1)
#define PVIRTQ_EVENT_FLAGS(v) ((v) >> 16 & 3)

#endif
