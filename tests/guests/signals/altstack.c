// sigaltstack: where handlers run, nesting, flags, errors.
// variants: static musl
#include "guest.h"
static char stack[65536], other[65536];
static bool on(char *base, size_t size)
{
    char here;
    return &here >= base && &here < base + size;
}
static void inner(int number)
{
    (void)number;
    say("inner handler on alternate stack: %s", on(stack, sizeof stack) ? "yes" : "no");
}
static void handler(int number, siginfo_t *info, void *context)
{
    (void)info, (void)context;
    stack_t now, set = {.ss_sp = other, .ss_size = sizeof other};
    sigaltstack(0, &now);
    say("%s on alternate stack: %s, flags %d, same: %d", signal_name(number), on(stack, sizeof stack) ? "yes" : "no",
        now.ss_flags, now.ss_sp == stack && now.ss_size == sizeof stack);
    if (number == SIGUSR1) {
        RET(sigaltstack(&set, 0));
        raise(SIGUSR2);
    }
}
static void *thread(void *unused)
{
    (void)unused;
    stack_t now;
    sigaltstack(0, &now);
    say("new thread: flags %d", now.ss_flags);
    return NULL;
}
int main(void)
{
    stack_t now, set = {.ss_sp = stack, .ss_size = sizeof stack};
    RET(sigaltstack(0, &now));
    say("flags at start %d", now.ss_flags);
    RET(sigaltstack(&set, 0));
    RET(sigaltstack(0, &now));
    say("flags %d, same: %d", now.ss_flags, now.ss_sp == stack && now.ss_size == sizeof stack);
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigaction(SIGUSR1, &action, 0);
    action.sa_handler = inner, action.sa_flags = SA_ONSTACK;
    sigaction(SIGUSR2, &action, 0);
    raise(SIGUSR1);
    action.sa_sigaction = handler, action.sa_flags = SA_SIGINFO;
    sigaction(SIGTERM, &action, 0);
    raise(SIGTERM);
    pthread_t t;
    pthread_create(&t, 0, thread, 0);
    pthread_join(t, 0);
    stack_t small = {.ss_sp = stack, .ss_size = 2047};
    RET(sigaltstack(&small, 0));
    stack_t bad = {.ss_sp = stack, .ss_size = sizeof stack, .ss_flags = 8};
    RET(sigaltstack(&bad, 0));
    RET(syscall(SYS_sigaltstack, 8, 0));
    RET(syscall(SYS_sigaltstack, 0, 8));
    stack_t off = {.ss_flags = SS_DISABLE};
    RET(sigaltstack(&off, &now));
    RET(sigaltstack(0, &now));
    say("disabled: flags %d sp %p size %zu", now.ss_flags, now.ss_sp, now.ss_size);
    action.sa_sigaction = handler, action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigaction(SIGTERM, &action, 0);
    raise(SIGTERM);
    // SS_AUTODISARM: disarmed inside the handler, armed after.
    stack_t disarm = {.ss_sp = stack, .ss_size = sizeof stack, .ss_flags = (int)(1u << 31)};
    RET(sigaltstack(&disarm, 0));
    raise(SIGTERM);
    sigaltstack(0, &now);
    say("armed again: %x %d", (unsigned)now.ss_flags, now.ss_sp == stack);
    return 0;
}
