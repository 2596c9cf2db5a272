// A pidfd of a process that is not one's child: poll and epoll wake at its end; nonblocking waitid.
#include "process.h"
#include <sys/epoll.h>
int main(void)
{
    gate go = new_gate();
    pid_t child = CHILD(await(go); _exit(3));
    reap("sibling", CHILD({
        int fd = MUST(syscall(SYS_pidfd_open, child, O_NONBLOCK));
        int ep = epoll_create1(0);
        struct epoll_event event = {.events = EPOLLIN};
        RET(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event));
        RET(epoll_wait(ep, &event, 1, 0));
        siginfo_t info;
        RET(waitid(P_PIDFD, fd, &info, WEXITED));
        pass(go);
        RET(epoll_wait(ep, &event, 1, 5000));
        say("events %x", event.events);
        struct pollfd p = {fd, POLLIN, 0};
        RET(poll(&p, 1, 0));
    }));
    int fd = MUST(syscall(SYS_pidfd_open, child, O_NONBLOCK));
    siginfo_t info = {0};
    RET(waitid(P_PIDFD, fd, &info, WEXITED));
    say("%d", info.si_status);
    child = CHILD(await(go));
    fd = MUST(syscall(SYS_pidfd_open, child, O_NONBLOCK));
    RET(waitid(P_PIDFD, fd, &info, WEXITED));
    pass(go);
    reap("child", child);
    return 0;
}
