// SPDX-License-Identifier: BSD-3-Clause
/*
 * The modern interface: structures in BARs, found through capabilities [virtio 4.1.4].
 */
#ifndef DRIVERS_VIRTIO_PCI_MODERN_H
#define DRIVERS_VIRTIO_PCI_MODERN_H

#include "virtio_pci.h"

/* Finds and maps the structures and sets vp->ops; a sentence that says why not otherwise. */
const char *vpci_modern_probe(struct vpci *vp, const struct pci_bar bars[PCI_BARS]);

#endif
