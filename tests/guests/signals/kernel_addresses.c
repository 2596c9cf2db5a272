// Addresses of the upper half are no program's: SIGSEGV with MAPERR and the address, read, write or jump.
#include "guest.h"
#include <ucontext.h>
static volatile siginfo_t last;
static void fault(int number, siginfo_t *info, void *context)
{
    (void)number;
    ucontext_t *u = context;
    *(siginfo_t *)&last = *info;
    u->uc_mcontext.gregs[REG_RIP] = u->uc_mcontext.gregs[REG_RBX];
}
int main(void)
{
    struct sigaction action = {.sa_sigaction = fault, .sa_flags = SA_SIGINFO};
    sigaction(SIGSEGV, &action, 0);
    // The program's code shares the address space with the kernel's in the VM; which of these addresses are
    // mapped there is its own matter, so that only addresses that neither maps are compared.
    unsigned long addresses[] = {0xffff900000000000, 0xfffffffffffff000, 0xffffffffffffffff};
    for (size_t i = 0; i < COUNT(addresses); i++) {
        for (int how = 0; how < 2; how++) {
            memset((void *)&last, 0, sizeof last);
            if (how == 0)
                __asm__ volatile("lea 1f(%%rip), %%rbx\n mov (%%rax), %%cl\n1:" ::"a"(addresses[i]) : "rbx", "rcx");
            else
                __asm__ volatile("lea 1f(%%rip), %%rbx\n mov %%cl, (%%rax)\n1:" ::"a"(addresses[i]) : "rbx", "rcx");
            say("%lx %s: %s code %d, address right: %d", addresses[i], how ? "write" : "read",
                signal_name(last.si_signo), last.si_code, last.si_addr == (void *)addresses[i]);
        }
    }
    return 0;
}
