# Exercises the contract of one VM: traps, system calls, kicks, timer, hypercalls, console. Ends with status 42.
.include "abi.inc"
header

.globl boot
boot:
    test %rsp, %rsp
    check e, "stack pointer is not zero at boot"
    mov $0xffffffff80500000, %rsp
    # A log line.
    lea message(%rip), %rsi
    mov $LOG_TEXT, %rdi
    mov $(message_end - message), %ecx
    mov %rcx, ARG0
    rep movsb
    out %al, $LOG
    # An exception inside the kernel: vector 6, behind which we go on.
    mov $6, %r12d
    ud2
    test %r12, %r12
    check e, "no upcall for an exception in the kernel"
    # int3 is a trap: RIP is behind it.
    mov $3, %r12d
    int3
    test %r12, %r12
    check e, "no upcall for int3 in the kernel"
    # Program code at 0x400000 (guest-physical 8 MiB).
    mov $0xffffffff80600000, %rdi
    movq $0x601007, (%rdi)
    movq $0x800087, 0x1010(%rdi)
    movq $0x600007, 0xffffffff80001000
    movq $0x600007, 0xffffffff80002000
    lea program(%rip), %rsi
    mov $0x400000, %edi
    mov $(program_end - program), %ecx
    rep movsb
    mov $0x500000, %esp
    mov $0x400000, %eax
    jmp *%rax

syscall_trap:
    cmp $0x1234, %eax
    check e, "registers changed by a system call trap"
    cmp $0x400000 + (after_syscall - program), %rcx
    check e, "wrong return address after a system call trap"
    cmp $0x500000, %rsp
    check e, "stack pointer changed by a system call trap"
    mov $0x4321, %eax
    jmp *%rcx

# r12: expected vector, cleared when it came. Faults are two bytes long here.
upcall_kernel:
    cmp %r12, VECTOR
    check e, "unexpected upcall in the kernel"
    mov UPCALL_RIP, %r11
    mov $2, %r10d
    cmp $6, %r12d
    jne 1f
    add %r10, %r11
1:  xor %r12d, %r12d
    jmp *%r11

upcall_program:
    cmp %r12, VECTOR
    check e, "unexpected upcall in the program"
    cmp $0x500000, %rsp
    check e, "stack pointer changed by an upcall"
    mov UPCALL_RIP, %r11
    cmp $256, %r12d
    je 1f
    mov ADDRESS, %r13
    add $2, %r11
    jmp 2f
1:  xor %eax, %eax
    xchg %eax, EVENTS
    mov %eax, %r13d
2:  xor %r12d, %r12d
    jmp *%r11

program:
    mov $0x1234, %eax
    mov $0x77, %r12d
    movq %r12, %xmm15
    mov $0x12345000, %rax
    wrfsbase %rax
    mov $0x1234, %eax
    syscall
after_syscall:
    cmp $0x4321, %eax
    jne bad
    # A timer interrupts a loop.
    mov $256, %r12d
    movq $1, ARG0
    out %al, $SET_TIMER
1:  pause
    test %r12, %r12
    jne 1b
    cmp $1, %r13d
    jne bad
    # A page fault.
    mov $14, %r12d
    mov $0x1000, %esi
    mov (%rsi), %eax
    test %r12, %r12
    jne bad
    cmp $0x1000, %r13
    jne bad
    # Forbidden ports.
    mov $13, %r12d
    out %al, $0x4e
    test %r12, %r12
    jne bad
    mov $13, %r12d
    in $0x20, %al
    test %r12, %r12
    jne bad
    # A changed mapping is seen after a flush: 0x600000 shows 2 MiB at 10 MiB, then at 12 MiB.
    mov $0xffffffff80601000, %rdi
    movq $0xa00087, 0x18(%rdi)
    movq $1, 0x600000
    movq $0xc00087, 0x18(%rdi)
    out %al, $FLUSH_TLB
    cmpq $0, 0x600000
    jne bad
    movq $0xa00087, 0x18(%rdi)
    out %al, $FLUSH_TLB
    cmpq $1, 0x600000
    jne bad
    # Given back, it reads as zero.
    movq $0xa00000, ARG0
    movq $0x200000, ARG1
    out %al, $RELEASE_RAM
    cmpq $0, RESULT
    jne bad
    cmpq $0, 0x600000
    jne bad
    # More RAM, and too much.
    movq $0x2000001, ARG0
    out %al, $GROW_RAM
    cmpq $0x4000000, RESULT
    jne bad
    movq $0x3e00087, 0x18(%rdi)
    out %al, $FLUSH_TLB
    movq $5, 0x600000
    movq $0x40000001, ARG0
    out %al, $GROW_RAM
    cmpq $-12, RESULT
    jne bad
    # Waiting for the past.
    mov SEQUENCE, %eax
    mov %rax, ARG0
    movq $1, ARG1
    out %al, $WAIT
    # Waiting for the timer, 3 ms from now. It may also come as a kick before the wait.
    mov SEQUENCE, %eax
    mov $256, %r12d
    mov MONOTONIC_FRACTION, %rcx
    shr $32, %rcx
    imul $1000000000, MONOTONIC_SECONDS, %rdi
    lea 3000000(%rcx, %rdi), %rcx
    mov %rcx, ARG0
    out %al, $SET_TIMER
    mov %rax, ARG0
    movq $-1, ARG1
    out %al, $WAIT
    cmp SEQUENCE, %eax
    je bad
    xor %eax, %eax
    xchg %eax, EVENTS
    # State that must have survived all this.
    rdfsbase %rax
    cmp $0x12345000, %rax
    jne bad
    movq %xmm15, %rax
    cmp $0x77, %rax
    jne bad
    # Output.
    mov $0x20206968, %eax
    mov %eax, OUTPUT_RING
    movb $10, OUTPUT_RING + 2
    movl $3, OUTPUT_HEAD
    out %al, $DOORBELL
    movq $(42 << 8), ARG0
    exit_vm
bad:
    movq $(1 << 8), ARG0
    mov $0, %eax
    exit_vm
program_end:

panic_code
message: .ascii "contract guest"
message_end:
