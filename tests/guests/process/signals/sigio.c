// F_SETOWN to a child or a group: SIGIO when data comes to a pipe that they share.
#include "process.h"
static volatile int got;
static void handler(int number) { (void)number; got++; }
int main(void)
{
    int fd[2];
    gate ready = new_gate();
    pipe(fd);
    pid_t child = CHILD({
        handle(SIGIO, handler, 0);
        sigset_t set, old;
        sigemptyset(&set), sigaddset(&set, SIGIO), sigprocmask(SIG_BLOCK, &set, &old);
        pass(ready);
        while (!got)
            sigsuspend(&old);
        say("child: %d", got);
    });
    await(ready);
    RET(fcntl(fd[0], F_SETOWN, child));
    RET(fcntl(fd[0], F_SETFL, O_ASYNC));
    RET(fcntl(fd[0], F_GETOWN) == child);
    write(fd[1], "x", 1);
    reap("child", child);
    RET(fcntl(fd[0], F_SETOWN, -getpgrp()));
    RET(fcntl(fd[0], F_GETOWN) == -getpgrp());
    RET(fcntl(fd[0], F_SETOWN, 99999));
    return 0;
}
