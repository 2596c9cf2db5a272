# Breaks the contract in the way that the symbol CASE names (set when assembling).
.include "abi.inc"
header
.globl boot
boot:
    mov $0xffffffff80500000, %rsp
.if CASE == 1                   # an output index that cannot be
    movl $0x7fffffff, OUTPUT_HEAD
    out %al, $DOORBELL
.elseif CASE == 2               # an input index that cannot be, with input wanted
    movl $0x7fffffff, INPUT_TAIL
    movl $1, INPUT_WANTED
    out %al, $DOORBELL
.elseif CASE == 3               # nothing behind a guest-physical address
    mov $0xffffffff80006000, %rdi
    mov $0x3000000087, %rax
    mov %rax, 0x100(%rdi)
    mov 0xffffffff84000000, %eax
.elseif CASE == 4               # no way to deliver an exception: the descriptor tables are gone
    mov $0xffffffff80008000, %rdi
    mov $0x400, %ecx
    xor %eax, %eax
    rep stosq
    ud2
.elseif CASE == 5               # page tables full of garbage
    mov $0xffffffff80001000, %rdi
    mov $0xdeadbeef, %eax
    mov $0x3800, %ecx
    rep stosw
    out %al, $FLUSH_TLB
.elseif CASE == 6               # all hypercalls that return, with garbage
    mov $1, %rbx
1:  mov $6, %ecx
    mov $ARG0, %rdi
2:  imul $0x5851f42d4c957f2d & 0x7fffffff, %rbx, %rbx
    inc %rbx
    mov %rbx, %rax
    shr $7, %rax
    mov %rax, (%rdi)
    add $8, %rdi
    dec %ecx
    jnz 2b
    out %al, $FLUSH_TLB
    out %al, $SET_TIMER
    out %al, $GROW_RAM
    movq $0, ARG0
    out %al, $PROGRAM_STATE
    out %al, $HOSTFS
    out %al, $0x8a
    mov %rbx, ARG0
    out %al, $RELEASE_RAM
    inc %r15d
    cmp $200, %r15d
    jb 1b
    movq $(7 << 8), ARG0
    exit_vm
.elseif CASE == 7               # a message longer than there is room, with terminal commands
    movl $0x305b1b, LOG_TEXT
    movq $-1, ARG0
    out %al, $PANIC
.elseif CASE == 8               # the stub of the page fault at the program's own hand
    mov $0x4e, %edx
    out %al, %dx
.endif
1:  pause
    jmp 1b
syscall_trap:
upcall_program:
upcall_kernel:
    movq $0, ARG0
    out %al, $PANIC
