// The signal of a child's end: another one, none, and which waits see such a child (__WCLONE, __WALL).
#include "process.h"
static volatile int got[65];
static void handler(int number) { got[number]++; }
static long child(int signal)
{
    long pid = syscall(SYS_clone, signal, 0, 0, 0, 0);
    if (pid == 0)
        _exit(3);
    return pid;
}
int main(void)
{
    int status;
    handle(SIGCHLD, handler, 0), handle(SIGUSR1, handler, 0);
    long pid = child(SIGUSR1);
    while (!got[SIGUSR1])
        sleep_ms(1);
    say("USR1 %d, CHLD %d", got[SIGUSR1], got[SIGCHLD]);
    RET(waitpid(pid, &status, 0));
    RET(waitpid(pid, &status, __WCLONE) == pid);
    say("%s", status_name(status));
    pid = child(0);
    RET(waitpid(-1, &status, 0));
    RET(waitpid(-1, &status, __WALL) == pid);
    pid = child(SIGCHLD);
    RET(waitpid(pid, &status, __WCLONE));
    RET(waitpid(pid, &status, __WALL) == pid);
    pid = child(SIGUSR1);
    RET(waitpid(-1, &status, __WCLONE) == pid);
    pid = child(0);
    siginfo_t info = {0};
    RET(waitid(P_PID, pid, &info, WEXITED));
    RET(waitid(P_PID, pid, &info, WEXITED | __WALL));
    say("status %d", info.si_status);
    say("USR1 %d, CHLD %d", got[SIGUSR1], got[SIGCHLD]);
    return 0;
}
