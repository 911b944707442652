// SPDX-License-Identifier: BSD-3-Clause
/*
 * Between the files of the UEFI application: uefi.c, which loads the kernel and leaves the
 * firmware, and uefi_info.c, which asks the firmware what it knows.
 */
#ifndef BOOT_UEFI_H
#define BOOT_UEFI_H

#include <efi.h>
#include "boot_info.h"

extern EFI_SYSTEM_TABLE *uefi_st;
extern EFI_BOOT_SERVICES *uefi_bs;

void uefi_copy(void *to, const void *from, UINTN n);

/* Fills in the ACPI tables, the framebuffer, the command line, and the file antifreeze.conf beside
 * the application; what the firmware does not know stays 0. */
void uefi_find_info(const EFI_LOADED_IMAGE *li, struct boot_info *info);

#endif
