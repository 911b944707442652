// SPDX-License-Identifier: BSD-3-Clause
#ifndef KERNEL_PROVOKE_H
#define KERNEL_PROVOKE_H

#include "conf.h"

/* Commits the bug that `fault=panic:…` asks for. Each must end in a panic record; one that does not
 * ends in one that says so. */
_Noreturn void provoke_panic(enum conf_panic kind);

#endif
