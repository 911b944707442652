// SPDX-License-Identifier: BSD-3-Clause
/*
 * The tests of test_virtio_net.c, but for those about the modern interface itself, against a device
 * that has the legacy one only.
 */
#define OVER_LEGACY 1
#pragma GCC diagnostic ignored "-Wunused-function"
#include "test_virtio_net.c"
