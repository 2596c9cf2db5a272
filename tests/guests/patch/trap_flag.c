// Single-stepping over a system call: one trap behind it.
// allow: steps .* => steps .* : a patched site is stepped through instruction by instruction
#include "guest.h"
#include <ucontext.h>
static volatile long steps;
static void handler(int number, siginfo_t *info, void *context)
{
    (void)number, (void)info, (void)context;
    steps++;
}
int main(void)
{
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    sigaction(SIGTRAP, &action, 0);
    long r;
    for (int i = 0; i < 3; i++) {
        steps = 0;
        __asm__ volatile("pushf\norl $0x100, (%%rsp)\npopf\nmov $39, %%eax\nsyscall\nmov %%rax, %%rdx\npushf\nandl $~0x100, (%%rsp)\npopf\n"
                         : "=d"(r)::"rax", "rcx", "r11", "memory", "cc");
        say("steps %ld", steps);
        say("result right: %d", r == getpid());
    }
    return 0;
}
