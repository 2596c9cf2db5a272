# Says that it is ready, waits to be cloned; each clone prints "generation random counter tsc\n" in hexadecimal and ends with the
# generation as its status. A signal ends it with 100 + the lowest signal's number.
.include "abi.inc"
header
.globl boot
boot:
    mov $0xffffffff80500000, %rsp
    movq $0, ARG0
    out %al, $PROGRAM_STATE
    # A counter in memory that clones inherit.
    movq $0, counter(%rip)
again:
    mov SEQUENCE, %r14d
    xor %eax, %eax
    xchg %eax, EVENTS
    test $32, %eax
    jnz cloned
    test $8, %eax
    jnz signalled
    mov %r14, ARG0
    movq $-1, ARG1
    out %al, $WAIT
    jmp again
cloned:
    rdtsc
    shl $32, %rdx
    or %rdx, %rax
    mov %rax, FIRST_TSC
    incq counter(%rip)
    mov OUTPUT_HEAD, %edi
    mov GENERATION, %rbx
    call hex
    mov RANDOM, %rbx
    call hex
    mov counter(%rip), %rbx
    call hex
    mov FIRST_TSC, %rbx
    call hex
    mov $10, %al
    call put
    mov %edi, OUTPUT_HEAD
    out %al, $DOORBELL
    mov GENERATION, %rax
    # The document ends with the input: one that ends with `!` says to stay.
    mov IDENTITY + 80, %rcx
    cmpb $'!', SHARED + 0x200000 - 3(%rcx)
    je again
    shl $8, %rax
    mov %rax, ARG0
    exit_vm
signalled:
    bsf SIGNALS, %rax
    add $101, %rax
    shl $8, %rax
    mov %rax, ARG0
    exit_vm

# Prints rbx and a space at ring position edi.
hex:
    mov $16, %ecx
1:  rol $4, %rbx
    mov %ebx, %eax
    and $15, %eax
    lea digits(%rip), %rdx
    mov (%rdx, %rax), %al
    call put
    dec %ecx
    jnz 1b
    mov $32, %al
put:
    mov %edi, %edx
    and $0xffff, %edx
    mov %al, OUTPUT_RING(%rdx)
    inc %edi
    ret

syscall_trap:
upcall_program:
upcall_kernel:
    movq $0, ARG0
    out %al, $PANIC
digits: .ascii "0123456789abcdef"
counter: .quad 0
