# Forks COUNT times; a child ends at once with status 7 (after it has told the keeper). CASE:
# 0: the first process logs four hexadecimal numbers (ticks of the time stamp counter that the slowest FORK took, forks that
#    were refused, ticks of the fastest, children that were killed), waits for them all, and ends with 0.
# 1: children stay, and sleep for ever; the first logs the same, sleeps too, and a signal ends it with 3.
# 2: a child traces a line and forks in its turn, COUNT generations deep; the last one sends a signal to the first process; the first ends with 9
#    on the first notice.
# 3: children compute for ever.
# 4: as 0, but every parent and every child logs the time stamp counter when it goes on ("p" and "c"), one child after the other.
.include "abi.inc"
.set FORKS, 1
.ifndef COUNT
.set COUNT, 1
.endif
header
.set TRACE_RING, SHARED + 0x40000
.set TRACE_HEAD, CONSOLE + 48
.set TRACE_TAIL, CONSOLE + 52
.set TRACE_WAITS, CONSOLE + 56
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
    cmp least(%rip), %rax
    jae 1f
    mov %rax, least(%rip)
1:
    cmpq $0, RESULT
    jg 1f
    cmpq $-11, RESULT
    check e, "FORK failed, and not with EAGAIN"
    inc %r13
1:
.if CASE == 2
    jmp sleep
.endif
.if CASE == 4
    mov $'p', %eax
    call stamp
    jmp 2f
.endif
more:
    dec %r15d
    jnz fork
.if CASE == 0 || CASE == 4
2:  mov SEQUENCE, %ebp
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
    mov %rbp, ARG0
    movq $-1, ARG1
    out %al, $WAIT
    jmp 2b
4:  cmpq $7 << 8, REPLY + 64
    je 2b
    # Without means for its VM, a child is killed.
    cmpq $9, REPLY + 64
    check e, "a child's status"
    incq killed(%rip)
    jmp 2b
3:
.if CASE == 4
    cmp $1, %r15d
    ja more
.endif
    call report
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
.if CASE == 2
    movq $9 << 8, ARG0
    exit_vm
.else
    jmp sleep
.endif

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
    movq $0, ARG0
    out %al, $PROGRAM_STATE
    cmpq $-95, RESULT
    check e, "PROGRAM_STATE"
.if CASE == 1
    jmp sleep
.endif
.if CASE == 3
3:  jmp 3b
.endif
.if CASE == 2
    mov %rax, %r14
    # A line of trace.
    mov TRACE_HEAD, %ebp
    movzwl %bp, %edi
    movb $'t', TRACE_RING(%rdi)
    inc %ebp
    movzwl %bp, %edi
    movb $10, TRACE_RING(%rdi)
    inc %ebp
    mov %ebp, TRACE_HEAD
    cmpl $1, TRACE_WAITS
    check e, "nobody waits for the trace"
    out %al, $DOORBELL
    cmp TRACE_TAIL, %ebp
    check e, "the trace is not written"
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
.if CASE == 4
    mov $'c', %eax
    call stamp
.endif
    movl $OP_EXIT, REQUEST
    movq $7 << 8, ARGUMENTS
    out %al, $SESSION_CALL
    movq $7 << 8, ARG0
    exit_vm

# Logs al and the time stamp counter.
stamp:
    mov $LOG_TEXT, %rdi
    stosb
    mov $32, %al
    stosb
    rdtsc
    shl $32, %rdx
    lea (%rax, %rdx), %rbx
    call hex
    movq $18, ARG0
    out %al, $LOG
    ret

# The console belongs to the keeper now: the numbers go to the log.
report:
    mov $LOG_TEXT, %rdi
    mov %r12, %rbx
    call hex
    mov $32, %al
    stosb
    mov %r13, %rbx
    call hex
    mov $32, %al
    stosb
    mov least(%rip), %rbx
    call hex
    mov $32, %al
    stosb
    mov killed(%rip), %rbx
    call hex
    movq $67, ARG0
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
least: .quad -1
killed: .quad 0
first: .quad 0
