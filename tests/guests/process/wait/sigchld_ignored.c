// SIGCHLD ignored, or SA_NOCLDWAIT: no zombies, wait blocks until all have ended and says ECHILD.
#include "process.h"
static volatile int count;
static void handler(int number) { (void)number; count++; }
int main(void)
{
    int64_t start = now_ms();
    handle(SIGCHLD, SIG_IGN, 0);
    pid_t child = CHILD(sleep_ms(30); _exit(1));
    RET(waitpid(child, NULL, 0));
    YES(now_ms() - start >= 29);
    RET(kill(child, 0));
    child = CHILD(_exit(1));
    RET(wait(NULL));
    handle(SIGCHLD, SIG_DFL, 0);
    child = CHILD(_exit(2));
    reap("default again", child);
    child = CHILD(_exit(3));
    settle_in(child, 'Z');
    handle(SIGCHLD, SIG_IGN, 0);
    RET(waitpid(child, NULL, WNOHANG) == child);
    handle(SIGCHLD, handler, SA_NOCLDWAIT | SA_RESTART);
    child = CHILD(_exit(4));
    RET(waitpid(child, NULL, 0));
    say("handled %d", count);
    handle(SIGCHLD, SIG_DFL, SA_NOCLDWAIT);
    child = CHILD(_exit(5));
    RET(waitpid(child, NULL, 0));
    handle(SIGCHLD, SIG_IGN, 0);
    pid_t stopped = CHILD(raise(SIGSTOP); _exit(6));
    RET(waitpid(stopped, NULL, WUNTRACED) == stopped);
    kill(stopped, SIGCONT);
    RET(waitpid(stopped, NULL, 0));
    return 0;
}
