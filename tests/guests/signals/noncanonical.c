// General protection faults: address 0, code SI_KERNEL.
#include "guest.h"
#include <ucontext.h>
static volatile siginfo_t last;
static volatile greg_t trap_number, error_code;
static void fault(int number, siginfo_t *info, void *context)
{
    (void)number;
    ucontext_t *u = context;
    *(siginfo_t *)&last = *info;
    trap_number = u->uc_mcontext.gregs[REG_TRAPNO];
    error_code = u->uc_mcontext.gregs[REG_ERR];
    u->uc_mcontext.gregs[REG_RIP] = u->uc_mcontext.gregs[REG_RBX];
}
#define FAULT(what, address, code)                                                                                  \
    do {                                                                                                            \
        memset((void *)&last, 0, sizeof last);                                                                      \
        __asm__ volatile("lea 1f(%%rip), %%rbx\n" code "\n1:\n" ::"a"(address) : "rbx", "rcx", "rdx", "memory");    \
        say("%s: %s code %d trap %ld error %ld address %p", what, signal_name(last.si_signo), last.si_code,         \
            (long)trap_number, (long)error_code, last.si_addr);                                                     \
    } while (0)
int main(void)
{
    struct sigaction action = {.sa_sigaction = fault, .sa_flags = SA_SIGINFO};
    sigaction(SIGSEGV, &action, 0);
    sigaction(SIGBUS, &action, 0);
    sigaction(SIGILL, &action, 0);
    FAULT("read noncanonical", 0x8000000000001234, "mov (%%rax), %%cl");
    FAULT("write noncanonical", 0x7000000000000000, "mov %%cl, (%%rax)");
    FAULT("jump noncanonical", 0x8000000000000000, "jmp *%%rax");
    FAULT("stack noncanonical", 0x8000000000000000, "mov %%rsp, %%rdx\n mov %%rax, %%rsp\n push %%rax\n1: mov %%rdx, %%rsp\n");
    FAULT("hlt", 0, "hlt");
    FAULT("cli", 0, "mov $0, %%ecx\n rdmsr");
    FAULT("mov to cr3", 0, "mov %%rax, %%cr3");
    FAULT("lidt", 0, "lidt (%%rsp)");
    FAULT("wbinvd", 0, "wbinvd");
    static char bytes[64] __attribute__((aligned(64)));
    FAULT("unaligned movaps", bytes + 1, "movaps (%%rax), %%xmm0");
    FAULT("first noncanonical", 0x0000800000000000, "mov (%%rax), %%cl");
    return 0;
}
