// SPDX-License-Identifier: BSD-3-Clause
/*
 * Files that QEMU hands to its guest: -fw_cfg name=opt/antifreeze/config,file=…
 */
#ifndef DRIVERS_FW_CFG_H
#define DRIVERS_FW_CFG_H

#include <stdint.h>

/* Copies the first cap bytes of a file. Returns its whole length, which may be more than cap; 0 if
 * there is no such file or no fw_cfg. buf lies in the image's static memory: the device may write
 * to it. */
uint32_t fw_cfg_read(const char *name, void *buf, uint32_t cap);

#endif
