// SPDX-License-Identifier: BSD-3-Clause
/*
 * The split ring [virtio 2.7]: descriptor table, available ring, used ring.
 *
 * What the device may write starts on a page of its own. That is also where older devices, which
 * are told one address only, look for it [virtio 2.7.2].
 */
#ifndef DRIVERS_VIRTQUEUE_SPLIT_H
#define DRIVERS_VIRTQUEUE_SPLIT_H

#include "virtqueue.h"

#define VQ_PAGE         4096u
#define VQ_PAGES(bytes) (((bytes) + VQ_PAGE - 1) / VQ_PAGE * VQ_PAGE)

/* 16 bytes a descriptor; 2 an available entry and 6 around them; 8 a used entry and 6 around them.
 */
#define VQ_SPLIT_USED(size)  VQ_PAGES(16u * (size) + 6 + 2u * (size))
#define VQ_SPLIT_BYTES(size) (VQ_SPLIT_USED(size) + VQ_PAGES(6 + 8u * (size)))

extern const struct vq_ops vq_split;

#endif
