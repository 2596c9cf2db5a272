// The alternate signal stack is the child's too, and a fork inside a handler on it returns there on both sides.
#include "process.h"
static char stack[65536];
static bool on_it(void)
{
    char here;
    return &here >= stack && &here < stack + sizeof stack;
}
static void handler(int number)
{
    say("%s on the alternate stack: %d", signal_name(number), on_it());
    if (number == SIGUSR1) {
        pid_t child = fork();
        if (!child) {
            say("child on the alternate stack: %d", on_it());
            return;
        }
        reap("child of the handler", child);
    }
}
int main(void)
{
    stack_t set = {.ss_sp = stack, .ss_size = sizeof stack}, now;
    pid_t me = getpid();
    sigaltstack(&set, NULL);
    handle(SIGUSR1, handler, SA_ONSTACK), handle(SIGUSR2, handler, SA_ONSTACK);
    reap("first child", CHILD({
        sigaltstack(NULL, &now);
        say("same: %d, flags %d", now.ss_sp == stack, now.ss_flags);
        raise(SIGUSR2);
    }));
    raise(SIGUSR1);
    if (getpid() != me) {
        sigset_t mask;
        sigprocmask(0, NULL, &mask);
        say("child back in main, on the stack: %d, USR1 blocked: %d", on_it(), sigismember(&mask, SIGUSR1));
        return 5;
    }
    say("parent back in main");
    return 0;
}
