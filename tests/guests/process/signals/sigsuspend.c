// sigsuspend, pause and sigtimedwait end by a signal of another process.
#include "process.h"
static volatile int got;
static void handler(int number) { got = number; }
int main(void)
{
    pid_t me = getpid();
    sigset_t set, none;
    siginfo_t info;
    sigemptyset(&none), sigemptyset(&set), sigaddset(&set, SIGUSR1), sigprocmask(SIG_BLOCK, &set, NULL);
    handle(SIGUSR1, handler, 0), handle(SIGUSR2, handler, 0);
    pid_t child = CHILD(settle(me); kill(me, SIGUSR1));
    RET(sigsuspend(&none));
    say("%s", signal_name(got));
    reap("child", child);
    child = CHILD(settle(me); sleep_ms(10); kill(me, SIGUSR2));
    RET(pause());
    say("%s", signal_name(got));
    reap("child", child);
    child = CHILD(settle(me); kill(me, SIGUSR1));
    RET(sigtimedwait(&set, &info, &(struct timespec){5, 0}));
    YES(info.si_pid == child && info.si_code == SI_USER);
    reap("child", child);
    RET(sigtimedwait(&set, &info, &(struct timespec){0, 1000000}));
    return 0;
}
