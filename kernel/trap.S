// SPDX-License-Identifier: BSD-3-Clause
/*
 * One stub for each of the 256 vectors: pushes what the CPU did not (an error code where there is none,
 * then the vector) and all registers, so that the stack holds a struct trap_frame, and calls
 * trap_handle(). Nothing ever switches privilege or stack other than by the IDT's own means.
 */
#define STUB_BYTES 16

        .section .text.trap, "ax"
        .globl  trap_stubs
        .balign STUB_BYTES
trap_stubs:
        vector = 0
        .rept   256
        .balign STUB_BYTES
        /* The CPU pushes an error code for #DF, #TS, #NP, #SS, #GP, #PF, #AC, #CP, #VC, #SX. */
        .if     !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || \
                  vector == 29 || vector == 30)
        push    $0
        .endif
        push    $vector
        jmp     trap_common
        vector = vector + 1
        .endr

trap_common:
        push    %rax
        push    %rcx
        push    %rdx
        push    %rbx
        push    %rbp
        push    %rsi
        push    %rdi
        push    %r8
        push    %r9
        push    %r10
        push    %r11
        push    %r12
        push    %r13
        push    %r14
        push    %r15
        cld
        mov     %rsp, %rdi
        mov     %rsp, %rbx
        and     $-16, %rsp              /* frames without an error code from the CPU are aligned, others not */
        call    trap_handle
        mov     %rbx, %rsp
        pop     %r15
        pop     %r14
        pop     %r13
        pop     %r12
        pop     %r11
        pop     %r10
        pop     %r9
        pop     %r8
        pop     %rdi
        pop     %rsi
        pop     %rbp
        pop     %rbx
        pop     %rdx
        pop     %rcx
        pop     %rax
        add     $16, %rsp               /* vector, error code */
        iretq

        .section .note.GNU-stack, "", @progbits
