// fork in a signal handler: both return from it to the interrupted code, with its mask.
#include "process.h"
static volatile pid_t child = -1;
static void handler(int number) { (void)number; child = fork(); }
int main(void)
{
    handle(SIGUSR1, handler, 0);
    raise(SIGUSR1);
    sigset_t mask;
    sigprocmask(0, NULL, &mask);
    if (child == 0) {
        say("child is back, USR1 blocked: %d", sigismember(&mask, SIGUSR1));
        handle(SIGUSR1, SIG_DFL, 0);
        raise(SIGUSR1);
    }
    reap("child", child);
    say("parent is back, USR1 blocked: %d", sigismember(&mask, SIGUSR1));
    return 0;
}
