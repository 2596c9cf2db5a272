# Adds up numbers while it is being kicked, with every register in use, and prints nothing. Status 42 if the sums are
# right, 1 if not. Kicks are counted at 0xffffffff80500000; with none it goes on.
.include "abi.inc"
header
.globl boot
boot:
    mov $0xffffffff80600000, %rdi
    movq $0x601007, (%rdi)
    movq $0x800087, 0x1010(%rdi)
    movq $0x600007, 0xffffffff80001000
    movq $0x600007, 0xffffffff80002000
    lea program(%rip), %rsi
    mov $0x400000, %edi
    mov $(program_end - program), %ecx
    rep movsb
    movq $0, 0xffffffff80500000
    movq $0, ARG0
    out %al, $PROGRAM_STATE
    mov $0x500000, %esp
    mov $0x400000, %eax
    jmp *%rax
# Keeps all registers and flags: the interrupted address and flags come back from the mailbox.
upcall_program:
    mov %rax, 0xffffffff80500010
    mov %rcx, 0xffffffff80500018
    mov UPCALL_RIP, %rax
    mov %rax, 0xffffffff80500008
    mov UPCALL_RIP + 8, %rcx
    mov %rcx, 0xffffffff80500028
    cmpq $256, VECTOR
    check e, "not a kick"
    xor %eax, %eax
    xchg %eax, EVENTS
    movq $0, SIGNALS
    incq 0xffffffff80500000
    mov %rsp, 0xffffffff80500020
    mov $0xffffffff80501000, %rsp
    pushq 0xffffffff80500028
    mov 0xffffffff80500010, %rax
    mov 0xffffffff80500018, %rcx
    popfq
    mov 0xffffffff80500020, %rsp
    jmp *0xffffffff80500008
syscall_trap:
upcall_kernel:
    lea text(%rip), %rsi
    mov $(text_end - text), %ecx
    jmp panic
program:
    mov $20, %r15d
round:
    xor %eax, %eax
    xor %ebx, %ebx
    xor %edx, %edx
    pxor %xmm3, %xmm3
    mov $1, %esi
    movq %rsi, %xmm4
    mov $5000000, %ecx
1:  add %rcx, %rax
    add %rcx, %rbx
    adc $0, %rdx
    paddq %xmm4, %xmm3
    dec %rcx
    jnz 1b
    mov $12500002500000, %rsi
    cmp %rsi, %rax
    jne 2f
    cmp %rsi, %rbx
    jne 2f
    test %rdx, %rdx
    jne 2f
    movq %xmm3, %rsi
    cmp $5000000, %rsi
    jne 2f
    dec %r15d
    jnz round
    mov $0xffffffff80500000, %rdi
    cmpq $50, (%rdi)
    jb program
    mov $(42 << 8), %eax
    jmp 3f
2:  mov $(1 << 8), %eax
3:  mov $ARG0, %rdi
    mov %rax, (%rdi)
    exit_vm
program_end:
panic_code
text: .ascii "an upcall in the kernel"
text_end:
