// siginfo and context of memory faults: code, address, error code bits, trap number, resuming elsewhere.
// variants: static musl
// allow: write read-only, never touched: (.*) error 6, (.*) => write read-only, never touched: (.*) error 7, (.*) : the page of zeros may be mapped ahead
#include "guest.h"
#include <ucontext.h>
static volatile siginfo_t last;
static volatile greg_t trap_number, error_code, fault_address;
static unsigned char *page;
static volatile char target;
static volatile int fix;
static void fault(int number, siginfo_t *info, void *context)
{
    (void)number;
    ucontext_t *u = context;
    *(siginfo_t *)&last = *info;
    trap_number = u->uc_mcontext.gregs[REG_TRAPNO];
    error_code = u->uc_mcontext.gregs[REG_ERR];
    fault_address = u->uc_mcontext.gregs[REG_CR2];
    if (fix)
        mprotect(page, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC);
    else
        u->uc_mcontext.gregs[REG_RIP] = u->uc_mcontext.gregs[REG_RBX];
}
#define FAULT(what, address, code)                                                                          \
    do {                                                                                                    \
        void *a_ = (void *)(address);                                                                       \
        memset((void *)&last, 0, sizeof last);                                                              \
        fault_address = -1;                                                                                 \
        __asm__ volatile("lea 1f(%%rip), %%rbx\n" code "\n1:\n" ::"a"(a_) : "rbx", "rcx", "memory", "cc");  \
        say("%s: %s code %d trap %ld error %ld, si_addr %s, cr2 %s", what, signal_name(last.si_signo),      \
            last.si_code, (long)trap_number, (long)error_code,                                              \
            last.si_addr == a_ ? "is the address" : last.si_addr ? "is another" : "is 0",                   \
            fault_address == (greg_t)a_ ? "is the address" : "is another");                                 \
    } while (0)
int main(void)
{
    struct sigaction action = {.sa_sigaction = fault, .sa_flags = SA_SIGINFO};
    sigaction(SIGSEGV, &action, 0);
    sigaction(SIGBUS, &action, 0);
    page = mmap(0, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(page + PAGE, PAGE);
    FAULT("read null", 0, "mov (%%rax), %%cl");
    FAULT("write null", 0, "mov %%cl, (%%rax)");
    FAULT("read 4095", 4095, "mov (%%rax), %%cl");
    FAULT("read unmapped", page + PAGE + 77, "mov (%%rax), %%cl");
    FAULT("write unmapped", page + PAGE + 4000, "mov %%cl, (%%rax)");
    FAULT("jump unmapped", page + PAGE + 5, "jmp *%%rax");
    FAULT("jump null", 0, "jmp *%%rax");
    mprotect(page, PAGE, PROT_READ);
    FAULT("write read-only, never touched", page + 100, "mov %%cl, (%%rax)");
    target = page[100];
    FAULT("write read-only, touched", page + 100, "mov %%cl, (%%rax)");
    FAULT("execute", page + 100, "jmp *%%rax");
    mprotect(page, PAGE, PROT_NONE);
    FAULT("read none", page + 1, "mov (%%rax), %%cl");
    FAULT("write none", page + 2, "mov %%cl, (%%rax)");
    mprotect(page, PAGE, PROT_READ | PROT_WRITE);
    page[0] = 1;
    mprotect(page, PAGE, PROT_NONE);
    FAULT("read none that has a page", page + 1, "mov (%%rax), %%cl");
    fix = 1;
    page[9] = 7;
    fix = 0;
    say("instruction done again after the handler made the page writable: %d", page[9]);
    return 0;
}
