# Forks COUNT times; a child ends at once with status 7 (after it has told the keeper). CASE:
# 0: the first process prints "ticks refused\n" in hexadecimal (time stamp counter's ticks that the slowest FORK took, forks that
#    were refused), waits for them all, and ends with 0.
# 1: children stay, and sleep for ever; the first prints the same, sleeps too, and a signal ends it with 3.
# 2: a child forks in its turn, COUNT generations deep; the last one sends a signal to the first process; the first ends with 9
#    on the first notice.
# 3: children compute for ever.
.include "abi.inc"
.set FORKS, 1
.ifndef COUNT
.set COUNT, 1
.endif
header
.set OP_FORK, 0x100
.set OP_EXIT, 0x101
.set OP_WAIT, 0x102
.set OP_KILL, 0x103
.set WEXITED, 4
.set ECHILD, 10
.set ARGUMENTS, REQUEST + 24
.globl boot
boot:
    mov $0xffffffff80500000, %rsp
    out %al, $SESSION_OPEN
    cmpq $0, RESULT
    check e, "SESSION_OPEN"
    cmpl $0, NOTICE_HEAD
    check e, "the channel is not new"
    xor %r12d, %r12d
    xor %r13d, %r13d
    mov $COUNT, %r15d
    mov GENERATION, %r14
    mov PID, %rax
    mov %rax, first(%rip)
fork:
    mov %r15, depth(%rip)
    mov %r14, generation(%rip)
    movl $OP_FORK, REQUEST
    movq $17, ARGUMENTS
    movq $0, ARGUMENTS + 8
    movq $0, ARGUMENTS + 16
    # A value that the child must find as it was.
    movq $0x1234, witness(%rip)
    rdtsc
    shl $32, %rdx
    lea (%rax, %rdx), %rbx
    out %al, $FORK
    movq $0x5678, witness(%rip)
    rdtsc
    shl $32, %rdx
    or %rdx, %rax
    sub %rbx, %rax
    cmp %r12, %rax
    cmova %rax, %r12
    cmpq $0, RESULT
    jg 1f
    cmpq $-11, RESULT
    check e, "FORK failed, and not with EAGAIN"
    inc %r13
1:
.if CASE == 2
    jmp sleep
.endif
    dec %r15d
    jnz fork
.if CASE == 0
2:  mov SEQUENCE, %r14d
    xor %eax, %eax
    xchg %eax, EVENTS
    mov NOTICE_HEAD, %eax
    mov %eax, NOTICE_TAIL
    movl $OP_WAIT, REQUEST
    movq $0, ARGUMENTS
    movq $0, ARGUMENTS + 8
    movq $WEXITED, ARGUMENTS + 16
    out %al, $SESSION_CALL
    cmpq $0, RESULT
    check e, "SESSION_CALL"
    cmpq $-ECHILD, REPLY
    je 3f
    cmpq $0, REPLY
    check ge, "WAIT"
    jne 4f
    mov %r14, ARG0
    movq $-1, ARG1
    out %al, $WAIT
    jmp 2b
4:  cmpq $7 << 8, REPLY + 64
    check e, "a child's status"
    jmp 2b
3:  call report
    movq $0, ARG0
    exit_vm
.endif
.if CASE == 1 || CASE == 3
    call report
    movq $0, ARG0
    out %al, $PROGRAM_STATE
.endif
sleep:
    mov SEQUENCE, %r14d
    xor %eax, %eax
    xchg %eax, EVENTS
    test $64, %eax
    jnz notice
    test $8, %eax
    jnz signalled
    mov %r14, ARG0
    movq $-1, ARG1
    out %al, $WAIT
    jmp sleep
signalled:
    movq $3 << 8, ARG0
    exit_vm
notice:
    mov NOTICE_HEAD, %eax
    cmp NOTICE_TAIL, %eax
    check ne, "no notice"
    mov %eax, NOTICE_TAIL
    movq $9 << 8, ARG0
    exit_vm

forked:
    mov $0xffffffff80500000, %rsp
    cmpq $0x1234, witness(%rip)
    check e, "the parent ran before it was copied"
    mov generation(%rip), %rax
    inc %rax
    cmp %rax, GENERATION
    check e, "generation"
    mov PID, %rcx
    cmp first(%rip), %rcx
    check ne, "pid"
    cmpl $0, EVENTS
    check e, "events of the parent's"
    cmpl $0, NOTICE_HEAD
    check e, "the channel is not the child's"
.if CASE == 1
    jmp sleep
.endif
.if CASE == 3
3:  jmp 3b
.endif
.if CASE == 2
    mov %rax, %r14
    mov depth(%rip), %r15
    dec %r15
    jnz fork
    movl $OP_KILL, REQUEST
    mov first(%rip), %rax
    mov %rax, ARGUMENTS
    movq $0, ARGUMENTS + 8
    movq $10, ARGUMENTS + 16
    out %al, $SESSION_CALL
    cmpq $0, REPLY
    check e, "KILL"
    jmp sleep
.endif
    movl $OP_EXIT, REQUEST
    movq $7 << 8, ARGUMENTS
    out %al, $SESSION_CALL
    movq $7 << 8, ARG0
    exit_vm

# The console belongs to the keeper now: the numbers go to the log.
report:
    mov $LOG_TEXT, %rdi
    mov %r12, %rbx
    call hex
    mov $32, %al
    stosb
    mov %r13, %rbx
    call hex
    movq $33, ARG0
    out %al, $LOG
    ret
hex:
    mov $16, %ecx
1:  rol $4, %rbx
    mov %ebx, %eax
    and $15, %eax
    lea digits(%rip), %rdx
    mov (%rdx, %rax), %al
    stosb
    dec %ecx
    jnz 1b
    ret

syscall_trap:
upcall_program:
upcall_kernel:
    mov ADDRESS, %rax
    lea text(%rip), %rsi
    mov $(text_end - text), %ecx
    jmp panic
panic_code
text: .ascii "a trap"
text_end:
digits: .ascii "0123456789abcdef"
    .balign 8
witness: .quad 0
generation: .quad 0
depth: .quad 0
first: .quad 0
