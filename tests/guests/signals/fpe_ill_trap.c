// SIGFPE, SIGILL and SIGTRAP with their codes, addresses and trap numbers.
// variants: static musl
// allow: int \$0x42: SIGSEGV.* => int \$0x42: SIGILL code 2 trap 6 .* : KVM without VT-x or SVM raises #UD for int n
// allow: int1: SIGTRAP code 1 .* => int1: SIGTRAP code 2 .* : an int1 looks like a single step to the VM
#include "guest.h"
#include <ucontext.h>
static volatile siginfo_t last;
static volatile greg_t trap_number;
static volatile long offset;
static void fault(int number, siginfo_t *info, void *context)
{
    (void)number;
    ucontext_t *u = context;
    *(siginfo_t *)&last = *info;
    trap_number = u->uc_mcontext.gregs[REG_TRAPNO];
    offset = info->si_addr ? u->uc_mcontext.gregs[REG_RIP] - (greg_t)info->si_addr : 0;
    u->uc_mcontext.gregs[REG_EFL] &= ~0x100ll; // trap flag
    u->uc_mcontext.gregs[REG_RIP] = u->uc_mcontext.gregs[REG_RBX];
    // Floating-point exceptions stay pending in the restored state otherwise.
    u->uc_mcontext.fpregs->mxcsr = 0x1f80;
    u->uc_mcontext.fpregs->swd = 0;
    u->uc_mcontext.fpregs->cwd = 0x37f;
}
#define FAULT(what, code)                                                                                       \
    do {                                                                                                        \
        memset((void *)&last, 0, sizeof last);                                                                  \
        __asm__ volatile("lea 1f(%%rip), %%rbx\n" code "\n1:\n" ::: "rax", "rbx", "rcx", "rdx", "memory");      \
        say("%s: %s code %d trap %ld rip - address %ld", what, signal_name(last.si_signo), last.si_code,        \
            (long)trap_number, (long)offset);                                                                   \
    } while (0)
static unsigned unmasked = 0x1f80 & ~0x200;
static unsigned invalid_unmasked = 0x1f80 & ~0x80;
static unsigned short x87_unmasked = 0x37f & ~4;
static unsigned short x87_stack = 0x37f & ~1;
int main(void)
{
    struct sigaction action = {.sa_sigaction = fault, .sa_flags = SA_SIGINFO};
    int signals[] = {SIGFPE, SIGILL, SIGTRAP, SIGSEGV};
    for (size_t i = 0; i < COUNT(signals); i++)
        sigaction(signals[i], &action, 0);
    FAULT("divide by zero", "xor %%ecx, %%ecx\n mov $1, %%eax\n cltd\n idiv %%ecx");
    FAULT("divide overflow", "mov $0x80000000, %%eax\n cltd\n mov $-1, %%ecx\n idiv %%ecx");
    __asm__ volatile("ldmxcsr %0" ::"m"(unmasked));
    FAULT("sse divide by zero", "xorps %%xmm1, %%xmm1\n mov $1, %%eax\n cvtsi2ss %%eax, %%xmm0\n divss %%xmm1, %%xmm0");
    __asm__ volatile("ldmxcsr %0" ::"m"(invalid_unmasked));
    FAULT("sse invalid", "xorps %%xmm1, %%xmm1\n divss %%xmm1, %%xmm1");
    __asm__ volatile("fldcw %0" ::"m"(x87_unmasked));
    FAULT("x87 divide by zero", "fld1\n fldz\n fdivrp\n fwait");
    __asm__ volatile("fninit\n fldcw %0" ::"m"(x87_stack));
    FAULT("x87 stack underflow", "fstp %%st(0)\n fwait");
    __asm__ volatile("fninit");
    FAULT("ud2", "ud2");
    FAULT("invalid opcode", ".byte 0x06");
    FAULT("int3", "int3");
    FAULT("int $3", ".byte 0xcd, 0x03");
    FAULT("int1", ".byte 0xf1");
    FAULT("single step", "pushf\n orl $0x100, (%%rsp)\n popf\n nop\n nop\n pushf\n andl $~0x100, (%%rsp)\n popf");
    FAULT("int $0x42", "int $0x42");
    return 0;
}
