// SPDX-License-Identifier: BSD-3-Clause
/*
 * Text on the firmware's framebuffer, where there is one.
 */
#ifndef KERNEL_FRAMEBUFFER_H
#define KERNEL_FRAMEBUFFER_H

#include "boot_info.h"

/* Nothing is drawn if fb->base is 0 or the picture cannot be mapped. */
void framebuffer_init(const struct boot_framebuffer *fb);

/* Draws text; '\n' starts a new line, other control characters show as blanks. Does nothing before
 * framebuffer_init() and without a framebuffer. */
void framebuffer_put(const char *s, unsigned n);

#endif
