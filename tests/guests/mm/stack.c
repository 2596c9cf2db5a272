// The main stack grows on its own to its limit; behind it is SIGSEGV on the alternate stack; thread stacks have guards.
// variants: static musl
#include "guest.h"
#include <setjmp.h>
#include <sys/resource.h>
static sigjmp_buf back;
static siginfo_t last;
static char alternate[65536];
static volatile size_t depth;
static void fault(int number, siginfo_t *info, void *context)
{
    (void)number, (void)context;
    last = *info;
    siglongjmp(back, 1);
}
static __attribute__((noinline)) int down(size_t left)
{
    volatile char frame[4000];
    frame[0] = (char)left, frame[3999] = 1;
    depth += sizeof frame;
    return left ? down(left - 1) + frame[0] + frame[3999] : frame[3999];
}
static void *thread(void *unused)
{
    (void)unused;
    stack_t stack = {.ss_sp = malloc(32768), .ss_size = 32768};
    sigaltstack(&stack, 0);
    depth = 0;
    if (sigsetjmp(back, 1) == 0)
        down(1 << 20);
    say("thread: %s, code in range %d, went at least 200 KiB: %s", signal_name(last.si_signo),
        last.si_code == SEGV_ACCERR || last.si_code == SEGV_MAPERR, depth > 200 << 10 ? "yes" : "no");
    return NULL;
}
int main(void)
{
    struct rlimit limit;
    getrlimit(RLIMIT_STACK, &limit);
    say("limit %ld KiB", (long)(limit.rlim_cur >> 10));
    stack_t stack = {.ss_sp = alternate, .ss_size = sizeof alternate};
    struct sigaction action = {.sa_sigaction = fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigaltstack(&stack, 0);
    sigaction(SIGSEGV, &action, 0);
    sigaction(SIGBUS, &action, 0);
    down(1500);
    say("grew to %zu bytes", depth);
    // Far below the stack pointer is fine too, as long as it is within the limit.
    volatile char *here = (volatile char *)__builtin_frame_address(0);
    here[-7000000] = 3;
    say("far below: %d", here[-7000000]);
    depth = 0;
    if (sigsetjmp(back, 1) == 0)
        down(1 << 20);
    say("overflow: %s, code MAPERR %d, within limits: %s", signal_name(last.si_signo), last.si_code == SEGV_MAPERR,
        depth > 7 << 20 && depth < 9 << 20 ? "yes" : "no");
    // And once more: the handler's stack is usable again.
    depth = 0;
    if (sigsetjmp(back, 1) == 0)
        down(1 << 20);
    say("again: %s", signal_name(last.si_signo));
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 256 << 10);
    pthread_attr_setguardsize(&attributes, 4096);
    pthread_t t;
    pthread_create(&t, &attributes, thread, 0);
    pthread_join(t, 0);
    return 0;
}
