// signalfd across fork: each reader gets its own process's signals; poll too.
#include "process.h"
#include <sys/signalfd.h>
int main(void)
{
    sigset_t set;
    struct signalfd_siginfo info;
    pid_t me = getpid();
    sigemptyset(&set), sigaddset(&set, SIGUSR1), sigaddset(&set, SIGUSR2), sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    int fd = signalfd(-1, &set, SFD_NONBLOCK);
    gate go = new_gate(), done = new_gate();
    pid_t child = CHILD({
        pass(done), await(go);
        long n = read(fd, &info, sizeof info);
        say("child: %ld, %s from the parent %d", n, signal_name(info.ssi_signo), info.ssi_pid == (unsigned)me);
        RET(read(fd, &info, sizeof info));
        kill(me, SIGUSR2);
    });
    await(done);
    kill(child, SIGUSR1);
    RET(read(fd, &info, sizeof info)); // it is not the parent's
    pass(go);
    settle_in(child, 'Z');
    struct pollfd p = {fd, POLLIN, 0};
    RET(poll(&p, 1, 5000));
    for (int i = 0; i < 2; i++) {
        read(fd, &info, sizeof info);
        say("parent: %s from the child %d, status %d", signal_name(info.ssi_signo), info.ssi_pid == (unsigned)child, info.ssi_status);
    }
    RET(read(fd, &info, sizeof info));
    reap("child", child);
    return 0;
}
