// SPDX-License-Identifier: BSD-3-Clause
/*
 * The stacks. Below each lies a page that paging.c leaves unmapped, so that running out of stack is a
 * page fault and not silent damage. Page faults, double faults and NMIs have stacks of their own: they
 * must work when the main stack does not.
 */
        .section .stacks, "aw", @nobits

.macro  stack name, bytes
        .balign 4096
        .globl  stack_\name\()_guard, stack_\name\()_top
stack_\name\()_guard:
        .skip   4096
        .skip   \bytes
stack_\name\()_top:
.endm

        stack   main, 65536
        stack   fault, 16384
        stack   double, 16384
        stack   nmi, 16384

        .section .note.GNU-stack, "", @progbits
