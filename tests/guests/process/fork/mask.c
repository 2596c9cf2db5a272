// The signal mask is copied; pending signals are not, neither the process's nor the thread's.
// variants: static musl
#include "process.h"
static void show(const char *who)
{
    sigset_t mask, pending;
    sigprocmask(0, NULL, &mask), sigpending(&pending);
    say("%s: blocked %d %d %d, pending %d %d %d", who, sigismember(&mask, SIGUSR1), sigismember(&mask, SIGUSR2), sigismember(&mask, SIGRTMIN),
        sigismember(&pending, SIGUSR1), sigismember(&pending, SIGUSR2), sigismember(&pending, SIGRTMIN));
}
int main(void)
{
    sigset_t set;
    sigemptyset(&set), sigaddset(&set, SIGUSR1), sigaddset(&set, SIGRTMIN);
    sigprocmask(SIG_BLOCK, &set, NULL);
    kill(getpid(), SIGUSR1), raise(SIGRTMIN), raise(SIGRTMIN);
    show("before");
    gate done = new_gate();
    pid_t child = CHILD({
        show("child");
        sigprocmask(SIG_UNBLOCK, &set, NULL);
        show("child lives on");
        sigaddset(&set, SIGUSR2), sigprocmask(SIG_SETMASK, &set, NULL);
        raise(SIGUSR2);
        show("child");
        pass(done);
    });
    await(done);
    show("parent");
    reap("child", child);
    return 0;
}
