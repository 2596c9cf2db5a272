# Copies standard input to standard output, byte by byte. Status 0 at end of file, the error number when the output is gone.
.include "abi.inc"
.set OUTPUT_PRODUCER_WAITS, OUTPUT_HEAD + 12
.set OUTPUT_CLOSED, INPUT_WANTED + 8
header
.globl boot
boot:
    mov $0xffffffff80500000, %rsp
    xor %r8d, %r8d              # input consumed
    xor %r9d, %r9d              # output produced
next:
    cmpl $0, OUTPUT_CLOSED
    jne gone
    mov INPUT_HEAD, %eax
    cmp %r8d, %eax
    jne copy
    call flush
    cmpl $0, INPUT_ENDED
    jne ended
    mov SEQUENCE, %r14d
    xor %eax, %eax
    xchg %eax, EVENTS
    movl $1, INPUT_WANTED
    out %al, $DOORBELL
    mov INPUT_HEAD, %eax
    cmp %r8d, %eax
    jne next
    cmpl $0, INPUT_ENDED
    jne next
    mov %r14, ARG0
    movq $-1, ARG1
    out %al, $WAIT
    jmp next
copy:
    mov %r9d, %eax
    sub OUTPUT_TAIL, %eax
    cmp $0x10000, %eax
    jae full
    mov %r8d, %eax
    movzwl %ax, %eax
    mov INPUT_RING(%rax), %dl
    mov %r9d, %eax
    movzwl %ax, %eax
    mov %dl, OUTPUT_RING(%rax)
    inc %r8d
    inc %r9d
    mov %r8d, INPUT_TAIL
    jmp next
full:
    call flush
    mov SEQUENCE, %r14d
    xor %eax, %eax
    xchg %eax, EVENTS
    mov $1, %eax
    xchg %eax, OUTPUT_PRODUCER_WAITS
    mov %r9d, %eax
    sub OUTPUT_TAIL, %eax
    cmp $0x10000, %eax
    jb next
    mov %r14, ARG0
    movq $-1, ARG1
    out %al, $WAIT
    jmp next
flush:
    mov %r9d, OUTPUT_HEAD
    mfence
    xor %eax, %eax
    xchg %eax, OUTPUT_WAITS
    test %eax, %eax
    jz 1f
    out %al, $DOORBELL
1:  ret
ended:
    movq $0, ARG0
    exit_vm
gone:
    mov OUTPUT_CLOSED, %eax
    shl $8, %eax
    mov %rax, ARG0
    exit_vm
syscall_trap:
upcall_program:
upcall_kernel:
    movq $0, ARG0
    out %al, $PANIC
