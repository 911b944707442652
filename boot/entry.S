// SPDX-License-Identifier: BSD-3-Clause
/*
 * Our first instructions: pvh_start (QEMU's -kernel) and kernel_entry (called by boot/uefi.c).
 *
 * pvh_start: 32-bit protected mode, paging off, EBX = physical address of hvm_start_info. It maps the
 * first GiB of memory twice, at 0 and at KERNEL_BASE, enters long mode and goes on in pvh_main().
 * kernel_entry: long mode, the image already mapped at KERNEL_BASE, RDI = struct boot_info.
 * Both clear .bss themselves: after a reset, memory holds what the last run left there. The page tables
 * here last until paging_init() has made the final ones.
 */
#define KERNEL_BASE 0xffffffff80000000
#define PHYS(x)     ((x) - KERNEL_BASE) /* PVH puts the image at its link address minus KERNEL_BASE */

#define XEN_ELFNOTE_PHYS32_ENTRY 18

        .section .note.Xen, "a", @note
        .balign 4
        .long   4, 4, XEN_ELFNOTE_PHYS32_ENTRY
        .asciz  "Xen"
        .long   PHYS(pvh_start)

        .section .noinit.boot, "aw", @nobits
        .balign 4096
boot_pml4: .skip 4096
boot_pdpt: .skip 4096           /* entry 0 = the first GiB, entry 510 = KERNEL_BASE */
boot_pd:   .skip 4096

        .section .rodata.boot, "a"
        .balign 8
boot_gdt:
        .quad   0
        .quad   0x00af9b000000ffff      /* 0x08: 64-bit code */
        .quad   0x00cf93000000ffff      /* 0x10: data */
boot_gdt_end:
no_long_mode_record:
        .asciz  "{\"event\":\"error\",\"t_us\":0,\"message\":\"this CPU has no 64-bit mode\"}\r\n"
boot_gdt_ptr:
        .word   boot_gdt_end - boot_gdt - 1
        .long   PHYS(boot_gdt)

        .section .boot.text, "ax"
        .code32
        .globl  pvh_start
pvh_start:
        cld
        rdtsc
        mov     %eax, %esp              /* no stack yet: ESP:EBP = time-stamp counter */
        mov     %edx, %ebp
        mov     %ebx, %edi              /* over CPUID, which writes EBX */
        mov     $0x80000000, %eax
        cpuid
        cmp     $0x80000001, %eax
        jb      no_long_mode
        mov     $0x80000001, %eax
        cpuid
        bt      $29, %edx               /* LM */
        jnc     no_long_mode
        mov     %edi, %ebx

        mov     $PHYS(boot_pml4), %edi
        mov     $(2 * 4096 / 4), %ecx
        xor     %eax, %eax
        rep stosl
        movl    $PHYS(boot_pdpt) + 3, PHYS(boot_pml4)
        movl    $PHYS(boot_pdpt) + 3, PHYS(boot_pml4) + 511 * 8
        movl    $PHYS(boot_pd) + 3, PHYS(boot_pdpt)
        movl    $PHYS(boot_pd) + 3, PHYS(boot_pdpt) + 510 * 8
        mov     $PHYS(boot_pd), %edi
        mov     $0x83, %eax             /* present, writable, 2 MiB */
1:      mov     %eax, (%edi)
        movl    $0, 4(%edi)
        add     $8, %edi
        add     $0x200000, %eax
        cmp     $PHYS(boot_pd) + 4096, %edi
        jne     1b

        mov     %cr4, %eax
        or      $0x20, %eax             /* PAE */
        mov     %eax, %cr4
        mov     $PHYS(boot_pml4), %eax
        mov     %eax, %cr3
        mov     $0xc0000080, %ecx       /* EFER */
        rdmsr
        or      $0x100, %eax            /* LME */
        wrmsr
        mov     %cr0, %eax
        or      $0x80010001, %eax       /* PG, WP, PE */
        mov     %eax, %cr0
        lgdt    PHYS(boot_gdt_ptr)
        ljmp    $0x08, $PHYS(pvh_long)

        /* Before there is a console: the record byte by byte, and FAIL to isa-debug-exit. */
no_long_mode:
        mov     $PHYS(no_long_mode_record), %esi
1:      mov     $0x3fd, %dx             /* COM1's line status */
        mov     $100000, %ecx           /* nobody may read it */
2:      in      %dx, %al
        test    $0x20, %al
        loopz   2b
        mov     $0x3f8, %dx
        lodsb
        test    %al, %al
        jz      3f
        out     %al, %dx
        jmp     1b
3:      mov     $0xf4, %dx
        mov     $1, %eax
        out     %eax, %dx
4:      hlt
        jmp     4b

        .code64
pvh_long:
        movabs  $pvh_high, %rax
        jmp     *%rax
pvh_high:
        mov     $0x10, %eax
        mov     %eax, %ds
        mov     %eax, %es
        mov     %eax, %ss
        mov     %esp, %esi              /* entry TSC: second argument of pvh_main */
        shl     $32, %rbp
        or      %rbp, %rsi
        mov     %ebx, %edi              /* start info: first argument */
        mov     $pvh_main, %r12
        jmp     enter_c

        .globl  kernel_entry
kernel_entry:
        cli
        cld
        mov     $kernel_main, %r12

/* R12 = C function, RDI and RSI = its arguments. */
enter_c:
        mov     $stack_main_top, %rsp
        xor     %eax, %eax
        mov     $bss_start, %rcx
1:      mov     %rax, (%rcx)
        mov     %rax, 8(%rcx)
        mov     %rax, 16(%rcx)
        mov     %rax, 24(%rcx)
        add     $32, %rcx
        cmp     $bss_end, %rcx
        jb      1b
        xor     %ebp, %ebp              /* end of the chain of frames */
        call    *%r12
        ud2

        .section .note.GNU-stack, "", @progbits
