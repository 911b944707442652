// SPDX-License-Identifier: BSD-3-Clause
/*
 * The legacy interface, that of virtio 0.9.5: registers in BAR 0 [virtio 4.1.4.10].
 */
#ifndef DRIVERS_VIRTIO_PCI_LEGACY_H
#define DRIVERS_VIRTIO_PCI_LEGACY_H

#include "virtio_pci.h"

/* Finds the registers and sets vp->ops; a sentence that says why not otherwise. */
const char *vpci_legacy_probe(struct vpci *vp, const struct pci_bar bars[PCI_BARS]);

#endif
