// SPDX-License-Identifier: BSD-3-Clause
/*
 * The kernel, byte for byte the file that -kernel boots, inside the UEFI application. KERNEL_FILE comes
 * from the Makefile.
 */
        .section .rodata, "a"
        .balign 4096
        .globl  kernel_elf, kernel_elf_end
kernel_elf:
        .incbin KERNEL_FILE
kernel_elf_end:

        .section .note.GNU-stack, "", @progbits
