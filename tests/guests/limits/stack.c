// RLIMIT_STACK lowered at run time bounds the main stack.
#include "guest.h"
#include <setjmp.h>
#include <sys/resource.h>
static sigjmp_buf back;
static char alternate[65536];
static volatile size_t depth;
static void fault(int number) { siglongjmp(back, number); }
#pragma GCC diagnostic ignored "-Winfinite-recursion"
static __attribute__((noinline)) int down(volatile char *p)
{
    volatile char frame[4000];
    frame[0] = p[0];
    depth += sizeof frame;
    return down(frame) + frame[1];
}
int main(void)
{
    stack_t stack = {.ss_sp = alternate, .ss_size = sizeof alternate};
    struct sigaction action = {.sa_handler = fault, .sa_flags = SA_ONSTACK};
    sigaltstack(&stack, 0);
    sigaction(SIGSEGV, &action, 0);
    struct rlimit l = {2 << 20, RLIM_INFINITY};
    getrlimit(RLIMIT_STACK, &l);
    l.rlim_cur = 2 << 20;
    MUST(setrlimit(RLIMIT_STACK, &l));
    char c = 0;
    int n = sigsetjmp(back, 1);
    if (!n)
        down(&c);
    say("%s, about 2 MiB: %d", signal_name(n), depth > 3 << 19 && depth < 5 << 19);
    return 0;
}
