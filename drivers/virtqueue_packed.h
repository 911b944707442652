// SPDX-License-Identifier: BSD-3-Clause
/*
 * The packed ring [virtio 2.8]: one ring of descriptors that both sides write to, and for each side
 * four bytes in which it says when it wants to hear of the other.
 */
#ifndef DRIVERS_VIRTQUEUE_PACKED_H
#define DRIVERS_VIRTQUEUE_PACKED_H

#include "virtqueue.h"

#define VQ_PACKED_BYTES(size) (VIRTQ_DESC_BYTES * (size) + 4u + 4u)

extern const struct vq_ops vq_packed;

#endif
