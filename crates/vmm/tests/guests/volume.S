# Maps the file "data" of volume 0 (two pages), prints its first byte, says that it is ready, waits for a signal, touches
# the second page and ends with the low byte of the host fault's page number in the volume window, plus 1.
.include "abi.inc"
.set VECTOR_HOST_FAULT, 257
header
.globl boot
boot:
    mov $0xffffffff80500000, %rsp
    # WALK
    movl $1, HOSTFS_REQUEST
    movl $0, HOSTFS_REQUEST + 4
    movq $4, HOSTFS_REQUEST + 24
    movl $0x61746164, HOSTFS_DATA
    out %al, $HOSTFS
    cmpq $1, RESULT
    check e, "WALK"
    # OPEN, read-only
    movl $3, HOSTFS_REQUEST
    movl $1, HOSTFS_REQUEST + 4
    movl $0, HOSTFS_REQUEST + 12
    out %al, $HOSTFS
    cmpq $0, RESULT
    check e, "OPEN"
    # MAP
    movl $17, HOSTFS_REQUEST
    movq $0, HOSTFS_REQUEST + 16
    movq $0x2000, HOSTFS_REQUEST + 24
    out %al, $HOSTFS
    cmpq $0, RESULT
    check e, "MAP"
    # 0x600000: a page table at guest-physical 0x602000 that shows the two pages.
    mov $0xffffffff80600000, %rdi
    movq $0x601007, (%rdi)
    movq $0x602007, 0x1018(%rdi)
    mov $0x4000000005, %rax
    mov %rax, 0x2000(%rdi)
    add $0x1000, %rax
    mov %rax, 0x2008(%rdi)
    movq $0x600007, 0xffffffff80001000
    movq $0x600007, 0xffffffff80002000
    mov 0x600000, %al
    mov %al, OUTPUT_RING
    movl $1, OUTPUT_HEAD
    out %al, $DOORBELL
    movq $0, ARG0
    out %al, $PROGRAM_STATE
again:
    mov SEQUENCE, %r14d
    xor %eax, %eax
    xchg %eax, EVENTS
    test $8, %eax
    jnz touch
    mov %r14, ARG0
    movq $-1, ARG1
    out %al, $WAIT
    jmp again
touch:
    mov 0x601000, %al
    lea text(%rip), %rsi
    mov $(text_end - text), %ecx
    jmp panic
syscall_trap:
upcall_program:
upcall_kernel:
    cmpq $VECTOR_HOST_FAULT, VECTOR
    check e, "not a host fault"
    mov ADDRESS, %rax
    shr $12, %rax
    movzbl %al, %eax
    inc %eax
    shl $8, %eax
    mov %rax, ARG0
    exit_vm
panic_code
text: .ascii "no fault"
text_end:
