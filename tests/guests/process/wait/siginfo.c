// What SIGCHLD brings: code, status, pid and user of a child that exits, is killed, stopped and continued.
#include "process.h"
static volatile siginfo_t last;
static volatile int count;
static pid_t child;
static void handler(int number, siginfo_t *info, void *context)
{
    (void)number, (void)context;
    last = *info;
    count++;
}
static void next(const char *what)
{
    static int seen;
    while (count == seen)
        sleep_ms(1);
    seen = count;
    say("%s: signal %d, errno %d, code %d, status %d, uid %d, pid right %d", what, last.si_signo, last.si_errno, last.si_code, last.si_status, last.si_uid,
        last.si_pid == child);
}
int main(void)
{
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_RESTART};
    sigaction(SIGCHLD, &action, NULL);
    child = CHILD(_exit(7));
    next("exit");
    waitpid(child, NULL, 0);
    gate go = new_gate();
    child = CHILD(setresuid(55, 55, 55); pass(go); for (;;) pause());
    await(go);
    kill(child, SIGSTOP);
    next("stop");
    kill(child, SIGCONT);
    next("continue");
    kill(child, SIGUSR1);
    next("kill");
    waitpid(child, NULL, 0);
    child = CHILD(raise(SIGSEGV));
    next("fault");
    waitpid(child, NULL, 0);
    // Blocked, it is merged; sigtimedwait takes it.
    sigset_t set;
    sigemptyset(&set), sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    pid_t one = CHILD(_exit(1)), two = CHILD(_exit(2));
    settle_in(one, 'Z'), settle_in(two, 'Z');
    siginfo_t info;
    RET(sigwaitinfo(&set, &info));
    YES(info.si_pid == one || info.si_pid == two);
    RET(sigtimedwait(&set, &info, &(struct timespec){0, 0}));
    reap("one", one), reap("two", two);
    return 0;
}
