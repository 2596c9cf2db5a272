// A zombie: still a member of its group, can be signalled without effect, has no parent to wait; gone after the wait.
#include "process.h"
int main(void)
{
    pid_t child = CHILD(_exit(5));
    siginfo_t info;
    waitid(P_PID, child, &info, WEXITED | WNOWAIT);
    RET(kill(child, 0));
    RET(kill(child, SIGKILL));
    RET(kill(child, 99));
    RET(getpgid(child) == getpgrp());
    RET(getsid(child) == getsid(0));
    RET(setpgid(child, child));
    RET(syscall(SYS_tgkill, child, child, SIGTERM));
    say("state %c", state_of(child));
    reap("child", child);
    RET(kill(child, 0));
    RET(getpgid(child));
    RET(getsid(child));
    RET(setpgid(child, 0));
    return 0;
}
