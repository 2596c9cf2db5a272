// CLONE_PIDFD: the descriptor that clone gives, its flags, that it becomes readable, waiting with it.
// allow: revents 1 => revents 11 : before Linux 6.9 a pidfd of a process that has been waited for tells no hang-up
#include "process.h"
#include <sched.h>
int main(void)
{
    int fd = -1;
    gate go = new_gate();
    long pid = syscall(SYS_clone, SIGCHLD | CLONE_PIDFD, 0, &fd, 0, 0);
    if (pid == 0) {
        await(go);
        _exit(12);
    }
    YES(fd >= 0);
    say("close on exec %d", fcntl(fd, F_GETFD));
    struct pollfd p = {fd, POLLIN, 0};
    RET(poll(&p, 1, 0));
    pass(go);
    RET(poll(&p, 1, 5000));
    say("revents %x", p.revents);
    siginfo_t info = {0};
    RET(waitid(P_PIDFD, fd, &info, WEXITED));
    YES(info.si_pid == pid);
    say("%d %d", info.si_code == CLD_EXITED, info.si_status);
    p.revents = 0;
    RET(poll(&p, 1, 0));
    say("revents %x", p.revents);
    RET(waitid(P_PIDFD, fd, &info, WEXITED));
    RET(syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0));
    return 0;
}
