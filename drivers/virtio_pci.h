// SPDX-License-Identifier: BSD-3-Clause
/*
 * The transport: how a virtio device on PCI is reset, asked, set up and notified [virtio 4.1].
 *
 *     vpci_probe -> vpci_reset_begin, vpci_reset_done -> vpci_offer,
 *     vpci_accept -> vpci_queue_set … -> vpci_driver_ok
 *
 * Everything but the first is repeated after each reset; the order is checked here, so a doorbell
 * before DRIVER_OK, for instance, is an assertion and not a device in doubt. The interface behind
 * is chosen once, at probe: struct vpci_ops holds what differs between them.
 *
 * Functions that can fail for a reason return it as a sentence, or NULL for success.
 */
#ifndef DRIVERS_VIRTIO_PCI_H
#define DRIVERS_VIRTIO_PCI_H

#include <stdbool.h>
#include <stdint.h>
#include "pci.h"
#include "virtio.h"
#include "virtqueue.h"

/* Queues of frames: numbers 0 and 1, with an interrupt each. And one more, of any number, without.
 */
#define VPCI_QUEUES 2

/* Bytes of device-specific configuration looked at. Smaller ones exist; a device that announces a
 * larger one is right too [virtio 2.5.1]. */
#define VPCI_CONFIG_MAX 256u

struct vpci;

struct vpci_ops {
    const char *name; /* as in the `nic` record */
    bool legacy;      /* no VERSION_1, no FEATURES_OK, queue sizes as the device has them */

    uint8_t (*status)(struct vpci *vp);
    void (*set_status)(struct vpci *vp, uint8_t status);
    uint64_t (*offered)(struct vpci *vp);
    void (*accept)(struct vpci *vp, uint64_t features);
    /* Entries the device can have in this queue at most, 0 = there is no such queue. */
    uint16_t (*queue_max)(struct vpci *vp, uint16_t index);
    /* Writes the vector and returns what the device made of it. */
    uint16_t (*queue_vector)(struct vpci *vp, uint16_t index, uint16_t vector);
    uint16_t (*config_vector)(struct vpci *vp, uint16_t vector);
    /* Tells the device where the ring is and finds the doorbell. */
    const char *(*queue_enable)(struct vpci *vp, uint16_t index, const struct vq *vq);
    void (*notify)(struct vpci *vp, uint16_t index);
    /* Asks for a reset of one queue; true once it is complete. NULL: there is no such thing. */
    void (*queue_reset_begin)(struct vpci *vp, uint16_t index);
    bool (*queue_reset_done)(struct vpci *vp, uint16_t index);
    /* NULL: there is no such thing. */
    uint8_t (*generation)(struct vpci *vp);
    uint8_t (*config8)(struct vpci *vp, uint32_t offset);
    uint16_t (*config16)(struct vpci *vp, uint32_t offset);
};

struct vpci {
    const struct vpci_ops *ops;
    struct pci_dev pci;
    struct pci_msix msix;
    uint8_t status;        /* bits we have set since the last reset */
    uint64_t features;     /* accepted since the last reset */
    uint32_t config_bytes; /* device-specific configuration there is */
    bool negotiated;       /* features are settled since the last reset */
    bool msix_on;          /* MSI-X is switched on in the function */
    bool can_reset_queue;  /* the registers for it are there; the feature says whether they work */
    uint32_t dead;         /* queues, as bits, that were reset and not enabled again since */

    struct pci_io isr; /* interrupt status; may be missing */

    /* The legacy interface's registers; or the modern one's structures, and where in `notify` the
     * doorbell of each queue is. */
    struct pci_io common, config, notify;
    uint32_t notify_multiplier;
    uint32_t doorbell[VPCI_QUEUES + 1];
};

/* Finds and maps the device's registers; switches decoding on and MSI-X off. Changes nothing in the
 * device itself. The modern interface is taken where there is one, unless `legacy` asks for the
 * other, which transitional devices have as well. */
const char *vpci_probe(struct vpci *vp, const struct pci_dev *dev, bool legacy);

/* Asks for a reset; it is complete once vpci_reset_done() is true [virtio 2.4.2, 4.1.4.3.2]. The
 * device touches no buffer from then on. Bus mastering is off in between. */
void vpci_reset_begin(struct vpci *vp);
bool vpci_reset_done(struct vpci *vp);

/* After a reset: bus mastering on, ACKNOWLEDGE, DRIVER. Returns what the device offers.
 * Configuration may be read from here on, to decide what to accept. */
uint64_t vpci_offer(struct vpci *vp);

/* Accepts `features`, all of which were offered; FEATURES_OK where there is such a thing. The
 * result is vp->features. */
const char *vpci_accept(struct vpci *vp, uint64_t features);

/* Entries of queue `index`: the largest number, for a split ring power of two, that neither the
 * device's maximum nor `max` exceeds; 0 = no such queue. A legacy device's queue has one size only,
 * which may exceed `max`, or be no power of two. */
uint16_t vpci_queue_size(struct vpci *vp, uint16_t index, uint16_t max);

/* Switches MSI-X on or off, where there is any. */
void vpci_msix(struct vpci *vp, bool on);

/* MSI-X is on: assigns table entries to queue 0, queue 1 and configuration changes. False: the
 * device refuses one of them [virtio 4.1.5.1.2.2]. */
bool vpci_set_vectors(struct vpci *vp, const uint16_t queue[VPCI_QUEUES], uint16_t config);

/* Hands a started ring to the device. */
const char *vpci_queue_set(struct vpci *vp, uint16_t index, const struct vq *vq);

/* With VIRTIO_F_RING_RESET: asks for a reset of one queue, whose doorbell must not be rung from
 * then on. When it is done, which takes as long as the device likes, the device has nothing of the
 * queue any more; vpci_queue_vector() and vpci_queue_set() bring it back
 * [virtio 2.6.1, 4.1.4.3.2]. */
void vpci_queue_reset_begin(struct vpci *vp, uint16_t index);
bool vpci_queue_reset_done(struct vpci *vp, uint16_t index);

/* Assigns an MSI-X table entry to one queue. False: the device refuses it. */
bool vpci_queue_vector(struct vpci *vp, uint16_t index, uint16_t vector);

/* The device runs from here on. */
void vpci_driver_ok(struct vpci *vp);

/* Tells the device that we gave up on it, then resets it. */
void vpci_fail(struct vpci *vp);

/* The doorbell [virtio 4.1.5.2]. */
void vpci_notify(struct vpci *vp, uint16_t index);

/* Interrupt status, which reading clears: bit 0, a queue; bit 1, the configuration. Not with MSI-X
 * [virtio 4.1.4.5]. False: the device has no such register. */
bool vpci_has_isr(const struct vpci *vp);
uint8_t vpci_isr(struct vpci *vp);

/* Status as the device has it now. */
uint8_t vpci_status(struct vpci *vp);

/* True while the device does what it was told: nothing that asks for a reset. */
bool vpci_alive(struct vpci *vp);

/* A field of the device-specific configuration. It must lie within config_bytes. */
uint16_t vpci_config16(struct vpci *vp, uint32_t offset);

/* Several bytes of it that belong together: all of one generation, or, where the interface has
 * none, read twice with the same result [virtio 2.5.1, 2.5.4]. False: the device does not settle.
 */
bool vpci_config_read(struct vpci *vp, uint32_t offset, uint8_t *out, uint32_t n);

#endif
