// kill between users: EPERM, the saved ids, SIGCONT inside a session; kill of a group where some may be signalled.
#include "process.h"
static gate ready;
static pid_t as(uid_t real, uid_t effective, uid_t saved)
{
    pid_t child = CHILD({
        setresuid(real, effective, saved);
        pass(ready);
        for (;;)
            pause();
    });
    await(ready);
    return child;
}
int main(void)
{
    ready = new_gate();
    pid_t same = as(100, 100, 100), other = as(200, 200, 200), real = as(100, 200, 200), saved = as(200, 200, 100), effective = as(200, 100, 200);
    reap("user 100", CHILD({
        setresuid(100, 100, 100);
        RET(kill(same, 0));
        RET(kill(other, 0));
        RET(kill(real, 0));
        RET(kill(saved, 0));
        RET(kill(effective, 0));
        RET(kill(other, SIGCONT));
        RET(kill(other, SIGTERM));
        RET(syscall(SYS_tgkill, other, other, SIGTERM));
        RET(kill(getppid(), 0));
    }));
    setpgid(same, other), setpgid(other, other), setpgid(same, other);
    pid_t stranger = CHILD({
        setresuid(100, 100, 100);
        setsid();
        RET(kill(other, SIGCONT));
        RET(kill(-other, SIGTERM));
    });
    reap("stranger", stranger);
    reap("same", same);
    RET(kill(other, 0));
    kill(other, SIGKILL), kill(real, SIGKILL), kill(saved, SIGKILL), kill(effective, SIGKILL);
    reap("other", other), reap("real", real), reap("saved", saved), reap("effective", effective);
    return 0;
}
