// sigqueue to another process: value, code, pid, uid; several of a real-time signal in order, one of an ordinary one.
// variants: static musl
#include "process.h"
int main(void)
{
    gate ready = new_gate(), go = new_gate();
    pid_t me = getpid();
    pid_t child = CHILD({
        sigset_t set;
        siginfo_t info;
        sigfillset(&set), sigprocmask(SIG_BLOCK, &set, NULL);
        pass(ready);
        await(go);
        sigdelset(&set, SIGCONT);
        struct timespec now = {0, 0};
        while (sigtimedwait(&set, &info, &now) > 0)
            say("%s code %s value %d from the parent %d uid %d", info.si_signo >= 34 ? "real-time" : signal_name(info.si_signo),
                info.si_code == SI_QUEUE ? "QUEUE" : info.si_code == SI_USER ? "USER" : "?", info.si_code == SI_QUEUE ? info.si_value.sival_int : 0,
                info.si_pid == me, info.si_uid);
    });
    await(ready);
    for (int i = 1; i <= 4; i++)
        RET(sigqueue(child, SIGRTMIN + 1, (union sigval){.sival_int = i}));
    RET(sigqueue(child, SIGUSR1, (union sigval){.sival_int = 10}));
    RET(sigqueue(child, SIGUSR1, (union sigval){.sival_int = 11}));
    RET(sigqueue(child, SIGRTMIN, (union sigval){.sival_int = 20}));
    RET(kill(child, SIGRTMIN));
    RET(kill(child, SIGUSR2));
    RET(sigqueue(child, 0, (union sigval){0}));
    RET(sigqueue(child, 65, (union sigval){0}));
    RET(sigqueue(99999, SIGUSR1, (union sigval){0}));
    siginfo_t info = {.si_code = SI_USER};
    RET(syscall(SYS_rt_sigqueueinfo, child, SIGUSR1, &info));
    info.si_code = SI_TKILL;
    RET(syscall(SYS_rt_sigqueueinfo, child, SIGUSR1, &info));
    pass(go);
    reap("child", child);
    return 0;
}
