// What wait4(2) and waitid(2) tell of children that ended before anybody asked.
// variants: static musl pie
// flags: -Wno-clobbered
#include "child.h"

static void tell(const char *what, long result, siginfo_t *info)
{
    if (result < 0)
        say("%s: %s, signo %d", what, error_name(errno), info->si_signo);
    else
        say("%s: signo %d code %d status %d uid %d, a pid %d", what, info->si_signo, info->si_code, info->si_status,
            info->si_uid, info->si_pid > 0);
}

int main(void)
{
    pid_t me = getpid();
    RET(wait(NULL));
    RET(waitpid(-1, NULL, WNOHANG));
    volatile pid_t child_saw = 0, parent_saw = 0;
    pid_t child = VFORK(child_saw = getpid(); parent_saw = getppid(); _exit(42));
    YES(child_saw == child && parent_saw == me && child != me);
    reap("exit", child);
    RET(waitpid(child, NULL, 0));
    reap("large code", VFORK(_exit(0x1234)));
    reap("group", VFORK(syscall(SYS_exit_group, 7)));
    reap("thread", VFORK(syscall(SYS_exit, 8)));
    reap("abort", VFORK(signal(SIGABRT, SIG_DFL); kill(getpid(), SIGABRT)));
    reap("kill", VFORK(kill(getpid(), SIGKILL)));
    reap("term", VFORK(kill(getpid(), SIGTERM)));
    reap("fault", VFORK(*(volatile int *)8 = 1));
    reap("real-time", VFORK(kill(getpid(), SIGRTMIN + 5)));
    reap("alarm", VFORK(alarm(1); ualarm(1000, 0); pause()));

    // Several that wait; in any order.
    pid_t first = VFORK(_exit(1)), second = VFORK(_exit(2)), third = VFORK(_exit(3));
    YES(first != second && second != third && first != third);
    siginfo_t info;
    memset(&info, 0xff, sizeof info);
    tell("look", waitid(P_PID, second, &info, WEXITED | WNOWAIT), &info);
    memset(&info, 0xff, sizeof info);
    tell("stopped only", waitid(P_PID, second, &info, WSTOPPED | WNOHANG), &info);
    memset(&info, 0xff, sizeof info);
    tell("take", waitid(P_PID, second, &info, WEXITED), &info);
    YES(info.si_pid == second);
    memset(&info, 0xff, sizeof info);
    tell("gone", waitid(P_PID, second, &info, WEXITED), &info);
    RET(waitid(P_PID, 0, &info, WEXITED));
    RET(waitid(P_ALL, 0, &info, 0));
    RET(waitid(99, 0, &info, WEXITED));
    RET(waitid(P_PGID, -1, &info, WEXITED));
    RET(waitid(P_PID, third, NULL, WEXITED));
    RET(waitpid(-getpgrp() - 100000, NULL, 0));
    RET(waitpid(third, NULL, WNOHANG));
    RET(waitpid(-1, NULL, 12345));
    RET(waitpid(INT_MIN, NULL, 0));
    int status;
    struct rusage usage;
    memset(&usage, 0xff, sizeof usage);
    YES(wait4(0, &status, 0, &usage) == first);
    YES(status == 0x100);
    YES(usage.ru_utime.tv_sec == 0);

    // Those that end with another signal than SIGCHLD are asked for apart.
    struct clone_args args = {.flags = CLONE_VM | CLONE_VFORK};
    for (int exit_signal = 0; exit_signal <= SIGUSR1; exit_signal += SIGUSR1) {
        signal(SIGUSR1, SIG_IGN);
        args.exit_signal = exit_signal;
        pid_t clone = clone3_here(&args, sizeof args);
        if (clone == 0)
            _exit(9);
        RET(waitpid(clone, NULL, 0));
        if (exit_signal) {
            YES(waitpid(clone, &status, __WCLONE) == clone);
        } else {
            YES(waitpid(-1, &status, __WALL) == clone);
        }
        say("%s", status_text(status));
    }
    // What is written cannot be.
    child = VFORK(_exit(5));
    RET(waitpid(child, (int *)8, 0));
    RET(waitpid(child, NULL, 0));
    struct rusage own;
    YES(getrusage(RUSAGE_CHILDREN, &own) == 0 && own.ru_utime.tv_sec == 0);
    return 0;
}
