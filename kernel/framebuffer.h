// SPDX-License-Identifier: BSD-3-Clause
/*
 * Text on the firmware's framebuffer, where there is one.
 */
#ifndef KERNEL_FRAMEBUFFER_H
#define KERNEL_FRAMEBUFFER_H

#include <stddef.h>
#include "boot_info.h"

/* Nothing is drawn if fb->base is 0 or the picture cannot be mapped. */
void fb_init(const struct boot_framebuffer *fb);

/* Draws text; '\n' starts a new line, other control characters show as blanks. Does nothing before
 * fb_init() and without a framebuffer. */
void fb_write(const char *s, size_t len);

#endif
