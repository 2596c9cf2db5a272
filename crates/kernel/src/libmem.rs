//! memcpy and its like, which the compiler calls: the normal target expects a C library to have them.

use core::arch::global_asm;

// Short moves by overlapping loads and stores, longer ones by `rep movsb`/`rep stosb`, which are fast from a few hundred bytes
// on every x86-64 CPU of the last decade (ERMS).
global_asm!(
    r#"
    .text
    .balign 32
    .globl memcpy, memmove, memset, memcmp, bcmp, strlen
memmove:
    mov rax, rdi
    sub rax, rsi
    cmp rax, rdx
    jb 7f
memcpy:
    mov rax, rdi
    cmp rdx, 16
    jb 2f
    cmp rdx, 32
    ja 1f
    movups xmm0, [rsi]
    movups xmm1, [rsi + rdx - 16]
    movups [rdi], xmm0
    movups [rdi + rdx - 16], xmm1
    ret
1:  cmp rdx, 512
    ja 6f
    movups xmm2, [rsi + rdx - 16]
    lea r8, [rdi + rdx - 16]
    lea rcx, [rdx - 1]
    shr rcx, 4
5:  movups xmm0, [rsi]
    movups [rdi], xmm0
    add rsi, 16
    add rdi, 16
    dec rcx
    jnz 5b
    movups [r8], xmm2
    ret
6:  mov rcx, rdx
    rep movsb
    ret
2:  cmp rdx, 8
    jb 3f
    mov rcx, [rsi]
    mov r8, [rsi + rdx - 8]
    mov [rdi], rcx
    mov [rdi + rdx - 8], r8
    ret
3:  cmp rdx, 4
    jb 4f
    mov ecx, [rsi]
    mov r8d, [rsi + rdx - 4]
    mov [rdi], ecx
    mov [rdi + rdx - 4], r8d
    ret
4:  test rdx, rdx
    jz 9f
    movzx ecx, byte ptr [rsi]
    movzx r8d, byte ptr [rsi + rdx - 1]
    cmp rdx, 3
    jne 8f
    movzx r9d, byte ptr [rsi + 1]
    mov [rdi + 1], r9b
8:  mov [rdi], cl
    mov [rdi + rdx - 1], r8b
9:  ret
7:  # overlapping, destination above source: backwards
    mov rax, rdi
    test rdx, rdx
    jz 9b
    mov rcx, rdx
    and edx, 7
    lea rsi, [rsi + rcx - 1]
    lea rdi, [rdi + rcx - 1]
    shr rcx, 3
    xchg rcx, rdx
    std
    rep movsb
    mov rcx, rdx
    sub rsi, 7
    sub rdi, 7
    rep movsq
    cld
    ret

    .balign 32
memset:
    mov r8, rdi
    movzx eax, sil
    mov r9, 0x0101010101010101
    imul rax, r9
    cmp rdx, 16
    jb 1f
    movq xmm0, rax
    punpcklqdq xmm0, xmm0
    cmp rdx, 256
    ja 3f
    movups [rdi + rdx - 16], xmm0
    lea rcx, [rdx - 1]
    shr rcx, 4
    jz 4f
2:  movups [rdi], xmm0
    add rdi, 16
    dec rcx
    jnz 2b
4:  mov rax, r8
    ret
3:  mov rcx, rdx
    rep stosb
    mov rax, r8
    ret
1:  mov rcx, rdx
    rep stosb
    mov rax, r8
    ret

    .balign 32
bcmp:
memcmp:
    xor ecx, ecx
1:  lea r8, [rcx + 8]
    cmp r8, rdx
    ja 2f
    mov rax, [rdi + rcx]
    cmp rax, [rsi + rcx]
    jne 2f
    mov rcx, r8
    jmp 1b
2:  cmp rcx, rdx
    je 3f
    movzx eax, byte ptr [rdi + rcx]
    movzx r8d, byte ptr [rsi + rcx]
    sub eax, r8d
    jne 4f
    inc rcx
    jmp 2b
3:  xor eax, eax
4:  ret

    .balign 32
strlen:
    xor eax, eax
1:  cmp byte ptr [rdi + rax], 0
    je 2f
    inc rax
    jmp 1b
2:  ret
"#
);
