// Two processes that signal each other 500 times: sigwait on both sides, nothing is lost.
// variants: static musl
#include "process.h"
int main(void)
{
    sigset_t set;
    int number, count = 0;
    sigemptyset(&set), sigaddset(&set, SIGUSR1), sigaddset(&set, SIGUSR2);
    sigprocmask(SIG_BLOCK, &set, NULL);
    pid_t me = getpid();
    pid_t child = CHILD({
        for (int i = 0; i < 500; i++) {
            sigwait(&set, &number);
            kill(me, SIGUSR2);
        }
    });
    for (int i = 0; i < 500; i++) {
        kill(child, SIGUSR1);
        sigwait(&set, &number);
        count += number == SIGUSR2;
    }
    say("%d", count);
    reap("child", child);
    return 0;
}
