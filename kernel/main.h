// SPDX-License-Identifier: BSD-3-Clause
#ifndef KERNEL_MAIN_H
#define KERNEL_MAIN_H

#include "boot_info.h"

/* Where every entry ends up: on the main stack, .bss cleared, interrupts off, the image mapped at
 * KERNEL_BASE and `from` still readable. Copies what it needs of it. */
_Noreturn void kernel_main(const struct boot_info *from);

#endif
