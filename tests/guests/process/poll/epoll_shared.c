// An epoll instance shared across a fork: interest added by one is reported to the other.
// variants: static musl
#include "process.h"
#include <sys/epoll.h>
int main(void)
{
    int ep = epoll_create1(0), a[2], b[2];
    struct epoll_event e[5];
    pipe(a), pipe(b);
    struct epoll_event one = {.events = EPOLLIN, .data.u64 = 1}, two = {.events = EPOLLIN, .data.u64 = 2};
    RET(epoll_ctl(ep, EPOLL_CTL_ADD, a[0], &one));
    gate go = new_gate(), done = new_gate();
    pid_t child = CHILD({
        RET(epoll_wait(ep, e, 5, 0));
        RET(epoll_ctl(ep, EPOLL_CTL_ADD, b[0], &two));
        RET(epoll_ctl(ep, EPOLL_CTL_ADD, a[0], &one));
        pass(done), await(go);
        int n = epoll_wait(ep, e, 5, 5000);
        say("child: %d, first %d", n, (int)e[0].data.u64);
        RET(epoll_ctl(ep, EPOLL_CTL_DEL, a[0], NULL));
        pass(done);
    });
    await(done);
    write(b[1], "x", 1);
    int n = epoll_wait(ep, e, 5, 5000);
    say("parent: %d, first %d", n, (int)e[0].data.u64);
    char c;
    read(b[0], &c, 1);
    write(a[1], "y", 1);
    pass(go), await(done);
    RET(epoll_wait(ep, e, 5, 0));
    RET(epoll_ctl(ep, EPOLL_CTL_MOD, a[0], &one));
    reap("child", child);
    return 0;
}
